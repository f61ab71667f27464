"""The shape of Ollama's bodies (`/api/chat`, `/api/generate`), as far as translating them depends on it.

The two differ in where the conversation stands: a list of `messages`, or a `system` text and a `prompt`.
A value of the wrong kind is refused before anything is sent, and the refusal names the field.
"""

from typing import Annotated, Any, Literal

import msgspec

from router.errors import BadRequest
from router.wire.body import AnyObject, decode

Object = dict[str, Any]
Number = int | float
Name = Annotated[str, msgspec.Meta(min_length=1)]


class OllamaHead(msgspec.Struct, frozen=True):
    """What carrying a request depends on."""

    model: str | None = None
    stream: bool | None = None
    messages: list[AnyObject] | None = None
    prompt: str | None = None
    system: str | None = None
    images: list[str] | None = None
    tools: list[AnyObject] | None = None
    suffix: str | None = None
    context: list[int] | None = None


class OllamaFunction(msgspec.Struct, frozen=True):
    """What a past call called. Ollama has its arguments as an object; clients also send text."""

    name: Name
    arguments: Object | str | None = None


class OllamaCall(msgspec.Struct, frozen=True):
    """A past call; older clients give it no id."""

    function: OllamaFunction
    id: str | None = None


class OllamaMessage(msgspec.Struct, frozen=True):
    """One message."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[OllamaCall] | None = None
    tool_call_id: str | None = None
    tool_name: str | None = None
    name: str | None = None


class OllamaToolFunction(msgspec.Struct, frozen=True):
    """A function that the model may call."""

    name: Name
    description: str | None = None
    parameters: Object | None = None


class OllamaTool(msgspec.Struct, frozen=True):
    """A tool that the client offers."""

    function: OllamaToolFunction


class OllamaOptions(msgspec.Struct, frozen=True):
    """The options that the neutral form has, too. Clients also write whole numbers as `4096.0`."""

    num_predict: Number | None = None
    temperature: Number | None = None
    top_p: Number | None = None
    top_k: Number | None = None
    seed: Number | None = None
    frequency_penalty: Number | None = None
    presence_penalty: Number | None = None
    stop: str | list[str] | None = None


class OllamaBody(msgspec.Struct, frozen=True):
    """A whole body."""

    model: str | None = None
    stream: bool | None = None
    messages: list[OllamaMessage] | None = None
    prompt: str | None = None
    system: str | None = None
    images: list[str] | None = None
    tools: list[OllamaTool] | None = None
    format: str | Object | None = None
    think: bool | str | None = None
    options: OllamaOptions | None = None


_NUMBER, _INTEGER = "must be a number", "must be an integer of 64 bits"
_REMEDIES = {
    "messages[]": "must be an object with `role` and `content`",
    "messages[].role": "must be `system`, `user`, `assistant` or `tool`",
    "messages[].content": "must be a string; images stand in `images`",
    "system": "must be a string",
    "format": "must be `json`, or a JSON schema as an object",
    "think": "must be true, false, or `low`, `medium` or `high`",
    "context": "must be an array of integers; leave it out, and use /api/chat",
    "suffix": "must be a string",
    "options.num_predict": _INTEGER,
    "options.top_k": _INTEGER,
    "options.seed": _INTEGER,
    "options.temperature": _NUMBER,
    "options.top_p": _NUMBER,
    "options.frequency_penalty": _NUMBER,
    "options.presence_penalty": _NUMBER,
    "options.stop": "must be a string or an array of strings",
}
_HEAD = msgspec.json.Decoder(OllamaHead)
_BODY = msgspec.json.Decoder(OllamaBody)


def read_head(body: bytes) -> OllamaHead:
    """Read what carrying a body depends on.

    Raises:
        BadRequest: a field of the wrong kind, two conversations in one body, or tools beside a prompt.
    """
    head = decode(_HEAD, body, _REMEDIES)
    if head.messages is not None and head.prompt is not None:
        raise BadRequest("prompt: cannot stand beside `messages`; leave one of them out")
    if head.prompt is not None and head.tools:
        raise BadRequest("tools: /api/generate answers in text alone; leave them out, or use /api/chat")
    return head


def read_body(body: bytes) -> OllamaBody:
    """Read a body that is to be translated.

    Raises:
        BadRequest: names the field, and what stands there in the place of what.
    """
    return decode(_BODY, body, _REMEDIES)


def whole(name: str, number: Number | None) -> int | None:
    """Read an option that is a whole number, as Ollama does: what is behind its point is left out.

    Raises:
        BadRequest: it has more than 64 bits.
    """
    if number is None:
        return None
    if not -(2**63) <= number < 2**63:
        raise BadRequest(f"options.{name}: {_INTEGER}")
    return int(number)
