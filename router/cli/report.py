"""`turnout report`: what was routed where, why, and what it saved.

The formats are imported when one is rendered: the command line starts faster without Jinja.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from router.cli.accounts import load_policies, open_accounts
from router.cli.completion import complete_team
from router.errors import Misconfigured
from router.settings import PREFIX, Settings, load_settings
from router.system.files import write_private

if TYPE_CHECKING:
    from router.ledger.store import LedgerStore
    from router.reports.facts import Facts
    from router.reports.scope import Scope

Format = Literal["html", "md", "csv", "json", "pdf"]
DAY_S = 86_400
_DAY = "a day, such as 2026-11-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFormat:
    """Media type and renderer of a format."""

    media_type: str
    render: "Callable[[Facts], bytes]"


def report(
    *,
    team: Annotated[
        str | None,
        typer.Option(help="Report on this team only; default: all teams.", autocompletion=complete_team),
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help=f"First day: {_DAY}.")] = None,
    last: Annotated[
        str | None, typer.Option("--to", help=f"Last day, included: {_DAY}; default: today.")
    ] = None,
    recent: Annotated[
        str | None,
        typer.Option(
            "--last",
            help="In place of --from and --to: 7d, 30d or any number of days up to today; today; yesterday; "
            "week or month (the last full one). Default: 30d.",
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(help="Time zone of the days, e.g. Europe/Berlin; default: the team's own, else UTC."),
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="Output format. Default: the one --out is named after; without --out, md on a terminal and "
            "html otherwise.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; {from} and {to} stand for the days. Default: standard output."),
    ] = None,
    economics: Annotated[
        bool, typer.Option("--economics", help="Add when the card has paid for itself.")
    ] = False,
    email: Annotated[
        list[str] | None, typer.Option(help="Send the report to this address; may be repeated.")
    ] = None,
    schedule: Annotated[
        bool,
        typer.Option("--schedule", help="Print the cron line and systemd units that repeat this command."),
    ] = False,
    ledger: Annotated[
        str | None, typer.Option(help="Ledger file or database URL; default: the one in the settings.")
    ] = None,
) -> None:
    """Report where a team's requests went, why, how fast, what they cost, and what that saved.

    Example: [bold]turnout report --team web --last month --out web.html[/bold]
    """
    from router.reports.assemble import collect_facts
    from router.reports.mail import parse_address

    settings = load_settings(ledger=ledger)
    terminal = sys.stdout.isatty() and not (out or email)
    chosen = _format(form, out, terminal=terminal)
    to = [parse_address(text) for text in email or ()]
    password = _password(settings) if to else ""
    if economics and not settings.local.card_usd:
        raise Misconfigured(
            "--economics: set `local.card_usd`, the price of the card (TURNOUT_LOCAL__CARD_USD); with "
            "`local.watts` and `local.usd_per_kwh` its energy counts too"
        )
    if chosen == "pdf" and terminal:
        raise Misconfigured("--out: a terminal cannot show a PDF; name a file, such as --out report.pdf")
    now = time.time()
    with open_accounts(ledger) as store:
        scope = _scope(store, team=team, zone=zone, first=first, last=last, recent=recent, now=now)
        if schedule:
            _print_schedule(first, recent, delivers=bool(out or to))
            return
        policies = load_policies(store, ledger)
        facts = collect_facts(store, scope, now, policies, settings.local if economics else None)
    content = _output_formats()[chosen].render(facts)
    if out is not None:
        _write(out, scope, content)
    if to:
        _send(facts, settings, password=password, to=to, output_format=chosen, content=content)
    if out is None and not to:
        _print(content, plain=form is None and terminal)


def _print(content: bytes, *, plain: bool) -> None:
    """Write to standard output; with `plain`, Markdown is laid out for a person at a terminal."""
    if not plain:
        sys.stdout.buffer.write(content)
        return
    from rich.markdown import Markdown

    from router.cli.render import escape_controls

    Console().print(Markdown(escape_controls(content.decode())))


def _format(requested: Format | None, out: Path | None, *, terminal: bool) -> Format:
    if requested is not None:
        return requested
    formats_by_suffix: Mapping[str, Format] = {
        ".html": "html", ".htm": "html", ".md": "md", ".csv": "csv", ".json": "json", ".pdf": "pdf",
    }  # fmt: skip
    if out is None:
        return "md" if terminal else "html"
    format_name = formats_by_suffix.get(out.suffix.lower())
    if format_name is None:
        raise Misconfigured(
            f"--out: {out.name!r} has no known format; end it with .html, .md, .csv, .json or .pdf, or add "
            "--format"
        )
    return format_name


def _output_formats() -> Mapping[Format, OutputFormat]:
    from router.reports.build import build_report
    from router.reports.csv_rows import render_csv
    from router.reports.json_document import render_json
    from router.reports.markdown import render_markdown
    from router.reports.page import render_html
    from router.reports.pdf import render_pdf

    return {
        "html": OutputFormat(
            media_type="text/html", render=lambda facts: render_html(build_report(facts)).encode()
        ),
        "md": OutputFormat(
            media_type="text/markdown", render=lambda facts: render_markdown(build_report(facts)).encode()
        ),
        "csv": OutputFormat(media_type="text/csv", render=lambda facts: render_csv(facts).encode()),
        "json": OutputFormat(media_type="application/json", render=lambda facts: render_json(facts).encode()),
        "pdf": OutputFormat(
            media_type="application/pdf", render=lambda facts: render_pdf(render_html(build_report(facts)))
        ),
    }


def _scope(
    store: "LedgerStore",
    *,
    team: str | None,
    zone: str | None,
    first: str | None,
    last: str | None,
    recent: str | None,
    now: float,
) -> "Scope":
    from router.ledger import queries
    from router.reports.scope import Scope, find_team, parse_period, select_zone

    teams = store.accounts.load().teams
    if team is not None:
        with store.engine.connect() as connection:
            reporting_teams = queries.names(connection, "team", 0, now + DAY_S)
        find_team(team, [*reporting_teams, *(team_record.name for team_record in teams)])
    where = select_zone(zone, [team_record for team_record in teams if team in {None, team_record.name}])
    begin, end = parse_period(first, last, recent, datetime.fromtimestamp(now, where).date())
    return Scope(team=team, first=begin, last=end, zone=where)


def _write(out: Path, scope: "Scope", content: bytes) -> None:
    """Replace the file atomically, so that nobody ever reads half a report."""
    name = out.name.replace("{from}", str(scope.first)).replace("{to}", str(scope.last))
    target = out.with_name(name)
    try:
        write_private(target, content)
    except OSError as error:
        raise Misconfigured(f"--out: {target} cannot be written: {error.strerror}") from error
    _print_status(f"written to {target}")


def _send(
    facts: "Facts", settings: Settings, *, password: str, to: list[str], output_format: Format, content: bytes
) -> None:
    from router.reports.build import build_report
    from router.reports.mail import Attachment, compose_message, send_message

    name = f"turnout-{facts.scope.team or 'all'}-{facts.scope.name}.{output_format}"
    filename = "".join(character if character.isalnum() or character in "-_." else "_" for character in name)
    attachment = Attachment(
        name=filename, media_type=_output_formats()[output_format].media_type, content=content
    )
    send_message(
        compose_message(build_report(facts), settings.email.sender, to, attachment), settings.email, password
    )
    _print_status(f"sent to {', '.join(to)}")


def _password(settings: Settings) -> str:
    email = settings.email
    if not email.host:
        raise Misconfigured(
            "--email: set `email.host` and `email.from`, the mail server and the address reports come from "
            "(TURNOUT_EMAIL__HOST, TURNOUT_EMAIL__FROM)"
        )
    if not email.password_env:
        return ""
    password = os.environ.get(email.password_env)
    if not password:
        raise Misconfigured(f"email.password_env: the environment variable {email.password_env} is not set")
    return password


def _print_schedule(first: str | None, period: str | None, *, delivers: bool) -> None:
    from router.reports.schedule import find_cadence, render_schedule

    if first:
        raise Misconfigured("--schedule: use --last; --from and --to would send the same days every time")
    if not delivers:
        raise Misconfigured("--schedule: name the destination with --out or --email")
    program = Path(sys.argv[0]).resolve()
    invocation = (
        [sys.executable, "-P", "-m", "router.cli.main"] if program.suffix == ".py" else [str(program)]
    )
    command = [*invocation, *(argument for argument in sys.argv[1:] if argument != "--schedule")]
    variable_names = sorted(name for name in os.environ if name.startswith(PREFIX))
    typer.echo(render_schedule(command, Path.cwd(), find_cadence(period), variable_names), nl=False)


def _print_status(words: str) -> None:
    Console(stderr=True, soft_wrap=True).print(words, highlight=False, markup=False)
