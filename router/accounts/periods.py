"""Days, weeks and months as a team lives them: in its own time zone, summer time included.

A day begins at its first moment, so one on which clocks change has 23 or 25 hours; where
midnight itself is skipped, the day begins at the first moment there is.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from router.accounts.teams import Period


class Span(NamedTuple):
    """From `since` up to, not including, `until`; seconds since the epoch."""

    since: float
    until: float


def span(per: Period, zone: str, now: float) -> Span:
    """Return the period that `now` lies in.

    Args:
        per: `day`, `week` (from Monday) or `month`.
        zone: An IANA name; one that this machine does not know counts as UTC.
        now: Seconds since the epoch.
    """
    where = find_zone(zone) or UTC
    today = datetime.fromtimestamp(now, where).date()
    if per == "day":
        first, after = today, today + timedelta(days=1)
    elif per == "week":
        first = today - timedelta(days=today.weekday())
        after = first + timedelta(days=7)
    else:
        first = today.replace(day=1)
        after = (first + timedelta(days=31)).replace(day=1)
    return Span(day_start(first, where), day_start(after, where))


def find_zone(name: str) -> ZoneInfo | None:
    """Look up a time zone by its IANA name; None if this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder, or too long
        return None


def day_start(day: date, zone: tzinfo) -> float:
    """Return the first moment of a day, in seconds since the epoch."""
    return datetime.combine(day, time.min, zone).timestamp()
