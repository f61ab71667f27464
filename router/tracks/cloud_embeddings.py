"""Embeds texts with a model of a provider's, through litellm.

Which model embeds is decided by the name that the client asks for (`router.routing.embedding_planner`), and
nothing stands in for it: vectors of two models cannot be compared.
"""

import asyncio
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Self

import msgspec

from policies.decision import Decision
from router.errors import BadRequest
from router.settings import CloudSettings
from router.system.time_slices import Pacing
from router.tracks.credentials import credential
from router.tracks.egress import Egress, LitellmFailure, cleared
from router.tracks.embedding_call import EmbeddingCall, EmbeddingTrack
from router.tracks.failures import unreachable
from router.tracks.litellm_client import refusal_of
from router.tracks.providers import base_url, for_embeddings, provider_of
from router.types import ModelRequest, Plan, Progress, Reply
from router.wire.body import UNREADABLE
from router.wire.embedding_reply import decode_reply
from router.wire.embedding_request import EmbeddingRequest
from router.wire.events import UnreadableReply

OPENAI = "openai"


class CloudEmbeddings(EmbeddingTrack):
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
        call = EmbeddingCall.of(plan, decision, progress)
        params = self._params(plan.request, call.request, decision.model)
        try:
            async with asyncio.timeout(self._settings.first_byte_s):
                answer, transport = await self._egress.embed(plan.clearance, params, progress)
        except LitellmFailure as failure:
            unsent = failure.transport.response is None
            if unsent and call.request.dimensions is not None and "dimensions" in str(failure.failure):
                raise BadRequest("dimensions: this provider's models take none; leave it out") from failure
            return refusal_of(call.upstream(), failure, key_setting="cloud.embedding_key_env")
        except TimeoutError as late:
            raise unreachable("did not answer in time", HTTPStatus.GATEWAY_TIMEOUT, fault="timeout") from late
        transport.close()
        try:
            body = msgspec.json.encode(answer.model_dump(include={"data", "usage"}))
            embeddings = await self._pacing.call(len(body), decode_reply, body, len(call.request.prompts))
        except (UnreadableReply, *UNREADABLE) as unreadable:
            raise unreachable(f"gave an answer that cannot be read: {unreadable}") from unreadable
        if transport.evidence is not None and not transport.evidence.usage:
            embeddings = replace(embeddings, usage=None)  # what litellm counted for itself
        dropped = list(call.other_fields)
        if call.request.user and provider_of(call.model) != OPENAI:
            dropped.insert(0, "user")
        return await call.reply(embeddings, self._pacing, dropped)

    def _params(self, received: ModelRequest, request: EmbeddingRequest, model: str) -> dict[str, Any]:
        params: dict[str, Any] = {
            "model": model,
            "input": list(request.prompts),
            "timeout": self._settings.total_s,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": False,  # vectors of another length than asked for would be stored as they are
        }
        if request.dimensions is not None:
            params["dimensions"] = request.dimensions
        if provider_of(model) == OPENAI:
            params["allowed_openai_params"] = ["dimensions"]  # litellm knows it of OpenAI's own names alone
            params |= {"user": request.user} if request.user else {}
        if "base_url" in self._settings.model_fields_set:
            params["api_base"] = base_url(self._settings)
        if secret := credential(self._keys, received.headers).secret:
            params["api_key"] = secret
        return params
