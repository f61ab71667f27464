"""A request in neutral form: what every dialect decodes to and encodes from.

One dialect's body becomes another's by way of these types, so that a new dialect is one file
with a decoder and an encoder, whatever dialects there are already.

- Order is kept: turns as they came, parts as they stood in their turn.
- Arguments of tool calls stay the text they were, valid JSON or not; an encoder whose dialect wants
  an object repairs them (`router.wire.arguments`).
- What a dialect says that others have no word for is kept by name in `extras`. An encoder of the same
  dialect writes it back; another one drops it, or refuses it: see `router.wire.capabilities`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal

from router.types import DialectName

Role = Literal["system", "user", "assistant"]
CacheMark = Literal["5m", "1h"]
"""Up to here the provider is to cache the prompt, and for how long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Plain text."""

    text: str
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image, inline or by address."""

    url: str = ""
    """`https:` address; empty where `data` is set."""
    data: str = ""
    """Base64, as the client wrote it."""
    media_type: str = ""
    """`image/png` and the like; empty where unknown."""
    detail: str = ""
    """`low`, `high`, `auto`: OpenAI's `detail`."""
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file that the user attached: text, or bytes that only some models read."""

    title: str = ""
    text: str | None = None
    """Plain text; None where the document is not text."""
    data: str = ""
    """Base64 of a PDF or another file."""
    url: str = ""
    file_id: str = ""
    """The provider's name of an uploaded file; means nothing to another provider."""
    media_type: str = ""
    context: str = ""
    citations: bool = False
    """The answer is to cite it."""
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """Reasoning of a model; only the provider that signed it takes it back."""

    text: str = ""
    signature: str = ""
    redacted: str = ""
    """Encrypted reasoning; `text` is then empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The model's text in place of an answer that it refuses to give."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call that the model made."""

    id: str
    name: str
    arguments: str
    """JSON text as it came, maybe broken."""
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What the client's tool answered."""

    call_id: str
    parts: "tuple[Text | Image | Document, ...]"
    error: bool = False
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opaque:
    """A part that only its own dialect has a word for, as it came."""

    dialect: DialectName
    kind: str
    """Its `type`."""
    value: Mapping[str, Any]
    text: str = ""
    """Its text, for a dialect without this kind; empty where it has none."""
    where: str = field(default="", compare=False)
    """Its place in the client's body, as `messages[3].content[1]`: a refusal names it."""


Part = Text | Image | Document | Thinking | Refusal | ToolCall | ToolResult | Opaque


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message. A system turn may stand anywhere; the leading ones are in `Conversation.system`."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""
    """Of the participant, where the dialect names one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that the client offers and runs itself."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    """JSON schema of its arguments."""
    strict: bool | None = None
    free_text: bool = False
    """Its client calls it with plain text (OpenAI's type `custom`): here a function of one string, `TEXT`."""
    kind: str = ""
    """Its client's own type, in whose form it takes calls, such as `local_shell`; mostly empty."""
    namespace: str = ""
    """Of its client's tools, where they have one; `name` begins with it."""
    cache: CacheMark | None = None


GO_ON = (
    "Go on with your last message exactly where it ends. "
    "Repeat nothing of it, and say nothing before or about the continuation."
)
"""Asks in words for what the last turn's role would: most models then go on rather than start anew."""
TEXT = "input"
"""The argument of a tool that takes free text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChoice:
    """Whether the model may, must or must not call a tool."""

    mode: Literal["auto", "required", "none", "tool"] = "auto"
    name: str = ""
    """The tool that must be called, with `mode: tool`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is drawn; None leaves it to the server."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFormat:
    """The form that the answer must have."""

    kind: Literal["json_object", "json_schema"]
    name: str = "answer"
    schema: Mapping[str, Any] = field(default_factory=dict)
    strict: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoning:
    """How much the model is to think: as an effort, or in tokens."""

    effort: str = ""
    """`none`, `minimal`, `low`, `medium`, `high`, ...; empty where not given."""
    budget_tokens: int | None = None
    adaptive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """All of a request but its transport."""

    dialect: DialectName
    """In which it came; `extras` are named as there."""
    model: str = ""
    system: tuple[Text, ...] = ()
    turns: tuple[Turn, ...]
    tools: tuple[Tool | Opaque, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    sampling: Sampling = Sampling()
    response_format: ResponseFormat | None = None
    reasoning: Reasoning | None = None
    stop: tuple[str, ...] = ()
    output_limit: int | None = None
    """Of the answer, in tokens."""
    stream: bool = False
    stream_usage: bool = True
    """Whether a stream is to report its usage to the client."""
    user: str = ""
    extras: Mapping[str, Any] = field(default_factory=dict)
    """Top-level fields without a neutral word, by their name in the client's dialect."""
    received: float = field(default_factory=monotonic, compare=False)
    """When it was decoded, by the monotonic clock: some replies tell how long they took."""


def free_text_tools(conversation: Conversation) -> frozenset[str]:
    """Names of the tools that their client expects to be called with plain text."""
    return frozenset(tool.name for tool in conversation.tools if isinstance(tool, Tool) and tool.free_text)


def as_reminder(text: str) -> str:
    """Mark a later system message as the client's own text, for models that take one in front alone.

    Claude Code itself uses this form for older models.
    """
    if text.lstrip().startswith("<system-reminder>"):
        return text
    return f"<system-reminder>\n{text}\n</system-reminder>"
