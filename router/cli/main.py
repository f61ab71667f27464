"""`turnout`: one command per file; other packages add theirs by entry point.

Each command imports what it needs when it runs, so that `turnout --help` and `turnout serve` start
fast.
"""

import sys
from importlib.metadata import entry_points, version
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeGuard

import typer
from rich.console import Console
from rich.markup import escape

from policies.load import PolicyError
from router.cli import (
    classifier,
    code,
    connect,
    doctor,
    engine,
    evidence,
    explain,
    key,
    ledger,
    policy,
    report,
    serve,
    status,
    statusline,
    tail,
    team,
    trust,
)
from router.cli.render import escape_controls
from router.errors import TurnoutError
from router.telemetry.logs import configure

if TYPE_CHECKING:
    from sqlalchemy.exc import OperationalError

app = typer.Typer(
    name="turnout",
    help="One endpoint for coding assistants: small work stays local, long work goes to Claude.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("connect")(connect.connect)
app.command("code", context_settings={"allow_interspersed_args": False})(code.code)
app.command("explain")(explain.explain)
app.command("report")(report.report)
app.command("doctor")(doctor.doctor)
app.command("status")(status.status)
app.command("tail")(tail.tail)
app.command("statusline")(statusline.statusline)
app.command("trust")(trust.trust)
app.add_typer(policy.app, name="policy")
app.add_typer(key.app, name="key")
app.add_typer(team.app, name="team")
app.add_typer(ledger.app, name="ledger")
app.add_typer(engine.app, name="engine")
classifier.app.command("evidence")(evidence.evidence)
app.add_typer(classifier.app, name="classifier")
for command in entry_points(group="turnout.commands"):
    app.add_typer(command.load(), name=command.name)
for command in entry_points(group="turnout.commands.policy"):
    policy.app.command(command.name)(command.load())


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(version("turnout"))
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that come before any command."""


def run() -> None:
    """Run the command line; errors that a user can fix are one line without a traceback."""
    configure("warning")  # logs go to standard error, since programs may read what a command prints
    try:
        app()
    except (TurnoutError, PolicyError) as error:
        _refuse(str(error))
    except Exception as error:
        if not _is_busy(error):
            raise
        _refuse(
            f"ledger: the database refused the write ({error.orig}); another process may have locked it: "
            "try again later"
        )


def _refuse(message: str) -> NoReturn:
    text = escape(escape_controls(message))
    Console(stderr=True, soft_wrap=True).print("[red]turnout:[/red]", text, highlight=False)
    sys.exit(2)


def _is_busy(error: Exception) -> TypeGuard["OperationalError"]:
    """Return whether the database was locked or unreachable; the library is loaded only if used."""
    library = sys.modules.get("sqlalchemy.exc")
    return library is not None and isinstance(error, library.OperationalError)


if __name__ == "__main__":
    run()
