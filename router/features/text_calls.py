"""Tool calls that an assistant writes into its text: fences of commands, and elements.

They count only where an observation follows, since the same forms stand in explanations, too. Every
search is linear in the text.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from router.features import messages, tool_calls
from router.features.messages import Call

_MOST = 200
"""Calls that are read from one message."""
_FENCE = re.compile(
    r"^(?P<fence>`{3,8})(?P<tool>bash|sh|shell|mswea_bash_command|save|append|patch|ipython|python|read|tmux)"
    r"(?P<path>[ \t][^\n`]{0,400})?\n(?P<body>(?:(?!^(?P=fence))[\s\S])*+)^(?P=fence)",
    re.MULTILINE,
)
_ELEMENT = re.compile(
    r"^[ \t]*+<(?P<name>[a-z][a-z_]{2,40})(?:[ \t]+args=(?P<path>'[^'\n]*'|\"[^\"\n]*\"))?[ \t]*>",
    re.MULTILINE,
)
_FUNCTION = re.compile(r"<(?:function=|(?:antml:)?invoke name=\")(?P<name>[\w.\-]{1,60})\"?>")
_PARAMETER = re.compile(
    r"<(?:parameter=|(?:antml:)?parameter name=\")(?P<key>[\w\-]{1,60})\"?[^>\n]{0,40}>"
    r"(?P<value>(?:(?!</(?:antml:)?parameter>)[\s\S])*+)"
)
_CHILD = re.compile(r"<([a-z][a-z_]{1,40})>")


def calls(text: str) -> tuple[Call, ...]:
    """The calls in one message's text, in order of kind."""
    result: list[Call] = []
    if "```" in text:
        result += [_fenced(match) for match in islice(_FENCE.finditer(text), _MOST)]
    if "<tool_call>" in text:
        result += islice(_encoded(text), _MOST)
    if "<function=" in text or "invoke name=" in text:
        result += islice(_functions(text), _MOST)
    elif "</" in text:
        result += islice(_elements(text), _MOST)
    return tuple(result)


def _fenced(match: re.Match[str]) -> Call:
    tool, path, body = match["tool"], (match["path"] or "").strip(), match["body"]
    if tool in ("save", "append", "patch"):
        return Call(id="", name=tool, arguments={"path": path, "content": body})
    if tool == "read":
        return Call(id="", name="read", arguments={"path": path or body.strip()})
    if tool in ("ipython", "python"):
        return Call(id="", name="ipython", arguments={"code": body})
    return Call(id="", name="bash", arguments={"command": body})


def _encoded(text: str) -> Iterator[Call]:
    """`<tool_call>{"name": …, "arguments": …}</tool_call>`."""
    opened, closed = "<tool_call>", "</tool_call>"
    at = text.find(opened)
    while at >= 0 and (closing := text.find(closed, at)) >= 0:
        call = messages.decoded(text[at + len(opened) : closing].strip())
        name = call.get("name") if isinstance(call, dict) else None
        if isinstance(name, str):
            yield Call(id="", name=name, arguments=call.get("arguments"))
        at = text.find(opened, closing)


def _functions(text: str) -> Iterator[Call]:
    """`<function=NAME><parameter=KEY>…`, and the same with `invoke`."""
    heads = list(islice(_FUNCTION.finditer(text), _MOST))
    for head, after in zip(heads, [*heads[1:], None], strict=True):
        inside = text[head.end() : after.start() if after else len(text)]
        arguments = {match["key"]: match["value"].strip("\n") for match in _PARAMETER.finditer(inside)}
        yield Call(id="", name=head["name"], arguments=arguments)


def _elements(text: str) -> Iterator[Call]:
    """`<read_file><path>…</path></read_file>`, as Cline and its forks write; gptme's with `args`."""
    done = 0
    for head in _ELEMENT.finditer(text):
        name = head["name"]
        if head.start() < done or not tool_calls.is_known(name):
            continue
        closing = text.find(f"</{name}>", head.end())
        if closing < 0:
            return
        body, done = text[head.end() : closing], closing
        yield Call(id="", name=name, arguments=_arguments(head["path"], body))


def _arguments(path: str | None, body: str) -> dict[str, Any]:
    """What stands in the element: arguments in elements of their own, or the bare text."""
    arguments: dict[str, Any] = {}
    for key, value in _children(body):
        if key in ("args", "files"):
            arguments["files"] = [{"path": word} for word in _paths(value)]
        else:
            arguments.setdefault(key, value.strip("\n"))
    if arguments and not path:
        return arguments
    return {"path": path[1:-1] if path else "", "content": body, "command": body.strip(), "code": body}


def _paths(text: str) -> Iterator[str]:
    """Paths in `<file><path>…</path></file>`, and in `<path>…</path>` alone."""
    for key, value in _children(text):
        if key == "path":
            yield value.strip()
        elif key == "file":
            yield from (word.strip() for inner, word in _children(value) if inner == "path")


def _children(text: str) -> Iterator[tuple[str, str]]:
    """The elements in `text`, without those in them: names, and what they hold."""
    done = 0
    for head in islice(_CHILD.finditer(text), _MOST):
        if head.start() < done:
            continue
        closing = text.find(f"</{head[1]}>", head.end())
        if closing >= 0:
            yield head[1], text[head.end() : closing]
            done = closing
