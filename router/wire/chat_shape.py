"""The shape of a Chat Completions body, as far as translating it depends on it.

What passes through unread may be anything. What is translated may not: an adapter that trips over
a value of the wrong kind tells of its own code, and no client can do anything about that. So the
shape is checked first, and the refusal names the field.
"""

from typing import Annotated, Any, Literal

import msgspec

from router.errors import BadRequest
from router.wire import body as wire_body

Object = dict[str, Any]
Name = Annotated[str, msgspec.Meta(min_length=1)]
Number = int | float


class _Url(msgspec.Struct, frozen=True):
    url: str
    detail: str | None = None


class _Part(msgspec.Struct, frozen=True):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: _Url | str | None = None
    input_audio: Object | None = None
    file: Object | None = None
    cache_control: Object | None = None


class _Arguments(msgspec.Struct, frozen=True):
    name: Name
    arguments: str | Object | None = ""
    """As clients keep it of a call that went wrong, too: nothing, or not yet written as text."""


class _Call(msgspec.Struct, frozen=True):
    function: _Arguments
    id: str | None = None
    type: Literal["function"] | None = None


class _Message(msgspec.Struct, frozen=True):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[_Part] | None = None
    name: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    function_call: _Arguments | None = None
    reasoning_content: str | None = None
    refusal: str | None = None


class _Function(msgspec.Struct, frozen=True):
    name: Name
    description: str | None = None
    parameters: Object | None = None
    strict: bool | None = None


class _Tool(msgspec.Struct, frozen=True):
    type: Literal["function"]
    function: _Function


class _Named(msgspec.Struct, frozen=True):
    name: Name


class _Choice(msgspec.Struct, frozen=True):
    type: Literal["function"]
    function: _Named


class _Schema(msgspec.Struct, frozen=True):
    name: str | None = None
    schema: Object | None = None


class _Format(msgspec.Struct, frozen=True):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema | None = None


class _Thinking(msgspec.Struct, frozen=True):
    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: wire_body.Count | None = None


class _Search(msgspec.Struct, frozen=True):
    search_context_size: Literal["low", "medium", "high"] | None = None
    user_location: Object | None = None


class _Chat(msgspec.Struct, frozen=True):
    messages: list[_Message]
    audio: Object | None = None
    frequency_penalty: Number | None = None
    function_call: str | _Named | None = None
    functions: list[_Function] | None = None
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
    stream_options: Object | None = None
    temperature: Number | None = None
    thinking: _Thinking | None = None
    tool_choice: Literal["none", "auto", "required"] | _Choice | None = None
    tools: list[_Tool] | None = None
    top_k: wire_body.Count | None = None
    top_logprobs: wire_body.Count | None = None
    top_p: Number | None = None
    user: str | None = None
    verbosity: str | None = None
    web_search_options: _Search | None = None


_CARRIED = {"text": "text", "image_url": "image_url", "input_audio": "input_audio", "file": "file"}
"""What a part must have, by its type."""
_CHAT = msgspec.json.Decoder(_Chat)


def check(body: bytes) -> None:
    """Refuse a Chat Completions body that cannot be translated.

    Raises:
        BadRequest: names the field, and what stands there in the place of what.
    """
    chat: _Chat = wire_body.decode(_CHAT, body)
    for at, message in enumerate(chat.messages):
        if message.content is None and message.role != "assistant":
            raise BadRequest(f"messages[{at}].content: must be a string or an array of objects")
        for part_at, part in enumerate(message.content if isinstance(message.content, list) else ()):
            if (name := _CARRIED.get(part.type)) and getattr(part, name) is None:
                raise BadRequest(f"messages[{at}].content[{part_at}].{name}: is missing")
        if message.role == "tool" and message.tool_call_id is None:
            raise BadRequest(f"messages[{at}].tool_call_id: must name the call that this answers")
        if message.role == "function" and message.name is None:
            raise BadRequest(f"messages[{at}].name: must name the function that this answers")
