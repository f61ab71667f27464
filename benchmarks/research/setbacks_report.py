"""What moving a turn up on evidence gives, in words and tables."""

from collections.abc import Iterator
from math import isfinite, isnan

from benchmarks.evaluation.stats import Interval
from benchmarks.render import Sheet, table
from benchmarks.research.setbacks import ALL, CUTS, Prediction, Result, Row


def sheets(result: Result) -> Iterator[Sheet]:
    """How well each setback tells of a run that fails, then what a move for it gives, by pair of systems."""
    names = dict.fromkeys(prediction.name for prediction in result.predictions)
    cuts = [*(f"after {cut} calls" for cut in CUTS), "in the whole run"]
    yield Sheet(
        title="Runs in which it happened, and how many of these were not resolved",
        columns=("setback", *cuts, "precision (95%)", "recall (95%)"),
        rows=tuple(
            _predicted(name, [prediction for prediction in result.predictions if prediction.name == name])
            for name in names
        ),
    )
    for title, rows in result.pairs:
        yield Sheet(
            title=title,
            columns=(
                "begun locally, moved for",
                "start local",
                "stay local",
                "resolved",
                "quality kept",
                "US$ a task",
                "saving",
                "a coin keeps",
                "a coin's US$",
            ),
            rows=tuple(map(_cells, rows)),
        )


KEPT = 0.98
"""Share of the cloud's quality below which a policy is no cascade worth having; `balanced` is held to it."""


def conclusions(result: Result) -> Iterator[str]:
    """Say what comes out."""
    base = result.unresolved / result.runs
    of_whole_runs = [
        prediction for prediction in result.predictions if not isfinite(prediction.cut) and prediction.fired
    ]
    telling = ", ".join(
        f"`{prediction.name}`" for prediction in of_whole_runs if prediction.precision.low > base
    )
    yield (
        f"{result.unresolved} of {result.runs} runs were not resolved ({base:.0%}). A setback tells "
        "something where clearly more of the runs in which it happens are not. "
        + (f"So does: {telling}." if telling else "None does: no precision's interval lies above that.")
    )
    for title, rows in result.pairs:
        named = {row.name: row for row in rows}
        cloud, moved = named["always cloud"], named[ALL]
        coin_kept, coin_usd = moved.coin_kept or moved.kept, moved.coin_usd or moved.usd
        yield (
            f"{title}: issues that begin locally and move for any setback keep {_percent(moved.kept)} of "
            f"the cloud's quality for ${_usd(moved.usd)} a task; the cloud alone costs "
            f"${cloud.usd.point:.2f}. A coin that moves as many keeps {_percent(coin_kept)} for "
            f"${_usd(coin_usd)}."
        )
        worth = [row.name for row in rows if row.coin_kept and row.kept.point >= KEPT and row.saved.point > 0]
        yield (
            f"{title}: what keeps {KEPT:.0%} of the quality and saves anything: "
            f"{', '.join(worth) or 'nothing that was tried'}."
        )


LIMITS = """\
- One model's runs (mini-SWE-agent on SWE-bench Lite, 56 of 59 of Django, each of more than 40 calls): what
  they show of other models, clients and everyday work is not known. In their sandboxes pytest is missing and
  edits are made by the shell, so `same_test_failed` and `edit_rejected` hardly occur.
- Eleven settings were looked at, so one that stands out may do so by chance.
- The runs are one agent's, the outcomes others': whether a setback goes with what the cloud makes of the same
  task is not known, so given the local outcome the two are taken as independent.
- What the cloud makes of a conversation that a local model began is not known either: it is taken to pass as
  often, and to need as many calls, as from the start, with that conversation before each of them.
- Local calls cost nothing here, energy and wear included, and nobody's time is counted.
- Calls and prompts are as recorded; the local window has 32,768 tokens unless `--local-context` says else.
- These turns open a conversation, so all of their prompt would have been new to the cloud at some time, and a
  move pays from its first setback on. In a long conversation the price does keep a turn where it is.
"""
INTRO = """\
# A turn that moves up on evidence

Made with `turnout bench setbacks --runs RUNS.jsonl.gz --markdown FILE`. Each recorded run is read and decided
call by call, as the endpoint would, as a turn that began on the local model. In the tables by systems every
issue of SWE-bench Verified begins locally (under `balanced` those that it would begin there) and is handed
over as the recorded runs are. All is charged in full: the cloud reads the whole conversation cold and has it
before each of its calls. A coin moves as many runs after as many calls, whatever becomes of them.
"""


def markdown(result: Result) -> str:
    """The page."""
    tables = "\n\n".join(table(sheet) for sheet in sheets(result))
    text = "\n\n".join(conclusions(result))
    return f"{INTRO}\n{text}\n\n{tables}\n\n## What this does not show\n\n{LIMITS}"


def _predicted(name: str, cuts: list[Prediction]) -> tuple[str, ...]:
    last = cuts[-1]
    counts = (
        f"{prediction.fired}, {prediction.failed} not resolved" if prediction.fired else "0"
        for prediction in cuts
    )
    return f"`{name}`", *counts, _percent(last.precision) if last.fired else "", _percent(last.recall)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        f"{row.starts.point:.0%}",
        _percent(row.stays),
        _percent(row.quality),
        _percent(row.kept),
        _usd(row.usd),
        _percent(row.saved),
        _percent(row.coin_kept) if row.coin_kept else "",
        _usd(row.coin_usd) if row.coin_usd else "",
    )


def _usd(interval: Interval) -> str:
    return f"{interval.point:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def _percent(interval: Interval) -> str:
    if isnan(interval.point):
        return ""
    # Adding 0 makes 0 of a -0.
    point, low, high = (round(100 * value) + 0 for value in (interval.point, interval.low, interval.high))
    return f"{point}% ({low} to {high})"
