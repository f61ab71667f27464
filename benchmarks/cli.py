"""`turnout bench`: measurements, through the endpoint as it is."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(help="Measure: what the endpoint adds, and what the tracks can do.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """Measurements report what they ran on, and compare in one run."""


@app.command()
def overhead(
    quick: Annotated[bool, typer.Option("--quick", help="A few seconds a case: a first look.")] = False,
    peers: Annotated[
        Path, typer.Option(help="Virtual environment with the peers; `make bench` makes it.")
    ] = Path(".venv-bench"),
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")] = None,
    markdown_file: Annotated[
        Path | None, typer.Option("--markdown", help="Write the tables to this file.")
    ] = None,
) -> None:
    """Measure the latency the endpoint adds, beside its peers on the same work in one run.

    Example: [bold]turnout bench overhead --quick[/bold]
    """
    from benchmarks.overhead import Options, run
    from benchmarks.overhead_report import markdown, render
    from benchmarks.process import BenchmarkError
    from router.errors import Misconfigured

    console = Console()
    chosen = Options(environment=peers)
    if quick:
        chosen = Options(environment=peers, dialects=("openai_chat",), rounds=3, seconds=0.5, crowd=50)
    try:
        with console.status("starting") as status:
            result = run(chosen, status.update)
    except BenchmarkError as error:
        raise Misconfigured(str(error)) from error
    render(result, console)
    if json_file:
        json_file.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")
    if markdown_file:
        markdown_file.write_text(markdown(result), encoding="utf-8")
