"""`turnout bench run swebench`: an agent on SWE-bench, through the running endpoint."""

import asyncio
import json
import signal
from collections import Counter
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

import typer
from rich.console import Console

from benchmarks.cli.plain import plain_errors
from router.cli.render import make_console
from router.system.subprocesses import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.live.swebench_run import InstanceFailure, InstanceResult, Plan
    from benchmarks.render import Sheet

Only = Annotated[
    list[str] | None, typer.Option("--instances", help="An instance's id; may be repeated. All unless named.")
]
Source = Annotated[
    Path | None,
    typer.Option("--file", help="The data set; else what `turnout bench fetch swebench` stored."),
]
Checkout = Annotated[
    Path | None,
    typer.Option(
        help="A git checkout of the repository, or a folder with one for each instance id: the agent works "
        "on a copy of it, where there is no docker."
    ),
]
Room = Annotated[
    Literal["docker", "bubblewrap", "local"] | None,
    typer.Option(
        "--environment",
        help="Where the agent's commands run. Docker, or bubblewrap with --checkout, unless named; `local` "
        "runs them with your files and your network.",
    ),
]
Agent = Annotated[
    Path,
    typer.Option(help="Virtual environment with mini-SWE-agent.", show_default=".venv-swebench beside ours"),
]
AGENT = ROOT / ".venv-swebench"
"""Not in the working folder: its interpreter is run."""
OUT = Path("predictions.jsonl")


def swebench(
    *,
    only: Only = None,
    track: Annotated[
        Literal["local", "cloud", "auto"], typer.Option(help="Who is to answer; `auto`: the policy decides.")
    ] = "auto",
    url: Annotated[str, typer.Option(help="The endpoint, as `turnout serve` says it.")] = (
        "http://127.0.0.1:4747"
    ),
    key: Annotated[
        str, typer.Option(envvar="TURNOUT_KEY", help="A Turnout key, where the endpoint asks for one.")
    ] = "",
    file: Source = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many instances.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="How many at once.")] = 1,
    steps: Annotated[int, typer.Option(min=1, help="Most model calls for one instance.")] = 250,
    temperature: Annotated[float, typer.Option(min=0, max=2, help="Of sampling.")] = 0.0,
    timeout_s: Annotated[int, typer.Option("--timeout", min=1, help="Seconds for one instance.")] = 3600,
    checkout: Checkout = None,
    room: Room = None,
    agent: Agent = AGENT,
    out: Annotated[Path, typer.Option(help="The predictions; instances in it are not done again.")] = OUT,
    as_json: Annotated[bool, typer.Option("--json", help="Print what each instance took as JSON.")] = False,
) -> None:
    """Let mini-SWE-agent work on SWE-bench instances; writes predictions for the official harness.

    Example: [bold]turnout bench run swebench --instances django__django-11099 --track auto[/bold]
    """
    from benchmarks.live.swebench_environment import choose
    from benchmarks.live.swebench_run import Plan, Settings, instances, run
    from benchmarks.render import draw

    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    broken: list[InstanceFailure] = []
    with plain_errors():
        settings = Settings(
            track=track, steps=steps, temperature=temperature, environment=choose(room, checkout)
        )
        plan = Plan(
            settings=settings,
            instances=tuple(islice(instances(file, only or ()), limit)),
            checkout=checkout.absolute() if checkout else None,
            agent=agent.absolute(),
            concurrency=concurrency,
            url=url.rstrip("/").removesuffix("/v1"),
            key=key,
            out=out,
            timeout_s=timeout_s,
        )
        if settings.environment == "local":
            console.print("warning: the agent's commands run on this machine, with your files and network")
        try:
            with _Progress(plan, console, broken) as progress:
                worked = asyncio.run(run(plan, progress))
        except KeyboardInterrupt as stopped:
            console.print(f"stopped; the same command goes on from {out}")
            raise typer.Exit(128 + signal.SIGINT) from stopped
    if as_json:
        typer.echo(json.dumps([*map(asdict, worked), *map(asdict, broken)], indent=1))
    else:
        draw(_sheet(worked, settings.track), make_console())
        console.print(f"score them: python -m swebench.harness.run_evaluation --predictions_path {out} ...")
    for failure in broken:
        console.print(f"{failure.instance_id}: {failure.error}")
    if broken:
        console.print(f"{len(broken)} could not be worked on; the same command tries them again")
        raise typer.Exit(1)


class _Progress:
    """A bar of instances, with what was submitted so far."""

    def __init__(self, plan: "Plan", console: Console, broken: "list[InstanceFailure]") -> None:
        from rich.progress import Progress

        from benchmarks.live.swebench_run import done

        finished = done(plan)
        ids = {instance.id for instance in plan.instances}
        self._broken = broken
        self._submitted = sum(
            result.exit_status == "Submitted" for result in finished if result.instance_id in ids
        )
        self._bars = Progress(console=console)
        completed = sum(result.instance_id in ids for result in finished)
        self._bar = self._bars.add_task(self._state(), total=len(plan.instances), completed=completed)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, result: "InstanceResult | InstanceFailure") -> None:
        """Count one finished instance."""
        from benchmarks.live.swebench_run import InstanceFailure

        if isinstance(result, InstanceFailure):
            self._broken.append(result)
        else:
            self._submitted += result.exit_status == "Submitted"
        self._bars.update(self._bar, advance=1, description=self._state())

    def _state(self) -> str:
        errors = f", errors {len(self._broken)}" if self._broken else ""
        return f"submitted {self._submitted}{errors}"


def _sheet(worked: "Sequence[InstanceResult]", track: str) -> "Sheet":
    from benchmarks.render import Sheet

    total: Counter[str] = Counter()
    for result in worked:
        total.update(result.tracks)
    rows = [_row(result) for result in worked]
    served = ", ".join(f"{name} {count}" for name, count in total.items()) or "none"
    return Sheet(
        title=f"swebench, track {track}: {len(worked)} instances; calls by track: {served}",
        columns=("instance", "ended", "calls", "read", "written", "price", "seconds"),
        rows=tuple(rows),
    )


def _row(result: "InstanceResult") -> tuple[str, ...]:
    price = "unknown" if result.usd is None else f"${result.usd:.4f}"
    return (
        result.instance_id,
        result.exit_status,
        str(result.calls),
        f"{result.prompt:,}",
        f"{result.output:,}",
        price,
        f"{result.seconds:.0f}",
    )
