"""Many requests at once with every fault that the scripted upstream knows; its own books are the judge.

Whatever happens: one POST for each attempt in the ledger, a row for each request, and every dollar
that the provider bills is in a row and in its team's spending. Where usage was reported tokens and
dollars are equal; of what was cut off before that they are an estimate, and marked.
"""

import asyncio
import base64
import contextlib
import json
import random
import re
import sqlite3
from collections import Counter

import httpx
import pytest

from router.ledger.store import LedgerStore
from router.prices import Prices
from router.teams import Budget, Team, Terms

PATHS = {"anthropic": "/v1/messages", "openai": "/v1/chat/completions"}
MODEL = "claude-sonnet-5-5"
PRICE = {
    "input": 100.0,
    "output": 500.0,
    "cache_read": 10.0,
    "cache_write_5m": 125.0,
    "cache_write_1h": 200.0,
}
TOKENS = tuple(PRICE)
POLICY = """\
name: stormy
hold: none
rules:
  - {when: "context_tokens > 60", to: cloud, why: long}
otherwise: {to: local, why: short}
escalate: {on: [local_error, slow, bad_tool_call], first_byte_s: 2, to: cloud, at_most: 1}
degrade: {on: [cloud_error], to: local}
"""
WORDS = "one two three four five six seven eight nine ten"
FAULTS = [
    *(
        {"fault": fault}
        for fault in ("close", "close_after_head", "empty", "garbage", "no_usage", "wrong_usage")
    ),
    *(
        {"fault": fault, "after_events": events, "text": WORDS}
        for fault in ("cut", "half", "error_event", "stall")
        for events in (0, 1, 8)
    ),
    {"fault": "slow", "first_byte_s": 0.05},
    {"fault": "slow", "first_byte_s": 6},
    *({"fault": "status", "status": status} for status in (400, 429, 500, 503, 529)),
    {"model": "nobody-knows"},
]
CREDENTIALS = {"ANTHROPIC_API_KEY": "sk-ant-a", "OPENAI_API_KEY": "sk-o"}
MARK = re.compile(rb"storm-(\d+)-")


@pytest.fixture(scope="module")
def storm_endpoint(start_endpoint, shared_upstream, shared_nearby, tmp_path_factory):
    """Starts an endpoint whose provider speaks one dialect."""

    def start(dialect):
        folder = tmp_path_factory.mktemp("storm")
        (folder / "policy.yaml").write_text(POLICY)
        return start_endpoint(
            CREDENTIALS,
            POLICY=str(folder / "policy.yaml"),
            PRICES=json.dumps({MODEL: PRICE}),
            CLOUD__DIALECT=dialect,
            CLOUD__MODEL=MODEL,
            CLOUD__BASE_URL=shared_upstream.url + ("/v1" if dialect == "openai" else ""),
            CLOUD__FIRST_BYTE_S="3",
            LOCAL__URL=shared_nearby.url + "/v1",
            LOCAL__NAME="nearby",
            LOCAL__FIRST_BYTE_S="3",
        )

    return start


def team_with(endpoint, usd: float) -> dict[str, str]:
    store = LedgerStore.open(endpoint.ledger, prices=Prices(), write=False)
    store.accounts.add_team(Team(name="storm", terms=Terms(budget=Budget(usd=usd))))
    secret = store.accounts.create_key(team="storm", user="ana").secret
    store.close()
    return {"anthropic-version": "2023-06-01", "x-turnout-key": secret}


def body_of(number: int, luck: random.Random) -> dict:
    content = f"storm-{number}- " + "and some words more " * luck.randrange(1, 40)
    model = luck.choice(["auto", "auto", "auto", "cloud", "local"])
    return {
        "model": model,
        "max_tokens": 60,
        "stream": luck.random() < 0.6,
        "messages": [{"role": "user", "content": content}],
    }


async def send(http, endpoint, headers, body, path, hang_up_s: float | None) -> str:
    """Send one request, maybe hang up; returns its id, empty where the client left before it had one."""
    of = ""
    with contextlib.suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(hang_up_s or 60):
            async with http.stream("POST", endpoint.url + path, json=body, headers=headers) as answer:
                of = answer.headers["x-turnout-request-id"]
                async for _ in answer.aiter_raw():
                    pass
    return of


async def storm(endpoint, programs, headers, numbers, luck, concurrency) -> None:
    queue = list(numbers)
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None)) as http:
        for _ in range(600):  # until it knows the key: a wrong one is refused from then on
            if (await http.get(endpoint.url + "/v1/models")).status_code == 401:
                break
            await asyncio.sleep(0.05)
        for program in programs:
            steps = [luck.choice(FAULTS) if luck.random() < 0.6 else {} for _ in queue * 2]
            (await http.post(program.url + "/_script", json=steps)).raise_for_status()
            await http.delete(program.url + "/_requests")
            await http.delete(program.url + "/_totals")

        async def client() -> None:
            while queue:
                number = queue.pop()
                path = luck.choice(list(PATHS.values()))
                hang_up_s = luck.uniform(0.01, 1) if luck.random() < 0.15 else None
                await send(http, endpoint, headers, body_of(number, luck), path, hang_up_s)

        await asyncio.gather(*(client() for _ in range(concurrency)))


async def rows_of(endpoint, programs) -> list[dict]:
    """All rows, once each is finished and no upstream is still writing."""
    for _ in range(900):
        rows = endpoint.rows("operation = 'generate'")
        open_ = [one for program in programs for one in program.get("/_requests") if one["end"] == "open"]
        if rows and all(row["finished_at"] for row in rows) and not open_:
            return rows
        await asyncio.sleep(0.1)
    raise AssertionError("some rows or exchanges never ended")


def cost_of(usage) -> float:
    return sum((usage[name] or 0) * PRICE[name] for name in TOKENS) / 1e6


def usages_of(row) -> list[dict]:
    """What the row says that the cloud used: for who served, and for each failed attempt."""
    attempts = json.loads(row["attempts"])
    used = [one["usage"] for one in attempts if one["usage"] and one["track"] == "cloud"]
    if row["served_track"] == "cloud":
        used.append({name: row[name] for name in TOKENS} | {"estimated": bool(row["usage_estimated"])})
    return [usage for usage in used if any(usage[name] for name in TOKENS) or usage["estimated"]]


def judge(endpoint, upstream, nearby, rows, usd) -> None:
    tried = [one for row in rows for one in json.loads(row["attempts"])]
    attempts = Counter(one["track"] for one in tried if one["sent"])
    posts = {"cloud": upstream.get("/_requests"), "local": nearby.get("/_requests")}
    left = sum(row["status"] == 499 for row in rows)  # a head may be on its way when its client leaves
    for track, received in posts.items():
        assert attempts[track] - left <= len(received) <= attempts[track], track
        marks = Counter(MARK.search(base64.b64decode(one["body"]))[1] for one in received)
        assert max(marks.values(), default=0) <= 1, "a request was sent twice"

    billed = [post["bill"] for post in posts["cloud"] if post["bill"]]
    used = [usage for row in rows for usage in usages_of(row)]
    exact = [usage for usage in used if not usage["estimated"]]
    assert exact, "nothing was exact"
    books = Counter(tuple(bill[name] for name in TOKENS) for bill in billed)
    ours = Counter(tuple(usage[name] for name in TOKENS) for usage in exact)
    assert not ours - books  # every exact usage is a bill of the provider's, to the token
    rest = books - ours
    estimated = [usage for usage in used if usage["estimated"]]
    assert len(estimated) == pytest.approx(sum(rest.values()), abs=max(3, left))
    real = sum(cost_of(dict(zip(TOKENS, bill, strict=True))) * times for bill, times in rest.items())
    assert sum(map(cost_of, estimated)) == pytest.approx(real, rel=0.5)

    with contextlib.closing(sqlite3.connect(endpoint.ledger)) as database:
        (spent,) = database.execute("select sum(usd) from spending where scope = 'team:storm'").fetchone()
    assert spent == pytest.approx(sum(map(cost_of, used)), abs=1e-6)
    assert spent <= usd * 1.05
    for row in rows:
        if row["cost_usd"] is not None:
            assert row["cost_usd"] == pytest.approx(sum(map(cost_of, usages_of(row))), abs=1e-9)
        else:
            assert row["served_model"] == "nobody-knows"


async def blow(storm_endpoint, upstream, nearby, play, dialect, *, requests, concurrency, usd) -> None:
    endpoint = storm_endpoint(dialect)
    headers = team_with(endpoint, usd)
    luck = random.Random(f"{dialect} {requests}")
    programs = (upstream, nearby)
    await storm(endpoint, programs, headers, range(requests), luck, concurrency)
    rows = await rows_of(endpoint, programs)
    play(upstream)
    play(nearby)
    assert requests * 0.85 <= len(rows) <= requests
    judge(endpoint, upstream, nearby, rows, usd)
    assert endpoint.get("/health")["ledger"]["lost"] == 0


@pytest.mark.parametrize("dialect", ["anthropic", pytest.param("openai", marks=pytest.mark.slow)])
async def test_a_storm(storm_endpoint, upstream, nearby, play, dialect):
    await blow(storm_endpoint, upstream, nearby, play, dialect, requests=60, concurrency=16, usd=5)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["anthropic", "openai"])
async def test_a_long_storm(storm_endpoint, upstream, nearby, play, dialect):
    await blow(storm_endpoint, upstream, nearby, play, dialect, requests=2_500, concurrency=32, usd=40)
