"""The everyday suite: broad, balanced, labelled, and unknown to the corpus that classifiers learn from."""

import json
from collections import Counter, defaultdict

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites import everyday, humaneval
from classifiers.corpus import load_asks, load_sessions, near_duplicates


@pytest.fixture(scope="module")
def asks():
    return everyday.load()


def test_it_is_broad_and_balanced(asks):
    assert len(asks) == len({ask.id for ask in asks}) == 320
    kinds = Counter(ask.ask.kind for ask in asks)
    assert len(kinds) >= 20
    assert min(kinds.values()) >= 10
    assert len({ask.ask.human for ask in asks}) >= 12
    assert len({ask.ask.code for ask in asks} - {"none"}) >= 12
    labels = Counter(ask.label for ask in asks)
    assert labels["self-contained"] == labels["repository"] == 160


def test_neither_its_language_nor_its_register_gives_the_label_away(asks):
    labels = defaultdict(list)
    for ask in asks:
        labels[ask.ask.human].append(ask.label == "self-contained")
        if ask.ask.register in {"plain", "terse", "casual"}:
            labels[ask.ask.register].append(ask.label == "self-contained")
    for name, own in labels.items():
        assert 0.3 <= sum(own) / len(own) <= 0.7, name


def test_training_has_seen_none_of_it(asks):
    texts = [ask.ask.text for ask in asks]
    corpus = load_asks()
    assert not {ask.ask.kind for ask in asks} & {ask.kind for ask in corpus}
    known = [ask.text for ask in corpus]
    known += [turn.text for session in load_sessions() for turn in session.turns]
    known += [problem.ask for problem in humaneval.problems()]
    pairs = near_duplicates([*texts, *known], share=0.3)
    assert [(one, other) for one, other in pairs if one < len(texts)] == []


def test_its_problems_are_asked_as_they_stand(asks):
    problems = list(everyday.problems())
    assert [(problem.id, problem.ask, problem.label) for problem in problems] == [
        (ask.id, ask.ask.text, ask.label) for ask in asks
    ]
    dialect, _, body = everyday.request(problems[0], "bare")
    assert dialect == "openai_chat"
    assert json.loads(body)["messages"] == [{"role": "user", "content": problems[0].ask}]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"label": "either", "tips": "size"}, "label is 'either'"),
        ({"label": "local"}, "label is 'local'"),
        ({"ask": ""}, "needs the fields"),
    ],
)
def test_a_wrong_line_is_refused_by_its_number(tmp_path, change, named):
    file = tmp_path / "asks.jsonl"
    first = everyday.ASKS.read_text(encoding="utf-8").splitlines()[0]
    file.write_text(f"{first}\n{json.dumps(json.loads(first) | change)}\n")
    with pytest.raises(BenchmarkError, match=r"asks\.jsonl:2: ") as refusal:
        everyday.load(file)
    assert named in str(refusal.value)
