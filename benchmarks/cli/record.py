"""`turnout bench record`: the recorded facts anew, from their sources."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from router.errors import Misconfigured


def record(
    data: Annotated[
        Path,
        typer.Option(help="Folder with `self_contained`, `swebench_verified` and `agent_trajectories`."),
    ],
    into: Annotated[Path | None, typer.Option(help="Where to write; the files in use unless given.")] = None,
) -> None:
    """Record the suites anew: outcomes, efforts, and how each task is read and judged now.

    Example: [bold]turnout bench record --data DIR[/bold]
    """
    from benchmarks.errors import BenchmarkError
    from benchmarks.evaluation.suites import facts, record

    console = Console(stderr=True)
    try:
        with console.status("starting") as status:
            record.record(data, into or facts.RECORDED, status.update)
    except BenchmarkError as error:
        raise Misconfigured(f"--data: {error}") from error
    console.print(f"recorded in {into or facts.RECORDED}", markup=False, soft_wrap=True)
