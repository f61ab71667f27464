"""Anthropic Messages, the request: a conversation as the body of `POST /v1/messages`.

The API wants turns to alternate, results of tools first, and an id of its own for each call. What is written
for a turn never depends on what comes after the assistant's answer to it: the prompt's prefix stays the same
from call to call, and with it the provider's cache.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from router.wire.anthropic_blocks import encode_parts, marked
from router.wire.claude_models import UNKNOWN, claude_schema
from router.wire.conversation import (
    Conversation,
    Opaque,
    Part,
    Reasoning,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    as_reminder,
)
from router.wire.target import Target

Json = dict[str, Any]

FIRST = "(The conversation begins with the assistant.)"
"""In place of the user's turn that the API wants first."""
EMPTY = "(The user's message is empty.)"
"""In place of a last turn of the user's that says nothing; without it the assistant's would be the last."""
_LONGEST_NAME = 128
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")
_MODES: Mapping[str, str] = {"auto": "auto", "required": "any", "none": "none", "tool": "tool"}


def encode_request(conversation: Conversation, *, model: str, target: Target) -> bytes:
    """Write a Messages body.

    Args:
        conversation: adapted to `target`; see `router.wire.capabilities`.
        model: the name to ask for.
        target: whether the prompt is marked for the cache, and what its model takes.
    """
    claude = target.model or UNKNOWN
    tools = [_encode_tool(tool) for tool in conversation.tools]
    body: Json = {"model": model, "max_tokens": conversation.output_limit or claude.output_limit}
    if system := encode_parts(conversation.system):
        body["system"] = system
    body["messages"] = _encode_turns(conversation.turns, system_turns=claude.system_turns)
    if not body["messages"] and system:  # OpenAI answers a system message alone
        body["messages"] = [{"role": "user", "content": body.pop("system")}]
    choice = _encode_choice(conversation)
    if not tools and (tools := _tools_of_history(conversation)):
        choice = {"type": "none"}
    if tools:
        body |= {"tools": tools} | ({"tool_choice": choice} if choice else {})
    body |= _options(conversation) | dict(conversation.extras)
    if target.marks_cache:
        _mark_prompt(body)
    return msgspec.json.encode(body)


def _options(conversation: Conversation) -> Json:
    sampling, shape, reasoning = conversation.sampling, conversation.response_format, conversation.reasoning
    output: Json = {}
    if reasoning is not None and reasoning.effort not in {"", "none"}:
        output["effort"] = reasoning.effort
    if shape is not None and shape.kind == "json_schema":
        output["format"] = {"type": "json_schema", "schema": claude_schema(shape.schema)}
    options: Json = {
        "stop_sequences": list(conversation.stop) or None,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "thinking": _encode_thinking(reasoning) if reasoning else None,
        "output_config": output or None,
        "metadata": {"user_id": conversation.user} if conversation.user else None,
        "stream": conversation.stream or None,
    }
    return {name: value for name, value in options.items() if value is not None}


def _encode_thinking(reasoning: Reasoning) -> Json | None:
    if reasoning.adaptive:
        return {"type": "adaptive", "display": "summarized"}  # the thoughts are left blank by default
    if reasoning.budget_tokens is not None:
        return {"type": "enabled", "budget_tokens": reasoning.budget_tokens}
    return {"type": "disabled"} if reasoning.effort == "none" else None


def _encode_tool(tool: Tool | Opaque) -> Json:
    if isinstance(tool, Opaque):
        return dict(tool.value)
    schema = tool.schema if tool.schema.get("type") == "object" else {**tool.schema, "type": "object"}
    encoded: Json = {"name": tool.name, "input_schema": schema}
    if tool.description:
        encoded["description"] = tool.description
    if tool.strict is not None:
        encoded["strict"] = tool.strict
    return marked(encoded, tool.cache)


def _tools_of_history(conversation: Conversation) -> list[Json]:
    """Tools that were called before and are not offered now: the API requires every called tool declared."""
    names = dict.fromkeys(
        _called(part.name) for turn in conversation.turns for part in turn.parts if isinstance(part, ToolCall)
    )
    return [{"name": name, "input_schema": {"type": "object"}} for name in names]


def _encode_choice(conversation: Conversation) -> Json | None:
    choice, parallel = conversation.tool_choice, conversation.parallel_tool_calls
    if choice is None and parallel is not False:
        return None
    choice = choice or ToolChoice()
    encoded: Json = {"type": _MODES[choice.mode]}
    if choice.mode == "tool":
        encoded["name"] = choice.name
    if parallel is False and choice.mode != "none":
        encoded["disable_parallel_tool_use"] = True
    return encoded


def _encode_turns(turns: Iterable[Turn], *, system_turns: bool) -> list[Json]:
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
        self._asked = False
        """The last turn is the user's."""

    def add(self, turn: Turn) -> None:
        """Add a turn."""
        self._asked = turn.role == "user"
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
        if self._asked and (not self._messages or self._messages[-1]["role"] == "assistant"):
            self._messages.append({"role": "user", "content": [{"type": "text", "text": EMPTY}]})
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
            block | {"text": as_reminder(block["text"])} for block in self._system if "text" in block
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
        self._ids: dict[str, deque[str]] = {}

    def of_calls(self, parts: tuple[Part, ...]) -> list[Part]:
        """Give the calls among the parts of a turn their ids."""
        latest: dict[str, deque[str]] = {}
        named: list[Part] = []
        for part in parts:
            if isinstance(part, ToolCall):
                unique = self._make_unique(part.id)
                latest.setdefault(part.id, deque()).append(unique)
                named.append(replace(part, id=unique, name=_called(part.name)))
            else:
                named.append(part)
        self._ids |= latest
        return named

    def of_result(self, result: ToolResult) -> ToolResult:
        """Give a result the id of its call."""
        ids = self._ids.get(result.call_id)
        if ids is None:
            return replace(result, call_id=_clean(result.call_id))
        return replace(result, call_id=ids.popleft() if len(ids) > 1 else ids[0])

    def _make_unique(self, call_id: str) -> str:
        unique = first = _clean(call_id)
        number = 1
        while unique in self._taken:
            number += 1
            unique = f"{first}_{number}"
        self._taken.add(unique)
        return unique


def _clean(call_id: str) -> str:
    return _NOT_IN_IDS.sub("_", call_id) or "call"


def _called(name: str) -> str:
    """The name of a past call; local models write some that the API refuses in every later turn."""
    return _NOT_IN_IDS.sub("_", name)[:_LONGEST_NAME] or "unknown"


_MARK = {"type": "ephemeral"}
_TURNS = 2
_UNMARKABLE = frozenset({"thinking", "redacted_thinking"})


def _mark_prompt(body: Json) -> None:
    """Mark up to where the prompt is cached, unless the client marked something itself.

    Without a mark every call of an agent pays the full price for the whole conversation again. As the
    provider's guide on prompt caching has it: the tools and the system prompt are marked at their ends,
    which no turn changes; the last user turn is marked so that the next call reads all of it, and the one
    before so that this call finds what the last one wrote. A request may hold four marks at most.
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
