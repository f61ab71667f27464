"""Chooses the reply: the posted steps first, then a default that any assistant can work with.

The default calls a tool the client offers, once per user turn, and then answers in text,
so that a real client walks through its whole loop. Nothing here knows a wire format.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import msgspec

Schema = Mapping[str, Any]
Ttl = Literal["", "5m", "1h", "free"]
"""How a cache write is billed; `free` as OpenAI does, by the plain price of input."""


Fault = Literal[
    "",
    "status",  # an error answer
    "close",  # the connection drops before any byte
    "close_after_head",  # it drops once the head is out
    "cut",  # it drops in the middle of the reply
    "half",  # the reply ends in the middle, as if that were its end
    "empty",  # it ends before it began
    "garbage",  # what comes is nothing that the wire format knows
    "error_event",  # an error in the stream, in the middle of the reply
    "slow",  # the first byte comes after `first_byte_s`
    "stall",  # nothing more comes from the middle of the reply on, until the client hangs up
    "no_usage",  # a complete reply that reports no usage
    "wrong_usage",  # one that reports numbers which cannot be
    "limit",  # a reply that ends at its output limit
    "failed",  # one that says of itself that it failed, as Responses can
]


class Call(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tool call to make."""

    name: str
    input: dict[str, Any] = {}


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scripted reply and its fault. Without text and tools, the default's are used."""

    text: str = ""
    tools: tuple[Call, ...] = ()
    delay_s: float = 0
    """Delay before the first byte, in seconds."""
    chunk_delay_s: float = 0
    """Delay before each event of a stream, in seconds."""
    fault: Fault = ""
    model: str = ""
    """The model named in the reply; default: the requested one."""
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    message: str = ""
    retry_after: float | None = None
    after_events: Annotated[int, msgspec.Meta(ge=0)] = 3
    first_byte_s: float = 5
    """The delay of `slow`."""
    times: Annotated[int, msgspec.Meta(ge=1)] = 1
    when: str = ""
    """Text that the request's body holds: the step waits for one that does."""


class Script:
    """The steps still to come, in order."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque()

    def replace(self, steps: Sequence[Step]) -> None:
        """Replace the remaining steps by `steps`, each repeated `times` times."""
        self._steps = deque(step for step in steps for _ in range(step.times))

    def next(self, body: bytes) -> Step:
        """Take the next step for a request with this body; the default once there is none."""
        for at, step in enumerate(self._steps):
            if step.when.encode() in body:
                del self._steps[at]
                return step
        return Step()

    def __len__(self) -> int:
        return len(self._steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that the client offers."""

    name: str
    schema: Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A piece of the prompt in the order it is cached."""

    text: str
    """Its JSON without `cache_control`."""
    ttl: Ttl = ""
    """Set if the prompt up to here is to be cached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRequest:
    """A request in either dialect, as far as replies depend on it."""

    model: str
    stream: bool
    text: str
    """The last user text."""
    result: str | None
    """The last tool result of this turn; None without one."""
    tools: tuple[Tool, ...]
    """Empty if the client forbids calls."""
    schema: Schema | None
    """The JSON schema the answer must follow."""
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The text and the tool calls of a reply."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    ending: "Ending" = ""
    message: str = ""
    """Why it failed."""


def split_chunks(text: str) -> list[str]:
    """Split a text into stream chunks: a word with the space before it."""
    words = text.split(" ")
    return [words[0], *(f" {word}" for word in words[1:])]


_PREFERRED = ("bash", "shell", "exec", "terminal", "command", "read")
_TEXT_ONLY = "Respond with TEXT ONLY"  # Claude Code's compaction offers its tools and wants none called
_EXCERPT = 60


Ending = Literal["", "limit", "failed"]
_ENDINGS: Mapping[Fault, Ending] = {"limit": "limit", "failed": "failed"}
"""Faults that the reply itself tells of."""


def build_answer(step: Step, request: ParsedRequest) -> Answer:
    """Build the step's reply, or the default one."""
    answer = _build(step, request)
    return replace(answer, ending=_ENDINGS.get(step.fault, ""), message=step.message)


def _build(step: Step, request: ParsedRequest) -> Answer:
    if step.text or step.tools:
        return Answer(text=step.text, calls=step.tools)
    if request.schema is not None:
        return Answer(text=msgspec.json.encode(sample_value(request.schema)).decode())
    if _TEXT_ONLY in request.text:
        return Answer(text="<summary>Scripted summary: nothing was changed.</summary>")
    if request.result is not None:
        return Answer(text=f"Scripted answer: done. The tool said: {_excerpt(request.result)}")
    if request.tools:
        tool = _choose(request.tools)
        return Answer(calls=(Call(name=tool.name, input=_arguments(tool)),))
    return Answer(text=f"Scripted answer: {_excerpt(request.text)}")


def _excerpt(text: str) -> str:
    return " ".join(text.split())[:_EXCERPT] or "(nothing was said)"


def _choose(tools: Sequence[Tool]) -> Tool:
    """Prefer a shell, then a reader, then whatever is first."""
    for word in _PREFERRED:
        for tool in tools:
            if word in tool.name.lower():
                return tool
    return tools[0]


def _arguments(tool: Tool) -> dict[str, Any]:
    value = sample_value(tool.schema)
    return value if isinstance(value, dict) else {}


_BY_NAME: Mapping[str, str] = {
    "command": "echo scripted",
    "cmd": "echo scripted",
    "description": "Print a word",
    "file_path": "README.md",
    "path": "README.md",
    "pattern": "*",
    "query": "scripted",
    "url": "http://127.0.0.1/",
    "title": "Scripted title",
}
"""Sensible values for properties that coding tools commonly require."""

_BY_TYPE: Mapping[str, Any] = {
    "string": "scripted",
    "integer": 1,
    "number": 1,
    "boolean": False,
    "array": [],
    "null": None,
}


def sample_value(schema: Schema, *, name: str = "", root: Schema | None = None) -> Any:
    """Build a minimal value for a JSON schema; objects get their required properties only."""
    root = schema if root is None else root
    if isinstance(ref := schema.get("$ref"), str):
        return sample_value(_resolve(root, ref), name=name, root=root)
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return sample_value(schema[choice][0], name=name, root=root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    return _by_type(schema, name, root)


def _by_type(schema: Schema, name: str, root: Schema) -> Any:
    kind = schema.get("type") or ("object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        return {
            key: sample_value(properties.get(key, {}), name=key, root=root)
            for key in schema.get("required", ())
        }
    if kind == "array":
        return [sample_value(schema.get("items", {}), name=name, root=root)] * schema.get("minItems", 0)
    if kind == "string":
        return _BY_NAME.get(name, _BY_TYPE[kind])
    if kind in {"integer", "number"}:
        return schema.get("minimum", _BY_TYPE[kind])
    return _BY_TYPE.get(kind)


def _resolve(root: Schema, ref: str) -> Schema:
    """Follow a reference inside the document, such as `#/$defs/Point`."""
    node: Any = root
    for part in ref.removeprefix("#/").split("/"):
        node = node[part]
    return node if isinstance(node, Mapping) else {}
