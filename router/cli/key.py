"""`turnout key`: who may use the endpoint. Without keys it is open, on this machine only."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.cli.accounts import (
    AsJson,
    BudgetUsd,
    Ledger,
    Models,
    Over,
    Per,
    Policy,
    Requests,
    Tokens,
    budget_of,
    moment,
    named_terms,
    opened,
    rates_of,
)
from router.errors import Misconfigured

app = typer.Typer(help="Keys: create, list, revoke.", no_args_is_help=True)


@app.command()
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
    policy: Policy = None,
    budget: BudgetUsd = None,
    per: Per = None,
    over: Over = None,
    requests: Requests = None,
    tokens: Tokens = None,
    models: Models = None,
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, once. Its own limits narrow its team's; all are in force within a second.

    Example: [bold]turnout key create --team web --user ana --name laptop --expires 90d[/bold]
    """
    from router.app.admin import make_key
    from router.app.terms import KeyIn, read

    if team is None and not admin:
        raise Misconfigured("--team: must be given; it is whom the key's requests are counted for")
    given: dict[str, Any] = named_terms(
        policy=policy,
        budget=budget,
        per=per,
        over=over,
        requests_per_minute=requests,
        tokens_per_minute=tokens,
        models=models,
    ) | {"user": user, "name": name, "admin": admin}
    if team is not None:
        given["team"] = team
    if expires is not None:
        given["expires"] = expires
    with opened(ledger) as store:
        made = make_key(store.accounts, read(KeyIn, given).key())
    if as_json:
        typer.echo(json.dumps(made))
        return
    use = (
        "Send it to /admin as `Authorization: Bearer`, or log in to the dashboard with it."
        if admin
        else "Send it as `Authorization: Bearer`, `x-api-key`, or `x-turnout-key` beside the provider's own."
    )
    Console(soft_wrap=True).print(
        f"{made['key']}\nKeep it: it is not shown again. From now on every request must carry a key.\n{use}",
        highlight=False,
    )


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


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The key's id, as `turnout key list` shows it.")],
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """End a key; a running endpoint refuses it within a second.

    Example: [bold]turnout key revoke 3f9a12c4[/bold]
    """
    with opened(ledger) as store:
        known = store.accounts.revoke_key(key)
    if not known:
        raise Misconfigured(f"key: there is no key {key!r}; `turnout key list` shows the ids")
    typer.echo(json.dumps({"revoked": key}) if as_json else f"revoked {key}")
