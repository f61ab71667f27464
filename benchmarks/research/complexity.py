"""LiteLLM's complexity router, asked in a process of its own: it lives in the environment of the peers.

Its own hook decides, as in its proxy, with the settings it ships: heuristic scorer, default boundaries and
weights. Only the four tiers are given a model each, named after the tier. It calls no model and no address.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.errors import BenchmarkError
from benchmarks.research.tasks import Task

Tier = Literal["SIMPLE", "MEDIUM", "COMPLEX", "REASONING"]
TIERS: tuple[Tier, ...] = ("SIMPLE", "MEDIUM", "COMPLEX", "REASONING")
_LIMIT_S = 600

_PROGRAM = """
import asyncio, json, sys
from litellm import Router

tiers = json.loads(sys.argv[1])
models = [
    {"model_name": one, "litellm_params": {"model": "openai/" + one, "api_key": "none"}} for one in tiers
]
auto = {
    "model": "auto_router/complexity_router",
    "complexity_router_config": {"tiers": {one: one for one in tiers}},
}
router = Router(model_list=[*models, {"model_name": "auto", "litellm_params": auto}])
hook = router.complexity_routers["auto"][0].strategy.async_pre_routing_hook


async def main():
    for line in sys.stdin:
        asked = json.loads(line)
        told = await hook("auto", {}, asked["messages"])
        print(json.dumps({"tier": told.model, "score": told.routing_decision.get("score")}), flush=True)


asyncio.run(main())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierScore:
    """What the router said of one task."""

    tier: Tier
    score: float
    """Its weighted sum, which the tier's boundaries are held against."""


def judge(tasks: Sequence[Task], python: Path) -> list[TierScore]:
    """Ask the router about each task, in order.

    Args:
        tasks: What to ask.
        python: The interpreter that has LiteLLM.

    Raises:
        BenchmarkError: it failed; the message ends in what it printed.
    """
    lines = "\n".join(json.dumps({"messages": task.messages}) for task in tasks)
    ended = subprocess.run(
        [str(python), "-I", "-c", _PROGRAM, json.dumps(TIERS)],
        input=lines,
        capture_output=True,
        check=False,
        text=True,
        timeout=_LIMIT_S,
        env=os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"},
    )
    replies = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith('{"tier"')]
    if ended.returncode or len(replies) != len(tasks):
        raise BenchmarkError(
            f"LiteLLM judged {len(replies)} of {len(tasks)} tasks. It printed:\n{ended.stderr[-2000:]}"
        )
    return [TierScore(tier=reply["tier"], score=reply["score"] or 0.0) for reply in replies]
