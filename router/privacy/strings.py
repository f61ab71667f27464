"""Every string of a piece of a body, keys too, with what it is part of.

Nothing is left out for its name: an unknown block, field or role is walked like any other.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, NamedTuple

import jiter

Place = tuple[str | int, ...]
"""Where in the body: keys and positions, outermost first."""


class Part(Enum):
    """What a string is part of."""

    TEXT = "text"
    """What somebody wrote, and every field that is nothing else."""
    COMMAND = "command"
    """The arguments of a call, where a bare name counts."""
    CODE = "code"
    """Content that a call's arguments carry."""
    RESULT = "result"
    """What a tool answered."""
    OFFER = "offer"
    """The tools a client offers: instructions, the same in every request."""


class Text(NamedTuple):
    """One string."""

    place: Place
    part: Part
    text: str
    spoken: bool = True
    """Content, rather than a key, an id or another word of the dialect."""
    call: str = ""
    """The id of the call it belongs to; empty where there is none."""


CONTENT_KEYS = frozenset({
    "body", "code_edit", "content", "contents", "diff", "file_text", "filetext", "input_patch", "insert_text",
    "inserttext", "new_source", "new_str", "new_string", "newstr", "newstring", "newtext", "old_str",
    "old_string", "oldstr", "oldstring", "oldtext", "patch", "replace", "replacement", "text",
})  # fmt: skip
"""Arguments that carry what a file holds: a bare word in them is code."""
PROSE_KEYS = frozenset({
    "activeform", "description", "explanation", "message", "prompt", "question", "reason", "reasoning", "subject",
    "summary", "task", "thought", "thoughts", "title", "todos",
})  # fmt: skip
"""Arguments that are sentences."""
_ARGUMENTS = frozenset({"input", "arguments", "partial_json", "action", "args"})
_WORDS = frozenset({
    "cache_control", "call_id", "id", "media_type", "mime_type", "role", "tool_call_id", "tool_use_id", "ttl", "type",
})  # fmt: skip
"""Keys whose value is a word of the dialect."""
_IDS = ("tool_use_id", "tool_call_id", "call_id")
_DATA_URL = re.compile(r"data:[\w/+.\-]*(?:;[\w=\-]+)*;base64,([A-Za-z0-9+/=_\-\s]{8,})", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\s]{16,}={0,2}\s*")
_DEEPEST = 4
"""How often JSON in a string in JSON is opened."""
_FENCE = re.compile(r"```([^\n`]*)\n(.*?)(?:```|\Z)", re.DOTALL)
_TAG = re.compile(r"<(?:[A-Za-z_][\w.:\-]*)(?:[ =][^<>\n]{0,200})?>([^<]{1,8000})</")
_SHELLS = frozenset({
    "", "bash", "bat", "batch", "cmd", "console", "fish", "mswea_bash_command", "powershell", "ps1", "pwsh", "sh",
    "shell", "shellscript", "terminal", "tool", "tool_code", "zsh",
})  # fmt: skip


def walk(value: Any, place: Place, part: Part) -> Iterator[Text]:
    """All strings of a decoded piece: a message, a system text, tools, or another field."""
    yield from _Walk().value(value, place, part, "", "", 0)


class _Walk:
    """Walks one piece with an explicit idea of which role speaks."""

    def __init__(self) -> None:
        self._speaks = False

    def value(self, value: Any, place: Place, part: Part, key: str, call: str, depth: int) -> Iterator[Text]:
        if isinstance(value, str):
            yield from self._string(value, place, part, key, call, depth)
        elif isinstance(value, list):
            for at, item in enumerate(value):
                yield from self.value(item, (*place, at), part, key, call, depth)
        elif isinstance(value, dict):
            yield from self._object(value, place, part, key, call, depth)

    def _object(
        self, value: dict[str, Any], place: Place, part: Part, key: str, call: str, depth: int
    ) -> Iterator[Text]:
        kind, role = value.get("type"), value.get("role")
        if part is Part.TEXT:
            if role == "assistant":
                self._speaks = True
            if _is_result(kind, role):
                part = Part.RESULT
        call = next((value[name] for name in (*_IDS, "id") if isinstance(value.get(name), str)), call)
        for name, item in value.items():
            yield Text((*place, name), part, name, False, call)
            inner = part
            if part in {Part.TEXT, Part.RESULT} and name in _ARGUMENTS and depth < _DEEPEST and part is Part.TEXT:
                inner = Part.COMMAND
            elif part is Part.COMMAND and name.lower() in CONTENT_KEYS:
                inner = Part.CODE
            elif part is Part.COMMAND and name.lower() in PROSE_KEYS:
                inner = Part.TEXT
            yield from self.value(item, (*place, name), inner, name, call, depth)

    def _string(self, text: str, place: Place, part: Part, key: str, call: str, depth: int) -> Iterator[Text]:
        yield Text(place, part, text, key not in _WORDS, call)
        if depth < _DEEPEST and part in {Part.COMMAND, Part.RESULT, Part.CODE} and text[:1] in "{[" and text:
            opened = _json(text)
            if opened is not None:
                yield from self.value(opened, place, part, key, call, depth + 1)
        if self._speaks and part is Part.TEXT:
            for command in commands(text):
                yield Text(place, Part.COMMAND, command, False, call)
        for data in _readable(text, key):
            yield Text(place, part, data, True, call)


def _is_result(kind: Any, role: Any) -> bool:
    if role in ("tool", "function"):
        return True
    return isinstance(kind, str) and kind.endswith(("tool_result", "_output", "tool-result"))


def commands(text: str) -> Iterator[str]:
    """What an assistant without tool calls wants run: fences of a shell, and the text of tags."""
    if "```" in text:
        for fence in _FENCE.finditer(text):
            if fence[1].strip().partition(" ")[0].lower() in _SHELLS:
                yield fence[2]
    if "</" in text:
        for tag in _TAG.finditer(text):
            yield tag[1]


def _json(text: str) -> Any:
    try:
        return jiter.from_json(text.encode(errors="replace"), cache_mode="none")
    except ValueError:
        return None


def _readable(text: str, key: str) -> Iterator[str]:
    """Text that is spelled in base64: a document's data, or a URL that is its own content."""
    if key in {"data", "file_data"} and _BASE64.fullmatch(text[:4096].rstrip("=\n")) is not None:
        yield from _from_base64(text)
    if "base64," in text:
        for url in _DATA_URL.finditer(text):
            yield from _from_base64(url[1])


def _from_base64(data: str) -> Iterator[str]:
    plain = "".join(data.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        content = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return
    for encoding in ("utf-8", "utf-16"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            yield text
            return
