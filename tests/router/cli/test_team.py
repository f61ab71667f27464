"""Teams on the command line."""

import json

import pytest


def test_a_team_is_added_listed_and_changed(turnout):
    created = turnout(
        "team", "add", "web", "--budget", "200", "--zone", "Europe/Berlin", "--models", "claude-*, x-1"
    )
    assert (created.code, created.out.strip()) == (0, "added web"), created.err
    assert turnout("team", "set", "web", "--over", "error", "--requests-per-minute", "60").code == 0
    (row,) = json.loads(turnout("team", "list", "--json").out)
    assert (row["budget_usd"], row["budget_per"], row["budget_over"]) == (200.0, "month", "error")
    assert (row["zone"], row["models"], row["requests_per_minute"]) == (
        "Europe/Berlin",
        ["claude-*", "x-1"],
        60,
    )
    assert row["balance"]["spent_usd"] == 0
    assert (
        turnout("team", "set", "web", "--budget", "0", "--models", "", "--json").out.strip()
        == '{"set": "web"}'
    )
    assert "web" in turnout("team", "list").out
    (row,) = json.loads(turnout("team", "list", "--json").out)
    assert (row["budget_usd"], row["models"]) == (None, [])


def test_teams_are_listed_where_the_policy_cannot_be_loaded(turnout):
    turnout("team", "add", "web", "--budget", "20")
    listed = turnout("team", "list", "--json", POLICY="gone.yaml")
    assert listed.code == 0
    assert "policy gone.yaml: its budget is not listed: " in listed.err
    (row,) = json.loads(listed.out)
    assert [budget["limit_usd"] for budget in row["budgets"]] == [20.0]


def test_a_budget_that_the_policy_sets_is_listed(turnout, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "name: mine\notherwise: {to: cloud, why: any}\nbudget: {team_month_usd: 200}\n"
    )
    turnout("team", "add", "web")
    (row,) = json.loads(turnout("team", "list", "--json", POLICY="mine.yaml").out)
    (budget,) = row["budgets"]
    assert (budget["policy"], budget["per"], budget["limit_usd"]) == ("mine", "month", 200.0)
    assert (row["balance"], row["budget_usd"]) == (None, None)
    assert "(0% of $200.00/month, policy mine)" in turnout("team", "list", POLICY="mine.yaml").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "web", "--budget", "-1"), "--budget:"),
        (("add", "web", "--zone", "Mars/Olympus"), "--zone:"),
        (("add", "web", "--per", "day"), "--per, --over: set the amount too, with --budget"),
        (("add", "web", "--policy", "nothing.yaml"), "--policy:"),
        (("set", "nobody", "--budget", "3"), "name: there is no team 'nobody'"),
    ],
)
def test_what_is_wrong_is_said_by_its_option(refused, arguments, message):
    assert refused("team", *arguments).startswith(message)


def test_an_admin_key_takes_no_team(turnout, refused):
    created = json.loads(turnout("key", "create", "--admin", "--name", "ops", "--json").out)
    assert (created["admin"], created["key"][:3]) == (True, "tn-")
    assert refused("key", "create", "--admin", "--team", "web").startswith("--team: an admin key makes no")
    assert refused("key", "create", "--team", "web", "--expires", "soon").startswith("--expires: give a time")


def test_a_team_is_removed_and_its_keys_only_where_that_is_said(turnout, refused):
    turnout("team", "add", "web")
    key = json.loads(turnout("key", "create", "--team", "web", "--json").out)["id"]
    other = json.loads(turnout("key", "create", "--team", "api", "--json").out)["id"]
    assert f"--revoke-keys: web has keys in force ({key})" in refused("team", "remove", "web")
    ended = turnout("team", "remove", "web", "--revoke-keys")
    assert ended.out == f"removed web and revoked {key}\n"
    assert [row["name"] for row in json.loads(turnout("team", "list", "--json").out)] == ["api"]
    in_force = [
        row["id"] for row in json.loads(turnout("key", "list", "--json").out) if not row["revoked_at"]
    ]
    assert in_force == [other]
    assert "there is no team 'web'" in refused("team", "remove", "web")
    turnout("key", "revoke", other)
    assert json.loads(turnout("team", "remove", "api", "--json").out) == {"removed": "api", "revoked": []}
