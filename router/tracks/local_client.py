"""HTTP to the local model: to the engine's address or to `local.url`, and to nothing else.

The address is taken from the settings or the engine, never from a request, so what must
not leave this machine can pass here without a clearance. No proxy, no redirect, no netrc.
"""

import os
from collections.abc import Mapping
from http import HTTPStatus

import aiohttp

from router.engine.process import Engine
from router.settings import LocalSettings
from router.tracks.connector import Body, Connector
from router.types import Progress, TrackError

AT_THE_ROOT = frozenset({"/infill", "/api/embed"})
"""Paths of llama-server and Ollama that have no version before them."""
IDLE_S = 4.0
"""How long an unused connection is kept: less than local servers do (5 s with uvicorn and cpp-httplib), lest
they close it while a request is on its way."""


class LocalClient:
    """The connections to the local model; pooled, made on first use on the running loop."""

    def __init__(self, settings: LocalSettings, engine: Engine | None) -> None:
        self._settings = settings
        self._engine = engine
        self.base = settings.url.rstrip("/")
        """The base URL of the server at `local.url`; with `/v1` where it was found only there."""
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self,
        path: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> aiohttp.ClientResponse:
        """Send JSON, once, and return when the answer's headers are here; the caller closes the response.

        Args:
            path: behind the server's `/v1`; one in `AT_THE_ROOT` is not.
            body: the JSON.
            headers: beside our own.
            progress: is told what was sent.

        Raises:
            TrackError: `local_error`, the engine has no address right now.
            aiohttp.ClientError: no connection, or it ended before the headers.
        """
        return await self._opened().post(
            self._base().removesuffix("/v1" if path in AT_THE_ROOT else "") + path,
            data=Body(body, progress or Progress()),
            headers=self._key() | {"content-type": "application/json"} | dict(headers or {}),
            allow_redirects=False,
        )

    async def get(self, url: str) -> aiohttp.ClientResponse:
        """Ask for a document of the server at `local.url`; as `post`."""
        return await self._opened().get(url, headers=self._key(), allow_redirects=False)

    async def post_at(self, url: str, body: bytes) -> aiohttp.ClientResponse:
        """Put a question in JSON to the server at `local.url`; as `post`."""
        return await self._opened().post(
            url,
            data=body,
            headers=self._key() | {"content-type": "application/json"},
            allow_redirects=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _base(self) -> str:
        if self._settings.url:
            return self.base
        if self._engine is None or not self._engine.url:
            raise TrackError(
                "the local model is not running", cause="local_error", status=HTTPStatus.SERVICE_UNAVAILABLE
            )
        return f"{self._engine.url}/v1"

    def _key(self) -> dict[str, str]:
        if self._settings.url:
            key = os.environ.get(self._settings.api_key_env, "")
        else:
            key = self._engine.token if self._engine else ""
        return {"authorization": f"Bearer {key}"} if key else {}

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=Connector(limit=0, keepalive_s=IDLE_S),  # the model's own queue is the limit
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._settings.total_s, sock_connect=10),
            )
        return self._session
