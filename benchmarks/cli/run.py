"""`turnout bench run`: suites asked live, through the running endpoint."""

import asyncio
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from benchmarks.cli import run_swebench
from benchmarks.cli.plain import plain_errors
from router.cli.render import make_console

if TYPE_CHECKING:
    from benchmarks.evaluation.cases import SuiteName
    from benchmarks.live.answers import Answer, Failure
    from benchmarks.live.run import Plan
    from benchmarks.live.sandbox import Sandbox

app = typer.Typer(help="Ask a suite live, through the running endpoint, and score it.", no_args_is_help=True)

Track = Literal["local", "cloud", "auto"]
TrackOption = Annotated[
    Track, typer.Option(help="Who is to answer; with `auto` the endpoint's policy decides each task.")
]
Url = Annotated[str, typer.Option(help="The endpoint, as `turnout serve` says it.")]
Key = Annotated[
    str, typer.Option(envvar="TURNOUT_KEY", help="A Turnout key, where the endpoint asks for one.")
]
Samples = Annotated[int, typer.Option(min=1, help="Answers to each task; more than one gives pass@k.")]
Concurrency = Annotated[int, typer.Option(min=1, max=256, help="How many are asked at once.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first so many tasks.")]
Temperature = Annotated[float, typer.Option(min=0, max=2, help="Of sampling; 0 takes the likeliest token.")]
MaxTokens = Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")]
Out = Annotated[
    Path | None,
    typer.Option(help="The run's file: what it holds is not asked again. Named after the run unless given."),
]
Record = Annotated[
    Path | None, typer.Option(help="Write the outcomes to this CSV, which `turnout policy check` reads.")
]
MarkdownFile = Annotated[Path | None, typer.Option("--markdown", help="Write the table to this file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]
Unsafe = Annotated[
    bool,
    typer.Option(
        "--unsafe", help="Run generated code even where there is no sandbox, with your files and network."
    ),
]
Source = Annotated[
    Path | None,
    typer.Option(
        "--file",
        help="The suite's problems; else HumanEval's package, or what `turnout bench fetch mbpp` stored.",
    ),
]
URL = "http://127.0.0.1:4747"


app.command("swebench")(run_swebench.swebench)


@app.callback()
def options() -> None:
    """Runs are kept in a file and go on where they stopped."""


def _add_command(suite: "SuiteName", text: str) -> None:
    """Add the command that asks `suite`; all of them have the same options."""

    @app.command(suite, help=text)
    def command(
        *,
        track: TrackOption = "auto",
        url: Url = URL,
        key: Key = "",
        samples: Samples = 1,
        concurrency: Concurrency = 4,
        limit: Limit = None,
        temperature: Temperature = 0.0,
        max_tokens: MaxTokens = 1024,
        out: Out = None,
        record: Record = None,
        markdown_file: MarkdownFile = None,
        as_json: AsJson = False,
        unsafe: Unsafe = False,
        file: Source = None,
    ) -> None:
        from benchmarks.live.run import Plan, Settings

        problems = import_module(f"benchmarks.evaluation.suites.{suite}").problems
        with plain_errors():
            plan = Plan(
                settings=Settings(suite=suite, track=track, max_tokens=max_tokens, temperature=temperature),
                problems=tuple(islice(problems(file), limit)),
                samples=samples,
                concurrency=concurrency,
                url=url.rstrip("/").removesuffix("/v1"),
                key=key,
                out=out or Path(f"{suite}-{track}.jsonl"),
            )
        _run(plan, record=record, markdown_file=markdown_file, as_json=as_json, unsafe=unsafe)


_add_command(
    "humaneval",
    "Ask HumanEval's 164 functions and run the answers in a sandbox: pass@k, tokens, cost and time.\n\n"
    "Example: [bold]turnout bench run humaneval --track local --limit 20[/bold]",
)
_add_command(
    "mbpp",
    "Ask MBPP's small programs and run the answers in a sandbox: pass@k, tokens, cost and time.\n\n"
    "Example: [bold]turnout bench run mbpp --track auto --limit 100[/bold]",
)


def _run(
    plan: "Plan", *, record: Path | None, markdown_file: Path | None, as_json: bool, unsafe: bool
) -> None:
    from benchmarks.evaluation.suites import outcomes
    from benchmarks.live import report as live_report
    from benchmarks.live import sandbox
    from benchmarks.live.run import run
    from benchmarks.machine import machine
    from benchmarks.render import draw

    aside = Console(stderr=True, soft_wrap=True)
    with plain_errors():
        room = sandbox.find(unsafe=unsafe)
        if room.warning:
            aside.print("[yellow]warning:[/yellow]", escape(room.warning), highlight=False)
        try:
            with _progress(plan, aside) as on_result:
                result = asyncio.run(run(plan, room, on_result))
        except KeyboardInterrupt as stopped:
            aside.print(f"stopped; the same command goes on from {plan.out}", markup=False, highlight=False)
            raise typer.Exit(128 + signal.SIGINT) from stopped
    figures, on = live_report.figures(result), machine()
    if record:
        outcomes.save(record, live_report.outcomes(result.answers))
    if markdown_file:
        markdown_file.write_text(live_report.markdown(figures, on, _room(room)), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(live_report.as_json(figures, on), indent=1))
    else:
        draw(live_report.sheet(figures), make_console())
    for failure in result.failures[:5]:
        aside.print(f"{failure.task}: {failure.error}", markup=False, highlight=False)
    if result.failures:
        aside.print(
            f"{len(result.failures)} got no answer and count neither way; the same command asks them again",
            markup=False,
            highlight=False,
        )
        raise typer.Exit(1)


def _room(room: "Sandbox") -> str:
    return f"{room.mode}, {Path(room.python).name}"


@contextmanager
def _progress(plan: "Plan", console: Console) -> "Iterator[Callable[[Answer | Failure], None]]":
    """A bar with what passed so far."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from benchmarks.live.answers import Answer, open_run

    ids = {problem.id for problem in plan.problems}
    before = open_run(plan.out, asdict(plan.settings)).answers
    done = [answer for answer in before if answer.task in ids and answer.sample < plan.samples]
    passed, failed = sum(answer.passed for answer in done), 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        total = len(plan.problems) * plan.samples
        bar = progress.add_task(_state(passed, failed), total=total, completed=len(done))

        def on_result(result: "Answer | Failure") -> None:
            nonlocal passed, failed
            if isinstance(result, Answer):
                passed += result.passed
            else:
                failed += 1
            progress.update(bar, advance=1, description=_state(passed, failed))

        yield on_result


def _state(passed: int, failed: int) -> str:
    return f"passed {passed}, errors {failed}" if failed else f"passed {passed}"
