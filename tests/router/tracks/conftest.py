"""The scripted upstream in this process, raw sockets for nasty wire behaviour, and plans to carry."""

import asyncio
import contextlib
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import pytest

from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.decide import Decision
from policies.privacy import Clearance
from router.accounts.teams import NOBODY
from router.scripted import serve
from router.settings import CloudSettings, LocalSettings
from router.tracks.cloud import CloudTrack
from router.tracks.egress import Egress
from router.tracks.local import LocalTrack
from router.types import ModelRequest, Plan, Reply
from router.wire import DIALECTS


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Ask until it is so; a deadline, not a timing."""
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.02)


KEY = "sk-ant-api03-ours"


@dataclass
class Upstream:
    """A running scripted upstream."""

    url: str
    session: aiohttp.ClientSession

    async def script(self, *steps: dict[str, Any]) -> None:
        async with self.session.post(f"{self.url}/_script", json=list(steps)) as response:
            assert response.status == 200, await response.text()

    async def requests(self) -> list[dict[str, Any]]:
        async with self.session.get(f"{self.url}/_requests") as response:
            return [{**row, "body": b64decode(row["body"])} for row in await response.json()]

    async def last(self) -> dict[str, Any]:
        return (await self.requests())[-1]

    async def last_headers(self) -> list[tuple[str, str]]:
        return [(name.lower(), value) for name, value in (await self.last())["headers"]]

    async def last_json(self) -> dict[str, Any]:
        return msgspec.json.decode((await self.last())["body"])

    async def ended(self, how: str) -> None:
        """Wait until the last request has ended as `how`."""

        async def has_ended() -> bool:
            return (await self.last())["end"] == how

        await until(has_ended)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with serve() as url, aiohttp.ClientSession() as session:
        yield Upstream(url, session)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def cloud(upstream, monkeypatch) -> AsyncIterator[Callable[..., CloudTrack]]:
    """Make cloud tracks to the scripted upstream, or elsewhere, with our key set."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
    async with contextlib.AsyncExitStack() as stack:

        def make(**settings: Any) -> CloudTrack:
            base = upstream.url + ("/v1" if settings.get("dialect") == "openai" else "")
            configured = CloudSettings(**({"base_url": base} | settings))
            egress = Egress(configured)
            stack.push_async_callback(egress.close)
            return CloudTrack(configured, egress)

        yield make


@pytest.fixture
async def local(upstream) -> AsyncIterator[Callable[..., LocalTrack]]:
    """Make local tracks to the scripted upstream, or elsewhere."""
    async with contextlib.AsyncExitStack() as stack:

        def make(**settings: Any) -> LocalTrack:
            track = LocalTrack(LocalSettings(**({"url": f"{upstream.url}/v1"} | settings)), None)
            stack.push_async_callback(track.close)
            return track

        yield make


@pytest.fixture
async def raw() -> AsyncIterator[Callable[..., Awaitable[tuple[str, list[bytes]]]]]:
    """Serve hand-written bytes: one behaviour per connection, the last one for all that follow."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*behaviours: Callable[..., Awaitable[None]]) -> tuple[str, list[bytes]]:
            seen: list[bytes] = []
            left = list(behaviours)

            async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                behave = left.pop(0) if len(left) > 1 else left[0]
                seen.append(b"accepted")
                try:
                    await behave(reader, writer)
                except (ConnectionError, asyncio.IncompleteReadError):
                    seen.append(b"hung up")
                finally:
                    writer.close()

            server = await asyncio.start_server(connected, "127.0.0.1", 0)
            stack.callback(server.close)
            host, port = server.sockets[0].getsockname()
            return f"http://{host}:{port}", seen

        yield start


@pytest.fixture
def read() -> Callable[..., Awaitable[bytes]]:
    """Read one request whole from a raw connection."""

    async def read_request(reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:-2])
        return head + await reader.readexactly(int(fields[b"content-length"]))

    return read_request


@pytest.fixture
def eventually() -> Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]:
    """Ask until it is so."""
    return until


@pytest.fixture
def broken() -> Callable[[Reply], Awaitable[bytes]]:
    """All bytes of a reply that must break off."""

    async def read_until_broken(reply: Reply) -> bytes:
        told = b""
        try:
            async for chunk in reply.chunks:
                told += chunk
        except ConnectionError:
            return told
        pytest.fail("the reply ended as if it were complete")

    return read_until_broken


@pytest.fixture
def whole() -> Callable[[Reply], Awaitable[bytes]]:
    """All bytes of a reply."""

    async def read_all(reply: Reply) -> bytes:
        async with contextlib.aclosing(reply.chunks) as chunks:
            return b"".join([chunk async for chunk in chunks])

    return read_all


@pytest.fixture
def plan() -> Callable[..., Plan]:
    """Make a request with everything decided about it."""
    return make_plan


def make_plan(
    body: bytes | dict[str, Any] | None = None,
    *,
    dialect: str = "anthropic_messages",
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),),
    allowed: bool = True,
    query: str = "",
    client: str = "test",
) -> Plan:
    default = {"model": "auto", "max_tokens": 64, "messages": [{"role": "user", "content": "say hi"}]}
    data = body if isinstance(body, bytes) else msgspec.json.encode(default | (body or {}))
    envelope = DIALECTS[dialect].read(data)
    return Plan(
        request=ModelRequest(
            id="r1",
            account=NOBODY,
            dialect=dialect,
            operation="generate",
            client=client,
            model=envelope.model,
            stream=envelope.stream,
            body=data,
            headers=headers,
            query=query,
        ),
        features=Features(),
        verdict=Verdict(p_local=0, kind="test", why=""),
        decision=Decision(track="cloud", rule="asked", why="for the test"),
        clearance=Clearance(allowed=True)
        if allowed
        else Clearance(allowed=False, why="path secrets/key.txt"),
        policy="test",
        overhead_s=0,
    )
