"""What `turnout team` and `turnout key` have in common: options, the ledger, and how terms look."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.errors import BadRequest, Misconfigured
from router.settings import load_settings

if TYPE_CHECKING:
    from router.ledger.store import LedgerStore

Json = dict[str, Any]
Ledger = Annotated[str | None, typer.Option(help="The ledger that holds teams and keys.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Policy = Annotated[
    str | None, typer.Option(help="A policy of its own: a shipped one's name or a YAML file; '' for none.")
]
BudgetUsd = Annotated[
    float | None, typer.Option("--budget", help="Dollars it may spend in each period; 0 for no budget.")
]
Per = Annotated[str | None, typer.Option(help="The budget's period: day, week or month [default: month].")]
Over = Annotated[
    str | None,
    typer.Option(help="Over budget: local (the local model serves) or error (402) [default: local]."),
]
Requests = Annotated[
    int | None, typer.Option("--requests-per-minute", help="Model calls a minute; 0 for no limit.")
]
Tokens = Annotated[
    int | None, typer.Option("--tokens-per-minute", help="Tokens a minute, in and out; 0 for no limit.")
]
Models = Annotated[
    str | None,
    typer.Option(
        help="Models of the provider's it may use, e.g. 'claude-haiku-*,claude-sonnet-*'; '' for all."
    ),
]


def named_terms(
    *,
    policy: str | None,
    budget: float | None,
    per: str | None,
    over: str | None,
    requests_per_minute: int | None,
    tokens_per_minute: int | None,
    models: str | None,
    before: Json | None = None,
) -> Json:
    """Put the options that were given together, as `/admin` takes them; 0 and '' lift a limit."""
    given: Json = {}
    if policy is not None:
        given["policy"] = policy or None
    known = before or {}
    if budget is not None or per is not None or over is not None:
        usd = budget if budget is not None else known.get("usd")
        if usd is None:
            raise Misconfigured("--per, --over: say how much with --budget, too")
        parts = {"usd": usd, "per": per or known.get("per"), "over": over or known.get("over")}
        given["budget"] = {name: part for name, part in parts.items() if part is not None} if usd else None
    if requests_per_minute is not None:
        given["requests_per_minute"] = requests_per_minute or None
    if tokens_per_minute is not None:
        given["tokens_per_minute"] = tokens_per_minute or None
    if models is not None:
        given["models"] = [name.strip() for name in models.split(",") if name.strip()] or None
    return given


@contextmanager
def opened(ledger: str | None) -> "Iterator[LedgerStore]":
    """Open the ledger to manage accounts; what is wrong with an option is told by its name."""
    from router.ledger.store import LedgerStore

    settings = load_settings(ledger=ledger)
    store = LedgerStore.of(settings, write=False)
    try:
        yield store
    except BadRequest as error:
        name, _, rest = error.message.partition(":")
        option = name.partition(".")[0].replace("_", "-")
        raise Misconfigured(f"--{option}:{rest}") from error
    finally:
        store.close()


def budget_of(row: Json) -> str:
    """A budget in a cell."""
    if row["budget_usd"] is None:
        return ""
    over = "" if row["budget_over"] == "local" else ", else error"
    return f"${row['budget_usd']:,.2f} a {row['budget_per']}{over}"


def rates_of(row: Json) -> str:
    """Limits per minute in a cell."""
    limits = (("requests", row["requests_per_minute"]), ("tokens", row["tokens_per_minute"]))
    return ", ".join(f"{limit:,} {what}" for what, limit in limits if limit)


def moment(stamp: float | None) -> str:
    """A time in a cell; UTC."""
    return datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d %H:%M") if stamp else ""
