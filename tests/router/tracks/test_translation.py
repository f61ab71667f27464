"""Chat replies as Messages replies: tables of bytes, every cut, and the provider's own reader."""

import json
import re
from contextlib import suppress
from itertools import count, pairwise

import anthropic
import pytest
from aiohttp import web
from anthropic.types import Message
from hypothesis import given
from hypothesis import strategies as st

from router.tracks.transforms import Translation
from router.types import Usage
from router.wire import DIALECTS
from router.wire.conversation import Conversation
from router.wire.events import UnreadableCall, UnreadableReply
from router.wire.usage_observer import UsageObserver

MESSAGES = DIALECTS["anthropic_messages"]
CHAT = DIALECTS["openai_chat"]


def asked(stops=()):
    return Conversation(dialect="anthropic_messages", turns=(), stop=tuple(stops))


def numbered(written: bytes) -> bytes:
    """The same bytes with ids that count."""
    numbers, names = count(1), {}
    fresh = re.compile(rb"(msg_|toolu_)[0-9a-f]{24}")
    return fresh.sub(lambda match: match[1] + names.setdefault(match[0], b"%d" % next(numbers)), written)


def from_chat(body, *, model, stops=()):
    return MESSAGES.encode_reply(CHAT.decode_reply(body), model=model, conversation=asked(stops))


def translation(*, model, prompt_tokens=0, stops=()):
    encoder = MESSAGES.reply_encoder(model=model, conversation=asked(stops), prompt_tokens=prompt_tokens)
    return Translation(CHAT.reply_decoder(), encoder, UsageObserver(), thinking=False)


def call(name, arguments, index=0, **more):
    return {
        "index": index,
        "id": "call_0",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
        **more,
    }


def chat(message, finish="stop", usage=None):
    document = {
        "id": "c",
        "object": "chat.completion",
        "model": "qwen",
        "choices": [{"message": message, "finish_reason": finish}],
    }
    return json.dumps(document | ({"usage": usage} if usage else {})).encode()


USAGE = {"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 60}}
BILLED = {
    "input_tokens": 40,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 60,
    "output_tokens": 7,
}
TOOL_USE = {"type": "tool_use", "id": "toolu_2", "name": "ls", "input": {"a": 1}}
TEXT = {"type": "text", "text": "hi"}
WHOLES = [
    # message, finish, content, stop_reason
    ({"content": "hi"}, "stop", [TEXT], "end_turn"),
    ({"content": "hi"}, "length", [TEXT], "max_tokens"),
    ({"content": "hi"}, None, [TEXT], "end_turn"),
    ({"content": "hi"}, "surprise", [TEXT], "end_turn"),
    ({"content": None, "refusal": "hi"}, "content_filter", [TEXT], "refusal"),
    ({"content": "", "reasoning_content": "hm"}, "stop", [], "end_turn"),
    ({"content": "hi", "tool_calls": [call("ls", '{"a":1}')]}, "tool_calls", [TEXT, TOOL_USE], "tool_use"),
    ({"content": None, "tool_calls": [call("ls", '{"a":1}')]}, "stop", [TOOL_USE], "tool_use"),
    ({"tool_calls": [call("ls", "")]}, "stop", [TOOL_USE | {"input": {}}], "tool_use"),
    ({"tool_calls": [call("ls", '{"a":1}')]}, "length", [TOOL_USE], "max_tokens"),
    (
        {"tool_calls": [call("ls", '{"a":1}'), call("cat", "{}", 1)]},
        "tool_calls",
        [TOOL_USE, {"type": "tool_use", "id": "toolu_3", "name": "cat", "input": {}}],
        "tool_use",
    ),
]


@pytest.mark.parametrize(("message", "finish", "content", "stop"), WHOLES)
def test_a_whole_reply(message, finish, content, stop):
    document = json.loads(numbered(from_chat(chat(message, finish, USAGE), model="claude")))
    assert document.pop("id").startswith("msg_")
    assert document == {
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": BILLED,
    }
    Message.model_validate(document | {"id": "msg_1"})


def test_ids_are_never_used_twice():
    body = chat({"tool_calls": [call("ls", "{}"), call("ls", "{}", 1)]})
    blocks = [block["id"] for _ in range(2) for block in json.loads(from_chat(body, model="m"))["content"]]
    assert len(set(blocks)) == 4


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"choices":[]}', b'{"choices":3}'])
def test_what_is_no_reply_is_unreadable(body):
    with pytest.raises(UnreadableReply):
        from_chat(body, model="m")


def chunk(delta=None, finish=None, **more):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"id": "c", "model": "qwen", "choices": choices, **more}).encode() + b"\n\n"


ROLE = chunk({"role": "assistant", "content": None})
END = chunk({}, "stop") + chunk(usage=USAGE)
DONE = b"data: [DONE]\n\n"


def piece(arguments, index=0, name=None):
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return chunk({"tool_calls": [{"index": index, "function": function}]})


def piece_without_index(arguments, name=None):
    return chunk({"tool_calls": [{"function": {"arguments": arguments} | ({"name": name} if name else {})}]})


LS = {"type": "tool_use", "id": "toolu_2", "name": "ls", "input": {"a": [1, "é"]}}
CAT = {"type": "tool_use", "id": "toolu_3", "name": "cat", "input": {}}
STREAMS = [
    # name, bytes, content, stop_reason
    ("text", ROLE + chunk({"content": "h"}) + chunk({"content": "i"}) + END + DONE, [TEXT], "end_turn"),
    (
        "finish with the text",
        ROLE + chunk({"content": "hi"}, "length", usage=USAGE) + DONE,
        [TEXT],
        "max_tokens",
    ),
    ("no [DONE]", chunk({"content": "hi"}) + END, [TEXT], "end_turn"),
    ("no finish reason", chunk({"content": "hi"}) + chunk(usage=USAGE) + DONE, [TEXT], "end_turn"),
    (
        "reasoning stays here",
        chunk({"reasoning_content": "hm"}) + chunk({"content": "hi"}) + END + DONE,
        [TEXT],
        "end_turn",
    ),
    ("nothing", ROLE + END + DONE, [], "end_turn"),
    (
        "comments",
        b": ping\n\n" + ROLE + b": ping\n\n" + chunk({"content": "hi"}) + END + DONE,
        [TEXT],
        "end_turn",
    ),
    (
        "a call in pieces",
        ROLE
        + piece("", name="ls")
        + piece('{"a":')
        + piece(' [1, "é"]}')
        + chunk({}, "tool_calls")
        + chunk(usage=USAGE)
        + DONE,
        [LS],
        "tool_use",
    ),
    (
        "text and two calls",
        chunk({"content": "hi"})
        + piece('{"a":[1,"é"]}', name="ls")
        + piece("", 1, "cat")
        + piece("{}", 1)
        + END
        + DONE,
        [TEXT, LS, CAT],
        "tool_use",
    ),
    (
        "two calls in one chunk",
        chunk({"tool_calls": [call("ls", '{"a":[1,"é"]}'), call("cat", "", 1)]}) + END + DONE,
        [LS, CAT],
        "tool_use",
    ),
    (
        "calls without index",
        piece_without_index("", "ls")
        + piece_without_index('{"a":[1,"é"]}')
        + piece_without_index("{}", "cat")
        + END
        + DONE,
        [LS, CAT],
        "tool_use",
    ),
    (
        "text behind a call",
        piece('{"a":[1,"é"]}', name="ls") + chunk({"content": "hi"}) + END + DONE,
        [LS, TEXT],
        "tool_use",
    ),
    (
        "two calls in turns",
        piece("", name="ls")
        + piece("", 1, "cat")
        + piece('{"a":[1,')
        + piece("{", 1)
        + piece('"é"]}')
        + piece("}", 1)
        + chunk({}, "tool_calls")
        + chunk(usage=USAGE)
        + DONE,
        [LS, CAT],
        "tool_use",
    ),
    (
        "text within a call",
        piece('{"a":[1,', name="ls") + chunk({"content": "hi"}) + piece('"é"]}') + END + DONE,
        [LS, TEXT],
        "tool_use",
    ),
    (
        "a name in pieces, behind the call's id",
        piece("") + piece("", name="l") + piece("", name="s") + piece('{"a":[1,"é"]}') + END + DONE,
        [LS],
        "tool_use",
    ),
    (
        "nulls in the place of objects",
        b'data: {"choices": null}\n\ndata: {"choices": [{"index": 0, "delta": null}]}\n\n'
        + piece('{"a":[1,"é"]}', name="ls")
        + chunk({"tool_calls": [{"index": 0, "function": None}]})
        + END
        + DONE,
        [LS],
        "tool_use",
    ),
    ("text in parts", chunk({"content": [{"type": "text", "text": "hi"}]}) + END + DONE, [TEXT], "end_turn"),
    (
        "calls that never came",
        chunk({"content": "hi"}) + chunk({}, "tool_calls", usage=USAGE) + DONE,
        [TEXT],
        "end_turn",
    ),
]
CASES = pytest.mark.parametrize(
    ("stream", "content", "stop"), [case[1:] for case in STREAMS], ids=[c[0] for c in STREAMS]
)


def translate(*parts, prompt_tokens=12):
    reply = translation(model="claude", prompt_tokens=prompt_tokens)
    written = b"".join(reply.feed(part) for part in parts)
    with suppress(ConnectionError):
        written += reply.end()
    return reply.observer, numbered(written)


async def accumulate(written):
    """Read a stream as a client does: with the provider's SDK, from a real server."""

    async def answer(request):
        del request
        return web.Response(body=written, headers={"content-type": "text/event-stream; charset=utf-8"})

    app = web.Application()
    app.router.add_post("/v1/messages", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    try:
        async with (
            anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0) as client,
            client.messages.stream(**asked) as events,
        ):
            return await events.get_final_message()
    finally:
        await runner.cleanup()


@CASES
async def test_the_sdk_reads_a_translated_stream(stream, content, stop):
    reply, written = translate(stream)
    assert reply.complete
    assert reply.usage == Usage(input=40, output=7, cache_read=60)
    message = await accumulate(written)
    assert [
        block.model_dump(exclude_none=True, include=set(want))
        for block, want in zip(message.content, content, strict=True)
    ] == content
    assert message.stop_reason == stop
    assert message.model == "claude"
    assert message.usage.model_dump(include=set(BILLED)) == BILLED


@CASES
def test_byte_by_byte_it_is_the_same(stream, content, stop):
    del content, stop
    assert translate(*(stream[at : at + 1] for at in range(len(stream))))[1] == translate(stream)[1]


@given(case=st.sampled_from(STREAMS), cuts=st.lists(st.integers(0, 900), max_size=8))
def test_however_it_is_cut_it_is_the_same(case, cuts):
    stream = case[1]
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    assert translate(*(stream[a:b] for a, b in pairwise(places)))[1] == translate(stream)[1]


def test_the_bytes_of_a_stream():
    stream = ROLE + chunk({"content": "hi"}) + piece('{"a":1}', name="ls") + END + DONE
    assert translate(stream)[1].decode() == (
        'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message",'
        '"role":"assistant","model":"claude","content":[],"stop_reason":null,"stop_sequence":null,"usage":'
        '{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}\n\n'
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        '"content_block":{"type":"text","text":""}}\n\n'
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":"hi"}}\n\n'
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        'event: content_block_start\ndata: {"type":"content_block_start","index":1,'
        '"content_block":{"type":"tool_use","id":"toolu_2","name":"ls","input":{}}}\n\n'
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":1,'
        '"delta":{"type":"input_json_delta","partial_json":"{\\"a\\":1}"}}\n\n'
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":1}\n\n'
        'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"tool_use",'
        '"stop_sequence":null},"usage":{"input_tokens":40,"cache_creation_input_tokens":0,'
        '"cache_read_input_tokens":60,"output_tokens":7}}\n\n'
        'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )


def test_each_event_is_written_as_soon_as_it_is_known():
    reply = translation(model="m")
    assert reply.feed(ROLE).startswith(b"event: message_start\n")
    assert reply.feed(chunk({"content": "h"})).count(b"\n\n") == 2
    assert reply.feed(chunk({"content": "i"})).count(b"\n\n") == 1
    assert reply.feed(b"data: {") == b""


@CASES
def test_a_stream_that_breaks_off_is_not_closed(stream, content, stop):
    del content, stop
    whole = stream.count(b"\n\n")
    for events in range(whole):
        part = b"".join(event + b"\n\n" for event in stream.split(b"\n\n")[:events])
        if b'"finish_reason": "' in part:
            break
        reply, written = translate(part)
        assert not reply.complete
        assert b"message_stop" not in written


async def test_without_usage_pieces_are_counted():
    reply, written = translate(chunk({"content": "a"}), chunk({"content": "b"}), chunk({}, "stop"), DONE)
    assert reply.usage is None
    usage = (await accumulate(written)).usage
    assert (usage.input_tokens, usage.output_tokens) == (12, 2)


@pytest.mark.parametrize("error", [{"message": "out of memory", "code": 500}, "out of memory"])
async def test_an_error_in_the_stream_stays_one(error):
    stream = chunk({"content": "h"}) + b"data: " + json.dumps({"error": error}).encode() + b"\n\n" + DONE
    reply, written = translate(stream)
    assert (reply.complete, reply.error) == (False, "out of memory")
    with pytest.raises(anthropic.APIStatusError, match="out of memory"):
        await accumulate(written)


BROKEN = [
    (b"data: {nonsense\n\n", UnreadableReply),
    (piece("{}", name="ls") + piece("{}", 1, "cat") + piece("{}", 0), UnreadableCall),
    (piece("{}"), UnreadableCall),
]


@pytest.mark.parametrize(("stream", "cause"), BROKEN)
def test_a_stream_that_makes_no_sense_is_an_error_of_the_track(stream, cause):
    with pytest.raises(UnreadableReply) as failed:
        translate(stream)
    assert isinstance(failed.value, cause)


ENDS = [
    # what the choice says beside its finish reason, the client's stop sequences, which is named
    ({"stop_reason": "</x>"}, ("</x>",), "</x>"),
    ({"stop_reason": "</x>"}, ("</y>", "</x>"), "</x>"),
    ({"matched_stop": "</x>"}, ("</x>",), "</x>"),
    ({"finish_reason": "stop_sequence"}, ("</x>",), "</x>"),
    ({"stop_reason": "<|im_end|>"}, ("</x>",), None),
    ({"stop_reason": 151645, "matched_stop": 151645}, ("</x>",), None),
    ({"stop_reason": None}, ("</x>",), None),
    ({}, ("</x>",), None),
    ({"stop_reason": "</x>", "finish_reason": "length"}, ("</x>",), None),
]


@pytest.mark.parametrize(("told", "stops", "named"), ENDS)
def test_the_stop_sequence_is_named(told, stops, named):
    choice = {"message": {"content": "hi"}, "finish_reason": "stop", **told}
    whole = json.loads(from_chat(json.dumps({"choices": [choice]}).encode(), model="m", stops=stops))
    choice = {"delta": {"content": "hi"}, "finish_reason": "stop", **told}
    stream = translation(model="m", stops=stops)
    written = stream.feed(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\ndata: [DONE]\n\n")
    (ended,) = [
        json.loads(line[6:]) for line in written.decode().splitlines() if '"message_delta"' in line[6:]
    ]
    reason = "max_tokens" if told.get("finish_reason") == "length" else "end_turn"
    wanted = ("stop_sequence", named) if named else (reason, None)
    assert (whole["stop_reason"], whole["stop_sequence"]) == wanted
    assert (ended["delta"]["stop_reason"], ended["delta"]["stop_sequence"]) == wanted


@pytest.mark.parametrize(("arguments", "kept"), [('{"a": "b', {}), ("", {}), ('{"a": 1}', {"a": 1})])
def test_a_call_that_was_cut_off_at_the_limit(arguments, kept):
    message = json.loads(from_chat(chat({"tool_calls": [call("ls", arguments)]}, "length"), model="m"))
    assert message["stop_reason"] == "max_tokens"
    assert message["content"][-1]["input"] == kept
