from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.accounts.periods import find_zone, span

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "America/Havana", "Pacific/Auckland")


def at(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("per", "zone", "now", "since", "hours"),
    [
        ("day", "UTC", "2026-11-22T13:00", "2026-11-22T00:00", 24),
        ("day", "Europe/Berlin", "2026-03-29T12:00", "2026-03-29T00:00", 23),  # clocks go forward
        ("day", "Europe/Berlin", "2026-10-25T00:00", "2026-10-25T00:00", 25),  # and back
        ("day", "America/Havana", "2024-03-10T05:00", "2024-03-10T01:00", 23),  # midnight is skipped
        ("week", "Europe/Berlin", "2026-03-29T23:59", "2026-03-23T00:00", 167),  # Monday to Monday
        ("month", "America/New_York", "2026-11-30T23:59", "2026-11-01T00:00", 721),
        ("month", "UTC", "2026-12-31T23:59", "2026-12-01T00:00", 744),
        ("month", "UTC", "2024-02-29T00:00", "2024-02-01T00:00", 696),
        ("day", "Asia/Kathmandu", "2026-01-01T00:00", "2026-01-01T00:00", 24),  # 5:45 ahead
    ],
)
def test_a_period_is_the_zones_own(per, zone, now, since, hours) -> None:
    period = span(per, zone, at(now, zone))
    assert period.since == at(since, zone)
    assert (period.until - period.since) / 3600 == hours


@given(
    per=st.sampled_from(["day", "week", "month"]),
    zone=st.sampled_from(ZONES),
    now=st.floats(1.6e9, 2.2e9),
)
def test_periods_follow_one_another_without_a_gap(per, zone, now) -> None:
    period = span(per, zone, now)
    assert period.since <= now < period.until
    assert span(per, zone, period.until).since == period.until
    assert span(per, zone, period.since) == period
    assert period.since % 900 == period.until % 900 == 0  # spending is summed by quarters of an hour


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "Europe", "x" * 5000, "\x00"])
def test_what_is_no_zone(name) -> None:
    assert find_zone(name) is None
