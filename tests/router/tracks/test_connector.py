"""Connections to upstreams: a request is sent once, over none that its server is about to close."""

import asyncio
import contextlib
import json

import pytest

from policies.decide import Decision
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
