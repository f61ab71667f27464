"""Bills replies in tokens, with a prompt cache, and adds up the bills.

Tokens are a quarter of the bytes, so that anyone can recompute them. The cache works as
the provider documents it: a marked block writes the prefix up to it, a later request
reads the longest prefix it shares. The least cacheable size (1,024 tokens) is left out,
so that small prompts can show it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from router.scripted.script import Answer, Block


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Tokens of one reply; the fields do not overlap."""

    input: int
    output: int
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0


def count_tokens(text: str) -> int:
    """Count a text's tokens as four bytes each, at least 1."""
    return max(1, len(text.encode()) // 4)


def count_answer_tokens(answer: Answer) -> int:
    """Count the tokens of an answer's text and calls."""
    return sum(
        count_tokens(part) for part in (answer.text, *(f"{c.name}{c.input}" for c in answer.calls)) if part
    )


def count_content_bytes(event: bytes) -> int:
    """Count the bytes of content in one event of a stream, of either provider."""
    data = event.partition(b"data: ")[2]
    try:
        parsed = msgspec.json.decode(data, type=_Event)
    except msgspec.DecodeError:
        return 0
    if isinstance(parsed.delta, str):
        return len(parsed.delta.encode())
    parts = [parsed.delta, *(choice.delta for choice in parsed.choices)]
    texts = [text for part in parts if part for text in (part.text, part.partial_json, part.content) if text]
    texts += [call.function.arguments for part in parts if part for call in part.tool_calls]
    return sum(len(text.encode()) for text in texts)


class _Function(msgspec.Struct):
    arguments: str = ""


class _Call(msgspec.Struct):
    function: _Function = msgspec.field(default_factory=_Function)


class _Delta(msgspec.Struct):
    text: str | None = None
    partial_json: str | None = None
    content: str | None = None
    tool_calls: list[_Call] = []


class _Choice(msgspec.Struct):
    delta: _Delta | None = None


class _Event(msgspec.Struct):
    delta: _Delta | str | None = None
    choices: list[_Choice] = []


class Cache:
    """The prefixes that have been written, per model; they never expire."""

    def __init__(self) -> None:
        self._written: set[bytes] = set()

    def charge(self, model: str, blocks: Sequence[Block], output: int) -> Bill:
        """Bill a prompt, and write the prefixes it marks."""
        running = sha256(model.encode())
        position = read = marked = 0
        writes: list[tuple[int, str]] = []
        prefixes: list[bytes] = []
        for block in blocks:
            running.update(block.text.encode())
            position += count_tokens(block.text)
            if (prefix := running.digest()) in self._written:
                read = position
            if block.ttl:
                marked = position
                writes.append((position, block.ttl))
                prefixes.append(prefix)
        self._written.update(prefixes)
        read = min(read, marked)
        cost = {"5m": 0, "1h": 0, "free": 0}
        start = read
        for end, ttl in writes:
            cost[ttl] += max(end - start, 0)
            start = max(start, end)
        return Bill(
            input=position - read - cost["5m"] - cost["1h"],
            output=output,
            cache_read=read,
            cache_write_5m=cost["5m"],
            cache_write_1h=cost["1h"],
        )


class Totals:
    """The sum of all bills, per model."""

    def __init__(self) -> None:
        self._models: defaultdict[str, dict[str, int]] = defaultdict(
            lambda: dict.fromkeys(
                ("requests", "input", "output", "cache_read", "cache_write_5m", "cache_write_1h"), 0
            )
        )

    def add(self, model: str, bill: Bill) -> None:
        """Add the bill of a reply."""
        row = self._models[model]
        row["requests"] += 1
        for name in Bill.__slots__:
            row[name] += getattr(bill, name)

    def as_dict(self) -> dict[str, dict[str, int]]:
        """Return a copy of the sums, by model."""
        return {model: dict(row) for model, row in self._models.items()}

    def clear(self) -> None:
        """Reset the sums of all models."""
        self._models.clear()
