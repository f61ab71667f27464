import pytest

from router.billing.local_cost import LocalCost
from router.settings import LocalSettings


def test_nothing_configured_is_no_price():
    assert LocalCost.of(LocalSettings()) is None


def test_energy_alone():
    # 360 W for an hour are 0.36 kWh
    cost = LocalCost.of(LocalSettings(watts=360, usd_per_kwh=0.25))
    assert cost is not None
    assert cost.of_seconds(3600) == pytest.approx(0.09)
    assert cost.wear == 0


def test_idle_hours_are_paid_by_the_working_ones():
    # One hour in four at 400 W: with each come three at 100 W
    cost = LocalCost.of(LocalSettings(watts=400, idle_watts=100, usd_per_kwh=0.5, utilisation=0.25))
    assert cost is not None
    assert cost.of_seconds(3600) == pytest.approx((0.4 + 3 * 0.1) * 0.5)


def test_wear_is_spread_over_the_hours_it_works():
    # 4 years are 35064 hours, of which 3506.4 are worked
    cost = LocalCost.of(LocalSettings(card_usd=1753.2, card_years=4, utilisation=0.1))
    assert cost is not None
    assert cost.of_seconds(3600) == pytest.approx(0.5)
    assert cost.energy == 0


def test_a_card_always_at_work_idles_never():
    cost = LocalCost.of(LocalSettings(watts=400, idle_watts=100, usd_per_kwh=1, utilisation=1))
    assert cost is not None
    assert cost.of_seconds(3600) == pytest.approx(0.4)
