"""OpenAI Chat Completions, the request: its body as a conversation.

What is put right on the way in, since clients send it with every later turn: arguments that are an
object rather than text, calls without an id, the older `function_call`, and an assistant's message
that says nothing.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import msgspec

from router.wire import body as wire_body
from router.wire.body import Body, Count, Envelope, decode_object
from router.wire.chat_shape import (
    CalledFunction,
    ChatBody,
    ChatCall,
    ChatMessage,
    ChatPart,
    ChatTool,
    Object,
    Url,
    read_body,
)
from router.wire.conversation import (
    CacheMark,
    Conversation,
    Document,
    Image,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ResponseFormat,
    Role,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from router.wire.data_urls import inline
from router.wire.free_text import TEXT_SCHEMA, arguments_of


class _Body(Body, frozen=True, kw_only=True):
    max_completion_tokens: Count | None = None


_ENVELOPE = msgspec.json.Decoder(_Body)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])

_NEUTRAL = frozenset({
    "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "temperature", "top_p", "top_k",
    "seed", "frequency_penalty", "presence_penalty", "response_format", "reasoning_effort", "thinking",
    "stop", "max_tokens", "max_completion_tokens", "stream", "stream_options", "user",
})  # fmt: skip
"""Fields that the neutral form has, too."""


def read(body: bytes) -> Envelope:
    """Read the envelope; raises `BadRequest`."""
    return wire_body.read(_ENVELOPE, body)


def decode_request(body: bytes) -> Conversation:
    """Read a body that `read` has accepted.

    Raises:
        BadRequest: a field of the wrong kind; names it and the remedy.
    """
    chat, source = read_body(body), _Source(body)
    turns = [turn for at, message in enumerate(chat.messages) for turn in _turns(message, at, source)]
    leading = next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))
    limit = chat.max_completion_tokens if chat.max_completion_tokens is not None else chat.max_tokens
    return Conversation(
        dialect="openai_chat",
        model=chat.model or "",
        system=tuple(part for turn in turns[:leading] for part in turn.parts if isinstance(part, Text)),
        turns=tuple(turns[leading:]),
        tools=tuple(_tool(tool, at, source) for at, tool in enumerate(chat.tools or ())),
        tool_choice=_tool_choice(chat),
        parallel_tool_calls=chat.parallel_tool_calls,
        sampling=Sampling(
            temperature=chat.temperature,
            top_p=chat.top_p,
            top_k=chat.top_k,
            seed=chat.seed,
            frequency_penalty=chat.frequency_penalty,
            presence_penalty=chat.presence_penalty,
        ),
        response_format=_response_format(chat),
        reasoning=_reasoning(chat),
        stop=(chat.stop,) if isinstance(chat.stop, str) else tuple(chat.stop or ()),
        output_limit=limit,
        stream=bool(chat.stream),
        stream_usage=bool(chat.stream_options and chat.stream_options.include_usage),
        user=chat.user or "",
        extras=source.extras(),
    )


class _Typed(msgspec.Struct):
    type: Any = None


class _Calling(msgspec.Struct):
    tool_calls: list[_Typed] | None = None


class _Tools(msgspec.Struct):
    messages: list[_Calling]
    tools: list[_Typed] | None = None
    tool_choice: Any = None


_TOOLS = msgspec.json.Decoder(_Tools)


def has_free_text(body: bytes) -> bool:
    """Whether a body offers, chooses, or has called a tool that takes plain text."""
    try:
        read_tools = _TOOLS.decode(body)
    except wire_body.UNREADABLE:
        return False
    choice = read_tools.tool_choice
    typed = [*(read_tools.tools or ()), *(c for m in read_tools.messages for c in m.tool_calls or ())]
    return any(item.type == "custom" for item in typed) or (
        isinstance(choice, dict) and choice.get("type") == "custom"
    )


class _Source:
    """The body once more, for the few values that only its own dialect has a word for."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    @cached_property
    def fields(self) -> Object:
        return decode_object(self._body)

    def extras(self) -> Object:
        if _FIELDS.decode(self._body).keys() <= _NEUTRAL:
            return {}
        return {
            name: value for name, value in self.fields.items() if name not in _NEUTRAL and value is not None
        }


_ROLES: Mapping[str, Role] = {"system": "system", "developer": "system", "assistant": "assistant"}


def _turns(message: ChatMessage, at: int, source: _Source) -> Iterator[Turn]:
    """Yield a message as a turn; an assistant's empty message is left out."""
    role = _ROLES.get(message.role, "user")
    parts = tuple(_parts(message, at, source))
    if message.role in ("tool", "function"):
        call_id = message.tool_call_id if message.role == "tool" else _function_id(message.name)
        result = tuple(part for part in parts if isinstance(part, Text | Image | Document))
        mark = _cache(message.cache_control)
        yield Turn(role="user", parts=(ToolResult(call_id=call_id or "", parts=result, cache=mark),))
    elif parts or role == "user":
        yield Turn(role=role, parts=parts, name=message.name or "")


def _parts(message: ChatMessage, at: int, source: _Source) -> Iterator[Part]:
    assistant = message.role == "assistant"
    if assistant:
        yield from _thinking(message)
    content = message.content
    if isinstance(content, str):
        if content.strip() or (content and not assistant):
            yield Text(text=content, cache=_cache(message.cache_control) if message.role != "tool" else None)
    else:
        for place, part in enumerate(content or ()):
            if part.type != "text" or (part.text or "").strip() or (part.text and not assistant):
                yield _part(part, at, place, source)
    if assistant:
        if message.refusal:
            yield Refusal(text=message.refusal)
        yield from _calls(message, at)


def _thinking(message: ChatMessage) -> Iterator[Thinking]:
    """Yield signed reasoning where it came, else the plain text of it."""
    for block in message.thinking_blocks or ():
        yield Thinking(text=block.thinking or "", signature=block.signature or "", redacted=block.data or "")
    if message.reasoning_content and not message.thinking_blocks:
        yield Thinking(text=message.reasoning_content)


def _calls(message: ChatMessage, at: int) -> Iterator[ToolCall]:
    for place, call in enumerate(message.tool_calls or ()):
        name, arguments = _called(call)
        yield ToolCall(id=call.id or f"call_{at}_{place}", name=name, arguments=arguments)
    if function := message.function_call:
        yield ToolCall(id=_function_id(function.name), name=function.name, arguments=_arguments(function))


def _called(call: ChatCall) -> tuple[str, str]:
    if call.function is not None and call.type != "custom":
        return call.function.name, _arguments(call.function)
    name, text = (call.custom.name, call.custom.input) if call.custom else ("", "")
    return name, arguments_of(text)


def _function_id(name: str | None) -> str:
    """The older form has no ids: a function's result follows its call."""
    return f"call_{name}"


def _arguments(function: CalledFunction) -> str:
    arguments = function.arguments
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else msgspec.json.encode(arguments).decode()


def _part(part: ChatPart, at: int, place: int, source: _Source) -> Part:
    mark = _cache(part.cache_control)
    match part.type:
        case "text":
            return Text(text=part.text or "", cache=mark)
        case "image_url":
            return _image(part.image_url or "", mark)
        case "file":
            return _file(part.file or {}, mark)
        case "refusal":
            return Refusal(text=part.refusal or part.text or "")
        case "thinking" | "redacted_thinking":
            return Thinking(
                text=part.thinking or "", signature=part.signature or "", redacted=part.data or ""
            )
        case _:
            value = source.fields["messages"][at]["content"][place]
            where = f"messages[{at}].content[{place}]"
            return Opaque(
                dialect="openai_chat", kind=part.type, value=value, text=part.text or "", where=where
            )


def _image(image: Url | str, mark: CacheMark | None) -> Image:
    url, detail = (image, "") if isinstance(image, str) else (image.url, image.detail or "")
    media_type, data = inline(url)
    return Image(url="" if data else url, data=data, media_type=media_type, detail=detail, cache=mark)


def _file(file: Object, mark: CacheMark | None) -> Document:
    fields = {name: value for name, value in file.items() if isinstance(value, str)}
    file_data = fields.get("file_data", "")
    media_type, data = inline(file_data)
    return Document(
        title=fields.get("filename", ""),
        data=data or file_data,
        media_type=media_type,
        file_id=fields.get("file_id", ""),
        cache=mark,
    )


def _cache(control: Object | None) -> CacheMark | None:
    if not control:
        return None
    return "1h" if control.get("ttl") == "1h" else "5m"


def _tool(tool: ChatTool, at: int, source: _Source) -> Tool | Opaque:
    custom, cache = tool.custom, _cache(tool.cache_control)
    if tool.type == "custom" and custom is not None and (custom.format or {}).get("type", "text") == "text":
        return Tool(
            name=custom.name,
            description=custom.description or "",
            schema=TEXT_SCHEMA,
            free_text=True,
            cache=cache,
        )
    if tool.type != "function" or tool.function is None:
        value = source.fields["tools"][at]
        return Opaque(dialect="openai_chat", kind=tool.type, value=value, where=f"tools[{at}]")
    return Tool(
        name=tool.function.name,
        description=tool.function.description or "",
        schema=tool.function.parameters or {},
        strict=tool.function.strict,
        cache=cache,
    )


def _tool_choice(chat: ChatBody) -> ToolChoice | None:
    choice = chat.tool_choice
    if choice is None:
        return None
    if isinstance(choice, str):
        return ToolChoice(mode=choice)
    tool = choice.custom if choice.type == "custom" else choice.function
    return ToolChoice(mode="tool", name=tool.name if tool else "")


def _response_format(chat: ChatBody) -> ResponseFormat | None:
    shape = chat.response_format
    if shape is None or shape.type == "text":
        return None
    if shape.type == "json_object" or shape.json_schema is None:
        return ResponseFormat(kind="json_object")
    schema = shape.json_schema
    return ResponseFormat(
        kind="json_schema", name=schema.name or "answer", schema=schema.schema or {}, strict=schema.strict
    )


def _reasoning(chat: ChatBody) -> Reasoning | None:
    effort, thinking = chat.reasoning_effort or "", chat.thinking
    if thinking is not None:
        off = thinking.type == "disabled"
        return Reasoning(
            effort="none" if off else effort,
            budget_tokens=None if off else thinking.budget_tokens,
            adaptive=thinking.type == "adaptive",
        )
    return Reasoning(effort=effort) if effort else None
