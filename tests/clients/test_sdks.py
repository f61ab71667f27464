"""The providers' own Python packages, pointed at the endpoint."""

import json
import time
from collections.abc import Iterator

import anthropic
import openai
import pytest
from assistants import KEY
from servers import Endpoint, Upstream

ARGUMENTS = {"path": "main.py"}
READ = {"tools": [{"name": "read_file", "input": ARGUMENTS}]}
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
Conversation = list[dict[str, object]]
ASK = "What does main.py do?"


@pytest.fixture(scope="module")
def chat(endpoint: Endpoint) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def messages(endpoint: Endpoint) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=endpoint.url, api_key=KEY, max_retries=0) as client:
        yield client


def chat_answer(
    client: openai.OpenAI, conversation: Conversation, *, stream: bool, model: str = "cloud"
) -> openai.types.chat.ChatCompletion:
    asked = {
        "model": model,
        "messages": conversation,
        "max_completion_tokens": 32,
        "tools": [{"type": "function", "function": {"name": "read_file", "parameters": SCHEMA}}],
    }
    if stream:
        with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as events:
            return events.get_final_completion()
    return client.chat.completions.create(**asked)


@pytest.mark.parametrize("stream", [False, True])
def test_openai_completes_a_tool_loop_on_the_cloud_track(
    chat: openai.OpenAI, upstream: Upstream, stream: bool
) -> None:
    upstream.play(READ, {"text": "It adds."})
    conversation: Conversation = [{"role": "user", "content": ASK}]
    got = chat_answer(chat, conversation, stream=stream)
    assert got.choices[0].finish_reason == "tool_calls"
    (call,) = got.choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("read_file", ARGUMENTS)

    result = {"role": "tool", "tool_call_id": call.id, "content": "a + b"}
    conversation += [got.choices[0].message.to_dict(), result]
    got = chat_answer(chat, conversation, stream=stream)
    assert (got.choices[0].message.content, got.choices[0].finish_reason) == ("It adds.", "stop")
    assert got.usage.total_tokens == got.usage.prompt_tokens + got.usage.completion_tokens > 2
    assert len(upstream.seen()) == 2


def messages_answer(
    client: anthropic.Anthropic, conversation: Conversation, *, stream: bool, model: str = "cloud"
) -> anthropic.types.Message:
    asked = {
        "model": model,
        "messages": conversation,
        "max_tokens": 32,
        "tools": [{"name": "read_file", "input_schema": SCHEMA}],
    }
    if not stream:
        return client.messages.create(**asked)
    with client.messages.stream(**asked) as events:
        return events.get_final_message()


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_completes_a_tool_loop_on_the_cloud_track(
    messages: anthropic.Anthropic, upstream: Upstream, stream: bool
) -> None:
    upstream.play(READ, {"text": "It adds."})
    conversation: Conversation = [{"role": "user", "content": ASK}]
    got = messages_answer(messages, conversation, stream=stream)
    assert got.stop_reason == "tool_use"
    (call,) = got.content
    assert (call.name, call.input) == ("read_file", ARGUMENTS)

    result = {"type": "tool_result", "tool_use_id": call.id, "content": "a + b"}
    conversation += [
        {"role": "assistant", "content": [call.to_dict()]},
        {"role": "user", "content": [result]},
    ]
    got = messages_answer(messages, conversation, stream=stream)
    assert (got.content[0].text, got.stop_reason) == ("It adds.", "end_turn")
    assert got.usage.output_tokens > 0
    assert len(upstream.seen()) == 2


PLAIN: Conversation = [{"role": "user", "content": "Say hello."}]
LONG: Conversation = [{"role": "user", "content": "the same words again " * 2500}]


def test_openai_gets_an_answer_from_the_demo_model(chat: openai.OpenAI, upstream: Upstream) -> None:
    got = chat_answer(chat, PLAIN, stream=False, model="local")
    assert got.choices[0].message.content
    assert got.choices[0].finish_reason in {"stop", "length"}
    assert got.usage.prompt_tokens > 10
    assert 0 < got.usage.completion_tokens <= 32
    assert upstream.seen() == []


def test_openai_gets_a_stream_from_the_demo_model(chat: openai.OpenAI, upstream: Upstream) -> None:
    chunks = list(
        chat.chat.completions.create(
            model="local",
            messages=PLAIN,
            max_completion_tokens=32,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices)
    assert [choice.finish_reason for choice in choices if choice.finish_reason] in (["stop"], ["length"])
    assert chunks[-1].usage.total_tokens > 10
    assert upstream.seen() == []


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_gets_an_answer_from_the_demo_model(
    messages: anthropic.Anthropic, upstream: Upstream, stream: bool
) -> None:
    got = messages_answer(messages, PLAIN, stream=stream, model="local")
    assert got.content[0].text
    assert got.stop_reason in {"end_turn", "max_tokens"}
    assert got.usage.input_tokens + (got.usage.cache_read_input_tokens or 0) > 10
    assert 0 < got.usage.output_tokens <= 32
    assert upstream.seen() == []


@pytest.mark.parametrize("stream", [False, True])
def test_openai_is_told_that_its_prompt_is_too_long(chat: openai.OpenAI, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError, match="maximum context length is 8192 tokens") as caught:
        chat_answer(chat, LONG, stream=stream, model="local")
    assert (caught.value.code, caught.value.type) == ("context_length_exceeded", "invalid_request_error")


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_is_told_that_its_prompt_is_too_long(messages: anthropic.Anthropic, stream: bool) -> None:
    with pytest.raises(
        anthropic.BadRequestError, match=r"prompt is too long: \d+ tokens > 8192 maximum"
    ) as caught:
        messages_answer(messages, LONG, stream=stream, model="local")
    assert caught.value.type == "invalid_request_error"


def test_anthropic_counts_tokens_as_the_local_model_does(messages: anthropic.Anthropic) -> None:
    counted = messages.messages.count_tokens(model="local", messages=PLAIN)
    got = messages.messages.create(model="local", messages=PLAIN, max_tokens=1)
    assert counted.input_tokens == got.usage.input_tokens + (got.usage.cache_read_input_tokens or 0)


@pytest.mark.parametrize("track", ["local", "cloud"])
def test_answers_say_where_they_come_from(
    chat: openai.OpenAI, messages: anthropic.Anthropic, upstream: Upstream, endpoint: Endpoint, track: str
) -> None:
    began = time.time()
    asked = {"model": track, "messages": PLAIN, "max_tokens": 1}
    answers = [
        chat.chat.completions.with_raw_response.create(**asked),
        messages.messages.with_raw_response.create(**asked),
    ]
    assert [answer.headers["x-turnout-track"] for answer in answers] == [track] * 2
    assert len(upstream.seen()) == (2 if track == "cloud" else 0)
    rows = endpoint.rows(2, since=began)
    assert [answer.headers["x-turnout-request-id"] for answer in answers] == [row["id"] for row in rows]
