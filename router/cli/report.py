"""`turnout report`: what was routed where, why, and what it saved, for people."""

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

from router.cli.accounts import opened
from router.errors import Misconfigured
from router.settings import PREFIX, Settings, load_settings
from router.system.files import write_private

if TYPE_CHECKING:
    from router.ledger.store import LedgerStore
    from router.reports.figures import Facts
    from router.reports.scope import Scope

Format = Literal["html", "md", "csv", "json", "pdf"]
DAY_S = 86_400
_DAY = "a day, such as 2026-11-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a format is made."""

    kind: str
    """Its media type."""
    make: "Callable[[Facts], bytes]"


def report(
    *,
    team: Annotated[str | None, typer.Option(help="Of this team only; all teams unless named.")] = None,
    first: Annotated[str | None, typer.Option("--from", help=f"Its first day: {_DAY}.")] = None,
    last: Annotated[
        str | None, typer.Option("--to", help=f"Its last day, itself included: {_DAY}; today unless given.")
    ] = None,
    recent: Annotated[
        str | None,
        typer.Option(
            "--last",
            help="In place of --from and --to: 7d, 30d or any number of days up to today, today, yesterday, "
            "week or month (the last whole one); 30d unless given.",
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(
            help="Time zone of the days, e.g. Europe/Berlin; the team's own unless given, else UTC."
        ),
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="What to make; as --out is named unless given, else html."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write it; {from} and {to} stand for its days. Printed unless given."),
    ] = None,
    economics: Annotated[
        bool, typer.Option("--economics", help="Also tell when the card has paid for itself.")
    ] = False,
    email: Annotated[
        list[str] | None, typer.Option(help="Send it to this address; may be given more than once.")
    ] = None,
    schedule: Annotated[
        bool,
        typer.Option("--schedule", help="Print what cron or systemd need to run this very command again."),
    ] = False,
    ledger: Annotated[str | None, typer.Option(help="Which ledger; the settings' own unless named.")] = None,
) -> None:
    """Tell a team where its requests went, why, how fast, what they cost, and what that saved.

    Example: [bold]turnout report --team web --last month --out web.html[/bold]
    """
    from router.reports.assemble import collect
    from router.reports.mail import address

    settings = load_settings(ledger=ledger)
    chosen = _format(form, out)
    to = [address(one) for one in email or ()]
    password = _password(settings) if to else ""
    if economics and not settings.local.card_usd:
        raise Misconfigured(
            "--economics: set `local.card_usd`, what the card cost (TURNOUT_LOCAL__CARD_USD); with "
            "`local.watts` and `local.usd_per_kwh` its energy counts, too"
        )
    if chosen == "pdf" and not (out or to) and sys.stdout.isatty():
        raise Misconfigured("--out: a PDF is nothing for a terminal; name a file, such as --out report.pdf")
    now = time.time()
    with opened(ledger) as store:
        scope = _scope(store, team=team, zone=zone, first=first, last=last, recent=recent, now=now)
        if schedule:
            _print_schedule(first, recent, lasting=bool(out or to))
            return
        facts = collect(store, scope, now, settings.local if economics else None)
    made = _forms()[chosen].make(facts)
    if out is not None:
        _write(out, scope, made)
    if to:
        _send(facts, settings, password=password, to=to, form=chosen, made=made)
    if out is None and not to:
        sys.stdout.buffer.write(made)


def _format(form: Format | None, out: Path | None) -> Format:
    if form is not None:
        return form
    named: Mapping[str, Format] = {
        ".html": "html", ".htm": "html", ".md": "md", ".csv": "csv", ".json": "json", ".pdf": "pdf",
    }  # fmt: skip
    if out is None:
        return "html"
    found = named.get(out.suffix.lower())
    if found is None:
        raise Misconfigured(
            f"--out: {out.name!r} tells no format; end it with .html, .md, .csv, .json or .pdf, or give "
            "--format"
        )
    return found


def _forms() -> Mapping[Format, Form]:
    from router.reports.csv_rows import sheet
    from router.reports.document import document
    from router.reports.markdown import markdown
    from router.reports.page import html
    from router.reports.pdf import pdf
    from router.reports.wording import tell

    return {
        "html": Form(kind="text/html", make=lambda facts: html(tell(facts)).encode()),
        "md": Form(kind="text/markdown", make=lambda facts: markdown(tell(facts)).encode()),
        "csv": Form(kind="text/csv", make=lambda facts: sheet(facts).encode()),
        "json": Form(kind="application/json", make=lambda facts: document(facts).encode()),
        "pdf": Form(kind="application/pdf", make=lambda facts: pdf(html(tell(facts)))),
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
    """Whose report, and over which days of their time zone."""
    from router.ledger import queries
    from router.reports.scope import Scope, find_team, span, zone_of

    teams = store.accounts.load().teams
    if team is not None:
        with store.engine.connect() as connection:
            asked = queries.names(connection, "team", 0, now + DAY_S)
        find_team(team, [*asked, *(one.name for one in teams)])
    where = zone_of(zone, [one for one in teams if team in {None, one.name}])
    begin, end = span(first, last, recent, datetime.fromtimestamp(now, where).date())
    return Scope(team=team, first=begin, last=end, zone=where)


def _write(out: Path, scope: "Scope", made: bytes) -> None:
    """Replace the file as a whole, so that nobody ever reads half a report."""
    named = out.name.replace("{from}", str(scope.first)).replace("{to}", str(scope.last))
    target = out.with_name(named)
    try:
        write_private(target, made)
    except OSError as error:
        raise Misconfigured(f"--out: {target} cannot be written: {error.strerror}") from error
    _tell(f"written to {target}")


def _send(
    facts: "Facts", settings: Settings, *, password: str, to: list[str], form: Format, made: bytes
) -> None:
    from router.reports.mail import Attachment, compose, send
    from router.reports.wording import tell

    name = f"turnout-{facts.scope.team or 'all'}-{facts.scope.name}.{form}"
    safe = "".join(one if one.isalnum() or one in "-_." else "_" for one in name)
    attachment = Attachment(name=safe, kind=_forms()[form].kind, content=made)
    send(compose(tell(facts), settings.email.sender, to, attachment), settings.email, password)
    _tell(f"sent to {', '.join(to)}")


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


def _print_schedule(first: str | None, recent: str | None, *, lasting: bool) -> None:
    from router.reports.schedule import rhythm, schedule

    if first:
        raise Misconfigured("--schedule: use --last; --from and --to would send the same days every time")
    if not lasting:
        raise Misconfigured("--schedule: say where it goes, with --out or --email")
    program = Path(sys.argv[0]).resolve()
    start = [sys.executable, "-P", "-m", "router.cli.main"] if program.suffix == ".py" else [str(program)]
    command = [*start, *(argument for argument in sys.argv[1:] if argument != "--schedule")]
    needs = sorted(name for name in os.environ if name.startswith(PREFIX))
    typer.echo(schedule(command, Path.cwd(), rhythm(recent), needs), nl=False)


def _tell(words: str) -> None:
    Console(stderr=True, soft_wrap=True).print(words, highlight=False, markup=False)
