"""`turnout policy diff`: what a change of policy would move, cost and be worth."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.cli.options import (
    AsJson,
    AskedAs,
    Client,
    CloudSystem,
    LocalContext,
    LocalSystem,
    LocalUsd,
    Outcomes,
    PriceModel,
)
from benchmarks.cli.plain import plain_errors
from benchmarks.evaluation.cases import LOCAL_CONTEXT, PRICE_MODEL, SUITES
from router.cli.completion import complete_policy
from router.errors import Misconfigured

if TYPE_CHECKING:
    from benchmarks.evaluation.diff import Difference
    from benchmarks.evaluation.selection import Selection
    from policies.policy import Policy


_DAY = "a UTC day or time, such as 2026-11-01"


def diff(
    old: Annotated[
        str,
        typer.Argument(
            help="The policy that serves: a shipped one's name or a file.", autocompletion=complete_policy
        ),
    ],
    new: Annotated[
        str, typer.Argument(help="The policy that may follow it.", autocompletion=complete_policy)
    ],
    *,
    ledger: Annotated[
        str | None,
        typer.Option(
            help="Replay this ledger's requests: a file, a URL, or a folder that `turnout ledger export` "
            "wrote. The settings' own unless named."
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            help="Route a suite's tasks instead: a shipped one's name, or a JSONL file of your own."
        ),
    ] = None,
    team: Annotated[str | None, typer.Option(help="Of this team only.")] = None,
    since: Annotated[str | None, typer.Option(help=f"Only what began then or later: {_DAY}.")] = None,
    until: Annotated[str | None, typer.Option(help=f"Only what began before: {_DAY}.")] = None,
    client: AskedAs = Client.bare,
    outcomes: Outcomes = None,
    local: LocalSystem = None,
    cloud: CloudSystem = None,
    local_context: LocalContext = LOCAL_CONTEXT,
    price_model: PriceModel = PRICE_MODEL,
    local_usd_per_mtok: LocalUsd = 0.0,
    csv_file: Annotated[
        Path | None,
        typer.Option("--csv", help="Write the requests that change track: ids and figures, no text."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show which requests change track under a new policy, what that costs or saves, and is worth.

    Example: [bold]turnout policy diff balanced my-policy.yaml --team web --since 2026-11-01[/bold]
    """
    from benchmarks.evaluation.cost import Rates
    from benchmarks.evaluation.diff import of_suite
    from benchmarks.evaluation.diff_report import csv_writer, render, values
    from benchmarks.evaluation.selection import Selection, load_suites, parse
    from policies.conditions import nearest
    from policies.load import load
    from router.billing.prices import Prices
    from router.cli.render import make_console

    if suite and (ledger or team or since or until):
        raise Misconfigured(
            "--suite: has tasks, not requests; leave --ledger, --team, --since and --until out"
        )
    if not suite and local_usd_per_mtok:
        raise Misconfigured("--local-usd-per-mtok: a ledger's rows say what this machine cost; leave it out")
    if suite and suite not in SUITES and not Path(suite).exists():
        raise Misconfigured(f"--suite: there is no suite or file {suite!r}{nearest(suite, list(SUITES))}")
    before, after = load(old), load(new)
    with plain_errors():
        selection = Selection(
            client=client.value,
            local=parse("--local", local or ()),
            cloud=parse("--cloud", cloud or ()),
            outcomes=outcomes,
            suite=None if suite is None or suite in SUITES else Path(suite),
        )
        if suite:
            name = selection.own_suite or suite
            rates = Rates(model=price_model, prices=Prices(), local_usd_per_mtok=local_usd_per_mtok)
            with csv_writer(csv_file) as on_move:
                difference = of_suite(
                    before, after, load_suites((name,), selection)[name], rates,
                    local_context=local_context, on_move=on_move,
                )  # fmt: skip
        else:
            begin, end = _time("--since", since), _time("--until", until)
            difference = _of_ledger(
                before, after, ledger, selection, team=team, since=begin, until=end,
                local_context=local_context, csv_file=csv_file,
            )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(values(difference), allow_nan=False))
        return
    console = make_console()
    render(difference, console)
    rate = difference.requests / difference.seconds if difference.seconds else 0
    console.print(
        f"{difference.seconds:.1f} s, {rate:,.0f} requests/s, at most {_peak_mb():,.0f} MB",
        style="dim",
        highlight=False,
    )


def _of_ledger(
    before: "Policy", after: "Policy", ledger: str | None, selection: "Selection", *, team: str | None,
    since: float | None, until: float | None, local_context: int, csv_file: Path | None,
) -> "Difference":  # fmt: skip
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from benchmarks.evaluation.diff import of_rows
    from benchmarks.evaluation.diff_report import csv_writer
    from benchmarks.evaluation.replay import opened
    from benchmarks.evaluation.selection import load_suites
    from benchmarks.evaluation.traffic import SUITE_FOR_WORK

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("requests"), TimeRemainingColumn())
    with (
        opened(ledger, team=team, since=since, until=until) as (rows, count, source),
        csv_writer(csv_file) as on_move,
        Progress(*columns, console=Console(stderr=True), transient=True) as progress,
    ):
        # After the ledger, for they take seconds and a wrong ledger's name none.
        suites = load_suites(tuple(dict.fromkeys(SUITE_FOR_WORK.values())), selection)
        task = progress.add_task("", total=count)
        return of_rows(
            before, after, rows, suites, source=source, local_context=local_context, on_move=on_move,
            progress=lambda done: progress.update(task, completed=done),
        )  # fmt: skip


def _time(option: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(f"{option}: {text!r} is not {_DAY}") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _peak_mb() -> float:
    """The most memory this process had, in megabytes; 0 where the system does not tell."""
    if sys.platform == "win32":
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
