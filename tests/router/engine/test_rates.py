"""Rates forget a load that is over, and remember how fast the model is when it has nothing else to do."""

import pytest

from router.engine.rates import HALF_LIFE_S, Rate


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def rate(clock):
    rate = Rate(clock)
    rate.calibrate(100)
    return rate


def test_nothing_is_known_until_it_is_measured(clock):
    rate = Rate(clock)
    assert rate.current == 0
    rate.measure(40, alone=False)
    assert rate.current == 40


def test_without_an_idle_rate_the_last_one_stays(clock):
    rate = Rate(clock)
    rate.measure(40, alone=False)
    clock.now += 30 * HALF_LIFE_S
    assert rate.current == 40
    rate.measure(10, alone=False)
    assert rate.current == pytest.approx(10)


def test_a_load_counts_half_after_the_half_life(rate, clock):
    for _ in range(30):
        rate.measure(20, alone=False)
    assert rate.current == pytest.approx(20, abs=0.1)
    clock.now += HALF_LIFE_S
    assert rate.current == pytest.approx(60, abs=0.1)
    clock.now += HALF_LIFE_S
    assert rate.current == pytest.approx(80, abs=0.1)
    clock.now += 70 * 60
    assert rate.current == pytest.approx(100)


def test_a_measurement_moves_what_is_expected_now(rate, clock):
    for _ in range(30):
        rate.measure(20, alone=False)
    clock.now += 70 * 60
    rate.measure(100, alone=False)
    assert rate.current == pytest.approx(100)


def test_a_faster_measurement_alone_raises_the_idle_rate(rate, clock):
    for _ in range(30):
        rate.measure(200, alone=True)
    rate.measure(20, alone=True)
    clock.now += 70 * 60
    assert rate.current == pytest.approx(200, abs=1)


def test_a_slow_one_does_not_lower_it(rate, clock):
    rate.measure(20, alone=True)
    clock.now += 70 * 60
    assert rate.current == pytest.approx(100)
