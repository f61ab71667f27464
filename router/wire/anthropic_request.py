"""Anthropic Messages: the request of `POST /v1/messages`, to and from the neutral form."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from router.errors import BadRequest
from router.wire import body as wire_body
from router.wire.anthropic_blocks import DIALECT, convert, decode_content, mark_of, marked
from router.wire.anthropic_turns import encode_system, encode_turns
from router.wire.body import AnyObject, Body, Envelope
from router.wire.cache_marks import mark_prompt
from router.wire.capabilities import Target
from router.wire.claude_models import UNKNOWN
from router.wire.claude_schema import claude_schema
from router.wire.conversation import (
    Conversation,
    Opaque,
    Reasoning,
    ResponseFormat,
    Role,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    Turn,
)

Json = dict[str, Any]
Number = int | float


class _Envelope(Body, frozen=True, kw_only=True):
    system: str | list[AnyObject] | None = None


class _Message(msgspec.Struct, frozen=True):
    role: str
    content: str | list[Any] | None = None


class _Tool(msgspec.Struct, frozen=True):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    description: str | None = None
    input_schema: Json | None = None
    strict: bool | None = None


class _Choice(msgspec.Struct, frozen=True):
    type: str | None = None
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Format(msgspec.Struct, frozen=True):
    type: str | None = None
    schema: Json | None = None


class _OutputConfig(msgspec.Struct, frozen=True):
    effort: str | None = None
    format: _Format | None = None


class _Thinking(msgspec.Struct, frozen=True):
    type: str | None = None
    budget_tokens: wire_body.Count | None = None


class _Metadata(msgspec.Struct, frozen=True):
    user_id: Any = None


class _Request(msgspec.Struct, frozen=True):
    messages: list[_Message]
    max_tokens: wire_body.Count | None = None
    metadata: _Metadata | None = None
    model: str | None = None
    output_config: _OutputConfig | None = None
    output_format: _Format | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    system: str | list[Any] | None = None
    temperature: Number | None = None
    thinking: _Thinking | None = None
    tool_choice: _Choice | None = None
    tools: list[Json] | None = None
    top_k: wire_body.Count | None = None
    top_p: Number | None = None


_KNOWN = frozenset(_Request.__struct_fields__)
_ENVELOPE = msgspec.json.Decoder(_Envelope)


def read(body: bytes) -> Envelope:
    """Read the envelope; raises `BadRequest`."""
    return wire_body.read(_ENVELOPE, body)


def decode_request(body: bytes) -> Conversation:
    """Read a Messages body.

    Raises:
        BadRequest: malformed, or a field of the wrong type; names it and the remedy.
    """
    fields = wire_body.whole(body)
    try:
        request = convert(fields, _Request, "")
        return _conversation(request, fields)
    except RecursionError as error:
        raise BadRequest("the body is nested too deeply: send flatter JSON") from error


def _conversation(request: _Request, fields: Json) -> Conversation:
    choice = request.tool_choice
    turns = list(_turns(request.messages))
    leading = next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))
    system = list(decode_content(request.system, "system"))
    system += (part for turn in turns[:leading] for part in turn.parts)
    return Conversation(
        dialect=DIALECT,
        model=request.model or "",
        system=tuple(_texts(system)),
        turns=tuple(turns[leading:]),
        tools=tuple(_tools(request.tools or [])),
        tool_choice=_decode_choice(choice) if choice else None,
        parallel_tool_calls=False if choice and choice.disable_parallel_tool_use else None,
        sampling=Sampling(temperature=request.temperature, top_p=request.top_p, top_k=request.top_k),
        response_format=_response_format(request),
        reasoning=_decode_reasoning(request),
        stop=tuple(request.stop_sequences or ()),
        output_limit=request.max_tokens,
        stream=bool(request.stream),
        user=str(request.metadata.user_id or "") if request.metadata else "",
        extras={name: value for name, value in fields.items() if name not in _KNOWN and value is not None},
    )


_ROLES: Mapping[str, Role] = {"system": "system", "developer": "system", "assistant": "assistant"}


def _turns(messages: list[_Message]) -> Iterator[Turn]:
    for at, message in enumerate(messages):
        if parts := decode_content(message.content, f"messages[{at}].content"):
            yield Turn(role=_ROLES.get(message.role, "user"), parts=parts)


def _texts(parts: list[Any]) -> Iterator[Text]:
    for part in parts:
        if isinstance(part, Text):
            yield part
        elif isinstance(part, Opaque) and part.text:
            yield Text(text=part.text)


def _tools(tools: list[Json]) -> Iterator[Tool | Opaque]:
    for at, tool in enumerate(tools):
        kind = tool.get("type") or "custom"
        if kind != "custom":
            yield Opaque(dialect=DIALECT, kind=str(kind), value=tool, where=f"tools[{at}]")
            continue
        own = convert(tool, _Tool, f"tools[{at}]")
        yield Tool(
            name=own.name,
            description=own.description or "",
            schema=own.input_schema or {},
            strict=own.strict,
            cache=mark_of(tool),
        )


def _decode_choice(choice: _Choice) -> ToolChoice | None:
    match choice.type:
        case "any":
            return ToolChoice(mode="required")
        case "tool":
            return ToolChoice(mode="tool", name=choice.name or "")
        case "none":
            return ToolChoice(mode="none")
        case None:
            return None
        case _:
            return ToolChoice(mode="auto")


def _response_format(request: _Request) -> ResponseFormat | None:
    shape = (request.output_config and request.output_config.format) or request.output_format
    if shape is None or shape.type != "json_schema" or shape.schema is None:
        return None
    return ResponseFormat(kind="json_schema", schema=shape.schema, strict=True)


def _decode_reasoning(request: _Request) -> Reasoning | None:
    thinking = request.thinking or _Thinking()
    effort = (request.output_config and request.output_config.effort) or ""
    match thinking.type:
        case "enabled":
            return Reasoning(effort=effort, budget_tokens=thinking.budget_tokens)
        case "adaptive":
            return Reasoning(effort=effort, adaptive=True)
        case "disabled":
            return Reasoning(effort=effort or "none")
        case _:
            return Reasoning(effort=effort) if effort else None


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
    if system := encode_system(conversation.system):
        body["system"] = system
    body["messages"] = encode_turns(conversation.turns, system_turns=claude.system_turns)
    if not body["messages"] and system:  # OpenAI answers a system message alone
        body["messages"] = [{"role": "user", "content": body.pop("system")}]
    choice = _encode_choice(conversation)
    if not tools and (tools := _tools_of_history(conversation)):
        choice = {"type": "none"}
    if tools:
        body |= {"tools": tools} | ({"tool_choice": choice} if choice else {})
    body |= _options(conversation) | dict(conversation.extras)
    if target.marks_cache:
        mark_prompt(body)
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
    """Tools that were called before and are offered no more: the API wants every called tool declared."""
    names = dict.fromkeys(
        part.name for turn in conversation.turns for part in turn.parts if isinstance(part, ToolCall)
    )
    return [{"name": name, "input_schema": {"type": "object"}} for name in names]


_MODES: Mapping[str, str] = {"auto": "auto", "required": "any", "none": "none", "tool": "tool"}


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
