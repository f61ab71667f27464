"""`turnout key`: who may use the endpoint. Without keys it is open, on this machine only."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.errors import Misconfigured
from router.settings import load_settings

if TYPE_CHECKING:
    from router.ledger.store import LedgerStore

app = typer.Typer(help="Keys: create, list, revoke.", no_args_is_help=True)
Ledger = Annotated[str | None, typer.Option(help="The ledger that holds the keys.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(
    team: Annotated[str, typer.Option(help="The team it belongs to.")],
    user: Annotated[str, typer.Option(help="Who will use it.")] = "",
    name: Annotated[str, typer.Option(help="What its owner calls it, e.g. laptop.")] = "",
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, once. A running endpoint takes it within a second or two.

    Example: [bold]turnout key create --team web --user ana --name laptop[/bold]
    """
    if not team.strip():
        raise Misconfigured("--team: must not be empty; it is whom the key's requests are counted for")
    store = _open(ledger)
    secret = store.create_key(team=team, user=user, name=name)
    store.close()
    if as_json:
        typer.echo(json.dumps({"team": team, "user": user, "name": name, "key": secret}))
        return
    Console(soft_wrap=True).print(
        f"{secret}\nKeep it: it is not shown again. From now on every request must carry a key,\n"
        "as `Authorization: Bearer`, `x-api-key`, or `x-turnout-key` beside the provider's own.",
        highlight=False,
    )


@app.command("list")
def list_keys(ledger: Ledger = None, as_json: AsJson = False) -> None:
    """List the keys, without their secrets.

    Example: [bold]turnout key list --json[/bold]
    """
    store = _open(ledger)
    rows = [dict(row) for row in store.keys()]  # noqa: SIM118 - a ledger is no dict
    store.close()
    if as_json:
        typer.echo(json.dumps(rows, default=str))
        return
    table = Table("id", "team", "user", "name", "made", "revoked")
    for row in rows:
        table.add_row(
            str(row["id"]),
            escape(row["team"]),
            escape(row["user"]),
            escape(row["name"]),
            _day(row["created_at"]),
            _day(row["revoked_at"]),
        )
    Console().print(table)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The key's id, as `turnout key list` shows it.")],
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """End a key; a running endpoint refuses it within a second or two.

    Example: [bold]turnout key revoke 3f9a12c4[/bold]
    """
    store = _open(ledger)
    known = store.revoke_key(key)
    store.close()
    if not known:
        raise Misconfigured(f"key: there is no key {key!r}; `turnout key list` shows the ids")
    typer.echo(json.dumps({"revoked": key}) if as_json else f"revoked {key}")


def _open(ledger: str | None) -> "LedgerStore":
    from router.ledger.store import LedgerStore
    from router.prices import Prices

    settings = load_settings(ledger=ledger)
    return LedgerStore.open(settings.ledger, prices=Prices(settings.prices), write=False)


def _day(stamp: float | None) -> str:
    return datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d %H:%M") if stamp else ""
