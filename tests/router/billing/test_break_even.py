import pytest

from router.billing.break_even import DAYS_PER_MONTH, Traffic, break_even
from router.settings import LocalSettings

CARD = LocalSettings(watts=300, idle_watts=60, usd_per_kwh=0.30, card_usd=1800, card_years=3)


def month(**changed):
    """A month in which the card worked one hour in ten."""
    totals = {
        "days": DAYS_PER_MONTH, "provider_usd": 100, "baseline_usd": 250, "baseline_cold_usd": 700,
        "engine_s": DAYS_PER_MONTH * 8640,
    }  # fmt: skip
    return Traffic(**totals | changed)


def test_by_hand():
    # 73.05 h at 300 W and 657.45 h at 60 W are 61.362 kWh: $18.41
    economics = break_even(month(), CARD)
    assert economics.energy_usd_month == pytest.approx(18.4086)
    assert economics.saved_usd_month_low == pytest.approx(250 - 100 - 18.4086)
    assert economics.saved_usd_month_high == pytest.approx(700 - 100 - 18.4086)
    assert economics.months_low_saving == pytest.approx(1800 / 131.5914)
    assert economics.months_high_saving == pytest.approx(1800 / 581.5914)
    assert economics.utilisation == pytest.approx(0.1)
    assert economics.pays_in_its_life is True


def test_a_month_is_scaled_from_the_days_there_were():
    week = Traffic(
        days=7, provider_usd=23, baseline_usd=57.5, baseline_cold_usd=161, engine_s=7 * 8640, unpriced=4
    )
    economics = break_even(week, CARD)
    assert economics.saved_usd_month_low == pytest.approx(
        (34.5 - 18.4086 * 7 / DAYS_PER_MONTH) * DAYS_PER_MONTH / 7
    )
    assert (economics.days, economics.unpriced) == (7, 4)


@pytest.mark.parametrize("baseline", [0, 100, 118])
def test_what_saves_nothing_never_pays(baseline):
    economics = break_even(month(baseline_usd=baseline), CARD)
    assert economics.saved_usd_month_low < 0
    assert economics.months_low_saving is None
    assert economics.pays_in_its_life is False


def test_too_slow_for_its_life():
    economics = break_even(month(baseline_usd=130), CARD)
    assert economics.months_low_saving > 36
    assert economics.pays_in_its_life is False


def test_without_a_price_there_is_nothing_to_earn():
    economics = break_even(month(), LocalSettings())
    assert economics.saved_usd_month_low == 150
    assert (economics.months_low_saving, economics.pays_in_its_life, economics.energy_usd_month) == (
        None,
        None,
        0,
    )


def test_no_time_no_answer():
    with pytest.raises(ValueError, match="days"):
        break_even(month(days=0), CARD)
