"""Usage of an Anthropic Messages reply.

It comes in two parts: `message_start` has the prompt, `message_delta` the running total of the output and,
on newer servers, the prompt again; the later non-null value of a field counts, as in the provider's SDK.
"""

from typing import Any

import msgspec

from router.types import Usage
from router.wire.body import UNREADABLE, Tokens

_DEARER_OR_CHEAPER = {"batch", "priority", "fast", "us"}


class _CacheCreation(msgspec.Struct, frozen=True):
    ephemeral_5m_input_tokens: Tokens = 0
    ephemeral_1h_input_tokens: Tokens = 0


class _Usage(msgspec.Struct, frozen=True):
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cache_read_input_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None
    cache_creation: _CacheCreation | None = None
    service_tier: Any = None
    inference_geo: Any = None
    speed: Any = None


_USAGE = msgspec.json.Decoder(_Usage | None)


def merge_usage(before: Usage | None, raw: msgspec.Raw) -> Usage | None:
    """Take what a report says; one with numbers that can be no count of tokens says nothing.

    It stays an estimate until the output was reported.
    """
    try:
        new = _USAGE.decode(raw) if raw else None
    except UNREADABLE:
        return before
    if new is None:
        return before
    old = before or Usage()
    write_5m, write_1h = _writes(old, new)
    return Usage(
        input=old.input if new.input_tokens is None else new.input_tokens,
        output=old.output if new.output_tokens is None else new.output_tokens,
        cache_read=old.cache_read if new.cache_read_input_tokens is None else new.cache_read_input_tokens,
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        estimated=new.output_tokens is None and (before is None or old.estimated),
        terms=_terms(new) or old.terms,
    )


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Write `usage` as every reply has it; the split of cache writes only where there are any."""
    written = usage.cache_write_5m + usage.cache_write_1h
    encoded: dict[str, Any] = {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output,
    }
    if written:
        encoded["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
    return encoded


def _terms(usage: _Usage) -> str:
    """The words that change the price; what is standard, or served everywhere, changes none."""
    words = (usage.service_tier, usage.speed, usage.inference_geo)
    return " ".join(word for word in words if isinstance(word, str) and word in _DEARER_OR_CHEAPER)


def _writes(old: Usage, new: _Usage) -> tuple[int, int]:
    """Split cache writes by how long they last; a later bare total keeps the earlier split."""
    split, total = new.cache_creation, new.cache_creation_input_tokens
    if split is not None:
        return split.ephemeral_5m_input_tokens, split.ephemeral_1h_input_tokens
    if total is None or total == old.cache_write_5m + old.cache_write_1h:
        return old.cache_write_5m, old.cache_write_1h
    return total, 0
