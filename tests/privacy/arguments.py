"""Tools and the shapes in which their calls name a file. The tool's name and fields tell nothing."""

import json
from collections.abc import Callable
from typing import Any

Shape = Callable[[str], tuple[str, Any]]
"""From the path to the tool's name and its input; an input of type `str` is sent where an object is due."""


def _field(tool: str, field: str) -> Shape:
    return lambda path: (tool, {field: path})


_FIELDS = {
    "Read": ("file_path", "filePath", "path", "FilePath", "file"),
    "read_file": ("path", "target_file", "relative_workspace_path", "filename", "file_name"),
    "view_file": ("AbsolutePath", "TargetFile", "absolutePath"),
    "mcp__fs__read_text_file": ("path", "uri", "src", "source"),
    "frobnicate": (
        "uri",
        "src",
        "source",
        "x",
        "q",
        "input",
        "target",
        "resource",
        "location",
        "url",
        "from",
    ),
    "str_replace_based_edit_tool": ("path",),
    "NotebookEdit": ("notebook_path",),
    "Grep": ("path", "glob", "include"),
    "Glob": ("pattern",),
    "LS": ("path",),
    "attach": ("document", "attachment", "asset_key", "key", "id", "name"),
}
_SHAPES: dict[str, Shape] = {
    "nested": lambda path: ("frobnicate", {"args": {"path": path}}),
    "list of objects": lambda path: ("read_file", {"args": {"file": [{"path": path}]}}),
    "list": lambda path: ("read_many_files", {"paths": ["README.md", path]}),
    "list of lists": lambda path: ("frobnicate", {"batch": [[["README.md"], [path]]]}),
    "deep": lambda path: ("frobnicate", {"a": {"b": [{"c": {"d": [{"e": {"f": path}}]}}]}}),
    "very deep": lambda path: ("frobnicate", _deep(path, 40)),
    "string for an object": lambda path: ("Read", path),
    "list for an object": lambda path: ("Read", [path]),
    "JSON in a string": lambda path: ("call_tool", {"arguments": json.dumps({"path": path})}),
    "JSON twice in a string": lambda path: ("call_tool", {"args": json.dumps(json.dumps({"path": path}))}),
    "JSON thrice": lambda path: ("call", {"a": json.dumps(json.dumps(json.dumps([path])))}),
    "JSON for an object": lambda path: ("Read", json.dumps({"file_path": path})),
    "cut JSON for an object": lambda path: ("Read", json.dumps({"file_path": path, "x": 1})[:-4]),
    "XML in a string": lambda path: ("read_file", {"args": f"<file><path>{path}</path></file>"}),
    "attribute in a string": lambda path: ("read_file", {"args": f'<file path="{path}"/>'}),
    "YAML in a string": lambda path: ("read_file", {"args": f"- path: {path}\n  lines: 1-20\n"}),
    "query in a string": lambda path: ("fetch", {"url": f"http://localhost/read?path={path}&raw=1"}),
    "path as a key": lambda path: ("stat_files", {path: True}),
    "path as an inner key": lambda path: ("edit_files", {"changes": {path: [{"line": 1}]}}),
    "sentence": lambda path: ("Task", {"prompt": f"Read {path} and tell me what stands there."}),
    "sentence, in brackets": lambda path: ("Task", {"prompt": f"Read the settings ({path}), then report."}),
    "list of words": lambda path: ("run", {"argv": ["cat", path]}),
    "option": lambda path: ("run", {"argv": ["show", f"--file={path}"]}),
    "short option": lambda path: (
        ("run", {"argv": ["show", f"-f{path}"]})
        if path.startswith("/")
        else ("run", {"argv": ["show", "-f", path]})
    ),
    "patch": lambda path: ("apply_patch", {"patch": f"*** Begin Patch\n*** Update File: {path}\n@@\n-a\n+b"}),
    "diff": lambda path: (
        "apply_diff",
        {"diff": f"--- a/{path.lstrip('/')}\n+++ b/{path.lstrip('/')}\n@@ -1 +1 @@\n-a\n+b"},
    ),
    "code": lambda path: ("execute_code", {"code": f"with open('{path}') as f:\n    print(f.read())"}),
    "JavaScript": lambda path: ("js_repl", {"code": f'const t = await fs.readFile("{path}", "utf8")'}),
    "SQL": lambda path: ("query", {"sql": f"SELECT pg_read_file('{path}')"}),
    "DuckDB": lambda path: ("query", {"sql": f"from read_csv('{path}')"}),
    "range": lambda path: ("read_file", {"path": path, "start_line": 1, "end_line": 20}),
    "range in the path": lambda path: ("read_file", {"path": f"{path}:1-20"}),
    "beside others": lambda path: (
        "search",
        {"pattern": "x", "null": None, "n": 1.5, "ok": True, "where": path},
    ),
    "value object": lambda path: ("frobnicate", {"location": {"type": "path", "value": {"raw": path}}}),
    "resource": lambda path: ("read_resource", {"server": "fs", "resource": {"uri": path}}),
    "pairs": lambda path: ("frobnicate", {"params": [["path", path]]}),
    "numbered": lambda path: ("frobnicate", {"0": path}),
    "empty key": lambda path: ("frobnicate", {"": path}),
    "batch": lambda path: ("batch", {"tool_calls": [{"tool": "read", "parameters": {"filePath": path}}]}),
    "glob": lambda path: ("Grep", {"pattern": ".", "glob": f"**/{path.lstrip('/')}"}),
    "description": lambda path: ("Bash", {"command": "./show.sh", "description": f"Show {path}"}),
    "reason": lambda path: ("next_page", {"reason": f"the password is in {path}"}),
    "environment": lambda path: ("Bash", {"command": "./show.sh", "env": {"CONFIG": path}}),
    "standard input": lambda path: ("Bash", {"command": "xargs cat", "stdin": path}),
    "template literal": lambda path: ("js_repl", {"code": f"await read(`${{root}}/{path.lstrip('/')}`)"}),
    "camel case in a list": lambda path: (
        "readFiles",
        {"fileRequests": [{"filePath": path, "lineRange": [1, 2]}]},
    ),
    "TOML in a string": lambda path: ("configure", {"toml": f'file = "{path}"\n'}),
    "data URL of JSON": lambda path: ("fetch", {"url": f'data:application/json,{{"path":"{path}"}}'}),
    "form": lambda path: ("fetch", {"body": f"action=read&path={path}&raw=1"}),
    "comma list": lambda path: ("read", {"files": f"README.md,{path},LICENSE"}),
    "semicolon list": lambda path: ("read", {"files": f"README.md;{path}"}),
    "line list": lambda path: ("read", {"files": f"README.md\n{path}\n"}),
    "space list": lambda path: ("read", {"files": f"README.md {path} LICENSE"}),
}
_SPLIT: dict[str, Callable[[str, str], tuple[str, Any]]] = {
    "folder and file": lambda folder, file: ("read", {"folder": folder, "file": file}),
    "cwd and file": lambda folder, file: ("Bash", {"cwd": folder, "command": f"cat {file}"}),
    "workdir and command": lambda folder, file: ("shell", {"workdir": folder, "command": ["cat", file]}),
    "parts": lambda folder, file: ("read", {"parts": [folder, file]}),
    "folder alone": lambda folder, file: ("list_and_read", {"directory_path": folder}),
    "folder in a list": lambda folder, file: ("read_dirs", {"roots": ["src", folder]}),
    "folder with a slash": lambda folder, file: ("LS", {"path": folder + "/"}),
    "folder, absolute": lambda folder, file: ("LS", {"path": "/repo/" + folder}),
    "folder's glob": lambda folder, file: ("Glob", {"pattern": folder + "/**/*"}),
    "folder, recursive": lambda folder, file: (
        "Grep",
        {"pattern": ".", "path": folder, "output_mode": "content"},
    ),
    "folder, JSON in a string": lambda folder, file: ("call", {"args": json.dumps({"dir": folder})}),
    "folder as a string": lambda folder, file: ("LS", folder),
}


def _deep(path: str, levels: int) -> Any:
    value: Any = path
    for _ in range(levels):
        value = {"x": [value]}
    return value


def shapes() -> dict[str, Shape]:
    """By name; each takes the path as it is spelled."""
    fields = {f"{tool}.{field}": _field(tool, field) for tool, names in _FIELDS.items() for field in names}
    return {**fields, **_SHAPES}


def folder_shapes() -> dict[str, Callable[[str, str], tuple[str, Any]]]:
    """By name; each takes a protected folder as a bare word, and the file in it."""
    return _SPLIT


def shells() -> dict[str, Shape]:
    """Tools that run a command, by name: from the command to the tool's name and its input."""
    return {
        "Bash": lambda line: ("Bash", {"command": line, "description": "Run it"}),
        "bash": lambda line: ("bash", {"command": line}),
        "run_shell_command": lambda line: ("run_shell_command", {"command": line}),
        "execute_command": lambda line: ("execute_command", {"command": line, "requires_approval": False}),
        "run_terminal_cmd": lambda line: ("run_terminal_cmd", {"command": line, "is_background": False}),
        "exec_command": lambda line: ("exec_command", {"cmd": line, "yield_time_ms": 1000}),
        "shell": lambda line: ("shell", {"command": ["bash", "-lc", line], "timeout_ms": 1000}),
        "local_shell": lambda line: (
            "local_shell",
            {"action": {"type": "exec", "command": ["sh", "-c", line]}},
        ),
        "PowerShell": lambda line: ("PowerShell", {"command": line}),
        "terminal": lambda line: ("terminal", {"action": "send_keys", "text": line + "\n"}),
        "mcp__box__exec": lambda line: ("mcp__box__exec", {"args": {"script": line}}),
        "frobnicate": lambda line: ("frobnicate", {"x": line}),
        "JSON": lambda line: ("call_tool", {"arguments": json.dumps({"command": line})}),
        "string": lambda line: ("Bash", line),
        "Task": lambda line: (
            "Task",
            {"prompt": f"Run this and tell me what it prints:\n\n```\n{line}\n```"},
        ),
    }
