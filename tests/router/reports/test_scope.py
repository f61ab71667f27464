from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from router.accounts.teams import Team
from router.errors import Misconfigured
from router.reports.scope import Scope, find_team, parse_period, select_zone

TODAY = date(2026, 11, 18)  # a Wednesday


@pytest.mark.parametrize(
    ("first", "last", "recent", "days"),
    [
        (None, None, None, ("2026-10-20", "2026-11-18")),
        (None, None, "7d", ("2026-11-12", "2026-11-18")),
        (None, None, "1d", ("2026-11-18", "2026-11-18")),
        (None, None, "today", ("2026-11-18", "2026-11-18")),
        (None, None, "yesterday", ("2026-11-17", "2026-11-17")),
        (None, None, "week", ("2026-11-09", "2026-11-15")),
        (None, None, "month", ("2026-10-01", "2026-10-31")),
        ("2026-11-01", "2026-11-30", None, ("2026-11-01", "2026-11-30")),
        ("2026-11-01", None, None, ("2026-11-01", "2026-11-18")),
        ("2026-11-01", "2026-11-01", None, ("2026-11-01", "2026-11-01")),
    ],
)
def test_days(first, last, recent, days):
    assert tuple(map(str, parse_period(first, last, recent, TODAY))) == days


@pytest.mark.parametrize("today", [date(2026, 3, 1), date(2024, 3, 31)])
def test_last_month_in_march_is_february(today):
    begin, end = parse_period(None, None, "month", today)
    assert (begin.month, begin.day, end.month) == (2, 1, 2)


@pytest.mark.parametrize(
    ("first", "last", "recent", "message"),
    [
        ("2026-11-02", "2026-11-01", None, "--from: 2026-11-02 is after --to, 2026-11-01"),
        (None, "2026-11-01", None, "--to: say with --from"),
        ("2026-11-01", None, "7d", "--last: give either"),
        ("11/01/2026", None, None, "--from: '11/01/2026' is not a day"),
        ("2026-11-01", "2026-11-31", None, "--to: '2026-11-31' is not a day"),
        (None, None, "soon", "--last: 'soon' is none of 7d"),
        (None, None, "0d", "--last: '0d' is none of 7d"),
        ("1990-01-01", None, None, "--from: a report covers 3660 days at most"),
    ],
)
def test_days_that_make_no_sense_are_refused_by_name(first, last, recent, message):
    with pytest.raises(Misconfigured) as refused:
        parse_period(first, last, recent, TODAY)
    assert refused.value.message.startswith(message)


def test_days_on_which_clocks_change_are_23_and_25_hours_long():
    zone = ZoneInfo("Europe/Berlin")
    spring = Scope(team=None, first=date(2026, 3, 29), last=date(2026, 3, 29), zone=zone).edges
    autumn = Scope(team=None, first=date(2026, 10, 25), last=date(2026, 10, 25), zone=zone).edges
    assert (spring[1] - spring[0]) / 3600 == 23
    assert (autumn[1] - autumn[0]) / 3600 == 25


def test_before_is_as_long():
    scope = Scope(team=None, first=date(2026, 11, 8), last=date(2026, 11, 14), zone=ZoneInfo("UTC"))
    at = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    since, until = scope.previous_period(at)
    assert datetime.fromtimestamp(since, UTC).date() == date(2026, 11, 1)
    assert datetime.fromtimestamp(until, UTC).date() == date(2026, 11, 8)


@pytest.mark.parametrize(
    ("name", "message"),
    [("wbe", "did you mean web?"), ("zzzzzz", "there are core, web"), ("Web", "did you mean web?")],
)
def test_an_unknown_team_is_told_the_nearest(name, message):
    with pytest.raises(Misconfigured, match=f"--team: there is no team '{name}'; ") as refused:
        find_team(name, ["web", "core", "web"])
    assert message in refused.value.message


def test_no_team_at_all():
    with pytest.raises(Misconfigured, match="turnout team add"):
        find_team("web", [])


@pytest.mark.parametrize(
    ("name", "zones", "zone"),
    [
        ("Asia/Kolkata", ["Europe/Berlin"], "Asia/Kolkata"),
        (None, ["Europe/Berlin"], "Europe/Berlin"),
        (None, ["Europe/Berlin", "Europe/Berlin"], "Europe/Berlin"),
        (None, ["Europe/Berlin", "UTC"], "UTC"),
        (None, [], "UTC"),
        (None, ["Gone/Away"], "UTC"),
    ],
)
def test_zones(name, zones, zone):
    assert (
        select_zone(name, [Team(name=f"t{n}", zone=team_zone) for n, team_zone in enumerate(zones)]).key
        == zone
    )


def test_an_unknown_zone_is_refused():
    with pytest.raises(Misconfigured, match="--zone: 'Mars' is no time zone"):
        select_zone("Mars", [])
