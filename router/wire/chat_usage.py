"""Usage as Chat Completions reports it.

It comes once: in the document, or in a last chunk with empty `choices`. `prompt_tokens` includes the
cached tokens and the cache's writes; `router.types.Usage` does not.
"""

from typing import Any

import msgspec

from router.types import Usage
from router.wire.body import UNREADABLE, Tokens

_DEARER_OR_CHEAPER = {"batch", "priority", "flex", "fast"}
"""Tiers of service with prices of their own; `default` and what servers call their usual one have none."""


class _PromptDetails(msgspec.Struct, frozen=True):
    cached_tokens: Tokens | None = None
    cache_creation_tokens: Tokens | None = None
    cache_creation_token_details: "_WriteDetails | None" = None


class _WriteDetails(msgspec.Struct, frozen=True):
    ephemeral_1h_input_tokens: Tokens | None = None


class _Usage(msgspec.Struct, frozen=True):
    """`usage` as OpenAI writes it, and what litellm adds of Anthropic's."""

    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None
    prompt_tokens_details: _PromptDetails | None = None
    cache_read_input_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None
    service_tier: Any = None
    speed: Any = None


_USAGE = msgspec.json.Decoder(_Usage | None)
_NO_DETAILS = _PromptDetails()


def read_usage(raw: msgspec.Raw, tier: Any = None) -> Usage | None:
    """Read what a reply reports; `tier` is its `service_tier`.

    Numbers that can be no count of tokens are as good as none: then what passed is measured.
    A report that leaves one of the two out is an estimate.
    """
    try:
        reported = _USAGE.decode(raw) if raw else None
    except UNREADABLE:
        return None
    if reported is None:
        return None
    details = reported.prompt_tokens_details or _NO_DETAILS
    cached = details.cached_tokens or reported.cache_read_input_tokens or 0
    written = reported.cache_creation_input_tokens or details.cache_creation_tokens or 0
    lasting = details.cache_creation_token_details
    hour = (lasting and lasting.ephemeral_1h_input_tokens) or 0
    terms = (tier or reported.service_tier, reported.speed)
    return Usage(
        input=max((reported.prompt_tokens or 0) - cached - written, 0),
        output=reported.completion_tokens or 0,
        cache_read=cached,
        cache_write_5m=max(written - hour, 0),
        cache_write_1h=hour,
        estimated=None in {reported.prompt_tokens, reported.completion_tokens},
        terms=" ".join(word for word in terms if isinstance(word, str) and word in _DEARER_OR_CHEAPER),
    )


def usage_fields(usage: Usage) -> dict[str, Any]:
    """Write it; what was written to a cache is told as litellm tells it, since it has a price of its own."""
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
