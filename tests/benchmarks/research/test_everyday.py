"""Labelled asks, decided one by one."""

import gzip
import json
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites import everyday as suite
from benchmarks.research.everyday import Options, run
from benchmarks.research.everyday_report import markdown, render
from classifiers.artefact import dump, shipped
from classifiers.sufficiency import READS

ASKS = (
    {"id": "a", "kind": "one", "label": "local", "ask": "Write a function that doubles a number."},
    {"id": "b", "kind": "one", "label": "local", "ask": "frobnicate?"},
    {"id": "c", "kind": "two", "label": "cloud", "ask": "Refactor the whole repository.", "human": "en"},
    {"id": "d", "kind": "two", "label": "either", "ask": "hello"},
)


@pytest.fixture
def asks(tmp_path):
    file = tmp_path / "asks.jsonl.gz"
    with gzip.open(file, "wt") as lines:
        lines.writelines(json.dumps(ask) + "\n" for ask in ASKS)
    return file


def test_a_file_of_ones_own_is_counted_by_hand(asks):
    result = run(Options(asks=asks, classifier="rules"))
    assert (result.source, result.left_out) == ("asks.jsonl.gz", 1)
    assert {ask.id: (ask.track, ask.is_right) for ask in result.decisions} == {
        "a": ("local", True),
        "b": ("cloud", False),
        "c": ("cloud", True),
    }
    one, two = result.groups["kind"]
    assert (one.name, one.self_contained.right, one.self_contained.of, one.repository.of) == ("one", 1, 2, 0)
    assert (two.name, two.repository.right, two.repository.of, two.self_contained.of) == ("two", 1, 1, 0)
    assert (round(result.total.all.low, 2), round(result.total.all.high, 2)) == (0.21, 0.94)
    assert [group.name for group in result.groups["human"]] == ["not stated", "en"]


def test_several_clients_are_no_more_evidence_on_a_kind_than_one(asks):
    result = run(Options(asks=asks, clients=("claude-code", "bare", "bare")))
    assert [group.name for group in result.groups["client"]] == ["claude-code", "bare"]
    assert len(result.decisions) == 2 * 3
    assert result.total.all.of == sum(group.all.of for group in result.groups["kind"]) == 3
    assert "as claude-code sends them" in markdown(result)


def test_the_suite_is_decided_by_the_classifier_and_policy_that_are_named(tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text(dump(replace(shipped(), intercept=-20.0), READS))
    result = run(Options(classifier="sufficiency", classifier_file=str(broken)))
    assert (result.total.self_contained.right, result.total.repository.right) == (0, 160)
    assert result.classifier.startswith("sufficiency@")
    stay = tmp_path / "stay.yaml"
    stay.write_text("name: stay\notherwise: {to: local, why: stays}\n")
    assert run(Options(policy=str(stay))).total.self_contained.right == 160


def test_what_is_shown_holds_no_ask():
    result = run(Options())
    printed = StringIO()
    render(result, Console(file=printed, width=200))
    shown = markdown(result) + printed.getvalue() + json.dumps(asdict(result))
    assert "By programming language" in shown
    assert [ask.id for ask in suite.load() if ask.ask.text in shown] == []
    assert str(Path.cwd()) not in shown


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            {"label": "maybe"},
            "row 2: label is 'maybe'; one of self-contained, repository, local, cloud, either",
        ),
        ({"kind": None}, "row 2: has no kind"),
        *(({"ask": ask}, "row 2: ask is empty or no text; write what is asked") for ask in ("", " \n", 3)),
        ({"ask": "", "label": "either"}, "row 2: ask is empty or no text"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, change, named):
    file = tmp_path / "asks.jsonl"
    wrong = {key: value for key, value in (ASKS[1] | change).items() if value is not None}
    file.write_text(f"{json.dumps(ASKS[0])}\n{json.dumps(wrong)}\n")
    with pytest.raises(BenchmarkError, match=named):
        run(Options(asks=file))
    file.write_text(json.dumps(ASKS[3]))
    with pytest.raises(BenchmarkError, match="has no labelled ask"):
        run(Options(asks=file))
    with pytest.raises(BenchmarkError, match="--client: 'emacs' is not known; there are bare"):
        run(Options(clients=("emacs",)))
