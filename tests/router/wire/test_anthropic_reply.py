"""Messages replies as events and back: tables of bytes, every cut, and the identity."""

import json
import time
from itertools import pairwise

import pytest
from anthropic.types import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from router.types import Usage
from router.wire.anthropic_reply import Decoder, decode_reply
from router.wire.anthropic_reply_encoder import Encoder, encode_reply
from router.wire.conversation import Conversation
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

CHAT = Conversation(dialect="anthropic_messages", turns=(), stop=("</a>", "</b>"))


def frame(name, **data):
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


START = frame(
    "message_start",
    message={"id": "msg_1", "model": "claude", "usage": {"input_tokens": 3, "output_tokens": 1}},
)
STARTED = [Started(id="msg_1", model="claude"), UsageReport(Usage(input=3, output=1, estimated=True))]


def begin(**block):
    return frame("content_block_start", index=0, content_block=block)


def delta(kind, **fields):
    return frame("content_block_delta", index=0, delta={"type": kind, **fields})


STOP = frame("content_block_stop", index=0)
PING = b'event: ping\ndata: {"type": "ping"}\n\n: keep-alive\n\n'
CALL = begin(type="tool_use", id="toolu_1", name="ls", input={})
CALLED = CallStarted(id="toolu_1", name="ls")


def ended(reason="end_turn", sequence=None, **usage):
    more = {"usage": {"output_tokens": 7, **usage}}
    return frame("message_delta", delta={"stop_reason": reason, "stop_sequence": sequence}, **more) + frame(
        "message_stop"
    )


USED = UsageReport(Usage(input=3, output=7))
END = Stopped(reason="end")
STREAMS = [
    # name, bytes between message_start and the end, events
    (
        "text",
        begin(type="text", text="")
        + PING
        + delta("text_delta", text="é")
        + delta("text_delta", text="x")
        + STOP,
        [TextDelta("é"), TextDelta("x")],
    ),
    ("text in the block's start", begin(type="text", text="a") + STOP, [TextDelta("a")]),
    (
        "thinking",
        begin(type="thinking", thinking="", signature="")
        + delta("thinking_delta", thinking="hm")
        + delta("signature_delta", signature="s")
        + STOP,
        [ThinkingDelta("hm"), Signature("s")],
    ),
    ("redacted thinking", begin(type="redacted_thinking", data="r") + STOP, [Signature("", "r")]),
    (
        "a call",
        CALL
        + delta("input_json_delta", partial_json='{"a"')
        + delta("input_json_delta", partial_json=":1}")
        + STOP,
        [CALLED, CallArguments('{"a"'), CallArguments(":1}"), CallEnded()],
    ),
    (
        "a call without arguments",
        CALL + delta("input_json_delta", partial_json="") + STOP,
        [CALLED, CallEnded()],
    ),
    (
        "a call with its arguments in the start",
        begin(type="tool_use", id="toolu_1", name="ls", input={"a": 1}) + STOP,
        [CALLED, CallArguments('{"a": 1}'), CallEnded()],
    ),
    (
        "a call with its arguments twice",
        begin(type="tool_use", id="toolu_1", name="ls", input={"a": 1})
        + delta("input_json_delta", partial_json='{"a":1}')
        + STOP,
        [CALLED, CallArguments('{"a":1}'), CallEnded()],
    ),
    (
        "a call that the provider runs",
        begin(type="server_tool_use", id="srv", name="web_search", input={})
        + delta("input_json_delta", partial_json='{"q"')
        + STOP
        + begin(type="web_search_tool_result", content=[])
        + STOP,
        [Foreign("server_tool_use"), Foreign("web_search_tool_result")],
    ),
    (
        "citations",
        begin(type="text", text="")
        + delta("citations_delta", citation={})
        + delta("text_delta", text="a")
        + STOP,
        [TextDelta("a")],
    ),
    ("nothing", b"", []),
]


def events_of(chunks, *, observing=False):
    decoder = Decoder(observing=observing)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + decoder.end() + decoder.end()


@pytest.mark.parametrize(("stream", "events"), [row[1:] for row in STREAMS], ids=[row[0] for row in STREAMS])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_stream_is_events_however_it_is_cut(stream, events, ends):
    body = (START + stream + ended()).replace(b"\n", ends.encode())
    expected = [*STARTED, *events, USED, END]
    assert events_of([body]) == expected
    assert events_of([body[at : at + 1] for at in range(len(body))]) == expected


@given(row=st.sampled_from(STREAMS), cuts=st.lists(st.integers(0, 1500), max_size=6))
@settings(max_examples=50)
def test_a_stream_may_be_cut_anywhere(row, cuts):
    body = START + row[1] + ended()
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    assert events_of([body[a:b] for a, b in pairwise(places)]) == [*STARTED, *row[2], USED, END]


REASONS = [
    ("end_turn", None, "end", ""),
    ("stop_sequence", "</a>", "stop_sequence", "</a>"),
    ("max_tokens", None, "output_limit", ""),
    ("tool_use", None, "tool_calls", ""),
    ("refusal", None, "refusal", ""),
    ("pause_turn", None, "pause", ""),
    ("model_context_window_exceeded", None, "overflow", ""),
    ("surprise", None, "end", ""),
    (None, None, "unstated", ""),
]


@pytest.mark.parametrize(("word", "sequence", "reason", "named"), REASONS)
def test_why_a_reply_ended(word, sequence, reason, named):
    stopped = Stopped(reason=reason, sequence=named)
    assert events_of([START, ended(word, sequence)], observing=word is None)[-1] == stopped
    document = {"model": "m", "content": [], "stop_reason": word, "stop_sequence": sequence}
    assert decode_reply(json.dumps(document).encode())[-1] == stopped


def test_an_end_is_never_made_up():
    text = START + begin(type="text", text="") + delta("text_delta", text="a") + STOP
    assert events_of([text]) == [*STARTED, TextDelta("a")]
    without_stop = text + ended().rpartition(b"event: message_stop")[0]
    assert events_of([without_stop])[-1] == END
    assert events_of([without_stop], observing=True)[-1] != END
    assert events_of([text, frame("message_stop")])[-1] == TextDelta("a")
    assert events_of([text, frame("message_stop")], observing=True)[-1] == Stopped(reason="unstated")


def test_nothing_is_said_after_an_error_or_an_end():
    error = frame("error", error={"type": "overloaded_error", "message": "Overloaded"})
    late = begin(type="text", text="late")
    assert events_of([START, error, late]) == [
        *STARTED,
        Failed(message="Overloaded", kind="overloaded_error"),
    ]
    assert events_of([START, ended(), late])[-1] == END
    assert events_of([frame("error", error={"type": "x"})]) == [Failed(message="x", kind="x")]


@pytest.mark.parametrize("block", [b"data: {", b"data: []\n\n", b'data: {"delta": 3}', b"data: \xff"])
def test_what_is_not_of_the_dialect_is_unreadable_or_left_out(block):
    with pytest.raises(UnreadableReply):
        events_of([START, block + b"\n\n"])
    assert events_of([START, block + b"\n\n", ended()], observing=True) == [*STARTED, USED, END]


def test_pieces_that_are_alike_are_read_like_the_first():
    words = ["The ", 'quick "brown" fox ', "jumps\\n ", "é", "\u2028"] * 4
    text = begin(type="text", text="") + b"".join(delta("text_delta", text=word) for word in words) + STOP
    thought = [delta("thinking_delta", thinking="hm"), delta("thinking_delta", thinking="so"), STOP]
    arguments = [delta("input_json_delta", partial_json=piece) for piece in ('{"text":', '"a"', "}")]
    parts = [START, text, begin(type="thinking"), *thought, CALL, *arguments, STOP, ended()]
    expected = [
        *STARTED,
        *map(TextDelta, words),
        ThinkingDelta("hm"),
        ThinkingDelta("so"),
        CALLED,
        CallArguments('{"text":'),
        CallArguments('"a"'),
        CallArguments("}"),
        CallEnded(),
        USED,
        END,
    ]
    for chunks in (parts, [b"".join(parts)]):
        assert events_of(chunks) == expected


WHOLE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "r"},
        {"type": "text", "text": "a", "citations": None},
        {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}},
        {"type": "tool_use", "id": "toolu_1", "name": "ls", "input": {"a": [1, "é"]}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 3,
        "output_tokens": 7,
        "cache_read_input_tokens": 4,
        "cache_creation_input_tokens": 3,
        "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2},
    },
}
EVENTS = [
    Started(id="msg_1", model="claude"),
    ThinkingDelta("hm"),
    Signature("s"),
    Signature("", "r"),
    TextDelta("a"),
    Foreign("server_tool_use"),
    CALLED,
    CallArguments('{"a":[1,"é"]}'),
    CallEnded(),
    UsageReport(Usage(input=3, output=7, cache_read=4, cache_write_5m=1, cache_write_1h=2)),
    Stopped(reason="tool_calls"),
]


def test_a_whole_reply_is_events():
    assert decode_reply(json.dumps(WHOLE, separators=(",", ":"), ensure_ascii=False).encode()) == EVENTS


WHOLES = [
    (b'{"type":"error","error":{"type":"api_error","message":"No"}}', [Failed(message="No")]),
    (b'{"type":"error","error":{}}', [Failed(message="unknown error")]),
    (b'{"model":"m"}', [Started(model="m"), Stopped(reason="unstated")]),
    (b'{"content":[],"usage":{"input_tokens":-1}}', [Started(), Stopped(reason="unstated")]),
    (b'{"content":[{"type":"tool_use"}]}',
     [Started(), CallStarted(id="", name=""), CallEnded(), Stopped(reason="unstated")]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "events"), WHOLES)
def test_odd_documents(body, events):
    assert decode_reply(body) == events


@pytest.mark.parametrize(
    "body", [b"<html>", b"{}", b"[]", b'{"content":3}', b'{"content":[3]}', b'{"model":"m"']
)
def test_what_is_no_message_is_unreadable(body):
    with pytest.raises(UnreadableReply):
        decode_reply(body)


def written(events, **more):
    """The frames of a stream; each event by itself and all at once say the same but for made ids."""
    encoder = Encoder(model="shown", conversation=CHAT, **more)
    return b"".join(encoder.feed([event]) for event in events)


def parsed(stream):
    return [json.loads(block.partition(b"data: ")[2]) for block in stream.split(b"\n\n") if block]


def rebuilt(stream):
    """The message that a client puts together; checks the order that clients count on."""
    message, open_at, arguments = None, None, ""
    for event in parsed(stream):
        match event["type"]:
            case "message_start":
                assert message is None
                message = event["message"]
            case "content_block_start":
                assert open_at is None
                assert event["index"] == len(message["content"])
                open_at, arguments = event["index"], ""
                message["content"].append(event["content_block"])
            case "content_block_delta":
                assert event["index"] == open_at
                block = message["content"][-1]
                for name, value in event["delta"].items():
                    if name == "partial_json":
                        arguments += value
                    elif name != "type":
                        block[name] += value
            case "content_block_stop":
                assert event["index"] == open_at
                if arguments:
                    message["content"][-1]["input"] = json.loads(arguments)
                open_at = None
            case "message_delta":
                assert open_at is None
                message |= event["delta"] | {"usage": event["usage"]}
            case "message_stop":
                assert message["stop_reason"]
    return message


USAGE = {
    "input_tokens": 3,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 7,
}
TEXT = {"type": "text", "text": "hi"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "ls", "input": {"a": 1}}
CALL_EVENTS = [CALLED, CallArguments('{"a":'), CallArguments("1}"), CallEnded()]
REPLIES = [
    # events, content, stop_reason, stop_sequence
    ([TextDelta("h"), TextDelta("i"), END], [TEXT], "end_turn", None),
    ([TextDelta("h"), RefusalDelta("i"), Stopped(reason="refusal")], [TEXT], "refusal", None),
    ([TextDelta("hi"), Stopped(reason="output_limit")], [TEXT], "max_tokens", None),
    ([TextDelta("hi"), Stopped(reason="unstated")], [TEXT], "end_turn", None),
    ([TextDelta("hi"), Stopped(reason="overflow")], [TEXT], "model_context_window_exceeded", None),
    ([TextDelta("hi"), Stopped(reason="tool_calls")], [TEXT], "end_turn", None),
    ([TextDelta("hi"), Stopped(reason="stop_sequence", sequence="</b>")], [TEXT], "stop_sequence", "</b>"),
    ([TextDelta("hi"), Stopped(reason="stop_sequence")], [TEXT], "stop_sequence", "</a>"),
    ([TextDelta("hi"), Stopped(reason="stop_sequence", sequence="<|im_end|>")], [TEXT], "end_turn", None),
    ([*CALL_EVENTS, END], [USE], "tool_use", None),
    ([*CALL_EVENTS, Stopped(reason="stop_sequence", sequence="</a>")], [USE], "tool_use", None),
    ([TextDelta("hi"), *CALL_EVENTS, Stopped(reason="tool_calls")], [TEXT, USE], "tool_use", None),
    ([CALLED, CallEnded(), Stopped(reason="tool_calls")], [USE | {"input": {}}], "tool_use", None),
    ([*CALL_EVENTS, *CALL_EVENTS, TextDelta("hi"), END], [USE, USE, TEXT], "tool_use", None),
    ([CALLED, CallArguments('{"a":1}'), Stopped(reason="output_limit")], [USE], "max_tokens", None),
    (
        [ThinkingDelta("h"), ThinkingDelta("m"), Signature("s"), Signature("", "r"), TextDelta("hi"), END],
        [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "redacted_thinking", "data": "r"},
            TEXT,
        ],
        "end_turn",
        None,
    ),
    ([ThinkingDelta("hm"), TextDelta("hi"), END], [TEXT], "end_turn", None),
    ([Foreign("server_tool_use"), TextDelta("hi"), END], [TEXT], "end_turn", None),
    ([END], [], "end_turn", None),
]


@pytest.mark.parametrize(("events", "content", "reason", "sequence"), REPLIES)
def test_a_reply_is_written_whole_and_streamed(events, content, reason, sequence):
    said = [
        Started(id="x", model="upstream's"),
        *events[:-1],
        UsageReport(Usage(input=3, output=7)),
        events[-1],
    ]
    whole = json.loads(encode_reply(said, model="shown", conversation=CHAT))
    streamed = rebuilt(written(said))
    for message in (whole, streamed):
        assert message.pop("id").startswith("msg_")
        assert message == {
            "type": "message",
            "role": "assistant",
            "model": "shown",
            "content": content,
            "stop_reason": reason,
            "stop_sequence": sequence,
            "usage": USAGE,
        }
        Message.model_validate(message | {"id": "msg_1"})


def test_a_call_that_was_cut_off_loses_its_arguments_and_a_nameless_one_is_left_out():
    cut = [
        Started(),
        CALLED,
        CallArguments('{"a'),
        CallStarted(id="", name=""),
        Stopped(reason="output_limit"),
    ]
    assert json.loads(encode_reply(cut, model="m", conversation=CHAT))["content"] == [USE | {"input": {}}]


def test_ids_in_another_form_are_made_anew():
    calls = [Started(), *(CallStarted(id="call_0", name="ls"), CallEnded()) * 2, Stopped(reason="tool_calls")]
    blocks = json.loads(encode_reply(calls, model="m", conversation=CHAT))["content"]
    blocks += rebuilt(written(calls))["content"]
    ids = {block["id"] for block in blocks}
    assert len(ids) == 4
    assert all(made.startswith("toolu_") for made in ids)


def test_usage_that_was_not_reported_is_estimated():
    said = [Started(), TextDelta("a"), TextDelta("b"), END]
    start, *_, last, _ = parsed(written(said, prompt_tokens=12))
    assert start["message"]["usage"]["input_tokens"] == 12
    assert (last["usage"]["input_tokens"], last["usage"]["output_tokens"]) == (12, 2)
    whole = json.loads(encode_reply(said, model="m", conversation=CHAT, prompt_tokens=12))
    assert whole["usage"]["input_tokens"] == 12


def test_a_failure_is_an_error_event_and_nothing_is_made_up():
    failed = Failed(message="Overloaded", kind="overloaded_error")
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert parsed(written([Started(), TextDelta("a"), failed]))[-1] == error
    assert json.loads(encode_reply([failed], model="m", conversation=CHAT)) == error
    assert [event["type"] for event in parsed(written([Started(), TextDelta("a")]))] == [
        "message_start", "content_block_start", "content_block_delta",
    ]  # fmt: skip


WORDS = st.text(min_size=1, max_size=8)
PARTS = st.one_of(
    WORDS.map(lambda text: [TextDelta(text)]),
    st.builds(lambda text, signed: [ThinkingDelta(text), Signature(signed)], WORDS, WORDS),
    WORDS.map(lambda data: [Signature("", data)]),
    st.builds(
        lambda id_, name, value: [
            CallStarted(id=f"toolu_{id_}", name=name), CallArguments(json.dumps({"a": value})), CallEnded(),
        ],
        st.integers(0, 9), WORDS, WORDS,
    ),
)  # fmt: skip


@given(
    parts=st.lists(PARTS, max_size=5),
    usage=st.builds(
        Usage,
        **dict.fromkeys(
            ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"), st.integers(0, 9)
        ),
    ),
    reason=st.sampled_from(["end", "output_limit", "refusal", "pause", "overflow"]),
    size=st.integers(1, 99),
)
@settings(max_examples=60)
def test_decoding_what_was_encoded_is_the_identity(parts, usage, reason, size):
    said = [event for part in parts for event in part]
    called = any(isinstance(event, CallStarted) for event in said)
    last = Stopped(reason="tool_calls" if called and reason == "end" else reason)
    events = [Started(id="", model="shown"), *said, UsageReport(usage), last]

    def comparable(read):
        merged = []
        for event in read:
            if isinstance(event, TextDelta) and merged and isinstance(merged[-1], TextDelta):
                event = TextDelta(merged.pop().text + event.text)  # noqa: PLW2901 - joined with the one before
            merged.append(Started(id="", model=event.model) if isinstance(event, Started) else event)
        return merged

    expected = comparable(events)
    assert comparable(decode_reply(encode_reply(events, model="shown", conversation=CHAT))) == expected
    stream = written(events)
    read = events_of([stream[at : at + size] for at in range(0, len(stream), size)])
    streamed = [
        event for event in comparable(read) if not isinstance(event, UsageReport) or not event.usage.estimated
    ]
    assert streamed == expected


def test_a_long_stream_costs_no_more_than_its_bytes():
    piece = delta("text_delta", text="x" * 50) * 20_000
    began = time.thread_time()
    events_of([START, piece[: len(piece) // 2], piece[len(piece) // 2 :]])
    assert time.thread_time() - began < 3
