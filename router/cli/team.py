"""`turnout team`: teams that share a budget and limits."""

import json
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from router.cli.accounts import (
    AsJson,
    Json,
    Ledger,
    TermOptions,
    format_limits,
    load_policies,
    open_accounts,
    takes_terms,
)
from router.cli.completion import complete_team
from router.cli.render import make_console
from router.errors import Misconfigured

app = typer.Typer(
    help="Teams: add, list, remove, set their budget, limits, models and policy.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="The team's name.", autocompletion=complete_team)]
Zone = Annotated[
    str | None,
    typer.Option(help="Time zone of its days, weeks and months, e.g. Europe/Berlin; default: UTC."),
]


@app.command()
@takes_terms
def add(
    name: Name,
    *,
    zone: Zone = None,
    terms: TermOptions,
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """Create a team. `turnout key create --team NAME` creates keys for its members.

    Example: [bold]turnout team add web --budget 200 --per month --zone Europe/Berlin[/bold]
    """
    from router.app.schemas import TeamIn, parse

    with open_accounts(ledger) as store:
        team = parse(TeamIn, {"name": name, **({"zone": zone} if zone else {}), **terms.fields()}).team()
        if not store.accounts.add_team(team):
            raise Misconfigured(f"name: there is a team {team.name!r} already; `turnout team set` changes it")
    typer.echo(json.dumps({"added": team.name}) if as_json else f"added {team.name}")


@app.command("set")
@takes_terms
def set_team(
    name: Name,
    *,
    zone: Zone = None,
    terms: TermOptions,
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """Change the given fields of a team. They apply within a second.

    Example: [bold]turnout team set web --budget 300 --over error[/bold]
    """
    from router.app.schemas import update_team

    with open_accounts(ledger) as store:
        team = store.accounts.team(name)
        if team is None:
            raise Misconfigured(f"name: there is no team {name!r}; `turnout team list` shows them")
        fields = terms.fields(team.terms)
        if zone:
            fields["zone"] = zone
        if not fields:
            raise Misconfigured("say what to change, such as --budget 300; `--help` shows all options")
        store.accounts.set_team(update_team(team, fields))
    typer.echo(json.dumps({"set": name}) if as_json else f"set {name}")


@app.command()
def remove(
    name: Name,
    *,
    revoke_keys: Annotated[
        bool, typer.Option("--revoke-keys", help="Also where it has keys in force: revoke them.")
    ] = False,
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """Remove a team; its keys are refused within a second. What it spent stays in the ledger and in reports.

    Example: [bold]turnout team remove web --revoke-keys[/bold]
    """
    with open_accounts(ledger) as store:
        lines = [
            row["id"]
            for row in store.accounts.keys()  # noqa: SIM118 - a list of rows
            if row["team"] == name and row["revoked_at"] is None and not row["admin"]
        ]
        if lines and not revoke_keys and store.accounts.team(name):
            raise Misconfigured(
                f"--revoke-keys: {name} has keys in force ({', '.join(lines)}); add it to revoke them, too"
            )
        revoked = store.accounts.remove_team(name)
        if revoked is None:
            raise Misconfigured(f"name: there is no team {name!r}; `turnout team list` shows them")
    document = {"removed": name, "revoked": revoked}
    keys = f" and revoked {', '.join(revoked)}" if revoked else ""
    typer.echo(json.dumps(document) if as_json else f"removed {name}{keys}")


@app.command("list")
def list_teams(ledger: Ledger = None, as_json: AsJson = False) -> None:
    """List the teams, their limits and what they have spent; --json has every field.

    Example: [bold]turnout team list --json[/bold]
    """
    from router.app.admin import list_teams as rows_of

    with open_accounts(ledger) as store:
        rows = rows_of(store.accounts, store.budgets, load_policies(store, ledger))
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table("team", "keys", "limits", "spent", "zone", box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(
            escape(row["name"]),
            str(row["keys"]),
            escape(format_limits(row)),
            "\n".join(_spent(status) for status in row["budgets"] if status["key"] is None),
            row["zone"],
        )
    make_console().print(table)


def _spent(status: Json) -> str:
    share = status["spent_usd"] / status["limit_usd"]
    colour = "red" if share >= 1 else "yellow" if share >= 0.8 else "green"  # noqa: PLR2004 - four fifths: look
    policy = ""
    if status["policy"]:
        policy = f" of ${status['limit_usd']:,.2f}/{status['per']}, policy {escape(status['policy'])}"
    return f"[{colour}]${status['spent_usd']:,.2f} ({share:.0%}{policy})[/]"
