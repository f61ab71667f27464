"""What `turnout team` and `turnout key` have in common: options, the ledger, and how terms look."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from router.accounts.teams import UNLIMITED, Budget, Terms
from router.errors import BadRequest, Misconfigured
from router.settings import load_settings

if TYPE_CHECKING:
    from router.ledger.store import LedgerStore

Json = dict[str, Any]
Ledger = Annotated[str | None, typer.Option(help="The ledger that holds teams and keys.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TermOptions:
    """What a team or a key may do, as options; None is what was not given."""

    policy: Annotated[
        str | None,
        typer.Option(help="A policy of its own: a shipped one's name or a YAML file; '' for none."),
    ] = None
    budget: Annotated[
        float | None, typer.Option(help="Dollars it may spend in each period; 0 for no budget.")
    ] = None
    per: Annotated[
        str | None, typer.Option(help="The budget's period: day, week or month (without: month).")
    ] = None
    over: Annotated[
        str | None,
        typer.Option(help="Over budget: local (the local model serves) or error, 402 (without: local)."),
    ] = None
    requests_per_minute: Annotated[int | None, typer.Option(help="Model calls a minute; 0 for no limit.")] = (
        None
    )
    tokens_per_minute: Annotated[
        int | None, typer.Option(help="Tokens a minute, in and out; 0 for no limit.")
    ] = None
    models: Annotated[
        str | None,
        typer.Option(
            help="Models of the provider's it may use, e.g. 'claude-haiku-*,claude-sonnet-*'; '' for all."
        ),
    ] = None

    def named(self, before: Terms = UNLIMITED) -> Json:
        """Those that were given, as `/admin` takes them; 0 and '' lift a limit.

        Args:
            before: What held so far: a budget may be changed in part.
        """
        given: Json = {}
        if self.policy is not None:
            given["policy"] = self.policy or None
        if not (self.budget is None and self.per is None and self.over is None):
            given["budget"] = self._budget(before.budget)
        if self.requests_per_minute is not None:
            given["requests_per_minute"] = self.requests_per_minute or None
        if self.tokens_per_minute is not None:
            given["tokens_per_minute"] = self.tokens_per_minute or None
        if self.models is not None:
            given["models"] = [name.strip() for name in self.models.split(",") if name.strip()] or None
        return given

    def _budget(self, before: Budget | None) -> Json | None:
        if self.budget is None and before is None:
            raise Misconfigured("--per, --over: say how much with --budget, too")
        parts = asdict(before) if before else {}
        named = {"usd": self.budget, "per": self.per, "over": self.over}
        parts |= {name: part for name, part in named.items() if part is not None}
        return parts if parts["usd"] else None


def takes_terms(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` an option for each of `TermOptions`, in the place of its parameter `terms`."""
    shown = signature(command, eval_str=True)
    hints = get_type_hints(TermOptions, include_extras=True)
    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=hint) for name, hint in hints.items()
    ]

    @wraps(command)
    def taking(*args: object, **given: object) -> None:
        terms = TermOptions(**{name: given.pop(name) for name in hints})  # type: ignore[arg-type] # typer's
        command(*args, terms=terms, **given)

    parameters: list[Parameter] = []
    for name, one in shown.parameters.items():
        parameters += options if name == "terms" else [one]
    taking.__signature__ = shown.replace(parameters=parameters)  # type: ignore[attr-defined] # inspect reads it
    taking.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": None}
    return taking


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
