"""What a page was asked for, from its address: which requests, of what time, in which zone.

An address says everything, so that it can be kept, sent and reloaded. What cannot be read is
an error that names the field; a page never shows something else than what was asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as clock
from typing import get_args
from urllib.parse import urlencode

from router.accounts.periods import find_zone, span
from router.errors import BadRequest
from router.ledger.queries import Filter
from router.ledger.tables import Rare

HOUR, DAY = 3600, 86_400
SPANS = {
    "hour": ("last hour", HOUR),
    "today": ("today", 0),
    "day": ("last 24 hours", DAY),
    "week": ("last 7 days", 7 * DAY),
    "month": ("last 30 days", 30 * DAY),
    "quarter": ("last 90 days", 90 * DAY),
    "days": ("these days:", 0),
}
"""By name: what it is called, and how many seconds back it reaches."""
RARE = {
    "escalated": "escalated",
    "degraded": "degraded",
    "private": "kept private",
    "failed": "failed",
    "unfinished": "not finished",
}
"""What is asked for on its own, and what it is called."""
LONGEST = 400
"""Days that may be asked for at once."""
YEARS = range(2000, 2200)
NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One page's question. The fields are those of the address, text as it came."""

    team: str = ""
    user: str = ""
    client: str = ""
    track: str = ""
    rule: str = ""
    only: str = ""
    conversation: str = ""
    span: str = "day"
    since: str = ""
    """A day, where `span` is `days`."""
    until: str = ""
    """The last day, itself included."""
    after: str = ""
    """Where the page begins."""

    def address(self, path: str, **changes: str) -> str:
        """Write the address of `path` with this question, changed; what is usual is left out."""
        known = {one.name: getattr(self, one.name) for one in fields(self)} | changes
        said = {name: value for name, value in known.items() if value != _USUAL[name]}
        return f"{path}?{urlencode(said)}" if said else path

    @property
    def narrowed(self) -> bool:
        """Whether more than a time is asked for."""
        names = ("team", "user", "client", "track", "rule", "only", "conversation")
        return any(getattr(self, name) for name in names)


_USUAL = {one.name: str(one.default) for one in fields(Asked)}


def read(query: Mapping[str, str]) -> Asked:
    """Read an address.

    Raises:
        BadRequest: a field holds what cannot be.
    """
    known = {one.name: query.get(one.name, "").strip()[:NAME] or _USUAL[one.name] for one in fields(Asked)}
    asked = Asked(**known)
    if asked.span not in SPANS:
        raise BadRequest(f"span: {asked.span!r} is none of {', '.join(SPANS)}")
    if asked.only and asked.only not in get_args(Rare):
        raise BadRequest(f"only: {asked.only!r} is none of {', '.join(RARE)}")
    if asked.after:
        try:
            float(asked.after.partition("~")[0])
        except ValueError as error:
            raise BadRequest("after: this is no place in a list; begin at its first page") from error
    return asked


def period(asked: Asked, zone: tzinfo, now: float) -> tuple[float, float]:
    """Return from when until when, in whole hours where roll-ups answer; the present hour is in.

    Raises:
        BadRequest: the days cannot be read, are in the wrong order, or are too many.
    """
    if asked.span == "days":
        first = _day("since", asked.since)
        last = _day("until", asked.until) if asked.until else first
        if last < first:
            raise BadRequest("until: this day is before the first one")
        if (last - first).days > LONGEST:
            raise BadRequest(f"until: at most {LONGEST} days can be shown at once")
        return _begin(first, zone), _begin(last + timedelta(days=1), zone)
    if asked.span == "today":
        return span("day", str(zone), now)
    since = now - SPANS[asked.span][1]
    return since if asked.span == "hour" else since - since % HOUR, now - now % HOUR + HOUR


def which(asked: Asked, since: float, until: float) -> Filter:
    """Say the same to the ledger."""
    return Filter(
        team=asked.team or None,
        user=asked.user or None,
        client=asked.client or None,
        track=asked.track or None,
        rule=asked.rule or None,
        rare=asked.only or None,  # type: ignore[arg-type] # `read` has checked it
        conversation=asked.conversation or None,
        since=since,
        until=until,
    )


def zone_named(name: str) -> tzinfo:
    """Find the zone a visitor wants times in; UTC where there is none of this name."""
    return (find_zone(name) if name else None) or UTC


def _day(field: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(f"{field}: {text!r} is no day; write it as 2026-11-30") from error
    if day.year not in YEARS:
        raise BadRequest(f"{field}: {text!r} is out of reach; ask for a year from {YEARS[0]} to {YEARS[-1]}")
    return day


def _begin(day: date, zone: tzinfo) -> float:
    return datetime.combine(day, clock.min, zone).timestamp()
