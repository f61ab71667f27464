"""A report as JSON: every fact, nothing rounded, null for what is not known.

`report.schema.json` beside this file is its contract; `version` goes up when a key changes its
meaning or goes away.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from router.ledger.queries import Histogram, Row, Totals
from router.reports import totals
from router.reports.csv_rows import measures
from router.reports.figures import BY, Facts
from router.reports.sections.misroutes import signs

VERSION = 1
Json = dict[str, Any]


def document(facts: Facts) -> str:
    """Make the text; it ends with a line break."""
    return json.dumps(contents(facts), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def schema() -> Json:
    """Read the contract."""
    found: Json = json.loads(files("router.reports").joinpath("report.schema.json").read_text("utf-8"))
    return found


def contents(facts: Facts) -> Json:
    """Make the object."""
    scope, whole = facts.scope, facts.whole
    return {
        "version": VERSION,
        "team": scope.team,
        "from": scope.first.isoformat(),
        "to": scope.last.isoformat(),
        "zone": scope.zone.key,
        "made_at": _moment(facts.made_at),
        "totals": measures(whole),
        "share_local": facts.local / whole["requests"] if whole["requests"] else None,
        "saved_usd": {"low": totals.saved(whole), "high": totals.saved_high(whole)},
        "before": [_keyed(("track",), one) for one in facts.before],
        "rows": [
            {"day": scope.day_of(one.since).isoformat(), **_keyed(("team", "track", "rule"), one)}
            for one in facts.rows
        ],
        "by": {
            "track": [_keyed(("track",), one) for one in totals.by(facts.rows, 1).values()],
            "rule": [_keyed(("rule",), one) for one in totals.by(facts.rows, 2).values()],
            "team": [_keyed(("team",), one) for one in totals.by(facts.rows, 0).values()],
            **{name: [_keyed(key, one) for one in facts.by[name]] for name, key in BY.items()},
        },
        "seconds": {
            "first_byte": _times(facts.first_byte),
            "total": _times(facts.seconds),
            "overhead": _times(facts.overhead),
        },
        "misroutes": {name.replace(" ", "_"): int(number) for name, number, _ in signs(facts)},
        "verdicts": [
            {"track": track, "verdict": verdict, "answers": count}
            for (track, verdict), count in sorted(facts.verdicts.items())
        ],
        "private": {"held_back": int(whole["private"]), "attempted_cloud": int(whole["private_left"])},
        "examples": {rare: [_example(row) for row in rows] for rare, rows in facts.examples.items()},
        "budgets": [
            {
                "team": one.team,
                "key": one.key or None,
                "per": one.per,
                "over": one.over,
                "since": _moment(one.balance.since),
                "until": _moment(one.balance.until),
                "limit_usd": one.balance.limit_usd,
                "spent_usd": one.balance.spent_usd,
            }
            for one in facts.budgets
        ],
        "economics": asdict(facts.economics) if facts.economics else None,
        "coverage": {
            "known_since": _moment(facts.known_since),
            "requests_kept_since": _moment(facts.kept_since),
            "unpriced": int(totals.unpriced(whole)),
            "not_compared": int(whole["requests"] - whole["compared"]),
        },
    }


def _keyed(names: Sequence[str], one: Totals) -> Json:
    return dict(zip(names, one.key, strict=True)) | measures(one)


def _times(tracks: Mapping[str, Histogram]) -> list[Json]:
    return [
        {"track": track, "requests": held.count, "p50": held.quantile(0.5), "p95": held.quantile(0.95)}
        for track, held in tracks.items()
    ]


def _example(row: Row) -> Json:
    return {
        "id": row["id"],
        "begun_at": _moment(row["begun_at"]),
        "team": row["team"],
        "user": row["user"] or "",
        "rule": row["rule"] or "",
        "why": row["why"] or "",
        "private_why": row["private_why"] or "",
        "cause": row["escalated"] or row["degraded"] or "",
        "error": row["error"] or "",
    }


def _moment(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
