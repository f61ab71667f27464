"""How a run of `routers` reads: in a terminal and as Markdown. No text of a task is shown."""

from collections.abc import Iterator, Sequence

from rich.console import Console

from benchmarks.render import Sheet, report, table, where
from benchmarks.research.router_scores import Curve, RouterScores, Share
from benchmarks.research.routers import Result
from benchmarks.research.tasks import ASKS, FIRST_CALL, OUTCOMES_OF
from benchmarks.research.tier_routers import CLOUD_FROM

NOT_RUN = (
    ("LiteLLM's `llm`, `llm_v2`, `capability` and `oss_classifier`", "they ask a model for each request"),
    ("LiteLLM's `heuristic_first` and `hybrid`", "they ask a model where their own scorer is not sure"),
    (
        "LiteLLM's semantic `auto_router`",
        "it asks an embedding model, and for example utterances of one's own",
    ),
    ("LiteLLM's `quality_router`", "it chooses by the tiers of `heuristic`"),
    ("LiteLLM's `adaptive_router`", "it draws at random until it has feedback on answers"),
    ("RouteLLM", "it needs PyTorch, and models of a hub or an embedding service"),
)
"""Routers that are not in the tables, and why."""


def render(result: Result, console: Console) -> None:
    """Print the tables and their notes."""
    report(console, _sheets(result), _notes(result))


def markdown(result: Result) -> str:
    """Return the tables as a page."""
    parts = ["# Routers on the same tasks", *map(table, _sheets(result)), "## What is compared"]
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in _notes(result))]) + "\n"


def _sheets(result: Result) -> Iterator[Sheet]:
    first = result.standings[0]
    asks = [item for item in first.shares if item.suite in ASKS]
    others = [item for item in first.shares if item.suite not in ASKS]
    yield Sheet(
        title="Asks in their own words: share on the right track (95% interval)",
        columns=("router", *map(_heading, asks), "mean of these", "CPU of a decision, times our rules'"),
        rows=tuple(
            (item.router, *_shares(item, asks), f"{item.mean:.1%}", _ratio(item, first))
            for item in result.standings
        ),
    )
    if others:
        yield Sheet(
            title="More of one kind, and asks in an agent's words: share on the right track (95% interval)",
            columns=("router", *map(_heading, others)),
            rows=tuple((item.router, *_shares(item, others)) for item in result.standings),
        )
    yield Sheet(
        title="AUC: what the router's score tells apart",
        columns=("router", *map(_question, first.curves)),
        rows=tuple(
            (item.router, *(f"{curve.auc:.2f}" for curve in item.curves))
            for item in result.standings
            if item.curves
        ),
    )


def _heading(share: Share) -> str:
    return f"{share.suite}, {share.track} ({share.of})"


def _shares(scores: RouterScores, columns: Sequence[Share]) -> Iterator[str]:
    places = {(share.suite, share.track) for share in columns}
    for share in scores.shares:
        if (share.suite, share.track) in places:
            yield f"{share.right / share.of:.1%} ({share.low:.1%} to {share.high:.1%})"


def _ratio(scores: RouterScores, first: RouterScores) -> str:
    return "" if scores.cpu_ms is None or not first.cpu_ms else f"{scores.cpu_ms / first.cpu_ms:.1f}"


def _question(curve: Curve) -> str:
    return f"{curve.question} ({curve.of[0]}, {curve.of[1]})"


def _notes(result: Result) -> Iterator[str]:
    yield f"Measured {result.measured} on {where(result.machine)}."
    if result.every > 1:
        yield f"A first look: each {result.every}th task only."
    yield (
        "A column names the suite, the track that is right there and how many asks it has. The mean counts "
        "each column once; a coin reaches a half. What is right is the class of the work or the label, not "
        "an outcome: a share says nothing about the answer's quality. The rules were written, and the "
        "learned reading was trained on other asks, by people who know what these suites look like, so other "
        "work may fare worse."
    )
    yield (
        f"Turnout: reading, the classifier and the policy `{result.policy}`, as it ships and with a stricter "
        "threshold; both tracks up and idle, the local window unknown, each request decided by itself. Its "
        "score is 1 - p_local, which is only one of the policy's conditions."
    )
    yield from _about_tiers(result)
    yield (
        "CPU: median over these asks of what the router's process spends on a decision, each ask for the "
        f"first time and all in one run; our rules took {result.standings[0].cpu_ms or 0:.2f} ms, which "
        "includes reading the body and the policy. Peers are given the messages already decoded."
    )
    yield (
        "A length threshold counts the whole prompt with cl100k_base, as claude-code-router did. The coin is "
        "a fixed seed's."
    )
    yield from (f"Not in the tables: {router}: {why}." for router, why in NOT_RUN)
    yield from _about_suites(result)


def _about_tiers(result: Result) -> Iterator[str]:
    yield (
        f"Routers with tiers are mapped by one rule: {CLOUD_FROM} and above is the cloud's, what is below is "
        "local. A row `best in hindsight` shows the mapping with the greatest mean of all there are, chosen "
        "on these very tasks: nobody can have it beforehand."
    )
    for peer in result.peers:
        if peer.version is None:
            yield f"{peer.name} is not installed, so it was not compared: `make .venv-bench/.ready`."
        elif peer.lacks:
            yield (
                f"{peer.name} {peer.version} ran without {peer.lacks}, which comes from a hub and needs "
                "PyTorch: that vote abstains, as the package has it. With it, it may do better, more slowly."
            )
        else:
            yield f"{peer.name} {peer.version} ran as it ships, with its own settings and by its own hook."


def _about_suites(result: Result) -> Iterator[str]:
    if not result.data:
        yield (
            "Only HumanEval and the everyday asks were compared: the other suites are read from a folder "
            "given with `--data`."
        )
        return
    if result.asks_only:
        yield "Asks alone were compared: without `--asks-only`, wrapped ones and agents' requests are, too."
    else:
        yield (
            "HumanEval and MBPP should be local; SWE-bench Verified and the requests of recorded agent runs "
            "should be cloud. Wrapped is as mini-SWE-agent first sends them, in one fixed text of its own "
            f"and with its one tool. Of each run four requests, evenly from model call {FIRST_CALL} on, so "
            "they are not independent."
        )
    yield (
        f"The last AUC is about outcomes, those of `{OUTCOMES_OF}` on SWE-bench Verified: 0.5 is chance, so "
        "none of these scores tells beforehand which issue a local model resolves."
    )
