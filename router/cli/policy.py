"""`turnout policy`: look at policies and check that a file loads."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from policies.load import load

app = typer.Typer(help="Policies: show one, check that a file is valid.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """Policies are YAML; the first rule that holds decides."""


@app.command()
def show(
    policy: Annotated[str, typer.Argument(help="A shipped policy's name or a YAML file.")] = "balanced",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Load a policy and print its rules; a wrong one is refused with file and line.

    Example: [bold]turnout policy show my-policy.yaml[/bold]
    """
    loaded = load(policy)
    rules = [{"rule": r.name, "when": r.when.source, "to": r.to, "why": r.why} for r in loaded.rules]
    rules.append({"rule": "otherwise", "when": "", "to": loaded.otherwise.to, "why": loaded.otherwise.why})
    if as_json:
        typer.echo(json.dumps({"name": loaded.name, "params": dict(loaded.params), "rules": rules}))
        return
    console = Console()
    console.print(f"[bold]{escape(loaded.name)}[/bold]  {escape(loaded.description)}")
    table = Table("rule", "when", "to", "why")
    for rule in rules:
        table.add_row(*(escape(rule[column]) for column in ("rule", "when", "to", "why")))
    console.print(table)
    if loaded.params:
        console.print("params: " + ", ".join(f"{name} {value:g}" for name, value in loaded.params.items()))
