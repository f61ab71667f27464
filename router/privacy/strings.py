"""Every string of a piece of a body, keys too, with what it is part of.

Nothing is left out for its name: an unknown block, field or role is walked like any other.
"""

import base64
import contextlib
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, NamedTuple

import jiter
import re2

from router.privacy.needles import OPTIONS, key_of, spelled
from router.wire.data_urls import content, is_data_url

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
    """One string of a body, and what it is part of."""

    place: Place
    part: Part
    text: str
    spoken: bool = True
    """Content, rather than a key, an id or another word of the dialect."""
    call: str = ""
    """The id of the call it belongs to, or the tool's name where there is none; empty without either."""
    tool: str = ""
    """Of a call, the tool's name: some clients answer by that, whatever id the call has."""


MODELS = ("assistant", "model")
"""Roles of what a model says."""
GEMINIS = ("functionCall", "functionResponse")
"""Keys of Gemini's calls and answers, which mostly go by the function's name for an id."""
CONTENT_KEYS = frozenset({
    "code_edit", "content", "contents", "diff", "file_text", "filetext", "input_patch", "insert_text",
    "inserttext", "new_source", "new_str", "new_string", "newstr", "newstring", "newtext", "old_str",
    "old_string", "oldstr", "oldstring", "oldtext", "patch", "replacement",
})  # fmt: skip
"""Arguments that carry what a file holds: a bare word in them is code."""
PROSE_KEYS = frozenset({
    "activeform", "description", "explanation", "message", "prompt", "question", "reason", "reasoning",
    "subject", "summary", "task", "thought", "thoughts", "title", "todos",
})  # fmt: skip
"""Arguments that are sentences."""
_ARGUMENTS = frozenset({"input", "arguments", "partial_json", "action", "operation", "args"})
_WORDS = frozenset({
    "cache_control", "call_id", "id", "media_type", "mime_type", "mimeType", "role", "tool_call_id",
    "tool_name", "tool_use_id", "ttl", "type",
})  # fmt: skip
"""Keys whose value is a word of the dialect."""
_IDS = ("tool_use_id", "tool_call_id", "call_id", "id")
_DATA_URL = re2.compile(r"(?i)data:[^\n]{0,200}?\bbase64\s*,\s*([A-Za-z0-9+/=_\-\s]{8,})")
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\s]{16,}={0,2}\s*")
ENCODED_KEYS = frozenset({
    "b64", "b64_json", "base64", "blob", "body", "bytes", "content", "data", "file_data", "images", "payload",
    "raw", "thoughtsignature",
})  # fmt: skip
"""Keys whose value may be base64 of a text, as providers, MCP and web APIs have them."""
_DIGIT = rb"[A-Za-z0-9+/_\-=]|\\+(?:[/nr]|u00[0-9A-Fa-f]{2})"
BASE64 = (
    key_of(ENCODED_KEYS) + rb'\s*\\*"(?:%s){16}(?:%s)*\\*"' % (_DIGIT, _DIGIT),
    spelled("base64") + rb"\s*(?:,|\\+u002[cC]|%2[cC])",
    key_of(("images",)) + rb"\s*\[",
    rb'(?:"|\\+u0022)' + spelled("base64") + rb'(?:\\*"|\\+u0022)',
    rb'(?:"|\\+u0022)' + spelled("data") + rb"\s*(?::|\\+u003[aA])",
)
"""Find in raw JSON what `_readable` may decode."""
_OPENED = frozenset({Part.COMMAND, Part.RESULT})
_DEEPEST = 4
"""How often JSON in a string in JSON is opened."""
_FENCE = re.compile(r"```([^\n`]*)\n(.*?)(?:```|\Z)", re.DOTALL)
_CODE = re.compile(
    r"\s=\s|:\s*$|^\s*-?\s*\w+: |[{;]\s*$|^\s*\}\s*$|\w\(|^\s*(?:import|from|let|const|def|class) ",
    re.MULTILINE,
)
"""What a fence without a language has where it is no command."""
_CALLED = re.compile(
    r"\s*(?:[$>%#] )?(?:sudo\s+)?(?:python[\d.]*|node|deno|bun|ruby|perl|php|bash|sh|zsh|pwsh|powershell)\s+-"
)
"""It is one although it holds code."""
_TAG = re.compile(r"<(?:[A-Za-z_][\w.:\-]*)(?:[ =][^<>\n]{0,200})?>([^<]{1,8000})</")
_SHELLS = frozenset({
    "bash", "bat", "batch", "cmd", "console", "fish", "mswea_bash_command", "powershell", "ps1", "pwsh",
    "sh", "shell", "shellscript", "terminal", "tool", "tool_code", "zsh",
})  # fmt: skip


class _At(NamedTuple):
    """The place that a walk has reached."""

    place: Place
    part: Part
    key: str = ""
    """The nearest one above."""
    call: str = ""
    tool: str = ""
    depth: int = 0
    """How many strings of JSON it is in."""
    data: bool = False
    """It goes on as the base64 of something, whatever it looks like."""

    def below(self, step: str | int, **change: Any) -> "_At":
        """One key or position further down."""
        return self._replace(place=(*self.place, step), **change)


def walk(value: Any, place: Place, part: Part, key: str = "") -> Iterator[Text]:
    """All strings of a decoded piece: a message, or the field that stands under `key`."""
    speaks = isinstance(value, dict) and (
        value.get("role") in MODELS or str(value.get("type")).endswith("_call")  # an item of Responses
    )
    at = _At(place, part, key, data=key == "images")
    yield from _strings(value, at, commands_in_text=speaks)


def _strings(value: Any, at: _At, *, commands_in_text: bool) -> Iterator[Text]:
    """All strings below a place. A stack in the place of recursion: clients nest as deep as they like."""
    pending = [(value, at)]
    while pending:
        item, here = pending.pop()
        if isinstance(item, str):
            opened = _opened(item, here)
            if opened is not None:
                pending.append((opened, here._replace(depth=here.depth + 1)))
                continue
            yield Text(here.place, here.part, item, here.key not in _WORDS, here.call, here.tool)
            yield from _within(item, here, commands_in_text=commands_in_text)
        elif isinstance(item, list):
            pending += [(inner, here.below(step)) for step, inner in enumerate(item)][::-1]
        elif isinstance(item, dict):
            part = here.part
            if part is Part.TEXT and (
                here.key == "functionResponse" or _is_result(item.get("type"), item.get("role"))
            ):
                part = Part.RESULT
            tool = _called_tool(item, here)
            here = here._replace(part=part, call=_call_of(item, here, tool), tool=tool)
            call = here.call
            encoded = item.get("type") == "base64" or "mimeType" in item
            yield from (Text((*here.place, name), part, name, False, call) for name in item)
            answering = here.key == "functionResponse" or item.get("role") in _ANSWERING
            called = part is Part.TEXT and str(item.get("type")).endswith("_call")
            pending += [
                (
                    inner,
                    here.below(
                        name,
                        part=Part.RESULT if called and name in _OUTPUTS else _part(part, name),
                        key="tool_name" if answering and name == "name" else name,
                        data=encoded or name == "images",
                    ),
                )
                for name, inner in item.items()
            ][::-1]


def _call_of(item: dict[str, Any], at: _At, tool: str) -> str:
    """Which call an object is, belongs to or answers: its id, else the tool's name."""
    if at.call and at.part in _OPENED:
        return at.call  # an `id` among its arguments, or in its answer, is something else's
    # A message of Responses has an id of its own, which is no call's.
    ids = _IDS[:-1] if item.get("type") == "message" else _IDS
    call = next((item[name] for name in ids if isinstance(item.get(name), str)), "")
    if call:
        return str(call)
    if at.key == "functionResponse" or item.get("role") in _ANSWERING:
        names = (item.get("tool_name"), item.get("name"))
        return next((name for name in names if isinstance(name, str) and name), at.call)
    return tool if tool != at.tool else at.call


def _called_tool(item: dict[str, Any], at: _At) -> str:
    """The tool's name where an object is a call that may have no id; else that of the call around it."""
    called = item if at.key in _NAMED_CALLS else item.get("function")
    name = called.get("name") if isinstance(called, dict) else None
    return name if isinstance(name, str) and name else at.tool


_NAMED_CALLS = ("functionCall", "function_call")
"""Keys of calls of Gemini's, and of OpenAI's before there were several in a message."""
_OUTPUTS = ("output", "outputs", "result", "results")
"""Keys of what came of a call in the very item that is it, as Responses has calls that a server made."""
_ANSWERING = ("tool", "function")
"""Roles of what answers a call."""


def _part(part: Part, key: str) -> Part:
    """What stands under a key."""
    if part is Part.TEXT and key in _ARGUMENTS:
        return Part.COMMAND
    if part is Part.COMMAND and key.lower() in CONTENT_KEYS:
        return Part.CODE
    if part is Part.COMMAND and key.lower() in PROSE_KEYS:
        return Part.TEXT
    return part


def _opened(text: str, at: _At) -> Any:
    """Decode a string of JSON; None if it is not JSON, or gives a key twice."""
    if at.depth >= _DEEPEST or at.part not in _OPENED or text.lstrip()[:1] not in {"{", "[", '"'}:
        return None
    try:
        value = jiter.from_json(text.encode(errors="replace"), catch_duplicate_keys=True, cache_mode="none")
    except ValueError:
        return None
    return value if isinstance(value, dict | list | str) else None


def _within(text: str, at: _At, *, commands_in_text: bool) -> Iterator[Text]:
    """Strings that are spelled inside another: commands in what an assistant says, text as base64."""
    if commands_in_text and at.part is Part.TEXT:
        yield from (
            Text(at.place, Part.COMMAND, command, False, at.call, at.tool)
            for command in commands(text, code=bool(at.call))
        )
    yield from (Text(at.place, at.part, data, True, at.call) for data in _readable(text, at))


def _is_result(kind: Any, role: Any) -> bool:
    if role in _ANSWERING:
        return True
    return isinstance(kind, str) and kind.endswith(("tool_result", "_output", "tool-result"))


def commands(text: str, *, code: bool = False) -> Iterator[str]:
    """What an assistant without tool calls wants run: fences of a shell, and the text of tags.

    Args:
        text: what it says.
        code: a fence without a language counts, too, where it looks like code.
    """
    if "```" in text:
        for fence in _FENCE.finditer(text):
            language = fence[1].strip().partition(" ")[0].lower()
            called = _CALLED.match(fence[2]) or not _CODE.search(fence[2])
            if language in _SHELLS or (not language and (code or called)):
                yield fence[2]
    if "</" in text:
        for tag in _TAG.finditer(text):
            yield tag[1]


def _readable(text: str, at: _At) -> Iterator[str]:
    """Text that is spelled in base64: a document's data, or a URL that is its own content."""
    address = is_data_url(text.lstrip())
    if address or at.data or (at.key.lower() in ENCODED_KEYS and _is_base64(text)):
        yield from _from_base64(content(text.lstrip()))
    for url in _DATA_URL.finditer(text) if "," in text else ():
        yield from _from_base64(url.group(1))


def _is_base64(text: str) -> bool:
    """Whether all of a text may be base64, under a key that promises none."""
    if _BASE64.fullmatch(text[:4096].rstrip("=\n")) is None:
        return False
    return len("".join(text.split()).rstrip("=")) % 4 != 1


def _from_base64(data: str) -> Iterator[str]:
    """Texts that base64 may say, read as leniently as any decoder does: what is no digit is skipped."""
    digits = data.encode("ascii", "ignore").translate(_STANDARD, _NO_DIGITS)
    runs = (run[: len(run) - (len(run) % 4 == 1)] for run in digits.split(b"="))
    if text := b"".join(base64.b64decode(run + b"=" * (-len(run) % 4)) for run in runs):
        yield from dict.fromkeys(_texts(text))


def _texts(output: bytes) -> Iterator[str]:
    """What bytes say as text; of those that are none, what of them is text all the same."""
    plain = output.replace(b"\0", b"")  # text of two or four bytes a letter, wherever it begins
    try:
        yield plain.decode()
    except UnicodeDecodeError:
        if runs := [run.group().decode(errors="replace") for run in _RUN.finditer(plain)]:
            yield "\n".join(runs)
        if len(plain.translate(None, _ASCII)) < len(plain) * _FOREIGN:
            yield plain.decode("latin-1")
            yield plain.decode(errors="ignore")
        with contextlib.suppress(UnicodeDecodeError):
            wide = output.decode("utf-16")
            if "\0" not in wide:
                yield wide


_STANDARD = bytes.maketrans(b"-_", b"+/")
_NO_DIGITS = re.sub(rb"[A-Za-z0-9+/=_\-]", b"", bytes(range(256)))
_ASCII = bytes(range(0x80))
_FOREIGN = 0.3
"""At most this share of a text's letters is not ASCII where each has one byte."""
_RUN = re2.compile(
    rb"(?:[\t\n\r -~]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}){6,}",
    OPTIONS,
)
"""Text among other bytes, in UTF-8."""
