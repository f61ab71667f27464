"""A report as JSON: every fact, unrounded, null for unknown values.

`report.schema.json` beside this file is the contract. `version` is incremented when a key changes
its meaning or is removed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from router.ledger.queries import Histogram, Row, Totals
from router.reports import totals
from router.reports.csv_rows import known_measures
from router.reports.facts import DIMENSIONS, Facts
from router.reports.sections.misroutes import list_signs

VERSION = 1
Json = dict[str, Any]


def render_json(facts: Facts) -> str:
    """Render the document, with a final newline."""
    return json.dumps(build_document(facts), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def load_schema() -> Json:
    """Read the JSON Schema that documents conform to."""
    contract: Json = json.loads(files("router.reports").joinpath("report.schema.json").read_text("utf-8"))
    return contract


def build_document(facts: Facts) -> Json:
    """Build the object; its shape is in `report.schema.json`."""
    scope, total = facts.scope, facts.total
    return {
        "version": VERSION,
        "team": scope.team,
        "from": scope.first.isoformat(),
        "to": scope.last.isoformat(),
        "zone": scope.zone.key,
        "made_at": _moment(facts.created_at),
        "totals": known_measures(total),
        "share_local": facts.local / total["requests"] if total["requests"] else None,
        "saved_usd": {"low": totals.saved_usd(total), "high": totals.saved_high_usd(total)},
        "before": [_label_measures(("track",), group) for group in facts.previous],
        "rows": [
            {
                "day": scope.day_of(group.since).isoformat(),
                **_label_measures(("team", "track", "rule"), group),
            }
            for group in facts.rows
        ],
        "by": {
            "track": [
                _label_measures(("track",), group) for group in totals.group_by(facts.rows, 1).values()
            ],
            "rule": [_label_measures(("rule",), group) for group in totals.group_by(facts.rows, 2).values()],
            "team": [_label_measures(("team",), group) for group in totals.group_by(facts.rows, 0).values()],
            **{
                name: [_label_measures(key, group) for group in facts.groups[name]]
                for name, key in DIMENSIONS.items()
            },
        },
        "seconds": {
            "first_byte": _latencies(facts.first_byte),
            "total": _latencies(facts.seconds),
            "overhead": _latencies(facts.overhead),
        },
        "completions": {
            "tracks": [
                _label_measures(("track",), replace(group, key=(track,)))
                for track, group in facts.completions.items()
            ],
            "first_byte": _latencies(facts.typed_first),
            "total": _latencies(facts.typed_total),
        },
        "misroutes": {name.replace(" ", "_"): int(number) for name, number, _ in list_signs(facts)},
        "verdicts": [
            {"track": track, "verdict": verdict, "answers": count}
            for (track, verdict), count in sorted(facts.verdicts.items())
        ],
        "private": {"held_back": int(total["private"]), "attempted_cloud": int(total["private_left"])},
        "examples": {rare: [_example(row) for row in rows] for rare, rows in facts.examples.items()},
        "budgets": [
            {
                "team": status.team,
                "key": status.key_name or None,
                "policy": status.policy or None,
                "per": status.budget.per,
                "over": status.budget.over,
                "since": _moment(status.balance.since),
                "until": _moment(status.balance.until),
                "limit_usd": status.balance.limit_usd,
                "spent_usd": status.balance.spent_usd,
            }
            for status in facts.budgets
        ],
        "economics": asdict(facts.economics) if facts.economics else None,
        "coverage": {
            "known_since": _moment(facts.data_since),
            "requests_kept_since": _moment(facts.rows_since),
            "unpriced": int(totals.unpriced_requests(total)),
            "not_compared": int(total["requests"] - total["compared"]),
        },
    }


def _label_measures(names: Sequence[str], group: Totals) -> Json:
    return dict(zip(names, group.key, strict=True)) | known_measures(group)


def _latencies(tracks: Mapping[str, Histogram]) -> list[Json]:
    return [
        {
            "track": track,
            "requests": histogram.count,
            "p50": histogram.quantile(0.5),
            "p95": histogram.quantile(0.95),
        }
        for track, histogram in tracks.items()
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
