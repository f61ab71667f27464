"""The bound holds: in worlds whose truth is known, and by the arithmetic it rests on."""

from math import inf, log

import numpy as np
import pytest

from benchmarks.evaluation.tune.risk import (
    BETS,
    Bound,
    branches,
    certify,
    evidence,
    growth,
    shortfall,
    times_needed,
)

WORLDS = 500
FRACTIONS = np.linspace(0, 1, 21)
"""Of the self-contained tasks, how many a setting keeps local: the easiest for the local model first."""


def world(dice, *, tasks, slope, cloud=0.9):
    """Two suites: one of which a growing part goes local, with a growing harm; one that stays on the cloud.

    Returns the outcomes (settings, tasks), the cloud's, who is at risk, the weights, and the true losses.
    """
    ease = dice.random(tasks)  # uniform, so that the true loss is known in closed form
    local_passes = dice.random(tasks) < np.clip(cloud + 0.02 - slope * ease, 0, 1)
    cloud_passes = (dice.random(2 * tasks) < cloud).astype(float)
    here = np.concatenate([ease, np.full(tasks, inf)])  # the second suite is never local
    local = np.concatenate([local_passes, np.zeros(tasks)]).astype(float)
    at_risk = here < FRACTIONS[:, None]
    # half of the traffic is self-contained; E[cloud - local | ease] = slope * ease - 0.02
    lost = (slope * FRACTIONS**2 / 2 - 0.02 * FRACTIONS) / 2
    weights = np.full(2 * tasks, 1 / (2 * tasks))
    return np.where(at_risk, local, cloud_passes), cloud_passes, at_risk, weights, lost / cloud


def chosen(proof, chains, bound):
    policy, cloud, at_risk, weights, _ = proof
    grown = growth(shortfall(policy, cloud, bound), weights, at_risk, bound)
    certified = certify(evidence(grown), chains, bound)
    return int(np.flatnonzero(certified).max(initial=0))


def naively(proof, bound):
    """The last setting whose measured loss is within the bound: what the bound guards against."""
    policy, cloud, _, weights, _ = proof
    measured = 1 - policy @ weights / (cloud @ weights)
    return int(np.flatnonzero(measured <= bound.max_loss).max(initial=0))


@pytest.mark.parametrize(
    ("tasks", "slope", "max_loss"),
    [(100, 0.3, 0.05), (400, 0.3, 0.03), (400, 0.5, 0.05), (1500, 0.3, 0.02)],
)
def test_the_bound_is_broken_in_at_most_5_percent_of_500_worlds(tasks, slope, max_loss):
    bound = Bound(max_loss=max_loss, confidence=0.95)
    dice = np.random.default_rng(1)
    chain = [list(range(len(FRACTIONS)))]
    broken, naive, local = 0, 0, []
    for _ in range(WORLDS):
        proof = world(dice, tasks=tasks, slope=slope)
        at = chosen(proof, chain, bound)
        broken += proof[-1][at] > max_loss
        naive += proof[-1][naively(proof, bound)] > max_loss
        local.append(FRACTIONS[at])
    assert broken <= 0.05 * WORLDS
    assert naive > 0.05 * WORLDS, "these worlds must be hard enough to break what has no guarantee"
    assert np.mean(local) > 0.05, "a bound that never lets anything be local holds for nothing"


def test_several_chains_share_the_error():
    bound = Bound(max_loss=0.05, confidence=0.9)
    dice = np.random.default_rng(2)
    broken = 0
    for _ in range(WORLDS):
        # Nine chains of one setting each, all of which lose a little more than allowed.
        cloud = (dice.random(300) < 0.9).astype(float)
        policy = (dice.random((9, 300)) < 0.9 * 0.949).astype(float)
        at_risk = np.ones((9, 300), dtype=bool)
        grown = growth(shortfall(policy, cloud, bound), np.ones(300), at_risk, bound)
        broken += certify(evidence(grown), [[at] for at in range(9)], bound).any()
    assert broken <= 0.1 * WORLDS


def test_a_stake_does_not_grow_on_average_where_the_loss_is_just_too_much():
    bound = Bound(max_loss=0.1, confidence=0.95)
    dice = np.random.default_rng(3)
    cloud = np.ones((20_000, 12))
    # Two kinds of task that differ, with weights that differ, and exactly the allowed loss together.
    policy = (dice.random((20_000, 12)) < np.repeat([0.95, 0.75], [9, 3])).astype(float)
    weights = np.repeat([1 / 9 * 0.75, 1 / 3 * 0.25], [9, 3])
    assert policy[0].shape == weights.shape
    grown = growth(shortfall(policy, cloud, bound), weights, np.ones(policy.shape, dtype=bool), bound)
    stakes = np.exp(evidence(grown))
    error = stakes.std() / np.sqrt(len(stakes))
    assert stakes.mean() <= 1 + 3 * error
    assert stakes.mean() > 0.7, "nor is it thrown away"


def test_a_chain_ends_at_its_first_failure():
    bound = Bound(max_loss=0.01, confidence=0.95)
    strong, weak = log(100), log(10)
    proof = np.array([inf, strong, weak, strong, strong])
    assert certify(proof, [[0, 1, 2, 3, 4]], bound).tolist() == [True, True, False, False, False]
    assert certify(proof, [[0, 1, 2], [3, 4]], bound).tolist() == [True, True, False, True, True]
    many = [[0, 1, 2], [3, 4], [1], [2], [4]]  # five ways from the start: log(100) is just enough
    assert certify(proof, many, bound).tolist() == [True, True, False, True, True]
    more = [[0, 1, 2], [3, 4], [1], [2], [4, 3], [1, 4]]
    assert certify(proof, more, bound).tolist() == [True, True, False, True, True]
    apart = [[0, 1], [2], [3], [4], [5], [6]]
    assert certify(np.array([inf, *[strong] * 6]), apart, bound).tolist() == [True, *[False] * 6]


def test_chains_share_the_error_only_where_they_part():
    chains = [[0, 1, 2], [0, 1, 3], [0, 4], [0, 1, 3, 5]]
    assert dict(branches(chains)) == {
        (0,): 1,
        (0, 1): 1 / 2,
        (0, 4): 1 / 2,
        (0, 1, 2): 1 / 4,
        (0, 1, 3): 1 / 4,
        (0, 1, 3, 5): 1 / 4,
    }


def test_what_stays_on_the_cloud_loses_nothing():
    bound = Bound(max_loss=0.0, confidence=0.999)
    cloud = np.array([1.0, 0.0, 1.0])
    grown = growth(shortfall(cloud[None], cloud, bound), np.ones(3), np.zeros((1, 3), dtype=bool), bound)
    assert evidence(grown).tolist() == [inf]


def test_one_heavy_task_that_fails_costs_the_whole_largest_stake_and_no_more():
    bound = Bound(max_loss=0.0, confidence=0.95)
    grown = growth(np.array([[1.0]]), np.ones(1), np.ones((1, 1), dtype=bool), bound)
    assert grown[0, 0] == -inf
    assert grown[0, 1:] == pytest.approx([log(1 - bet) for bet in BETS[1:]])
    assert np.isfinite(evidence(grown)[0])


def test_how_many_tasks_are_needed():
    bound = Bound(max_loss=0.05, confidence=0.95)
    few, tasks_of = 30, np.ones

    def grown(tasks):
        cloud = tasks_of(tasks)
        return growth(
            shortfall(tasks_of(tasks)[None], cloud, bound), cloud, np.ones((1, tasks), dtype=bool), bound
        )[0]

    times = times_needed(grown(few), 1, bound)
    enough = int(np.ceil(few * times))
    needed = bound.threshold()
    assert evidence(grown(enough)) >= needed > evidence(grown(int(few * times * 0.98)))
    assert times_needed(grown(enough), 1, bound) == 1
    assert times_needed(-grown(few), 1, bound) is None
