"""Routers that sort requests into tiers, each asked in a process of its own, of the peers' environment.

A router's program reads a JSON object with its settings as first argument and requests as lines of `messages`
and `tools`. It prints one line `{"lacks": …}` and then one for each request: `tier`, `score` and `cpu_ms`.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.errors import BenchmarkError
from benchmarks.installed import RouterName
from benchmarks.research.tasks import Task

Tier = Literal["SIMPLE", "MEDIUM", "COMPLEX", "REASONING"]
CLOUD_FROM: Tier = "COMPLEX"
"""The one rule that maps tiers to tracks: what a router calls this, or more, is the cloud's."""
FOLDER = "{folder}"
"""In a variable's value: an empty folder that is removed afterwards."""
_LIMIT_S = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRouter:
    """A router, and how it is asked."""

    name: str
    peer: RouterName
    tiers: tuple[Tier, ...]
    """The weakest first."""
    program: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables beside our own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierScore:
    """What a router said of one task."""

    tier: Tier
    score: float
    """Higher speaks for a higher tier."""
    cpu_ms: float
    """CPU that its process spent on this decision, in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a router said of all tasks, in order."""

    scores: tuple[TierScore, ...]
    lacks: str
    """The part of it that could not run; empty where all of it ran."""


def judge(router: TierRouter, tasks: Sequence[Task], python: Path) -> Judgement:
    """Ask a router about each task, in order.

    Args:
        router: Which.
        tasks: What to ask.
        python: The interpreter that has it.

    Raises:
        BenchmarkError: it failed; the message ends in what it printed.
    """
    lines = "\n".join(json.dumps({"messages": task.messages, "tools": task.tools}) for task in tasks)
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value.replace(FOLDER, folder) for name, value in router.environment.items()}
        ended = subprocess.run(
            [str(python), "-I", "-c", router.program, json.dumps(dict(router.settings))],
            input=lines,
            capture_output=True,
            check=False,
            text=True,
            timeout=_LIMIT_S,
            env=os.environ | environment,
        )
    replies = [
        json.loads(line) for line in ended.stdout.splitlines() if line.startswith(('{"lacks"', '{"tier"'))
    ]
    if ended.returncode or len(replies) != len(tasks) + 1:
        raise BenchmarkError(
            f"{router.name} judged {max(len(replies) - 1, 0)} of {len(tasks)} tasks. It printed:\n"
            f"{ended.stderr[-2000:]}"
        )
    head, *judged = replies
    return Judgement(scores=tuple(TierScore(**reply) for reply in judged), lacks=head["lacks"])
