"""Shared by `turnout team` and `turnout key`: options, opening the ledger, formatting limits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from router.accounts.teams import UNLIMITED, Budget, Terms
from router.cli.completion import complete_policy
from router.errors import BadRequest, Misconfigured
from router.settings import load_settings

if TYPE_CHECKING:
    from policies.policy import Policy
    from router.ledger.store import LedgerStore

Json = dict[str, Any]
Ledger = Annotated[str | None, typer.Option(help="The ledger that holds teams and keys.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TermOptions:
    """Limits of a team or key as options; None is an option left out."""

    policy: Annotated[
        str | None,
        typer.Option(
            help="Its own policy: a shipped policy's name or a YAML file; '' for none.",
            autocompletion=complete_policy,
        ),
    ] = None
    budget: Annotated[float | None, typer.Option(help="Dollars per period; 0 for no budget.")] = None
    per: Annotated[
        str | None, typer.Option(help="Period of the budget: day, week or month; default: month.")
    ] = None
    over: Annotated[
        str | None,
        typer.Option(
            help="Beyond the budget: local (the local model serves) or error (402); default: local."
        ),
    ] = None
    requests_per_minute: Annotated[
        int | None, typer.Option(help="Model calls per minute; 0 for no limit.")
    ] = None
    tokens_per_minute: Annotated[
        int | None, typer.Option(help="Tokens per minute, in and out; 0 for no limit.")
    ] = None
    models: Annotated[
        str | None,
        typer.Option(
            help="Allowed models of the provider, e.g. 'claude-haiku-*,claude-sonnet-*'; '' for all."
        ),
    ] = None

    def fields(self, before: Terms = UNLIMITED) -> Json:
        """Return the options that were given, as `/admin` takes them; 0 and '' lift a limit.

        Args:
            before: The present limits; a budget may be changed in part.
        """
        fields: Json = {}
        if self.policy is not None:
            fields["policy"] = self.policy or None
        if not (self.budget is None and self.per is None and self.over is None):
            fields["budget"] = self._budget(before.budget)
        if self.requests_per_minute is not None:
            fields["requests_per_minute"] = self.requests_per_minute or None
        if self.tokens_per_minute is not None:
            fields["tokens_per_minute"] = self.tokens_per_minute or None
        if self.models is not None:
            fields["models"] = [name.strip() for name in self.models.split(",") if name.strip()] or None
        return fields

    def _budget(self, before: Budget | None) -> Json | None:
        if self.budget is None and before is None:
            raise Misconfigured("--per, --over: set the amount too, with --budget")
        parts = asdict(before) if before else {}
        changes = {"usd": self.budget, "per": self.per, "over": self.over}
        parts |= {name: part for name, part in changes.items() if part is not None}
        return parts if parts["usd"] else None


def takes_terms(command: Callable[..., None]) -> Callable[..., None]:
    """Replace the parameter `terms` of `command` by an option for each field of `TermOptions`."""
    original = signature(command, eval_str=True)
    hints = get_type_hints(TermOptions, include_extras=True)
    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=hint) for name, hint in hints.items()
    ]

    @wraps(command)
    def with_terms(*args: object, **arguments: object) -> None:
        terms = TermOptions(**{name: arguments.pop(name) for name in hints})  # type: ignore[arg-type] # typer's
        command(*args, terms=terms, **arguments)

    parameters: list[Parameter] = []
    for name, parameter in original.parameters.items():
        parameters += options if name == "terms" else [parameter]
    with_terms.__signature__ = original.replace(parameters=parameters)  # type: ignore[attr-defined] # inspect reads it
    with_terms.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {
        "return": None
    }
    return with_terms


@contextmanager
def open_accounts(ledger: str | None) -> "Iterator[LedgerStore]":
    """Open the ledger to manage accounts; a `BadRequest` becomes an error that names the option."""
    from router.ledger.store import LedgerStore

    settings = load_settings(ledger=ledger)
    store = LedgerStore.of(settings, write=False)
    try:
        yield store
    except BadRequest as error:
        name, _, message = error.message.partition(":")
        section, _, part = name.partition(".")
        option = (section if part in {"", "usd"} else part).replace("_", "-")
        raise Misconfigured(f"--{option}:{message}") from error
    finally:
        store.close()


def load_policies(store: "LedgerStore", ledger: str | None) -> "Callable[[str], Policy]":
    """Load the endpoint's policy and those of teams and keys; returns the policy of a name.

    One that cannot be loaded is told on stderr, and its budget is not known: the endpoint may still serve it
    as it last was.
    """
    from policies.load import PolicyError, PolicyHolder
    from policies.registry import PolicyRegistry
    from router.accounts.keys import Keyring

    def warn(name: str, why: str) -> None:
        typer.echo(f"policy {name}: {why}", err=True)

    roster = store.accounts.load()
    name = load_settings(ledger=ledger).policy
    try:
        own = PolicyHolder(name)
    except PolicyError as error:
        warn(name, f"its budget is not listed: {error}")
        own = PolicyHolder("private")
    registry = PolicyRegistry(own, warn)
    registry.sync(Keyring(roster.keys, roster.teams).policies)
    return registry.of


def format_limits(row: Json) -> str:
    """Format the limits of a team or key, one a line: `$20.00/month`, `60 requests/min`, `policy private`."""
    limits = []
    if row["budget_usd"] is not None:
        over = "" if row["budget_over"] == "local" else " (then error)"
        limits.append(f"${row['budget_usd']:,.2f}/{row['budget_per']}{over}")
    rates = {unit: row[f"{unit}_per_minute"] for unit in ("requests", "tokens")}
    limits += [f"{rate:,} {unit}/min" for unit, rate in rates.items() if rate]
    if row["models"]:
        limits.append(f"models {' '.join(row['models'])}")
    if row["policy"]:
        limits.append(f"policy {row['policy']}")
    return "\n".join(limits)


def format_day(timestamp: float) -> str:
    """Format a time as a UTC day: `2026-12-31`."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
