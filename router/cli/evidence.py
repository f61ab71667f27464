"""`turnout classifier evidence`: labelled turns in the ledger, and whether they suffice for training."""

import json
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.cli.render import make_console
from router.settings import load_settings

if TYPE_CHECKING:
    from router.ledger.labels import Evidence

_MEANING = {1: "sufficed", 0: "did not suffice"}


def evidence(
    team: Annotated[str | None, typer.Option(help="Only this team.")] = None,
    ledger: Annotated[str | None, typer.Option(help="The ledger to read.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count the turns with evidence of whether the local model sufficed, by kind of evidence.

    Example: [bold]turnout classifier evidence --team web[/bold]
    """
    from router.ledger.labels import describe_shortage

    turns = read_evidence(ledger, team)
    summary = {
        "turns": len(turns),
        "conversations": len({(turn.team, turn.conversation) for turn in turns}),
        "evidence": _tally(turns),
        "too_little": describe_shortage(turns),
    }
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        _show(summary, make_console())


def read_evidence(ledger: str | None, team: str | None) -> "list[Evidence]":
    """Read the labelled turns of this ledger, or of the one in the settings."""
    from router.ledger.labels import labelled
    from router.ledger.store import LedgerStore

    settings = load_settings(ledger=ledger)
    store = LedgerStore.of(settings, write=False)
    try:
        return labelled(store, team)
    finally:
        store.close()


def _tally(turns: "list[Evidence]") -> list[dict[str, Any]]:
    """Count by label rule, in the order of the rules."""
    from router.ledger.labels import RULES

    rows = []
    for source, label in dict.fromkeys((rule.source, rule.label) for rule in RULES):
        matches = [turn for turn in turns if (turn.source, turn.label) == (source, label)]
        rows.append(
            {
                "source": source,
                "label": label,
                "turns": len(matches),
                "conversations": len({(turn.team, turn.conversation) for turn in matches}),
                "weight": round(sum(turn.weight for turn in matches), 2),
                "p_local": round(fmean(turn.p_local for turn in matches), 3) if matches else None,
                "why": "; ".join(
                    dict.fromkeys(rule.why for rule in RULES if (rule.source, rule.label) == (source, label))
                ),
            }
        )
    return rows


def _show(summary: dict[str, Any], console: Console) -> None:
    table = Table("source", "the local model", "turns", "conversations", "weight", "p_local then")
    rows = [row for row in summary["evidence"] if row["turns"]]
    for row in rows:
        table.add_row(
            row["source"],
            _MEANING[row["label"]],
            str(row["turns"]),
            str(row["conversations"]),
            f"{row['weight']:.1f}",
            f"{row['p_local']:.2f}",
        )
    if rows:
        console.print(table)
    for reason in dict.fromkeys(f"{row['source']}: {row['why']}" for row in rows):
        console.print(escape(f"  {reason}"))
    console.print(f"turns with a label: {summary['turns']}, of {summary['conversations']} conversations")
    console.print(
        escape(f"too little to learn from: {summary['too_little']}" if summary["too_little"] else "enough")
    )
