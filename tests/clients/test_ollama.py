"""Ollama's own Python and JavaScript packages, pointed at the endpoint."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ollama
import pytest
from assistants import KEY, MODULES, need
from servers import Endpoint, Upstream

ARGUMENTS = {"path": "main.py"}
READ = {"tools": [{"name": "read_file", "input": ARGUMENTS}]}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
TRACKS = {"local": "/v1/chat/completions", "cloud": "/v1/messages"}
BOTH = pytest.mark.parametrize("model", TRACKS)
EITHER = pytest.mark.parametrize("stream", [False, True])


def read_file(path: str) -> str:
    """Read a file.

    Args:
        path: Where it is.
    """
    return f"{path}: a + b"


@pytest.fixture(scope="module")
def client(fast_endpoint: Endpoint) -> Iterator[ollama.Client]:
    with ollama.Client(host=fast_endpoint.url, headers={"x-api-key": KEY}) as client:
        yield client


def chat(client: ollama.Client, *, stream: bool, **asked: Any) -> ollama.ChatResponse:
    """A whole answer; of a stream what its pieces add up to."""
    if not stream:
        return client.chat(**asked)
    pieces = list(client.chat(stream=True, **asked))
    assert [piece.done for piece in pieces] == [*[False] * (len(pieces) - 1), True]
    last = pieces[-1]
    last.message.content = "".join(piece.message.content or "" for piece in pieces)
    last.message.tool_calls = [call for piece in pieces for call in piece.message.tool_calls or ()]
    return last


@BOTH
@EITHER
def test_a_tool_loop(client: ollama.Client, upstream: Upstream, model: str, stream: bool) -> None:
    upstream.play(READ, {"text": "It adds."})
    messages: list[Any] = [{"role": "user", "content": "What does main.py do?"}]
    got = chat(client, stream=stream, model=model, messages=messages, tools=[read_file])
    (call,) = got.message.tool_calls or ()
    assert (call.function.name, dict(call.function.arguments)) == ("read_file", ARGUMENTS)
    result = {"role": "tool", "tool_name": "read_file", "content": read_file(**call.function.arguments)}
    messages += [got.message, result]
    got = chat(client, stream=stream, model=f"{model}:latest", messages=messages, tools=[read_file])
    assert (got.message.content, got.done_reason) == ("It adds.", "stop")
    assert min(got.prompt_eval_count, got.eval_count, got.eval_duration, got.total_duration) > 0
    first, second = (seen for seen in upstream.seen() if seen.method == "POST")
    assert first.path == second.path == TRACKS[model]
    answered = json.dumps(second.body["messages"][-1])
    assert "main.py: a + b" in answered


@BOTH
def test_options_images_and_a_form(client: ollama.Client, upstream: Upstream, model: str) -> None:
    upstream.play({"text": '{"name": "Ada"}'})
    got = client.chat(
        model=model,
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Who is it?", "images": [PNG]},
        ],
        format=SCHEMA,
        options={"num_predict": 77, "num_ctx": 8192, "stop": ["END"]},
        keep_alive="5m",
    )
    assert json.loads(got.message.content or "") == {"name": "Ada"}
    (seen,) = upstream.seen()
    assert seen.path == TRACKS[model]
    sent = json.dumps(seen.body)
    assert all(words in sent for words in ("Be brief.", PNG, '"name"', "END", "image/png"))
    assert seen.body["max_tokens"] == 77


@BOTH
@EITHER
def test_a_prompt(client: ollama.Client, upstream: Upstream, model: str, stream: bool) -> None:
    upstream.play({"text": "It is a tree."})
    asked = {"model": model, "prompt": "What is a pine?", "system": "Be brief.", "images": [PNG]}
    if stream:
        pieces = list(client.generate(stream=True, **asked))
        text, last = "".join(piece.response or "" for piece in pieces), pieces[-1]
    else:
        last = client.generate(**asked)
        text = last.response or ""
    assert (text, last.done, last.done_reason) == ("It is a tree.", True, "stop")
    (seen,) = upstream.seen()
    assert "What is a pine?" in json.dumps(seen.body)


def test_lists(client: ollama.Client) -> None:
    names = [model.model for model in client.list().models]
    assert names[:4] == ["auto:latest", "local:latest", "cloud:latest", "claude-sonnet-5-5:latest"]
    shown = client.show("local")
    assert shown.modelinfo["turnout.context_length"] == 262_144
    assert "tools" in shown.capabilities
    assert "vision" in client.show("cloud").capabilities
    (running,) = client.ps().models
    assert running.context_length == 262_144


@EITHER
def test_errors_are_shown(client: ollama.Client, upstream: Upstream, stream: bool) -> None:
    upstream.play({"fault": "status", "status": 400, "message": "No such thing."})
    with pytest.raises(ollama.ResponseError) as refused:
        chat(client, stream=stream, model="cloud", messages=[{"role": "user", "content": "Hi."}])
    assert (refused.value.error, refused.value.status_code) == ("No such thing.", 400)
    with pytest.raises(ollama.ResponseError) as refused:
        client.generate(model="local", prompt="x", template="{{ .Prompt }}")
    assert refused.value.error.startswith("template: ")
    for act in (lambda: client.pull("qwen3"), lambda: client.delete("qwen3"), lambda: client.embed("m", "x")):
        with pytest.raises(ollama.ResponseError) as refused:
            act()
        assert refused.value.status_code == 400
        assert "here" in refused.value.error


def test_the_demo_model_answers(endpoint: Endpoint, upstream: Upstream) -> None:
    with ollama.Client(host=endpoint.url) as client:
        messages = [{"role": "user", "content": "Say hello."}]
        got = chat(client, stream=True, model="local", messages=messages, options={"num_predict": 16})
    assert got.message.content
    assert got.prompt_eval_count > 10
    assert 0 < got.eval_count <= 16
    assert upstream.seen() == []


SCRIPT = """
import { Ollama } from "ollama";
const [host, model] = process.argv.slice(2);
const ollama = new Ollama({ host, headers: { "x-api-key": "KEY" } });
const messages = [{ role: "user", content: "What does main.py do?" }];
const tools = [{ type: "function", function: { name: "read_file", parameters: { type: "object",
  properties: { path: { type: "string" } } } } }];
const first = await ollama.chat({ model, messages, tools });
messages.push(first.message, { role: "tool", content: "a + b", tool_name: "read_file" });
const texts = [];
let last;
for await (const part of await ollama.chat({ model, messages, tools, stream: true })) {
  texts.push(part.message.content);
  last = part;
}
let refused = "";
try { await ollama.generate({ model, prompt: "x", template: "{{ .Prompt }}" }); }
catch (error) { refused = error.message; }
const list = (await ollama.list()).models.map((row) => row.name);
const shown = await ollama.show({ model });
const calls = first.message.tool_calls;
console.log(JSON.stringify({ calls, text: texts.join(""), last, refused, list, shown }));
"""


@BOTH
def test_the_javascript_package(
    fast_endpoint: Endpoint, upstream: Upstream, model: str, tmp_path: Path
) -> None:
    need("ollama")
    upstream.play(READ, {"text": "It adds."})
    (tmp_path / "node_modules").symlink_to(MODULES)
    script = tmp_path / "run.mjs"
    script.write_text(SCRIPT.replace("KEY", KEY))
    ended = subprocess.run(
        ["node", str(script), fast_endpoint.url, model],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    got = json.loads(ended.stdout)
    assert got["calls"][0]["function"]["arguments"] == ARGUMENTS
    assert (got["text"], got["last"]["done_reason"]) == ("It adds.", "stop")
    assert got["refused"].startswith("template: ")
    assert "local:latest" in got["list"]
    assert "completion" in got["shown"]["capabilities"]
    assert [seen.path for seen in upstream.seen()] == [TRACKS[model]] * 2
