"""What litellm makes of a provider's answer, as Chat Completions that the hub reads like a server's.

litellm gives every stream a finish reason and every answer a usage, whether or not one came: both are
held against the provider's own bytes (`router.tracks.litellm_transport.Evidence`).
"""

import time
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

from router.tracks.egress import LitellmFailure
from router.tracks.streaming import StalledStream, StreamBody
from router.wire.chat_reply_encoder import DONE
from router.wire.sse import encode

if TYPE_CHECKING:
    from router.tracks.litellm_transport import LitellmTransport

DELTA = ("role", "content", "reasoning_content", "refusal", "tool_calls", "function_call")
"""Of a delta or message; the rest is litellm's own."""

USAGE_FIELDS = (
    "prompt_tokens", "completion_tokens", "total_tokens", "cache_read_input_tokens",
    "cache_creation_input_tokens", "service_tier", "speed",
)  # fmt: skip
DETAILS = ("cached_tokens", "cache_creation_tokens", "cache_creation_token_details")


class LitellmBody(StreamBody):
    """The chunks of litellm as the event stream of Chat Completions."""

    def __init__(self, answer: Any, transport: "LitellmTransport", model: str) -> None:
        """Take litellm's answer, and what it came over."""
        super().__init__(self._next)
        self._transport = transport
        self._events = _events(answer, transport, model)

    @property
    def response(self) -> aiohttp.ClientResponse | None:
        """See `StreamBody`; litellm may send the request with the first read alone."""
        return self._transport.response

    async def _next(self) -> bytes:
        try:
            return await anext(self._events, b"")
        except LitellmFailure as failure:
            if isinstance(stalled := self._transport.broken, StalledStream):
                raise stalled from failure
            raise


async def _events(answer: Any, transport: "LitellmTransport", model: str) -> AsyncGenerator[bytes]:
    """Write litellm's chunks as they come.

    Raises:
        LitellmFailure: the provider failed, or ended before its answer was complete.
    """
    frame = {"id": "", "object": "chat.completion.chunk", "created": int(time.time()), "model": model}
    started = False
    try:
        async for chunk in answer:
            data = chunk.model_dump(exclude_none=True)
            frame["id"] = data["id"]
            choices = [_choice(choice) for choice in data["choices"]]
            started = started or any(_useful(choice["delta"]) for choice in choices)
            if any(choice["finish_reason"] for choice in choices):
                _check_end(transport, started=started)  # where no reason came, litellm makes one up
            if any(choice["delta"] or choice["finish_reason"] for choice in choices):
                yield encode("", msgspec.json.encode(frame | {"choices": choices}))
            if (usage := data.get("usage")) and _reported(transport):
                yield encode("", msgspec.json.encode(frame | {"choices": []} | _usage_fields(data, usage)))
        _check_end(transport, started=started)
    except (TimeoutError, LitellmFailure):
        raise
    except Exception as failure:  # litellm raises anything over an answer that it cannot read
        raise LitellmFailure(transport, failure) from failure
    yield DONE


def _check_end(transport: "LitellmTransport", *, started: bool) -> None:
    """Hold the provider's own bytes against what litellm made of them.

    Raises:
        LitellmFailure: no end came, and no reason for one.
    """
    evidence = transport.evidence
    if evidence is not None and not (evidence.finished or (evidence.done and started)):
        raise LitellmFailure(transport, ConnectionResetError("it ended before it was complete"))


def _reported(transport: "LitellmTransport") -> bool:
    """Whether the provider reported usage; where it did not, litellm silently counts for itself."""
    return transport.evidence is None or transport.evidence.usage


def _usage_fields(data: Mapping[str, Any], usage: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that `usage.read_chat_usage` reads; litellm adds others."""
    details = usage.get("prompt_tokens_details") or {}
    fields = {name: usage[name] for name in USAGE_FIELDS if usage.get(name) is not None}
    fields["prompt_tokens_details"] = {name: details[name] for name in DETAILS if details.get(name)}
    return {"usage": fields} | {name: data[name] for name in ("service_tier",) if data.get(name)}


def document_of(answer: Any, transport: "LitellmTransport", model: str) -> bytes:
    """Litellm's whole answer as a chat completion.

    Raises:
        LitellmFailure: the provider gave no reason for its end.
    """
    data = answer.model_dump(exclude_none=True)
    messages = [_standard(choice["message"]) for choice in data["choices"]]
    _check_end(transport, started=any(map(_useful, messages)))
    usage = data.get("usage", {}) if _reported(transport) else {}
    return msgspec.json.encode({
        "id": data["id"],
        "object": "chat.completion",
        "created": data["created"],
        "model": model,
        "choices": [
            {
                "index": choice["index"],
                "message": {"content": None} | message,
                "logprobs": choice.get("logprobs"),
                "finish_reason": choice["finish_reason"],
            }
            for choice, message in zip(data["choices"], messages, strict=True)
        ],
    } | (_usage_fields(data, usage) if usage else {}))  # fmt: skip


def _choice(choice: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "index": choice.get("index", 0),
        "delta": _standard(choice.get("delta", {})),
        "logprobs": choice.get("logprobs"),
        "finish_reason": choice.get("finish_reason"),
    }


def _standard(message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: message[name] for name in DELTA if message.get(name) is not None}


def _useful(delta: Mapping[str, Any]) -> bool:
    return any(delta.get(name) for name in DELTA if name != "role")
