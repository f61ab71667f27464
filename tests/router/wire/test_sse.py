"""Events come out the same wherever the bytes are cut."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.wire.sse import Splitter, data_of, encode

CASES = [
    (b"", []),
    (b"data: a\n\n", [b"a"]),
    (b"data:a\n\n", [b"a"]),
    (b"data:  a\n\n", [b" a"]),
    (b"event: ping\ndata: {}\n\n", [b"{}"]),
    (b"event:ping\r\ndata:{}\r\n\r\ndata: 2\r\n\r\n", [b"{}", b"2"]),
    (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    (b"data: a\n\r\ndata: b\r\n\n", [b"a", b"b"]),
    (b"data: a\ndata: b\ndata:\ndata: c\n\n", [b"a\nb\n\nc"]),
    (b": keepalive\n\ndata: a\n\n", [b"a"]),
    (b": note\ndata: a\n: note\nid: 7\nretry: 9\nunknown\n\n", [b"a"]),
    (b"\n\n\n\ndata: a\n\n\n\n", [b"a"]),
    (b"event: lonely\n\ndata: a\n\n", [b"a"]),
    (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    (b"data: \xc3\xa9\xe2\x80\xa8x\n\n", ["é\u2028x".encode()]),
    (b"data: a\x0bb\x0cc\x1cd\x85\n\n", [b"a\x0bb\x0cc\x1cd\x85"]),
    (b"data: [DONE]\n\ndata: unfinished\n", [b"[DONE]"]),
]


def parse(*chunks):
    splitter = Splitter()
    return [data for chunk in chunks for block in splitter.feed(chunk) if (data := data_of(block))]


@pytest.mark.parametrize(("stream", "events"), CASES)
def test_a_stream_becomes_events(stream, events):
    assert parse(stream) == events


@pytest.mark.parametrize(("stream", "events"), CASES)
def test_byte_by_byte(stream, events):
    assert parse(*(stream[at : at + 1] for at in range(len(stream)))) == events


@pytest.mark.parametrize(("stream", "events"), CASES)
def test_cut_once_at_every_place(stream, events):
    for at in range(len(stream) + 1):
        assert parse(stream[:at], stream[at:]) == events


WRITTEN = [
    (("message_stop", b'{"type":"message_stop"}'), b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
    (("", b"[DONE]"), b"data: [DONE]\n\n"),
    (("x", b"a\nb"), b"event: x\ndata: a\ndata: b\n\n"),
]


@pytest.mark.parametrize(("event", "stream"), WRITTEN)
def test_an_event_is_written(event, stream):
    assert encode(*event) == stream


LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=9)


@given(
    events=st.lists(st.tuples(LINE, st.lists(LINE, min_size=1, max_size=3).filter(any)), max_size=5),
    cuts=st.lists(st.integers(0, 99), max_size=9),
    crlf=st.booleans(),
)
def test_what_is_written_is_read(events, cuts, crlf):
    written = ["\n".join(lines).encode() for _, lines in events]
    stream = b"".join(encode(name, data) for (name, _), data in zip(events, written, strict=True))
    if crlf:
        stream = stream.replace(b"\n", b"\r\n")
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    assert parse(*(stream[a:b] for a, b in pairwise(places))) == written


def test_a_block_without_an_end_costs_no_more_than_its_bytes():
    splitter = Splitter()
    began = time.thread_time()
    for _ in range(20_000):
        assert splitter.feed(b"data: " + b"x" * 1_000 + b"\n") == []
    assert len(splitter.feed(b"\n")[0]) == 20_000 * 1_007 - 1
    assert time.thread_time() - began < 1
