"""Anthropic Messages, the request: its body as a conversation."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from router.errors import BadRequest
from router.wire import body as wire_body
from router.wire.anthropic_blocks import DIALECT, convert, decode_content, mark_of
from router.wire.body import AnyObject, Body, Envelope
from router.wire.conversation import (
    Conversation,
    Opaque,
    Reasoning,
    ResponseFormat,
    Role,
    Sampling,
    Text,
    Tool,
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


class MessagesBody(msgspec.Struct, frozen=True):
    """A whole body, as far as translating it depends on it."""

    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
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


_KNOWN = frozenset(MessagesBody.__struct_fields__)
_ENVELOPE = msgspec.json.Decoder(_Envelope)


def read(body: bytes) -> Envelope:
    """Read the envelope; raises `BadRequest`."""
    return wire_body.read(_ENVELOPE, body)


def decode_request(body: bytes) -> Conversation:
    """Read a Messages body.

    Raises:
        BadRequest: malformed, or a field of the wrong type; names it and the remedy.
    """
    fields = wire_body.decode_object(body)
    try:
        request = convert(fields, MessagesBody, "")
        return _conversation(request, fields)
    except RecursionError as error:
        raise BadRequest("the body is nested too deeply: send flatter JSON") from error


def _conversation(request: MessagesBody, fields: Json) -> Conversation:
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
        fields = convert(tool, _Tool, f"tools[{at}]")
        yield Tool(
            name=fields.name,
            description=fields.description or "",
            schema=fields.input_schema or {},
            strict=fields.strict,
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


def _response_format(request: MessagesBody) -> ResponseFormat | None:
    shape = (request.output_config and request.output_config.format) or request.output_format
    if shape is None or shape.type != "json_schema" or shape.schema is None:
        return None
    return ResponseFormat(kind="json_schema", schema=shape.schema, strict=True)


def _decode_reasoning(request: MessagesBody) -> Reasoning | None:
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
