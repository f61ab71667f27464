"""Training: what serves says what scikit-learn says, and folds keep groups apart."""

import random

import pytest

from classifiers.artefact import parse
from classifiers.features import Features
from classifiers.sufficiency import SufficiencyClassifier
from classifiers.train import MODELS, Row, export, fit, train, written

WORDS = ("function", "returns", "list", "number", "raises", "error", "module", "tests", "query", "model")
ASKS = (
    "Write a function that returns the list.",
    "Traceback (most recent call last): see #12345",
    "Mend it.",
)


def make_rows(count: int, seed: int = 0) -> list[Row]:
    """Rows whose outcome follows the number of files and the words `error` and `list`."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        ask = f"{rng.choice(ASKS)} {' '.join(rng.choices(WORDS, k=8))}"
        files = rng.choice((0, 0, 1, 3, 9))
        odds = 1.5 - 0.3 * files - 1.2 * ("error" in ask) + 0.8 * ("list" in ask)
        rows.append(
            Row(
                task=f"t{number}",
                group=f"g{number % 6}",
                source="near" if number % 6 < 3 else "far",
                features=Features(
                    ask=ask, files=files, tool_calls=rng.randrange(40), turns=1, files_named=rng.randrange(4)
                ),
                label=rng.choice((0.0, 0.25, 1.0)) if odds > 0 else 0.0,
                weight=rng.choice((0.5, 1.0)),
            )
        )
    return rows


@pytest.mark.parametrize("parts", MODELS.values(), ids=MODELS)
def test_what_serves_says_what_scikit_learn_says(parts):
    model = fit(make_rows(400), parts)
    text = written(export(model))
    classifier = SufficiencyClassifier(lambda: parse(text))
    others = [row.features for row in make_rows(300, seed=1)] + [Features(), Features(ask="!", files=10_000)]
    predicted = model.predict_proba(others)[:, 1]
    for features, p_local in zip(others, predicted, strict=True):
        assert classifier.classify(features).p_local == pytest.approx(p_local, abs=1e-9)


def test_the_report_is_of_rows_whose_group_was_held_out():
    rows = make_rows(120)
    artefact, report = train(rows)
    assert sorted(group for fold in report.folds for group in fold) == [f"g{n}" for n in range(6)]
    assert [item.name for item in report.scores] == ["constant", "rules", *MODELS]
    assert report.rows == {"far": 60, "near": 60}
    assert sum(item.rows for item in report.calibration) == 120
    assert artefact.card["ships"] == report.ships


def test_a_word_of_one_project_is_not_learnt():
    rows = [
        Row(
            task=f"t{number}",
            group=f"g{number % 6}",
            source="all",
            features=Features(ask=f"common {'zebra' if number % 6 == 0 else 'other'} words"),
            label=float(number % 2),
            weight=1.0,
        )
        for number in range(60)
    ]
    assert export(fit(rows, ("counts", "words"))).words.keys() == {"common", "other", "words"}
