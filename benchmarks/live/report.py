"""What a live run showed: figures of its answers, for a terminal, a page and a program."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.evaluation.stats import wilson
from benchmarks.evaluation.suites.outcomes import Outcome
from benchmarks.live.answers import Answer, Run, counts
from benchmarks.live.passk import mean_pass_at_k
from benchmarks.machine import Machine
from benchmarks.render import Sheet, table, where


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of one run."""

    settings: Mapping[str, Any]
    tasks: int
    """With at least one answer."""
    answers: int
    errors: int
    """Questions without an answer; they are in no other figure."""
    pass_at: Mapping[str, float]
    """`1`, and the most answers that every task has: Chen et al.'s estimator."""
    interval: tuple[float, float]
    """95%, of pass@1, over tasks."""
    ended: Mapping[str, int]
    """Answers by how their programs ended."""
    served: Mapping[str, int]
    """Answers by track and model."""
    escalated: int
    prompt: int
    output: int
    usd: float | None
    """Of the cloud's answers together; None where a price is not known."""
    seconds: tuple[float, float]
    """Median and 90th percentile of whole answers."""
    first_byte_s: tuple[float, float]


def figures(run: Run) -> Figures:
    """Compute the figures of a run."""
    answers = run.answers
    by_task = counts(answers)
    most = min((n for n, _ in by_task.values()), default=0)
    pass_at = {
        str(k): rate for k in sorted({1, most}) if (rate := mean_pass_at_k(by_task.values(), k)) is not None
    }
    cloud = [answer.usd for answer in answers if answer.track == "cloud"]
    return Figures(
        settings=run.settings,
        tasks=len(by_task),
        answers=len(answers),
        errors=len(run.failures),
        pass_at=pass_at,
        interval=wilson(pass_at.get("1", 0.0), len(by_task)),
        ended=dict(Counter(answer.ended for answer in answers).most_common()),
        served=dict(Counter(f"{answer.track}: {answer.model}" for answer in answers).most_common()),
        escalated=sum(bool(answer.escalated) for answer in answers),
        prompt=sum(answer.prompt for answer in answers),
        output=sum(answer.output for answer in answers),
        usd=None if None in cloud else sum(usd or 0.0 for usd in cloud),
        seconds=_middle_and_high([answer.seconds for answer in answers]),
        first_byte_s=_middle_and_high([answer.first_byte_s for answer in answers]),
    )


def sheet(summary: Figures) -> Sheet:
    """The figures as a table."""
    low, high = summary.interval
    rows = [(f"pass@{k}", f"{rate:.1%}") for k, rate in summary.pass_at.items()]
    rows += [
        ("95% interval of pass@1", f"{low:.1%} to {high:.1%}"),
        ("tasks, answers", f"{summary.tasks}, {summary.answers}"),
        ("errors (asked again by the next run)", str(summary.errors)),
        ("programs ended", _counted(summary.ended)),
        ("served by", _counted(summary.served)),
        ("taken over by another track", str(summary.escalated)),
        ("tokens read, written", f"{summary.prompt:,}, {summary.output:,}"),
        ("provider's price", _price(summary)),
        ("seconds to the first byte: median, 90%", "{:.2f}, {:.2f}".format(*summary.first_byte_s)),
        ("seconds an answer: median, 90%", "{:.2f}, {:.2f}".format(*summary.seconds)),
    ]
    settings = ", ".join(f"{name} {value}" for name, value in summary.settings.items() if name != "suite")
    return Sheet(title=f"{summary.settings['suite']}: {settings}", columns=("", "measured"), rows=tuple(rows))


def markdown(summary: Figures, on: Machine, sandbox: str) -> str:
    """Render the table with a line on the machine and the sandbox."""
    return f"{table(sheet(summary))}\n\nMeasured on {where(on)}; answers were run in: {sandbox}.\n"


def as_json(summary: Figures, on: Machine) -> dict[str, Any]:
    """Return the figures and the machine as JSON values."""
    return {**asdict(summary), "machine": asdict(on)}


def outcomes(answers: Iterable[Answer]) -> list[Outcome]:
    """By task and by the model that served it, as `policy check` reads a user's own outcomes."""
    groups: dict[tuple[str, str], list[Answer]] = {}
    for answer in answers:
        groups.setdefault((answer.task, answer.model), []).append(answer)
    return [_outcome(task, system, group) for (task, system), group in groups.items()]


def _outcome(task: str, system: str, group: list[Answer]) -> Outcome:
    n = len(group)
    priced = [answer.usd for answer in group if answer.usd is not None]
    return Outcome(
        task=task,
        system=system,
        passed=sum(answer.passed for answer in group) / n,
        samples=n,
        calls=1,
        prompt=sum(answer.prompt for answer in group) / n,
        last_prompt=sum(answer.prompt for answer in group) / n,
        output=sum(answer.output for answer in group) / n,
        usd=sum(priced) / n if len(priced) == n else None,
    )


def _middle_and_high(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values) or [0.0]
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]


def _price(summary: Figures) -> str:
    if not any(name.startswith("cloud") for name in summary.served):
        return "none: nothing was sent there"
    return "unknown" if summary.usd is None else f"${summary.usd:.4f}"


def _counted(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.items()) or "none"
