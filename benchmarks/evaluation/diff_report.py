"""How a difference of policies reads: in a terminal, as JSON, and its requests as CSV."""

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from math import isnan
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.evaluation.diff import Difference, Moved, Quality
from router.errors import Misconfigured
from router.system.files import open_private


def render(found: Difference, console: Console) -> None:
    """Print what changes, for what money, and how sure anyone can be."""
    title = f"[bold]{escape(found.before)}[/bold] to [bold]{escape(found.after)}[/bold]"
    console.print(f"{title}, on {escape(found.source)}", highlight=False)
    if not found.requests:
        console.print("nothing to replay: no request is there")
        return
    if found.groups:
        console.print(_table(found))
    for line in summary(found):
        console.print(escape(line), highlight=False)
    for note in found.notes:
        console.print(f"[dim]- {escape(note)}[/dim]", highlight=False)


def summary(found: Difference) -> Iterator[str]:
    """Say it in a few sentences."""
    share = found.changed / found.requests if found.requests else 0.0
    yield f"{found.changed:,} of {found.requests:,} {found.unit} change track ({100 * share:.1f}%)"
    yield (
        f"served locally: {_percent(found.local_before, found.requests)} before, "
        f"{_percent(found.local_after, found.requests)} after"
    )
    change = found.usd_after - found.usd_before
    priced = f", {found.unpriced:,} {found.unit} without a known price left out" if found.unpriced else ""
    yield f"dollars: {found.usd_before:,.2f} before, {found.usd_after:,.2f} after: {_signed(change)}{priced}"
    yield _expected(found.quality, found.unit)


def values(found: Difference) -> dict[str, Any]:
    """The same as JSON values; what is not known is null."""
    told = asdict(found)
    told["quality"]["change"] = {
        name: None if isnan(value) else value for name, value in told["quality"]["change"].items()
    }
    return told


@contextmanager
def kept(file: Path | None) -> Iterator[Callable[[Moved], None]]:
    """Write requests that change track to a CSV, line by line as they come; nowhere without a file.

    Raises:
        Misconfigured: the file cannot be written.
    """
    if file is None:
        yield lambda _: None
        return
    try:
        opened = open_private(file, os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(opened, "w", newline="", encoding="utf-8") as lines:
            names = [one.name for one in fields(Moved)]
            writer = csv.writer(lines)
            writer.writerow(names)
            yield lambda moved: writer.writerow([getattr(moved, name) for name in names])
    except OSError as error:
        raise Misconfigured(f"--csv: {file}: cannot be written: {error.strerror}") from error


def _table(found: Difference) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for heading in ("from", "to", "rule before", "rule after"):
        table.add_column(heading)
    for heading in (found.unit, *(["turns"] if found.unit == "requests" else []), "$", "no price"):
        table.add_column(heading, justify="right")
    for group in found.groups:
        turns = [f"{group.turns:,}"] if found.unit == "requests" else []
        table.add_row(
            group.before, group.after, escape(group.rule_before), escape(group.rule_after),
            f"{group.requests:,}", *turns, _signed(group.usd),
            f"{group.unpriced:,}" if group.unpriced else "",
        )  # fmt: skip
    return table


def _expected(quality: Quality, unit: str) -> str:
    change = quality.change
    if isnan(change.point):
        return "expected quality: unknown, no turn is of a class with recorded outcomes"
    what, missing = ("turns", "are of no class with recorded outcomes")
    if unit == "tasks":
        what, missing = ("tasks", "have no recorded outcomes on both tracks")
    points = [f"{100 * value:+.2f}" for value in (change.point, change.low, change.high)]
    return (
        f"expected quality: {points[0]} points of {what} that succeed (95%: {points[1]} to {points[2]}), "
        f"of {quality.rated:,} rated; {quality.unrated:,} {missing}"
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%"


def _signed(usd: float) -> str:
    return f"{'-' if usd < 0 else '+'}${abs(usd):,.2f}"
