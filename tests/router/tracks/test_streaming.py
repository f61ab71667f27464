"""Streams that stall, drop or run on: what the client sees of them, and what the circuit breaker is told."""

import asyncio
import json

import aiohttp
import pytest

from policies.decide import Decision
from router.tracks.streaming import StalledStream, UpstreamBody, open_stream
from router.tracks.transforms import Relay
from router.wire import DIALECTS
from router.wire.usage_observer import UsageObserver

LOCAL = Decision(track="local", rule="asked", why="for the test")
CLOUD = Decision(track="cloud", rule="asked", why="for the test")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
BOTH = ["openai_chat", "anthropic_messages"]


def delta(text, finish=None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode() + b"\n\n"


END = delta("", "stop") + b"data: [DONE]\n\n"


class Health:
    """Notes how a stream ended."""

    def __init__(self) -> None:
        self.ends = []

    def completed(self) -> None:
        self.ends.append("completed")

    def stalled(self) -> None:
        self.ends.append("stalled")


@pytest.fixture
def sends(raw, read):
    """A server that sends these pieces, waits where a number stands, and ends as it is told."""

    async def start(*pieces, end=True) -> str:
        async def behave(reader, writer) -> None:
            await read(reader)
            writer.write(HEAD)
            for piece in pieces:
                if isinstance(piece, bytes):
                    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    await writer.drain()
                else:
                    await asyncio.sleep(piece)
            if end:
                writer.write(b"0\r\n\r\n")
                await writer.drain()

        url, _ = await raw(behave)
        return url

    return start


@pytest.fixture
async def opened():
    """Open a server's stream as a relay; gives its chunks, what was observed, and how it ended."""
    async with aiohttp.ClientSession() as session:

        async def start(url, stall_s=30.0):
            response = await session.post(url, data=b"{}")
            relay, health = (
                Relay(DIALECTS["openai_chat"].reply_decoder(observing=True), UsageObserver()),
                Health(),
            )
            return (
                await open_stream(UpstreamBody(response), relay, stall_s=stall_s, health=health),
                relay.observer,
                health,
            )

        yield start


async def test_a_stream_comes_to_its_end(sends, opened):
    chunks, observer, health = await opened(await sends(delta("a"), delta("b"), END))
    assert b"".join([chunk async for chunk in chunks]) == delta("a") + delta("b") + END
    assert observer.complete
    assert health.ends == ["completed"]


async def test_silence_after_the_first_unit_ends_as_a_dropped_connection(sends, opened):
    chunks, observer, health = await opened(await sends(delta("a"), 30), stall_s=0.2)
    assert await anext(chunks) == delta("a")
    with pytest.raises(StalledStream):
        await anext(chunks)
    assert not observer.complete
    assert health.ends == ["stalled"]


async def test_pieces_in_time_are_no_silence(sends, opened):
    pieces = [piece for n in range(6) for piece in (delta(str(n)), 0.2)]
    chunks, _, health = await opened(await sends(*pieces, END), stall_s=1.0)
    assert b"".join([chunk async for chunk in chunks]).endswith(END)
    assert health.ends == ["completed"]


async def test_a_client_that_reads_slowly_is_no_silence_of_the_upstreams(sends, opened):
    chunks, _, health = await opened(await sends(delta("a"), 0.1, delta("b"), END), stall_s=0.3)
    assert await anext(chunks) == delta("a")
    await asyncio.sleep(0.8)
    assert b"".join([chunk async for chunk in chunks]) == delta("b") + END
    assert health.ends == ["completed"]


async def test_before_the_first_unit_another_limit_holds(sends, opened):
    chunks, _, health = await opened(await sends(b": ping\n\n", 0.8, delta("a"), END), stall_s=0.2)
    assert b"".join([chunk async for chunk in chunks]) == b": ping\n\n" + delta("a") + END
    assert health.ends == ["completed"]


async def test_a_drop_after_the_end_is_an_end(sends, opened):
    chunks, observer, health = await opened(await sends(delta("a"), END, end=False))
    assert b"".join([chunk async for chunk in chunks]) == delta("a") + END
    assert observer.complete
    assert health.ends == ["completed"]


async def test_a_drop_before_the_end_is_none(sends, opened):
    chunks, observer, health = await opened(await sends(delta("a"), end=False))
    assert await anext(chunks) == delta("a")
    with pytest.raises(ConnectionError):
        await anext(chunks)
    assert not observer.complete
    assert health.ends == []


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("track", ["local", "anthropic", "openai", "litellm"])
async def test_stalled_streams_count_against_their_track(
    local, cloud, upstream, plan, broken, track, dialect
):
    """Different bodies of different clients: three of them, and it is down."""
    await upstream.script({"text": "one two three four", "fault": "stall", "after_events": 5, "times": 3})
    if track == "local":
        opened = local(name="mine", stall_s=0.2)
    elif track == "litellm":
        at = {"model": "openai/gpt-5", "base_url": f"{upstream.url}/v1", "api_key_env": "OPENAI_API_KEY"}
        opened = cloud(dialect=track, stall_s=0.2, **at)
    else:
        opened = cloud(dialect=track, stall_s=0.2)
    decision = LOCAL if track == "local" else CLOUD
    for number in range(3):
        assert opened.breaker.up
        body = {"stream": True, "max_tokens": 64 + number}
        request = plan(body, dialect=dialect, client=f"client {number}")
        text = await broken(await opened.open(request, decision))
        assert b"one" in text
        assert b"message_stop" not in text
        assert b"[DONE]" not in text
    assert (opened.breaker.circuit.state, opened.breaker.circuit.cause) == ("open", "timeout")
