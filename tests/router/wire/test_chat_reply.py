# ruff: noqa: E501 - a stream's pieces read best on one line
"""Chat replies as events: tables of bytes, whole and as streams, every cut; and events as chat replies."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from router.types import Usage
from router.wire.chat_reply import ChatReplyDecoder, decode_reply
from router.wire.chat_reply_encoder import ChatReplyEncoder, encode_reply
from router.wire.conversation import Conversation, Tool
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Failed,
    RefusalDelta,
    Signature,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UnreadableCall,
    UnreadableReply,
    UsageReport,
)

USAGE = {"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 60}}
BILLED = Usage(input=40, output=7, cache_read=60)
CHAT = Conversation(dialect="openai_chat", turns=())


def call(name, arguments, index=0):
    return {
        "index": index,
        "id": f"call_0123456_{index}x",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def chat(message, finish="stop", **more):
    return json.dumps(
        {
            "id": "c",
            "model": "qwen",
            "choices": [{"message": message, "finish_reason": finish, **more}],
            "usage": USAGE,
        }
    ).encode()


def told(events):
    """What events say, however many they are: pieces joined, ids left out."""
    said, stopped, usage = [], None, None
    for event in events:
        match event:
            case TextDelta(text) | ThinkingDelta(text) | RefusalDelta(text):
                kind = type(event).__name__.removesuffix("Delta").lower()
                if said and said[-1][0] == kind:
                    said[-1] = (kind, said[-1][1] + text)
                else:
                    said.append((kind, text))
            case CallStarted(name=name):
                said.append(("call", name, ""))
            case CallArguments(text):
                assert said[-1][0] == "call"
                said[-1] = (*said[-1][:2], said[-1][2] + text)
            case CallEnded():
                said[-1] = ("ended", *said[-1][1:])
            case UsageReport(reported):
                usage = reported
            case Stopped() | Failed():
                assert stopped is None
                stopped = event
            case Started():
                assert event is events[0]
    return said, stopped, usage


HI = ("text", "hi")
LS = ("ended", "ls", '{"a":1}')
WHOLES = [
    # message, finish, what is said, reason
    ({"content": "hi"}, "stop", [HI], "end"),
    ({"content": "hi"}, "length", [HI], "output_limit"),
    ({"content": "hi"}, None, [HI], "unstated"),
    ({"content": "hi"}, "surprise", [HI], "end"),
    ({"content": [{"type": "text", "text": "h"}, {"text": "i"}]}, "stop", [HI], "end"),
    ({"content": None, "refusal": "no"}, "content_filter", [("refusal", "no")], "refusal"),
    ({"content": "hi", "reasoning_content": "hm"}, "stop", [("thinking", "hm"), HI], "end"),
    ({"content": "hi", "reasoning": "hm"}, "stop", [("thinking", "hm"), HI], "end"),
    ({"content": ""}, "stop", [], "end"),
    ({"content": "hi", "tool_calls": [call("ls", '{"a":1}')]}, "tool_calls", [HI, LS], "tool_calls"),
    ({"content": None, "tool_calls": [call("ls", '{"a":1}')]}, "stop", [LS], "tool_calls"),
    ({"tool_calls": [call("ls", {"a": 1})]}, None, [LS], "tool_calls"),
    ({"tool_calls": [call("ls", "")]}, "stop", [("ended", "ls", "")], "tool_calls"),
    ({"tool_calls": [call("ls", '{"a":1}')]}, "length", [LS], "output_limit"),
    (
        {"tool_calls": [call("ls", '{"a":1}'), call("rm", '{"a', 1)]},
        "length",
        [LS, ("call", "rm", '{"a')],
        "output_limit",
    ),
    ({"tool_calls": [call("ls", '{"a":1}'), {"function": {"name": ""}}]}, "length", [LS], "output_limit"),
    (
        {"tool_calls": [call("ls", '{"a":1}'), call("cat", "{}", 1)]},
        "tool_calls",
        [LS, ("ended", "cat", "{}")],
        "tool_calls",
    ),
    ({"content": "hi", "tool_calls": []}, "tool_calls", [HI], "end"),
    ({"content": "hi", "tool_calls": None}, "function_call", [HI], "end"),
]


@pytest.mark.parametrize(("message", "finish", "said", "reason"), WHOLES)
def test_a_whole_reply(message, finish, said, reason):
    events = decode_reply(chat(message, finish))
    assert events[0] == Started(id="c", model="qwen")
    assert told(events) == (said, Stopped(reason=reason), BILLED)


def chunk(delta=None, finish=None, **more):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"id": "c", "model": "qwen", "choices": choices, **more}).encode() + b"\n\n"


ROLE = chunk({"role": "assistant", "content": None})
LAST = chunk({}, "stop") + chunk(usage=USAGE)
DONE = b"data: [DONE]\n\n"


def piece(arguments, index=0, name=None):
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return chunk({"tool_calls": [{"index": index, "function": function}]})


def piece_without_index(arguments, name=None):
    return chunk({"tool_calls": [{"function": {"arguments": arguments} | ({"name": name} if name else {})}]})


ARGUMENTS = '{"a":[1,"é"]}'
LIST, CAT = ("ended", "ls", ARGUMENTS), ("ended", "cat", "{}")
STREAMS = {
    "text": (ROLE + chunk({"content": "h"}) + chunk({"content": "i"}) + LAST + DONE, [HI], "end"),
    "finish with the text": (ROLE + chunk({"content": "hi"}, "length", usage=USAGE) + DONE, [HI], "output_limit"),
    "no [DONE]": (chunk({"content": "hi"}) + LAST, [HI], "end"),
    "no finish reason": (chunk({"content": "hi"}) + chunk(usage=USAGE) + DONE, [HI], "unstated"),
    "reasoning": (chunk({"reasoning_content": "h"}) + chunk({"reasoning": "m"}) + chunk({"content": "hi"}) + LAST + DONE, [("thinking", "hm"), HI], "end"),
    "a refusal": (chunk({"refusal": "no"}) + chunk({}, "content_filter", usage=USAGE) + DONE, [("refusal", "no")], "refusal"),
    "nothing": (ROLE + LAST + DONE, [], "end"),
    "comments": (b": ping\n\n" + ROLE + b": ping\n\n" + chunk({"content": "hi"}) + LAST + DONE, [HI], "end"),
    "event names and two data lines": (b'event: x\nid: 1\ndata: {"choices": [{"delta":\ndata: {"content": "hi"}}]}\n\n' + LAST + DONE, [HI], "end"),
    "carriage returns": ((chunk({"content": "hi"}) + LAST + DONE).replace(b"\n", b"\r\n"), [HI], "end"),
    "a call in pieces": (ROLE + piece("", name="ls") + piece('{"a":') + piece('[1,"é"]}') + chunk({}, "tool_calls") + chunk(usage=USAGE) + DONE, [LIST], "tool_calls"),
    "text and two calls": (chunk({"content": "hi"}) + piece(ARGUMENTS, name="ls") + piece("", 1, "cat") + piece("{}", 1) + LAST + DONE, [HI, LIST, CAT], "tool_calls"),
    "two calls in one chunk": (chunk({"tool_calls": [call("ls", ARGUMENTS), call("cat", "", 1)]}) + LAST + DONE, [LIST, ("ended", "cat", "")], "tool_calls"),
    "calls without index": (piece_without_index("", "ls") + piece_without_index(ARGUMENTS) + piece_without_index("{}", "cat") + LAST + DONE, [LIST, CAT], "tool_calls"),
    "two calls at one index": (piece(ARGUMENTS, name="ls") + piece("{}", name="cat") + LAST + DONE, [LIST, CAT], "tool_calls"),
    "text behind a call": (piece(ARGUMENTS, name="ls") + chunk({"content": "hi"}) + LAST + DONE, [LIST, HI], "tool_calls"),
    "two calls in turns": (piece("", name="ls") + piece("", 1, "cat") + piece('{"a":[1,') + piece("{", 1) + piece('"é"]}') + piece("}", 1) + chunk({}, "tool_calls") + chunk(usage=USAGE) + DONE, [LIST, CAT], "tool_calls"),
    "text within a call": (piece('{"a":[1,', name="ls") + chunk({"content": "hi"}) + piece('"é"]}') + LAST + DONE, [LIST, HI], "tool_calls"),
    "a name in pieces, behind the call's id": (piece("") + piece("", name="l") + piece("", name="s") + piece(ARGUMENTS) + LAST + DONE, [LIST], "tool_calls"),
    "nulls in the place of objects": (b'data: {"choices": null}\n\ndata: {"choices": [{"index": 0, "delta": null}]}\n\n' + piece(ARGUMENTS, name="ls") + chunk({"tool_calls": [{"index": 0, "function": None}]}) + LAST + DONE, [LIST], "tool_calls"),
    "text in parts": (chunk({"content": [{"type": "text", "text": "hi"}]}) + LAST + DONE, [HI], "end"),
    "calls that never came": (chunk({"content": "hi"}) + chunk({}, "tool_calls", usage=USAGE) + DONE, [HI], "end"),
    "a call cut at the limit": (piece('{"a', name="ls") + chunk({}, "length", usage=USAGE) + DONE, [("call", "ls", '{"a')], "output_limit"),
    "another choice": (chunk({"content": "hi"}) + b'data: {"choices": [{"index": 1, "delta": {"content": "no"}}]}\n\n' + LAST + DONE, [HI], "end"),
    "usage inside a choice": (chunk({"content": "hi"}) + b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": %b}]}\n\n' % json.dumps(USAGE).encode() + DONE, [HI], "end"),
}  # fmt: skip
NAMES = pytest.mark.parametrize("name", STREAMS)


def read(*parts, observing=False):
    decoder = ChatReplyDecoder(observing=observing)
    events = [event for part in parts for event in decoder.feed(part)]
    events += decoder.end()
    assert decoder.end() == []
    return events


@NAMES
def test_a_stream(name):
    stream, said, reason = STREAMS[name]
    assert told(read(stream)) == (said, Stopped(reason=reason), BILLED)


@NAMES
def test_byte_by_byte_it_says_the_same(name):
    stream = STREAMS[name][0]
    assert told(read(*(stream[at : at + 1] for at in range(len(stream))))) == told(read(stream))


@given(name=st.sampled_from(sorted(STREAMS)), cuts=st.lists(st.integers(0, 900), max_size=8))
def test_however_it_is_cut_it_says_the_same(name, cuts):
    stream = STREAMS[name][0]
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    assert told(read(*(stream[a:b] for a, b in pairwise(places)))) == told(read(stream))


@NAMES
def test_who_only_observes_learns_of_the_same_end(name):
    events = read(STREAMS[name][0], observing=True)
    assert told(events)[2] == BILLED
    assert isinstance(events[-1], Stopped)


@NAMES
def test_a_stream_that_breaks_off_has_no_end(name):
    stream = STREAMS[name][0]
    blocks = stream.replace(b"\r", b"").split(b"\n\n")
    for count in range(len(blocks) - 1):
        part = b"".join(block + b"\n\n" for block in blocks[:count])
        if b'"finish_reason": "' in part or b"[DONE]" in part:
            break
        assert told(read(part))[1] is None


def test_events_come_as_soon_as_they_are_known():
    decoder = ChatReplyDecoder()
    assert decoder.feed(b'data: {"choices": [], "model": ""}\n\n') == []
    assert decoder.feed(ROLE) == [Started(id="c", model="qwen")]
    assert decoder.feed(chunk({"content": "h"})) == [TextDelta("h")]
    assert decoder.feed(piece("", name="ls")) == []
    assert [type(event) for event in decoder.feed(piece('{"a'))] == [CallStarted, CallArguments]
    assert decoder.feed(piece('": 1}')) == [CallArguments('": 1}')]
    assert decoder.feed(b"data: {") == []


def test_ids_last_beyond_the_turn():
    def ids(*sent):
        calls = [call("ls", "{}") | {"id": one} for one in sent]
        return [
            event.id for event in decode_reply(chat({"tool_calls": calls})) if isinstance(event, CallStarted)
        ]

    lasting = ["call_a8Zk2Qd0V1ty", "toolu_01A09q90qw90", "D681PevKs"]
    assert ids(*lasting) == lasting
    for sent in ("call_0", "functions.read:3", "0", "", None, "chatcmpl-tool-7"):
        (first,), (second,) = ids(sent), ids(sent)
        assert first != second
    assert len(set(ids("call_a8Zk2Qd0V1ty", "call_a8Zk2Qd0V1ty"))) == 2


BROKEN = [
    (b"data: {nonsense\n\n", UnreadableReply),
    (b'data: {"choices": 3}\n\n', UnreadableReply),
    (piece("{}", name="ls") + piece("{}", 1, "cat") + piece("{}", 0), UnreadableCall),
    (piece("{}"), UnreadableCall),
]


@pytest.mark.parametrize(("stream", "kind"), BROKEN)
def test_a_stream_that_makes_no_sense(stream, kind):
    with pytest.raises(UnreadableReply) as refused:
        read(stream)
    assert type(refused.value) is kind
    assert told(read(stream + chunk({"content": "hi"}) + DONE, observing=True))[1] is not None


def test_a_call_without_a_name_is_no_call():
    with pytest.raises(UnreadableCall):
        decode_reply(chat({"tool_calls": [call("", "{}")]}))


ERRORS = [
    ({"message": "out of memory", "code": 500}, "out of memory", "api_error"),
    ("out of memory", "out of memory", "api_error"),
    ({"message": "slow down", "type": "rate_limit_error"}, "slow down", "rate_limit_error"),
    (
        {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"},
        "slow down",
        "rate_limit_error",
    ),
    ({"message": "busy", "type": "overloaded_error"}, "busy", "overloaded_error"),
    ({"message": "wrong", "type": "invalid_request_error"}, "wrong", "invalid_request_error"),
    ({}, "unknown error", "api_error"),
    ({"message": {"odd": 1}}, "{'odd': 1}", "api_error"),
]


@pytest.mark.parametrize(("error", "message", "kind"), ERRORS)
def test_an_error_in_the_place_of_an_answer(error, message, kind):
    body = json.dumps({"error": error}).encode()
    failed = Failed(message=message, kind=kind)
    assert decode_reply(body) == [failed]
    stream = chunk({"content": "h"}) + b"data: " + body + b"\n\n" + chunk({"content": "i"}) + DONE
    assert told(read(stream)) == ([("text", "h")], failed, None)


ENDS = [
    # what the choice says beside its finish reason, the reason, the sequence
    ({"stop_reason": "</x>"}, "stop_sequence", "</x>"),
    ({"matched_stop": "</x>"}, "stop_sequence", "</x>"),
    ({"stop_str": "</x>"}, "stop_sequence", "</x>"),
    ({"finish_reason": "max_tokens"}, "output_limit", ""),
    ({"finish_reason": "tool_calls"}, "end", ""),
    ({"finish_reason": "stop_sequence"}, "stop_sequence", ""),
    ({"stop_reason": 151645, "matched_stop": 151645}, "end", ""),
    ({"stop_reason": None}, "end", ""),
    ({"stop_reason": "</x>", "finish_reason": "length"}, "output_limit", ""),
]


@pytest.mark.parametrize(("fields", "reason", "sequence"), ENDS)
def test_the_stop_sequence(fields, reason, sequence):
    stopped = Stopped(reason=reason, sequence=sequence)
    whole = {"message": {"content": "hi"}, "finish_reason": "stop", **fields}
    assert decode_reply(json.dumps({"choices": [whole]}).encode())[-1] == stopped
    choice = {"delta": {"content": "hi"}, "finish_reason": "stop", **fields}
    assert read(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n" + DONE)[-1] == stopped


REPORTS = [
    (USAGE, BILLED),
    ({"prompt_tokens": 10}, Usage(input=10, estimated=True)),
    ({"prompt_tokens": -1, "completion_tokens": 2}, None),
    ({"prompt_tokens": 1e99}, None),
    ({"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": None}, Usage(input=10, output=2)),
    ({"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 99}}, Usage(input=0, output=2, cache_read=99)),
    (
        {"prompt_tokens": 100, "completion_tokens": 2, "cache_read_input_tokens": 50, "cache_creation_input_tokens": 30, "prompt_tokens_details": {"cached_tokens": 50, "cache_creation_token_details": {"ephemeral_1h_input_tokens": 20}}, "speed": "fast"},
        Usage(input=20, output=2, cache_read=50, cache_write_5m=10, cache_write_1h=20, terms="fast"),
    ),
    (None, None),
]  # fmt: skip


@pytest.mark.parametrize(("reported", "usage"), REPORTS)
def test_usage(reported, usage):
    stream = chunk({"content": "hi"}) + chunk(usage=reported) + chunk({}, "stop") + DONE
    assert told(read(stream))[2] == usage


def test_the_tier_is_part_of_the_bill():
    assert told(read(chunk(usage=USAGE, service_tier="flex")))[2].terms == "flex"
    assert told(read(chunk(usage=USAGE, service_tier="default")))[2].terms == ""


def test_the_usage_chunk_is_left_out_where_its_client_did_not_ask():
    decoder, asked = ChatReplyDecoder(), ChatReplyDecoder()
    for block, alone in (
        (ROLE, False),
        (chunk({"content": "hi"}), False),
        (chunk({"content": "hi", "role": "assistant"}, usage=USAGE), False),
        (chunk(usage=USAGE), True),
        (chunk({"content": "hi"}), False),
        (chunk({"content": "you"}), False),
        (chunk(usage=None), False),
    ):
        assert decoder.repair(block, usage=False)[1] == (b"" if alone else block)
        assert asked.repair(block, usage=True)[1] == block


EVENTS = [
    Started(id="chatcmpl-1", model="upstream"),
    ThinkingDelta("hm"),
    Signature(signature="s"),
    TextDelta("h"),
    TextDelta("ié\n"),
    CallStarted(id="toolu_01A09q90qw90", name="ls"),
    CallArguments('{"a":'),
    CallArguments("1}"),
    CallEnded(),
    CallStarted(id="toolu_02A09q90qw90", name="now"),
    CallEnded(),
    UsageReport(Usage(input=30, output=7, cache_read=60, cache_write_5m=10)),
    Stopped(reason="tool_calls"),
]
SAID = [("thinking", "hm"), ("text", "hié\n"), ("ended", "ls", '{"a":1}'), ("ended", "now", "{}")]


def encoder(*, wants_usage=True):
    conversation = Conversation(dialect="openai_chat", turns=(), stream_usage=wants_usage)
    return ChatReplyEncoder(model="claude", conversation=conversation, prompt_tokens=12)


def frames(stream):
    blocks = stream.split(b"\n\n")
    assert blocks.pop() == b""
    if blocks and blocks[-1] == b"data: [DONE]":
        blocks.pop()
    return [json.loads(block.removeprefix(b"data: ")) for block in blocks]


@pytest.mark.parametrize("wants_usage", [True, False])
def test_events_are_written_and_read_again(wants_usage):
    together = encoder(wants_usage=wants_usage).feed(EVENTS)
    writing = encoder(wants_usage=wants_usage)
    assert b"".join(writing.feed([event]) for event in EVENTS) == together
    for frame in frames(together):
        ChatCompletionChunk.model_validate(frame)
    assert {(frame["id"], frame["model"]) for frame in frames(together)} == {("chatcmpl-1", "claude")}
    usage = Usage(input=30, output=7, cache_read=60, cache_write_5m=10) if wants_usage else None
    assert told(read(together)) == (SAID, Stopped(reason="tool_calls"), usage)
    assert together.endswith(DONE)


def test_events_are_written_whole_and_read_again():
    body = encode_reply(EVENTS, model="claude", conversation=CHAT)
    ChatCompletion.model_validate_json(body)
    assert told(decode_reply(body)) == (
        SAID,
        Stopped(reason="tool_calls"),
        Usage(input=30, output=7, cache_read=60, cache_write_5m=10),
    )
    assert [event.id for event in decode_reply(body) if isinstance(event, CallStarted)] == [
        "toolu_01A09q90qw90",
        "toolu_02A09q90qw90",
    ]


def test_a_call_with_free_text_is_written_as_its_client_wants_it():
    tool = Tool(name="patch", free_text=True)
    conversation = Conversation(dialect="openai_chat", turns=(), tools=(tool, Tool(name="f")))
    events = [
        Started(),
        CallStarted(id="a", name="patch"),
        CallArguments('{"in'),
        CallArguments('put": "say \\"hi\\""}'),
        CallEnded(),
        CallStarted(id="b", name="f"),
        CallEnded(),
        Stopped(reason="tool_calls"),
    ]
    calls = [
        {"id": "a", "type": "custom", "custom": {"name": "patch", "input": 'say "hi"'}},
        {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}},
    ]
    whole = json.loads(encode_reply(events, model="m", conversation=conversation))
    assert whole["choices"][0]["message"]["tool_calls"] == calls
    stream = ChatReplyEncoder(model="m", conversation=conversation).feed(events)
    deltas = [frame["choices"][0]["delta"] for frame in frames(stream) if frame["choices"]]
    pieces = [piece for delta in deltas for piece in delta.get("tool_calls", ())]
    assert [piece.pop("index") for piece in pieces] == [0, 0, 1, 1]
    assert pieces == [
        {"id": "a", "type": "custom", "custom": {"name": "patch", "input": ""}},
        {"custom": {"input": 'say "hi"'}},
        {"id": "b", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"function": {"arguments": "{}"}},
    ]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input": "say \\"hi', 'say "hi'),
        ('{"input": "two\\nlin\\', "two\nlin"),
        ('{"input": "caf\\u00', "caf"),
        ('{"input": "all"', "all"),
        ('{"inp', '{"inp'),
        ("", ""),
    ],
)
@pytest.mark.parametrize("ended", [(), (CallEnded(),)])
def test_free_text_that_is_cut_at_the_limit_is_what_there_was_of_it(arguments, text, ended):
    conversation = Conversation(dialect="openai_chat", turns=(), tools=(Tool(name="patch", free_text=True),))
    events = [
        Started(),
        CallStarted(id="a", name="patch"),
        CallArguments(arguments),
        *ended,
        Stopped(reason="output_limit"),
    ]
    whole = json.loads(encode_reply(events, model="m", conversation=conversation))
    assert whole["choices"][0]["message"]["tool_calls"][0]["custom"]["input"] == text
    stream = ChatReplyEncoder(model="m", conversation=conversation).feed(events)
    deltas = [frame["choices"][0]["delta"] for frame in frames(stream) if frame["choices"]]
    pieces = [piece["custom"]["input"] for delta in deltas for piece in delta.get("tool_calls", ())]
    assert "".join(pieces) == text


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("end", "stop"), ("unstated", "stop"), ("stop_sequence", "stop"), ("pause", "stop"), ("output_limit", "length"), ("overflow", "length"), ("tool_calls", "tool_calls"), ("refusal", "content_filter")],
)  # fmt: skip
def test_reasons(reason, finish):
    events = [Started(), TextDelta("hi"), Stopped(reason=reason)]
    assert (
        json.loads(encode_reply(events, model="m", conversation=CHAT))["choices"][0]["finish_reason"]
        == finish
    )
    assert frames(encoder(wants_usage=False).feed(events))[-1]["choices"][0]["finish_reason"] == finish


def test_without_usage_pieces_are_counted():
    events = [Started(), TextDelta("a"), TextDelta("b"), Stopped(reason="end")]
    usage = frames(encoder().feed(events))[-1]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (12, 2)
    usage = json.loads(encode_reply(events, model="m", conversation=CHAT, prompt_tokens=12))["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (12, 2)


def test_an_end_is_never_made_up():
    assert DONE not in encoder().feed(EVENTS[:-1])
    failed = encoder().feed([Started(), TextDelta("h"), Failed(message="busy", kind="overloaded_error")])
    assert frames(failed)[-1]["error"] == {
        "message": "busy",
        "type": "server_error",
        "param": None,
        "code": "overloaded",
    }
    assert DONE not in failed


def test_a_call_cut_at_the_limit_keeps_its_bytes():
    events = [Started(), CallStarted(id="x", name="ls"), CallArguments('{"a'), Stopped(reason="output_limit")]
    (call_,) = json.loads(encode_reply(events, model="m", conversation=CHAT))["choices"][0]["message"][
        "tool_calls"
    ]
    assert call_["function"]["arguments"] == '{"a'
    assert told(read(encoder().feed(events)))[0] == [("call", "ls", '{"a')]


DELTAS = st.sampled_from([
    {"content": "a"}, {"content": 'b"}'}, {"content": "é"}, {"content": ""}, {"reasoning_content": "r"}, {"refusal": "n"},
    {"content": "t", "reasoning_content": "r"}, {"role": "assistant"}, {"tool_calls": []}, None,
    *({"tool_calls": [{"index": index, "function": {"arguments": text}}]} for index in (0, 1) for text in ("{", "1", '"a":', "}", "{}")),
    *({"tool_calls": [{"index": index, "id": f"call_{index}", "function": {"name": "ls", "arguments": ""}}]} for index in (0, 1)),
    {"tool_calls": [{"function": {"name": "ls", "arguments": "{}"}}]},
])  # fmt: skip


@given(deltas=st.lists(DELTAS, max_size=14), finish=st.sampled_from(["stop", "length", None]))
def test_what_is_read_by_a_template_is_what_a_parse_reads(deltas, finish):
    plain = [chunk(delta) for delta in deltas] + [chunk({}, finish), DONE]
    odd = [block.replace(b'"id": "c"', b'"id": "c", "n": %d' % n) for n, block in enumerate(plain)]
    assert outcome(plain) == outcome(odd)


def outcome(blocks):
    try:
        return told(read(*blocks))
    except UnreadableReply as unreadable:
        return type(unreadable)
