"""OpenAI Chat Completions: `POST /v1/chat/completions`.

- Usage comes once: in the document, or in a last chunk with empty `choices`.
- `prompt_tokens` includes the cached ones; `router.types.Usage` does not.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from router.types import Tap, Usage
from router.wire import body as wire_body
from router.wire.body import UNREADABLE, Body, Count, Envelope
from router.wire.sse import Event, encode
from router.wire.tap import NOTHING, Seen, StreamTap, Tokens, WholeTap

DONE = b"[DONE]"
_DEARER_OR_CHEAPER = {"batch", "priority", "flex"}
"""Tiers of service with prices of their own; `default` and what servers call their usual one have none."""


class _Body(Body, frozen=True, kw_only=True):
    max_completion_tokens: Count | None = None


_BODY = msgspec.json.Decoder(_Body)


def read(body: bytes) -> Envelope:
    """Read the envelope; raises `BadRequest`."""
    return wire_body.read(_BODY, body)


class _PromptDetails(msgspec.Struct, frozen=True):
    cached_tokens: Tokens | None = None


class _Usage(msgspec.Struct, frozen=True):
    """`usage` as OpenAI writes it."""

    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    type: str | None = None


class _Call(msgspec.Struct, frozen=True):
    function: Any = None


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta | None = None
    message: _Delta | None = None


class _Reply(msgspec.Struct, frozen=True):
    """A whole document or one chunk of a stream; the tap needs the same few fields of both."""

    model: str | None = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = NOTHING
    service_tier: Any = None
    error: _Error | str | None = None


_REPLY = msgspec.json.Decoder(_Reply)

# Once the reply has started only these can say something new. Many servers write
# `"usage":null` into every chunk, so the brace belongs to it.
_MATTERS = re.compile(rb'"usage"\s*:\s*\{|"error"|\[DONE\]')


def tap(stream: bool) -> Tap:
    """Make a tap for an event stream (True) or one JSON document (False)."""
    return StreamTap(note=_note_event, matters=_MATTERS.search) if stream else WholeTap(note=_note_reply)


def _note_event(seen: Seen, event: Event) -> None:
    if event.data.strip() == DONE:
        seen.complete = True
    else:
        _note_reply(seen, event.data)


def _note_reply(seen: Seen, data: bytes) -> None:
    reply = _REPLY.decode(data)
    seen.model = seen.model or reply.model or ""
    seen.usage = usage(reply.usage, reply.service_tier) or seen.usage
    seen.started = seen.started or any(_useful(choice.delta) for choice in reply.choices or ())
    seen.written += sum(_length(choice.delta or choice.message) for choice in reply.choices or ())
    if reply.error:
        seen.error = reply.error if isinstance(reply.error, str) else reply.error.message or "unknown error"


def _useful(delta: _Delta | None) -> bool:
    return delta is not None and bool(
        delta.content or delta.tool_calls or delta.reasoning_content or delta.reasoning or delta.refusal
    )


def _length(delta: _Delta | None) -> int:
    if delta is None:
        return 0
    texts = (delta.content, delta.refusal, delta.reasoning_content, delta.reasoning)
    calls = delta.tool_calls or ()
    return sum(len(text) for text in texts if text) + sum(len(_arguments(call)) for call in calls)


def _arguments(call: _Call) -> str:
    arguments = call.function.get("arguments") if isinstance(call.function, dict) else None
    return arguments if isinstance(arguments, str) else ""


_USAGE = msgspec.json.Decoder(_Usage | None)


def usage(raw: msgspec.Raw, tier: Any = None) -> Usage | None:
    """Take the cached tokens out of the prompt's; `tier` is the reply's `service_tier`.

    Numbers that can be no count of tokens are as good as none: then what passed is measured.
    A report that leaves one of the two out is an estimate.
    """
    try:
        reported = _USAGE.decode(raw) if raw else None
    except UNREADABLE:
        return None
    if reported is None:
        return None
    details = reported.prompt_tokens_details
    cached = (details.cached_tokens or 0) if details else 0
    return Usage(
        input=max((reported.prompt_tokens or 0) - cached, 0),
        output=reported.completion_tokens or 0,
        cache_read=cached,
        estimated=None in {reported.prompt_tokens, reported.completion_tokens},
        terms=tier if isinstance(tier, str) and tier in _DEARER_OR_CHEAPER else "",
    )


_KINDS: Mapping[str, tuple[str, str | None]] = {
    "invalid_request_error": ("invalid_request_error", None),
    "request_too_large": ("invalid_request_error", "request_too_large"),
    "not_found_error": ("invalid_request_error", "not_found"),
    "authentication_error": ("invalid_request_error", "invalid_api_key"),
    "permission_error": ("invalid_request_error", "permission_denied"),
    "billing_error": ("insufficient_quota", "insufficient_quota"),
    "rate_limit_error": ("rate_limit_error", "rate_limit_exceeded"),
    "overloaded_error": ("server_error", "overloaded"),
    "timeout_error": ("server_error", "timeout"),
    "api_error": ("server_error", None),
}
"""OpenAI's `type` and `code` for each of Anthropic's error types."""


def error(status: int, kind: str, message: str, *, request_id: str = "") -> bytes:
    """Write an error body. OpenAI sends the request id as a header only."""
    del status, request_id
    return _error(kind, message)


def error_event(status: int, kind: str, message: str, *, request_id: str = "") -> bytes:
    """Write an error for a stream that has begun."""
    del status, request_id
    return encode("", _error(kind, message))


def overflow(tokens: int, limit: int, *, request_id: str = "") -> bytes:
    """Write the 400 body that Codex, pi, cn and aider recognise by its `code`."""
    del request_id
    message = (
        f"This model's maximum context length is {limit} tokens. However, your messages resulted in "
        f"{tokens} tokens. Please reduce the length of the messages."
    )
    return _body(message, "invalid_request_error", "messages", "context_length_exceeded")


def _error(kind: str, message: str) -> bytes:
    type_, code = _KINDS.get(kind, ("server_error", None))
    return _body(message, type_, None, code)


def _body(message: str, type_: str, param: str | None, code: str | None) -> bytes:
    return msgspec.json.encode({"error": {"message": message, "type": type_, "param": param, "code": code}})
