"""Marks up to which Anthropic caches a prompt, for clients that set none.

Without a mark every call of an agent pays the full price for the whole conversation again. As the
provider's guide on prompt caching has it: the tools and the system prompt are marked at their ends,
which no turn changes; the last user turn is marked so that the next call reads all of it, and the one
before so that this call finds what the last one wrote. Four marks are the most that a request may hold.
"""

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

_MARK = {"type": "ephemeral"}
_TURNS = 2
_UNMARKABLE = frozenset({"thinking", "redacted_thinking"})


def mark_prompt(body: Json) -> None:
    """Mark a Messages body in place, unless its client marked something itself.

    Args:
        body: encoded by `anthropic_request`: each content is a list of blocks.
    """
    if "cache_control" in body or any("cache_control" in block for block in _all_blocks(body)):
        return
    users = [message["content"] for message in body["messages"] if message["role"] == "user"]
    for blocks in (body.get("tools"), body.get("system"), *users[-_TURNS:]):
        if blocks and blocks[-1].get("type") not in _UNMARKABLE:
            blocks[-1]["cache_control"] = _MARK


def _all_blocks(body: Json) -> Iterable[Json]:
    yield from body.get("tools", ())
    yield from body.get("system", ())
    for message in body["messages"]:
        yield from message["content"]
