"""Many requests at once with every fault that the scripted upstream knows; its own books are the judge.

Each request names a model of its own, so that its row and its POSTs are told from all others. Whatever
happens: one POST for each attempt that was sent, a row for each request, and every dollar that the
provider bills is in its row and in its team's spending. What was reported is equal to the token; what
was cut off before that is an estimate within bounds, and marked.
"""

import asyncio
import base64
import contextlib
import json
import random
import re
import sqlite3
from collections import Counter, defaultdict

import aiohttp
import pytest

from router.accounts.teams import Budget, Team, Terms
from router.billing.prices import Prices
from router.ledger.store import LedgerStore
from tests.conftest import wait_for

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
  - {when: "context_tokens > 40", to: cloud, why: long}
otherwise: {to: local, why: short}
escalate: {on: [local_error, slow, bad_tool_call], first_byte_s: 1, to: cloud, at_most: 1}
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
    {"fault": "slow", "first_byte_s": 4},
    *({"fault": "status", "status": status} for status in (400, 429, 500, 503, 529)),
    {"model": "nobody-knows"},
]
CREDENTIALS = {"ANTHROPIC_API_KEY": "sk-ant-a", "OPENAI_API_KEY": "sk-o"}
TEAMS = ("ants", "bees")
MARK = re.compile(rb"storm-(\d+)-")
HUNG_UP = 499


@pytest.fixture(scope="module")
def storm_endpoint(start_endpoint, shared_upstream, shared_nearby, tmp_path_factory):
    """Starts an endpoint whose provider speaks one dialect; nothing is waited for long."""

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
            CLOUD__FIRST_BYTE_S="2",
            CLOUD__TOTAL_S="3",
            LOCAL__URL=shared_nearby.url + "/v1",
            LOCAL__NAME="nearby",
            LOCAL__FIRST_BYTE_S="2",
            LOCAL__TOTAL_S="3",
        )

    return start


def keys_of(endpoint, usd: float) -> list[str]:
    store = LedgerStore.open(endpoint.ledger, prices=Prices(), write=False)
    for team in TEAMS:
        store.accounts.add_team(Team(name=team, terms=Terms(budget=Budget(usd=usd))))
    keys = [store.accounts.create_key(team=team, user="ana").secret for team in TEAMS]
    store.close()
    return keys


def body_of(number: int, luck: random.Random) -> dict:
    content = f"storm-{number}- " + "and some words more " * luck.randrange(1, 40)
    return {
        "model": f"storm-{number}",
        "max_tokens": 60,
        "stream": luck.random() < 0.6,
        "messages": [{"role": "user", "content": content}],
    }


async def send(http, url, body, key, hang_up_s: float | None) -> None:
    headers = {"anthropic-version": "2023-06-01", "x-turnout-key": key}
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(hang_up_s or 60):
            async with http.post(url, json=body, headers=headers) as answer:
                await answer.read()


def steps_of(count: int, luck: random.Random) -> list[dict]:
    """Half of them faults, each before a success: a circuit that opens would keep faults from the rest."""
    steps = []
    while len(steps) < count:
        steps += [luck.choice(FAULTS), {}]
    return steps


async def storm(endpoint, programs, keys, requests, luck, concurrency) -> None:
    queue = list(range(requests))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        for _ in range(600):  # until it knows the keys: a wrong one is refused from then on
            async with http.get(endpoint.url + "/v1/models") as answer:
                if answer.status == 401:
                    break
            await asyncio.sleep(0.05)
        for program in programs:
            await http.post(program.url + "/_script", json=steps_of(requests * 2, luck))
            await http.delete(program.url + "/_requests")

        async def client() -> None:
            while queue:
                number = queue.pop()
                url = endpoint.url + luck.choice(list(PATHS.values()))
                hang_up_s = luck.uniform(0.01, 1) if luck.random() < 0.1 else None
                await send(http, url, body_of(number, luck), luck.choice(keys), hang_up_s)

        await asyncio.gather(*(client() for _ in range(concurrency)))


async def rows_of(endpoint, programs) -> list[dict]:
    """All rows, once each is finished and no upstream is still writing."""
    for _ in range(200):
        rows = endpoint.rows("operation = 'generate'")
        if rows and all(row["finished_at"] for row in rows):
            posts = [post for program in programs for post in program.get("/_requests")]
            if all(post["end"] != "open" for post in posts):
                return rows
        await asyncio.sleep(0.5)
    raise AssertionError("some rows or exchanges never ended")


def cost_of(usage) -> float:
    return sum((usage[name] or 0) * PRICE[name] for name in TOKENS) / 1e6


def posts_of(program) -> dict[int, list[dict]]:
    """What reached an upstream, by the request's number."""
    posts = defaultdict(list)
    for post in program.get("/_requests"):
        posts[int(MARK.search(base64.b64decode(post["body"]))[1])].append(post)
    return posts


def usages_of(row) -> list[dict | None]:
    """What each attempt at the cloud used, as the row has it; None where nothing is billed."""
    usages = [attempt["usage"] for attempt in json.loads(row["attempts"]) if attempt["track"] == "cloud"]
    if row["served_track"] == "cloud" and usages and usages[-1] is None:
        own = {name: row[name] for name in TOKENS} | {"estimated": bool(row["usage_estimated"])}
        usages[-1] = own if own["estimated"] or any(own[name] for name in TOKENS) else None
    return usages


def within(usage, bill, prompt: int, *, unread: bool) -> bool:
    """Whether an estimate is one of `bill`: its prompt as counted here, its output about what was written.

    Of an answer that nobody waited for, or of a document that was cut, the output is what had passed by then.
    """
    prompt_tokens = sum(usage[name] for name in TOKENS if name != "output")
    billed = sum(bill[name] for name in TOKENS if name != "output")
    more = bill["output"] - usage["output"]
    return prompt_tokens in {prompt, billed} and more >= -8 and (more <= 8 or unread)


def judge_row(row, posts, kinds: Counter) -> float:
    """Compare a row with what the provider took in and billed; returns the provider's dollars."""
    attempts = [attempt for attempt in json.loads(row["attempts"]) if attempt["track"] == "cloud"]
    tried = list(zip(attempts, usages_of(row), strict=True))
    sent = [(attempt, usage) for attempt, usage in tried if attempt["sent"]]
    assert all(usage is None for attempt, usage in tried if not attempt["sent"])
    left = row["status"] == HUNG_UP  # its head may have been on the way
    assert len(sent) - left <= len(posts) <= len(sent), (row, posts)
    for (attempt, usage), post in zip(sent, posts, strict=False):
        bill = post["bill"]
        case = (row["status"], row["error"], row["stream"], attempt, usage, post["fault"], bill)
        unread = attempt["status"] in {HUNG_UP, 504} or not row["stream"]
        if usage is None:
            assert not bill or not any(bill.values()), case
        elif not usage["estimated"]:
            assert bill == {name: usage[name] for name in TOKENS}, case
            kinds["exact"] += 1
        else:
            assert bill is None or within(usage, bill, row["context_tokens"], unread=unread), case
            kinds["estimated"] += 1
    ours = sum(cost_of(usage) for usage in usages_of(row) if usage)
    if row["cost_usd"] is None:
        assert row["served_model"] == "nobody-knows"
    else:
        assert row["cost_usd"] == pytest.approx(ours, abs=1e-9)
    return sum(cost_of(post["bill"]) for post in posts if post["bill"])


def reserved_in(endpoint) -> float:
    with contextlib.closing(sqlite3.connect(endpoint.ledger)) as database:
        return database.execute("select coalesce(sum(usd), 0) from reservations").fetchone()[0]


def judge(endpoint, upstream, nearby, rows, usd) -> None:
    posts, local = posts_of(upstream), posts_of(nearby)
    assert max(map(len, [*posts.values(), *local.values()])) == 1, "a request was sent twice"
    numbers = {int(row["asked_model"].removeprefix("storm-")): row for row in rows}
    assert len(numbers) == len(rows)
    assert posts.keys() <= numbers.keys()
    assert local.keys() <= numbers.keys()
    for number, row in numbers.items():
        sent = sum(
            bool(attempt["sent"]) for attempt in json.loads(row["attempts"]) if attempt["track"] == "local"
        )
        assert sent - (row["status"] == HUNG_UP) <= len(local[number]) <= sent, (row, local[number])

    kinds: Counter = Counter()
    billed = sum(judge_row(row, posts[number], kinds) for number, row in numbers.items())
    ours = sum(cost_of(usage) for row in rows for usage in usages_of(row) if usage)
    faults = Counter(post["fault"] for posted in (*posts.values(), *local.values()) for post in posted)
    met = f"{len(rows)} rows, {dict(kinds)}, billed ${billed:.4f}, here ${ours:.4f}, {dict(faults)}"
    assert len(rows) < 1000 or faults.keys() >= {step.get("fault", "") for step in FAULTS}, met
    assert ours == pytest.approx(billed, rel=0.2 if len(rows) > 1000 else 0.4), met  # for the estimates
    with contextlib.closing(sqlite3.connect(endpoint.ledger)) as database:
        spending = dict(database.execute("select scope, sum(usd) from spending group by scope"))
    for team in TEAMS:
        mine = sum(cost_of(usage) for row in rows if row["team"] == team for usage in usages_of(row) if usage)
        assert spending[f"team:{team}"] == pytest.approx(mine, abs=1e-6)
        assert mine <= usd * 1.02
    wait_for(lambda: reserved_in(endpoint) < 1e-6, "what was set aside to go back")
    assert endpoint.get("/health")["ledger"]["lost"] == 0


async def blow(storm_endpoint, upstream, nearby, play, dialect, *, requests, concurrency, usd) -> None:
    endpoint = storm_endpoint(dialect)
    keys = keys_of(endpoint, usd)
    luck = random.Random(f"{dialect} {requests}")
    programs = (upstream, nearby)
    await storm(endpoint, programs, keys, requests, luck, concurrency)
    rows = await rows_of(endpoint, programs)
    assert requests * 0.85 <= len(rows) <= requests
    judge(endpoint, upstream, nearby, rows, usd)
    play(upstream)
    play(nearby)


@pytest.mark.parametrize("dialect", ["anthropic", pytest.param("openai", marks=pytest.mark.slow)])
async def test_a_storm(storm_endpoint, upstream, nearby, play, dialect):
    await blow(storm_endpoint, upstream, nearby, play, dialect, requests=60, concurrency=16, usd=5)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["anthropic", "openai"])
async def test_a_long_storm(storm_endpoint, upstream, nearby, play, dialect):
    await blow(storm_endpoint, upstream, nearby, play, dialect, requests=2_500, concurrency=32, usd=8)
