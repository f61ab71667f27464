"""Money that no bill tells: a model without a price, a row that is lost, an endpoint that is killed."""

import contextlib
import json
import resource
import sqlite3
import sys

import pytest

from router.accounts.teams import Budget, Team, Terms
from router.billing.prices import Prices
from router.ledger.store import LedgerStore
from tests.conftest import wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")

MESSAGES = "/v1/messages"
CHAT = "/v1/chat/completions"
MODEL = "claude-sonnet-5-5"
PRICE = {"input": 100, "output": 500, "cache_read": 10, "cache_write_5m": 125, "cache_write_1h": 200}
POLICY = "{name: cloudy, hold: none, otherwise: {to: cloud, why: always}, escalate: {on: [local_error]}}"
TEAMS = {"ants": 0.05, "bees": 0.05, "crows": 5.0, "doves": 5.0}
ONE = 0.011
"""Dollars that one request reserves, at most: about ten tokens of prompt, twenty of output."""


@pytest.fixture(scope="module")
def start(start_endpoint, shared_upstream, shared_nearby, tmp_path_factory):
    """Starts endpoints on one ledger."""
    folder = tmp_path_factory.mktemp("unbilled")
    (folder / "policy.yaml").write_text(POLICY)

    def start_one():
        return start_endpoint(
            {"ANTHROPIC_API_KEY": "sk-ant-a", "OPENAI_API_KEY": "sk-o"},
            LEDGER=str(folder / "ledger.db"),
            POLICY=str(folder / "policy.yaml"),
            PRICES=json.dumps({MODEL: PRICE}),
            CLOUD__BASE_URL=shared_upstream.url,
            LOCAL__URL=shared_nearby.url + "/v1",
            LOCAL__NAME="nearby",
        )

    return start_one


@pytest.fixture(scope="module")
def endpoint(start):
    return start()


@pytest.fixture(scope="module")
def keys(endpoint):
    store = LedgerStore.open(endpoint.ledger, prices=Prices(), write=False)
    secrets = {}
    for team, usd in TEAMS.items():
        store.accounts.add_team(Team(name=team, terms=Terms(budget=Budget(usd=usd))))
        secrets[team] = store.accounts.create_key(team=team, user="ana").secret
    store.close()
    wait_for(lambda: endpoint.post(MESSAGES, {}).status_code == 401, "the keys to be known")
    return secrets


def ask(endpoint, key, path=MESSAGES, **fields):
    body = {"model": "auto", "max_tokens": 20, "messages": [{"role": "user", "content": "Say it."}]}
    return endpoint.post(path, body | fields, headers={"x-turnout-key": key})


def spent(endpoint, team) -> float:
    with contextlib.closing(sqlite3.connect(endpoint.ledger)) as database:
        query = "select coalesce(sum(usd), 0) from spending where scope = ?"
        return database.execute(query, [f"team:{team}"]).fetchone()[0]


def set_aside(endpoint, team) -> float:
    with contextlib.closing(sqlite3.connect(endpoint.ledger)) as database:
        query = "select coalesce(sum(usd), 0) from reservations where cap = ?"
        return database.execute(query, [f"team:{team}/month"]).fetchone()[0]


@pytest.mark.parametrize(("team", "path"), [("ants", MESSAGES), ("bees", CHAT)])
@pytest.mark.usefixtures("nearby")
def test_models_without_a_price_use_the_budget_up(endpoint, keys, upstream, play, team, path):
    play(upstream, {"model": "nobody-knows", "times": 40})
    tracks = [ask(endpoint, keys[team], path).headers["x-turnout-track"] for _ in range(40)]
    served = tracks.count("cloud")
    assert 0 < served < 40
    assert served == len(upstream.get("/_requests"))
    billed = [post["bill"] for post in upstream.get("/_requests")]
    dollars = sum(bill[name] * PRICE[name] for bill in billed for name in PRICE) / 1e6
    wait_for(lambda: abs(spent(endpoint, team) - dollars) < 1e-9, "the bills, as of the model asked for")
    assert dollars <= TEAMS[team] + ONE
    if path == MESSAGES:  # litellm names the model that was asked for
        rows = endpoint.rows(f"team = '{team}' and served_track = 'cloud'")
        assert {row["served_model"] for row in rows} == {"nobody-knows"}
        assert {row["cost_usd"] for row in rows} == {None}


@pytest.fixture
def full_disk(endpoint):
    """Lets the endpoint write no byte into any file while it is entered."""

    @contextlib.contextmanager
    def full():
        pid, kind = endpoint.process.pid, resource.RLIMIT_FSIZE
        usual = resource.prlimit(pid, kind)
        resource.prlimit(pid, kind, (0, usual[1]))
        try:
            yield
        finally:
            resource.prlimit(pid, kind, usual)

    return full


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux")
@pytest.mark.usefixtures("upstream", "nearby")
def test_rows_that_are_lost_leave_no_reservation(endpoint, keys, full_disk):
    assert ask(endpoint, keys["crows"]).status_code == 200  # money is set aside, and the row is written
    before = wait_for(lambda: spent(endpoint, "crows"), "the first bill")
    with full_disk():
        answers = [ask(endpoint, keys["crows"]) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 6
        assert {answer.headers["x-turnout-track"] for answer in answers} == {"cloud"}
        # The last row is finished after its answer has gone out: the disk stays full until then.
        wait_for(lambda: endpoint.get("/health")["ledger"]["lost"] == 12, "all their records to be lost")
    wait_for(lambda: set_aside(endpoint, "crows") < 1e-6, "what was reserved to be spent or given back")
    lost = spent(endpoint, "crows") - before
    assert 6 * before / 2 < lost <= 6 * ONE * 1.2
    assert ask(endpoint, keys["crows"]).headers["x-turnout-track"] == "cloud"
