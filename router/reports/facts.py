"""The numbers of a report, as the ledger has them: sums, histograms and rows, nothing worded yet."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from router.ledger import reading
from router.ledger.reading import Dimension, Filter, Histogram, Rare, Row, Totals

EXAMPLES = 5
"""Requests named for each thing that deserves a look."""


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
    def edges(self) -> list[float]:
        """The beginning of each day in the team's zone, and the end of the last."""
        days = (self.last - self.first).days + 1
        return [self._begin(self.first + timedelta(days=n)) for n in range(days + 1)]

    @property
    def before(self) -> tuple[float, float]:
        """As many days, just before these."""
        days = (self.last - self.first).days + 1
        return self._begin(self.first - timedelta(days=days)), self._begin(self.first)

    def _begin(self, day: date) -> float:
        return datetime.combine(day, clock.min, self.zone).timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that a report says comes from here."""

    scope: Scope
    made_at: float
    whole: Totals
    before: Totals
    """The same number of days before, for the trend."""
    days: Sequence[Totals]
    """By day and track, oldest first."""
    by: Mapping[Dimension, Sequence[Totals]]
    """By one dimension each; those of `SPLIT` by track as well, so that a key has two values."""
    first_byte: Mapping[tuple[str, ...], Histogram]
    """By track."""
    seconds: Mapping[tuple[str, ...], Histogram]
    overhead: Mapping[tuple[str, ...], Histogram]
    asked_again: int
    """Local answers after which the user soon asked the same again."""
    examples: Mapping[Rare, Sequence[Row]]
    """The newest few requests of each kind that deserves a look."""
    kept_since: float | None
    """From when on there are rows; None where there are none."""

    def of_track(self, track: str) -> Totals | None:
        """What one track served."""
        return next((one for one in self.by["track"] if one.key == (track,)), None)


SPLIT: Sequence[Dimension] = ("rule", "user", "client", "team")
WHOLE: Sequence[Dimension] = ("track", "escalated", "degraded", "policy", "model", "kind")
LOOKED_AT: Sequence[Rare] = ("escalated", "degraded", "private", "failed", "unfinished")


def gather(connection: sa.Connection, scope: Scope) -> Facts:
    """Ask the ledger everything that a report says, within one transaction.

    Args:
        connection: Of a ledger; posting may go on meanwhile.
        scope: Whose, and when.
    """
    edges, team = scope.edges, scope.team
    since, until = edges[0], edges[-1]
    by: dict[Dimension, Sequence[Totals]] = {
        one: reading.totals(connection, since, until, by=(one,), team=team) for one in WHOLE
    }
    by |= {one: reading.totals(connection, since, until, by=(one, "track"), team=team) for one in SPLIT}
    return Facts(
        scope=scope,
        made_at=time.time(),
        whole=reading.totals(connection, since, until, team=team)[0],
        before=reading.totals(connection, *scope.before, team=team)[0],
        days=reading.series(connection, edges, by=("track",), team=team),
        by=by,
        first_byte=reading.latency(connection, since, until, measure="first_byte", team=team),
        seconds=reading.latency(connection, since, until, measure="total", team=team),
        overhead=reading.latency(connection, since, until, measure="overhead", team=team),
        asked_again=reading.asked_again(connection, since, until, team=team),
        examples={
            rare: reading.recent(
                connection, Filter(team=team, rare=rare, since=since, until=until), limit=EXAMPLES
            ).rows
            for rare in LOOKED_AT
        },
        kept_since=reading.coverage(connection)[0],
    )
