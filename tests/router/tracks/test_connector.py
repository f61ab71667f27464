"""Connections to upstreams: a request is sent once, over none that its server is about to close."""

import asyncio
import contextlib
import json
import socket
import threading
from collections import Counter

import aiohttp
import pytest

from policies.decide import Decision
from router.tracks.connector import Body, Connector
from router.types import Progress, TrackError

CHAT, MESSAGES = "openai_chat", "anthropic_messages"
LOCAL = Decision(track="local", rule="asked", why="for the test")
CLOUD = Decision(track="cloud", rule="asked", why="for the test")
ANSWER = {
    "id": "c",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
}
TRACKS = [  # the provider's dialect, or the local model; the client's dialect
    ("anthropic", MESSAGES),
    ("openai", CHAT),
    ("anthropic", CHAT),
    ("openai", MESSAGES),
    ("local", CHAT),
    ("local", MESSAGES),
]


def reply(*fields: str) -> bytes:
    body = json.dumps(ANSWER)
    head = ["HTTP/1.1 200 OK", "content-type: application/json", f"content-length: {len(body)}", *fields]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


@pytest.fixture
def track_to(cloud, local):
    def make(kind: str, url: str):
        return local(url=url, name="mine") if kind == "local" else cloud(dialect=kind, base_url=url)

    return make


@pytest.mark.parametrize(("kind", "dialect"), TRACKS)
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 O"])
async def test_what_an_upstream_closes_before_its_head_is_sent_once(
    track_to, raw, read, plan, kind, dialect, before
) -> None:
    posts = []

    async def close(reader, writer) -> None:
        posts.append(await read(reader))
        writer.write(before)

    url, _ = await raw(close)
    track = track_to(kind, url)
    for number in range(10):
        progress = Progress()
        request = plan({"stream": bool(number % 2)}, dialect=dialect)
        with pytest.raises(TrackError) as caught:
            await track.open(request, LOCAL if kind == "local" else CLOUD, progress)
        assert caught.value.status == 502
        assert progress.sent
        assert len(posts) == number + 1


@pytest.mark.parametrize("kind", ["openai", "local"])
@pytest.mark.parametrize(
    ("fields", "connections"),
    [
        ([], 1),
        (["keep-alive: timeout=60"], 1),
        (["keep-alive: max=5"], 1),
        (["keep-alive: timeout=1, max=100"], 3),
        (["Keep-Alive: max=9, Timeout = 0"], 3),
        (["connection: close"], 3),
    ],
)
async def test_how_long_a_server_keeps_connections_is_heeded(
    track_to, raw, read, plan, whole, kind, fields, connections
) -> None:
    async def answer(reader, writer) -> None:
        while await read(reader):
            writer.write(reply(*fields))

    url, accepted = await raw(answer)
    track = track_to(kind, url)
    for _ in range(3):
        opened = await track.open(plan(dialect=CHAT), LOCAL if kind == "local" else CLOUD)
        assert b"Yes." in await whole(opened)
    assert accepted.count(b"accepted") == connections


async def test_a_server_that_closes_idle_connections_soon_costs_no_request(
    track_to, raw, read, plan, whole
) -> None:
    posts = []

    async def answer(reader, writer) -> None:
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(0.2):
                    posts.append(await read(reader))
                writer.write(reply())

    url, accepted = await raw(answer)
    track = track_to("openai", url)
    for pause in (0, 0.1, 0.3, 0.1, 0.3, 0.5, 0):
        await asyncio.sleep(pause)
        assert b"Yes." in await whole(await track.open(plan(dialect=CHAT), CLOUD))
    assert len(posts) == 7
    assert accepted.count(b"accepted") >= 4


async def test_of_a_connection_that_ends_after_it_was_chosen_nothing_was_sent() -> None:
    """The server closes between the choice of the connection and the first byte over it."""
    close, closed, received = threading.Event(), threading.Event(), []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            received.append(connection.recv(65536))
            connection.sendall(reply())
            close.wait()
        closed.set()

    async def end(*_: object) -> None:
        if received:  # the second request is on its way
            close.set()
            closed.wait()

    choosing = aiohttp.TraceConfig()
    choosing.on_request_headers_sent.append(end)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        connector = Connector(limit=4, keepalive_s=60)
        async with aiohttp.ClientSession(connector=connector, trace_configs=[choosing]) as session:
            async with session.post(url, data=Body(b"first", Progress())) as answer:
                assert await answer.json() == ANSWER
            progress = Progress()
            with pytest.raises(aiohttp.ClientOSError):
                await session.post(url, data=Body(b"second", progress))
        server.join()
    assert not progress.sent
    assert b"".join(received).endswith(b"first")


async def test_requests_that_cross_the_end_of_an_idle_connection(track_to, raw, read, plan, whole) -> None:
    """Each is answered, or was sent once and fails as what a client may try again; none is sent twice."""
    posts: Counter[bytes] = Counter()

    async def answer(reader, writer) -> None:
        with contextlib.suppress(TimeoutError, asyncio.IncompleteReadError):
            while True:
                async with asyncio.timeout(0.004):
                    posts[await read(reader)] += 1
                writer.write(reply())

    url, _ = await raw(answer)
    track = track_to("openai", url)
    answered, statuses = 0, set()
    for number in range(300):
        await asyncio.sleep(0.0035 + number % 10 / 10_000)
        progress = Progress()
        request = plan({"messages": [{"role": "user", "content": f"number {number}"}]}, dialect=CHAT)
        try:
            assert b"Yes." in await whole(await track.open(request, CLOUD, progress))
            answered += 1
        except TrackError as failure:
            statuses.add((failure.status, progress.sent))
    assert answered > 150
    assert statuses <= {(502, True)}
    assert set(posts.values()) == {1}
