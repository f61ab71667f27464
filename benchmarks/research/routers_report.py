"""How a run of `routers` reads: in a terminal and as Markdown. No text of a task is shown."""

from collections.abc import Iterator

from rich.console import Console

from benchmarks.render import Sheet, report, table, where
from benchmarks.research.routers import Curve, Result, Share
from benchmarks.research.tasks import FIRST_CALL, OUTCOMES_OF


def render(result: Result, console: Console) -> None:
    """Print the tables and their notes."""
    report(console, _sheets(result), _notes(result))


def markdown(result: Result) -> str:
    """Return the tables as a page."""
    parts = ["# Routers on the same tasks", *map(table, _sheets(result)), "## What is compared"]
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in _notes(result))]) + "\n"


def _sheets(result: Result) -> Iterator[Sheet]:
    first = result.standings[0]
    yield Sheet(
        title="Share of requests on the right track (95% interval)",
        columns=("router", *(f"{item.suite} ({item.of})" for item in first.shares)),
        rows=tuple((item.router, *map(_share, item.shares)) for item in result.standings),
    )
    if first.curves:
        yield Sheet(
            title="AUC: what the router's score tells apart",
            columns=("router", *(_question(item) for item in first.curves)),
            rows=tuple(
                (item.router, *(f"{curve.auc:.2f}" for curve in item.curves)) for item in result.standings
            ),
        )


def _share(share: Share) -> str:
    return f"{share.right / share.of:.1%} ({share.low:.1%} to {share.high:.1%})"


def _question(curve: Curve) -> str:
    return f"{curve.question} ({curve.of[0]}, {curve.of[1]})"


def _notes(result: Result) -> Iterator[str]:
    yield f"Measured {result.measured} on {where(result.machine)}."
    if result.litellm:
        yield (
            f"LiteLLM {result.litellm}: its complexity router as it ships (`auto_router/complexity_router`, "
            "heuristic scorer, default weights and boundaries), four tiers with a model each; its own hook "
            "decides. `strong from` says which tier is the lowest that has the strong model."
        )
    else:
        yield "LiteLLM is not installed, so it was not compared; `make bench` installs it."
    yield (
        f"Turnout: reading, the rules and the policy `{result.policy}`; both tracks up and idle, the local "
        "window unknown, each request decided by itself. Its score is 1 - p_local, which is only one of "
        "the policy's conditions."
    )
    yield "A length threshold counts the whole prompt with cl100k_base, as claude-code-router did."
    if not result.data:
        yield "Only HumanEval was compared: the other suites are read from a folder given with `--data`."
        return
    yield (
        "HumanEval and MBPP should be local; SWE-bench Verified and the requests of recorded agent runs "
        "should be cloud. They are asked in their own bare words, or wrapped: as mini-SWE-agent first sends "
        "them, in one fixed text of its own and with its one tool. Of each run four requests, evenly from "
        f"model call {FIRST_CALL} on, so they are not independent."
    )
    yield (
        "What is right is the class of the work, not an outcome: a share says nothing about the answer's "
        "quality. The rules were written by people who know what these suites look like, so other work may "
        "fare worse."
    )
    yield (
        f"The last AUC is about outcomes, those of `{OUTCOMES_OF}` on SWE-bench Verified: 0.5 is chance, so "
        "none of these scores tells beforehand which issue a local model resolves."
    )
