"""`turnout key`: keys for clients and admins. Without keys the endpoint is open, on this machine only."""

import difflib
import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from router.cli.accounts import (
    AsJson,
    Ledger,
    TermOptions,
    format_day,
    format_limits,
    open_accounts,
    takes_terms,
)
from router.cli.completion import complete_key, complete_team
from router.cli.render import make_console
from router.errors import Misconfigured

if TYPE_CHECKING:
    from router.ledger.accounts import Accounts

app = typer.Typer(help="Keys: create, list, change, revoke.", no_args_is_help=True)
KeyId = Annotated[
    str, typer.Argument(help="The key's id, as `turnout key list` shows it.", autocompletion=complete_key)
]


@app.command()
@takes_terms
def create(
    *,
    team: Annotated[
        str | None,
        typer.Option(help="The team it belongs to; created if there is none.", autocompletion=complete_team),
    ] = None,
    user: Annotated[str, typer.Option(help="Name of its user.")] = "",
    name: Annotated[str, typer.Option(help="A label, e.g. laptop.")] = "",
    admin: Annotated[
        bool, typer.Option("--admin", help="For /admin and the dashboard; it cannot make model calls.")
    ] = False,
    expires: Annotated[
        str | None, typer.Option(help="When it expires: 30d, 12h, 2026-12-31 (UTC); default: never.")
    ] = None,
    terms: TermOptions,
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """Create a key and show it once. Its limits apply on top of its team's, within a second.

    Example: [bold]turnout key create --team web --user ana --name laptop --expires 90d[/bold]
    """
    from router.app.admin import issue_key
    from router.app.schemas import KeyIn, parse

    if team is None and not admin:
        raise Misconfigured("--team: is required; the key's requests are counted for this team")
    fields: dict[str, Any] = terms.fields() | {"user": user, "name": name, "admin": admin}
    if team is not None:
        fields["team"] = team
    if expires is not None:
        fields["expires"] = expires
    with open_accounts(ledger) as store:
        new_team = _new_team(store.accounts, team) if team and not admin else ""
        issued = issue_key(store.accounts, parse(KeyIn, fields).key())
    if as_json:
        typer.echo(json.dumps(issued))
        return
    if new_team:
        typer.echo(f"{new_team} To undo: `turnout key revoke {issued['id']}`.", err=True)
    use = (
        "Send it to /admin as `Authorization: Bearer`, or log in to the dashboard with it."
        if admin
        else "Send it as `Authorization: Bearer`, `x-api-key`, or `x-turnout-key` beside the provider's own."
    )
    Console(soft_wrap=True).print(
        f"{issued['key']}\nStore it now: it is not shown again. Every request must carry a key from now on.\n"
        f"{use}\nIts id is {issued['id']}, for `turnout key set` and `turnout key revoke`.",
        highlight=False,
    )


def _new_team(accounts: "Accounts", team: str) -> str:
    """Note that this key creates its team, without limits: the name may be a typo."""
    teams = [row["name"] for row in accounts.teams()]
    if not teams or team in teams:
        return ""
    nearest = difflib.get_close_matches(team, teams, n=1)
    return f"{team} is a new team, without a budget" + (f"; did you mean {nearest[0]}?" if nearest else ".")


@app.command("list")
def list_keys(ledger: Ledger = None, as_json: AsJson = False) -> None:
    """List the keys, without their secrets; --json has every field.

    Example: [bold]turnout key list --json[/bold]
    """
    with open_accounts(ledger) as store:
        rows = store.accounts.keys()
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table(
        Column("id", no_wrap=True), "team", "user", "name", "limits", "state", box=SIMPLE_HEAD, pad_edge=False
    )
    for row in rows:
        table.add_row(
            row["id"],
            "(admin)" if row["admin"] else escape(row["team"]),
            escape(row["user"]),
            escape(row["name"]),
            escape(format_limits(row)),
            _state(row),
        )
    make_console().print(table)


def _state(row: dict[str, Any]) -> str:
    """Format whether the key is in force, and since or until when."""
    if row["revoked_at"] is not None:
        return f"revoked {format_day(row['revoked_at'])}"
    if row["expires_at"] is None:
        return "in force"
    verb = "expired" if row["expires_at"] <= time.time() else "expires"
    return f"{verb} {format_day(row['expires_at'])}"


@app.command("set")
@takes_terms
def set_key(
    key: KeyId,
    *,
    user: Annotated[str | None, typer.Option(help="Name of its user.")] = None,
    name: Annotated[str | None, typer.Option(help="A label.")] = None,
    expires: Annotated[
        str | None, typer.Option(help="When it expires: 30d, 12h, 2026-12-31 (UTC); '' for never.")
    ] = None,
    terms: TermOptions,
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """Change the given fields of a key. They apply within a second.

    Example: [bold]turnout key set 3f9a12c4 --budget 20 --expires 90d[/bold]
    """
    from router.app.schemas import update_key

    with open_accounts(ledger) as store:
        current = store.accounts.key(key)
        if current is None:
            raise _no_key(key)
        fields = terms.fields(current.terms)
        fields |= {what: text for what, text in (("user", user), ("name", name)) if text is not None}
        if expires is not None:
            fields["expires"] = expires or None
        if not fields:
            raise Misconfigured("say what to change, such as --budget 20; `--help` shows all options")
        store.accounts.set_key(update_key(current, fields))
    typer.echo(json.dumps({"set": key}) if as_json else f"set {key}")


@app.command()
def revoke(
    key: KeyId,
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key. It is refused within a second.

    Example: [bold]turnout key revoke 3f9a12c4[/bold]
    """
    with open_accounts(ledger) as store:
        revoked = store.accounts.revoke_key(key)
    if not revoked:
        raise _no_key(key)
    typer.echo(json.dumps({"revoked": key}) if as_json else f"revoked {key}")


def _no_key(key: str) -> Misconfigured:
    return Misconfigured(f"key: there is no key {key!r} in force; `turnout key list` shows the ids")
