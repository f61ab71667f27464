"""`turnout classifier evidence`: what the ledger proves about the local model, and whether it is enough."""

import json
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.settings import load_settings

if TYPE_CHECKING:
    from router.ledger.labels import Evidence

_MEANING = {1: "sufficed", 0: "did not suffice"}


def evidence(
    team: Annotated[str | None, typer.Option(help="Of this team only.")] = None,
    ledger: Annotated[str | None, typer.Option(help="The ledger to read.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how much is known of how the local model did, by what it is known from.

    Example: [bold]turnout classifier evidence --team web[/bold]
    """
    from router.ledger.labels import describe_shortage

    found = read_evidence(ledger, team)
    told = {
        "turns": len(found),
        "conversations": len({(one.team, one.conversation) for one in found}),
        "evidence": _tally(found),
        "too_little": describe_shortage(found),
    }
    if as_json:
        typer.echo(json.dumps(told))
    else:
        _show(told, Console())


def read_evidence(ledger: str | None, team: str | None) -> "list[Evidence]":
    """Read the labelled turns of the ledger that is named here or in the settings."""
    from router.ledger.labels import labelled
    from router.ledger.store import LedgerStore

    settings = load_settings(ledger=ledger)
    store = LedgerStore.of(settings, write=False)
    try:
        return labelled(store, team)
    finally:
        store.close()


def _tally(found: "list[Evidence]") -> list[dict[str, Any]]:
    """Count by rule, in the order in which the rules are tried."""
    from router.ledger.labels import RULES

    rows = []
    for source, label in dict.fromkeys((rule.source, rule.label) for rule in RULES):
        some = [one for one in found if (one.source, one.label) == (source, label)]
        rows.append(
            {
                "source": source,
                "label": label,
                "turns": len(some),
                "conversations": len({(one.team, one.conversation) for one in some}),
                "weight": round(sum(one.weight for one in some), 2),
                "p_local": round(fmean(one.p_local for one in some), 3) if some else None,
                "why": "; ".join(
                    dict.fromkeys(rule.why for rule in RULES if (rule.source, rule.label) == (source, label))
                ),
            }
        )
    return rows


def _show(told: dict[str, Any], console: Console) -> None:
    table = Table("source", "the local model", "turns", "conversations", "weight", "p_local then")
    seen = [row for row in told["evidence"] if row["turns"]]
    for row in seen:
        table.add_row(
            row["source"],
            _MEANING[row["label"]],
            str(row["turns"]),
            str(row["conversations"]),
            f"{row['weight']:.1f}",
            f"{row['p_local']:.2f}",
        )
    if seen:
        console.print(table)
    for reason in dict.fromkeys(f"{row['source']}: {row['why']}" for row in seen):
        console.print(escape(f"  {reason}"))
    console.print(f"turns with a label: {told['turns']}, of {told['conversations']} conversations")
    console.print(
        escape(f"too little to learn from: {told['too_little']}" if told["too_little"] else "enough")
    )
