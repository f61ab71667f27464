"""Past calls with broken arguments: put right for whoever reads them next, and untouched where sound."""

import json

import pytest

from router.wire.arguments import repair_body, repair_messages


def call(arguments):
    return {"id": "x", "type": "function", "function": {"name": "read", "arguments": arguments}}


def turn(*calls, content=None):
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


ASK = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    "arguments",
    ["", None, "null", {"a": 1}, '{"a": "b', "not json", "[1]", "7", '"{\\"a\\": 1}"', [1], False],
)
def test_a_body_with_a_broken_call_is_repaired(arguments):
    body = json.dumps({"model": "m", "messages": [ASK, turn(call('{"b":2}'), call(arguments))]}).encode()
    (_, message) = json.loads(repair_body(body))["messages"]
    assert all(isinstance(json.loads(call["function"]["arguments"]), dict) for call in message["tool_calls"])


@pytest.mark.parametrize(
    "body",
    [
        b'{ "messages" : [ {"role": "user", "content": "say \\"tool_calls\\""} ] }',
        json.dumps({"messages": [ASK, turn(call('{"a": 1}'), content="")]}).encode(),
        b'{"messages": [{"tool_calls": null}]}',
        b'{"messages": [{"tool_calls": 5}]}',
        b'{"messages": "tool_calls"}',
        b'{"tool_calls"',
    ],
)
def test_one_that_needs_no_change_keeps_its_bytes(body):
    assert repair_body(body) == body


@pytest.mark.parametrize("content", ["", " \n", [], [{"type": "text", "text": ""}], None])
def test_nothing_stands_beside_a_call(content):
    (message,) = repair_messages([turn(call("{}"), content=content)])
    assert message["content"] is None


def test_text_stands_beside_a_call():
    told = [{"type": "text", "text": ""}, {"type": "text", "text": "so"}]
    (message,) = repair_messages([turn(call("{}"), content=told)])
    assert message["content"] == [told[1]]
    (message,) = repair_messages([turn(call("{}"), content="so")])
    assert message["content"] == "so"


def test_an_assistant_that_says_nothing_is_left_out():
    empty = {"role": "assistant", "content": ""}
    assert list(repair_messages([ASK, empty, ASK, {"role": "assistant", "content": None}])) == [ASK, ASK]
    assert list(repair_messages(["odd", {"role": "user", "content": ""}])) == [
        "odd",
        {"role": "user", "content": ""},
    ]
