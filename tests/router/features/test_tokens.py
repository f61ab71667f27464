import pytest

from router.features.tokens import Corrections


@pytest.mark.parametrize("actual", [0, 1, 500, 990, 1_010, 1_990, 2_010, 10**6, 10**15])
def test_twenty_odd_reports_change_little_and_no_other_team(actual):
    corrections = Corrections()
    for _ in range(50):
        corrections.learn("ants", "m", 1_000, 1_000)
    for _ in range(20):
        corrections.learn("ants", "m", 1_000, actual)
    assert 0.75 < corrections.ratio("ants", "m") < 1.25
    assert corrections.ratio("bees", "m") == 1.0
    assert corrections.ratio("ants", "other") == 1.0


@pytest.mark.parametrize("actual", [600, 1_800])
def test_a_first_run_of_odd_reports_neither_halves_nor_doubles(actual):
    corrections = Corrections()
    for _ in range(20):
        counted = round(1_000 * corrections.ratio("ants", "m"))
        corrections.learn("ants", "m", counted, actual)
    assert 0.75 < corrections.ratio("ants", "m") < 1.25


def test_a_steady_difference_is_learnt():
    corrections = Corrections()
    for _ in range(60):
        counted = round(1_000 * corrections.ratio("ants", "m"))
        corrections.learn("ants", "m", counted, 1_300)
    assert 1.25 < corrections.ratio("ants", "m") < 1.35
