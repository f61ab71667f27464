"""What the load sends: the bodies of coding assistants, in either dialect, at three sizes.

Rules that hold in this file:

- The same bytes go to every peer: each of them serves the one model name `auto`.
- The files that the agent "reads" are those of Python's standard library, so the text is
  real code and tokenises like it, and none of it has to be kept here.
- Where requests must differ, the body holds `STAMP`; whoever sends it replaces that by as
  many other bytes, so `content-length` never changes.
"""

import asyncio
import email
import json
import multiprocessing
import unittest
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

BodyName = Literal["small", "agent", "long"]
Dialect = Literal["openai_chat", "anthropic_messages"]
Mode = Literal["growing", "same", "cold"]
"""`growing`: all but the last exchange is as in the request before, as an agent sends it.
`same`: every request is identical, which flatters a cache. `cold`: no two messages are alike."""

MODEL = "auto"
STAMP = "@" * 16
SIZES: MappingProxyType[BodyName, int] = MappingProxyType({"small": 0, "agent": 240_000, "long": 850_000})
"""Bytes to reach, by adding exchanges; 0 for one short ask without tools."""
PATHS: MappingProxyType[Dialect, str] = MappingProxyType(
    {"openai_chat": "/v1/chat/completions", "anthropic_messages": "/v1/messages"}
)
_LINES_READ = 170
"""Lines of a file per read: 60 messages make about 240 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One request's JSON, with `STAMP` where requests differ."""

    name: BodyName
    dialect: Dialect
    mode: Mode
    template: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The agent reads a part of a file."""

    id: str
    path: str
    first_line: int
    text: str
    comment: str


def body(
    name: BodyName, dialect: Dialect, mode: Mode, *, stream: bool = False, max_tokens: int = 1024
) -> Body:
    """Make a request of about `SIZES[name]` bytes."""
    write = _openai_chat if dialect == "openai_chat" else _anthropic_messages
    exchanges = list(_exchanges(SIZES[name], everywhere=mode == "cold"))
    system = _SYSTEM_SHORT if name == "small" else _SYSTEM
    opening = f"{STAMP} {system}" if mode == "cold" else system
    ask = f"{_ASK_SHORT} ({STAMP})" if name == "small" or mode == "cold" else _ASK
    content = write(opening, ask, exchanges)
    content |= {"model": MODEL, "stream": stream, "max_tokens": max_tokens}
    if stream and dialect == "openai_chat":
        content["stream_options"] = {"include_usage": True}
    text = json.dumps(content, ensure_ascii=False)
    return Body(
        name=name,
        dialect=dialect,
        mode=mode,
        template=(text.replace(STAMP, "0" * len(STAMP)) if mode == "same" else text).encode(),
    )


def _exchanges(size: int, *, everywhere: bool) -> Iterator[Exchange]:
    """Read files until `size` bytes are told; the last read, or every one, bears a stamp."""
    size_so_far = len(_SYSTEM) + 3_000
    reads = _reads()
    for number in count():
        if size_so_far >= size:
            return
        path, first_line, text = next(reads)
        size_so_far += len(json.dumps(text)) + 455
        stamp = f"{STAMP}\n" if everywhere or size_so_far >= size else ""
        yield Exchange(
            id=f"call_{number:06d}",
            path=path,
            first_line=first_line,
            text=stamp + text,
            comment=f"Next I look at {path} from line {first_line}, to see who calls it. {stamp}".strip(),
        )


def _reads() -> Iterator[tuple[str, int, str]]:
    """Parts of the standard library's files: path, first line, numbered text; over and over."""
    packages = (asyncio, email, multiprocessing, unittest)
    files = [file for package in packages for file in sorted(Path(package.__path__[0]).glob("*.py"))]
    for file in cycle(files):
        lines = file.read_text(encoding="utf-8").splitlines()
        for start in range(0, len(lines), _LINES_READ):
            part = enumerate(lines[start : start + _LINES_READ], start + 1)
            yield (
                f"src/{file.parent.name}/{file.name}",
                start + 1,
                "\n".join(f"{n:6d}\t{line}" for n, line in part),
            )


def _openai_chat(system: str, ask: str, exchanges: list[Exchange]) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}, {"role": "user", "content": ask}]
    for exchange in exchanges:
        arguments = json.dumps(
            {"file_path": exchange.path, "offset": exchange.first_line, "limit": _LINES_READ}
        )
        call = {
            "id": exchange.id,
            "type": "function",
            "function": {"name": "read_file", "arguments": arguments},
        }
        messages += [
            {"role": "assistant", "content": exchange.comment, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": exchange.id, "content": exchange.text},
        ]
    tools = [
        {"type": "function", "function": {"name": name, "description": text, "parameters": schema}}
        for name, text, schema in _TOOLS
    ]
    return {"messages": messages} | ({"tools": tools} if exchanges else {})


def _anthropic_messages(system: str, ask: str, exchanges: list[Exchange]) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": ask}]}]
    for exchange in exchanges:
        arguments = {"file_path": exchange.path, "offset": exchange.first_line, "limit": _LINES_READ}
        call = {"type": "tool_use", "id": exchange.id, "name": "read_file", "input": arguments}
        result = {"type": "tool_result", "tool_use_id": exchange.id, "content": exchange.text}
        messages += [
            {"role": "assistant", "content": [{"type": "text", "text": exchange.comment}, call]},
            {"role": "user", "content": [result]},
        ]
    tools = [{"name": name, "description": text, "input_schema": schema} for name, text, schema in _TOOLS]
    return {"system": [{"type": "text", "text": system}], "messages": messages} | (
        {"tools": tools} if exchanges else {}
    )


def _schema(**properties: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            name: {"type": kind, "description": f"The {name}."} for name, kind in properties.items()
        },
        "required": list(properties)[:1],
        "additionalProperties": False,
    }


_SYSTEM_SHORT = "You are a coding assistant. Answer briefly."
_SYSTEM = "\n".join(
    ["You are a coding agent in a user's repository. Use the tools, then report."]
    + [
        f"Rule {n}: before you change code that other modules import, read each caller, keep public names "
        "and signatures as they are unless the user asked otherwise, run the tests of that folder, and say "
        "in one sentence what you changed and why; never guess the content of a file you have not read."
        for n in range(1, 41)
    ]
)
_ASK_SHORT = (
    "Rename Invoice.total to Invoice.gross in app/invoice.py, app/tax.py, app/report.py and api/orders.py."
)
_ASK = "Cancelling a task while its transport closes loses the exception. Find the cause, mend it everywhere."
_TOOLS: tuple[tuple[str, str, dict[str, Any]], ...] = tuple(
    (name, f"{text} Paths are relative to the repository; output over 30000 characters is cut.", schema)
    for name, text, schema in (
        ("read_file", "Read part of a file.", _schema(file_path="string", offset="integer", limit="integer")),
        ("write_file", "Write a file anew.", _schema(file_path="string", content="string")),
        ("edit_file", "Replace one text.", _schema(file_path="string", old="string", new="string")),
        ("shell", "Run a command.", _schema(command="string", timeout="integer")),
        ("search", "Search for a regular expression.", _schema(pattern="string", path="string")),
        ("list_files", "List the files of a folder.", _schema(path="string", depth="integer")),
        ("todo", "Keep the list of what is left to do.", _schema(items="array")),
        ("fetch", "Fetch a page and return its text.", _schema(url="string")),
        ("ask_user", "Ask the user one question.", _schema(question="string")),
        ("agent", "Give a part of the work to another agent.", _schema(task="string", name="string")),
    )
)
