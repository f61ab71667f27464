"""Whose report, and over which days: whole days of a team's time zone.

A period that is not over yet is compared with the same stretch of the period before it, so that
a Monday morning is not held against a whole week.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from router.accounts.periods import find_zone
from router.accounts.teams import Team
from router.errors import Misconfigured

USUAL = "30d"
"""What is reported where no days are named."""
MOST_DAYS = 3660
_COUNTED = re.compile(r"(\d{1,4})d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose report, and over which days."""

    team: str | None
    """None for all teams together."""
    first: date
    last: date
    """The last day, itself included."""
    zone: ZoneInfo

    @property
    def days(self) -> Sequence[date]:
        """Every day of it."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    @property
    def edges(self) -> list[float]:
        """The beginning of each day in the zone, and the end of the last; seconds since the epoch."""
        return [self.begin(day) for day in (*self.days, self.last + timedelta(days=1))]

    @property
    def name(self) -> str:
        """The days as one word, for the names of files: `2026-11-01_2026-11-30`."""
        return f"{self.first}_{self.last}"

    def before(self, now: float) -> tuple[float, float]:
        """As many days just before these; as much of them as of these is over, at `now`."""
        since = self.begin(self.first - timedelta(days=len(self.days)))
        until = self.begin(self.first)
        begun, end = self.edges[0], self.edges[-1]
        return since, min(until, since + (now - begun)) if begun < now < end else until

    def begin(self, day: date) -> float:
        """The first moment of a day."""
        return datetime.combine(day, time.min, self.zone).timestamp()

    def day_of(self, at: float) -> date:
        """The day on which something happened."""
        return datetime.fromtimestamp(at, self.zone).date()


def span(first: str | None, last: str | None, recent: str | None, today: date) -> tuple[date, date]:
    """Tell which days are meant.

    Args:
        first: `--from`, such as `2026-11-01`.
        last: `--to`; today where only `--from` is given.
        recent: `--last`: `7d` (today and the six days before), `today`, `yesterday`, `week` (the
            last whole one, from Monday) or `month` (the last whole one).
        today: In the team's zone.

    Raises:
        Misconfigured: they do not fit together, or one cannot be read; names the option.
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
        begin, end = _recent(recent or USUAL, today)
    if (end - begin).days >= MOST_DAYS:
        raise Misconfigured(f"--from: a report covers {MOST_DAYS} days at most")
    return begin, end


def find_team(name: str, known: Iterable[str]) -> str:
    """Return `name` where there is such a team.

    Raises:
        Misconfigured: there is none; tells the nearest name.
    """
    names = sorted(set(known))
    if name in names:
        return name
    if not names:
        raise Misconfigured(f"--team: there is no team {name!r}, and no other; `turnout team add` makes one")
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names[:10])}"
    raise Misconfigured(f"--team: there is no team {name!r}; {hint}")


def zone_of(wanted: str | None, teams: Sequence[Team]) -> ZoneInfo:
    """Tell in which zone days are counted: the one wanted, else the one all teams share, else UTC.

    Raises:
        Misconfigured: this machine knows no such zone.
    """
    if wanted is not None:
        found = find_zone(wanted)
        if found is None:
            raise Misconfigured(f"--zone: {wanted!r} is no time zone; give one such as Europe/Berlin")
        return found
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
    if counted and 0 < int(counted[1]) <= MOST_DAYS:
        return today - timedelta(days=int(counted[1]) - 1), today
    raise Misconfigured(
        f"--last: {text!r} is none of 7d, 30d or another number of days, today, yesterday, week, month"
    )
