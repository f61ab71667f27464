"""Stands between clients and the endpoint: keeps each request as it was sent, and the track that answered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp
from aiohttp import web

from router.accounts.keys import Keyring
from router.app.gemini_path import read_path, write_path
from router.app.request import make_request, read_outline
from router.types import DialectName, ModelRequest, Operation

HOP = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
"""Header fields of one connection, which are not passed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request with a body, as its client sent it."""

    path: str
    """Without the run's own prefix."""
    headers: tuple[tuple[str, str], ...]
    """Names in lower case."""
    body: bytes
    track: str
    """Where the endpoint took it; empty where it refused."""
    answer: bytearray = field(default_factory=bytearray)
    """As far as it has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """Give each run of a client the base URL `url(run)`."""

    root: str
    sent: dict[str, list[Sent]] = field(default_factory=dict)
    """By run, in the order of arrival."""

    def url(self, run: str) -> str:
        """The base URL without `/v1`."""
        return f"{self.root}/{run}"


@asynccontextmanager
async def recorder(endpoint: str) -> AsyncIterator[Recorder]:
    """Pass everything on to `endpoint`, and keep it."""
    app = web.Application(client_max_size=64 * 2**20)
    runner = web.AppRunner(app)
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def pass_on(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            headers = tuple((name.lower(), value) for name, value in request.headers.items())
            path = f"/{request.match_info['path']}"
            answer = await session.request(
                request.method,
                f"{endpoint}{path}",
                params=request.query,
                data=body,
                headers=[(name, value) for name, value in headers if name not in HOP],
            )
            async with answer:
                track = answer.headers.get("x-turnout-track", "")
                one = Sent(path=path, headers=headers, body=body, track=track)
                if body:
                    kept.sent.setdefault(request.match_info["run"], []).append(one)
                response = web.StreamResponse(status=answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in HOP:
                        response.headers.add(name, value)
                await response.prepare(request)
                if request.method != "HEAD" and answer.status != HTTPStatus.NO_CONTENT:
                    async for chunk in answer.content.iter_any():
                        one.answer.extend(chunk)
                        await response.write(chunk)
                return response

        app.router.add_route("*", "/{run}/{path:.*}", pass_on)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        kept = Recorder(root=f"http://{host}:{port}")
        try:
            yield kept
        finally:
            await runner.cleanup()


def request_of(sent: Sent) -> ModelRequest:
    """What the endpoint made of it."""
    spoken: dict[str, DialectName] = {
        "/messages": "anthropic_messages",
        "/responses": "openai_responses",
        "/v1beta/": "gemini",
    }
    dialect = next((name for path, name in spoken.items() if path in sent.path), "openai_chat")
    operation: Operation = "count" if sent.path.endswith(("/count_tokens", ":countTokens")) else "generate"
    path = read_path(sent.path)
    body = write_path(sent.body, path, "sse") if path else sent.body
    return make_request(
        dialect=dialect,
        operation=operation,
        outline=read_outline(dialect, body),
        headers=sent.headers,
        query="",
        account=Keyring().anonymous,
    )
