"""Google's own Python and JavaScript packages, pointed at the endpoint."""

import base64
import gc
import json
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from assistants import KEY, MODULES, need
from pydantic import BaseModel
from servers import Endpoint, Upstream

with warnings.catch_warnings():  # it subclasses what its own dependencies deprecate
    warnings.simplefilter("ignore")
    from google import genai
    from google.genai import errors, types

ARGUMENTS = {"path": "main.py"}
READ = {"tools": [{"name": "read_file", "input": ARGUMENTS}]}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
pytestmark = pytest.mark.filterwarnings("ignore")  # the package's own, on what it will change
ASK = "What does main.py do?"
TRACKS = {"local": "/v1/chat/completions", "cloud": "/v1/messages"}
NAMES = ["models/auto", "models/local", "models/cloud", "models/claude-sonnet-5-5"]
BOTH = pytest.mark.parametrize("model", TRACKS)
EITHER = pytest.mark.parametrize("stream", [False, True])


def read_file(path: str) -> str:
    """Read a file.

    Args:
        path: Where it is.
    """
    return f"{path}: a + b"


class Found(BaseModel):
    path: str
    lines: int


def make_client(url: str, **options: Any) -> genai.Client:
    http = types.HttpOptions(base_url=url, headers={"x-api-key": KEY}, **options)
    return genai.Client(api_key="AIza-not-a-real-key", http_options=http)


@pytest.fixture(scope="module")
def client(fast_endpoint: Endpoint) -> Iterator[genai.Client]:
    with make_client(fast_endpoint.url) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def _its_sockets_end_here() -> Iterator[None]:
    """The package leaves sockets open, of which a later test would be told."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


def answer(client: genai.Client, *, stream: bool, **asked: Any) -> types.GenerateContentResponse:
    """A whole answer; of a stream the last piece, with all the parts."""
    if not stream:
        return client.models.generate_content(**asked)
    pieces = list(client.models.generate_content_stream(**asked))
    parts = [part for piece in pieces for part in piece.candidates[0].content.parts or ()]
    pieces[-1].candidates[0].content.parts = parts
    return pieces[-1]


DECLARED = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="read_file",
            parameters=types.Schema(
                type=types.Type.OBJECT, properties={"path": types.Schema(type=types.Type.STRING)}
            ),
        )
    ]
)


@BOTH
@EITHER
def test_a_tool_loop(client: genai.Client, upstream: Upstream, model: str, stream: bool) -> None:
    upstream.play(READ, {"text": "It adds."})
    contents = [types.Content(role="user", parts=[types.Part(text=ASK)])]
    config = types.GenerateContentConfig(
        tools=[DECLARED], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)
    )
    got = answer(client, stream=stream, model=model, contents=contents, config=config)
    (call,) = got.function_calls or ()
    assert (call.name, call.args) == ("read_file", ARGUMENTS)
    result = types.FunctionResponse(id=call.id, name=call.name, response={"output": read_file(**ARGUMENTS)})
    contents += [
        got.candidates[0].content,
        types.Content(role="user", parts=[types.Part(function_response=result)]),
    ]
    got = answer(client, stream=stream, model=f"models/{model}", contents=contents, config=config)
    assert (got.text, got.candidates[0].finish_reason) == ("It adds.", types.FinishReason.STOP)
    usage = got.usage_metadata
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count > 2
    first, second = upstream.seen()
    assert first.path == second.path == TRACKS[model]
    assert "main.py: a + b" in json.dumps(second.body["messages"][-1])


@BOTH
def test_a_function_that_the_package_calls_itself(
    client: genai.Client, upstream: Upstream, model: str
) -> None:
    upstream.play(READ, {"text": "It adds."})
    chat = client.chats.create(model=model, config=types.GenerateContentConfig(tools=[read_file]))
    assert chat.send_message(ASK).text == "It adds."
    upstream.play({"text": "Yes."})
    assert "".join(piece.text or "" for piece in chat.send_message_stream("Sure?")) == "Yes."
    (seen,) = upstream.seen()
    assert "main.py: a + b" in json.dumps(seen.body["messages"])


@BOTH
@EITHER
def test_a_form_an_image_and_options(
    client: genai.Client, upstream: Upstream, model: str, stream: bool
) -> None:
    upstream.play({"text": '{"path": "a.py", "lines": 3}'})
    got = answer(
        client,
        stream=stream,
        model=model,
        contents=["Who is it?", types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png")],
        config=types.GenerateContentConfig(
            system_instruction="Be brief.",
            response_mime_type="application/json",
            response_schema=Found,
            max_output_tokens=77,
            stop_sequences=["END"],
        ),
    )
    assert json.loads(got.text or "") == {"path": "a.py", "lines": 3}
    if not stream:
        assert got.parsed == Found(path="a.py", lines=3)
    (seen,) = upstream.seen()
    assert seen.path == TRACKS[model]
    sent = json.dumps(seen.body)
    assert all(words in sent for words in ("Be brief.", PNG, '"lines"', "END", "image/png"))
    assert seen.body["max_tokens"] == 77


async def test_the_asynchronous_client(client: genai.Client, upstream: Upstream) -> None:
    upstream.play({"text": "It adds."})
    stream = await client.aio.models.generate_content_stream(model="cloud", contents=ASK)
    assert "".join([piece.text or "" async for piece in stream]) == "It adds."


@BOTH
def test_a_count(client: genai.Client, upstream: Upstream, model: str) -> None:
    upstream.play()
    few, many = (
        client.models.count_tokens(model=model, contents=ASK * times).total_tokens for times in (1, 50)
    )
    assert 2 < few < many


def test_lists(client: genai.Client) -> None:
    pager = client.models.list(config={"page_size": 2})
    assert ([model.name for model in pager.page], len(pager)) == (NAMES[:2], 2)
    models = {model.name: model for model in pager}
    assert [*models][:4] == NAMES
    assert models["models/local"].input_token_limit == 262_144
    assert models["models/cloud"].output_token_limit == 128_000
    assert "countTokens" in models["models/auto"].supported_actions
    assert client.models.get(model="local").display_name == "local"


@EITHER
@pytest.mark.parametrize("status", [400, 429, 529])
def test_errors_are_shown(client: genai.Client, upstream: Upstream, stream: bool, status: int) -> None:
    upstream.play(*[{"fault": "status", "status": status, "message": "No such thing."}] * 4)
    with pytest.raises(errors.APIError) as refused:
        answer(client, stream=stream, model="claude-sonnet-5-5", contents="Judge it.")
    assert refused.value.code == status, refused.value
    assert "No such thing." in refused.value.message
    assert refused.value.status in {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNAVAILABLE"}


@BOTH
def test_an_error_in_a_stream_is_shown(client: genai.Client, upstream: Upstream, model: str) -> None:
    fault = {"fault": "error_event", "message": "The orchard is closed.", "after_events": 4}
    upstream.play({"text": "one two three four five", **fault})
    with pytest.raises(errors.APIError, match="The orchard is closed") as refused:
        list(client.models.generate_content_stream(model=model, contents=ASK))
    assert refused.value.code in {500, 503}


def list_by_another_version(client: genai.Client) -> None:
    with make_client(str(client._api_client._http_options.base_url), api_version="v1alpha") as other:
        other.models.list()


UNSERVED: dict[str, tuple[Callable[[genai.Client], object], str]] = {
    "embeddings": (
        lambda client: client.models.embed_content(model="local", contents="x"),
        "texts are embedded in OpenAI's form",
    ),
    "files": (lambda client: client.files.upload(file=__file__), "send the bytes as `inlineData`"),
    "a file": (lambda client: client.files.get(name="files/abc"), "send the bytes as `inlineData`"),
    "caches": (lambda client: client.caches.create(model="cloud"), "nothing is cached by name here"),
    "batches": (
        lambda client: client.batches.create(model="cloud", src=[{"contents": [{"parts": [{"text": "x"}]}]}]),
        "batches are not run here",
    ),
    "tuned models": (lambda client: client.models.list(config={"query_base": False}), "not tuned here"),
    "interactions": (
        lambda client: client.interactions.create(model="cloud", input="x"),
        "interactions are not kept here",
    ),
    "a file by its name": (
        lambda client: client.models.generate_content(
            model="local", contents=types.Part.from_uri(file_uri="gs://a/b", mime_type="text/plain")
        ),
        "contents[0].parts[0].fileData.fileUri: is kept by Google",
    ),
    "another version": (
        list_by_another_version,
        "set the version to `v1beta`",
    ),
}


@pytest.mark.parametrize("name", UNSERVED)
def test_what_is_not_served_is_said(client: genai.Client, upstream: Upstream, name: str) -> None:
    upstream.play()
    act, words = UNSERVED[name]
    with pytest.raises(Exception, match=r"40[04]|BadRequest|INVALID_ARGUMENT") as refused:
        act(client)
    assert words in str(refused.value)
    assert upstream.seen() == []


def test_the_demo_model_answers(endpoint: Endpoint, upstream: Upstream) -> None:
    upstream.play()
    with make_client(endpoint.url) as client:
        asked = {"model": "local", "config": types.GenerateContentConfig(max_output_tokens=16)}
        got = answer(client, stream=True, contents="Say hello.", **asked)
        assert got.text
        assert got.candidates[0].finish_reason in {types.FinishReason.STOP, types.FinishReason.MAX_TOKENS}
        assert 0 < got.usage_metadata.candidates_token_count <= 16
        with pytest.raises(errors.ClientError, match="exceeds the maximum number of tokens allowed"):
            answer(client, stream=True, contents="the same words again " * 2500, **asked)
    assert upstream.seen() == []


SCRIPT = """
import { GoogleGenAI, Type } from "@google/genai";
const [baseUrl, model] = process.argv.slice(2);
const headers = { "x-api-key": "KEY" };
const ai = new GoogleGenAI({ apiKey: "AIza-not-a-real-key", httpOptions: { baseUrl, headers } });
const parameters = { type: Type.OBJECT, properties: { path: { type: Type.STRING } } };
const tools = [{ functionDeclarations: [{ name: "read_file", parameters }] }];
const contents = [{ role: "user", parts: [{ text: "What does main.py do?" }] }];
const first = await ai.models.generateContent({ model, contents, config: { tools } });
const [call] = first.functionCalls;
const functionResponse = { id: call.id, name: call.name, response: { output: "a + b" } };
contents.push(first.candidates[0].content, { role: "user", parts: [{ functionResponse }] });
const texts = [];
let last;
for await (const piece of await ai.models.generateContentStream({ model, contents, config: { tools } })) {
  texts.push(piece.text ?? "");
  last = piece;
}
const inlineData = { mimeType: "image/png", data: "PNG" };
const form = { responseMimeType: "application/json", responseJsonSchema: { type: "object" } };
const parts = [{ text: "Who?" }, { inlineData }];
const formed = await ai.models.generateContent({ model, contents: [{ role: "user", parts }], config: form });
const { totalTokens } = await ai.models.countTokens({ model, contents });
const list = [];
for await (const one of await ai.models.list({ config: { pageSize: 2 } })) list.push(one.name);
const got = await ai.models.get({ model });
const refused = [];
for (const act of [
  () => ai.models.embedContent({ model, contents: "x" }),
  () => ai.caches.create({ model }),
  () => ai.files.get({ name: "files/a" }),
]) {
  try { await act(); }
  catch (error) { refused.push([error.status, JSON.parse(error.message).error.message]); }
}
const { args, name } = call;
const usage = last.usageMetadata;
const end = last.candidates[0].finishReason;
console.log(JSON.stringify({
  args, name, text: texts.join(""), usage, end, formed: formed.text, totalTokens, list, got, refused,
}));
"""


@BOTH
def test_the_javascript_package(
    fast_endpoint: Endpoint, upstream: Upstream, model: str, tmp_path: Path
) -> None:
    need("google-genai")
    upstream.play(READ, {"text": "It adds."}, {"text": '{"a": 1}'})
    (tmp_path / "node_modules").symlink_to(MODULES)
    script = tmp_path / "run.mjs"
    script.write_text(SCRIPT.replace("KEY", KEY).replace("PNG", PNG))
    ended = subprocess.run(
        ["node", str(script), fast_endpoint.url, model],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    got = json.loads(ended.stdout)
    assert (got["name"], got["args"]) == ("read_file", ARGUMENTS)
    assert (got["text"], got["end"], json.loads(got["formed"])) == ("It adds.", "STOP", {"a": 1})
    assert got["usage"]["totalTokenCount"] > 2 < got["totalTokens"]
    assert got["list"][:4] == NAMES
    assert got["got"]["name"] == f"models/{model}"
    assert [status for status, _ in got["refused"]] == [400] * 3
    assert "texts are embedded in OpenAI's form" in got["refused"][0][1]
    asked = [seen for seen in upstream.seen() if seen.path in TRACKS.values()]
    assert [seen.path for seen in asked] == [TRACKS[model]] * 3
    assert PNG in json.dumps(asked[-1].body)
