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

from benchmarks.evaluation.diff import Difference, MovedRequest, Quality
from benchmarks.json_values import plain
from router.errors import Misconfigured
from router.system.files import open_private


def render(difference: Difference, console: Console) -> None:
    """Print what changes, for what money, and how sure anyone can be."""
    if not difference.requests:
        console.print(
            f"{difference.before} to {difference.after}, on {difference.source}",
            markup=False,
            highlight=False,
        )
        console.print("nothing to replay: no request is there")
        return
    for line in summary(difference):
        console.print(escape(line), highlight=False, style="bold", soft_wrap=True)
    if difference.groups:
        console.print(_table(difference))
    for note in difference.notes:
        console.print(f"[dim]- {escape(note)}[/dim]", highlight=False)


def summary(difference: Difference) -> Iterator[str]:
    """Say it in a few sentences."""
    share = difference.changed / difference.requests if difference.requests else 0.0
    changed = f"{difference.changed:,} of {difference.requests:,} {difference.unit}"
    yield (
        f"{difference.before} to {difference.after}, on {difference.source}: {changed} change track "
        f"({100 * share:.1f}%); served locally: {_percent(difference.local_before, difference.requests)} "
        f"before, {_percent(difference.local_after, difference.requests)} after"
    )
    change = difference.usd_after - difference.usd_before
    priced = (
        f", {difference.unpriced:,} {difference.unit} without a known price left out"
        if difference.unpriced
        else ""
    )
    dollars = f"{difference.usd_before:,.2f} before, {difference.usd_after:,.2f} after"
    yield f"dollars: {dollars}: {_signed(change)}{priced}"
    yield _expected(difference.quality, difference.unit)


def values(difference: Difference) -> dict[str, Any]:
    """The same as JSON values; what is not known is null."""
    payload: dict[str, Any] = plain(asdict(difference))
    return payload


@contextmanager
def csv_writer(file: Path | None) -> Iterator[Callable[[MovedRequest], None]]:
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
            names = [field.name for field in fields(MovedRequest)]
            writer = csv.writer(lines)
            writer.writerow(names)
            yield lambda moved: writer.writerow([getattr(moved, name) for name in names])
    except OSError as error:
        raise Misconfigured(f"--csv: {file}: cannot be written: {error.strerror}") from error


def _table(difference: Difference) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for heading in ("from", "to", "rule before", "rule after"):
        table.add_column(heading)
    for heading in (difference.unit, *(["turns"] if difference.unit == "requests" else []), "$", "no price"):
        table.add_column(heading, justify="right")
    for group in difference.groups:
        turns = [f"{group.turns:,}"] if difference.unit == "requests" else []
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


def _percent(part: int, total: int) -> str:
    return f"{100 * part / total:.1f}%"


def _signed(usd: float) -> str:
    return f"{'-' if usd < 0 else '+'}${abs(usd):,.2f}"
