"""`turnout connect`: point a client at this endpoint, and back."""

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.accounts.keys import PREFIX
from router.cli.completion import complete_client
from router.cli.render import escape_controls, make_console
from router.errors import Misconfigured
from router.settings import CLIENT_KEY

_KEYS = re.compile(rf"({PREFIX}[\w-]{{4}})[\w-]+")

if TYPE_CHECKING:
    from router.connect.client import Client, Target
    from router.connect.connection import Connection
    from router.connect.machine import Machine
    from router.connect.record import Records

Url = Annotated[str | None, typer.Option(help="Where the endpoint is, if not where your settings say.")]
Key = Annotated[
    str | None,
    typer.Option(help="A team's key, where the endpoint asks for one.", envvar=CLIENT_KEY, show_envvar=True),
]


def connect(  # noqa: PLR0917 - typer reads options from the parameters
    client: Annotated[
        str | None,
        typer.Argument(
            help="Such as claude or aider; --list shows all.",
            show_default=False,
            autocompletion=complete_client,
        ),
    ] = None,
    url: Url = None,
    key: Key = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
    show_only: Annotated[bool, typer.Option("--print", help="Show the change, and write nothing.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Put the client's files back as they were.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --undo: also where a file was edited since.")
    ] = False,
    statusline: Annotated[
        bool,
        typer.Option("--statusline", help="Claude Code: show track and savings below the prompt, too."),
    ] = False,
    show_list: Annotated[bool, typer.Option("--list", help="List clients and what is connected.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --list: print JSON.")] = False,
) -> None:
    """Point a coding assistant at this endpoint: shows the change, asks, keeps a copy.

    Comments, order and layout of your files stay. Where a client keeps no
    file that could be written, the steps to click are printed.

    Example: [bold]turnout connect claude[/bold], and back: [bold]turnout connect claude --undo[/bold]
    """
    from router.connect.clients.catalog import find_client
    from router.connect.endpoint import make_target
    from router.connect.machine import Machine
    from router.connect.record import Records

    machine, records = Machine.here(), Records()
    if show_list:
        _list(machine, make_target(url, key), records, as_json=as_json)
        return
    if client is None:
        raise Misconfigured("CLIENT: name one, such as `turnout connect claude`; --list shows all")
    row = find_client(client)
    if force and not undo:
        raise Misconfigured("--force: goes with --undo only")
    if undo:
        _undo(row, records, yes=yes, force=force, show_only=show_only)
        return
    target = make_target(url, key)
    if row.files:
        _write(row, machine, target, records, yes=yes, show_only=show_only, statusline=statusline)
    elif row.variables:
        _print_variables(row.variables(target), machine)
    else:
        _print_steps(row, target)


def _write(
    client: "Client",
    machine: "Machine",
    target: "Target",
    records: "Records",
    *,
    yes: bool,
    show_only: bool,
    statusline: bool,
) -> None:
    from router.connect.connection import prepare

    if statusline:
        from router.connect.clients.claude_code import with_status_line

        client = with_status_line(client, _own_command("statusline"))
    connection = prepare(client, machine, target, records)
    _show(connection)
    if show_only:
        return
    if connection.is_there:
        typer.echo(f"{client.title} is connected to {target.url} already; nothing had to be changed.")
    else:
        _confirm("Write this?", yes=yes)
        with records.locked():
            records.connect(connection.record, connection.changes)
        typer.echo(f"{client.title} is connected to {target.url}.")
        typer.echo(f"Undo it with `turnout connect {client.name} --undo`; copies are in", nl=False)
        typer.echo(f" {records.folder(client.name)}")
    _print_steps(client, target)
    _warn(target)


def _undo(client: "Client", records: "Records", *, yes: bool, force: bool, show_only: bool) -> None:
    from router.connect.change import diff
    from router.connect.connection import prepare_undo
    from router.system.files import write_private

    record = records.load(client.name)
    if record is None:
        by_hand = "" if client.files else "; what you set by hand, take back by hand"
        raise Misconfigured(f"--undo: {client.title} is not connected by `turnout connect`{by_hand}")
    undoing = prepare_undo(record, records)
    if undoing.edited and not force:
        _print_diff("".join(undoing.edited))
        raise Misconfigured(
            f"--undo: this was changed since {client.title} was connected; --force takes back what was "
            f"put in, "
            "and leaves your changes where that is possible"
        )
    for change in undoing.changes:
        _print_diff(diff(change.path, change.before, change.after))
    if show_only:
        return
    _confirm("Put this back?", yes=yes)
    with records.locked():
        for path, content in undoing.saved:
            write_private(path, content)
            typer.echo(f"What you had is kept as {path}")
        records.undo(record, undoing.changes)
    typer.echo(f"{client.title} is as it was before.")


def _confirm(question: str, *, yes: bool) -> None:
    """Go on with a yes at a terminal, or with --yes."""
    if yes:
        return
    if not (sys.stdin and sys.stdin.isatty()):
        raise Misconfigured(
            "--yes: there is no terminal to ask at; add --yes to write this, or --print to see it"
        )
    if not typer.confirm(question):
        typer.echo("Nothing was changed.")
        raise typer.Exit(1)


def _show(connection: "Connection") -> None:
    from router.connect.change import diff

    for change in connection.changes:
        _print_diff(diff(change.path, change.before, change.after))


def _print_diff(text: str) -> None:
    """Print a diff, keys of Turnout's cut short: it may be shown to others."""
    styles = {"+": "green", "-": "red", "@": "cyan"}
    console = Console(soft_wrap=True, highlight=False)
    for line in _KEYS.sub(r"\1...", text).splitlines():
        style = "bold" if line.startswith(("+++", "---")) else styles.get(line[:1], "")
        console.print(escape(escape_controls(line)), style=style)


def _print_steps(client: "Client", target: "Target") -> None:
    steps = client.steps(target)
    if not steps:
        return
    console = make_console(highlight=False)
    console.print(f"\n{escape(client.title)}, by hand:")
    table = Table.grid(padding=(0, 1))
    for number, step in enumerate(steps, 1):
        table.add_row(f"{number}.", escape(step))
    console.print(table)


def _print_variables(variables: Mapping[str, str], machine: "Machine") -> None:
    """Print lines for the user's shell; nothing else goes to standard output, so that `eval` may take it."""
    shell = os.path.basename(machine.variable("SHELL"))  # noqa: PTH119 - a name, not a file
    for name, value in variables.items():
        if machine.system == "win32" and not shell:
            typer.echo(f"$env:{name} = '{value}'")
        elif shell == "fish":
            typer.echo(f"set -gx {name} {shlex.quote(value)}")
        else:
            typer.echo(f"export {name}={shlex.quote(value)}")


def _warn(target: "Target") -> None:
    from router.connect.endpoint import problem

    if trouble := problem(target.url):
        typer.echo(f"\nNote: {trouble}.")


def _own_command(name: str) -> str:
    """Return how another program starts a command of ours, whatever its path."""
    program = shutil.which("turnout")
    return shlex.join([program, name] if program else [sys.executable, "-P", "-m", "router.cli.start", name])


def _list(machine: "Machine", target: "Target", records: "Records", *, as_json: bool) -> None:
    from router.connect.clients.catalog import CLIENTS
    from router.connect.connection import connected_to
    from router.connect.endpoint import problem

    trouble = problem(target.url)
    rows = [
        {
            "client": client.name,
            "title": client.title,
            "installed": client.is_installed(machine),
            "connected": connected_to(client, records),
            "files": [str(file.path) for file in client.files(machine, target)] if client.files else [],
        }
        for client in CLIENTS
    ]
    if as_json:
        endpoint = {"url": target.url, "answers": not trouble, "problem": trouble}
        typer.echo(json.dumps({"endpoint": endpoint, "clients": rows}, ensure_ascii=False))
        return
    console = make_console(highlight=False)
    console.print(escape(trouble or f"{target.url} answers"))
    table = Table("client", "", "installed", "connected to", box=None)
    for row, client in zip(rows, CLIENTS, strict=True):
        how = "" if client.files else "variables" if client.variables else "by hand"
        table.add_row(
            client.name, escape(client.title), "yes" if row["installed"] else "", str(row["connected"]) or how
        )
    console.print(table)
