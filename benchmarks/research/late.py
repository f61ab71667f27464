"""Whether a run that goes wrong shows it early: "will not be resolved", told after 10, 20 and 40 model calls.

Each recorded run is read as it stood after so many calls, with the reader that serves; a plain
logistic regression over a few of its features, fixed beforehand, scores runs it was not fitted
on. What it must beat: the calls so far, which are the same for every run at a cut (AUC 0.5),
and the calls of the whole run, which nobody knows at the time. Runs are drawn with
replacement for the intervals.
"""

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log1p
from pathlib import Path
from typing import Any

from benchmarks.evaluation.stats import auc
from benchmarks.research.recorded_runs import recorded_runs
from classifiers.features import Features
from router.features.extractor import FeatureExtractor
from router.training.envelopes import model_request
from router.types import ModelRequest

CUTS = (10, 20, 40)
FIELDS = ("context_tokens", "files", "files_edited", "tool_errors", "repeats", "error_streak")
"""Chosen before any result was seen: size, breadth, change, trouble."""
_FOLDS = 5
_REPEATS = 20
_DRAWS = 2_000
_ENDS = (0.025, 0.975)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A recorded run, read at several cuts."""

    name: str
    resolved: bool
    calls: int
    group: str
    """What it worked on: repository and package, from the diff it ended with. Never split over folds."""
    features: dict[int, Features]
    """By cut; a run that ended earlier has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """An area under the ROC curve with its 95 % bootstrap interval."""

    name: str
    cut: int
    runs: int
    unresolved: int
    auc: float
    low: float
    high: float


def load(path: Path) -> list[Run]:
    """Read recorded runs.

    Raises:
        BenchmarkError: see `recorded_runs`.
    """
    return [_run(row) for row in recorded_runs(path)]


def _run(record: Mapping[str, Any]) -> Run:
    messages = record["messages"]
    calls = [at for at, message in enumerate(messages) if message["role"] == "assistant"]
    reader = FeatureExtractor(count_bytes=0)
    return Run(
        name=record["instance_id"],
        resolved=bool(record["resolved"]),
        calls=len(calls),
        group=_group(messages[-1]["content"]),
        features={cut: reader.read(_request(messages[: calls[cut]])) for cut in CUTS if cut < len(calls)},
    )


def _group(diff: str) -> str:
    """The package that a diff changes first, as `django/db`."""
    match = re.search(r"^diff --git a/(\S+)", diff, re.MULTILINE)
    return "/".join(match[1].split("/")[:2]) if match else ""


def _request(messages: list[dict[str, Any]]) -> ModelRequest:
    stripped = [{key: value for key, value in message.items() if key != "usage"} for message in messages]
    return model_request(json.dumps({"messages": stripped}).encode())


def auc_of(scores: Sequence[float], positive: Sequence[bool]) -> float:
    """Return the AUC of labelled scores; 0.5 where one of the labels is missing."""
    ups = [score for score, label in zip(scores, positive, strict=True) if label]
    downs = [score for score, label in zip(scores, positive, strict=True) if not label]
    return auc(downs, ups) if ups and downs else 0.5


def interval(scores: Sequence[float], positive: Sequence[bool], *, seed: int = 0) -> tuple[float, float]:
    """The 95 % bootstrap interval of `auc_of`, over runs."""
    dice = random.Random(seed)  # noqa: S311  # draws that can be repeated, nothing secret
    several = range(len(scores))
    drawn = []
    for _ in range(_DRAWS):
        chosen = dice.choices(several, k=len(scores))
        drawn.append(auc_of([scores[at] for at in chosen], [positive[at] for at in chosen]))
    drawn.sort()
    low, high = (drawn[int(end * (_DRAWS - 1))] for end in _ENDS)
    return low, high


def held_out(rows: list[list[float]], positive: list[bool], groups: list[str]) -> list[float]:
    """Score each row by models fitted without its group: the mean over several ways to fold."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scores = [0.0] * len(rows)
    for seed in range(_REPEATS):
        folds = StratifiedGroupKFold(n_splits=_FOLDS, shuffle=True, random_state=seed)
        for train, test in folds.split(rows, positive, groups):
            # Balanced, so that a fold's share of failures does not shift its scores against others'.
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced"))
            model.fit([rows[at] for at in train], [positive[at] for at in train])
            probabilities = model.predict_proba([rows[at] for at in test])
            for at, chances in zip(test, probabilities, strict=True):
                scores[at] += float(chances[1]) / _REPEATS
    return scores


def evaluate(runs: list[Run]) -> Iterator[Score]:
    """Score every cut: the features, each feature alone, and what they must beat."""
    for cut in CUTS:
        there = [run for run in runs if cut in run.features]
        lost = [not run.resolved for run in there]
        rows = [[log1p(getattr(run.features[cut], name)) for name in FIELDS] for run in there]
        columns = {name: [row[at] for row in rows] for at, name in enumerate(FIELDS)}
        for name, scores in (
            ("calls so far", [float(cut)] * len(there)),
            ("calls of the whole run (hindsight)", [float(run.calls) for run in there]),
            ("features, held out", held_out(rows, lost, [run.group for run in there])),
            *((f"{name} alone", values) for name, values in columns.items()),
        ):
            low, high = interval(scores, lost)
            yield Score(
                name=name,
                cut=cut,
                runs=len(there),
                unresolved=sum(lost),
                auc=auc_of(scores, lost),
                low=low,
                high=high,
            )


def markdown(scores: list[Score]) -> str:
    """One row a signal, one column a cut."""
    cuts = sorted({score.cut for score in scores})
    lines = [
        "| signal | " + " | ".join(f"after {cut} calls" for cut in cuts) + " |",
        "|---" * (len(cuts) + 1) + "|",
    ]
    for name in dict.fromkeys(score.name for score in scores):
        cells = [
            f"{score.auc:.2f} ({score.low:.2f}-{score.high:.2f})" for score in scores if score.name == name
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
