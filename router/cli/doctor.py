"""`turnout doctor`: everything that is needed, what is there, and what to do about the rest."""

import json
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from router.cli.accounts import AsJson
from router.cli.completion import complete_policy
from router.cli.render import escape_controls, make_console
from router.errors import Misconfigured
from router.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from router.diagnosis.check import Check


def doctor(
    *,
    config: Annotated[str | None, typer.Option(help="The only settings file to read.")] = None,
    policy: Annotated[
        str | None,
        typer.Option(help="A shipped policy's name or a YAML file.", autocompletion=complete_policy),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the whole set-up: engine, card, model, policy, provider and key, disk, port, ledger, clients.

    Each line is green, yellow (works, and something is missed) or red (does not work) with the remedy. It
    changes nothing and costs nothing. Exits with 1 where anything is red.

    Example: [bold]turnout doctor[/bold]
    """
    from router.diagnosis.check import worst

    checks = []
    for check in _checks(config, policy):
        checks.append(check)
        if not as_json:
            _show(check)
    level = worst(checks)
    if as_json:
        rows = [asdict(check) for check in checks]
        typer.echo(json.dumps({"version": version("turnout"), "level": level, "checks": rows}))
    if level == "red":
        raise typer.Exit(1)


def _checks(config: str | None, policy: str | None) -> "Iterator[Check]":
    from router.diagnosis.check import red
    from router.diagnosis.checklist import diagnose

    try:
        settings = load_settings(config, policy=policy)
    except Misconfigured as error:
        yield red("settings", error.message)
        return
    yield from diagnose(settings)


def _show(check: "Check") -> None:
    text = escape(escape_controls(check.text))
    make_console().print(
        f"[{check.level}]{check.level:<7}[/] {check.name:<13} {text}", highlight=False, soft_wrap=True
    )
