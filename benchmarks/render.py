"""A table of figures, in a terminal and as Markdown, and the words for the machine it was measured on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.machine import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table, before it is drawn."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def draw(sheet: Sheet, console: Console) -> None:
    """Print a sheet as a table."""
    drawn = Table(*sheet.columns, title=sheet.title, title_justify="left")
    for row in sheet.rows:
        drawn.add_row(*map(escape, row))
    console.print(drawn)


def report(
    console: Console, sheets: Iterable[Sheet], notes: Iterable[str], missed: Iterable[str] = ()
) -> None:
    """Print tables, then notes, then the bars that were missed."""
    for sheet in sheets:
        draw(sheet, console)
    for line in notes:
        console.print(escape(line), highlight=False)
    for line in missed:
        console.print(f"[red]missed[/red] {escape(line)}", highlight=False)


def bars(missed: Sequence[str]) -> str:
    """Return the section on bars, as Markdown."""
    return "## Bars\n\n" + ("\n".join(f"- missed: {line}" for line in missed) or "All met.")


def table(sheet: Sheet) -> str:
    """Return a table under its title, as Markdown."""
    lines = [sheet.columns, ("---",) * len(sheet.columns), *sheet.rows]
    return f"## {sheet.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def where(on: Machine) -> str:
    """Say what machine it is."""
    return f"{on.cpu}, {on.cores} cores, {on.memory_gb:.0f} GB, {on.system}, {on.python}"
