"""Usage as each dialect reports it.

Chat Completions reports it once: in the document, or in a last chunk with empty `choices`. `prompt_tokens`
includes the cached tokens and the cache's writes; `router.types.Usage` does not.

Anthropic Messages reports it in two parts: `message_start` has the prompt, `message_delta` the running total
of the output and, on newer servers, the prompt again; the later non-null value of a field counts, as in the
provider's SDK.
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


class _ChatUsage(msgspec.Struct, frozen=True):
    """`usage` as OpenAI writes it, and what litellm adds of Anthropic's."""

    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None
    prompt_tokens_details: _PromptDetails | None = None
    cache_read_input_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None
    service_tier: Any = None
    speed: Any = None


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
_NO_DETAILS = _PromptDetails()


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
    )


def write_chat_usage(usage: Usage) -> dict[str, Any]:
    """Write a chat reply's `usage`; cache writes as litellm has them, since they have their own price."""
    details: dict[str, Any] = {"cached_tokens": usage.cache_read}
    if written := usage.cache_write_5m + usage.cache_write_1h:
        details["cache_creation_tokens"] = written
    if usage.cache_write_1h:
        details["cache_creation_token_details"] = {"ephemeral_1h_input_tokens": usage.cache_write_1h}
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt + usage.output,
        "prompt_tokens_details": details,
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
