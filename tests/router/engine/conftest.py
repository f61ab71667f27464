"""The real engine with the demo model: loaded once for the HTTP tests."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest_asyncio

from router.engine.process import Engine
from router.settings import LocalSettings

CONTEXT = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Speaks to the engine."""

    engine: Engine
    session: aiohttp.ClientSession

    async def post(self, path: str = "/v1/chat/completions", **body: Any) -> tuple[int, Any]:
        async with self.session.post(self.engine.url + path, json=body) as response:
            return response.status, await response.json()

    async def events(self, **body: Any) -> list[str]:
        async with self.session.post(
            self.engine.url + "/v1/chat/completions", json={**body, "stream": True}
        ) as response:
            assert response.status == 200, await response.text()
            assert response.content_type == "text/event-stream"
            text = await response.text()
        assert text.endswith("\n\n")
        return [event.removeprefix("data: ") for event in text.removesuffix("\n\n").split("\n\n")]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client() -> AsyncGenerator[Client]:
    engine = Engine(LocalSettings(context=CONTEXT, threads=2, batch=64))
    await engine.start()
    try:
        await engine.ready(60)
        headers = {"authorization": f"Bearer {engine.token}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            yield Client(engine=engine, session=session)
    finally:
        await engine.stop()
