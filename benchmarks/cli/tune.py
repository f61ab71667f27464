"""`turnout policy tune`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from benchmarks.cli.options import (
    AsJson,
    AskedAs,
    Client,
    CloudSystem,
    Judge,
    JudgeFile,
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
from classifiers.choose import DEFAULT as DEFAULT_CLASSIFIER
from router.cli.render import make_console

By = Literal["any", "certified", "measured"]

if TYPE_CHECKING:
    from benchmarks.evaluation.traffic import Traffic
    from benchmarks.evaluation.tune.rewrite import Change


def tune(  # noqa: PLR0917 - one parameter an option
    policy: Policy = "balanced",
    max_quality_loss: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="The most quality that may be lost, as a share of the cloud's: the cheapest setting within "
            "it. 0.01 where nothing else is asked for.",
        ),
    ] = None,
    local_share: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="The least share of the tasks that start local, e.g. 0.4."),
    ] = None,
    budget_usd: Annotated[
        float | None,
        typer.Option(min=0, help="US dollars a task at most, in the mean: the setting that loses least."),
    ] = None,
    by: Annotated[
        By,
        typer.Option(
            "--by",
            help="What a loss is held to: its certificate, its measurement, or whichever there is first.",
        ),
    ] = "any",
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.9999, help="How sure to be that no more is lost.")
    ] = 0.95,
    mix: Annotated[
        str,
        typer.Option(
            help="Share of tasks by suite, or `ledger`: what your own ledger shows.",
            show_default="humaneval=1,swebench=1",
        ),
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Write the tuned policy to this new file.")] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw the cost-quality curve to this .svg or .png file.")
    ] = None,
    markdown: Markdown = None,
    as_json: AsJson = False,
    only: Annotated[
        str, typer.Option(help="Numbers to sweep, e.g. min_p_local,max_files; all that can be, unless given.")
    ] = "",
    seed: Seed = 0,
    client: AskedAs = Client.bare,
    classifier: Judge = DEFAULT_CLASSIFIER,
    classifier_file: JudgeFile = "",
    outcomes: Outcomes = None,
    suite: OwnSuite = None,
    local: LocalSystem = None,
    cloud: CloudSystem = None,
    local_context: LocalContext = LOCAL_CONTEXT,
    price_model: PriceModel = PRICE_MODEL,
    local_usd_per_mtok: LocalUsd = 0.0,
    ledger: Annotated[str | None, typer.Option(help="The ledger to read for `--mix ledger`.")] = None,
    team: Annotated[str | None, typer.Option(help="Of this team only, for `--mix ledger`.")] = None,
) -> None:
    """Choose a policy's numbers by outcomes: by a loss, a local share or a budget; several must all hold.

    What is certified and what is only measured stands apart. Exits with 1 where no setting does what is
    asked; the policy's numbers then stay as they are.

    Example: [bold]turnout policy tune my.yaml --max-quality-loss 0.05 --out tuned.yaml[/bold]
    """
    from benchmarks.evaluation.selection import Selection, load_suites, parse
    from benchmarks.evaluation.tune.report import changes, paragraphs, sheets, verdict
    from benchmarks.evaluation.tune.report import markdown as as_markdown
    from benchmarks.evaluation.tune.result import Goal, TuneOptions
    from benchmarks.evaluation.tune.tuner import tune as run
    from benchmarks.evaluation.verdicts import classifier_name
    from benchmarks.render import draw
    from policies.load import load
    from router.errors import Misconfigured

    loaded = load(policy)
    names = tuple(name.strip() for name in only.split(",") if name.strip())
    for name in names:
        if name not in loaded.params:
            raise Misconfigured(
                f"--only: {loaded.source} has no params.{name}; it has {', '.join(loaded.params) or 'none'}"
            )
    _check_files(out, picture, markdown)
    goal = Goal(max_loss=max_quality_loss, local_share=local_share, budget_usd=budget_usd, by=by)
    if by != "any" and not goal.by_loss:
        raise Misconfigured(f"--by {by} says what a loss is held to: give --max-quality-loss, too")
    with plain_errors():
        own = Selection(suite=suite).own_suite
    traffic = _traffic(mix, own, ledger, team)
    options = TuneOptions(
        goal=goal,
        confidence=confidence,
        mix=traffic.mix,
        mix_words=traffic.words,
        only=names,
        classifier=classifier_name(classifier, classifier_file),
        local_context=local_context,
        price_model=price_model,
        local_usd_per_mtok=local_usd_per_mtok,
        seed=seed,
    )
    with plain_errors(), Console(stderr=True).status("reading") as status:
        selection = Selection(
            client=client.value,
            classifier=classifier,
            classifier_file=classifier_file,
            local=parse("--local", local or ()),
            cloud=parse("--cloud", cloud or ()),
            outcomes=outcomes,
            suite=suite,
        )
        suites = load_suites(tuple(traffic.mix), selection)
        result = run(loaded, tuple(suites.values()), options, status.update)
    changed = changes(result)
    if as_json:
        typer.echo(dumps(asdict(result) | {"changes": [asdict(change) for change in changed]}))
    else:
        console = make_console()
        for sentence in verdict(result):
            console.print(sentence, markup=False, highlight=False, style="bold", soft_wrap=True)
        for sheet in sheets(result):
            draw(sheet, console)
        for note in (*paragraphs(result), *result.notes):
            console.print(f"- {note}", markup=False, highlight=False, style="dim")
    if picture:
        from benchmarks.evaluation.tune.picture import draw as draw_picture

        draw_picture(result, picture)
    if markdown:
        markdown.write_text(as_markdown(result), encoding="utf-8")
    if result.chosen is None:
        raise typer.Exit(1)
    if out:
        _write(policy, out, changed)


def _check_files(out: Path | None, picture: Path | None, markdown: Path | None) -> None:
    """Refuse files that cannot be written before any work is done."""
    from router.errors import Misconfigured

    if picture:
        from benchmarks.evaluation.tune.picture import check

        check(picture)
    if out and out.exists():
        raise Misconfigured(f"--out: {out} is there already; name a new file")
    for option, path in (("--out", out), ("--markdown", markdown)):
        if path and not path.parent.is_dir():
            raise Misconfigured(f"{option}: there is no folder {path.parent}; make it first")


def _traffic(mix: str, own: str, ledger: str | None, team: str | None) -> "Traffic":
    from benchmarks.evaluation.traffic import check_used, from_rows, parse

    if mix != "ledger":
        traffic = parse(mix, own)
        check_used(own, traffic.mix, mix)
        return traffic
    check_used(own, {}, mix)
    from router.ledger.store import LedgerStore
    from router.settings import load_settings

    settings = load_settings(ledger=ledger)
    store = LedgerStore.of(settings, write=False)
    try:
        return from_rows(store.main_rows(team))
    finally:
        store.close()


def _write(policy: str, out: Path, changed: "tuple[Change, ...]") -> None:
    """Write the policy with its new numbers, and load what was written."""
    from importlib.resources import files

    from benchmarks.evaluation.tune.rewrite import rewrite
    from policies.load import SHIPPED, load

    path = files("policies") / f"{policy}.yaml" if policy in SHIPPED else Path(policy)
    text = path.read_bytes().decode()
    out.write_bytes(rewrite(text, changed, source=policy).encode())
    load(out)
    Console(stderr=True).print(f"written: {out}", markup=False)
