import json

import pytest

from benchmarks.speed.bodies import SIZES, STAMP, body

DIALECTS = ("openai_chat", "anthropic_messages")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ["agent", "long"])
def test_reaches_its_size_by_whole_exchanges(name, dialect):
    template = body(name, dialect, "growing").template
    assert abs(len(template) - SIZES[name]) < 12_000
    json.loads(template)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_small_is_a_short_ask_without_tools(dialect):
    template = body("small", dialect, "growing").template
    assert len(template) < 400
    assert "tools" not in json.loads(template)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_growing_differs_only_in_the_last_exchange(dialect):
    messages = json.loads(body("agent", dialect, "growing").template)["messages"]
    stamped = [index for index, message in enumerate(messages) if STAMP in json.dumps(message)]
    assert stamped == [len(messages) - 2, len(messages) - 1]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_cold_differs_in_every_message(dialect):
    content = json.loads(body("agent", dialect, "cold").template)
    assert all(STAMP in json.dumps(message) for message in content["messages"])
    assert dialect == "openai_chat" or STAMP in json.dumps(content["system"])


def test_same_has_nothing_to_replace():
    same, growing = (body("agent", "openai_chat", mode).template for mode in ("same", "growing"))
    assert STAMP.encode() not in same
    assert len(same) == len(growing)


def test_each_call_of_openai_has_its_result():
    messages = json.loads(body("agent", "openai_chat", "same").template)["messages"]
    calls = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    results = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert calls == results
    assert len(calls) == len(set(calls)) > 20


def test_each_call_of_anthropic_has_its_result():
    messages = json.loads(body("agent", "anthropic_messages", "same").template)["messages"]
    blocks = [block for message in messages for block in message["content"]]
    calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
    assert calls == [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    assert [message["role"] for message in messages] == ["user", *["assistant", "user"] * len(calls)]


def test_stream_asks_for_as_many_tokens_as_events_are_wanted():
    content = json.loads(body("small", "openai_chat", "growing", stream=True, max_tokens=7).template)
    assert (content["stream"], content["max_tokens"]) == (True, 7)
    assert content["stream_options"] == {"include_usage": True}
