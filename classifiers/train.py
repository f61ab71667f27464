"""Trains the sufficiency classifier and says honestly what it reached.

The only file here that needs scikit-learn; nothing that serves imports it. Rules that hold here:

- A row's `label` is a share: of the tries in which the cloud model passed, how often the local
  one passed, too. It is trained as two weighted examples, one of each class.
- Every figure is of rows that the model had not seen: folds never share a repository or benchmark.
- Words must beat the counts alone in held-out log-loss and AUC, or the counts alone ship.
"""

import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from classifiers.artefact import Artefact, Number, Word, dump
from classifiers.features import Features
from classifiers.rules import RuleClassifier
from classifiers.sufficiency import COUNTS, READS, RULES, measure
from classifiers.sufficiency import words as find_words

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Parts = tuple[str, ...]
"""Of `counts`, `rules` and `words`."""
Predict = Callable[[Sequence[Features]], Array]
"""Features in, probabilities out, one each."""

WORD_ROWS = 0.02
"""Share of the rows a word must be in ..."""
WORD_GROUPS = 4
"""... and how many repositories or benchmarks, so that no project's own names are learnt."""
BINS = 8
RESAMPLES = 1_000
_EDGE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request with what became of its task."""

    task: str
    group: str
    """Repository or benchmark: never on both sides of a fold."""
    source: str
    """Where the outcome is from; figures are given for each."""
    features: Features
    label: float
    """Share in 0..1: the local model passes where the cloud model passes."""
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A candidate on rows it had not seen."""

    name: str
    log_loss: float
    brier: float
    auc: float
    within: dict[str, float]
    """AUC among the rows of one source."""
    better: tuple[float, float, float]
    """Log-loss less than that of the counts alone: mean and 95% interval over tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A stretch of predictions, and what came of them."""

    said: float
    was: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How the candidates did on held-out rows, and which one ships."""

    rows: dict[str, int]
    """By source."""
    share: dict[str, float]
    """By source: the label, weighted."""
    folds: list[list[str]]
    """The groups held out together."""
    scores: list[Score]
    ships: str
    calibration: list[Bin]
    at: dict[str, dict[str, float]]
    """By threshold and source: share of held-out rows whose probability reaches it."""
    data: str
    """Hash of the rows."""


def train(rows: Sequence[Row], progress: Callable[[str], None] = lambda _: None) -> tuple[Artefact, Report]:
    """Compare the candidates on held-out rows, then fit what ships on all.

    Args:
        rows: of three groups or more.
        progress: Called with each step, for a person who waits.
    """
    predictions = {name: _held_out(rows, candidate, name, progress) for name, candidate in CANDIDATES.items()}
    scores = [_score(rows, name, predictions[name], predictions[LOGISTIC]) for name in CANDIDATES]
    ships = _choose({score.name: score for score in scores})
    progress(f"fitting {ships} on all rows")
    report = Report(
        rows=_by_source(rows, len),
        share=_by_source(rows, lambda subset: float(np.average(_labels(subset), weights=_weights(subset)))),
        folds=[sorted({rows[at].group for at in out}) for _, out in _splits(rows)],
        scores=scores,
        ships=ships,
        calibration=_calibration(rows, predictions[ships]),
        at={
            f"{threshold:.2f}": _reach(rows, predictions[ships] >= threshold)
            for threshold in (0.55, 0.62, 0.70, 0.75)
        },
        data=_data_hash(rows),
    )
    return export(fit(rows, MODELS[ships]), report), report


def _choose(scores: dict[str, Score]) -> str:
    """The plain logistic regression, unless another beats all that are simpler in log-loss and in AUC."""
    best = LOGISTIC
    for name in MODELS:
        candidate, so_far = scores[name], scores[best]
        if candidate.log_loss < so_far.log_loss and candidate.auc > so_far.auc:
            best = name
    return best


def fit(rows: Sequence[Row], parts: Parts) -> Pipeline:
    """Fit on `rows`. Logistic regression minimises log-loss, so nothing calibrates it afterwards."""
    numbers = [*(COUNTS if "counts" in parts else ()), *((RULES,) if "rules" in parts else ())]
    steps: list[tuple[str, Pipeline]] = [
        (
            "numbers",
            Pipeline(
                [
                    ("take", FunctionTransformer(_numbers, kw_args={"names": numbers})),
                    ("scale", StandardScaler()),
                ]
            ),
        )
    ]
    vocabulary = _vocabulary(rows) if "words" in parts else []
    if vocabulary:
        count = TfidfVectorizer(analyzer=_words, vocabulary=vocabulary, binary=True)
        steps.append(("words", Pipeline([("take", FunctionTransformer(_asks)), ("count", count)])))
    model = Pipeline([("read", FeatureUnion(steps)), ("weigh", LogisticRegression(max_iter=2_000))])
    examples, labels, weights = _examples(range(len(rows)), rows)
    return model.fit([rows[at].features for at in examples], labels, weigh__sample_weight=weights)


def export(pipeline: Pipeline, report: Report | None = None) -> Artefact:
    """The same model as plain numbers."""
    union, last = pipeline["read"], pipeline["weigh"]
    coefficients = last.coef_[0]
    steps = dict(union.transformer_list)
    numeric = steps["numbers"]
    scale, names = numeric["scale"], numeric["take"].kw_args["names"]
    numbers = {
        name: Number(weight=float(coefficients[at] / scale.scale_[at]), mean=float(scale.mean_[at]))
        for at, name in enumerate(names)
    }
    table: dict[str, Word] = {}
    if "words" in steps:
        vectorizer = steps["words"]["count"]
        table = {
            word: Word(idf=float(vectorizer.idf_[at]), weight=float(coefficients[len(names) + at]))
            for word, at in sorted(vectorizer.vocabulary_.items())
        }
    versions = {"python": platform.python_version(), "scikit_learn": sklearn.__version__}
    return Artefact(
        intercept=float(last.intercept_[0]),
        numbers=numbers,
        words=table,
        card={"made_with": versions} | (asdict(report) if report else {}),
    )


def written(artefact: Artefact) -> str:
    """The artefact as the file that ships."""
    return dump(artefact, READS)


_judge = lru_cache(maxsize=10_000)(RuleClassifier().classify)
_words = lru_cache(maxsize=10_000)(find_words)


def _numbers(features: Sequence[Features], names: Sequence[str]) -> Array:
    measured = [measure(item, _judge(item)) for item in features]
    return np.array([[item[name] for name in names] for item in measured])


def _asks(features: Sequence[Features]) -> list[str]:
    return [item.ask for item in features]


def _vocabulary(rows: Sequence[Row]) -> list[str]:
    """Words that are common and belong to no single project, from the rows that are fitted alone."""
    asks = {(row.task, row.group): row.features.ask for row in rows}
    groups_of: dict[str, list[str]] = {}
    for (_, group), ask in asks.items():
        for word in _words(ask):
            groups_of.setdefault(word, []).append(group)
    least = WORD_ROWS * len(asks)
    return sorted(
        w for w, groups in groups_of.items() if len(groups) >= least and len(set(groups)) >= WORD_GROUPS
    )


def _splits(rows: Sequence[Row]) -> Iterator[tuple[Indices, Indices]]:
    groups = [row.group for row in rows]
    yield from GroupKFold(n_splits=len(set(groups))).split(rows, groups=groups)


def _examples(places: Sequence[int], rows: Sequence[Row]) -> tuple[Indices, Array, Array]:
    """Rows as weighted examples of both classes: which row, which class, what weight (1 on average)."""
    examples = [
        (at, kind, rows[at].weight * share)
        for at in places
        for kind, share in ((1.0, rows[at].label), (0.0, 1 - rows[at].label))
        if rows[at].weight * share > 0
    ]
    which, labels, weights = (np.array(column) for column in zip(*examples, strict=True))
    return which, labels, weights * len(weights) / weights.sum()


def _held_out(
    rows: Sequence[Row],
    candidate: "Callable[[Sequence[Row]], Predict]",
    name: str,
    progress: Callable[[str], None],
) -> Array:
    """What a candidate says of each row, made from folds without the row's group."""
    predicted = np.zeros(len(rows))
    for number, (inside, outside) in enumerate(_splits(rows), 1):
        progress(f"{name}: fold {number}")
        predict = candidate([rows[at] for at in inside])
        predicted[outside] = predict([rows[at].features for at in outside])
    return predicted.clip(_EDGE, 1 - _EDGE)


def _constant(rows: Sequence[Row]) -> Predict:
    share = float(np.average(_labels(rows), weights=_weights(rows)))
    return lambda features: np.full(len(features), share)


def _fit_predict(rows: Sequence[Row], parts: Parts) -> Predict:
    model = fit(rows, parts)
    return lambda features: model.predict_proba(list(features))[:, 1]


def _rules(rows: Sequence[Row]) -> Predict:
    del rows
    return lambda features: np.array([_judge(item).p_local for item in features])


LOGISTIC = "logistic regression on the counts"
MODELS: dict[str, Parts] = {
    LOGISTIC: ("counts",),
    "rules, calibrated": ("rules",),
    "counts and rules": ("counts", "rules"),
    "counts and words": ("counts", "words"),
    "counts, rules and words": ("counts", "rules", "words"),
}
"""What may ship, the simplest first."""
_BASELINES: dict[str, Callable[[Sequence[Row]], Predict]] = {"constant": _constant, "rules": _rules}
CANDIDATES = _BASELINES | {name: partial(_fit_predict, parts=parts) for name, parts in MODELS.items()}


def _score(rows: Sequence[Row], name: str, predicted: Array, base: Array) -> Score:
    which, labels, weights = _examples(range(len(rows)), rows)
    within = {
        source: _auc(rows, [at for at, row in enumerate(rows) if row.source == source], predicted)
        for source in sorted({row.source for row in rows})
    }
    return Score(
        name=name,
        log_loss=float(log_loss(labels, predicted[which], sample_weight=weights)),
        brier=float(np.average((labels - predicted[which]) ** 2, weights=weights)),
        auc=float(roc_auc_score(labels, predicted[which], sample_weight=weights)),
        within=within,
        better=_better(rows, predicted, base),
    )


def _auc(rows: Sequence[Row], places: Sequence[int], predicted: Array) -> float:
    which, labels, weights = _examples(places, rows)
    return float(roc_auc_score(labels, predicted[which], sample_weight=weights))


def _better(rows: Sequence[Row], predicted: Array, base: Array) -> tuple[float, float, float]:
    """How much lower the log-loss is, with a bootstrap over tasks (paired)."""
    labels, weights = _labels(rows), _weights(rows)
    gain = weights * (_cross_entropy(labels, base) - _cross_entropy(labels, predicted))
    tasks = {task: at for at, task in enumerate(sorted({row.task for row in rows}))}
    place = np.array([tasks[row.task] for row in rows])
    gains = np.bincount(place, gain)
    mass = np.bincount(place, weights)
    drawn = np.random.default_rng(0).integers(0, len(tasks), (RESAMPLES, len(tasks)))
    means = gains[drawn].sum(1) / mass[drawn].sum(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(gains.sum() / mass.sum()), float(low), float(high)


def _calibration(rows: Sequence[Row], predicted: Array) -> list[Bin]:
    parts = np.array_split(np.argsort(predicted, kind="stable"), BINS)
    labels, weights = _labels(rows), _weights(rows)
    return [
        Bin(
            said=float(np.average(predicted[part], weights=weights[part])),
            was=float(np.average(labels[part], weights=weights[part])),
            rows=len(part),
        )
        for part in parts
    ]


def _reach(rows: Sequence[Row], reached: Iterable[bool]) -> dict[str, float]:
    """By source, the share of rows that reach it."""
    flags: dict[str, list[float]] = {}
    for row, flag in zip(rows, reached, strict=True):
        flags.setdefault(row.source, []).append(float(flag))
    return {source: float(np.mean(flags[source])) for source in sorted(flags)}


def _by_source(rows: Sequence[Row], aggregate: Callable[[list[Row]], Any]) -> dict[str, Any]:
    sources = sorted({row.source for row in rows})
    return {source: aggregate([row for row in rows if row.source == source]) for source in sources}


def _labels(rows: Sequence[Row]) -> Array:
    return np.array([row.label for row in rows])


def _weights(rows: Sequence[Row]) -> Array:
    return np.array([row.weight for row in rows])


def _cross_entropy(labels: Array, predicted: Array) -> Array:
    return -(labels * np.log(predicted) + (1 - labels) * np.log(1 - predicted))


def _data_hash(rows: Sequence[Row]) -> str:
    content = [
        (
            row.task,
            row.label,
            row.weight,
            measure(row.features, _judge(row.features)),
            sorted(_words(row.features.ask)),
        )
        for row in rows
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
