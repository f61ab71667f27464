"""Whose outcomes are recorded, per suite: a table for each source."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import SuiteName, System
from benchmarks.evaluation.suites import arena

Runs = Literal["local", "cloud"]

# Of models that their maker no longer lists, the table still has the row of a reseller at the same price.
_SONNET_3_5 = "anthropic.claude-3-5-sonnet-20240620-v1:0"
_SONNET_4 = "anthropic.claude-sonnet-4-20250514-v1:0"

SUBMISSIONS = (
    System(
        name="20250805_openhands-Qwen3-Coder-30B-A3B-Instruct",
        model="Qwen/Qwen3-Coder-30B-A3B-Instruct",
        runs="local",
    ),
    System(name="20250520_openhands_devstral_small", model="mistralai/Devstral-Small-2505", runs="local"),
    System(name="20250725_sweagent_devstral_small_2507", model="mistralai/Devstral-Small-2507", runs="local"),
    System(name="20250511_sweagent_lm_32b", model="SWE-bench/SWE-agent-LM-32B", runs="local"),
    System(name="20250524_openhands_claude_4_sonnet", model=_SONNET_4, runs="cloud"),
    System(name="20250522_sweagent_claude-4-sonnet-20250514", model=_SONNET_4, runs="cloud"),
)
"""Of SWE-bench Verified's leaderboard: OpenHands and SWE-agent, each with local models and with Claude."""

ARENA = (
    System(name=arena.LOCAL, model=arena.LOCAL, runs="local"),
    System(name=arena.CLOUD, model=arena.CLOUD, runs="cloud"),
)
"""Of hybrid-arena: the two models that ran every task alone."""

FILES = MappingProxyType(
    {
        "humaneval": "evalperf.csv",
        "mbpp": "evalperf.csv",
        "swebench": "swebench.csv",
        "everyday": arena.FILE,
    }
)
"""Where a suite's outcomes are."""

DEFAULTS: MappingProxyType[SuiteName, MappingProxyType[Runs, str]] = MappingProxyType(
    {
        "humaneval": MappingProxyType(
            {"local": "Qwen/Qwen2.5-32B-Instruct", "cloud": "claude-3-5-sonnet-20240620"}
        ),
        "mbpp": MappingProxyType(
            {"local": "Qwen/Qwen2.5-32B-Instruct", "cloud": "claude-3-5-sonnet-20240620"}
        ),
        "swebench": MappingProxyType({"local": SUBMISSIONS[0].name, "cloud": SUBMISSIONS[4].name}),
        "everyday": MappingProxyType({"local": arena.LOCAL, "cloud": arena.CLOUD}),
    }
)


def evalperf(name: str) -> System:
    """A model of EvalPerf: a repository on the hub can be run at home, any other is behind an API."""
    model = _SONNET_3_5 if name == "claude-3-5-sonnet-20240620" else name
    return System(name=name, model=model, runs="local" if "/" in name else "cloud")


def choose_system(
    name: SuiteName, runs: Runs, requested: str | None, recorded: Iterable[System], own: Collection[str] = ()
) -> System:
    """The system called `requested`; the suite's default where none is.

    Args:
        name: the suite.
        runs: on which track it stands.
        requested: its name.
        recorded: of which outcomes are recorded.
        own: names in the user's own outcomes, which may stand on either track.

    Raises:
        BenchmarkError: nothing is known of it, or it runs elsewhere.
    """
    called = requested or DEFAULTS[name][runs]
    listed = {system.name: system for system in recorded}
    if called in own and called not in listed:
        return System(name=called, model=called, runs=runs)
    if called not in listed:
        names = [system.name for system in listed.values() if system.runs == runs] + sorted(own)
        near = get_close_matches(called, names, n=1, cutoff=0)
        raise BenchmarkError(
            f"no outcomes of {called!r} on {name}: did you mean {near[0]!r}? There are: {', '.join(names)}"
        )
    if listed[called].runs != runs:
        raise BenchmarkError(f"{called!r} is the name of a {listed[called].runs} system, not of a {runs} one")
    return listed[called]
