import contextlib
import json
import socket

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.speed import upstream
from benchmarks.speed.bodies import PATHS, body
from benchmarks.speed.drip import WORD
from benchmarks.speed.load import request, stream
from benchmarks.speed.peers import Target, verify

ENDS = {"openai_chat": b"data: [DONE]", "anthropic_messages": b"event: message_stop"}
DIALECTS = tuple(PATHS)


@pytest.mark.parametrize("start", [upstream.fixed, upstream.dripping])
def test_answers_either_dialect(start):
    with start() as port:
        for dialect in DIALECTS:
            verify(Target(name="direct", port=port), body("small", dialect, "same"))


@pytest.mark.parametrize("start", [upstream.fixed, upstream.dripping])
def test_takes_the_whole_request_before_it_answers(start):
    with start() as port, socket.create_connection(("127.0.0.1", port), timeout=0.3) as client:
        raw = request(body("agent", "openai_chat", "same"), port, "k")
        client.sendall(raw[:-1])
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(20)
        client.sendall(raw[-1:])
        assert client.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("words", [1, 2, 5])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_streams_as_many_events_as_tokens_were_asked_for(dialect, words):
    template = body("small", dialect, "same", stream=True, max_tokens=words)
    with upstream.dripping() as port:
        raw = request(template, port, "k")
        sample = stream(raw, port, connections=2, each=2, until=WORD.encode())
        assert (sample.requests, sample.errors, sample.events) == (4, 0, 4 * words)
        verify(Target(name="direct", port=port), template)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_is_made_of_valid_events(dialect):
    template = body("small", dialect, "same", stream=True, max_tokens=3)
    with upstream.dripping() as port, socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(request(template, port, "k"))
        got = bytearray()
        while not got.endswith(b"0\r\n\r\n"):
            got += client.recv(65536)
    lines = [line for line in bytes(got).splitlines() if line.startswith(b"data: {")]
    assert len([json.loads(line[6:]) for line in lines]) == len(lines) > 5
    assert ENDS[dialect] in got


def test_verify_refuses_an_error_page(serving):
    with serving(fail_after=0) as server, pytest.raises(BenchmarkError, match=r"status 503.*busy"):
        verify(Target(name="peer", port=server.port), body("small", "openai_chat", "same"))


def test_verify_refuses_a_turnout_that_serves_locally(serving):
    with serving() as server, pytest.raises(BenchmarkError, match="cloud track"):
        verify(Target(name="turnout", port=server.port), body("small", "openai_chat", "same"))


def test_leaving_ends_the_upstream():
    with upstream.fixed() as port:
        pass
    with contextlib.closing(socket.socket()) as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0
