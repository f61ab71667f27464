# ruff: noqa: E501 - tables read best a row a line
"""OpenAI Responses, the reply: every event in its order, and as the provider's own package reads it."""

import json
from itertools import pairwise

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from router.types import Usage
from router.wire import DIALECTS
from router.wire.conversation import Conversation, Tool
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Failed,
    Foreign,
    RefusalDelta,
    Signature,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UnreadableReply,
    UsageReport,
)
from router.wire.free_text import TEXT_SCHEMA

RESPONSES = DIALECTS["openai_responses"]
EVENT = TypeAdapter(ResponseStreamEvent)
USED = UsageReport(Usage(input=7, output=5, cache_read=20, cache_write_5m=3, reasoning=2))
ASKED = Conversation(
    dialect="openai_responses",
    turns=(),
    tools=(
        Tool(name="read", schema={"type": "object"}),
        Tool(name="mcp__fs__list", namespace="mcp__fs", schema={"type": "object"}),
        Tool(name="apply_patch", free_text=True, schema=TEXT_SCHEMA),
        Tool(name="local_shell", kind="local_shell"),
        Tool(name="shell", kind="shell"),
        Tool(name="tool_search", kind="tool_search"),
    ),
    extras={"include": ["reasoning.encrypted_content"], "metadata": {"a": "b"}},
)


def call(name, *arguments, ended=True):
    pieces = [CallArguments(text) for text in arguments]
    return [CallStarted(id="c1", name=name), *pieces, *([CallEnded()] if ended else [])]


def reply(*events, reason="end"):
    return [Started(id="x", model="m"), *events, USED, Stopped(reason=reason)]


def stream(events, asked=ASKED):
    """The events of a stream, each as the provider's package reads it, and its JSON."""
    encoder = RESPONSES.reply_encoder(model="shown", conversation=asked)
    written = b"".join(encoder.feed([event]) for event in events)
    assert encoder.feed([]) == b""
    whole = RESPONSES.reply_encoder(model="shown", conversation=asked).feed(events)
    assert whole.count(b"\n\n") == written.count(b"\n\n")
    told = []
    for frame in written.decode().split("\n\n")[:-1]:
        name, data = frame.split("\n")
        told.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {told[-1]['type']}"
        EVENT.validate_python(told[-1])
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    return told


def kinds(told):
    return [event["type"].removeprefix("response.") for event in told]


BEGIN, END = ["created", "in_progress"], ["completed"]
MESSAGE = ["output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done", "output_item.done"]  # fmt: skip
SUMMARY = [f"reasoning_summary_{name}" for name in ("part.added", "text.delta", "text.done", "part.done")]
REASONING = ["output_item.added", *SUMMARY, "output_item.done"]
CALL = [
    "output_item.added",
    "function_call_arguments.delta",
    "function_call_arguments.done",
    "output_item.done",
]
CUSTOM = [
    "output_item.added",
    "custom_tool_call_input.delta",
    "custom_tool_call_input.done",
    "output_item.done",
]
ORDERS = {
    "nothing": ([], []),
    "text": ([TextDelta("hi")], MESSAGE),
    "a call": (call("read", "{}"), CALL),
    "a call without arguments": (call("read"), CALL),
    "a call in a namespace": (call("mcp__fs__list", "{}"), CALL),
    "a custom call": (call("apply_patch", '{"inp', 'ut":"a"}'), CUSTOM),
    "a shell call": (call("local_shell", '{"command":["ls"]}'), [CALL[0], CALL[-1]]),
    "text, then calls": ([TextDelta("so"), *call("read", "{}"), *call("read", "{}")], [*MESSAGE, *CALL, *CALL]),
    "thinking, then text": ([ThinkingDelta("hm"), TextDelta("hi")], [*REASONING, *MESSAGE]),
    "signed thinking": ([ThinkingDelta("hm"), Signature("sig"), TextDelta("hi")], [*REASONING, *MESSAGE]),
    "redacted thinking": ([Signature(redacted="x")], [REASONING[0], REASONING[-1]]),
    "a search of Claude's": ([Foreign("server_tool_use"), TextDelta("hi")], MESSAGE),
    "a refusal": ([RefusalDelta("no")], [name.replace("output_text", "refusal") for name in MESSAGE]),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERS)
def test_events_come_in_the_order_that_clients_know(name):
    events, order = ORDERS[name]
    told = stream(reply(*events))
    assert kinds(told) == [*BEGIN, *order, *END]
    final = told[-1]["response"]
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert final["output"] == done
    whole = json.loads(RESPONSES.encode_reply(reply(*events), model="shown", conversation=ASKED))
    Response.model_validate(whole)
    assert [_plain(item) for item in whole["output"]] == [_plain(item) for item in done]
    assert {key for key in whole if whole[key] != final[key]} <= {
        "id",
        "created_at",
        "completed_at",
        "output",
    }


def _plain(item):
    return {key: value for key, value in item.items() if key != "id"}


def test_a_response_says_what_was_used_and_asked():
    final = stream(reply(TextDelta("hi")))[-1]["response"]
    assert (final["status"], final["model"], final["metadata"], final["store"]) == (
        "completed",
        "shown",
        {"a": "b"},
        False,
    )
    assert final["usage"] == {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 3},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 35,
    }
    assert final["id"].startswith("resp_")


CALLS = {
    "read": ('{"path":"a"}', {"type": "function_call", "name": "read", "arguments": '{"path":"a"}'}),
    "mcp__fs__list": ("{}", {"type": "function_call", "name": "list", "namespace": "mcp__fs", "arguments": "{}"}),
    "apply_patch": ('{"input":"*** Begin\\n"}', {"type": "custom_tool_call", "name": "apply_patch", "input": "*** Begin\n"}),
    "local_shell": ('{"command":["ls"]}', {"type": "local_shell_call", "action": {"type": "exec", "env": {}, "command": ["ls"]}}),
    "shell": ('{"commands":["ls"]}', {"type": "shell_call", "action": {"commands": ["ls"]}}),
    "tool_search": ('{"query":"x"}', {"type": "tool_search_call", "execution": "client", "arguments": {"query": "x"}}),
    "unknown": ("{}", {"type": "function_call", "name": "unknown", "arguments": "{}"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_written_as_its_client_knows_it(name):
    arguments, item = CALLS[name]
    told = stream(reply(*call(name, arguments), reason="tool_calls"))[-1]["response"]["output"]
    assert [_plain(one) for one in told] == [item | {"call_id": "c1", "status": "completed"}]


@pytest.mark.parametrize("name", CALLS)
def test_a_call_begins_without_arguments_whatever_came_before(name):
    arguments, _ = CALLS[name]
    one = call(name, arguments)
    alone, told = (
        stream(reply(*one)),
        stream(reply(TextDelta("so"), *call("read", '{"path":"b"}'), *one, *one)),
    )
    _, before, *after = _added(told)
    assert (before["name"], before["arguments"]) == ("read", "")
    assert after == _added(alone) * 2
    assert kinds(told) == [*BEGIN, *MESSAGE, *CALL, *kinds(alone)[len(BEGIN) : -1] * 2, *END]


def _added(told):
    return [_plain(event["item"]) for event in told if event["type"] == "response.output_item.added"]


@pytest.mark.parametrize(
    ("reason", "why"),
    [("output_limit", "max_output_tokens"), ("overflow", "max_output_tokens"), ("refusal", "content_filter")],
)
def test_an_incomplete_response_says_why(reason, why):
    told = stream(reply(TextDelta("hi"), reason=reason))
    assert kinds(told)[-1] == "incomplete"
    final = told[-1]["response"]
    assert (final["status"], final["incomplete_details"]) == ("incomplete", {"reason": why})
    assert final["output"][0]["status"] == "incomplete"


@pytest.mark.parametrize("name", ["read", "apply_patch", "local_shell"])
def test_a_call_that_was_cut_is_never_done(name):
    """Assistants run a call at `output_item.done`."""
    told = stream(reply(TextDelta("so"), *call(name, '{"input":"rm -r', ended=False), reason="output_limit"))
    done = [event["item"]["type"] for event in told if event["type"] == "response.output_item.done"]
    assert done == ["message"]
    assert [item["status"] for item in told[-1]["response"]["output"]] == ["completed", "incomplete"]


def test_reasoning_is_sealed_for_those_who_send_it_back():
    events = reply(ThinkingDelta("hm"), Signature("c2ln"), TextDelta("hi"))
    items = stream(events)[-1]["response"]["output"]
    again = RESPONSES.decode_request(json.dumps({"input": items}).encode())
    assert again.turns[0].parts[0].signature == "c2ln"
    plain = stream(events, Conversation(dialect="openai_responses", turns=()))
    assert b"c2ln" not in json.dumps(plain).encode()


@pytest.mark.parametrize(
    ("kind", "code"),
    [("api_error", "server_error"), ("overloaded_error", "server_is_overloaded"), ("rate_limit_error", "rate_limit_exceeded"), ("invalid_request_error", "invalid_prompt")],
)  # fmt: skip
def test_a_failure_ends_the_stream_and_says_what_it_is(kind, code):
    encoder = RESPONSES.reply_encoder(model="m", conversation=ASKED)
    begun = encoder.feed([Started(), TextDelta("hi")])
    failed = encoder.feed([Failed(message="no memory", kind=kind)])
    for written in (begun + failed, RESPONSES.error_event(kind, "no memory")):
        told = [json.loads(line[6:]) for line in written.decode().split("\n") if line.startswith("data: ")]
        assert [event["type"] for event in told[-2:]] == ["error", "response.failed"]
        assert all(later["sequence_number"] == at["sequence_number"] + 1 for at, later in pairwise(told))
        assert told[-1]["response"]["error"] == {"code": code, "message": "no memory"}
        assert told[-2]["message"] == told[-2]["error"]["message"] == "no memory"
        (event,) = [one for one in RESPONSES.reply_decoder().feed(written) if isinstance(one, Failed)]
        assert event.message == "no memory"
    assert json.loads(RESPONSES.error(kind, "no memory"))["error"]["message"] == "no memory"


def test_an_overflow_is_said_as_clients_know_it():
    error = json.loads(RESPONSES.overflow(9000, 8192))["error"]
    assert (error["code"], error["param"]) == ("context_length_exceeded", "input")
    assert "maximum context length is 8192 tokens" in error["message"]


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"output":"x"}'])
def test_what_is_no_response_is_unreadable(body):
    with pytest.raises(UnreadableReply):
        RESPONSES.decode_reply(body)


def test_a_stream_that_cannot_be_read_is_unreadable_or_left_out():
    with pytest.raises(UnreadableReply):
        RESPONSES.reply_decoder().feed(b"data: <html>\n\n")
    assert RESPONSES.reply_decoder(observing=True).feed(b"data: <html>\n\n") == []
