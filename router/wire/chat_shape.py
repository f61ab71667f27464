"""The shape of a Chat Completions body, as far as translating it depends on it.

What passes through unread may be anything. What is translated may not: a value of the wrong kind is
refused before anything is sent, and the refusal names the field.
"""

from typing import Annotated, Any, Literal

import msgspec

from router.errors import BadRequest
from router.wire import body as wire_body

Object = dict[str, Any]
Name = Annotated[str, msgspec.Meta(min_length=1)]
Number = int | float


class Url(msgspec.Struct, frozen=True):
    """Where an image is, or the image itself in a `data:` URL."""

    url: str
    detail: str | None = None


class ChatPart(msgspec.Struct, frozen=True):
    """A part of a message's content; of other kinds than these the type alone is read."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: Url | str | None = None
    input_audio: Object | None = None
    file: Object | None = None
    cache_control: Object | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class CalledFunction(msgspec.Struct, frozen=True):
    """What a past call called."""

    name: str
    arguments: str | Object | list[Any] | None = ""
    """As clients keep it of a call that went wrong, too: nothing, or not yet written as text."""


class CalledTool(msgspec.Struct, frozen=True):
    """What a past call of a custom tool called, with text."""

    name: Name
    input: str = ""


class ChatCall(msgspec.Struct, frozen=True):
    """A past call, of a function or of a custom tool."""

    function: CalledFunction | None = None
    custom: CalledTool | None = None
    id: str | None = None
    type: Literal["function", "custom"] | None = None


class ChatMessage(msgspec.Struct, frozen=True):
    """One message."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ChatPart] | None = None
    name: str | None = None
    tool_calls: list[ChatCall] | None = None
    tool_call_id: str | None = None
    function_call: CalledFunction | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    thinking_blocks: list[ChatPart] | None = None
    """litellm's word for signed reasoning."""
    cache_control: Object | None = None


class ChatFunction(msgspec.Struct, frozen=True):
    """A function that the model may call."""

    name: Name
    description: str | None = None
    parameters: Object | None = None
    strict: bool | None = None


class CustomTool(msgspec.Struct, frozen=True):
    """A tool that the model calls with text."""

    name: Name
    description: str | None = None
    format: Object | None = None
    """What the text must be: `{"type": "text"}`, or a grammar."""


class ChatTool(msgspec.Struct, frozen=True):
    """A tool; all but functions and custom tools are read by their type alone."""

    type: str
    function: ChatFunction | None = None
    custom: CustomTool | None = None
    cache_control: Object | None = None


class _Named(msgspec.Struct, frozen=True):
    name: Name


class _Choice(msgspec.Struct, frozen=True):
    type: Literal["function", "custom"]
    function: _Named | None = None
    custom: _Named | None = None


class _Schema(msgspec.Struct, frozen=True):
    name: str | None = None
    schema: Object | None = None
    strict: bool | None = None


class _Format(msgspec.Struct, frozen=True):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema | None = None


class _Thinking(msgspec.Struct, frozen=True):
    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: wire_body.Count | None = None


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool | None = None


class _Search(msgspec.Struct, frozen=True):
    search_context_size: Literal["low", "medium", "high"] | None = None
    user_location: Object | None = None


class ChatBody(msgspec.Struct, frozen=True):
    """A whole body."""

    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1)]
    model: str | None = None
    audio: Object | None = None
    frequency_penalty: Number | None = None
    function_call: str | _Named | None = None
    functions: list[ChatFunction] | None = None
    logit_bias: dict[str, Number] | None = None
    logprobs: bool | None = None
    max_completion_tokens: wire_body.Count | None = None
    max_tokens: wire_body.Count | None = None
    modalities: list[str] | None = None
    n: wire_body.Count | None = None
    parallel_tool_calls: bool | None = None
    prediction: Object | None = None
    presence_penalty: Number | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    response_format: _Format | None = None
    seed: wire_body.Count | None = None
    service_tier: str | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    temperature: Number | None = None
    thinking: _Thinking | None = None
    tool_choice: Literal["none", "auto", "required"] | _Choice | None = None
    tools: list[ChatTool] | None = None
    top_k: wire_body.Count | None = None
    top_logprobs: wire_body.Count | None = None
    top_p: Number | None = None
    user: str | None = None
    verbosity: str | None = None
    web_search_options: _Search | None = None


_CARRIED = {"text": "text", "image_url": "image_url", "input_audio": "input_audio", "file": "file"}
"""What a part must have, by its type."""
_BODY = msgspec.json.Decoder(ChatBody)


def read_body(body: bytes) -> ChatBody:
    """Read a Chat Completions body that is to be translated.

    Raises:
        BadRequest: names the field, and what stands there in the place of what.
    """
    chat: ChatBody = wire_body.decode(_BODY, body)
    for at, message in enumerate(chat.messages):
        _check_message(message, f"messages[{at}]")
    for at, tool in enumerate(chat.tools or ()):
        _check_tagged(tool, f"tools[{at}]")
    if isinstance(chat.tool_choice, _Choice):
        _check_tagged(chat.tool_choice, "tool_choice")
    return chat


def _check_tagged(value: ChatTool | ChatCall | _Choice, where: str) -> None:
    """Hold an object with a type to what that type must have."""
    kind = value.type or "function"
    if kind in {"function", "custom"} and getattr(value, kind) is None:
        raise BadRequest(f"{where}.{kind}: it is missing")


def _check_message(message: ChatMessage, where: str) -> None:
    if message.content is None and message.role != "assistant":
        raise BadRequest(f"{where}.content: must be a string or an array of objects")
    for at, part in enumerate(message.content if isinstance(message.content, list) else ()):
        if (name := _CARRIED.get(part.type)) and getattr(part, name) is None:
            raise BadRequest(f"{where}.content[{at}].{name}: is missing")
    for at, call in enumerate(message.tool_calls or ()):
        _check_tagged(call, f"{where}.tool_calls[{at}]")
    if message.role == "tool" and message.tool_call_id is None:
        raise BadRequest(f"{where}.tool_call_id: must name the call that this answers")
    if message.role == "function" and message.name is None:
        raise BadRequest(f"{where}.name: must name the function that this answers")
