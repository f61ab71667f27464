"""A team's dollar, spent by many at once through two endpoints on one ledger; the provider counts along."""

import asyncio
import contextlib
import itertools
import json
import sqlite3

import httpx
import pytest

from router.accounts.teams import Budget, Team, Terms
from router.billing.prices import Prices
from router.ledger.store import LedgerStore

MESSAGES = "/v1/messages"
MODEL = "claude-sonnet-5-5"
PRICE = {
    "input": 100.0,
    "output": 500.0,
    "cache_read": 10.0,
    "cache_write_5m": 125.0,
    "cache_write_1h": 200.0,
}
MINE = {"anthropic-version": "2023-06-01"}
TOKENS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
POLICY = """\
name: cloud-first
hold: none
otherwise: {to: cloud, why: the cloud first}
degrade: {on: [cloud_error], to: local}
"""
MAX_TOKENS = 50
FIVE_WORDS = 3 + 5
"""Events until five words of an answer are out: the start, the block's start, a ping."""
FAULTS = [
    {"fault": "cut", "after_events": FIVE_WORDS, "text": "one two three four five six seven eight"},
    {"fault": "status", "status": 529},
    {
        "fault": "stall",
        "after_events": FIVE_WORDS,
        "text": "some more words and HANGUP then silence for ever",
    },
    {"text": "a whole answer of nine words, and all good"},
    {"fault": "close"},
]


@pytest.fixture(scope="module")
def two(start_endpoint, shared_upstream, shared_nearby, tmp_path_factory):
    """Two endpoints on one ledger, and what opens it to make teams."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "policy.yaml").write_text(POLICY)
    settings = {
        "POLICY": str(folder / "policy.yaml"),
        "LEDGER": str(folder / "ledger.db"),
        "PRICES": json.dumps({MODEL: PRICE}),
        "CLOUD__BASE_URL": shared_upstream.url,
        "LOCAL__URL": shared_nearby.url + "/v1",
        "LOCAL__NAME": "nearby",
    }
    also = {"ANTHROPIC_API_KEY": "sk-ant-endpoint"}
    return [start_endpoint(also, **settings) for _ in range(2)]


def team_with(endpoint, name: str, terms: Terms) -> dict[str, str]:
    """Make a team and a key of it; returns its header."""
    store = LedgerStore.open(endpoint.ledger, prices=Prices(), write=False)
    store.accounts.add_team(Team(name=name, terms=terms))
    secret = store.accounts.create_key(team=name, user="ana").secret
    store.close()
    return MINE | {"x-turnout-key": secret}


def ask(words: str, **fields) -> dict:
    return {
        "model": "auto",
        "max_tokens": MAX_TOKENS,
        "messages": [{"role": "user", "content": words}],
        **fields,
    }


async def carried(http: httpx.AsyncClient, url: str, headers: dict, body: dict) -> str:
    """Send one request, and hang up where the answer says so; returns the rule that decided."""
    with contextlib.suppress(httpx.RemoteProtocolError):  # cut: a dropped connection, as it should be
        async with http.stream("POST", url + MESSAGES, json=body, headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            text = ""
            async for chunk in answer.aiter_text():
                text += chunk
                if "HANGUP" in text:
                    break
    return answer.headers["x-turnout-rule"]


async def check_key(http: httpx.AsyncClient, endpoints, headers: dict) -> None:
    """Wait until every endpoint knows the key: until it demands one, any is as good as none."""
    for endpoint in endpoints:
        for _ in range(600):
            bare = await http.get(endpoint.url + "/v1/models")
            answer = await http.get(endpoint.url + "/v1/models", headers=headers)
            if (bare.status_code, answer.status_code) == (401, 200):
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError(f"{endpoint.url} does not know the key")


def finished(endpoint, team: str) -> list[dict]:
    return endpoint.rows(f"team = '{team}' and finished_at is not null")


async def settled(endpoint, team: str, begun: int) -> list[dict]:
    for _ in range(1200):  # a minute: a busy disk may hold a checkpoint up for long
        if len(rows := finished(endpoint, team)) >= begun:
            return rows
        await asyncio.sleep(0.05)
    raise AssertionError(f"{len(rows)} of {begun} rows were finished")


def totals_of(*upstreams) -> dict[str, int]:
    billed = [row for upstream in upstreams for row in upstream.get("/_totals").values()]
    return {name: sum(row[name] for row in billed) for name in TOKENS}


def cost_of(tokens: dict[str, int]) -> float:
    return sum(tokens[name] * PRICE[name] for name in TOKENS) / 1e6


async def spend_a_dollar(
    two, upstream, nearby, play, *, team: str, usd: float, clients: int, rounds: int
) -> None:
    headers = team_with(two[0], team, Terms(budget=Budget(usd=usd)))
    numbers = itertools.count()
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None)) as http:
        for program in (upstream, nearby):
            await http.delete(program.url + "/_totals")
        await check_key(http, two, headers)
        play(upstream, *FAULTS, *FAULTS)
        rules = []
        for at in range(2 * len(FAULTS)):  # what goes wrong, one after the other
            url = two[at % 2].url
            rules.append(await carried(http, url, headers, ask(f"fault {at}", stream=True)))

        async def client(own: int) -> None:
            for turn in range(rounds):
                body = ask(f"question {next(numbers)} of client {own}", stream=bool((own + turn) % 2))
                rules.append(await carried(http, two[(own + turn) % 2].url, headers, body))

        await asyncio.gather(*(client(own) for own in range(clients)))

    rows = await settled(two[0], team, 2 * len(FAULTS) + clients * rounds)
    assert len(rows) == len(rules)
    cloud, local = totals_of(upstream), totals_of(nearby)
    served = {track: [row for row in rows if row["served_track"] == track] for track in ("cloud", "local")}
    unseen = [row["bill"] for row in upstream.get("/_requests") if row["bill"] and not row["bill"]["output"]]
    assert len(unseen) == 2  # closed before a byte of the answer
    observed = {name: cloud[name] - sum(bill[name] for bill in unseen) for name in TOKENS}
    for track, billed in (("cloud", observed), ("local", local)):
        assert {name: sum(row[name] for row in served[track]) for name in TOKENS} == billed, track
    spent = sum(row["cost_usd"] for row in rows)
    wasted = sum(row["wasted_usd"] for row in rows)
    assert spent - wasted == pytest.approx(cost_of(observed), abs=1e-9)
    assert wasted == pytest.approx(cost_of(cloud) - cost_of(observed), rel=0.5)  # an estimate
    assert sum(bool(row["usage_estimated"]) for row in rows) == 4  # cut and hung up, twice each
    assert sum(row["degraded"] == "cloud_error" for row in rows) == 4  # 529 and closed, twice each

    with contextlib.closing(sqlite3.connect(two[0].ledger)) as database:
        (summed,) = database.execute(
            "select sum(usd) from spending where scope = ?", [f"team:{team}"]
        ).fetchone()
    assert summed == pytest.approx(spent, abs=1e-9)
    most = (max(row["context_tokens"] for row in rows) * PRICE["input"] + MAX_TOKENS * PRICE["output"]) / 1e6
    assert spent <= usd + 2 * most  # one reservation for each of two processes
    assert spent > 0.4 * usd  # what is reserved and not yet settled keeps others from the rest for a moment
    assert "budget" in rules
    assert all(row["served_track"] == "local" for row in rows if row["rule"] == "budget")


async def test_a_dollar_is_a_dollar(two, upstream, nearby, play):
    await spend_a_dollar(two, upstream, nearby, play, team="few", usd=0.25, clients=10, rounds=6)


@pytest.mark.slow
async def test_a_dollar_among_forty(two, upstream, nearby, play):
    await spend_a_dollar(two, upstream, nearby, play, team="many", usd=1.0, clients=40, rounds=12)


@pytest.mark.usefixtures("upstream", "nearby")
async def test_a_locked_ledger_delays_nobody_for_long_and_loses_nothing(two):
    endpoint = two[0]
    teams = {
        "free": Terms(),
        "stays": Terms(budget=Budget(usd=1.0)),
        "stops": Terms(budget=Budget(usd=1.0, over="error")),
    }
    headers = {name: team_with(endpoint, name, terms) for name, terms in teams.items()}
    async with httpx.AsyncClient(timeout=20) as http:  # the database would be waited for 30 s
        for each in headers.values():
            await check_key(http, [endpoint], each)
        with contextlib.closing(sqlite3.connect(endpoint.ledger, isolation_level=None)) as other:
            other.execute("begin exclusive")

            async def answer(team: str, at: int) -> httpx.Response:
                return await http.post(
                    endpoint.url + MESSAGES, headers=headers[team], json=ask(f"{team} {at}")
                )

            answers = {team: await asyncio.gather(*(answer(team, n) for n in range(8))) for team in teams}
            other.execute("rollback")
    served = {
        team: {(each.status_code, each.headers.get("x-turnout-track")) for each in all_of}
        for team, all_of in answers.items()
    }
    assert served["free"] == {(200, "cloud")}
    assert served["stays"] == {(200, "local")}
    assert {status for status, _ in served["stops"]} == {402}
    assert "budget cannot be looked up now" in answers["stops"][0].text
    for team in teams:
        assert len(await settled(endpoint, team, 8)) == 8
