"""Embeds texts with a model on this machine: our own engine's, or one of the server at `local.url`.

Which model embeds is decided by the name that the client asks for (`router.routing.embedding_planner`), and
nothing stands in for it: vectors of two models cannot be compared.
"""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec

from policies.decision import Decision
from router.engine.process import Engine
from router.errors import BadRequest
from router.settings import LocalSettings
from router.system.time_slices import Pacing
from router.tracks.embedding_call import EmbeddingCall, EmbeddingTrack
from router.tracks.failures import local_connection_failure, local_failure
from router.tracks.local_client import LocalClient
from router.tracks.server_abilities import is_ollama
from router.tracks.window import server_models
from router.types import Plan, Progress, Reply, TrackError
from router.wire.embedding_reply import Embeddings, decode_ollama_reply, decode_reply
from router.wire.events import UnreadableReply
from router.wire.headers import foreign_encoding
from router.wire.upstream_errors import read_upstream_error

PATH, OLLAMA_PATH = "/embeddings", "/api/embed"
Decode = Callable[[bytes, int], Embeddings]
REMEDY = "set `local.embedding_model` to a GGUF file of an embedding model"
_LACKING = frozenset({
    HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED,
})  # fmt: skip
"""Answers of servers that embed nothing."""


class LocalEmbeddings(EmbeddingTrack):
    """Embeds with our own engine, or with the server at `local.url`."""

    def __init__(
        self, settings: LocalSettings, engine: Engine | None, server: LocalClient, pacing: Pacing
    ) -> None:
        """Take what may embed.

        Args:
            settings: the section `local`.
            engine: of the embedding model; None where `local.url` may have one.
            server: the connections to `local.url`.
            pacing: for large answers.
        """
        self._settings = settings
        self._engine = engine
        own = LocalClient(settings.model_copy(update={"url": ""}), engine)
        self._client = server if engine is None else own
        self._pacing = pacing
        self._is_ollama, self._ollama_at = False, ""
        """Whether Ollama answers at `local.url`, and at which address that was asked."""

    @property
    def offered(self) -> bool:
        """Whether anything may embed here."""
        return self._engine is not None or bool(self._settings.url)

    @property
    def name(self) -> str:
        """The model's name; empty where only the server at `local.url` knows its models."""
        return self._settings.embedding_name or (self._engine.health.model if self._engine else "")

    @property
    def context(self) -> int:
        """Its window in tokens; 0 where unknown."""
        return self._engine.health.context if self._engine else self._settings.embedding_context

    @property
    def knows_names(self) -> bool:
        """Whether a model of another name may be asked for: the server at `local.url` may have it."""
        return self._engine is None and bool(self._settings.url)

    async def close(self) -> None:
        """Close the connections; the engine is stopped by whoever made it."""
        await self._client.close()

    async def open(self, plan: Plan, decision: Decision, progress: Progress | None = None) -> Reply:
        """See `router.types.Track`; an answer comes whole.

        Raises:
            BadRequest: the model embeds nothing, or its vectors are shorter than wanted.
        """
        call = EmbeddingCall.of(plan, decision, progress := progress or Progress())
        settings = self._settings
        try:
            async with asyncio.timeout(settings.first_byte_s):
                if self._engine is not None:
                    await self._engine.ready(settings.first_byte_s)
                    embeddings, dropped = await self._ask_engine(call, progress), tuple(call.other_fields)
                else:
                    embeddings, dropped = await self._ask_server(call, progress)
        except (aiohttp.ClientError, OSError) as failure:
            raise local_connection_failure(failure, settings.first_byte_s) from failure
        return await call.reply(embeddings, self._pacing, dropped)

    async def _ask_engine(self, call: EmbeddingCall, progress: Progress) -> Embeddings:
        body = _body(call, {"truncate": call.request.truncate})
        return await self._ask(call, PATH, body, decode_reply, progress)

    async def _ask_server(
        self, call: EmbeddingCall, progress: Progress
    ) -> tuple[Embeddings, tuple[str, ...]]:
        """Ask the server at `local.url`; return also which fields it was not sent."""
        if call.model != self.name:
            await self._check_listed(call.model)
        others, openais = call.other_fields, call.plan.request.dialect == "openai_embeddings"
        if not call.request.has_tokens and await self._cuts():
            body = msgspec.json.encode({
                "model": call.model, "input": call.request.prompts, "truncate": call.request.truncate,
            })  # fmt: skip
            return await self._ask(call, OLLAMA_PATH, body, decode_ollama_reply, progress), tuple(others)
        passed = others if openais else {}
        embeddings = await self._ask(call, PATH, _body(call, passed), decode_reply, progress)
        return embeddings, () if openais else tuple(others)

    async def _cuts(self) -> bool:
        """Whether the server is Ollama's, which cuts a long text silently when asked in OpenAI's form."""
        if self._ollama_at != self._client.base:
            root = self._client.base.removesuffix("/v1")
            async with await self._client.get(f"{root}/api/version") as response:
                self._is_ollama = is_ollama(await response.read())
            self._ollama_at = self._client.base
        return self._is_ollama

    async def _check_listed(self, name: str) -> None:
        """Raises `BadRequest` where the server at `local.url` lists no such model."""
        names = await server_models(self._client, self._client.base)
        if name.removesuffix(":latest") not in names:
            raise _no_embeddings(
                name, "the server at `local.url` has no such model; ask for one that it lists"
            )

    async def _ask(
        self, call: EmbeddingCall, path: str, body: bytes, decode: Decode, progress: Progress
    ) -> Embeddings:
        response = await self._client.post(path, body, progress=progress)
        async with response:
            if encoding := foreign_encoding(response.headers):
                raise _unreadable(f"it came in `{encoding[:40]}`")
            answer = await response.read()
        if response.status != HTTPStatus.OK:
            raise self._refusal(response, answer, call.model)
        try:
            return await self._pacing.call(len(answer), decode, answer, len(call.request.prompts))
        except UnreadableReply as unreadable:
            raise _unreadable(str(unreadable)) from unreadable

    def _refusal(self, response: aiohttp.ClientResponse, body: bytes, model: str) -> TrackError | BadRequest:
        self._ollama_at = ""  # another server may answer there by now
        refusal = read_upstream_error(body)
        unable = "embed" in refusal.message.lower() and "support" in refusal.message.lower()
        if self._engine is None and (response.status in _LACKING or unable):
            return _no_embeddings(model, f"ask for a model of that server's that embeds, or {REMEDY}")
        return local_failure(response.status, response.headers, refusal)


def _body(call: EmbeddingCall, others: Mapping[str, Any]) -> bytes:
    """Write a request in OpenAI's form."""
    fields = {"model": call.model, "input": call.request.prompts, "encoding_format": "float"}
    return msgspec.json.encode({**others, **fields})


def _unreadable(why: str) -> TrackError:
    return TrackError(
        f"the local embedding model's answer cannot be read: {why}",
        cause="local_error",
        fault="server_error",
    )


def _no_embeddings(name: str, remedy: str) -> BadRequest:
    """Say that a model embeds nothing here."""
    return BadRequest(f"model: `{name}` makes no embeddings here; {remedy}")
