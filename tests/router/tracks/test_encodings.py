"""Upstreams that encode their answers although plain text was asked for."""

import gzip
import zlib

import brotli
import pytest
from backports import zstd

from policies.decide import Decision
from router.types import TrackError

CLOUD = Decision(track="cloud", rule="asked", why="for the test")
LOCAL = Decision(track="local", rule="asked", why="for the test")
ANSWER = (
    b'{"id":"m","type":"message","role":"assistant","model":"x","content":[{"type":"text","text":"hi"}],'
    b'"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}'
)
CHAT = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"x","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"hi"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)
PACKERS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress}


@pytest.fixture
def encoded(raw, read):
    """Serve a body in an encoding."""

    async def start(encoding: str, body: bytes) -> str:
        async def behave(reader, writer):
            await read(reader)
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: {encoding}\r\n"
            writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()

        return (await raw(behave))[0]

    return start


@pytest.mark.parametrize("encoding", PACKERS)
async def test_the_providers_answer_is_decoded(cloud, encoded, plan, whole, encoding):
    url = await encoded(encoding, PACKERS[encoding](ANSWER))
    reply = await cloud(base_url=url).open(plan(), CLOUD)
    assert await whole(reply) == ANSWER
    assert not {"content-encoding", "content-length"} & {name for name, _ in reply.headers}


@pytest.mark.parametrize("encoding", PACKERS)
async def test_the_local_servers_answer_is_decoded(local, encoded, plan, whole, encoding):
    url = await encoded(encoding, PACKERS[encoding](CHAT))
    reply = await local(url=url, name="x").open(plan(dialect="openai_chat"), LOCAL)
    assert b'"hi"' in await whole(reply)


@pytest.mark.parametrize("encoding", ["compress", "gzip, br", "x-own"])
async def test_an_encoding_that_cannot_be_read_is_named(cloud, local, encoded, plan, encoding):
    url = await encoded(encoding, b"\x1f\x9d\x90")
    with pytest.raises(TrackError, match=f"answered in `{encoding}`") as failed:
        await cloud(base_url=url).open(plan(), CLOUD)
    assert (failed.value.cause, failed.value.status) == ("cloud_error", 502)
    with pytest.raises(TrackError, match=f"answered in `{encoding}`"):
        await local(url=url, name="x").open(plan(), LOCAL)


@pytest.mark.parametrize("encoding", PACKERS)
async def test_an_answer_that_is_not_what_it_says_is_named(cloud, local, encoded, plan, encoding):
    url = await encoded(encoding, b"not packed at all")
    with pytest.raises(
        TrackError, match="cannot be read: its bytes are not in the `content-encoding`"
    ) as failed:
        await cloud(base_url=url).open(plan(), CLOUD)
    assert (failed.value.cause, failed.value.status) == ("cloud_error", 502)
    with pytest.raises(
        TrackError, match="cannot be read: its bytes are not in the `content-encoding`"
    ) as failed:
        await local(url=url, name="x").open(plan(dialect="openai_chat"), LOCAL)
    assert (failed.value.cause, failed.value.status) == ("local_error", 502)
