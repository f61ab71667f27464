"""What a tool call does to files, by the tool's name and arguments.

One table serves every client, since their tool names do not contradict each other.
A name that is not in it is still read by the names of its arguments.
"""

import re
from collections.abc import Iterator
from typing import Any

from router.features import messages, paths, scripts, shell
from router.features.messages import Call
from router.features.paths import FileAccess

_VERBS = {
    name: verb
    for verb, names in (
        ("read", "read read_file readfile view open_file view_file notebookread read_many_files cat"),
        ("read", "read_files readmanyfiles read_notebook view_code_item view_file_outline get_file_contents"),
        ("edit", "edit multiedit multi_edit write write_file writefile write_to_file create create_file"),
        ("edit", "edit_file editfile notebookedit str_replace replace replace_in_file insert insert_content"),
        ("edit", "apply_diff apply_patch patch search_replace single_find_and_replace delete_file"),
        (
            "edit",
            "create_new_file edit_existing_file editor edit_notebook notebook_edit strreplacefile strreplace",
        ),
        ("edit", "save append overwrite patch_many hashline_edit morph applypatch search_and_replace delete"),
        (
            "edit",
            "replace_string_in_file multi_replace_string_in_file insert_edit_into_file edit_notebook_file",
        ),
        (
            "edit",
            "replace_file_content multi_replace_file_content edit_files write_files move_path delete_path",
        ),
        ("list", "ls list list_files list_dir listfiles list_directory glob find file_search find_files"),
        ("list", "list_code_definition_names find_path find_by_name listdir get_changed_files finder"),
        ("search", "grep search search_files codebase_search grep_search semantic_search find_symbol rg"),
        ("search", "search_codebase code_search search_file_content list_code_usages sourcegraph"),
        ("run", "bash shell exec exec_command shell_command execute_bash execute_command terminal cmd"),
        (
            "run",
            "local_shell powershell run_terminal_command run_terminal_cmd run_command run_commands execute",
        ),
        (
            "run",
            "run_shell_command run_in_terminal pwsh run_powershell execute_powershell powershell_execute",
        ),
        ("test", "runtests run_tests test_failure"),
        ("script", "ipython python execute_python run_python python_repl"),
        ("editor", "str_replace_editor str_replace_based_edit_tool text_editor file_editor"),
    )
    for name in names.split()
}
_PHASES = {"read": "explore", "list": "explore", "search": "explore", "edit": "implement", "test": "verify"}
_PATH_KEYS = frozenset(
    [
        "path",
        "file",
        "filepath",
        "filename",
        "targetfile",
        "absolutepath",
        "relativepath",
        "notebookpath",
        "targetnotebook",
        "relativeworkspacepath",
        "paths",
        "files",
        "filepaths",
        "targetfiles",
        "sourcepath",
        "destinationpath",
        "targetfilepath",
        "uri",
    ]
)
"""Without case and underscores: `file_path`, `filePath` and `FilePath` are one."""
_LISTS = frozenset(("replacements", "edits", "patches", "replacementchunks"))
"""Arguments whose items may name files of their own."""
_CODE_KEYS = ("code", "script", "command")
_COMMAND_KEYS = ("command", "cmd", "script", "commands", "CommandLine", "commandLine", "command_line")
_FOLDER_KEYS = ("workdir", "cwd", "Cwd", "working_directory", "workingDirectory", "directory", "dir_path")
_EDITOR_READS = ("view", "view_range", "open")


def is_known(name: str) -> bool:
    """Whether the table has a tool of this name."""
    return name in _VERBS


def fails_whole(name: str) -> bool:
    """Whether a failed call did nothing to its files; a command line may have done a part of what it says."""
    return _verb(name) not in ("run", "script")


def action(call: Call) -> Any:
    """What a call does: of a command line that alone, without its description and time limit."""
    return _command(call.arguments) if _verb(call.name) == "run" else call.arguments


def only_looks(call: Call) -> bool:
    """Whether a call by its tool's name only shows files, or finds them: reads, searches, lists."""
    return _verb_of(call) in ("read", "list", "search")


def _verb_of(call: Call) -> str:
    """What a call does: an editor's command says whether it reads or edits."""
    verb = _verb(call.name)
    if verb == "editor":
        return "read" if _text(call.arguments, ("command",)) in _EDITOR_READS else "edit"
    return verb


def _verb(name: str) -> str:
    return _VERBS.get(name.lower().rsplit("__", 1)[-1].rsplit(".", 1)[-1], "")


def effect(call: Call) -> tuple[list[FileAccess], set[str]]:
    """Files that `call` touches, and its acts: explore, implement, run, verify."""
    verb = _verb_of(call)
    arguments = call.arguments
    if isinstance(arguments, str):
        text = arguments
    else:
        text = _text(arguments, ("input", "patch", "patch_text", "patchText", "diff"))
    if verb == "script":
        opened = scripts.opened(arguments if isinstance(arguments, str) else _text(arguments, _CODE_KEYS))
        return [FileAccess(path, how) for word, how in opened if (path := paths.normal(word))], {"run"}
    if verb == "run" or (not verb and isinstance(arguments, dict) and "command" in arguments):
        done = shell.effect(_command(arguments), folder=paths.normal(_text(arguments, _FOLDER_KEYS)))
        script = _unescaped(arguments) if _is_script(arguments) else ""
        edits = [FileAccess(path, "edited") for path in paths.changed(script)]
        return [*done.accesses, *edits], done.acts | ({"implement"} if edits else set())
    if verb == "edit" and (patched := list(paths.changed(text))):
        return [FileAccess(path, "edited") for path in patched], {"implement"}
    how: paths.How = {"read": "read", "edit": "edited"}.get(verb, "seen")  # type: ignore[assignment]
    return [FileAccess(path, how) for path in _paths(arguments)], {
        _PHASES[verb]
    } if verb in _PHASES else set()


def _text(arguments: Any, keys: tuple[str, ...]) -> str:
    """The first of `keys` that holds a string."""
    if isinstance(arguments, dict):
        for key in keys:
            if isinstance(arguments.get(key), str):
                return str(arguments[key])
    return ""


_SCRIPTED = re.compile(
    r"""\bcmd["']?\s*:\s*("(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'|`(?:[^`\\]|\\.)*+`)""",
    re.DOTALL,
)
_JS_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_JS_LETTERS = {"n": "\n", "t": "\t", "r": "\r"}


def _is_script(arguments: Any) -> bool:
    """Whether a call is a script that calls tools, as Codex has: `await tools.exec_command({cmd: "ls"})`."""
    return isinstance(arguments, str) and "tools." in arguments


def _unescaped(script: str) -> str:
    """A script as its string literals read."""
    return _JS_ESCAPE.sub(lambda match: _JS_LETTERS.get(match[1], match[1]), script)


def _command(arguments: Any) -> str:
    """A run tool's command line: a string, a list like `["bash", "-lc", "…"]`, or those in a script."""
    if _is_script(arguments):
        return "\n".join(_unescaped(match[1][1:-1]) for match in _SCRIPTED.finditer(arguments))
    command = arguments
    if isinstance(arguments, dict):
        key = next((key for key in _COMMAND_KEYS if key in arguments), "")
        command = arguments.get(key, "")
        if key == "commands" and isinstance(command, list):
            return "\n".join(_command(item) for item in command)
    if isinstance(command, list):
        words = [word for word in command if isinstance(word, str)]
        command = words[-1] if len(words) > 1 and words[1] in ("-c", "-lc") else " ".join(words)
    return command if isinstance(command, str) else ""


def _paths(arguments: Any) -> Iterator[str]:
    """Paths under the usual argument names, singly or in lists."""
    if not isinstance(arguments, dict):
        return
    for key, value in arguments.items():
        named = _plain(key)
        if named in _PATH_KEYS or named in _LISTS:
            items = messages.decoded(value) if named in _LISTS else value
            for item in items if isinstance(items, list) else (items,):
                word = item if named in _PATH_KEYS else None
                if isinstance(item, dict):
                    word = next((item[k] for k in item if _plain(k) in _PATH_KEYS), None)
                if isinstance(word, str) and (path := paths.normal(word)):
                    yield path


def _plain(key: str) -> str:
    return key.replace("_", "").lower()
