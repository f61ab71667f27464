"""Usage as each dialect reports it.

Chat Completions reports it once: in the document, or in a last chunk with empty `choices`. `prompt_tokens`
includes the cached tokens and the cache's writes; `router.types.Usage` does not.

Anthropic Messages reports it in two parts: `message_start` has the prompt, `message_delta` the running total
of the output and, on newer servers, the prompt again; the later non-null value of a field counts, as in the
provider's SDK.

Responses reports it once, with the answer's end; `input_tokens` includes the cached tokens and the cache's
writes.
"""

from typing import Any

import msgspec

from router.types import Usage
from router.wire.body import UNREADABLE, Tokens

_TERMS = frozenset({"batch", "priority", "flex", "fast", "us"})
"""Words that change the price; what is standard, or served everywhere, changes none."""


class _WriteDetails(msgspec.Struct, frozen=True):
    ephemeral_1h_input_tokens: Tokens | None = None


class _PromptDetails(msgspec.Struct, frozen=True):
    cached_tokens: Tokens | None = None
    cache_creation_tokens: Tokens | None = None
    cache_creation_token_details: _WriteDetails | None = None


class _OutputDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: Tokens | None = None


class _ChatUsage(msgspec.Struct, frozen=True):
    """`usage` as OpenAI writes it, and what litellm adds of Anthropic's."""

    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None
    completion_tokens_details: _OutputDetails | None = None
    prompt_tokens_details: _PromptDetails | None = None
    cache_read_input_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None
    service_tier: Any = None
    speed: Any = None


class _InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: Tokens | None = None
    cache_write_tokens: Tokens | None = None


class _ResponsesUsage(msgspec.Struct, frozen=True):
    input_tokens: Tokens | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens: Tokens | None = None
    output_tokens_details: _OutputDetails | None = None


class _CacheCreation(msgspec.Struct, frozen=True):
    ephemeral_5m_input_tokens: Tokens = 0
    ephemeral_1h_input_tokens: Tokens = 0


class _MessagesUsage(msgspec.Struct, frozen=True):
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cache_read_input_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None
    cache_creation: _CacheCreation | None = None
    service_tier: Any = None
    inference_geo: Any = None
    speed: Any = None


_CHAT = msgspec.json.Decoder(_ChatUsage | None)
_MESSAGES = msgspec.json.Decoder(_MessagesUsage | None)
_RESPONSES = msgspec.json.Decoder(_ResponsesUsage | None)
_NO_DETAILS = _PromptDetails()
_NO_INPUT_DETAILS = _InputDetails()


def read_chat_usage(raw: msgspec.Raw, tier: Any = None) -> Usage | None:
    """Read what a chat reply reports; `tier` is its `service_tier`.

    Numbers that can be no count of tokens are as good as none: then what passed is measured.
    A report that leaves one of the two out is an estimate.
    """
    try:
        reported = _CHAT.decode(raw) if raw else None
    except UNREADABLE:
        return None
    if reported is None:
        return None
    details = reported.prompt_tokens_details or _NO_DETAILS
    cached = details.cached_tokens or reported.cache_read_input_tokens or 0
    written = reported.cache_creation_input_tokens or details.cache_creation_tokens or 0
    lasting = details.cache_creation_token_details
    hour = (lasting and lasting.ephemeral_1h_input_tokens) or 0
    return Usage(
        input=max((reported.prompt_tokens or 0) - cached - written, 0),
        output=reported.completion_tokens or 0,
        cache_read=cached,
        cache_write_5m=max(written - hour, 0),
        cache_write_1h=hour,
        estimated=None in {reported.prompt_tokens, reported.completion_tokens},
        terms=_terms(tier or reported.service_tier, reported.speed),
        reasoning=_thought(reported.completion_tokens_details),
    )


def _thought(details: _OutputDetails | None) -> int:
    return (details and details.reasoning_tokens) or 0


def write_chat_usage(usage: Usage) -> dict[str, Any]:
    """Write a chat reply's `usage`; cache writes as litellm has them, since they have their own price."""
    details: dict[str, Any] = {"cached_tokens": usage.cache_read}
    if written := usage.cache_write_5m + usage.cache_write_1h:
        details["cache_creation_tokens"] = written
    if usage.cache_write_1h:
        details["cache_creation_token_details"] = {"ephemeral_1h_input_tokens": usage.cache_write_1h}
    thought = {"completion_tokens_details": {"reasoning_tokens": usage.reasoning}} if usage.reasoning else {}
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt + usage.output,
        "prompt_tokens_details": details,
    } | thought


def read_responses_usage(raw: msgspec.Raw, tier: Any = None) -> Usage | None:
    """Read what a response reports, as `read_chat_usage` does."""
    try:
        reported = _RESPONSES.decode(raw) if raw else None
    except UNREADABLE:
        return None
    if reported is None:
        return None
    details = reported.input_tokens_details or _NO_INPUT_DETAILS
    cached, written = details.cached_tokens or 0, details.cache_write_tokens or 0
    return Usage(
        input=max((reported.input_tokens or 0) - cached - written, 0),
        output=reported.output_tokens or 0,
        cache_read=cached,
        cache_write_5m=written,
        estimated=None in {reported.input_tokens, reported.output_tokens},
        terms=_terms(tier),
        reasoning=_thought(reported.output_tokens_details),
    )


def write_responses_usage(usage: Usage) -> dict[str, Any]:
    """Write a response's `usage`; this dialect does not say how long a cache's writes last."""
    written = usage.cache_write_5m + usage.cache_write_1h
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": written},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.output,
    }


def merge_messages_usage(before: Usage | None, raw: msgspec.Raw) -> Usage | None:
    """Add what a Messages reply reports next; numbers that can be no count of tokens change nothing.

    It stays an estimate until the output was reported.
    """
    try:
        new = _MESSAGES.decode(raw) if raw else None
    except UNREADABLE:
        return before
    if new is None:
        return before
    old = before or Usage()
    write_5m, write_1h = _cache_writes(old, new)
    return Usage(
        input=old.input if new.input_tokens is None else new.input_tokens,
        output=old.output if new.output_tokens is None else new.output_tokens,
        cache_read=old.cache_read if new.cache_read_input_tokens is None else new.cache_read_input_tokens,
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        estimated=new.output_tokens is None and (before is None or old.estimated),
        terms=_terms(new.service_tier, new.speed, new.inference_geo) or old.terms,
    )


def write_messages_usage(usage: Usage) -> dict[str, Any]:
    """Write a Messages reply's `usage`; the split of cache writes only where there are any."""
    written = usage.cache_write_5m + usage.cache_write_1h
    fields: dict[str, Any] = {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output,
    }
    if written:
        fields["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
    return fields


def _cache_writes(old: Usage, new: _MessagesUsage) -> tuple[int, int]:
    """Split cache writes by how long they last; a later bare total keeps the earlier split."""
    split, total = new.cache_creation, new.cache_creation_input_tokens
    if split is not None:
        return split.ephemeral_5m_input_tokens, split.ephemeral_1h_input_tokens
    if total is None or total == old.cache_write_5m + old.cache_write_1h:
        return old.cache_write_5m, old.cache_write_1h
    return total, 0


def _terms(*words: Any) -> str:
    return " ".join(word for word in words if isinstance(word, str) and word in _TERMS)
