"""`turnout code`: start a client so that it comes here, and change no file of the user's."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from router.cli.completion import complete_client
from router.cli.connect import Key, Url
from router.errors import Misconfigured

if TYPE_CHECKING:
    from router.connect.client import Launch
    from router.connect.machine import Machine


def code(
    client: Annotated[
        str,
        typer.Argument(
            help="claude, codex, aider, gemini, qwen, cn, ...",
            show_default=False,
            autocompletion=complete_client,
        ),
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Go on to the client as they are.", show_default=False)
    ] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Start a coding assistant that comes to this endpoint, without changing its settings.

    Options of ours stand before CLIENT. The client's exit status is passed on.

    Example: [bold]turnout code claude -p "Explain this folder"[/bold]
    """
    from router.connect.clients.catalog import CLIENTS, find_client
    from router.connect.endpoint import make_target, problem
    from router.connect.machine import Machine

    row = find_client(client)
    if row.launch is None:
        able = ", ".join(other.name for other in CLIENTS if other.launch)
        raise Misconfigured(
            f"CLIENT: {row.title} takes its settings from its own files only; use `turnout connect "
            f"{row.name}`. "
            f"Those that can be started like this: {able}"
        )
    machine, target = Machine.here(), make_target(url, key)
    program = machine.program(*row.programs)
    if program is None:
        raise Misconfigured(
            f"{row.title} is not installed: no `{row.programs[0]}` on your PATH; {row.install}"
        )
    if trouble := problem(target.url):
        raise Misconfigured(trouble)
    _start(program, row.launch(machine, target), arguments or [], machine)


def _start(program: str, launch: "Launch", arguments: list[str], machine: "Machine") -> NoReturn:
    from router.connect.client import OWN_FILE, OWN_FOLDER
    from router.settings import data_dir

    flags, variables = launch.flags, launch.variables
    if launch.own_file:
        folder = data_dir() / "connect"
        path = _write_own(folder, *launch.own_file)
        flags = tuple(flag.replace(OWN_FILE, path) for flag in flags)
        variables = {name: value.replace(OWN_FOLDER, str(folder)) for name, value in variables.items()}
    command = [program, *flags, *arguments]
    environment = {**machine.environment, **variables}
    sys.stdout.flush()
    if os.name == "nt":  # there, a replaced process would look ended to the shell
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)
    os.execve(program, command, environment)  # noqa: S606 - signals, terminal and exit status are the client's own


def _write_own(folder: Path, name: str, content: str) -> str:
    from router.system.files import FILE, make_folder, write_private

    path = folder / name
    try:
        make_folder(path.parent)
        write_private(path, content.encode(), mode=FILE)
    except OSError as error:
        raise Misconfigured(f"{folder}: cannot be written: {error.strerror}") from error
    return str(path)
