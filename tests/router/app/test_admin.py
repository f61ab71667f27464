"""`/admin` and what it puts into force, against running endpoints."""

import json
import time

import httpx
import pytest

from router.billing.prices import Prices
from router.ledger.store import LedgerStore

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
ASK = {"model": "local", "max_tokens": 20, "messages": [{"role": "user", "content": "Say something."}]}


@pytest.fixture(scope="module")
def start(start_endpoint, shared_upstream):
    def started(**settings: str):
        urls = {"CLOUD__BASE_URL": shared_upstream.url, "LOCAL__URL": shared_upstream.url + "/v1"}
        return start_endpoint({"ANTHROPIC_API_KEY": "sk-ant-endpoint"}, **(urls | settings))

    return started


@pytest.fixture(scope="module")
def endpoint(start, tmp_path_factory):
    """One with an admin key from the start."""
    ledger = tmp_path_factory.mktemp("admin") / "ledger.db"
    store = LedgerStore.open(ledger, prices=Prices(), write=False)
    secret = store.accounts.create_key(team="default", admin=True).secret
    store.close()
    running = start(LEDGER=str(ledger))
    running.admin = {"authorization": f"Bearer {secret}"}
    return running


def call(endpoint, method: str, path: str, body=None, **headers: str) -> httpx.Response:
    return httpx.request(
        method, endpoint.url + path, json=body, headers=endpoint.admin | headers, timeout=30, verify=False
    )


def key_of(endpoint, **terms) -> dict[str, str]:
    created = call(endpoint, "POST", "/admin/keys", {"team": "web", **terms})
    assert created.status_code == 201, created.text
    return {"x-turnout-key": created.json()["key"], "id": created.json()["id"]}


def ask(endpoint, headers, path=MESSAGES, **fields) -> httpx.Response:
    return endpoint.post(path, ASK | fields, headers=headers)


def test_a_team_and_its_key_from_making_to_ending(endpoint):
    body = {"name": "web", "zone": "Europe/Berlin", "budget": {"usd": 5.0}, "models": ["claude-*"]}
    created = call(endpoint, "POST", "/admin/teams", body)
    assert created.status_code == 201, created.text
    assert (created.json()["budget_usd"], created.json()["balance"]["spent_usd"]) == (5.0, 0.0)
    assert call(endpoint, "POST", "/admin/teams", body).status_code == 409
    changed = call(endpoint, "PATCH", "/admin/teams/web", {"budget": None, "requests_per_minute": 100})
    assert changed.json()["budget_usd"] is None
    assert (changed.json()["requests_per_minute"], changed.json()["zone"]) == (100, "Europe/Berlin")

    key = key_of(endpoint, user="ana")
    answer = ask(endpoint, key)  # in force at once
    assert answer.status_code == 200
    assert endpoint.row(answer)["key_id"] == key["id"]
    assert call(endpoint, "DELETE", f"/admin/keys/{key['id']}").json() == {"revoked": key["id"]}
    assert ask(endpoint, key).status_code == 401
    assert call(endpoint, "DELETE", f"/admin/keys/{key['id']}").status_code == 404
    assert key["x-turnout-key"] not in call(endpoint, "GET", "/admin/keys").text
    assert call(endpoint, "GET", "/admin/teams/nobody").status_code == 404


def test_a_key_gets_other_terms_and_keeps_the_rest(endpoint):
    key = key_of(endpoint, user="ana", budget={"usd": 5}, models=["claude-haiku-*"], expires="1d")
    path = f"/admin/keys/{key['id']}"
    changes = {"name": "desk", "budget": None, "requests_per_minute": 1, "expires": None}
    changed = call(endpoint, "PATCH", path, changes)
    assert changed.status_code == 200, changed.text
    row = changed.json()
    assert (row["user"], row["name"], row["models"]) == ("ana", "desk", ["claude-haiku-*"])
    assert (row["budget_usd"], row["requests_per_minute"], row["expires_at"]) == (None, 1, None)
    assert [ask(endpoint, key).status_code for _ in range(2)] == [200, 429]  # in force at once
    wrong = call(endpoint, "PATCH", path, {"team": "other"})
    assert (wrong.status_code, wrong.json()["error"]["message"].partition(":")[0]) == (400, "team")
    call(endpoint, "DELETE", path)
    assert call(endpoint, "PATCH", path, {"name": "late"}).status_code == 404


def test_a_key_revoked_elsewhere_is_refused_within_a_second(endpoint):
    key = key_of(endpoint)
    assert ask(endpoint, key).status_code == 200
    store = LedgerStore.open(endpoint.ledger, prices=Prices(), write=False)
    store.accounts.revoke_key(key["id"])
    store.close()
    end = time.monotonic() + 60  # a generous deadline: the machine may be busy
    while ask(endpoint, key).status_code == 200:
        assert time.monotonic() < end
        time.sleep(0.1)


BAD = [
    ("POST", "/admin/teams", {}, "name"),
    ("POST", "/admin/teams", {"name": " "}, "name"),
    ("POST", "/admin/teams", {"name": "a\x00b"}, "name"),
    ("POST", "/admin/teams", {"name": "x" * 201}, "name"),
    ("POST", "/admin/teams", {"name": 3}, "name"),
    ("POST", "/admin/teams", {"name": "t", "zone": "Mars/Olympus"}, "zone"),
    ("POST", "/admin/teams", {"name": "t", "budget": 5}, "budget"),
    ("POST", "/admin/teams", {"name": "t", "budget": {"usd": 0}}, "budget.usd"),
    ("POST", "/admin/teams", {"name": "t", "budget": {"usd": 1e30}}, "budget.usd"),
    ("POST", "/admin/teams", {"name": "t", "budget": {"usd": 1, "per": "year"}}, "budget.per"),
    ("POST", "/admin/teams", {"name": "t", "requests_per_minute": 0}, "requests_per_minute"),
    ("POST", "/admin/teams", {"name": "t", "tokens_per_minute": 10**30}, "tokens_per_minute"),
    ("POST", "/admin/teams", {"name": "t", "models": "claude"}, "models"),
    ("POST", "/admin/teams", {"name": "t", "models": ["a b"]}, "models.0"),
    ("POST", "/admin/teams", {"name": "t", "policy": "no-such-policy"}, "policy"),
    ("POST", "/admin/teams", {"name": "t", "policy": "x" * 300}, "policy"),
    ("POST", "/admin/teams", {"name": "t", "colour": "red"}, "colour"),
    ("POST", "/admin/teams", [], "body"),
    ("PATCH", "/admin/teams/default", {"name": "other"}, "team"),
    ("POST", "/admin/keys", {}, "team"),
    ("POST", "/admin/keys", {"team": "t", "expires": "yesterday"}, "expires"),
    ("POST", "/admin/keys", {"team": "t", "expires": "2020-01-01"}, "expires"),
    ("POST", "/admin/keys", {"team": "t", "expires": "999999d" * 9}, "expires"),
    ("POST", "/admin/keys", {"team": "t", "user": "a\nb"}, "user"),
    ("POST", "/admin/keys", {"admin": True, "team": "t"}, "team"),
    ("POST", "/admin/keys", {"admin": True, "budget": {"usd": 1}}, "budget"),
    ("POST", "/admin/keys", {"admin": "yes"}, "admin"),
]


@pytest.mark.parametrize(("method", "path", "body", "field"), BAD, ids=range(len(BAD)))
def test_bad_input_is_told_by_its_name(endpoint, method, path, body, field):
    answer = call(endpoint, method, path, body)
    assert answer.status_code in {400, 404}, answer.text
    assert answer.json()["error"]["message"].startswith(f"{field}:")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"name": "\\ud800"}', b"[" * 5000, b"null", b"1e999"])
def test_bad_bytes_are_a_400(endpoint, body):
    headers = endpoint.admin | {"content-type": "application/json"}
    for path in ("/admin/teams", "/admin/keys"):
        answer = httpx.post(endpoint.url + path, content=body, headers=headers, verify=False)
        assert answer.status_code == 400, answer.text


def test_who_may_enter(endpoint):
    def status(headers, path="/admin/keys") -> int:
        return httpx.get(endpoint.url + path, headers=headers, verify=False).status_code

    team = key_of(endpoint)
    assert status(endpoint.admin) == 200
    assert status({}) == 401
    assert status({"authorization": "Bearer tn-wrong"}) == 401
    assert status({"x-turnout-key": team["x-turnout-key"]}) == 403
    assert status(endpoint.admin, "/v1/models") == 403
    assert status(endpoint.admin | {"origin": "https://elsewhere.example"}) == 403
    assert status(endpoint.admin | {"sec-fetch-site": "cross-site"}) == 403
    assert status(endpoint.admin | {"origin": endpoint.url, "sec-fetch-site": "same-origin"}) == 200
    form = httpx.post(endpoint.url + "/admin/keys", data={"admin": "1"}, headers=endpoint.admin, verify=False)
    assert form.status_code == 415


def test_while_no_key_exists_only_this_machine_enters(start):
    endpoint = start()
    endpoint.admin = {}
    assert call(endpoint, "GET", "/admin/teams").status_code == 200
    assert call(endpoint, "GET", "/admin/teams", host="rebound.example").status_code == 403
    assert call(endpoint, "GET", "/admin/teams", origin="null").status_code == 403
    created = call(endpoint, "POST", "/admin/keys", {"admin": True}).json()
    assert call(endpoint, "GET", "/admin/teams").status_code == 401
    assert call(endpoint, "GET", "/admin/teams", **{"x-api-key": created["key"]}).status_code == 200


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
def test_limits_are_told_in_the_dialect(endpoint, path):
    limited = key_of(endpoint, requests_per_minute=1)
    assert ask(endpoint, limited, path).status_code == 200
    refused = ask(endpoint, limited, path)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.json()["error"]["type"] == "rate_limit_error"
    narrow = key_of(endpoint, models=["claude-haiku-*"])
    refused = ask(endpoint, narrow, path, model="claude-opus-5-5")
    assert refused.status_code == 403
    assert "claude-haiku-*" in refused.json()["error"]["message"]
    assert ask(endpoint, narrow, path).status_code == 200  # local is always allowed
    poor = key_of(endpoint, budget={"usd": 0.000001, "over": "error"})
    refused = ask(endpoint, poor, path, model="cloud")
    assert refused.status_code == 402
    assert "this key's budget for this month" in refused.json()["error"]["message"]
    assert endpoint.row(refused)["status"] == 402
    thrifty = key_of(endpoint, budget={"usd": 0.000001})
    served = ask(endpoint, thrifty, path, model="cloud")
    assert (served.status_code, served.headers["x-turnout-rule"]) == (200, "budget")
    assert served.headers["x-turnout-track"] == "local"


def test_a_key_has_a_policy_of_its_own(endpoint):
    private_answer = ask(endpoint, key_of(endpoint, policy="private"), model="claude-opus-5-5")
    assert (private_answer.headers["x-turnout-rule"], endpoint.row(private_answer)["policy"]) == (
        "never_cloud",
        "private",
    )


def test_a_proxy_vouches_from_its_own_address_only(start, upstream):
    proxy = {"user": "x-forwarded-user", "team": "x-forwarded-group"}
    trusting = start(TRUSTED_HEADER=json.dumps(proxy | {"from": ["127.0.0.0/8"]}))
    identity = {"x-forwarded-user": "ana", "x-forwarded-group": "staff, web"}
    assert ask(trusting, {}).status_code == 401
    refused = ask(trusting, identity)
    assert (refused.status_code, "none of the groups is a team" in refused.text) == (403, True)
    store = LedgerStore.open(trusting.ledger, prices=Prices(), write=False)
    store.accounts.revoke_key(store.accounts.create_key(team="web").id)
    store.close()
    end = time.monotonic() + 60
    while (answer := ask(trusting, identity)).status_code != 200:
        assert time.monotonic() < end
        time.sleep(0.1)
    row = trusting.row(answer)
    assert (row["team"], row["user"], row["key_id"]) == ("web", "ana", "")
    assert "x-forwarded-user" not in json.dumps(upstream.get("/_requests"))
    wary = start(TRUSTED_HEADER=json.dumps(proxy | {"from": ["10.0.0.0/8"]}))
    refused = ask(wary, identity)
    assert refused.status_code == 403
    assert "trusted_header.from" in refused.json()["error"]["message"]
