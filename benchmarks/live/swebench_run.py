"""SWE-bench worked on live: mini-SWE-agent through the running endpoint, one instance after the other.

Two files come of it. The predictions hold what the official harness reads and nothing else. Beside them,
the run's file holds its settings and what each instance took: calls, tokens, cost, tracks.
Whether a patch resolves its issue only the harness tells; this counts what was submitted.
"""

import asyncio
import json
import os
import signal
import subprocess
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites.rows import rows
from benchmarks.evaluation.suites.store import stored
from benchmarks.live import swebench_agent
from benchmarks.live.chat import greet, open_session, usage
from benchmarks.live.runfile import append, begin
from benchmarks.live.swebench_environment import EnvironmentName, Instance, make_environment
from router.billing.prices import Prices

_FIELDS = ("instance_id", "problem_statement", "base_commit")
_PASSED_ON = ("PATH", "LANG", "DOCKER_HOST", "DOCKER_CONTEXT", "XDG_RUNTIME_DIR")
"""Of our environment; the agent's commands see the agent's, so no key may be in it."""
_GRACE_S = 300
"""What the agent gets beyond its own limit before it is ended from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What makes two runs comparable; kept in the run's file."""

    suite: str = "swebench"
    track: str
    steps: int
    """Most model calls for one instance."""
    temperature: float
    environment: EnvironmentName


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to work on, where, and how much at once."""

    settings: Settings
    instances: Sequence[Instance]
    checkout: Path | None
    agent: Path
    """The virtual environment that mini-SWE-agent is in."""
    concurrency: int
    url: str
    key: str
    out: Path
    """The predictions."""
    timeout_s: int

    @property
    def name(self) -> str:
        """`model_name_or_path`, as the harness calls it."""
        return f"turnout-{self.settings.track}"

    @property
    def efforts(self) -> Path:
        """The file of the instances' efforts, beside the predictions."""
        return self.out.with_suffix(".run.jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceResult:
    """How one instance ended, and what it took."""

    instance_id: str
    exit_status: str
    """As mini-SWE-agent says: `Submitted`, `LimitsExceeded`, `TimeExceeded` ..."""
    calls: int
    prompt: int
    """Tokens of all calls' prompts, cached ones included."""
    last_prompt: int
    output: int
    usd: float | None
    """What the provider takes; None where a price is not known."""
    tracks: Mapping[str, int]
    """Calls by who served them."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFailure:
    """An instance that could not be worked on to its end: it is worked on again next time."""

    instance_id: str
    error: str


OnResult = Callable[[InstanceResult | InstanceFailure], None]


def instances(file: Path | None, ids: Collection[str]) -> Iterator[Instance]:
    """Those of `file`, or of what was fetched, that are wanted; all where none is named.

    Raises:
        BenchmarkError: the file cannot be read, or has not all that are wanted.
    """
    left = set(ids)
    for row in rows(file or stored("swebench"), _FIELDS):
        if not ids or row["instance_id"] in left:
            left.discard(row["instance_id"])
            yield Instance(
                id=row["instance_id"], problem=row["problem_statement"], base_commit=row["base_commit"]
            )
    if left:
        raise BenchmarkError(f"--instances: there is no {', '.join(sorted(left))}")


def done(plan: Plan) -> tuple[InstanceResult, ...]:
    """What the run's files hold so far; the files are begun where they are not there.

    Raises:
        BenchmarkError: they are of another run.
    """
    worked = [
        InstanceResult(**line) for line in begin(plan.efforts, asdict(plan.settings)) if "error" not in line
    ]
    # An instance is done when both files say so: the run may have been stopped between the two.
    predicted = set()
    if plan.out.exists():
        predicted = {result["instance_id"] for result in rows(plan.out, ("instance_id", "model_patch"))}
    return tuple(result for result in worked if result.instance_id in predicted)


async def run(plan: Plan, on_result: OnResult) -> tuple[InstanceResult, ...]:
    """Work on what is not done yet, and return all that is done then.

    Raises:
        BenchmarkError: nothing answers at the address, mini-SWE-agent is not there, or the files are of
            another run.
    """
    python = plan.agent / "bin" / "python"
    if not python.exists():
        raise BenchmarkError(
            f"there is no mini-SWE-agent in {plan.agent}: `make .venv-swebench/.ready` sets it up, or name "
            "another virtual environment with --agent"
        )
    finished = {result.instance_id for result in done(plan)}
    async with open_session(plan.key, plan.timeout_s) as session:
        await greet(session, plan.url)
    gate = asyncio.Semaphore(plan.concurrency)
    try:
        async with asyncio.TaskGroup() as group:
            for instance in plan.instances:
                if instance.id not in finished:
                    group.create_task(_run_instance(plan, instance, gate, on_result))
    except* BenchmarkError as several:
        raise several.exceptions[0] from several
    return done(plan)


async def _run_instance(plan: Plan, instance: Instance, gate: asyncio.Semaphore, on_result: OnResult) -> None:
    async with gate:
        began = time.monotonic()
        with make_environment(plan.settings.environment, instance, plan.checkout) as place:
            result = await _agent(plan, instance, place)
        if result["error"]:
            outcome: InstanceResult | InstanceFailure = InstanceFailure(
                instance_id=instance.id, error=result["error"]
            )
        else:
            outcome = _instance_result(instance.id, result, time.monotonic() - began)
            append(
                plan.out,
                {
                    "instance_id": instance.id,
                    "model_name_or_path": plan.name,
                    "model_patch": result["submission"],
                },
            )
        append(plan.efforts, asdict(outcome))
        on_result(outcome)


async def _agent(plan: Plan, instance: Instance, place: Mapping[str, Any]) -> dict[str, Any]:
    """Run the agent's program, and return what it wrote."""
    with TemporaryDirectory(prefix="turnout-") as folder:
        result = Path(folder) / "result.json"
        job = {**_job(plan, instance, place), "result": str(result)}
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            str(plan.agent / "bin" / "python"),
            "-I",
            str(Path(swebench_agent.__file__)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**passed_on, **_agent_environment(folder)},
            cwd=folder,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(plan.timeout_s + _GRACE_S):
                await process.communicate(json.dumps(job).encode())
        except TimeoutError:
            return {"error": f"did not end within {plan.timeout_s + _GRACE_S} s"}
        finally:
            _end(process)
        if not result.exists():
            return {"error": f"mini-SWE-agent ended with status {process.returncode} and said nothing"}
        outcome: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return outcome


def _job(plan: Plan, instance: Instance, place: Mapping[str, Any]) -> dict[str, Any]:
    settings = plan.settings
    return {
        "task": instance.problem,
        "key": plan.key or "turnout",
        "environment": dict(place),
        "agent": {
            "step_limit": settings.steps,
            "cost_limit": 0,  # of litellm's guess; what it costs is counted here
            "wall_time_limit_seconds": plan.timeout_s,
        },
        "model": {
            "model_name": f"openai/{settings.track}",
            "cost_tracking": "ignore_errors",
            "model_kwargs": {
                "api_base": f"{plan.url}/v1",
                "drop_params": True,
                "temperature": settings.temperature,
            },
        },
    }


def _agent_environment(folder: str) -> dict[str, str]:
    """No banner, no price table from the network, no settings of the user's."""
    return {
        "HOME": folder,
        "MSWEA_SILENT_STARTUP": "1",
        "MSWEA_GLOBAL_CONFIG_DIR": folder,
        "MSWEA_MODEL_RETRY_STOP_AFTER_ATTEMPT": "3",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }


def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _instance_result(instance: str, result: Mapping[str, Any], seconds: float) -> InstanceResult:
    prices = Prices()
    used = [(call["track"], call["model"], usage(call["usage"])) for call in result["calls"]]
    paid = [prices.cost(model, tokens) for track, model, tokens in used if track != "local"]
    return InstanceResult(
        instance_id=instance,
        exit_status=result["exit_status"],
        calls=len(used),
        prompt=sum(tokens.prompt for _, _, tokens in used),
        last_prompt=used[-1][2].prompt if used else 0,
        output=sum(tokens.output for _, _, tokens in used),
        usd=None if None in paid else sum(usd or 0.0 for usd in paid),
        tracks=dict(Counter(track or "unknown" for track, _, _ in used)),
        seconds=round(seconds, 2),
    )
