"""`turnout policy cascade`: what "local first, cloud after N calls" gives an agent's tasks."""

from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.cli.options import (
    AsJson,
    CloudSystem,
    LocalContext,
    LocalSystem,
    LocalUsd,
    Markdown,
    Outcomes,
    OwnSuite,
    Policy,
    PriceModel,
    Seed,
)
from benchmarks.cli.plain import plain_errors
from benchmarks.evaluation.cases import LOCAL_CONTEXT, PRICE_MODEL
from benchmarks.json_values import dumps
from router.errors import Misconfigured

if TYPE_CHECKING:
    from benchmarks.evaluation.cascade_report import Handover


def cascade(  # noqa: PLR0917 - one parameter an option
    policy: Policy = "balanced",
    limits: Annotated[
        str,
        typer.Option(help="Calls after which the cloud takes over, besides the policy's own and the ends."),
    ] = "40,60,80,100,120",
    outcomes: Outcomes = None,
    suite: OwnSuite = None,
    local: LocalSystem = None,
    cloud: CloudSystem = None,
    local_context: LocalContext = LOCAL_CONTEXT,
    price_model: PriceModel = PRICE_MODEL,
    local_usd_per_mtok: LocalUsd = 0.0,
    seed: Seed = 0,
    as_json: AsJson = False,
    markdown: Markdown = None,
) -> None:
    """Show what `max_turn_calls` is worth: quality and cost where the cloud takes over after N calls.

    Every recorded issue starts locally; the policy names its own limit, and how many it would start locally.

    Example: [bold]turnout policy cascade local-first --limits 40,80,120[/bold]
    """
    tried = _limits(limits)
    from dataclasses import asdict

    from rich.console import Console

    from benchmarks.evaluation.cascade_report import evaluate_handover, paragraphs, sheets, verdict
    from benchmarks.evaluation.cost import Rates
    from benchmarks.evaluation.selection import Selection, load_suites, parse
    from benchmarks.render import draw, table
    from policies.load import load
    from router.billing.prices import Prices
    from router.cli.render import make_console

    rates = Rates(model=price_model, prices=Prices(), local_usd_per_mtok=local_usd_per_mtok)
    with plain_errors(), Console(stderr=True).status("drawing runs"):
        selection = Selection(
            local=parse("--local", local or ()),
            cloud=parse("--cloud", cloud or ()),
            outcomes=outcomes,
            suite=suite,
        )
        name = selection.own_suite or "swebench"
        tasks = load_suites((name,), selection)[name]
        result: Handover = evaluate_handover(
            load(policy), tasks, tried, rates, local_context=local_context, seed=seed
        )
    if as_json:
        typer.echo(dumps(asdict(result)))
    else:
        console = make_console()
        for sentence in verdict(result):
            console.print(sentence, markup=False, highlight=False, style="bold", soft_wrap=True)
        for sheet in sheets(result):
            draw(sheet, console)
        for note in (*paragraphs(result), *result.notes):
            console.print(f"- {note}", markup=False, highlight=False, style="dim")
    if markdown:
        tables = "\n\n".join(table(sheet) for sheet in sheets(result))
        conclusion, text = "\n\n".join(verdict(result)), "\n".join(f"- {note}" for note in paragraphs(result))
        try:
            markdown.write_text(f"{conclusion}\n\n{tables}\n\n{text}\n", encoding="utf-8")
        except OSError as error:
            raise Misconfigured(f"--markdown: {markdown}: cannot be written: {error.strerror}") from error


def _limits(text: str) -> tuple[int, ...]:
    try:
        limits = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        limits = (-1,)
    if any(limit < 1 for limit in limits):
        raise Misconfigured(f"--limits: {text!r} are no calls; say e.g. 40,80,120")
    return limits
