# ruff: noqa: E501 - a stream's pieces read best on one line
"""Tool calls as servers write them, and as clients count on them: tables of pieces, and every cut."""

import json

import pytest

from router.wire.chat_reply import ChatReplyDecoder, read_reply
from router.wire.events import CallEnded, Stopped, UnreadableReply


def relayed(stream, size=None):
    """The stream as it reaches clients of the same dialect, fed in pieces of `size` bytes."""
    decoder, size = ChatReplyDecoder(), size or len(stream) or 1
    pieces = (stream[at : at + size] for at in range(0, len(stream), size))
    return b"".join(decoder.repair(piece, usage=True)[1] for piece in pieces)


def piece(index=None, id=None, name=None, arguments=None):  # noqa: A002 - the field's name
    function = {key: one for key, one in (("name", name), ("arguments", arguments)) if one is not None}
    fields = {"index": index, "id": id, "function": function or None}
    return {key: one for key, one in fields.items() if one is not None}


def chunk(*pieces, finish=None, **delta):
    told = ({"tool_calls": list(pieces)} if pieces else {}) | delta
    data = {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": told, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def assembled(stream: bytes):
    """The calls as a client puts them together: by index, names and arguments joined."""
    calls, finish = {}, None
    for block in stream.split(b"\n\n"):
        if not block.startswith(b"data: {"):
            continue
        (choice,) = json.loads(block.removeprefix(b"data: "))["choices"]
        finish = choice["finish_reason"] or finish
        for one in choice["delta"].get("tool_calls", ()):
            call = calls.setdefault(one["index"], {"id": "", "name": "", "arguments": ""})
            call["id"] = call["id"] or one.get("id", "")
            call["name"] += one["function"].get("name", "")
            call["arguments"] += one["function"].get("arguments", "")
    assert list(calls) == list(range(len(calls)))
    ids = [call["id"] for call in calls.values()]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    return [(call["name"], call["arguments"]) for call in calls.values()], finish


A, B = '{"path": "a"}', '{"path": "b"}'
BOTH = [("read", A), ("read", B)]
STREAMS = {
    "as the reference writes them": ([piece(0, "x", "read", ""), piece(0, arguments=A), piece(1, "y", "read", ""), piece(1, arguments=B)], BOTH),
    "interleaved": ([piece(0, "x", "read", ""), piece(1, "y", "read", ""), piece(0, arguments=A), piece(1, arguments=B)], BOTH),
    "all at index 0": ([piece(0, "x", "read", A), piece(0, "y", "read", B)], BOTH),
    "all at index 0, arguments in pieces": (
        [piece(0, "x", "read", ""), piece(0, arguments=A[:5]), piece(0, arguments=A[5:]), piece(0, "y", "read", ""), piece(0, arguments=B)],
        BOTH,
    ),
    "no index": ([piece(None, "x", "read", A), piece(None, "y", "read", B)], BOTH),
    "no index, pieces by id": ([piece(None, "x", "read", ""), piece(None, "x", arguments=A), piece(None, "y", "read", ""), piece(None, "y", arguments=B)], BOTH),
    "no index, no id": ([piece(name="read", arguments=A), piece(name="read", arguments=B)], BOTH),
    "index 0, no id, the name first": ([piece(0, name="read", arguments=A), piece(0, name="read", arguments=""), piece(0, arguments=B)], BOTH),
    "index 0, no id, another name": ([piece(0, name="read", arguments=A), piece(0, name="list", arguments=""), piece(0, arguments="{}")], [("read", A), ("list", "{}")]),
    "one id for all": ([piece(0, "x", "read", A), piece(0, "x", "read", B)], BOTH),
    "one id, an index each": ([piece(0, "x", "read", A), piece(1, "x", "read", B)], BOTH),
    "id and name again with each piece": ([piece(0, "x", "read", A[:4]), piece(0, "x", "read", A[4:]), piece(0, "x", "read", "")], [("read", A)]),
    "another id with each piece": ([piece(0, "x", "read", A[:4]), piece(0, "y", arguments=A[4:8]), piece(0, "z", arguments=A[8:])], [("read", A)]),
    "another id, and the name again": ([piece(0, "x", "read", A[:4]), piece(0, "y", "read", A[4:])], [("read", A)]),
    "another id, and nothing else, at the end": ([piece(0, "x", "read", A), piece(0, "y", arguments="")], [("read", A)]),
    "another id behind a call without arguments": ([piece(0, "x", "list", ""), piece(0, "y", "read", A)], [("list", ""), ("read", A)]),
    "no index, interleaved by id": (
        [piece(None, "x", "read", '{"a":'), piece(None, "y", "read", '{"b":'), piece(None, "x", arguments="1}"), piece(None, "y", arguments="2}")],
        [("read", '{"a":1}'), ("read", '{"b":2}')],
    ),
    "no index, opened in turn": ([piece(None, "x", "read", A[:5]), piece(None, "y", "read", ""), piece(None, "x", arguments=A[5:]), piece(None, "y", arguments=B)], BOTH),
    "another id behind what is no JSON": ([piece(0, "x", "read", '{"path": a.py}'), piece(0, "y", "read", B)], [("read", '{"path": a.py}'), ("read", B)]),
    "another id behind null": ([piece(0, "x", "read", "null"), piece(0, "y", "read", B)], [("read", "null"), ("read", B)]),
    "all of a call once more": ([piece(0, "x", "read", A[:6]), piece(0, arguments=A[6:]), piece(0, "x", "read", A)], [("read", A)]),
    "all of it up to there with each piece": ([piece(0, "x", "read", A[:at]) for at in range(1, len(A) + 1)], [("read", A)]),
    "all of it up to there, and once more": (
        [piece(0, "x", "read", ""), *(piece(0, arguments=A[:at]) for at in (4, 11, 12, len(A), len(A)))], [("read", A)],
    ),
    "all up to there of two calls": (
        [piece(0, "x", "read", ""), *(piece(0, arguments=A[:at]) for at in (1, 2, 8, len(A))), piece(1, "y", "read", ""), *(piece(1, arguments=B[:at]) for at in (1, 2, 8, len(B)))],
        BOTH,
    ),
    "a value that begins as the arguments do": (
        [piece(0, "x", "read", '{"a":'), piece(0, arguments='{"a":1}'), piece(0, arguments="}")], [("read", '{"a":{"a":1}}')],
    ),
    "a list of what begins as the arguments do": (
        [piece(0, "x", "read", '{"a":['), piece(0, arguments='{"a":[1]},'), piece(0, arguments='{"a":[2]}]}')], [("read", '{"a":[{"a":[1]},{"a":[2]}]}')],
    ),
    "an index that begins at 1": ([piece(1, "x", "read", A), piece(2, "y", "read", B)], BOTH),
    "without ids": ([piece(0, name="read", arguments=A), piece(1, name="read", arguments=B)], BOTH),
    "arguments as an object": ([piece(0, "x", "read", {"path": "a"})], [("read", '{"path":"a"}')]),
    "null arguments": ([piece(0, "x", "read") | {"function": {"name": "read", "arguments": None}}, piece(0, arguments=A)], [("read", A)]),
    "a name in two pieces": ([piece(0, "x", "re"), piece(0, name="ad", arguments=A)], [("read", A)]),
    "a brace inside a string": ([piece(0, "x", "read", '{"path": "}'), piece(0, "x", "read", '"}')], [("read", '{"path": "}"}')]),
    "cut short": ([piece(0, "x", "read", A[:5])], [("read", A[:5])]),
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("together", [False, True])
def test_calls_come_one_by_one(name, together):
    pieces, calls = STREAMS[name]
    chunks = [chunk(*pieces)] if together else [chunk(one) for one in pieces]
    stream = b"".join([*chunks, chunk(finish="stop"), b"data: [DONE]\n\n"])
    assert assembled(relayed(stream)) == (calls, "tool_calls")
    assert assembled(relayed(stream, 1)) == (calls, "tool_calls")


FINISHES = [
    # what the stream ends with behind a call, what the client reads
    (chunk(finish="stop"), "tool_calls"),
    (chunk(finish="STOP"), "tool_calls"),
    (chunk(finish=""), "tool_calls"),
    (b"", "tool_calls"),
    (chunk(finish="max_tokens"), "length"),
    (chunk(finish="MAX_TOKENS"), "length"),
    (chunk(finish="content_filter"), "content_filter"),
    (chunk(finish="abort"), "tool_calls"),
]


@pytest.mark.parametrize(("last", "finish"), FINISHES)
def test_the_end_behind_a_call(last, finish):
    stream = chunk(piece(0, "x", "read", A)) + last + b"data: [DONE]\n\n"
    assert assembled(relayed(stream)) == ([("read", A)], finish)
    assert relayed(stream).endswith(b"data: [DONE]\n\n")


def test_the_end_that_is_added_counts_no_tokens_again():
    counted = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    called = json.loads(chunk(piece(0, "x", "read", A)).removeprefix(b"data: ")) | {"usage": counted}
    stream = b"data: " + json.dumps(called).encode() + b"\n\ndata: [DONE]\n\n"
    blocks = relayed(stream).split(b"\n\n")
    assert sum(b'"usage"' in block for block in blocks) == 1
    assert any(b'"finish_reason":"tool_calls"' in block.replace(b" ", b"") for block in blocks)


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        ("tool_calls", "stop"),
        ("eos", "stop"),
        ("stop_sequence", "stop"),
        ("model_length", "length"),
        ("function_call", "function_call"),
        ("abort", "abort"),
    ],
)
def test_the_end_of_a_text(finish, word):
    stream = chunk(content="So.") + chunk(finish=finish) + b"data: [DONE]\n\n"
    assert assembled(relayed(stream)) == ([], word)
    message = {"role": "assistant", "content": "So."}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}]}).encode()
    (choice,) = json.loads(read_reply(body)[1])["choices"]
    assert choice["finish_reason"] == word


UNCHANGED = [
    chunk(content="hi") + chunk(finish="stop") + b"data: [DONE]\n\n",
    chunk(piece(0, "x", "read", A) | {"type": "function"}) + chunk(finish="tool_calls"),
    chunk(piece(0, "x", "read", A) | {"type": "function"}) + chunk(finish="length"),
    b": comment\n\n" + chunk(content="hi"),
    b'data: {"choices": [{"delta": {"tool_calls": "none"}}]}\n\n',
    b'data: {"choices": [{"delta": {"tool_calls": []}}]}\n\n',
    b'data: {"choices": [{"index": 1, "delta": {"tool_calls": [{}]}}]}\n\n',
    b'data: {"choices": [], "usage": {"tool_calls": 1}}\n\n',
    b'data: {"error": {"message": "no \\"tool_calls\\""}}\n\n',
    chunk(content='"tool_calls"', tool_calls=None),
]


@pytest.mark.parametrize("stream", UNCHANGED)
def test_what_needs_no_change_keeps_its_bytes(stream):
    assert relayed(stream) == stream


def reply(*calls, finish="stop"):
    message = {"role": "assistant", "content": None, "tool_calls": list(calls)}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}]}).encode()


CALL = {"id": "x", "type": "function", "function": {"name": "read", "arguments": A}}


@pytest.mark.parametrize(
    ("calls", "finish", "ended"),
    [
        ([CALL], "stop", "tool_calls"),
        ([CALL], "function_call", "tool_calls"),
        ([CALL], "eos_token", "tool_calls"),
        ([CALL], None, "tool_calls"),
        ([CALL], "", "tool_calls"),
        ([CALL], "max_length", "length"),
        ([CALL], "content_filter", "content_filter"),
        ([CALL, CALL], "tool_calls", "tool_calls"),
        ([CALL | {"id": None}], "stop", "tool_calls"),
        ([CALL | {"function": {"name": "read", "arguments": {"path": "a"}}}], "length", "length"),
    ],
)
def test_whole_replies(calls, finish, ended):
    (choice,) = json.loads(read_reply(reply(*calls, finish=finish))[1])["choices"]
    assert choice["finish_reason"] == ended
    repaired = choice["message"]["tool_calls"]
    assert [json.loads(call["function"]["arguments"]) for call in repaired] == [{"path": "a"}] * len(calls)
    ids = [call["id"] for call in repaired]
    assert all(ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("word", ["length", "max_tokens", "MAX_LENGTH"])
def test_a_call_that_was_cut_off_does_not_end(word):
    begun = CALL | {"function": {"name": "read", "arguments": A[:6]}}
    events, _ = read_reply(reply(CALL, begun, finish=word))
    assert [type(event) for event in events].count(CallEnded) == 1
    assert events[-1] == Stopped(reason="output_limit")


@pytest.mark.parametrize(
    "body",
    [
        reply(CALL, finish="tool_calls"),
        reply(),
        reply(CALL, finish="length"),
        b'{"error": {"message": "no"}}',
    ],
)
def test_whole_replies_that_need_none(body):
    assert read_reply(body)[1] == body


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"choices": null}', b'{"choices": 3}', b"<html>", b"{}"])
def test_what_is_no_reply(body):
    with pytest.raises(UnreadableReply):
        read_reply(body)
