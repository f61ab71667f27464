"""Turns as the Messages API wants them: alternating, results first, every id its own.

What is written for a turn never depends on what comes after the assistant's answer to it: the prompt's
prefix stays the same from call to call, and with it the provider's cache.
"""

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from router.wire.anthropic_blocks import encode_parts
from router.wire.conversation import Part, Text, ToolCall, ToolResult, Turn
from router.wire.reminders import reminder

Json = dict[str, Any]

FIRST = "(The conversation begins with the assistant.)"
"""In place of the user's turn that the API wants first."""
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")


def encode_system(texts: Iterable[Text]) -> list[Json]:
    """Write the leading system texts."""
    return encode_parts(texts)


def encode_turns(turns: Iterable[Turn], *, system_turns: bool) -> list[Json]:
    """Write turns as messages.

    Args:
        turns: in order; what says nothing is left out.
        system_turns: the model takes a system message that stands between a user's turn and the
            assistant's; elsewhere, and for other models, it becomes user text where it stands.
    """
    writer = _Writer(system_turns=system_turns)
    for turn in turns:
        writer.add(turn)
    return writer.finish()


class _Writer:
    """The messages as they grow; a user's message waits until it is known that no more joins it."""

    def __init__(self, *, system_turns: bool) -> None:
        self._system_turns = system_turns
        self._messages: list[Json] = []
        self._results: list[Json] = []
        self._blocks: list[Json] = []
        self._system: list[Json] = []
        """Since the last block of the user's."""
        self._ids = _Ids()

    def add(self, turn: Turn) -> None:
        """Add a turn."""
        match turn.role:
            case "system":
                self._system += encode_parts(turn.parts)
            case "assistant":
                self._add_assistant(turn)
            case _:
                self._add_user(turn)

    def finish(self) -> list[Json]:
        """Return all messages."""
        self._end_user()
        if self._messages and self._messages[0]["role"] == "assistant":
            self._messages.insert(0, {"role": "user", "content": [{"type": "text", "text": FIRST}]})
        if self._messages and self._messages[-1]["role"] == "assistant":
            _strip_end(self._messages)
        return self._messages

    def _add_user(self, turn: Turn) -> None:
        parts = [self._ids.of_result(part) if isinstance(part, ToolResult) else part for part in turn.parts]
        self._results += encode_parts(part for part in parts if isinstance(part, ToolResult))
        self._remind()
        self._blocks += encode_parts(part for part in parts if not isinstance(part, ToolResult))

    def _add_assistant(self, turn: Turn) -> None:
        blocks = encode_parts(self._ids.of_calls(turn.parts))
        if not blocks:
            return
        self._end_user()
        if self._messages and self._messages[-1]["role"] == "assistant":
            self._messages[-1]["content"] += blocks
        else:
            self._messages.append({"role": "assistant", "content": blocks})

    def _end_user(self) -> None:
        system: list[Json] = []
        if self._system_turns and (self._results or self._blocks):
            system, self._system = self._system, []
        self._remind()
        if content := self._results + self._blocks:
            self._messages.append({"role": "user", "content": content})
        if system:
            self._messages.append({"role": "system", "content": system})
        self._results, self._blocks = [], []

    def _remind(self) -> None:
        self._blocks += [
            block | {"text": reminder(block["text"])} for block in self._system if "text" in block
        ]
        self._system = []


def _strip_end(messages: list[Json]) -> None:
    """White space at the end of a text to go on from is refused."""
    content = messages[-1]["content"]
    if content[-1].get("type") == "text":
        content[-1]["text"] = content[-1]["text"].rstrip()


class _Ids:
    """Ids of calls: each its own in the conversation, in the letters that the API takes.

    Local servers repeat `call_0` in every turn. The results that follow answer the calls of the last
    turn, in order where several have one id.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._own: dict[str, deque[str]] = {}

    def of_calls(self, parts: tuple[Part, ...]) -> list[Part]:
        """Give the calls among the parts of a turn their ids."""
        latest: dict[str, deque[str]] = {}
        named: list[Part] = []
        for part in parts:
            if isinstance(part, ToolCall):
                own = self._take(part.id)
                latest.setdefault(part.id, deque()).append(own)
                named.append(replace(part, id=own))
            else:
                named.append(part)
        self._own |= latest
        return named

    def of_result(self, result: ToolResult) -> ToolResult:
        """Give a result the id of its call."""
        ids = self._own.get(result.call_id)
        if ids is None:
            return replace(result, call_id=_clean(result.call_id))
        return replace(result, call_id=ids.popleft() if len(ids) > 1 else ids[0])

    def _take(self, sent: str) -> str:
        own = first = _clean(sent)
        number = 1
        while own in self._taken:
            number += 1
            own = f"{first}_{number}"
        self._taken.add(own)
        return own


def _clean(sent: str) -> str:
    return _NOT_IN_IDS.sub("_", sent) or "call"
