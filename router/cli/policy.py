"""`turnout policy`: show policies and validate files."""

import json
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from classifiers.choose import CLASSIFIERS, DEFAULT
from policies.load import load
from policies.policy import Policy, PrivacyRules
from policies.proof import Proof, ProofStatus, Serving, state
from router.cli.completion import complete_policy
from router.cli.render import make_console

app = typer.Typer(
    help="Policies: show, check, tune, compare two, and price a handover.", no_args_is_help=True
)


@app.callback()
def options() -> None:
    """Policies are YAML files; the first rule that holds decides."""


@app.command()
def show(
    policy: Annotated[
        str, typer.Argument(help="A shipped policy's name or a YAML file.", autocompletion=complete_policy)
    ] = "balanced",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Load a policy and print its rules; an invalid one is refused with file and line.

    Example: [bold]turnout policy show my-policy.yaml[/bold]
    """
    loaded = load(policy)
    proof = state(policy, loaded, _serving())
    rules = [{"rule": r.name, "when": r.when.source, "to": r.to, "why": r.why} for r in loaded.rules]
    rules.append({"rule": "otherwise", "when": "", "to": loaded.otherwise.to, "why": loaded.otherwise.why})
    if as_json:
        document = {
            "name": loaded.name,
            "params": dict(loaded.params),
            "rules": rules,
            "never_cloud": _never_cloud(loaded),
            "check": _proof_document(proof),
            "warnings": list(loaded.warnings),
        }
        typer.echo(json.dumps(document))
        return
    console = make_console()
    console.print(f"[bold]{escape(loaded.name)}[/bold]  {escape(loaded.description)}")
    table = Table("rule", "when", "to", "why")
    for rule in rules:
        table.add_row(*(escape(rule[column]) for column in ("rule", "when", "to", "why")))
    console.print(table)
    if loaded.params:
        console.print("params: " + ", ".join(f"{name} {value:g}" for name, value in loaded.params.items()))
    if loaded.never_cloud != PrivacyRules():
        parts = (f"{name} {value}" for name, value in _never_cloud(loaded).items() if value)
        console.print(f"never_cloud: {escape(', '.join(parts))}", highlight=False)
    console.print(
        f"check: {escape(proof.why)}{_figures(proof.proof) if proof.proven else ''}", highlight=False
    )


def _serving() -> Serving:
    """The classifier that serves unless a setting names another, and this version's reading."""
    from router.features.fingerprint import reading_digest

    return Serving(classifier=CLASSIFIERS[DEFAULT]().name, reading=reading_digest())


def _never_cloud(policy: Policy) -> dict[str, Any]:
    rules = policy.never_cloud
    return {
        "paths": [glob.source for glob in rules.paths],
        "match": list(rules.patterns),
        "teams": list(rules.teams),
        "opaque": rules.opaque,
    }


def _proof_document(proof: ProofStatus) -> dict[str, Any]:
    figures = proof.proof.model_dump(mode="json") if proof.proof else None
    return {"proven": proof.proven, "why": proof.why, "proof": figures}


def _figures(proof: Proof | None) -> str:
    if proof is None:
        return ""
    figures = {metric: proof.figures.get(metric.removesuffix("_low")) for metric in proof.bars}
    texts = (
        f"{metric} {figure.low if metric.endswith('_low') else figure.point} ({proof.bars[metric]})"
        for metric, figure in figures.items()
        if figure
    )
    return f": {', '.join(texts)}"
