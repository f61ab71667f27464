"""The shape of an OpenAI Responses body, as far as translating it depends on it.

An input item is read by its `type`: only what a known type needs is looked at, and a refusal names the item
and the field.
"""

from typing import Annotated, Any, Literal, TypeVar
from uuid import uuid4

import msgspec

from router.errors import BadRequest
from router.wire import body as wire_body

Object = dict[str, Any]
Name = Annotated[str, msgspec.Meta(min_length=1)]
Number = int | float
T = TypeVar("T")


class ContentPart(msgspec.Struct, frozen=True):
    """A part of a message's or an output's content; of other kinds than the known the type alone is read."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    prompt_cache_breakpoint: Object | None = None


Content = str | list[ContentPart]


class Message(msgspec.Struct, frozen=True):
    """What somebody said."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Content


class FunctionCall(msgspec.Struct, frozen=True):
    """A past call of a function."""

    name: str
    call_id: str
    arguments: str | Object | None = ""
    namespace: str | None = None


class CustomCall(msgspec.Struct, frozen=True):
    """A past call of a tool that takes text."""

    name: str
    call_id: str
    input: str = ""
    namespace: str | None = None


class ActionCall(msgspec.Struct, frozen=True):
    """A past call of a tool that OpenAI's models know: what it did stands in a field of its own."""

    call_id: str | None = None
    id: str | None = None
    action: Object | None = None
    operation: Object | None = None
    arguments: Any = None


class ShellOutput(msgspec.Struct, frozen=True):
    """What one command of a shell call printed."""

    stdout: str = ""
    stderr: str = ""
    outcome: Object = {}


class Output(msgspec.Struct, frozen=True):
    """What a call was answered."""

    call_id: str | None = None
    id: str | None = None
    output: Content | None = None
    status: str | None = None


class ShellOutputs(msgspec.Struct, frozen=True):
    """What a shell call was answered."""

    call_id: str
    output: list[ShellOutput]


class Summary(msgspec.Struct, frozen=True):
    """Text of a reasoning item."""

    text: str = ""


class ReasoningItem(msgspec.Struct, frozen=True):
    """What a model thought."""

    summary: list[Summary] | None = None
    content: list[Summary] | None = None
    encrypted_content: str | None = None


class OfferedTool(msgspec.Struct, frozen=True):
    """A tool; which fields it has depends on its type."""

    type: str
    name: str | None = None
    description: str | None = None
    parameters: Object | None = None
    strict: bool | None = None
    format: Object | None = None
    """What the text of a custom tool must be."""
    tools: list[Object] | None = None
    """Those of a namespace."""
    execution: str | None = None
    environment: Object | None = None


class Choice(msgspec.Struct, frozen=True):
    """A tool that must be called, or those that may be."""

    type: str
    name: str | None = None
    namespace: str | None = None
    mode: Literal["auto", "required"] | None = None
    tools: list[Object] | None = None


class Format(msgspec.Struct, frozen=True):
    """The form that the answer must have."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: Object | None = None
    strict: bool | None = None


class TextOptions(msgspec.Struct, frozen=True):
    """How the answer is written."""

    format: Format | None = None
    verbosity: str | None = None


class ReasoningOptions(msgspec.Struct, frozen=True):
    """How much is thought."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None


class ResponsesBody(msgspec.Struct, frozen=True):
    """A whole body."""

    input: str | Annotated[list[Object], msgspec.Meta(min_length=1)]
    model: str | None = None
    instructions: str | None = None
    tools: list[Object] | None = None
    tool_choice: Literal["none", "auto", "required"] | Choice | None = None
    parallel_tool_calls: bool | None = None
    temperature: Number | None = None
    top_p: Number | None = None
    max_output_tokens: wire_body.Count | None = None
    reasoning: ReasoningOptions | None = None
    text: TextOptions | None = None
    stream: bool | None = None
    user: str | None = None


class Listed(msgspec.Struct, frozen=True):
    """An item or a tool, as far as it tells who can serve it."""

    type: Any = None
    role: Any = None
    environment: Any = None


class Outline(msgspec.Struct, frozen=True):
    """What is looked at before a body is routed."""

    input: str | Annotated[list[Listed], msgspec.Meta(min_length=1)] | None = None
    model: str | None = None
    stream: bool | None = None
    instructions: str | None = None
    tools: list[Listed] | None = None
    max_output_tokens: wire_body.Count | None = None
    include: list[str] | None = None
    background: msgspec.Raw = wire_body.NOTHING
    conversation: msgspec.Raw = wire_body.NOTHING
    messages: msgspec.Raw = wire_body.NOTHING
    moderation: msgspec.Raw = wire_body.NOTHING
    previous_response_id: msgspec.Raw = wire_body.NOTHING
    prompt: msgspec.Raw = wire_body.NOTHING
    system: msgspec.Raw = wire_body.NOTHING
    top_logprobs: msgspec.Raw = wire_body.NOTHING


ENVELOPE = msgspec.json.Decoder(Outline)
BODY = msgspec.json.Decoder(ResponsesBody)


_OWN = "turnout_"
"""Begins what is behind the prefix of each id that is written here."""
OWN_REASONING = f"rs_{_OWN}"
"""How the id of reasoning begins that is written here."""


def make_id(prefix: str) -> str:
    """Make the id of a response or an item; no provider's looks like it."""
    return f"{prefix}_{_OWN}{uuid4().hex}"


def is_own(id_: str) -> bool:
    """Whether an id was written here, and so is known to no provider."""
    return id_.partition("_")[2].startswith(_OWN)


def convert(value: Any, type_: type[T], where: str) -> T:
    """Read a value of the body as `type_`; raises `BadRequest`, which names the field."""
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        place = f"{where}{path.rstrip('`')}"
        raise BadRequest(
            f"{place}: has the wrong shape for the Responses API: {what}; see its reference"
        ) from error
