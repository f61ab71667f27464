"""The estimator against its definition: how often k answers drawn from n hold one that passes."""

from itertools import combinations

import pytest

from benchmarks.live.passk import mean_pass_at_k, pass_at_k


@pytest.mark.parametrize(("n", "c", "k"), [(1, 0, 1), (1, 1, 1), (5, 2, 1), (5, 2, 3), (8, 1, 8), (10, 3, 4)])
def test_it_is_the_share_of_draws_with_a_pass(n, c, k):
    answers = [True] * c + [False] * (n - c)
    draws = list(combinations(answers, k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(any(draw) for draw in draws) / len(draws))


def test_pass_at_1_is_the_plain_share():
    assert pass_at_k(20, 7, 1) == pytest.approx(7 / 20)


@pytest.mark.parametrize(("n", "c", "k"), [(2, 3, 1), (2, -1, 1), (2, 1, 3), (2, 1, 0)])
def test_what_cannot_be_is_refused(n, c, k):
    with pytest.raises(ValueError, match=r"c must be 0\.\.n|answers a task"):
        pass_at_k(n, c, k)


def test_tasks_with_too_few_answers_are_left_out():
    assert mean_pass_at_k([(1, 1), (4, 2), (4, 0)], 4) == pytest.approx(0.5)
    assert mean_pass_at_k([(1, 1)], 2) is None
