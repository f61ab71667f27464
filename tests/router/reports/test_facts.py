"""Every way to add a report up gives the same, and the same as the rows themselves."""

import csv
import io
import json
from datetime import date
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from report_traffic import DAY, NOON, RequestSpec, empty, post_requests

from router.ledger.rollups import COUNTS, SUMS
from router.ledger.tables import requests
from router.reports import totals
from router.reports.csv_rows import COLUMNS, render_csv
from router.reports.json_document import load_schema, render_json

MEASURES = (*COUNTS, *SUMS)
specs_strategy = st.builds(
    RequestSpec,
    at=st.integers(0, 3 * DAY - 1).map(lambda s: NOON - DAY / 2 + s),
    team=st.sampled_from(["core", "docs"]),
    user=st.sampled_from(["ada", "bob", ""]),
    client=st.sampled_from(["codex", ""]),
    track=st.sampled_from(["local", "cloud"]),
    rule=st.sampled_from(["files", "small", ""]),
    model=st.sampled_from(["claude-sonnet-5-5", "nobody-knows"]),
    requested_model=st.sampled_from(["claude-sonnet-5-5", "auto", "local"]),
    input=st.integers(0, 5000),
    output=st.integers(0, 5000),
    seconds=st.floats(0.001, 900),
    moved=st.sampled_from(["", "overflow", "cloud_error"]),
    private=st.sampled_from(["", "secrets"]),
    ended=st.booleans(),
    status=st.sampled_from([200, 502, 499]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(specs=st.lists(specs_strategy, max_size=15), team=st.sampled_from([None, "core"]))
def test_days_rules_tracks_people_csv_and_json_add_up_to_the_rows(ledger, build_facts, specs, team):
    empty(ledger)
    facts = build_facts(specs, team=team)
    mine = [spec for spec in specs if team in {None, spec.team}]
    with ledger.engine.connect() as connection:
        here = sa.select(requests) if team is None else sa.select(requests).where(requests.c.team == team)
        rows = list(connection.execute(here).mappings())

    assert facts.total["requests"] == len(mine) == len(rows)
    for name in ("cost_usd", "local_usd", "wasted_usd", "baseline_usd", "input", "output"):
        assert facts.total[name] == pytest.approx(sum(row[name] or 0 for row in rows), abs=1e-9), name
    written = list(csv.DictReader(io.StringIO(render_csv(facts))))
    document = json.loads(render_json(facts))
    Draft202012Validator(load_schema()).validate(document)
    for measure in MEASURES:
        total = facts.total[measure]
        days = sum(totals.sum_measure(day.values(), measure) for day in facts.days)
        assert days == pytest.approx(total, abs=1e-9), measure
        assert sum(float(row[measure] or 0) for row in written) == pytest.approx(total, abs=1e-9), measure
        for name, groups in document["by"].items():
            group_sum = sum(group[measure] or 0 for group in groups)
            assert group_sum == pytest.approx(total, abs=1e-9), (name, measure)


def test_unknown_prices_are_not_known_and_never_nothing(build_facts):
    facts = build_facts([RequestSpec(track="cloud", model="nobody-knows", requested_model="nobody-knows")])
    (row,) = csv.DictReader(io.StringIO(render_csv(facts)))
    assert row["cost_usd"] == row["compared_cost_usd"] == ""
    assert row["cost_known"] == row["compared"] == "0"
    document = json.loads(render_json(facts))
    assert document["totals"]["cost_usd"] is None
    assert document["coverage"]["unpriced"] == 1
    assert document["saved_usd"] == {"low": None, "high": None}


def test_csv_has_a_row_for_each_day_team_track_and_rule(build_facts):
    facts = build_facts(
        [
            RequestSpec(),
            RequestSpec(),
            RequestSpec(rule="files", track="cloud"),
            RequestSpec(at=NOON + DAY),
            RequestSpec(team="docs"),
            RequestSpec(at=NOON + 3 * DAY),  # the day after
        ]
    )
    lines = render_csv(facts).splitlines()
    assert lines[0] == ",".join(COLUMNS)
    rows = [
        (row["day"], row["team"], row["track"], row["rule"], row["requests"]) for row in csv.DictReader(lines)
    ]
    assert rows == [
        ("2026-11-01", "core", "local", "self-contained", "2"),
        ("2026-11-01", "core", "cloud", "files", "1"),
        ("2026-11-01", "docs", "local", "self-contained", "1"),
        ("2026-11-02", "core", "local", "self-contained", "1"),
    ]


def test_names_that_are_formulas_are_text_in_a_spreadsheet(build_facts):
    facts = build_facts([RequestSpec(team="=HYPERLINK(1)", rule="@x")])
    (row,) = csv.DictReader(io.StringIO(render_csv(facts)))
    assert row["team"] == "'=HYPERLINK(1)"
    assert row["rule"] == "'@x"


def test_days_are_those_of_the_time_zone(build_facts):
    late = RequestSpec(at=NOON + DAY / 2 - 1800)  # 23:30 in UTC, 00:30 of the next day in Berlin
    utc = build_facts([late])
    berlin = build_facts(zone=ZoneInfo("Europe/Berlin"))
    assert [totals.sum_measure(day.values(), "requests") for day in utc.days] == [1, 0, 0]
    assert [totals.sum_measure(day.values(), "requests") for day in berlin.days] == [0, 1, 0]


def test_before_is_the_same_stretch_of_time(build_facts):
    specs = [RequestSpec(at=NOON - 3 * DAY), RequestSpec(at=NOON - 2 * DAY), RequestSpec(at=NOON - DAY)]
    over = build_facts(specs, now=NOON + 5 * DAY)
    assert totals.sum_measure(over.previous, "requests") == 3
    under_way = build_facts(now=NOON + DAY + 60)  # a day and a half of three
    assert totals.sum_measure(under_way.previous, "requests") == 2


def test_a_request_asked_again_is_a_sign(build_facts):
    first = RequestSpec(ask="Rename it.", conversation="c1")
    facts = build_facts(
        [first, RequestSpec(ask="Rename it.", conversation="c1", at=NOON + 60), RequestSpec(streak=3)]
    )
    document = json.loads(render_json(facts))
    assert document["misroutes"] == {"escalated": 0, "asked_again": 1, "stuck": 1}


def test_an_engine_that_was_down_is_no_misroute(build_facts):
    facts = build_facts(
        [RequestSpec(track="cloud", moved="local_error"), RequestSpec(track="cloud", moved="bad_tool_call")]
    )
    assert json.loads(render_json(facts))["misroutes"]["escalated"] == 1


def test_verdicts_are_counted_by_track(build_facts, ledger):
    post_requests(ledger, [RequestSpec(), RequestSpec(track="cloud"), RequestSpec()])
    assert ledger.judge("r0", "should_be_cloud", team="core", user="ada")
    assert ledger.judge("r1", "good", team="core", user="ada")
    facts = build_facts()
    assert facts.verdicts == {("local", "should_be_cloud"): 1, ("cloud", "good"): 1}
    assert build_facts(team="docs").verdicts == {}


def test_an_empty_ledger_has_facts_too(build_facts):
    facts = build_facts()
    assert facts.total["requests"] == 0
    assert facts.data_since is None
    Draft202012Validator(load_schema()).validate(json.loads(render_json(facts)))
    assert len(render_csv(facts).splitlines()) == 1


def test_a_report_of_one_team_knows_nothing_of_another(build_facts):
    facts = build_facts(
        [RequestSpec(team="core", user="ada"), RequestSpec(team="docs", user="eve")], team="core"
    )
    assert facts.scope.first == date(2026, 11, 1)
    text = render_json(facts) + render_csv(facts)
    assert "eve" not in text
    assert "docs" not in text
