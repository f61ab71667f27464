"""`check`, `tune`, `cascade` and `diff`: the same quantity has the same figure in all of them."""

import json

import pytest
from typer.testing import CliRunner

from policies.load import SHIPPED
from router.cli.main import app

SUITE, TASKS = "swebench", 500


def turnout(*words):
    ran = CliRunner().invoke(app, ["policy", *words, "--json"])
    assert ran.exit_code in {0, 1}, ran.output
    return json.loads(ran.stdout)


def rows(checked, part):
    standings = next(item for item in checked["parts"] if item["name"] == part)["standings"]
    return {row["router"]: row for row in standings}


@pytest.fixture(scope="module", params=SHIPPED)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def checked(name):
    return turnout("check", name)


def same(point, row):
    """A point of `tune` beside a row of `check`: figures and intervals."""
    assert point["local_share"] == pytest.approx(row["local_share"]["point"], abs=1e-9)
    assert point["kept"] == pytest.approx(row["quality_kept"], abs=1e-9)
    assert point["usd"] == pytest.approx(row["usd_per_task"]["point"], abs=1e-9)
    assert point["saving"] == pytest.approx(row["saving"]["point"], abs=1e-9)


def test_check_and_tune(name, checked):
    pool = rows(checked, "pool")
    # One number is enough: what is compared are the policy's own.
    tuned = turnout("tune", name, *(("--only", "min_p_local") if name == "balanced" else ()))
    same(tuned["own"], pool["policy"])
    for point in tuned["baselines"]:
        same(point, pool[point["name"]])


def test_check_and_cascade(name, checked):
    suite = rows(checked, SUITE)
    result = turnout("cascade", name)
    limits = {row["limit"]: row for row in result["rows"]}
    pairs = [(limits[0], suite["always-cloud"]), (limits[None], suite["always-local"])]
    if suite["policy"]["local_share"]["point"] == 1:
        pairs.append((limits[result["own"]], suite["policy"]))
    for row, other in pairs:
        assert row["quality"] == pytest.approx(other["quality"], abs=1e-9)
        assert row["kept"] == pytest.approx(other["quality_kept"], abs=1e-9)
        assert row["usd"] == pytest.approx(other["usd_per_task"], abs=1e-9)
        assert row["saved"] == pytest.approx(other["saving"], abs=1e-9)
    assert result["starts_local"] == pytest.approx(suite["policy"]["local_share"]["point"])


def test_check_and_diff(name, checked):
    policy = rows(checked, SUITE)["policy"]
    difference = turnout("diff", "observe", name, "--suite", SUITE)
    cloud = rows(checked, SUITE)["always-cloud"]
    assert difference["local_after"] == pytest.approx(TASKS * policy["local_share"]["point"])
    assert difference["usd_before"] == pytest.approx(TASKS * cloud["usd_per_task"]["point"])
    assert difference["usd_after"] == pytest.approx(TASKS * policy["usd_per_task"]["point"])
    gain = policy["quality"]["point"] - cloud["quality"]["point"]
    assert difference["quality"]["change"]["point"] == pytest.approx(gain, abs=1e-9)


def test_local_work_that_costs_something_costs_it_everywhere():
    price = ("--local-usd-per-mtok", "2.5")
    pool = rows(turnout("check", "local-first", *price), "pool")
    same(turnout("tune", "local-first", *price)["own"], pool["policy"])
    suite = rows(turnout("check", "local-first", *price), SUITE)["policy"]
    result = turnout("cascade", "local-first", *price)
    row = next(row for row in result["rows"] if row["limit"] == result["own"])
    assert row["usd"] == pytest.approx(suite["usd_per_task"], abs=1e-9)
    difference = turnout("diff", "observe", "local-first", "--suite", SUITE, *price)
    assert difference["usd_after"] == pytest.approx(TASKS * suite["usd_per_task"]["point"])
