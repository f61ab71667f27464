"""OpenAI Responses, its tools: each kind as a function that every model can be offered, and calls of it back.

| type | the model is offered | its client gets |
|---|---|---|
| `function` | the function | `function_call` |
| `custom` | a function of one string; a grammar stands in the description | `custom_tool_call` |
| `namespace` | its functions, by the namespace's name and their own | a call with its `namespace` |
| `local_shell`, `shell`, `apply_patch` | a function of what they take | a call of that type |
| `tool_search` of the client's | a function | `tool_search_call` |
| `web_search` | Claude's own tool; nothing elsewhere, which is said | text |

A tool that OpenAI's servers run is refused by its name, before anything is sent.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from router.errors import BadRequest
from router.types import DialectName
from router.wire.body import UNREADABLE
from router.wire.conversation import Conversation, Opaque, Tool, ToolCall
from router.wire.free_text import TEXT_SCHEMA, text_of
from router.wire.responses_shape import Object, OfferedTool, convert

DIALECT: DialectName = "openai_responses"
_JOINT = "__"
"""Between a namespace's name and a tool's: the one mark that all models take in a name."""
_STRINGS = {"type": "array", "items": {"type": "string"}}
_SEARCH = "web_search"
"""How types of tools begin that search the web: `web_search_preview`, and both with a date."""
_CLIENTS = frozenset({"function", "custom", "namespace"})
_LEFT_OUT = frozenset({"image_generation", "tool_search"})
"""Run by OpenAI's servers, and offered by assistants among others: an answer without them is of use."""


class _Kind(msgspec.Struct, frozen=True):
    """A tool that OpenAI's models know without a definition."""

    description: str
    schema: Object
    field: str
    """Of its call: what it is to do."""
    type: str = ""
    """Of what stands in that field."""


KINDS: Mapping[str, _Kind] = {
    "local_shell": _Kind(
        "Runs a command on the user's machine and returns what it prints.",
        {
            "type": "object",
            "properties": {
                "command": {**_STRINGS, "description": "The program and its arguments."},
                "working_directory": {"type": "string"},
                "timeout_ms": {"type": "integer"},
            },
            "required": ["command"],
        },
        "action",
        "exec",
    ),
    "shell": _Kind(
        "Runs commands in a shell and returns what they print.",
        {
            "type": "object",
            "properties": {
                "commands": {**_STRINGS, "description": "Command lines."},
                "timeout_ms": {"type": "integer"},
                "max_output_length": {"type": "integer"},
            },
            "required": ["commands"],
        },
        "action",
    ),
    "apply_patch": _Kind(
        "Creates, updates or deletes one file. `diff` is in the V4A format: after a line that begins with "
        "`@@`, lines that stay begin with a blank, lines that go with `-`, new ones with `+`; of a new file "
        "each line begins with `+`.",
        {
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
                "path": {"type": "string"},
                "diff": {"type": "string", "description": "Not for `delete_file`."},
            },
            "required": ["type", "path"],
        },
        "operation",
    ),
    "tool_search": _Kind("Finds tools that can be loaded.", {"type": "object"}, "arguments"),
}
"""By type. Their calls' items are named after them: `local_shell_call`."""
CALL_TYPES: Mapping[str, str] = {f"{kind}_call": kind for kind in KINDS}
OUTPUT_TYPES = frozenset(
    {"function_call_output", "custom_tool_call_output", "local_shell_call_output", "apply_patch_call_output"}
)
"""Items whose output is text or a list of content; those of a shell call and a tool search are not."""


def joined(namespace: str | None, name: str) -> str:
    """The name that a model is offered."""
    if not namespace:
        return name
    return f"{namespace}{'' if namespace.endswith(_JOINT) else _JOINT}{name}"


def own_name(tool: Tool) -> str:
    """The name by which its client knows a tool."""
    return tool.name.removeprefix(joined(tool.namespace, ""))


def decode_tools(tools: Iterable[Object], where: str) -> Iterator[Tool | Opaque]:
    """Read tools.

    Args:
        tools: as the client offers them.
        where: their place in the body, as `tools`.

    Raises:
        BadRequest: one is of a type that nobody here can run, or lacks a name.
    """
    for at, value in enumerate(tools):
        place = f"{where}[{at}]"
        tool = convert(value, OfferedTool, place)
        if tool.type == "namespace":
            for number, inner in enumerate(tool.tools or ()):
                yield _decode(inner, f"{place}.tools[{number}]", _named(tool, place))
        else:
            yield _decode(value, place, "")


def _decode(value: Object, where: str, namespace: str) -> Tool | Opaque:
    tool = convert(value, OfferedTool, where)
    described = tool.description or ""
    if tool.type == "function":
        name = joined(namespace, _named(tool, where))
        schema = tool.parameters or {}
        return Tool(name=name, description=described, schema=schema, strict=tool.strict, namespace=namespace)
    if tool.type == "custom":
        name = joined(namespace, _named(tool, where))
        grammar = _grammar(tool.format or {})
        return Tool(
            name=name,
            description="\n\n".join(filter(None, (described, grammar))),
            schema=TEXT_SCHEMA,
            free_text=True,
            kind="grammar" if grammar else "",
            namespace=namespace,
        )
    if tool.type == "namespace" or is_servers(tool.type, tool.environment):
        raise BadRequest(
            f"{where}.type: `{tool.type[:40]}` is run by OpenAI's servers, and by nobody here; leave it out, "
            "or offer a `function` in its place and run it yourself"
        )
    if tool.type in KINDS and (tool.type != "tool_search" or tool.execution == "client"):
        kind = KINDS[tool.type]
        return Tool(
            name=tool.type,
            description=described or kind.description,
            schema=tool.parameters or kind.schema,
            kind=tool.type,
        )
    return Opaque(dialect=DIALECT, kind=tool.type, value=value, where=where)


def _named(tool: OfferedTool, where: str) -> str:
    if not tool.name:
        raise BadRequest(f"{where}.name: is missing")
    return tool.name


def _grammar(form: Object) -> str:
    """A grammar in words, for models that cannot be held to one; empty where any text will do."""
    if form.get("type", "text") == "text":
        return ""
    syntax = form.get("syntax") or "lark"
    return f"The input must match this {syntax} grammar:\n\n{form.get('definition') or ''}"


def is_servers(kind: Any, environment: Any = None) -> bool:
    """Whether OpenAI's servers alone run a type of tool, and an answer without it is of no use."""
    if kind == "shell" and isinstance(environment, dict) and environment.get("type", "local") != "local":
        return True
    if not isinstance(kind, str):
        return False  # what is no tool is refused by whoever reads it
    return not (kind in _CLIENTS or kind in KINDS or kind in _LEFT_OUT or is_search(kind))


def is_search(kind: str) -> bool:
    """Whether a type of tool searches the web."""
    return kind.startswith(_SEARCH)


def call_arguments(kind: str, value: Any) -> str:
    """What a past call of one of `KINDS` did, as the arguments of a function."""
    if isinstance(value, str):
        return value
    fields = dict(value or {})
    if KINDS[kind].type:
        fields.pop("type", None)
    return msgspec.json.encode(fields).decode()


def encode_call(call: ToolCall, tools: Mapping[str, Tool], *, item_id: str, status: str) -> Object:
    """Write a call as the item that its tool's client knows; as a function's where none is offered."""
    tool = tools.get(call.name)
    item: Object = {"type": "function_call", "id": item_id, "call_id": call.id}
    namespace = {"namespace": tool.namespace} if tool is not None and tool.namespace else {}
    name = call.name if tool is None else own_name(tool)
    if tool is not None and tool.free_text:
        text = text_of(call.arguments)
        return (
            item | {"type": "custom_tool_call", "name": name, "input": text} | namespace | {"status": status}
        )
    if tool is not None and tool.kind in KINDS and (did := _fields(call.arguments)) is not None:
        return item | _action(tool.kind, did) | {"status": status}
    return item | {"name": name, "arguments": call.arguments} | namespace | {"status": status}


def _action(kind: str, did: Object) -> Object:
    existing = KINDS[kind]
    fields: Object = {"type": f"{kind}_call"}
    if kind == "tool_search":
        fields["execution"] = "client"
    if kind == "local_shell":
        did = {"env": {}} | did
    return fields | {existing.field: ({"type": existing.type} if existing.type else {}) | did}


def tools_by_name(conversation: Conversation) -> Mapping[str, Tool]:
    """The tools that a client offers, by the name that the model calls them by."""
    return {tool.name: tool for tool in conversation.tools if isinstance(tool, Tool)}


def _fields(arguments: str) -> Object | None:
    try:
        return msgspec.json.decode(arguments or "{}", type=dict[str, Any])
    except UNREADABLE:
        return None
