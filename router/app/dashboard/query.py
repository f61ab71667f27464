"""The query string of a page: which requests, in which period.

The URL holds the complete query, so that it can be bookmarked, shared and reloaded. An invalid value
is an error that names the field; a page never falls back to another query.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, timedelta, tzinfo
from typing import get_args
from urllib.parse import urlencode

from router.accounts.periods import day_start, find_zone, span
from router.errors import BadRequest
from router.ledger.queries import Filter
from router.ledger.tables import Rare

HOUR, DAY = 3600, 86_400
PERIODS = {
    "hour": ("last hour", HOUR),
    "today": ("today", 0),
    "day": ("last 24 hours", DAY),
    "week": ("last 7 days", 7 * DAY),
    "month": ("last 30 days", 30 * DAY),
    "quarter": ("last 90 days", 90 * DAY),
    "days": ("these days:", 0),
}
"""Periods by name: label, and seconds back from now."""
KIND_LABELS = {
    "escalated": "escalated",
    "degraded": "degraded",
    "private": "kept private",
    "failed": "failed",
    "unfinished": "not finished",
}
"""Kinds of requests to filter by, with labels."""
MAX_DAYS = 400
"""Longest period."""
YEARS = range(2000, 2200)
MAX_VALUE_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestQuery:
    """The fields of a query string, unparsed."""

    team: str = ""
    user: str = ""
    client: str = ""
    track: str = ""
    rule: str = ""
    only: str = ""
    conversation: str = ""
    span: str = "day"
    since: str = ""
    """First day, if `span` is `days`."""
    until: str = ""
    """Last day, included."""
    after: str = ""
    """Cursor: the last row of the page before."""

    def url(self, path: str, **changes: str) -> str:
        """Return the URL of `path` with this query and the changes; defaults are left out."""
        values = {item.name: getattr(self, item.name) for item in fields(self)} | changes
        params = {name: value for name, value in values.items() if value != _DEFAULTS[name]}
        return f"{path}?{urlencode(params)}" if params else path

    @property
    def is_filtered(self) -> bool:
        """Whether it filters by more than the period."""
        names = ("team", "user", "client", "track", "rule", "only", "conversation")
        return any(getattr(self, name) for name in names)


_DEFAULTS = {item.name: str(item.default) for item in fields(RequestQuery)}


def parse_query(params: Mapping[str, str]) -> RequestQuery:
    """Parse and validate a query string.

    Raises:
        BadRequest: a field is invalid; the message names it.
    """
    values = {
        item.name: params.get(item.name, "").strip()[:MAX_VALUE_LENGTH] or _DEFAULTS[item.name]
        for item in fields(RequestQuery)
    }
    query = RequestQuery(**values)
    if query.span not in PERIODS:
        raise BadRequest(f"span: {query.span!r} is none of {', '.join(PERIODS)}")
    if query.only and query.only not in get_args(Rare):
        raise BadRequest(f"only: {query.only!r} is none of {', '.join(KIND_LABELS)}")
    if query.after:
        try:
            float(query.after.partition("~")[0])
        except ValueError as error:
            raise BadRequest("after: this is not a valid cursor; begin at the first page") from error
    return query


def resolve_period(query: RequestQuery, zone: tzinfo, now: float) -> tuple[float, float]:
    """Return start and end; full hours where roll-ups answer, with the present hour included.

    Raises:
        BadRequest: the days are invalid, in the wrong order, or too many.
    """
    if query.span == "days":
        first = _day("since", query.since)
        last = _day("until", query.until) if query.until else first
        if last < first:
            raise BadRequest("until: this day is before the first one")
        if (last - first).days > MAX_DAYS:
            raise BadRequest(f"until: at most {MAX_DAYS} days can be shown at once")
        return day_start(first, zone), day_start(last + timedelta(days=1), zone)
    if query.span == "today":
        return span("day", str(zone), now)
    since = now - PERIODS[query.span][1]
    return since if query.span == "hour" else since - since % HOUR, now - now % HOUR + HOUR


def build_filter(query: RequestQuery, since: float, until: float) -> Filter:
    """Convert to a filter of the ledger."""
    return Filter(
        team=query.team or None,
        user=query.user or None,
        client=query.client or None,
        track=query.track or None,
        rule=query.rule or None,
        rare=query.only or None,  # type: ignore[arg-type] # `read` has checked it
        conversation=query.conversation or None,
        since=since,
        until=until,
    )


def find_zone_or_utc(name: str) -> tzinfo:
    """Return the zone of this name; UTC if there is none."""
    return (find_zone(name) if name else None) or UTC


def _day(field: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(f"{field}: {text!r} is not a day; write it as 2026-11-30") from error
    if day.year not in YEARS:
        raise BadRequest(f"{field}: {text!r} is out of range; use a year from {YEARS[0]} to {YEARS[-1]}")
    return day
