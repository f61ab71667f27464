"""Keys from making to ending, against a running endpoint."""

import json
import os
import pty
import re
import subprocess
import time

import httpx
import pytest

from router.billing.prices import Prices
from router.ledger.store import LedgerStore
from tests.router.cli.conftest import COMMAND

MESSAGES = "/v1/messages"
CHAT = "/v1/chat/completions"
PATHS = (MESSAGES, CHAT, MESSAGES + "/count_tokens", "/v1/route")
OWN = "sk-ant-api03-the-clients-own"
BODY = {"model": "cloud", "max_tokens": 20, "messages": [{"role": "user", "content": "Say something."}]}


def wait_for(condition, deadline: float = 20):
    end = time.monotonic() + deadline
    while not (result := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return result


@pytest.fixture(scope="module")
def start(start_endpoint, shared_upstream):
    return lambda: start_endpoint(CLOUD__BASE_URL=shared_upstream.url, LOCAL__URL=shared_upstream.url + "/v1")


@pytest.fixture(scope="module")
def endpoint(start):
    return start()


@pytest.fixture(scope="module")
def key(endpoint):
    """A key that the endpoint knows by now."""
    ledger = LedgerStore.open(endpoint.ledger, prices=Prices(), write=False)
    secret = ledger.accounts.create_key(team="web", user="ana").secret
    ledger.close()
    wait_for(lambda: status(endpoint, {}) == 401)
    return secret


def status(endpoint, headers) -> int:
    return httpx.get(endpoint.url + "/v1/models", headers=headers).status_code


def ask(endpoint, path, headers=None, **fields) -> httpx.Response:
    return endpoint.post(path, BODY | fields, headers=headers or {})


def test_a_key_opens_the_endpoint_until_it_is_revoked(start, turnout):
    endpoint = start()

    def keys(*arguments: str):
        ended = turnout("key", *arguments, "--json", "--ledger", str(endpoint.ledger))
        assert ended.code == 0, ended.err
        return json.loads(ended.out)

    assert ask(endpoint, MESSAGES, model="local").status_code == 200  # open while there is no key
    created = keys("create", "--team", "web", "--user", "ana", "--name", "laptop")
    assert created["key"].startswith("tn-")
    assert {name: created[name] for name in ("team", "user", "name")} == {
        "team": "web",
        "user": "ana",
        "name": "laptop",
    }
    with_key = {"x-api-key": created["key"]}
    wait_for(lambda: status(endpoint, {}) == 401)
    answer = ask(endpoint, MESSAGES, with_key, model="local")
    assert answer.status_code == 200
    row = endpoint.row(answer)
    assert (row["team"], row["user"]) == ("web", "ana")

    (listed,) = keys("list")
    assert (listed["team"], listed["name"], listed["revoked_at"]) == ("web", "laptop", None)
    assert created["key"] not in json.dumps(listed)

    second = keys("create", "--team", "ops")  # so that keys are still demanded
    assert keys("revoke", listed["id"]) == {"revoked": listed["id"]}
    wait_for(lambda: status(endpoint, with_key) == 401)
    assert "revoked" in ask(endpoint, MESSAGES, with_key).json()["error"]["message"]
    assert status(endpoint, {"x-api-key": second["key"]}) == 200

    (other,) = [row["id"] for row in keys("list") if row["revoked_at"] is None]
    keys("revoke", other)
    wait_for(lambda: status(endpoint, {}) == 200)
    assert created["key"] not in endpoint.log.read_text()


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "a Turnout key is required"),
        ({"x-api-key": OWN}, "a Turnout key is required"),
        ({"authorization": "Bearer tn-wrong"}, "unknown, was revoked or has expired"),
        ({"x-api-key": "tn-wrong"}, "unknown, was revoked or has expired"),
        ({"x-turnout-key": "nonsense"}, "unknown, was revoked or has expired"),
    ],
)
def test_without_the_right_key_it_is_401_in_the_dialect(endpoint, upstream, path, headers, message):
    answer = ask(endpoint, path, headers)
    assert answer.status_code == 401
    assert answer.headers["x-should-retry"] == "false"
    error = answer.json()
    assert message in error["error"]["message"]
    if path.startswith(MESSAGES):
        assert (error["type"], error["error"]["type"]) == ("error", "authentication_error")
    else:
        assert error["error"]["code"] == "invalid_api_key"
    assert upstream.get("/_requests") == []


@pytest.mark.parametrize("own", [{"x-api-key": OWN}, {"authorization": f"Bearer {OWN}"}])
def test_the_providers_own_key_goes_on_beside_it(endpoint, upstream, key, own):
    answer = ask(endpoint, MESSAGES, {"x-turnout-key": key, **own})
    assert answer.status_code == 200, answer.text
    (recorded,) = upstream.get("/_requests")
    assert key not in json.dumps(recorded)
    arrived = {name.lower(): value for name, value in recorded["headers"]}
    assert "x-turnout-key" not in arrived
    ((name, value),) = own.items()
    assert arrived[name] == value


@pytest.mark.parametrize(
    ("name", "value"), [("x-api-key", "{}"), ("authorization", "Bearer {}"), ("x-turnout-key", "{}")]
)
def test_a_turnout_key_never_leaves(endpoint, upstream, key, name, value):
    answer = ask(endpoint, MESSAGES, {name: value.format(key)})
    assert answer.status_code == 400  # no credential of the provider's is left
    assert "ANTHROPIC_API_KEY" in answer.json()["error"]["message"]
    assert upstream.get("/_requests") == []


def test_for_a_person(turnout, refused):
    created = turnout("key", "create", "--team", "a [red]team[/red]", "--name", "[/x]", "--budget", "9")
    assert created.code == 0, created.err
    secret = created.out.split()[0]
    assert secret.startswith("tn-")
    assert "not shown again" in created.out
    listed = turnout("key", "list")
    assert "a [red]team[/red]" in listed.out
    assert "[/x]" in listed.out
    assert secret not in listed.out
    (row,) = json.loads(turnout("key", "list", "--json").out)
    changed = turnout("key", "set", row["id"], "--per", "day", "--user", "ana", "--tokens-per-minute", "900")
    assert changed.out.strip() == f"set {row['id']}", changed.err
    (row,) = json.loads(turnout("key", "list", "--json").out)
    assert (row["budget_usd"], row["budget_per"], row["tokens_per_minute"]) == (9.0, "day", 900)
    assert (row["user"], row["name"]) == ("ana", "[/x]")
    assert refused("key", "set", row["id"]).startswith("say what to change")
    assert turnout("key", "revoke", row["id"]).out.strip() == f"revoked {row['id']}"


def test_the_list_fits_80_columns(turnout, clean, tmp_path):
    limits = ("--budget", "20", "--requests-per-minute", "60", "--models", "claude-haiku-*,claude-sonnet-*")
    created = turnout(
        "key", "create", "--team", "platform", "--user", "ana.lopez", "--name", "laptop", *limits, "--json"
    )
    key = json.loads(created.out)["id"]
    environment = clean | {"COLUMNS": "80"}
    terminal, its_end = pty.openpty()
    subprocess.run([*COMMAND, "key", "list"], cwd=tmp_path, env=environment, stdout=its_end, check=True)
    listing = re.sub(r"\x1b\[[\d;]*m", "", os.read(terminal, 100_000).decode())
    os.close(its_end)
    os.close(terminal)
    assert max(map(len, listing.splitlines())) <= 80
    (line,) = [line for line in listing.splitlines() if key in line]
    for cell in ("platform", "ana.lopez", "laptop", "in force"):
        assert cell in line
    assert "…" not in listing


def test_an_unknown_key_cannot_be_revoked_or_changed(refused):
    message = "key: there is no key 'nope' in force; `turnout key list` shows the ids"
    assert refused("key", "revoke", "nope") == message
    assert refused("key", "set", "nope", "--budget", "3") == message


def test_a_team_is_needed(turnout):
    ended = turnout("key", "create")
    assert ended.code == 2
    assert "--team" in ended.err


def test_a_new_team_beside_others_may_be_a_typing_error(turnout, tmp_path):
    where = ("--ledger", str(tmp_path / "ledger.db"))
    assert turnout("team", "add", "web", "--budget", "20", *where).code == 0
    assert turnout("key", "create", "--team", "web", *where).err == ""
    created = turnout("key", "create", "--team", "wbe", *where)
    assert created.code == 0
    assert (
        "wbe is a new team, without a budget; did you mean web? To undo: `turnout key revoke" in created.err
    )


def test_the_id_is_told_with_the_key_and_never_cut(turnout, clean):
    made = turnout("key", "create", "--team", "web", "--user", "u" * 60, "--name", "n" * 60)
    clean["COLUMNS"] = "40"
    listed = turnout("key", "list").out
    (line,) = (line for line in listed.splitlines() if "u" * 60 in line)
    key_id = line.split()[0]
    assert f"Its id is {key_id}, for `turnout key set`" in made.out
    assert "n" * 60 in line
