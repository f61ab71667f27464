"""What is relayed keeps its bytes, and is read the same wherever it is cut."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.tracks.transforms import Document, FirstUnit, Relay, Repair
from router.types import TrackError, Usage
from router.wire import DIALECTS
from router.wire.usage_observer import UsageObserver

CLAUDE_START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"model":"claude-sonnet-5-5",'
    b'"id":"msg_1","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":'
    b'{"input_tokens":3,"cache_creation_input_tokens":50,"cache_read_input_tokens":700,"cache_creation":'
    b'{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":30},"output_tokens":1}}}\n\n'
)
CLAUDE_EMPTY = (
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":'
    b'{"type":"text","text":""}}\n\nevent: ping\ndata: {"type": "ping"}\n\n'
)
CLAUDE_TEXT = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
    b'"text":"\\"usage\\":{ message_stop \\"error\\""}}\n\n'
)
CLAUDE_TOOL = (
    b'event: content_block_start\ndata: {"type":"content_block_start","index":1,"content_block":'
    b'{"type":"tool_use","id":"toolu_1","name":"Read","input":{}}}\n\n'
)
CLAUDE_DELTA = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn",'
    b'"stop_sequence":null},"usage":{"cache_creation_input_tokens":50,"output_tokens":41}}\n\n'
)
CLAUDE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
CLAUDE_ERROR = (
    b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
)
PROMPT = {"input": 3, "cache_read": 700, "cache_write_5m": 20, "cache_write_1h": 30}


def chunk(delta, **more):
    document = {"id": "c", "object": "chat.completion.chunk", "model": "gpt-x", "usage": None}
    document |= {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} | more
    return b"data: " + json.dumps(document).encode() + b"\n\n"


GPT_ROLE = chunk({"role": "assistant", "content": ""})
GPT_TEXT = chunk({"content": 'the "usage" and "error" of [DONE]'})
GPT_TOOL = chunk({"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "ls", "arguments": ""}}]})
GPT_USAGE = chunk(
    {},
    choices=[],
    usage={"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 60}},
)
GPT_DONE = b"data: [DONE]\n\n"
GPT_ERROR = b'data: {"error":{"message":"Boom","type":"server_error","param":null,"code":null}}\n\n'

BEGUN = Usage(**PROMPT, output=1, estimated=True)
"""Until the output is reported."""
CLAUDE, GPT = "anthropic_messages", "openai_chat"
USED = Usage(input=40, output=7, cache_read=60)
STREAMS = [
    # dialect, bytes, usage, model, started, complete, error
    (CLAUDE, b"", None, "", False, False, ""),
    (CLAUDE, CLAUDE_START + CLAUDE_EMPTY, BEGUN, "claude-sonnet-5-5", False, False, ""),
    (
        CLAUDE,
        CLAUDE_START + CLAUDE_EMPTY + CLAUDE_TEXT,
        BEGUN,
        "claude-sonnet-5-5",
        True,
        False,
        "",
    ),
    (CLAUDE, CLAUDE_START + CLAUDE_TOOL, BEGUN, "claude-sonnet-5-5", True, False, ""),
    (
        CLAUDE,
        CLAUDE_START + CLAUDE_EMPTY + CLAUDE_TEXT * 3 + CLAUDE_TOOL + CLAUDE_DELTA + CLAUDE_STOP,
        Usage(**PROMPT, output=41),
        "claude-sonnet-5-5",
        True,
        True,
        "",
    ),
    (
        CLAUDE,
        CLAUDE_START + CLAUDE_ERROR,
        BEGUN,
        "claude-sonnet-5-5",
        False,
        False,
        "Overloaded",
    ),
    (
        CLAUDE,
        CLAUDE_START + CLAUDE_TEXT + CLAUDE_ERROR,
        BEGUN,
        "claude-sonnet-5-5",
        True,
        False,
        "Overloaded",
    ),
    (CLAUDE, b"event: ping\ndata: not JSON\n\n" + CLAUDE_STOP, None, "", False, True, ""),
    (GPT, GPT_ROLE, None, "gpt-x", False, False, ""),
    (GPT, GPT_ROLE + GPT_TEXT, None, "gpt-x", True, False, ""),
    (GPT, GPT_ROLE + GPT_TOOL, None, "gpt-x", True, False, ""),
    (GPT, chunk({"reasoning_content": "hm"}), None, "gpt-x", True, False, ""),
    (GPT, GPT_ROLE + GPT_TEXT * 3 + GPT_USAGE + GPT_DONE, USED, "gpt-x", True, True, ""),
    (GPT, GPT_USAGE + GPT_DONE, USED, "gpt-x", False, True, ""),
    (GPT, GPT_ROLE + GPT_TEXT + GPT_ERROR, None, "gpt-x", True, False, "Boom"),
    (GPT, b'data: {"error":"Boom"}\n\n', None, "", False, False, "Boom"),
    (GPT, GPT_ROLE.replace(b"\n\n", b"\r\n\r\n") + GPT_DONE, None, "gpt-x", False, True, ""),
]


def relay(dialect, stream):
    if stream:
        return Relay(DIALECTS[dialect].reply_decoder(observing=True), UsageObserver())
    return Document(DIALECTS[dialect].decode_reply, UsageObserver())


def observed(dialect, stream, chunks):
    """What is known of a reply that was relayed in these chunks, whose bytes must not change."""
    transform = relay(dialect, stream)
    for chunk in chunks:
        assert transform.feed(chunk) == chunk
    assert transform.end() == b""
    observer = transform.observer
    return (observer.usage, observer.model, observer.started, observer.complete, observer.error)


@pytest.mark.parametrize("case", STREAMS)
def test_a_stream_is_read_at_once_and_byte_by_byte(case):
    dialect, stream, *expected = case
    assert observed(dialect, True, [stream]) == tuple(expected)
    assert observed(dialect, True, [stream[at : at + 1] for at in range(len(stream))]) == tuple(expected)


@given(case=st.sampled_from(STREAMS), cuts=st.lists(st.integers(0, 2000), max_size=6))
def test_a_stream_is_read_however_it_is_cut(case, cuts):
    dialect, stream, *expected = case
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    parts = [stream[a:b] for a, b in pairwise(places)]
    assert observed(dialect, True, parts) == tuple(expected)


CLAUDE_WHOLE = (
    b'{"id":"msg_1","type":"message","model":"claude-sonnet-5-5","content":[{"type":"tool_use","input":{}}],'
    b'"usage":{"input_tokens":3,"cache_creation_input_tokens":50,"output_tokens":9}}'
)
GPT_WHOLE = (
    b'{"id":"c","model":"gpt-x","choices":[{"message":{"content":"}"}}],\n "usage":{"prompt_tokens":5,'
    b'"completion_tokens":2,"prompt_tokens_details":null}}\n'
)
WHOLES = [
    (CLAUDE, CLAUDE_WHOLE, Usage(input=3, output=9, cache_write_5m=50), "claude-sonnet-5-5", True, True, ""),
    (CLAUDE, CLAUDE_WHOLE[:-1], None, "", False, False, ""),
    (CLAUDE, b'{"type":"error","error":{"type":"api_error","message":"No"}}', None, "", False, True, "No"),
    (CLAUDE, b"<html>502</html>", None, "", False, False, ""),
    (GPT, GPT_WHOLE, Usage(input=5, output=2), "gpt-x", True, True, ""),
    (GPT, GPT_WHOLE[:60], None, "", False, False, ""),
    (GPT, b'{"error":{"message":"No","type":null}}', None, "", False, True, "No"),
]


@pytest.mark.parametrize("case", WHOLES)
def test_a_document_is_read_at_once_and_byte_by_byte(case):
    dialect, body, *expected = case
    assert observed(dialect, False, [body]) == tuple(expected)
    assert observed(dialect, False, [body[at : at + 1] for at in range(len(body))]) == tuple(expected)


LATER = [
    (b'{"input_tokens":9,"output_tokens":2}', Usage(**PROMPT | {"input": 9}, output=2)),
    (b'{"input_tokens":null,"output_tokens":2}', Usage(**PROMPT, output=2)),
    (
        b'{"cache_creation_input_tokens":60}',
        Usage(**PROMPT | {"cache_write_5m": 60, "cache_write_1h": 0}, output=1, estimated=True),
    ),
    (b'{"cache_read_input_tokens":0,"output_tokens":0}', Usage(**PROMPT | {"cache_read": 0}, output=0)),
]


@pytest.mark.parametrize(("usage", "expected"), LATER)
def test_later_usage_replaces_what_it_names(usage, expected):
    delta = b'event: message_delta\ndata: {"type":"message_delta","delta":{},"usage":%b}\n\n' % usage
    assert observed(CLAUDE, True, [CLAUDE_START, delta])[0] == expected


ABSURD = ["-1", "1e400", "1" + "0" * 400, "1180591620717411303424", '"7"', "true", "1.5", "[]", '"\xff"']


@pytest.mark.parametrize("number", ABSURD)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
def test_usage_that_can_be_no_count_of_tokens_is_none(dialect, stream, number):
    claude = dialect == "anthropic_messages"
    names = ("input_tokens", "output_tokens") if claude else ("prompt_tokens", "completion_tokens")
    usage = f'{{"{names[0]}":{number},"{names[1]}":5}}'
    content = '"content":[]' if claude else '"choices":[{"message":{"content":"a"},"delta":{"content":"a"}}]'
    document = f'{{"model":"m",{content},"usage":{usage}}}'
    event = f'event: message_start\ndata: {{"type":"message_start","message":{document}}}\n\n'
    chunk = f"data: {document}\n\n"
    body = ((event if claude else chunk) if stream else document).encode("latin-1")
    assert observed(dialect, stream, [body])[:2] == (None, "m")


def repaired(stream, size):
    transform = Repair(UsageObserver(), FirstUnit(thinking=True), usage=True)
    return (
        b"".join(transform.feed(stream[at : at + size]) for at in range(0, len(stream), size))
        + transform.end()
    )


def call(index, arguments="", **function):
    return chunk({"tool_calls": [{"index": index, "function": {"arguments": arguments} | function}]})


GPT_END = chunk({}, choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]) + GPT_DONE
CALLS = {
    "as the reference writes them": call(0, name="ls") + call(0, '{"a":') + call(0, "1}"),
    "a name in pieces": call(0) + call(0, name="l") + call(0, name="s") + call(0, "{}"),
    "two in turns": call(0, name="ls") + call(1, name="cat") + call(0, "{") + call(1, "{}") + call(0, "}"),
    "two at one index": call(0, '{"a":1}', name="ls") + call(0, "{}", name="cat"),
    "without arguments": call(0, name="ls"),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_local_servers_calls_reach_its_own_dialect(name, size):
    """Whatever a server's habit: the first call is sound, and the end says that there are calls."""
    reply = repaired(CALLS[name] + GPT_END, size)
    assert b'"finish_reason":"tool_calls"' in reply
    assert reply.endswith(GPT_DONE)


@pytest.mark.parametrize(
    "calls",
    [
        call(0, '{"a"', name="ls"),
        call(0, "[1]", name="ls"),
        call(0, "{}"),
        call(0, "7") + call(1, "{}", name="ls"),
    ],
)
def test_a_local_servers_first_call_must_be_sound(calls):
    with pytest.raises(TrackError) as refused:
        repaired(calls + GPT_END, 1 << 20)
    assert refused.value.cause == "bad_tool_call"
