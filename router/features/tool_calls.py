"""What a tool call does to files, by the tool's name and arguments.

One table serves every client, since their tool names do not contradict each other.
A name that is not in it is still read by the names of its arguments.
"""

from collections.abc import Iterator
from typing import Any

from router.features import paths, shell
from router.features.messages import Call
from router.features.paths import FileAccess

_VERBS = {
    name: verb
    for verb, names in (
        ("read", "read read_file readfile view open_file view_file notebookread read_many_files cat"),
        ("edit", "edit multiedit multi_edit write write_file writefile write_to_file create create_file"),
        ("edit", "edit_file editfile notebookedit str_replace replace replace_in_file insert insert_content"),
        ("edit", "apply_diff apply_patch patch search_replace single_find_and_replace delete_file"),
        ("edit", "create_new_file edit_existing_file"),
        ("list", "ls list list_files list_dir listfiles list_directory glob find file_search find_files"),
        ("search", "grep search search_files codebase_search grep_search semantic_search find_symbol rg"),
        ("run", "bash shell exec exec_command shell_command execute_bash execute_command terminal cmd"),
        ("run", "local_shell powershell run_terminal_command run_terminal_cmd run_command"),
        (
            "run",
            "run_shell_command run_in_terminal pwsh run_powershell execute_powershell powershell_execute",
        ),
        ("editor", "str_replace_editor str_replace_based_edit_tool text_editor file_editor"),
    )
    for name in names.split()
}
_PHASES = {"read": "explore", "list": "explore", "search": "explore", "edit": "implement"}
_PATH_KEYS = (
    "file_path",
    "filePath",
    "filepath",
    "path",
    "file",
    "filename",
    "file_name",
    "target_file",
    "absolute_path",
    "relative_path",
    "notebook_path",
    "paths",
    "files",
    "file_paths",
)
_COMMAND_KEYS = ("command", "cmd", "script", "commands")
_FOLDER_KEYS = ("workdir", "cwd", "working_directory", "workingDirectory", "directory", "dir_path")
_EDITOR_READS = ("view", "view_range", "open")


def effect(call: Call) -> tuple[list[FileAccess], set[str]]:
    """Files that `call` touches, and its acts: explore, implement, run, verify."""
    name = call.name.lower().rsplit("__", 1)[-1].rsplit(".", 1)[-1]
    verb = _VERBS.get(name, "")
    arguments = call.arguments
    if isinstance(arguments, str):
        text = arguments
    else:
        text = _text(arguments, ("input", "patch", "patch_text", "patchText", "diff"))
    if verb == "editor":
        verb = "read" if _text(arguments, ("command",)) in _EDITOR_READS else "edit"
    if verb == "run" or (not verb and isinstance(arguments, dict) and "command" in arguments):
        done = shell.effect(_command(arguments), folder=paths.normal(_text(arguments, _FOLDER_KEYS)))
        return done.accesses, done.acts
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


def _command(arguments: Any) -> str:
    """A run tool's command line: a string, or a list like `["bash", "-lc", "…"]`."""
    command = arguments
    if isinstance(arguments, dict):
        command = next((arguments[key] for key in _COMMAND_KEYS if key in arguments), "")
    if isinstance(command, list):
        words = [word for word in command if isinstance(word, str)]
        command = words[-1] if len(words) > 1 and words[1] in ("-c", "-lc") else " ".join(words)
    return command if isinstance(command, str) else ""


def _paths(arguments: Any) -> Iterator[str]:
    """Paths under the usual argument names, singly or in lists."""
    if not isinstance(arguments, dict):
        return
    for key in _PATH_KEYS:
        value = arguments.get(key)
        for item in value if isinstance(value, list) else (value,):
            word = next((item[k] for k in _PATH_KEYS if k in item), None) if isinstance(item, dict) else item
            if isinstance(word, str):
                path = paths.normal(word)
                if path:
                    yield path
