"""Every way to add a report up gives the same, and the same as the rows themselves."""

import csv
import io
import json
from datetime import date
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from happenings import DAY, NOON, Happened, empty, happen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from router.ledger.rollups import COUNTS, SUMS
from router.ledger.tables import requests
from router.reports import totals
from router.reports.csv_rows import COLUMNS, sheet
from router.reports.document import document, schema

MEASURES = (*COUNTS, *SUMS)
happened = st.builds(
    Happened,
    at=st.integers(0, 3 * DAY - 1).map(lambda s: NOON - DAY / 2 + s),
    team=st.sampled_from(["core", "docs"]),
    user=st.sampled_from(["ada", "bob", ""]),
    client=st.sampled_from(["codex", ""]),
    track=st.sampled_from(["local", "cloud"]),
    rule=st.sampled_from(["files", "small", ""]),
    model=st.sampled_from(["claude-sonnet-5-5", "nobody-knows"]),
    asked=st.sampled_from(["claude-sonnet-5-5", "auto", "local"]),
    input=st.integers(0, 5000),
    output=st.integers(0, 5000),
    seconds=st.floats(0.001, 900),
    moved=st.sampled_from(["", "overflow", "cloud_error"]),
    private=st.sampled_from(["", "secrets"]),
    ended=st.booleans(),
    status=st.sampled_from([200, 502, 499]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(happened, max_size=15), team=st.sampled_from([None, "core"]))
def test_days_rules_tracks_people_csv_and_json_add_up_to_the_rows(ledger, reported, told, team):
    empty(ledger)
    facts = reported(told, team=team)
    mine = [one for one in told if team in {None, one.team}]
    with ledger.engine.connect() as connection:
        here = sa.select(requests) if team is None else sa.select(requests).where(requests.c.team == team)
        rows = list(connection.execute(here).mappings())

    assert facts.whole["requests"] == len(mine) == len(rows)
    for name in ("cost_usd", "local_usd", "wasted_usd", "baseline_usd", "input", "output"):
        assert facts.whole[name] == pytest.approx(sum(row[name] or 0 for row in rows), abs=1e-9), name
    written = list(csv.DictReader(io.StringIO(sheet(facts))))
    told_json = json.loads(document(facts))
    Draft202012Validator(schema()).validate(told_json)
    for measure in MEASURES:
        whole = facts.whole[measure]
        days = sum(totals.total(day.values(), measure) for day in facts.days)
        assert days == pytest.approx(whole, abs=1e-9), measure
        assert sum(float(row[measure] or 0) for row in written) == pytest.approx(whole, abs=1e-9), measure
        for name, groups in told_json["by"].items():
            found = sum(group[measure] or 0 for group in groups)
            assert found == pytest.approx(whole, abs=1e-9), (name, measure)


def test_unknown_prices_are_not_known_and_never_nothing(reported):
    facts = reported([Happened(track="cloud", model="nobody-knows", asked="nobody-knows")])
    (row,) = csv.DictReader(io.StringIO(sheet(facts)))
    assert row["cost_usd"] == row["compared_cost_usd"] == ""
    assert row["cost_known"] == row["compared"] == "0"
    told = json.loads(document(facts))
    assert told["totals"]["cost_usd"] is None
    assert told["coverage"]["unpriced"] == 1
    assert told["saved_usd"] == {"low": None, "high": None}


def test_csv_has_a_row_for_each_day_team_track_and_rule(reported):
    facts = reported(
        [
            Happened(),
            Happened(),
            Happened(rule="files", track="cloud"),
            Happened(at=NOON + DAY),
            Happened(team="docs"),
            Happened(at=NOON + 3 * DAY),  # the day after
        ]
    )
    lines = sheet(facts).splitlines()
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


def test_names_that_are_formulas_are_text_in_a_spreadsheet(reported):
    facts = reported([Happened(team="=HYPERLINK(1)", rule="@x")])
    (row,) = csv.DictReader(io.StringIO(sheet(facts)))
    assert row["team"] == "'=HYPERLINK(1)"
    assert row["rule"] == "'@x"


def test_days_are_those_of_the_time_zone(reported):
    late = Happened(at=NOON + DAY / 2 - 1800)  # 23:30 in UTC, 00:30 of the next day in Berlin
    utc = reported([late])
    berlin = reported(zone=ZoneInfo("Europe/Berlin"))
    assert [totals.total(day.values(), "requests") for day in utc.days] == [1, 0, 0]
    assert [totals.total(day.values(), "requests") for day in berlin.days] == [0, 1, 0]


def test_before_is_the_same_stretch_of_time(reported):
    told = [Happened(at=NOON - 3 * DAY), Happened(at=NOON - 2 * DAY), Happened(at=NOON - DAY)]
    over = reported(told, now=NOON + 5 * DAY)
    assert totals.total(over.before, "requests") == 3
    under_way = reported(now=NOON + DAY + 60)  # a day and a half of three
    assert totals.total(under_way.before, "requests") == 2


def test_a_request_asked_again_is_a_sign(reported):
    first = Happened(ask="Rename it.", conversation="c1")
    facts = reported([first, Happened(ask="Rename it.", conversation="c1", at=NOON + 60), Happened(streak=3)])
    told = json.loads(document(facts))
    assert told["misroutes"] == {"escalated": 0, "asked_again": 1, "stuck": 1}


def test_an_engine_that_was_down_is_no_misroute(reported):
    facts = reported(
        [Happened(track="cloud", moved="local_error"), Happened(track="cloud", moved="bad_tool_call")]
    )
    assert json.loads(document(facts))["misroutes"]["escalated"] == 1


def test_verdicts_are_counted_by_track(reported, ledger):
    happen(ledger, [Happened(), Happened(track="cloud"), Happened()])
    assert ledger.judge("r0", "should_be_cloud", team="core", user="ada")
    assert ledger.judge("r1", "good", team="core", user="ada")
    facts = reported()
    assert facts.verdicts == {("local", "should_be_cloud"): 1, ("cloud", "good"): 1}
    assert reported(team="docs").verdicts == {}


def test_an_empty_ledger_has_facts_too(reported):
    facts = reported()
    assert facts.whole["requests"] == 0
    assert facts.known_since is None
    Draft202012Validator(schema()).validate(json.loads(document(facts)))
    assert len(sheet(facts).splitlines()) == 1


def test_a_report_of_one_team_knows_nothing_of_another(reported):
    facts = reported([Happened(team="core", user="ada"), Happened(team="docs", user="eve")], team="core")
    assert facts.scope.first == date(2026, 11, 1)
    told = document(facts) + sheet(facts)
    assert "eve" not in told
    assert "docs" not in told
