"""The providers' own Python packages, pointed at the endpoint."""

import json
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
