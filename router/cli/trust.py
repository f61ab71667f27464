"""`turnout trust`: trust a folder's settings file."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.errors import Misconfigured
from router.settings import read_file
from router.system.trusted_files import FILE, TrustStore, digest, risky


def trust(
    file: Annotated[Path, typer.Argument(help="The settings file.", show_default=False)] = Path(FILE),
    show: Annotated[bool, typer.Option("--list", help="List the trusted files.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Stop trusting the file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Trust a `turnout.yaml` as it is now: all its settings then apply when Turnout runs in its folder.

    An untrusted file may not set addresses, credentials, files, policies and the like: it could have
    come with a repository. Read it first. If it changes, it has to be trusted again.

    Example: [bold]turnout trust ./turnout.yaml[/bold]
    """
    if show and remove:
        raise Misconfigured("--list: cannot be combined with --remove")
    if show:
        _list(as_json=as_json)
    elif remove:
        _remove(file, as_json=as_json)
    else:
        _add(file, as_json=as_json)


def _add(file: Path, *, as_json: bool) -> None:
    if not file.is_file():
        raise Misconfigured(f"trust: there is no file {str(file)!r}; name a settings file")
    content, values = read_file(file)
    fields = risky(values)
    TrustStore().add(file, content)
    path = str(file.resolve())
    if as_json:
        typer.echo(json.dumps({"file": path, "digest": digest(content), "fields": fields}))
        return
    sets = f"it may now set {', '.join(fields)}" if fields else "all its settings applied already"
    Console(soft_wrap=True).print(f"{escape(path)} is trusted: {escape(sets)}", highlight=False)


def _remove(file: Path, *, as_json: bool) -> None:
    path = str(file.resolve())
    if not TrustStore().remove(file):
        raise Misconfigured(f"--remove: {path} is not trusted; `turnout trust --list` shows what is")
    if as_json:
        typer.echo(json.dumps({"file": path, "removed": True}))
    else:
        Console(soft_wrap=True).print(f"{escape(path)} is no longer trusted", highlight=False)


def _list(*, as_json: bool) -> None:
    rows = [
        {"file": path, "digest": trusted_digest, "state": _state(Path(path), trusted_digest)}
        for path, trusted_digest in sorted(TrustStore().digests().items())
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table("file", "state")
    for row in rows:
        table.add_row(escape(row["file"]), row["state"])
    console = Console(soft_wrap=True)
    console.print(table if rows else "no file is trusted")


def _state(path: Path, trusted_digest: str) -> str:
    try:
        content = path.read_bytes()
    except OSError:
        return "missing"
    return "trusted" if digest(content) == trusted_digest else "changed"
