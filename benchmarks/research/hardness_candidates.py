"""What is tried to tell from an ask's text how hard it is: what is read of it, and what is fitted on it.

All but the ridge regressions fit shares by log-loss. Penalties were not tuned on what came out.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers import ask_model
from classifiers.ask_text import SIGNS, signs

Floats = NDArray[np.float64]
Columns = NDArray[Any]
"""A row for each task: numbers, or its text."""

CONSTANT = "constant"
EDGE = 0.02
"""No prediction is surer than this: no rate here is known better."""
_CODE_LINES = SIGNS.index("code lines")
_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_CONSTRAINT = re.compile(
    r"\b(?:must|should|only|not|except|unless|without|at (?:least|most)|if|otherwise|each|every|all|any"
    r"|return|ignore|assume|given|where|when)\b",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(r"^\s*(?:>>>|assert\b)|[➞→]|==>|=>", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A way to predict: what is read of an ask, and what is fitted on it."""

    features: Callable[[Sequence[str]], Columns]
    fit: Callable[[Columns, Floats, Columns], Floats]
    """Columns and rates to fit on, columns to predict for; returns their rates."""


def candidates() -> Mapping[str, Candidate]:
    """The constant, and all that is tried against it."""
    model = ask_model.shipped()

    def vectors(asks: Sequence[str]) -> Columns:
        return np.array([model.embed(ask) for ask in asks])

    def alone(asks: Sequence[str]) -> Columns:
        probabilities = np.array([model.predict(ask).self_contained for ask in asks])
        return np.asarray(np.log(probabilities / (1 - probabilities))[:, None])

    def both(asks: Sequence[str]) -> Columns:
        return np.hstack([counts(asks), form(asks)])

    return MappingProxyType(
        {
            CONSTANT: Candidate(features=length, fit=_mean),
            "length": Candidate(features=length, fit=partial(_logistic, strength=0.1)),
            "counts": Candidate(features=counts, fit=partial(_logistic, strength=0.1)),
            "signs": Candidate(features=form, fit=partial(_logistic, strength=0.1)),
            "counts and signs": Candidate(features=both, fit=partial(_logistic, strength=0.1)),
            "counts and signs, ridge": Candidate(features=both, fit=_ridge),
            "words": Candidate(features=texts, fit=_words),
            "what the ask model says": Candidate(features=alone, fit=partial(_logistic, strength=0.1)),
            "the ask model's vectors": Candidate(features=vectors, fit=partial(_logistic, strength=1e-3)),
            "the ask model's vectors, ridge": Candidate(features=vectors, fit=_ridge),
        }
    )


def length(asks: Sequence[str]) -> Columns:
    """Characters, as their logarithm."""
    return np.array([[math.log1p(len(ask))] for ask in asks])


def form(asks: Sequence[str]) -> Columns:
    """The signs of the asks' form."""
    return np.array([signs(ask) for ask in asks])


def counts(asks: Sequence[str]) -> Columns:
    """What `_count` counts, as logarithms."""
    return np.log1p([_count(ask) for ask in asks])


def _count(ask: str) -> tuple[int, ...]:
    """Characters, lines, lines of code, numbers, words, distinct words, constraints, examples."""
    words = _WORD.findall(ask.lower())
    return (
        len(ask),
        ask.count("\n"),
        round(math.expm1(signs(ask)[_CODE_LINES])),
        len(_NUMBER.findall(ask)),
        len(words),
        len(set(words)),
        len(_CONSTRAINT.findall(ask)),
        len(_EXAMPLE.findall(ask)),
    )


def texts(asks: Sequence[str]) -> Columns:
    """The asks themselves."""
    return np.array(asks, dtype=object)


def _mean(_columns: Columns, rates: Floats, judged: Columns) -> Floats:
    return np.full(len(judged), np.clip(rates.mean(), EDGE, 1 - EDGE))


def _logistic(columns: Columns, rates: Floats, judged: Columns, *, strength: float) -> Floats:
    from sklearn.preprocessing import StandardScaler

    return _fit_shares(StandardScaler(), columns, rates, judged, strength)


def _words(columns: Columns, rates: Floats, judged: Columns) -> Floats:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return _fit_shares(TfidfVectorizer(min_df=2, sublinear_tf=True), columns, rates, judged, 1.0)


def _fit_shares(scale: Any, columns: Columns, rates: Floats, judged: Columns, strength: float) -> Floats:
    """Fit shares: each task is two examples, one that passes and one that fails, weighted."""
    from sklearn.linear_model import LogisticRegression

    scaled = scale.fit_transform(columns)
    rows = np.concatenate([np.arange(len(rates))] * 2)
    model = LogisticRegression(C=strength, max_iter=1_000)
    weights = np.concatenate([rates, 1 - rates])
    model.fit(scaled[rows], np.repeat([1, 0], len(rates)), sample_weight=weights)
    return np.asarray(np.clip(model.predict_proba(scale.transform(judged))[:, 1], EDGE, 1 - EDGE))


def _ridge(columns: Columns, rates: Floats, judged: Columns) -> Floats:
    """Ridge regression; its penalty is chosen by leaving one out among what it is fitted on."""
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import StandardScaler

    scale = StandardScaler().fit(columns)
    model = RidgeCV(alphas=np.logspace(0, 5, 11)).fit(scale.transform(columns), rates)
    return np.asarray(np.clip(model.predict(scale.transform(judged)), EDGE, 1 - EDGE))
