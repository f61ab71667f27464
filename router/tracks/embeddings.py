"""What embeds texts: a model on this machine, or one of a provider's through litellm.

Which of the two is decided by the name that the client asks for (`router.routing.embedding_planner`), and
nobody stands in for the other: vectors of two models cannot be compared.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Self

import aiohttp
import msgspec

from policies.decision import Decision
from router.engine.process import Engine
from router.errors import BadRequest
from router.settings import CloudSettings, LocalSettings
from router.system.time_slices import Pacing
from router.tracks.credentials import credential
from router.tracks.egress import Egress, LitellmFailure, cleared
from router.tracks.failures import local_connection_failure, local_failure, unreachable
from router.tracks.litellm_client import refusal_of
from router.tracks.local_client import LocalClient
from router.tracks.providers import base_url, for_embeddings, provider_of
from router.tracks.upstream_call import OutgoingRequest, UpstreamCall
from router.tracks.window import server_models
from router.types import ModelRequest, Plan, Progress, Reply, TrackError, Usage
from router.wire.body import UNREADABLE
from router.wire.embeddings import (
    EmbeddingRequest,
    Embeddings,
    decode_reply,
    encode_reply,
    read_request,
    shorten,
)
from router.wire.events import UnreadableReply
from router.wire.headers import foreign_encoding
from router.wire.upstream_errors import read_upstream_error
from router.wire.usage_observer import UsageObserver

PATH = "/embeddings"
REMEDY = "set `local.embedding_model` to a GGUF file of an embedding model"
_LACKING = frozenset({
    HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED,
})  # fmt: skip
"""Answers of servers that embed nothing."""


class _Embedding:
    """What both tracks have in common."""

    def usable(self, request: ModelRequest) -> bool:  # noqa: ARG002 - as the protocol has it
        """See `router.types.Track`; nobody is moved here from elsewhere."""
        return False

    async def count(self, plan: Plan) -> int:  # noqa: ARG002 - as above
        """See `router.types.Track`; no client counts before it embeds."""
        raise TrackError("nothing is counted here", cause="unsupported", status=HTTPStatus.BAD_REQUEST)


class LocalEmbeddings(_Embedding):
    """Embeds with our own engine, or with the server at `local.url`."""

    def __init__(self, settings: LocalSettings, engine: Engine | None, pacing: Pacing) -> None:
        """Take the engine of the embedding model; None where `local.url` may have one."""
        self._settings = settings
        self._engine = engine
        self._pacing = pacing
        self._client = LocalClient(settings.model_copy(update={"url": ""}) if engine else settings, engine)

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
        progress = progress or Progress()
        settings, observer = self._settings, UsageObserver(decision.model)
        progress.model, progress.tap = decision.model, observer
        call = UpstreamCall(
            track="local",
            plan=plan,
            model=decision.model,
            request=OutgoingRequest(body=b""),
            observer=observer,
        )
        request = read_request(plan.request.dialect, plan.request.body)
        try:
            async with asyncio.timeout(settings.first_byte_s):
                if self._engine is not None:
                    await self._engine.ready(settings.first_byte_s)
                elif decision.model != self.name:
                    await self._check_listed(decision.model)
                made = await self._ask(request, decision.model, progress)
        except (aiohttp.ClientError, OSError) as failure:
            raise local_connection_failure(failure, settings.first_byte_s) from failure
        return await _reply(call, request, made, self._pacing)

    async def _check_listed(self, name: str) -> None:
        """Raises `BadRequest` where the server at `local.url` lists no such model."""
        names = await server_models(self._client, self._settings.url)
        if name.removesuffix(":latest") not in names:
            raise no_embeddings(
                name, "the server at `local.url` has no such model; ask for one that it lists"
            )

    async def _ask(self, request: EmbeddingRequest, model: str, progress: Progress) -> Embeddings:
        prompts = list(request.prompts)
        fields: dict[str, Any] = {"model": model, "input": prompts, "encoding_format": "float"}
        if self._engine is not None:
            fields["truncate"] = request.truncate
        response = await self._client.post(PATH, msgspec.json.encode(fields), progress=progress)
        async with response:
            if encoding := foreign_encoding(response.headers):
                raise TrackError(
                    f"the local server answered in `{encoding[:40]}`, which cannot be read",
                    cause="local_error",
                    fault="server_error",
                )
            body = await response.read()
        if response.status != HTTPStatus.OK:
            raise self._refusal(response, body, model)
        try:
            return await self._pacing.call(len(body), decode_reply, body, len(prompts))
        except UnreadableReply as unreadable:
            raise TrackError(
                f"the local embedding model's answer cannot be read: {unreadable}",
                cause="local_error",
                fault="server_error",
            ) from unreadable

    def _refusal(self, response: aiohttp.ClientResponse, body: bytes, model: str) -> TrackError | BadRequest:
        refusal = read_upstream_error(body)
        unable = "embed" in refusal.message.lower() and "support" in refusal.message.lower()
        if self._engine is None and (response.status in _LACKING or unable):
            return no_embeddings(model, f"ask for a model of that server's that embeds, or {REMEDY}")
        return local_failure(response.status, response.headers, refusal)


class CloudEmbeddings(_Embedding):
    """Embeds with a provider's model."""

    def __init__(self, settings: CloudSettings, egress: Egress, keys: CloudSettings, pacing: Pacing) -> None:
        """Take the provider.

        Args:
            settings: it, as litellm reaches it.
            egress: the way to its address alone.
            keys: the section whose rules say which key is sent.
            pacing: for large answers.
        """
        self._settings = settings
        self._egress = egress
        self._keys = keys
        self._pacing = pacing

    @classmethod
    def of(cls, cloud: CloudSettings, pacing: Pacing) -> Self | None:
        """Make what embeds with the provider that `cloud` leads to; None where it leads to none."""
        settings = for_embeddings(cloud)
        if settings is None:
            return None
        own = cloud.dialect == "openai" and not (cloud.embedding_url or cloud.embedding_key_env)
        keys = cloud if own and provider_of(settings.model) == cloud.dialect else settings
        return cls(settings, Egress(settings), keys, pacing)

    @property
    def model(self) -> str:
        """The configured model, with its provider."""
        return self._settings.model

    async def close(self) -> None:
        """Close the connections."""
        await self._egress.close()

    async def open(self, plan: Plan, decision: Decision, progress: Progress | None = None) -> Reply:
        """See `router.types.Track`; an answer comes whole."""
        cleared(plan.clearance)
        progress = progress or Progress()
        observer = UsageObserver(decision.model)
        progress.model, progress.tap = decision.model, observer
        call = UpstreamCall(
            track="cloud",
            plan=plan,
            model=decision.model,
            request=OutgoingRequest(body=b""),
            observer=observer,
        )
        request = read_request(plan.request.dialect, plan.request.body)
        params = self._params(plan.request, request, decision.model)
        try:
            async with asyncio.timeout(self._settings.first_byte_s):
                answer, transport = await self._egress.embed(plan.clearance, params, progress)
        except LitellmFailure as failure:
            return refusal_of(call, failure)
        except TimeoutError as late:
            raise unreachable("did not answer in time", HTTPStatus.GATEWAY_TIMEOUT, fault="timeout") from late
        transport.close()
        try:
            body = msgspec.json.encode(answer.model_dump(include={"data", "usage"}))
            made = await self._pacing.call(len(body), decode_reply, body, len(request.prompts))
        except (UnreadableReply, *UNREADABLE) as unreadable:
            raise unreachable(f"gave an answer that cannot be read: {unreadable}") from unreadable
        if transport.evidence is not None and not transport.evidence.usage:
            made = Embeddings(vectors=made.vectors, usage=None)  # what litellm counted for itself
        return await _reply(call, request, made, self._pacing)

    def _params(self, received: ModelRequest, request: EmbeddingRequest, model: str) -> dict[str, Any]:
        params: dict[str, Any] = {
            "model": model,
            "input": list(request.prompts),
            "encoding_format": "float",
            "timeout": self._settings.total_s,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": False,  # vectors of another length than asked for would be stored as they are
        }
        if request.dimensions is not None:
            params["dimensions"] = request.dimensions
        if request.user:
            params["user"] = request.user
        if "base_url" in self._settings.model_fields_set:
            params["api_base"] = base_url(self._settings)
        if secret := credential(self._keys, received.headers).secret:
            params["api_key"] = secret
        return params


def no_embeddings(name: str, remedy: str) -> BadRequest:
    """Say that a model embeds nothing here."""
    return BadRequest(f"model: `{name}` makes no embeddings here; {remedy}")


async def _reply(call: UpstreamCall, request: EmbeddingRequest, made: Embeddings, pacing: Pacing) -> Reply:
    """Write the answer, and note what was used; raises `BadRequest` as `shorten` does."""
    made = shorten(made, request.dimensions)
    observer = call.observer
    observer.usage = made.usage
    observer.started = observer.complete = True
    if made.usage is None:
        made = Embeddings(vectors=made.vectors, usage=Usage(input=call.plan.features.context_tokens))
    size = sum(map(len, made.vectors)) * 20
    body = await pacing.call(size, encode_reply, call.plan.request.dialect, request, call.model, made)
    return call.document(body)
