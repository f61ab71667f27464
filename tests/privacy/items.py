"""Every place of a Responses body in which a protected name or words may stand, by item, part and field."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bodies import RESPONSES, Request
from targets import FOLDER, HARMLESS_PHRASE, PHRASE
from variants import Variant, opening

Item = dict[str, Any]
Content = Callable[[str], Any]


def _message(content: Any, role: str = "user") -> Item:
    return {"type": "message", "role": role, "content": content}


def _call(name: str = "look", arguments: str = "{}", **more: Any) -> Item:
    return {"type": "function_call", "call_id": "t1", "name": name, "arguments": arguments, **more}


def _custom(text: str) -> list[Item]:
    call = {"type": "custom_tool_call", "call_id": "t1", "name": "apply_patch", "input": text}
    return [call, {"type": "custom_tool_call_output", "call_id": "t1", "output": "ok"}]


def _output(output: Any, kind: str = "function_call_output", **more: Any) -> Item:
    return {"type": kind, "call_id": "t1", "output": output, **more}


def _shell(command: str) -> list[Item]:
    action = {"type": "exec", "command": ["bash", "-lc", command], "env": {}}
    call = {"type": "local_shell_call", "id": "l", "call_id": "t1", "status": "completed", "action": action}
    return [call, _output("ok", "local_shell_call_output", id="t1")]


def _shells(command: str) -> list[Item]:
    call = {"type": "shell_call", "call_id": "t1", "action": {"commands": [command]}, "status": "completed"}
    return [call, _printed("ok")]


def _printed(text: str) -> Item:
    outcome = {"type": "exit", "exit_code": 0}
    return _output([{"stdout": text, "stderr": "", "outcome": outcome}], "shell_call_output")


def _patch(operation: Item) -> list[Item]:
    call = {"type": "apply_patch_call", "call_id": "t1", "operation": operation, "status": "completed"}
    return [call, _output("ok", "apply_patch_call_output", status="completed")]


def _found(text: str) -> list[Item]:
    call = {"type": "tool_search_call", "call_id": "t1", "execution": "client", "arguments": {"query": "x"}}
    tool = {"type": "function", "name": "found", "description": text, "parameters": {}}
    return [call, {"type": "tool_search_output", "call_id": "t1", "execution": "client", "tools": [tool]}]


ITEMS: Mapping[str, Callable[[str], list[Item]]] = {
    "message, string": lambda text: [_message(text)],
    "message, untyped": lambda text: [{"role": "user", "content": text}],
    "message, input_text": lambda text: [_message([{"type": "input_text", "text": text}])],
    "message, later developer": lambda text: [_message(text, "developer")],
    "message, output_text": lambda text: [
        _message([{"type": "output_text", "text": text, "annotations": []}], "assistant"),
        _message("Go on."),
    ],
    "message, refusal": lambda text: [
        _message([{"type": "refusal", "refusal": text}], "assistant"),
        _message("Go on."),
    ],
    "function_call, arguments": lambda text: [_call(arguments=json.dumps({"q": text})), _output("ok")],
    "function_call, broken arguments": lambda text: [_call(arguments=f'{{"q": "{text}'), _output("ok")],
    "function_call, in a namespace": lambda text: [
        _call("read", json.dumps({"path": text}), namespace="mcp__files"),
        _output("ok"),
    ],
    "function_call_output": lambda text: [_call(), _output(text)],
    "function_call_output, list": lambda text: [_call(), _output([{"type": "input_text", "text": text}])],
    "custom_tool_call": _custom,
    "custom_tool_call_output": lambda text: [_custom("x")[0], _output(text, "custom_tool_call_output")],
    "custom_tool_call_output, list": lambda text: [
        _custom("x")[0],
        _output([{"type": "input_text", "text": text}], "custom_tool_call_output"),
    ],
    "local_shell_call": _shell,
    "local_shell_call_output": lambda text: [
        _shell("ls")[0],
        _output(text, "local_shell_call_output", id="t1"),
    ],
    "shell_call": _shells,
    "shell_call_output": lambda text: [_shells("ls")[0], _printed(text)],
    "apply_patch_call, diff": lambda text: _patch(
        {"type": "update_file", "path": "a.py", "diff": f"+{text}"}
    ),
    "apply_patch_call_output": lambda text: [
        _patch({"type": "delete_file", "path": "a.py"})[0],
        _output(text, "apply_patch_call_output", status="completed"),
    ],
    "reasoning, summary": lambda text: [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": text}]},
        _message("Go on."),
    ],
    "reasoning, content": lambda text: [
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": text}]},
        _message("Go on."),
    ],
    "tool_search_output": _found,
    "additional_tools": lambda text: [
        {
            "type": "additional_tools",
            "role": "developer",
            "tools": [{"type": "function", "name": "more", "description": text}],
        }
    ],
    "web_search_call": lambda text: [
        {
            "type": "web_search_call",
            "id": "w",
            "status": "completed",
            "action": {"type": "search", "query": text},
        },
        _message("Go on."),
    ],
    "input_file, its text": lambda text: [
        _message(
            [
                {
                    "type": "input_file",
                    "filename": "a.txt",
                    "file_data": f"data:text/plain;base64,{_base64(text)}",
                }
            ]
        )
    ],
    "input_file, its name": lambda text: [
        _message(
            [
                {
                    "type": "input_file",
                    "filename": text,
                    "file_data": f"data:text/plain;base64,{_base64('x' * 20)}",
                }
            ]
        )
    ],
}
COMMANDS: Mapping[str, Callable[[str], list[Item]]] = {
    "exec_command": lambda command: [
        _call("exec_command", json.dumps({"cmd": command})),
        _output("ok"),
    ],
    "shell, a list": lambda command: [
        _call("shell", json.dumps({"command": ["bash", "-lc", command]})),
        _output("ok"),
    ],
    "local_shell_call": _shell,
    "shell_call": _shells,
    "custom_tool_call": _custom,
    "output_text": lambda command: [
        _message(
            [{"type": "output_text", "text": f"```bash\n{command}\n```", "annotations": []}], "assistant"
        ),
        _message("Go on."),
    ],
}
"""Where a command that only may expand to a protected name holds the request, too."""
FIELDS: Mapping[str, Callable[[str], Item]] = {
    "instructions": lambda text: {"instructions": text},
    "tools, description": lambda text: {"tools": [_tool(description=text)]},
    "tools, in a namespace": lambda text: {
        "tools": [{"type": "namespace", "name": "n", "description": "", "tools": [_tool(description=text)]}]
    },
    "tools, a grammar": lambda text: {
        "tools": [
            {
                "type": "custom",
                "name": "c",
                "format": {"type": "grammar", "syntax": "lark", "definition": text},
            }
        ]
    },
    "text, schema": lambda text: {
        "text": {"format": {"type": "json_schema", "name": "a", "schema": {"description": text}}}
    },
    "metadata": lambda text: {"metadata": {"a": text}},
    "client_metadata": lambda text: {"client_metadata": {"a": text}},
    "an unknown field": lambda text: {"novelty": {"a": [text]}},
    "user": lambda text: {"user": text},
}


def _tool(**more: Any) -> Item:
    return {"type": "function", "name": "look", "parameters": {"type": "object"}, **more}


def _base64(text: str) -> str:
    import base64

    return base64.b64encode(f"{text} and more of it".encode()).decode()


def _body(marker: str, *items: Item, **fields: Any) -> Request:
    body = {"model": "auto", "max_output_tokens": 20, "input": [_message(opening(marker)), *items], **fields}
    return Request(path=RESPONSES, body=body)


def _variant(kind: str, name: str, build: Callable[[str, str], Request], bad: str, good: str) -> Variant:
    return Variant(
        kind=kind,
        name=name,
        protected=lambda marker: build(bad, marker),
        harmless=lambda marker: build(good, marker),
    )


def placed() -> Iterator[Variant]:
    """A protected file's name, and protected words, in every place; each beside its harmless twin."""
    path, other = FOLDER.protected.path, FOLDER.harmless.path
    texts = {
        "a path": (f"See {path} for it.", f"See {other} for it."),
        "words": (" ".join(PHRASE), " ".join(HARMLESS_PHRASE)),
    }
    for what, (bad, good) in texts.items():
        for name, items in ITEMS.items():
            yield _variant(what, name, lambda text, mark, items=items: _body(mark, *items(text)), bad, good)
        for name, fields in FIELDS.items():
            if what == "a path" and name.startswith("tools"):
                continue  # what every request offers names files without being about them
            yield _variant(what, name, lambda text, mark, of=fields: _body(mark, **of(text)), bad, good)
        yield _variant(
            what,
            "input, a string",
            lambda text, mark: Request(
                path=RESPONSES,
                body={"model": "auto", "max_output_tokens": 20, "input": f"{opening(mark)} {text}"},
            ),
            bad,
            good,
        )


def commanded() -> Iterator[Variant]:
    """Commands that name a protected file, or may expand to it."""
    lines = {
        "names it": ("cat secrets/db.yml", "cat library/db.yml"),
        "a wildcard": ("cat secr*/db.y*", "cat libr*/db.y*"),
        "by its folder": ("cd secrets && cat db.yml", "cd library && cat db.yml"),
    }
    for what, (bad, good) in lines.items():
        for name, items in COMMANDS.items():
            yield _variant(what, name, lambda text, mark, items=items: _body(mark, *items(text)), bad, good)
    patch = "*** Begin Patch\n*** Update File: {}\n@@\n-a\n+b\n*** End Patch"
    for name, items in {
        "custom_tool_call": _custom,
        "shell_call": _shells,
        "local_shell_call": _shell,
    }.items():
        yield _variant(
            "a patch",
            name,
            lambda text, mark, items=items: _body(mark, *items(patch.format(text))),
            "secrets/db.yml",
            "library/db.yml",
        )
    yield _variant(
        "a patch",
        "apply_patch_call",
        lambda text, mark: _body(mark, *_patch({"type": "update_file", "path": text, "diff": "+b"})),
        "secrets/db.yml",
        "library/db.yml",
    )
