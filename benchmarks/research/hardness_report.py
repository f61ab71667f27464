"""How the measurement of hardness reads: in a terminal and as Markdown. No text of an ask is shown."""

from collections.abc import Iterator
from math import isnan
from typing import get_args

from rich.console import Console

from benchmarks.evaluation.stats import Interval
from benchmarks.render import Sheet, report, table
from benchmarks.research.hardness import OTHERS, Result, Score, Split
from benchmarks.research.hardness_tasks import PARAMETERS, SIZE_CLASSES, size_class


def render(result: Result, console: Console) -> None:
    """Print the tables and their notes."""
    report(console, _sheets(result), [verdict(result), *_notes(result)])


def markdown(result: Result) -> str:
    """Return the page."""
    parts = [
        "# How hard is a self-contained ask for a model of some size?",
        verdict(result),
        *map(table, _sheets(result)),
        "## How it was measured",
        "\n".join(f"- {line}" for line in _notes(result)),
    ]
    return "\n\n".join(parts) + "\n"


def verdict(result: Result) -> str:
    """What follows: whether anything would be served."""
    tried = {score.candidate for score in result.scores if not isnan(score.log_loss)}
    if result.useful:
        named = ", ".join(f"{score.candidate} ({score.size_class})" for score in result.useful)
        return (
            f"Of {len(tried) - 1} candidates these beat the constant on benchmarks held out, in log-loss and "
            f"in order: {named}."
        )
    return (
        f"Not from its text, as far as these outcomes show: of {len(tried) - 1} candidates none, in any size "
        "class, both beats the constant in log-loss and orders better than a guess on benchmarks held out. "
        "So no such number is served."
    )


def _sheets(result: Result) -> Iterator[Sheet]:
    yield Sheet(
        title="What passes: mean rate by size of the model",
        columns=("size", "outcomes", "tasks", "mean rate", "standard deviation", "as the other sizes"),
        rows=tuple(
            (
                rate.size_class,
                rate.source,
                str(rate.tasks),
                f"{rate.mean:.2f}",
                f"{rate.deviation:.2f}",
                _number(rate.models_agree),
            )
            for rate in result.rates
        ),
    )
    for split in get_args(Split):
        for size in SIZE_CLASSES:
            rows = [score for score in result.scores if (score.split, score.size_class) == (split, size)]
            if rows:
                yield Sheet(
                    title=f"{size}, {split}: {rows[0].tasks} tasks",
                    columns=("candidate", "log-loss", "better than the constant by", "AUC", "APGR"),
                    rows=tuple(map(_row, rows)),
                )


def _row(score: Score) -> tuple[str, ...]:
    return (
        score.candidate,
        f"{score.log_loss:.3f}" if not isnan(score.log_loss) else "-",
        _figure(score.better, 3),
        _figure(score.auc, 2),
        _figure(score.apgr, 2),
    )


def _figure(figure: Interval, digits: int) -> str:
    if isnan(figure.point):
        return "-"
    point, low, high = (f"{value:.{digits}f}" for value in (figure.point, figure.low, figure.high))
    return point if low == high else f"{point} ({low} to {high})"


def _number(value: float) -> str:
    return "-" if isnan(value) else f"{value:.2f}"


def _notes(result: Result) -> Iterator[str]:
    yield (
        f"Measured {result.measured} with `turnout bench hardness`; rows `{result.rows}`. No model answered "
        f"anything: rates are recorded ones. 95% intervals from {result.resamples:,} resamples of the tasks, "
        "source by source."
    )
    for size in SIZE_CLASSES:
        names = [name for name, parameters in PARAMETERS.items() if size_class(parameters) == size]
        yield f"{size}: {', '.join(names) if names else 'no outcomes by task are recorded'}."
    yield (
        "AUC: the chance that an answer which passes is of a task said to be easier than one that does not, "
        "among tasks of one source and one fold. Rates are shares, so that even a task's own rate does not "
        "reach 1."
    )
    yield (
        "APGR: the hardest go to Claude 3.5 Sonnet first; the part of the gap that is made up, averaged over "
        "all shares that may go. 0.5 is a guess."
    )
    yield (
        "Hindsight rows know what nobody knows of a new ask: the rate itself, and the mean rate in the other "
        f"size classes on the same task (`{OTHERS}`)."
    )
    yield (
        "A tenth held out shares its benchmark's style with what is fitted on; a new ask does not. So tenths "
        "are shown, and decide nothing. Sources of fewer than twenty tasks are left out of them."
    )
    yield (
        "Exercism's asks are the exercise's name alone. What is read of all others is the source's own text, "
        "which is not part of this repository."
    )
    yield (
        "Of hybrid-arena, edits and scripts are left out: its local model failed all eight, which orders "
        "nothing. So is BigCodeBench-Hard, whose texts are not at hand."
    )
