"""The scope of a report: a team, and whole days of its time zone.

A period that is not over yet is compared with the same part of the previous period, so that a
Monday morning is not compared with a full week.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from router.accounts.periods import day_start, find_zone
from router.accounts.teams import Team
from router.errors import Misconfigured

DEFAULT_PERIOD = "30d"
"""Default of `--last`."""
MAX_DAYS = 3660
_COUNTED = re.compile(r"(\d{1,4})d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Team and days of a report."""

    team: str | None
    """None for all teams."""
    first: date
    last: date
    """The last day, included."""
    zone: ZoneInfo

    @property
    def days(self) -> Sequence[date]:
        """All days of the period, in order."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    @property
    def edges(self) -> list[float]:
        """Start of each day in the zone, and end of the last; seconds since the epoch."""
        return [self.day_start(day) for day in (*self.days, self.last + timedelta(days=1))]

    @property
    def name(self) -> str:
        """The days as part of a file name: `2026-11-01_2026-11-30`."""
        return f"{self.first}_{self.last}"

    def previous_period(self, now: float) -> tuple[float, float]:
        """Start and end of the preceding period, cut to the part of this one that is over at `now`."""
        since = self.day_start(self.first - timedelta(days=len(self.days)))
        until = self.day_start(self.first)
        begun, end = self.edges[0], self.edges[-1]
        return since, min(until, since + (now - begun)) if begun < now < end else until

    def day_start(self, day: date) -> float:
        """Start of a day, in seconds since the epoch."""
        return day_start(day, self.zone)

    def day_of(self, at: float) -> date:
        """The day of a moment, `at` in seconds since the epoch."""
        return datetime.fromtimestamp(at, self.zone).date()


def parse_period(first: str | None, last: str | None, recent: str | None, today: date) -> tuple[date, date]:
    """Return the first and the last day of the period.

    Args:
        first: `--from`, such as `2026-11-01`.
        last: `--to`; today if only `--from` is set.
        recent: `--last`: `7d` (today and the six days before), `today`, `yesterday`, `week` (the
            last full week, from Monday) or `month` (the last full month).
        today: In the team's zone.

    Raises:
        Misconfigured: the options conflict, or one is invalid; names the option.
    """
    if recent and (first or last):
        raise Misconfigured("--last: give either --last, or --from and --to")
    if last and not first:
        raise Misconfigured("--to: say with --from where it begins, such as --from 2026-11-01")
    if first:
        begin, end = _day("--from", first), _day("--to", last) if last else today
        if begin > end:
            raise Misconfigured(f"--from: {begin} is after --to, {end}")
    else:
        begin, end = _recent(recent or DEFAULT_PERIOD, today)
    if (end - begin).days >= MAX_DAYS:
        raise Misconfigured(f"--from: a report covers {MAX_DAYS} days at most")
    return begin, end


def find_team(name: str, teams: Iterable[str]) -> str:
    """Return `name` if there is such a team.

    Raises:
        Misconfigured: there is none; suggests the nearest name.
    """
    names = sorted(set(teams))
    if name in names:
        return name
    if not names:
        raise Misconfigured(f"--team: there is no team {name!r}, and no other; `turnout team add` makes one")
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(names[:10])}"
    raise Misconfigured(f"--team: there is no team {name!r}; {hint}")


def select_zone(name: str | None, teams: Sequence[Team]) -> ZoneInfo:
    """Return the zone in which days are counted: `name`, else the one all teams share, else UTC.

    Raises:
        Misconfigured: there is no zone of this name.
    """
    if name is not None:
        zone = find_zone(name)
        if zone is None:
            raise Misconfigured(f"--zone: {name!r} is no time zone; give one such as Europe/Berlin")
        return zone
    shared = {team.zone for team in teams}
    return (find_zone(shared.pop()) if len(shared) == 1 else None) or ZoneInfo("UTC")


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(f"{option}: {text!r} is not a day, such as 2026-11-01") from error


def _recent(text: str, today: date) -> tuple[date, date]:
    if text == "today":
        return today, today
    if text == "yesterday":
        return today - timedelta(days=1), today - timedelta(days=1)
    if text == "week":
        monday = today - timedelta(days=today.weekday() + 7)
        return monday, monday + timedelta(days=6)
    if text == "month":
        end = today.replace(day=1) - timedelta(days=1)
        return end.replace(day=1), end
    counted = _COUNTED.fullmatch(text)
    if counted and 0 < int(counted[1]) <= MAX_DAYS:
        return today - timedelta(days=int(counted[1]) - 1), today
    raise Misconfigured(
        f"--last: {text!r} is none of 7d, 30d or another number of days, today, yesterday, week, month"
    )
