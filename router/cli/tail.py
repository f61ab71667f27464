"""`turnout tail`: a line for each request as it ends, read from the ledger, so from any terminal."""

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from router.cli.ledger import AsJson, Ledger, Team
from router.cli.ledger_file import open_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from router.telemetry.request_line import RequestLine

POLL_S = 0.5
OVERLAP_S = 60.0
"""Rows are written in groups: what ended earlier may come after what ended later."""


def tail(
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Show the last so many first.")] = 10,
    follow: Annotated[bool, typer.Option(help="Go on with what ends from now on.")] = True,
    team: Team = None,
    as_json: AsJson = False,
    ledger: Ledger = None,
) -> None:
    """Follow the requests: time, client, kind, track, model, rule, tokens, first byte, cost, id.

    Example: [bold]turnout tail --team web[/bold]
    """
    from router.ledger.ended import last_ended
    from router.telemetry.logs import has_colours
    from router.telemetry.request_line import json_line, text_line

    colours = has_colours(sys.stdout)

    def show(line: "RequestLine") -> None:
        typer.echo(json_line(line) if as_json else text_line(line, colours=colours))
        sys.stdout.flush()

    with open_ledger(ledger) as store, suppress(KeyboardInterrupt):
        started = time.time()
        with store.engine.connect() as connection:
            latest = last_ended(connection, lines, team=team)
        for line in latest:
            show(line)
        if follow:
            for line in _follow(store.engine, started, team, {line.id for line in latest}):
                show(line)


def _follow(
    engine: "sa.Engine", started: float, team: str | None, latest: set[str]
) -> "Iterator[RequestLine]":
    """Yield what ends, forever."""
    from router.ledger.ended import ended_since

    with engine.connect() as connection:
        before = ended_since(connection, started - OVERLAP_S, team=team)
    printed = dict.fromkeys(latest, started) | {line.id: line.finished_at for line in before}
    while True:
        time.sleep(POLL_S)
        since = time.time() - OVERLAP_S
        with engine.connect() as connection:
            ended = ended_since(connection, since, team=team)
        for line in ended:
            if line.id not in printed:
                printed[line.id] = line.finished_at
                yield line
        printed = {of: at for of, at in printed.items() if at >= since - OVERLAP_S}
