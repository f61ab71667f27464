"""`turnout key`: who may use the endpoint. Without keys it is open, on this machine only."""

import difflib
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.cli.accounts import (
    AsJson,
    Ledger,
    TermOptions,
    budget_of,
    moment,
    opened,
    rates_of,
    takes_terms,
)
from router.errors import Misconfigured

if TYPE_CHECKING:
    from router.ledger.accounts import Accounts

app = typer.Typer(help="Keys: create, list, change, revoke.", no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(help="The key's id, as `turnout key list` shows it.")]


@app.command()
@takes_terms
def create(
    *,
    team: Annotated[
        str | None, typer.Option(help="The team it belongs to; made where there is none.")
    ] = None,
    user: Annotated[str, typer.Option(help="Who will use it.")] = "",
    name: Annotated[str, typer.Option(help="What its owner calls it, e.g. laptop.")] = "",
    admin: Annotated[
        bool, typer.Option("--admin", help="For /admin and the dashboard, and not for model calls.")
    ] = False,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: 30d, 12h, 2026-12-31 (UTC); never without.")
    ] = None,
    terms: TermOptions,
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, once. Its own limits narrow its team's; all are in force within a second.

    Example: [bold]turnout key create --team web --user ana --name laptop --expires 90d[/bold]
    """
    from router.app.admin import make_key
    from router.app.schemas import KeyIn, read

    if team is None and not admin:
        raise Misconfigured("--team: must be given; it is whom the key's requests are counted for")
    given: dict[str, Any] = terms.named() | {"user": user, "name": name, "admin": admin}
    if team is not None:
        given["team"] = team
    if expires is not None:
        given["expires"] = expires
    with opened(ledger) as store:
        new_team = _new_team(store.accounts, team) if team and not admin else ""
        made = make_key(store.accounts, read(KeyIn, given).key())
    if as_json:
        typer.echo(json.dumps(made))
        return
    if new_team:
        typer.echo(f"{new_team} `turnout key revoke {made['id']}` takes the key back.", err=True)
    use = (
        "Send it to /admin as `Authorization: Bearer`, or log in to the dashboard with it."
        if admin
        else "Send it as `Authorization: Bearer`, `x-api-key`, or `x-turnout-key` beside the provider's own."
    )
    Console(soft_wrap=True).print(
        f"{made['key']}\nKeep it: it is not shown again. From now on every request must carry a key.\n{use}",
        highlight=False,
    )


def _new_team(accounts: "Accounts", team: str) -> str:
    """Say that a team is made by its first key, without limits: its name may be a typing error."""
    known = [row["name"] for row in accounts.teams()]
    if not known or team in known:
        return ""
    near = difflib.get_close_matches(team, known, n=1)
    return f"{team} is a new team, without a budget" + (f"; did you mean {near[0]}?" if near else ".")


@app.command("list")
def list_keys(ledger: Ledger = None, as_json: AsJson = False) -> None:
    """List the keys, without their secrets.

    Example: [bold]turnout key list --json[/bold]
    """
    with opened(ledger) as store:
        rows = store.accounts.keys()
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table(
        "id", "team", "user", "name", "budget", "per minute", "models", "made", "expires", "revoked"
    )
    for row in rows:
        table.add_row(
            row["id"],
            "(admin)" if row["admin"] else escape(row["team"]),
            escape(row["user"]),
            escape(row["name"]),
            budget_of(row),
            rates_of(row),
            escape(" ".join(row["models"])),
            moment(row["created_at"]),
            moment(row["expires_at"]),
            moment(row["revoked_at"]),
        )
    Console().print(table)


@app.command("set")
@takes_terms
def set_key(
    key: KeyId,
    *,
    user: Annotated[str | None, typer.Option(help="Who will use it.")] = None,
    name: Annotated[str | None, typer.Option(help="What its owner calls it.")] = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: 30d, 12h, 2026-12-31 (UTC); '' for never.")
    ] = None,
    terms: TermOptions,
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """Change what is named, and leave the rest. A running endpoint takes it within a second.

    Example: [bold]turnout key set 3f9a12c4 --budget 20 --expires 90d[/bold]
    """
    from router.app.schemas import changed_key

    with opened(ledger) as store:
        held = store.accounts.key(key)
        if held is None:
            raise _no_key(key)
        given = terms.named(held.terms)
        given |= {what: text for what, text in (("user", user), ("name", name)) if text is not None}
        if expires is not None:
            given["expires"] = expires or None
        if not given:
            raise Misconfigured("say what to change, such as --budget 20; `--help` shows all options")
        store.accounts.set_key(changed_key(held, given))
    typer.echo(json.dumps({"set": key}) if as_json else f"set {key}")


@app.command()
def revoke(
    key: KeyId,
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """End a key; a running endpoint refuses it within a second.

    Example: [bold]turnout key revoke 3f9a12c4[/bold]
    """
    with opened(ledger) as store:
        known = store.accounts.revoke_key(key)
    if not known:
        raise _no_key(key)
    typer.echo(json.dumps({"revoked": key}) if as_json else f"revoked {key}")


def _no_key(key: str) -> Misconfigured:
    return Misconfigured(f"key: there is no key {key!r} in force; `turnout key list` shows the ids")
