"""`turnout bench`: measurements, through the endpoint as it is."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console

from benchmarks.cli import fetch, record, run
from benchmarks.cli.options import Judge, JudgeFile, LocalContext, PriceModel, Seed
from benchmarks.evaluation.cases import LOCAL_CONTEXT, PRICE_MODEL
from benchmarks.json_values import dumps
from classifiers.choose import DEFAULT as DEFAULT_CLASSIFIER
from router.cli.completion import complete_policy
from router.cli.render import make_console
from router.system.subprocesses import ROOT

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from benchmarks.research.everyday import Options, Result

Measured = TypeVar("Measured", bound="DataclassInstance")
app = typer.Typer(help="Measure: what the endpoint adds, and what the tracks can do.", no_args_is_help=True)
app.command("fetch")(fetch.fetch)
app.command("record")(record.record)
app.add_typer(run.app, name="run")


JsonFile = Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")]
MarkdownFile = Annotated[Path | None, typer.Option("--markdown", help="Write the tables to this file.")]
AskingClients = Annotated[
    list[str] | None,
    typer.Option("--client", help="In whose words they are asked; may be given again. Bare unless given."),
]
Peers = Annotated[
    Path,
    typer.Option(
        help="Virtual environment with the peers; `make bench` makes it.",
        show_default=".venv-bench beside ours",
    ),
]
PEERS, ENGINES = ROOT / ".venv-bench", ROOT / ".venv-engines"
"""Not in the working folder: their interpreters are run."""


@app.callback()
def options() -> None:
    """Measurements report what they ran on, and compare in one run."""
    from benchmarks.speed.process import exit_on_sigterm

    exit_on_sigterm()


@app.command()
def overhead(
    quick: Annotated[bool, typer.Option("--quick", help="A few seconds a case: a first look.")] = False,
    peers: Peers = PEERS,
    json_file: JsonFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """Measure the latency the endpoint adds, beside its peers on the same work in one run.

    Example: [bold]turnout bench overhead --quick[/bold]
    """
    from benchmarks.errors import BenchmarkError
    from benchmarks.speed.overhead import Options, run
    from benchmarks.speed.overhead_report import markdown, render
    from router.errors import Misconfigured

    console = make_console()
    chosen = Options(environment=peers)
    if quick:
        chosen = Options(environment=peers, dialects=("openai_chat",), rounds=3, seconds=0.5, crowd=50)
    try:
        with console.status("starting") as status:
            result = run(chosen, status.update)
    except BenchmarkError as error:
        raise Misconfigured(str(error)) from error
    render(result, console)
    _write_reports(result, markdown, json_file=json_file, markdown_file=markdown_file)


@app.command()
def routers(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with `self_contained`, `swebench_verified`, `agent_trajectories` and `everyday`; "
            "without it only HumanEval and the everyday asks are compared."
        ),
    ] = None,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Each tenth task only: a first look.")] = False,
    asks_only: Annotated[
        bool,
        typer.Option(
            "--asks-only", help="Leave out MBPP, wrapped asks and agents' requests; they take long."
        ),
    ] = False,
    peers: Peers = PEERS,
    json_file: JsonFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """Compare which track routers choose on the same tasks: Turnout, LiteLLM, UncommonRoute, a coin.

    Example: [bold]turnout bench routers --data DIR[/bold]
    """
    from benchmarks.errors import BenchmarkError
    from benchmarks.research.routers import run
    from benchmarks.research.routers_report import markdown, render
    from router.errors import Misconfigured

    console = make_console()
    try:
        with console.status("starting") as status:
            result = run(
                data=data, peers=peers, every=10 if quick else 1, asks_only=asks_only, progress=status.update
            )
    except BenchmarkError as error:
        raise Misconfigured(str(error)) from error
    render(result, console)
    _write_reports(result, markdown, json_file=json_file, markdown_file=markdown_file)


@app.command()
def everyday(
    asks: Annotated[
        Path | None,
        typer.Option(
            help="Labelled asks, JSON lines of `kind`, `label`, `ask`, and `human`, `code` where known; the "
            "everyday suite unless given."
        ),
    ] = None,
    policy: Annotated[
        str, typer.Option(help="A shipped policy's name or a YAML file.", autocompletion=complete_policy)
    ] = "balanced",
    *,
    classifier: Judge = DEFAULT_CLASSIFIER,
    classifier_file: JudgeFile = "",
    client: AskingClients = None,
    json_file: JsonFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """Decide labelled asks: how many go where they should, by kind, language and client.

    Example: [bold]turnout bench everyday --client bare --client claude-code[/bold]
    """
    from benchmarks.research.everyday import Options, run

    options = Options(
        asks=asks,
        policy=policy,
        classifier=classifier,
        classifier_file=classifier_file,
        clients=tuple(client or ("bare",)),
    )
    _decide_labelled(run, options, json_file, markdown_file)


@app.command()
def sessions(
    file: Annotated[
        Path | None,
        typer.Option(
            help="Labelled sessions, JSON lines of `human` and `asks`, each with `ask`, `relation`, `label`; "
            "those that come with it unless given."
        ),
    ] = None,
    policy: Annotated[
        str, typer.Option(help="A shipped policy's name or a YAML file.", autocompletion=complete_policy)
    ] = "balanced",
    *,
    classifier: Judge = DEFAULT_CLASSIFIER,
    classifier_file: JudgeFile = "",
    client: AskingClients = None,
    json_file: JsonFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """Decide sessions of several asks: going on, changing the subject, coming back.

    Example: [bold]turnout bench sessions --client bare --client claude-code[/bold]
    """
    from benchmarks.research.everyday import Options
    from benchmarks.research.sessions import run

    options = Options(
        asks=file,
        policy=policy,
        classifier=classifier,
        classifier_file=classifier_file,
        clients=tuple(client or ("bare",)),
    )
    _decide_labelled(run, options, json_file, markdown_file)


def _decide_labelled(
    run: "Callable[[Options, Callable[[str], None]], Result]",
    options: "Options",
    json_file: Path | None,
    markdown_file: Path | None,
) -> None:
    from benchmarks.errors import BenchmarkError
    from benchmarks.research.everyday_report import markdown, render
    from router.errors import Misconfigured

    console = make_console()
    try:
        with console.status("starting") as status:
            result = run(options, status.update)
    except BenchmarkError as error:
        raise Misconfigured(str(error)) from error
    render(result, console)
    _write_reports(result, markdown, json_file=json_file, markdown_file=markdown_file)


@app.command()
def policies(markdown_file: MarkdownFile = None) -> None:
    """Check all shipped policies, also as other clients ask and other classifiers judge: one page.

    Example: [bold]turnout bench policies --markdown benchmarks/results/check.md[/bold]
    """
    from benchmarks.errors import BenchmarkError
    from benchmarks.research.shipped import markdown, run
    from router.errors import Misconfigured

    try:
        with Console(stderr=True).status("starting") as status:
            page = markdown(run(status.update))
    except BenchmarkError as error:
        raise Misconfigured(str(error)) from error
    if markdown_file:
        markdown_file.write_text(page, encoding="utf-8")
    else:
        typer.echo(page)


@app.command()
def late(
    runs: Annotated[
        Path, typer.Option(help="Recorded runs: gzipped lines of `instance_id`, `resolved`, `messages`.")
    ],
    markdown_file: MarkdownFile = None,
) -> None:
    """Tell how well a run's features show after 10, 20 and 40 calls that it will not be resolved.

    Example: [bold]turnout bench late --runs runs.jsonl.gz[/bold]
    """
    from benchmarks.errors import BenchmarkError
    from benchmarks.research.late import evaluate, load, markdown
    from router.errors import Misconfigured

    try:
        table = markdown(list(evaluate(load(runs))))
    except BenchmarkError as error:
        raise Misconfigured(f"--runs: {error}") from error
    make_console().print(table, markup=False, soft_wrap=True)
    if markdown_file:
        markdown_file.write_text(table, encoding="utf-8")


@app.command()
def hardness(
    data: Annotated[Path, typer.Option(help="Folder with `self_contained/mbpp.jsonl.gz`.")],
    json_file: JsonFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """Tell how far an ask's text says how hard it is for a local model of some size.

    Example: [bold]turnout bench hardness --data DIR[/bold]
    """
    from benchmarks.errors import BenchmarkError
    from benchmarks.research.hardness import run
    from benchmarks.research.hardness_report import markdown, render
    from router.errors import Misconfigured

    console = make_console()
    try:
        with console.status("starting") as status:
            result = run(data, status.update)
    except BenchmarkError as error:
        raise Misconfigured(str(error)) from error
    render(result, console)
    _write_reports(result, markdown, json_file=json_file, markdown_file=markdown_file)


@app.command()
def setbacks(
    runs: Annotated[
        Path, typer.Option(help="Recorded runs: gzipped lines of `instance_id`, `resolved`, `messages`.")
    ],
    policy: Annotated[
        list[str] | None, typer.Option(help="A policy to show beside the shipped ones; may be given again.")
    ] = None,
    *,
    local_context: LocalContext = LOCAL_CONTEXT,
    price_model: PriceModel = PRICE_MODEL,
    seed: Seed = 0,
    json_file: JsonFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """Tell what it gives to move a local turn up on evidence: a call that fails again, and the like.

    Example: [bold]turnout bench setbacks --runs runs.jsonl.gz[/bold]
    """
    from benchmarks.errors import BenchmarkError
    from benchmarks.render import draw
    from benchmarks.research.setbacks import PAIRS, evaluate, load, policies_shown
    from benchmarks.research.setbacks_report import conclusions, markdown, sheets
    from policies.document import PolicyError
    from router.errors import Misconfigured

    try:
        with Console(stderr=True).status("starting") as status:
            named = policies_shown(policy or ())
            result = evaluate(
                load(runs, status.update),
                PAIRS,
                named=named,
                local_context=local_context,
                price_model=price_model,
                seed=seed,
                progress=status.update,
            )
    except (BenchmarkError, PolicyError) as error:
        raise Misconfigured(str(error)) from error
    console = make_console()
    for sentence in conclusions(result):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    for sheet in sheets(result):
        draw(sheet, console)
    _write_reports(result, markdown, json_file=json_file, markdown_file=markdown_file)


@app.command()
def engine(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds in which all engines take turns.")] = 5,
    threads: Annotated[int, typer.Option(min=0, help="For each engine; 0 for as many as cores.")] = 0,
    case: Annotated[
        list[str] | None, typer.Option(help="Only this case; may be given again. All unless given.")
    ] = None,
    peer: Annotated[
        list[str] | None, typer.Option(help="Only this engine; may be given again. All unless given.")
    ] = None,
    peers: Annotated[
        Path,
        typer.Option(
            help="Virtual environment with other engines; `make .venv-engines/.ready` makes it.",
            show_default=".venv-engines beside ours",
        ),
    ] = ENGINES,
    json_file: JsonFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """Measure the engine beside llama.cpp's own server, `llama_cpp.server` and xllamacpp, in one run.

    Example: [bold]turnout bench engine --rounds 1 --case "2 streams"[/bold]
    """
    import os

    from benchmarks.errors import BenchmarkError
    from benchmarks.speed.engine import Options, run
    from benchmarks.speed.engine_report import markdown, render
    from router.errors import Misconfigured

    console = Console()
    options = Options(
        environment=peers,
        threads=threads or os.cpu_count() or 1,
        rounds=rounds,
        cases=tuple(case or ()),
        peers=tuple(peer or ()),
    )
    try:
        with console.status("starting") as status:
            result = run(options, status.update)
    except BenchmarkError as error:
        raise Misconfigured(str(error)) from error
    render(result, console)
    _write_reports(result, markdown, json_file=json_file, markdown_file=markdown_file)


@app.command()
def reading(
    quick: Annotated[bool, typer.Option("--quick", help="A few seconds: a first look.")] = False,
    json_file: JsonFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """Measure what a decision costs on long conversations and on new asks, to others too, and in memory.

    Example: [bold]turnout bench reading --quick[/bold]
    """
    from benchmarks.errors import BenchmarkError
    from benchmarks.speed.reading import Options, run
    from benchmarks.speed.reading_report import markdown, render
    from router.errors import Misconfigured

    console = make_console()
    options = Options(warm=40, cold=5, conversations=40, asks=20, starts=1) if quick else Options()
    try:
        with console.status("starting") as status:
            result = run(options, status.update)
    except BenchmarkError as error:
        raise Misconfigured(str(error)) from error
    render(result, console)
    _write_reports(result, markdown, json_file=json_file, markdown_file=markdown_file)


@app.command()
def stalls(json_file: JsonFile = None, markdown_file: MarkdownFile = None) -> None:
    """Measure how long others wait while one client sends a body that takes long.

    Example: [bold]turnout bench stalls --markdown stalls.md[/bold]
    """
    from benchmarks.speed.stalls import markdown, run

    console = make_console()
    with console.status("starting") as status:
        result = run(status.update)
    console.print(markdown(result), markup=False, soft_wrap=True)
    _write_reports(result, markdown, json_file=json_file, markdown_file=markdown_file)


@app.command()
def architecture(
    tree: Annotated[
        Path, typer.Option(help="The checkout to measure.", show_default="the one that runs")
    ] = ROOT,
    before: Annotated[Path | None, typer.Option(help="JSON of an earlier run, for a column beside.")] = None,
    json_file: JsonFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """Count rooms, imports and names in the source, and the files that a request enters.

    Example: [bold]turnout bench architecture --before benchmarks/results/architecture-before.json[/bold]
    """
    from benchmarks.errors import BenchmarkError
    from benchmarks.render import draw
    from benchmarks.research.architecture import load, markdown, run, sheets
    from router.errors import Misconfigured

    console = make_console()
    try:
        earlier = load(before) if before else None
        with console.status("starting") as status:
            result = run(tree, status.update)
    except BenchmarkError as error:
        raise Misconfigured(str(error)) from error
    for sheet in sheets(result, earlier):
        draw(sheet, console)
    _write_reports(
        result,
        lambda measured: markdown(measured, earlier),
        json_file=json_file,
        markdown_file=markdown_file,
    )


def _write_reports(
    result: Measured,
    markdown: Callable[[Measured], str],
    *,
    json_file: Path | None,
    markdown_file: Path | None,
) -> None:
    """Write a result to the files that were asked for."""
    if json_file:
        _write("--json", json_file, dumps(asdict(result), indent=1) + "\n")
    if markdown_file:
        _write("--markdown", markdown_file, markdown(result))


def _write(flag: str, file: Path, content: str) -> None:
    from router.errors import Misconfigured

    try:
        file.write_text(content, encoding="utf-8")
    except OSError as error:
        raise Misconfigured(f"{flag}: {file}: cannot be written: {error.strerror}") from error
