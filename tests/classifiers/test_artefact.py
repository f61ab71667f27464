"""What an artefact must be to be served, and that it is refused in words otherwise."""

import json

import pytest

from classifiers.artefact import Artefact, ArtefactRefused, Number, Word, dump, parse, shipped
from classifiers.sufficiency import READS

SMALL = Artefact(
    intercept=0.5,
    numbers={"files": Number(weight=-0.25, mean=0.1)},
    words={"traceback": Word(idf=2.0, weight=-1.5)},
    card={"ships": "something"},
)


def changed(**fields) -> str:
    return json.dumps(json.loads(dump(SMALL, READS)) | fields)


def test_what_is_written_is_read_again():
    assert parse(dump(SMALL, READS)) == SMALL


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (changed(format=2), "format 2"),
        (changed(schema="0" * 16), "trained on other features"),
        (changed(reads=[*READS, "moon_phase"]), "trained on other features"),
        (changed(numbers={"files": {"weight": 1}}), "not a trained classifier"),
        (changed(intercept="much"), "not a trained classifier"),
        ("[]", "not a trained classifier"),
        ("{}", "not a trained classifier"),
        ("{", "not a trained classifier"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_remedy(text, why):
    with pytest.raises(ArtefactRefused, match=why) as refused:
        parse(text)
    assert "turnout classifier train" in str(refused.value)


def test_the_shipped_one_fits_the_features_and_is_small():
    artefact = shipped()
    assert artefact.numbers
    assert len(dump(artefact, READS)) < 300_000
    assert artefact.card["ships"] in {score["name"] for score in artefact.card["scores"]}
