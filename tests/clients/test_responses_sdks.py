"""OpenAI's own packages, pointed at the endpoint by their Responses API."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import assistants
import httpx
import openai
import pytest
from assistants import KEY, Place, Program, run
from pydantic import BaseModel
from servers import Endpoint, Upstream

ARGUMENTS = {"path": "main.py"}
READ = {"tools": [{"name": "read_file", "input": ARGUMENTS}]}
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
TOOL = {"type": "function", "name": "read_file", "strict": False, "parameters": SCHEMA}
ASK = "What does main.py do?"
LONG = "the same words again " * 2500
TRACKS = ("cloud", "local")


@pytest.fixture(scope="module")
def client(endpoint: Endpoint) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def answer(client: openai.OpenAI, asked: Any, *, stream: bool, **fields: Any) -> Any:
    fields = {"model": "cloud", "input": asked, "max_output_tokens": 32, **fields}
    if not stream:
        return client.responses.create(**fields)
    with client.responses.stream(**fields) as events:
        return events.get_final_response()


@pytest.mark.parametrize("stream", [False, True])
def test_completes_a_tool_loop(client: openai.OpenAI, upstream: Upstream, stream: bool) -> None:
    upstream.play(READ, {"text": "It adds."})
    asked: list[Any] = [{"role": "user", "content": ASK}]
    first = answer(client, asked, stream=stream, tools=[TOOL])
    (call,) = first.output
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "read_file", ARGUMENTS)
    asked += [*first.output, {"type": "function_call_output", "call_id": call.call_id, "output": "a + b"}]
    asked = [item if isinstance(item, dict) else item.model_dump(exclude_none=True) for item in asked]
    second = answer(client, asked, stream=stream, tools=[TOOL])
    assert (second.output_text, second.status) == ("It adds.", "completed")
    assert second.usage.total_tokens == second.usage.input_tokens + second.usage.output_tokens > 2
    assert len(upstream.seen()) == 2


@pytest.mark.parametrize("stream", [False, True])
def test_gets_an_answer_from_the_demo_model(client: openai.OpenAI, upstream: Upstream, stream: bool) -> None:
    got = answer(client, "Say hello.", stream=False, model="local")
    assert got.output_text
    assert got.status in {"completed", "incomplete"}
    assert got.usage.input_tokens > 10
    assert 0 < got.usage.output_tokens <= 32
    assert upstream.seen() == []
    if stream:
        events = list(
            client.responses.create(model="local", input="Say hello.", max_output_tokens=8, stream=True)
        )
        assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
        assert events[-1].type in {"response.completed", "response.incomplete"}
        assert [event.sequence_number for event in events] == list(range(len(events)))
        texts = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        assert texts == events[-1].response.output_text != ""


class Found(BaseModel):
    path: str
    lines: int


def test_parses_an_answer_of_a_given_form(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.play({"text": '{"path": "a.py", "lines": 3}'})
    got = client.responses.parse(model="cloud", input=ASK, text_format=Found)
    assert got.output_parsed == Found(path="a.py", lines=3)
    (seen,) = upstream.seen()
    assert "output_config" in seen.body or "JSON schema" in json.dumps(seen.body["system"])


@pytest.mark.parametrize("stream", [False, True])
def test_is_told_that_its_prompt_is_too_long(client: openai.OpenAI, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError, match="maximum context length is 8192 tokens") as caught:
        answer(client, LONG, stream=stream, model="local")
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "input")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "error"), [(429, openai.RateLimitError), (529, openai.InternalServerError)]
)
def test_is_told_when_to_try_again(
    client: openai.OpenAI, upstream: Upstream, status: int, error: type[openai.APIStatusError], stream: bool
) -> None:
    upstream.play({"fault": "status", "status": status, "retry_after": 7})
    with pytest.raises(error) as caught:
        answer(client, ASK, stream=stream)
    assert (caught.value.status_code, caught.value.response.headers["retry-after"]) == (status, "7")


FAULTY = {"text": "one two three four five six seven eight nine ten", "after_events": 8}


def test_an_error_in_a_stream_is_raised(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.play({**FAULTY, "fault": "error_event", "message": "Overloaded"})
    events = client.responses.create(model="cloud", input=ASK, stream=True)
    kinds: list[str] = []
    with pytest.raises(openai.APIError, match="Overloaded"):
        kinds.extend(event.type for event in events)
    assert "response.output_text.delta" in kinds
    assert "response.completed" not in kinds


def test_a_stream_that_breaks_off_breaks_off(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.play({**FAULTY, "fault": "cut"})
    events = client.responses.create(model="cloud", input=ASK, stream=True)
    with pytest.raises((httpx.RemoteProtocolError, openai.APIConnectionError)):
        list(events)


@pytest.mark.parametrize("track", TRACKS)
def test_counts_tokens_as_the_track_does(client: openai.OpenAI, upstream: Upstream, track: str) -> None:
    counted = client.responses.input_tokens.count(model=track, input="Say hello.", instructions="Be brief.")
    assert counted.object == "response.input_tokens"
    if track == "cloud":
        (seen,) = upstream.seen()
        assert seen.path == "/v1/messages/count_tokens"
        assert seen.body.keys() == {"model", "messages", "system"}
    got = client.responses.create(
        model=track, input="Say hello.", instructions="Be brief.", max_output_tokens=1
    )
    if track == "local":
        assert counted.input_tokens == got.usage.input_tokens
    assert counted.input_tokens > 5


def test_what_is_kept_elsewhere_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="no response is kept here"):
        client.responses.retrieve("resp_1")
    with pytest.raises(openai.NotFoundError, match="no response is kept here"):
        client.responses.delete("resp_1")
    with pytest.raises(openai.BadRequestError, match="previous_response_id: nothing is kept here"):
        client.responses.create(model="local", input="hi", previous_response_id="resp_1")


def test_what_is_left_out_is_named(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.play({"text": "Yes."})
    got = client.responses.with_raw_response.create(
        model="cloud", input=ASK, store=True, text={"verbosity": "low"}, temperature=1
    )
    assert got.headers["x-turnout-degraded"] == "without store, text.verbosity"
    assert got.parse().store is False


def test_the_javascript_package_completes_a_tool_loop(
    endpoint: Endpoint, upstream: Upstream, place: Place
) -> None:
    assistants.need("pi")  # which brings it
    upstream.play(READ, {"text": "It adds."})
    script = str(Path(__file__).with_name("responses.mjs"))
    program = Program(
        argv=("node", script, endpoint.url, KEY),
        env={"HOME": str(place.home), "PATH": os.environ["PATH"]},
        cwd=place.workspace,
    )
    finished = run(program)
    assert finished.code == 0, finished
    got = finished.result
    assert (got["call"], got["deltas"]) == (["read_file", ARGUMENTS], "It adds.")
    assert (got["text"], got["status"]) == ("It adds.", "completed")
    assert got["tokens"] > 2
