"""`turnout ledger`: statistics, export, backup and pruning."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from router.cli.completion import complete_team
from router.cli.ledger_file import open_ledger
from router.cli.render import make_console
from router.errors import Misconfigured
from router.settings import load_settings

app = typer.Typer(help="The ledger: statistics, export, backup, pruning.", no_args_is_help=True)
Ledger = Annotated[
    str | None, typer.Option(help="Ledger file or database URL; default: the one in the settings.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Team = Annotated[str | None, typer.Option(help="Only this team.", autocompletion=complete_team)]
_DAY = "a UTC day or time, such as 2026-11-01 or 2026-11-01T12:00"


@app.callback()
def options() -> None:
    """Rows of requests and hourly roll-ups, without prompts and answers."""


@app.command()
def stats(ledger: Ledger = None, as_json: AsJson = False) -> None:
    """Show the number of requests, since when, and the disk space they take.

    Example: [bold]turnout ledger stats[/bold]
    """
    from router.ledger.size import measure

    with open_ledger(ledger) as store:
        size = measure(store.engine)
    if as_json:
        typer.echo(json.dumps(size))
        return
    table = Table("", "", show_header=False)
    for name, value in size.items():
        table.add_row(name.replace("_", " "), _format_value(name, value))
    make_console().print(table)


@app.command()
def export(
    *,
    to: Annotated[Path, typer.Option(help="New folder for the Parquet files.")],
    team: Team = None,
    since: Annotated[str | None, typer.Option(help=f"Only requests from then on: {_DAY}.")] = None,
    until: Annotated[str | None, typer.Option(help=f"Only requests before: {_DAY}.")] = None,
    by: Annotated[Literal["month", "day"], typer.Option(help="Period of each folder.")] = "month",
    ledger: Ledger = None,
) -> None:
    """Write rows as Parquet files, a folder for each month or day, in bounded memory.

    Example: [bold]turnout ledger export --to exported --team web --since 2026-11-01[/bold]
    """
    from router.ledger.export import count
    from router.ledger.export import export as write

    begin, end = _time("--since", since), _time("--until", until)
    with open_ledger(ledger) as store, _progress("rows") as bar:
        task = bar.add_task("", total=count(store.engine, team=team, since=begin, until=end))
        written = write(
            store.engine, to, team=team, since=begin, until=end, by=by,
            progress=lambda done: bar.update(task, completed=done),
        )  # fmt: skip
    Console(stderr=True, soft_wrap=True).print(f"{written:,} rows written to {to}", highlight=False)


@app.command()
def prune(
    keep_days: Annotated[
        int | None,
        typer.Option(min=1, help="Remove rows that are older; default: `ledger_keep_days` in the settings."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the rows.")] = False,
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """Remove old rows in small batches; safe beside a running endpoint. Hourly roll-ups stay.

    Example: [bold]turnout ledger prune --keep-days 90 --dry-run[/bold]
    """
    from router.ledger.retention import count_old, cutoff
    from router.ledger.retention import prune as remove

    keep_days = keep_days or load_settings(ledger=ledger).ledger_keep_days
    if not keep_days:
        raise Misconfigured("--keep-days: is required, or set `ledger_keep_days` (TURNOUT_LEDGER_KEEP_DAYS)")
    before = cutoff(keep_days, datetime.now(UTC).timestamp())
    with open_ledger(ledger) as store:
        old = count_old(store.engine, before)
        if not dry_run:
            with _progress("rows") as bar:
                task = bar.add_task("", total=old)
                old = remove(
                    store.engine, before, progress=lambda removed: bar.update(task, completed=removed)
                )
    if as_json:
        typer.echo(json.dumps({"before": before, "rows": old, "removed": not dry_run}))
        return
    what = "would be removed" if dry_run else "removed"
    Console(soft_wrap=True).print(f"{old:,} rows from before {_utc(before)} {what}", highlight=False)


@app.command()
def backup(
    to: Annotated[Path, typer.Option(help="The new file.")],
    ledger: Ledger = None,
) -> None:
    """Copy a SQLite ledger consistently while the endpoint keeps writing. For PostgreSQL use pg_dump.

    Example: [bold]turnout ledger backup --to ledger-backup.db[/bold]
    """
    from router.ledger.backup import backup as copy

    with open_ledger(ledger) as store:
        size = copy(store.engine, to)
    Console(stderr=True, soft_wrap=True).print(f"{to}: {_bytes(size)}", highlight=False)


def _progress(unit: str) -> Progress:
    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _time(option: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(f"{option}: {text!r} is not {_DAY}") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _format_value(name: str, value: float | str | None) -> str:
    if value is None:
        return "-"
    if name.endswith("bytes"):
        return _bytes(float(value))
    if name.endswith("_at"):
        return _utc(float(value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 - the step from unit to unit
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
