"""A mix said by hand, and one read from a ledger's turns."""

import pytest

from benchmarks.evaluation.traffic import from_rows, parse
from router.errors import Misconfigured


def row(turn, work, conversation="c"):
    return {"team": "t", "conversation": conversation, "turns": turn, "work": work}


def test_a_mix_is_proportions():
    assert parse("humaneval=3,swebench=1").mix == {"humaneval": 0.75, "swebench": 0.25}
    assert parse(" swebench=0.2, mbpp=0 ").mix == {"swebench": 1}


@pytest.mark.parametrize("text", ["humaneval", "humaneval=x", "other=1", "humaneval=-1", "humaneval=inf"])
def test_what_is_no_mix_is_refused_with_an_example(text):
    with pytest.raises(Misconfigured, match="humaneval=1,swebench=1"):
        parse(text)
    with pytest.raises(Misconfigured, match="all shares are 0"):
        parse("humaneval=0")


def test_no_mix_is_half_and_half_or_all_of_ones_own():
    assert parse("").mix == {"humaneval": 0.5, "swebench": 0.5}
    assert parse("", "ours").mix == {"ours": 1}


def test_a_turn_counts_once_as_what_it_turned_out_to_be():
    rows = [row(1, "self-contained"), row(1, "crosses-files"), row(2, "question"), row(2, "question")] * 20
    traffic = from_rows([turn | {"conversation": at // 4} for at, turn in enumerate(rows)])
    assert traffic.mix == {"humaneval": 0.5, "swebench": 0.5}
    assert "40 user turns" in traffic.words
    assert "crosses-files 20" in traffic.words


def test_side_requests_are_no_tasks_and_what_is_unknown_is_counted_as_hard():
    kinds = ["self-contained"] * 30 + ["unknown", None, "of-a-later-version"] * 10 + ["side-request"] * 40
    traffic = from_rows(row(turn, work) for turn, work in enumerate(kinds))
    assert traffic.mix == {"humaneval": 0.5, "swebench": 0.5}


def test_a_ledger_with_too_little_in_it_says_so():
    with pytest.raises(Misconfigured, match="holds 5 user turns"):
        from_rows(row(turn, "question") for turn in range(5))
