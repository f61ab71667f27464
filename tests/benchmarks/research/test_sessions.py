"""Labelled sessions, decided ask by ask."""

import json
from dataclasses import asdict

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites.rows import rows
from benchmarks.research.everyday import Options
from benchmarks.research.everyday_report import markdown
from benchmarks.research.sessions import CLIENTS, SESSIONS, run
from classifiers.corpus import load_asks, load_follow_ups, load_sessions, near_duplicates

LEAST = 0.84
"""The least share decided as labelled; benchmarks/results/sessions.md has the figures."""
SESSION = {
    "human": "en",
    "asks": [
        {"ask": "Write a function that doubles a number.", "relation": "first", "label": "self-contained"},
        {"ask": "Refactor the whole repository.", "relation": "changes", "label": "repository"},
        {"ask": "hello", "relation": "changes", "label": "either"},
    ],
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sessions.jsonl"
    path.write_text(json.dumps(SESSION) + "\n")
    return path


def recorded():
    return [turn["ask"] for row in rows(SESSIONS, ("asks",)) for turn in row["asks"]]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_file_of_ones_own_is_counted_by_hand(file, client):
    result = run(Options(asks=file, classifier="rules", clients=(client,)))
    assert [(ask.id, ask.kind, ask.track) for ask in result.decisions] == [
        ("1/1", "first", "local"),
        ("1/2", "changes", "cloud"),
    ]
    assert (result.source, result.left_out) == ("1 sessions", 1)
    assert [group.name for group in result.groups["kind"]] == ["first", "changes"]


@pytest.mark.timeout(300)  # 1,288 asks are read
def test_all_asks_of_the_sessions_recorded_are_decided():
    count = sum(len(row["asks"]) for row in rows(SESSIONS, ("asks",)))
    result = run(Options())
    assert result.total.all.of == count >= 900
    share = result.total.all.right / count
    assert share >= LEAST, share
    shown = markdown(result) + json.dumps(asdict(result))
    assert "Each ask comes after those before it" in shown
    assert not [text for text in recorded() if len(text) > 20 and text in shown]


def test_nothing_of_the_corpus_is_in_them():
    known = [ask.text for ask in load_asks()]
    known += [turn.text for session in load_sessions() for turn in session.turns]
    known += [follow_up.text for follow_up in load_follow_ups()]
    leaked = near_duplicates([*known, *recorded()], share=0.5)
    # "why?" is asked in every session.
    assert [known[one] for one, other in leaked if one < len(known) <= other and len(known[one]) > 20] == []


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("", "has no session"),
        ('{"human": "en"}', "row 1: has no asks"),
        ('{"human": "en", "asks": []}', "row 1: needs human, and two to 5 asks"),
        ("{", "cannot be read"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, content, named):
    file = tmp_path / "sessions.jsonl"
    file.write_text(content)
    with pytest.raises(BenchmarkError, match=named):
        run(Options(asks=file))


def test_a_client_that_takes_one_ask_is_refused(file):
    with pytest.raises(BenchmarkError, match="--client: 'mini-swe-agent' is not known; there are bare"):
        run(Options(asks=file, clients=("mini-swe-agent",)))
