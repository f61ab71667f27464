"""`turnout policy …` as processes that are forks of one, which has imported what they need."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.warm_turnout import WarmTurnout, warm_turnout

GATE = ("benchmarks.evaluation.check.measure", "benchmarks.evaluation.check.report")
Process = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def warm_gate() -> Iterator[WarmTurnout | None]:
    """The process that commands are forks of; None where there are no forks."""
    if not hasattr(os, "fork"):
        yield None
        return
    with warm_turnout(os.environ, *GATE) as process:
        yield process


@pytest.fixture
def run_turnout(warm_gate: WarmTurnout | None) -> Callable[..., Process]:
    """Run `turnout ARGUMENTS` to its end."""

    def run(*arguments: str, cwd: Path, env: Mapping[str, str]) -> Process:
        command = [sys.executable, "-m", "router.cli.main", *arguments]
        if warm_gate:
            ended = warm_gate.run(arguments, cwd=cwd, env=env)
            return subprocess.CompletedProcess(command, ended.code, ended.out, ended.err)
        return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)

    return run
