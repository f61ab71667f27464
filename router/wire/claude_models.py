"""What one of Claude's models takes of a request, and a request made to fit it.

Each model refuses something else: the newest take no temperature and no forced tool, older ones no
adaptive thinking.

- A client of another dialect cannot know, so its request is made to fit (`fit_conversation`), and what was
  left out is named to it.
- A client of Messages knows its model, and its request passes as it is; unless another model was put in the
  place of the one it named: then the body is made to fit (`fit_body`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from router.wire.body import UNREADABLE
from router.wire.conversation import (
    GO_ON,
    Conversation,
    Reasoning,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
)

_EFFORTS: Mapping[str, tuple[str, int]] = {
    "minimal": ("low", 1024),
    "low": ("low", 1024),
    "medium": ("medium", 2048),
    "high": ("high", 4096),
    "xhigh": ("xhigh", 8192),
    "max": ("max", 16384),
}
"""Claude's effort for each of OpenAI's, and a budget in tokens for older models, which is litellm's."""
_PERSONAL = re.compile(r"\S+@\S+\.\S+|\+?[\d\s()-]{7,}")
_LEAST_BUDGET = 1024
"""Tokens; fewer are refused."""
_LEAST_TOP_P = 0.95
"""With thinking; less is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaudeModel:
    """What a model accepts; an unknown model accepts what most do."""

    output_limit: int = 32_000
    """Tokens of an answer for which the client set no limit; the API demands one."""
    most_output: int = 0
    """The most tokens that may be asked for; 0 where unknown."""
    sampling: bool = True
    forced_tools: bool = True
    prefill: bool = True
    """Goes on from the text of a last turn that is the assistant's."""
    adaptive_thinking: bool = False
    budget_thinking: bool = True
    efforts: frozenset[str] = frozenset({"low", "medium", "high"})
    json_schema: bool = False
    system_turns: bool = False
    """Takes a system message between a user's turn and the assistant's."""


UNKNOWN = ClaudeModel()


def model_of(row: Mapping[str, Any]) -> ClaudeModel:
    """Read a model's row of litellm's table; empty where the table has none."""
    if not row:
        return UNKNOWN
    most = row.get("max_output_tokens")
    most = most if isinstance(most, int) and most > 0 else 0
    adaptive = bool(row.get("supports_adaptive_thinking"))
    levels = {level for level in ("xhigh", "max") if row.get(f"supports_{level}_reasoning_effort")}
    return ClaudeModel(
        output_limit=most or UNKNOWN.output_limit,
        most_output=most,
        sampling=row.get("supports_sampling_params") is not False,
        forced_tools=row.get("supports_forced_tool_use") is not False,
        prefill=row.get("supports_assistant_prefill") is not False,
        adaptive_thinking=adaptive,
        budget_thinking=bool(row.get("supports_legacy_thinking" if adaptive else "supports_reasoning")),
        efforts=UNKNOWN.efforts | levels,
        json_schema=bool(row.get("supports_native_structured_output")),
        system_turns=bool(row.get("supports_mid_conversation_system")),
    )


def fit_conversation(conversation: Conversation, model: ClaudeModel) -> tuple[Conversation, tuple[str, ...]]:
    """Make a request fit a model.

    Args:
        conversation: of a client that does not speak Messages.
        model: who is to answer.

    Returns:
        The request without what the model refuses, and the names of what was left out, in OpenAI's words.
    """
    dropped: list[str] = []
    limit = conversation.output_limit or model.output_limit
    conversation = replace(
        conversation, output_limit=min(limit, model.most_output) if model.most_output else limit
    )
    conversation = replace(
        conversation,
        user=_user(conversation.user, dropped),
        tool_choice=_tool_choice(conversation.tool_choice, model, dropped),
        tools=tuple(_loose(tool, dropped) if isinstance(tool, Tool) else tool for tool in conversation.tools),
        stop=_stops(conversation.stop, dropped),
    )
    conversation = replace(conversation, reasoning=_reasoning(conversation, model, dropped))
    conversation = replace(
        conversation,
        sampling=_sampling(conversation.sampling, model, dropped, thinks=_thinks(conversation.reasoning)),
    )
    return _schema(conversation, model, dropped), tuple(dict.fromkeys(dropped))


def _user(user: str, dropped: list[str]) -> str:
    """The API refuses a name that identifies a person: an address or a telephone number."""
    if not _PERSONAL.fullmatch(user):
        return user
    dropped.append("user")
    return ""


def _tool_choice(choice: ToolChoice | None, model: ClaudeModel, dropped: list[str]) -> ToolChoice | None:
    if choice is None or model.forced_tools or choice.mode not in {"required", "tool"}:
        return choice
    dropped.append("tool_choice")
    return ToolChoice(mode="auto")


def _loose(tool: Tool, dropped: list[str]) -> Tool:
    """Claude takes few strict tools in one request, and fewer kinds of schema; its calls fit without."""
    if tool.strict:
        dropped.append("tools.strict")
    return replace(tool, strict=None) if tool.strict is not None else tool


def _stops(stops: tuple[str, ...], dropped: list[str]) -> tuple[str, ...]:
    """White space alone is refused as a stop sequence."""
    taken = tuple(stop for stop in stops if stop.strip())
    if taken != stops:
        dropped.append("stop")
    return taken


def _thinks(reasoning: Reasoning | None) -> bool:
    return reasoning is not None and (reasoning.adaptive or reasoning.budget_tokens is not None)


def _reasoning(conversation: Conversation, model: ClaudeModel, dropped: list[str]) -> Reasoning | None:
    """Thinking in the form that the model takes; None for no thinking, which is every model's default."""
    reasoning = conversation.reasoning
    if reasoning is None or reasoning.effort == "none":
        return None
    forced = conversation.tool_choice is not None and conversation.tool_choice.mode in {"required", "tool"}
    if not forced:
        effort = reasoning.effort or ("" if reasoning.adaptive else "medium")
        if model.adaptive_thinking:
            return Reasoning(adaptive=True, effort=_effort(effort, model))
        budget = reasoning.budget_tokens or _EFFORTS.get(effort, _EFFORTS["medium"])[1]
        budget = min(max(budget, _LEAST_BUDGET), (conversation.output_limit or budget + 1) - 1)
        if model.budget_thinking and budget >= _LEAST_BUDGET and not _calls_without_thinking(conversation):
            return Reasoning(budget_tokens=budget)
    dropped.append("reasoning_effort" if reasoning.effort else "thinking")
    return None


def _effort(word: str, model: ClaudeModel) -> str:
    effort = _EFFORTS.get(word, (word, 0))[0]
    return effort if effort in model.efforts or not effort else "high"


def _calls_without_thinking(conversation: Conversation) -> bool:
    """Whether the last turn with calls shows no signed thinking: then a budget for thinking is refused."""
    for turn in reversed(conversation.turns):
        if any(isinstance(part, ToolCall) for part in turn.parts):
            return not any(
                isinstance(part, Thinking) and (part.signature or part.redacted) for part in turn.parts
            )
    return False


def _sampling(sampling: Sampling, model: ClaudeModel, dropped: list[str], *, thinks: bool) -> Sampling:
    temperature, top_p, top_k = sampling.temperature, sampling.top_p, sampling.top_k
    top_p = None if top_p == 1 else top_p
    if temperature is not None and (not model.sampling or thinks):
        if temperature != 1:
            dropped.append("temperature")
        temperature = None
    if temperature is not None and temperature > 1:  # OpenAI's goes to 2
        dropped.append("temperature")
        temperature = 1.0
    if top_p is not None and (
        not model.sampling or temperature is not None or (thinks and top_p < _LEAST_TOP_P)
    ):
        dropped.append("top_p")  # newer models take one of the two
        top_p = None
    if top_k is not None and (not model.sampling or thinks):
        dropped.append("top_k")
        top_k = None
    return replace(sampling, temperature=temperature, top_p=top_p, top_k=top_k)


def _schema(conversation: Conversation, model: ClaudeModel, dropped: list[str]) -> Conversation:
    """Ask in words for a form that the model cannot be held to."""
    shape = conversation.response_format
    if shape is None or shape.kind != "json_schema" or model.json_schema:
        return conversation
    dropped.append("response_format")
    instruction = Text(
        text="Answer with one JSON object and nothing else. It must match this JSON schema: "
        + _json(shape.schema)
    )
    return replace(conversation, response_format=None, system=(*conversation.system, instruction))


class _Fields(msgspec.Struct):
    """What models differ in, of a Messages body."""

    temperature: Any = None
    top_p: Any = None
    top_k: Any = None
    tool_choice: Any = None
    thinking: Any = None
    max_tokens: Any = None


class _Messages(msgspec.Struct):
    messages: list[msgspec.Raw] = []


class _Message(msgspec.Struct):
    role: Any = None
    content: Any = None


_FIELDS = msgspec.json.Decoder(_Fields)
_MESSAGES = msgspec.json.Decoder(_Messages)
_MESSAGE = msgspec.json.Decoder(_Message)
_RAW = msgspec.json.Decoder(dict[str, msgspec.Raw])
_DEFAULTS: Mapping[str, Any] = {"temperature": 1, "top_p": 1}
"""Values that ask for what is done anyway."""


def fit_body(body: bytes, model: ClaudeModel | None) -> tuple[bytes, tuple[str, ...]]:
    """Leave out what a model refuses of a Messages body that was read before.

    A body that has none of it keeps its bytes, and so does every body where the model is None: not known.

    Returns:
        The body, and the names of what was left out of it and makes a difference.
    """
    try:
        changes, dropped = ({}, []) if model is None else _changes(body, model)
    except UNREADABLE:  # a number out of range: whoever serves it says so
        return body, ()
    if not changes:
        return body, ()
    fields = {name: raw for name, raw in _RAW.decode(body).items() if changes.get(name, raw) is not None}
    new = {name: value for name, value in changes.items() if value is not None}
    return msgspec.json.encode(fields | new), tuple(dropped)


def _changes(body: bytes, model: ClaudeModel) -> tuple[dict[str, Any], list[str]]:
    """New values by field, None where the field goes; and what the client does without."""
    fields = _FIELDS.decode(body)
    changes: dict[str, Any] = {}
    dropped: list[str] = []
    if not model.sampling:
        for name in ("temperature", "top_p", "top_k"):
            if (value := getattr(fields, name)) is not None:
                changes[name] = None
                dropped += [name] if value != _DEFAULTS.get(name) else []
    choice, limit = fields.tool_choice, fields.max_tokens
    if not model.forced_tools and _type(choice) in {"any", "tool"}:
        options = {name: value for name, value in choice.items() if name not in {"type", "name"}}
        changes["tool_choice"] = {"type": "auto", **options}
        dropped.append("tool_choice")
    takes = {"adaptive": model.adaptive_thinking, "enabled": model.budget_thinking}
    if not takes.get(_type(fields.thinking), True):
        changes["thinking"] = {"type": "adaptive"} if model.adaptive_thinking else None
        dropped += [] if model.adaptive_thinking else ["thinking"]
    if isinstance(limit, int) and limit > model.most_output > 0:
        changes["max_tokens"] = model.most_output
    if not model.prefill and _continues(messages := _MESSAGES.decode(body).messages):
        changes["messages"] = [*messages, {"role": "user", "content": GO_ON}]
        dropped.append("prefill")
    return changes, dropped


def _continues(messages: list[msgspec.Raw]) -> bool:
    """Whether the last message is text of the assistant's that the answer is to go on from."""
    last = _MESSAGE.decode(messages[-1]) if messages else _Message()
    if last.role != "assistant":
        return False
    if not isinstance(last.content, list):
        return isinstance(last.content, str) and bool(last.content.strip())
    kinds = {_type(block) for block in last.content}
    return "text" in kinds and kinds.isdisjoint(_CALLS)


_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
"""Blocks of a turn that is resumed by sending it back as it stands."""


def _type(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else ""


_UNSUPPORTED = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
    "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains", "prefixItems",
    "minProperties", "maxProperties", "patternProperties", "propertyNames", "dependentRequired",
    "dependentSchemas", "unevaluatedProperties", "if", "then", "else", "not",
)  # fmt: skip
_BY_NAME = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "allOf", "oneOf")


def claude_schema(schema: Any) -> Any:
    """Rewrite a JSON schema in the part of the standard that Claude's structured outputs take.

    The provider refuses keywords that its grammar cannot hold an answer to, and objects that may have more
    properties than are named (guide "Structured outputs", as its own SDK transforms them). What is left out
    is said in the description, so that the model still knows it. What is no object is returned as it is.

    Raises:
        RecursionError: nested too deeply.
    """
    if not isinstance(schema, Mapping):
        return schema
    result = {name: _inner(name, value) for name, value in schema.items() if name not in _UNSUPPORTED}
    if "oneOf" in result:
        result["anyOf"] = [*result.get("anyOf", ()), *result.pop("oneOf")]
    if result.get("type") == "object":
        result["additionalProperties"] = False
    notes = [
        f"{name}: {_json(schema[name])}" for name in _UNSUPPORTED if schema.get(name, False) is not False
    ]
    if notes:
        described = result.get("description")
        texts = [described] if isinstance(described, str) and described else []
        result["description"] = " ".join((*texts, f"({', '.join(notes)})"))
    return result


def _inner(name: str, value: Any) -> Any:
    if name in _BY_NAME and isinstance(value, Mapping):
        return {key: claude_schema(inner) for key, inner in value.items()}
    if name in _LISTS and isinstance(value, list):
        return [claude_schema(inner) for inner in value]
    return claude_schema(value) if name == "items" else value


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
