"""The dashboard over HTTP: who gets in, what writes need, what pages hold, and what they never do."""

import asyncio
import csv
import io
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from classifiers.choose import CLASSIFIERS, DEFAULT
from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.decision import Decision, State
from policies.load import PolicyHolder
from policies.privacy import Clearance
from policies.proof import Serving
from policies.registry import PolicyRegistry
from router.accounts.keys import Keyring
from router.accounts.teams import Account, Budget, Team, Terms
from router.app.body import Uploads
from router.app.dashboard.auth import MAX_FAILURES, WINDOW_S, LoginAttempts
from router.app.dashboard.context import DashboardOptions
from router.app.dashboard.routes import build_dashboard
from router.app.early_response import EarlyResponses
from router.app.origin import OriginGuard
from router.billing.prices import Prices
from router.errors import RateLimited
from router.features.fingerprint import reading_digest
from router.ledger.rollups import add_where
from router.ledger.store import LedgerStore
from router.ledger.tables import feedback, requests
from router.settings import Settings
from router.telemetry.observers import ObservedLedger
from router.types import ModelRequest, Outcome, Plan, Usage

HOME = "http://127.0.0.1:4747"
HTML = {"accept": "text/html"}
EVIL = "<script>alert(1)</script>"
ATTEMPTS = (
    '[{"track":"local","model":"small","cause":"bad_tool_call","status":200,"seconds":1.5},'
    '{"track":"cloud","model":"claude-sonnet-5-5","cause":"","status":200,"seconds":2.0}]'
)


def row(name, **changes):
    begun = changes.get("begun_at", time.time() - 60)
    return {
        "id": name, "begun_at": begun, "finished_at": begun + 2, "team": "web", "user": "ana",
        "client": "claude-code", "conversation": "c1", "dialect": "anthropic_messages",
        "operation": "generate", "kind": "agent", "asked_model": "auto", "stream": True,
        "policy": "balanced", "rule": "crosses-files", "why": "the answer crosses files", "held": False,
        "would": "", "classifier": "rules", "p_local": 0.3, "work": "crosses-files", "track": "cloud",
        "cleared": True, "private_why": "", "notes": "", "context_tokens": 4321, "tokens_exact": True,
        "files": 6, "turns": 2, "turn_calls": 1, "served_track": "cloud",
        "served_model": "claude-sonnet-5-5", "status": 200, "error": "", "escalated": "", "degraded": "",
        "attempts": "[]", "overhead_s": 0.001, "first_byte_s": 0.5, "seconds": 2.0, "input": 1000,
        "output": 200, "cache_read": 3000, "cache_write_5m": 0, "cache_write_1h": 0,
        "usage_estimated": False, "terms": "", "cost_usd": 0.02, "local_usd": None, "wasted_usd": 0.0,
        "baseline_model": "claude-sonnet-5-5", "baseline_usd": 0.05, "baseline_cold_usd": 0.06,
        "baseline_how": "same tokens, warm cache",
        **changes,
    }  # fmt: skip


@dataclass
class Place:
    """A dashboard over a ledger of its own, and who visits it."""

    app: OriginGuard
    store: LedgerStore
    registry: PolicyRegistry
    keyring: Keyring
    ledger: ObservedLedger

    def visitor(self, *, peer="127.0.0.1", base=HOME, **headers):
        transport = httpx.ASGITransport(self.app, client=(peer, 5))
        fields = HTML | {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.AsyncClient(transport=transport, base_url=base, headers=fields)

    def write(self, *rows):
        with self.store.engine.begin() as connection:
            for record in rows:
                connection.execute(sa.insert(requests), record)
            done = [record["id"] for record in rows if record["finished_at"] is not None]
            add_where(connection, requests.c.id.in_(done))

    def key(self, **terms):
        created = self.store.accounts.create_key(**({"team": "web"} | terms))
        self.load()
        return created

    def load(self):
        roster = self.store.accounts.load()
        self.keyring.load(roster.keys, roster.teams)

    async def log_in(self, visitor, key, **form):
        return await visitor.post("/dashboard/login", data={"key": key, **form})


@pytest.fixture
def place(tmp_path):
    store = LedgerStore.open(tmp_path / "ledger.db", prices=Prices({}), write=False)
    keyring = Keyring()

    async def changed():
        environment.load()

    registry = PolicyRegistry(PolicyHolder("balanced"), lambda *_: None)
    ledger = ObservedLedger(store)
    options = DashboardOptions(
        engine=store.engine,
        accounts=store.accounts,
        budgets=store.budgets,
        keyring=keyring,
        apply_changes=changed,
        registry=registry,
        serving=Serving(classifier=CLASSIFIERS[DEFAULT]().name, reading=reading_digest()),
        health=lambda: {
            "local": {"url": "http://127.0.0.1:1/v1", "up": True},
            "cloud": {"up": False},
            "policy": {"name": "balanced", "error": ""},
            "ledger": {"lost": 0},
        },
        state=lambda _: State(local_context=8192),
        ledger=ledger,
    )
    app = FastAPI()
    app.include_router(build_dashboard(options))
    uploads = Uploads.of(Settings())
    guarded = OriginGuard(EarlyResponses(app, uploads), settings=Settings(), uploads=uploads)
    environment = Place(guarded, store, registry, keyring, ledger)
    yield environment
    store.close()


@pytest.fixture
def admin(place):
    return place.key(admin=True, name="lead").secret


@asynccontextmanager
async def entered(place, key, **headers):
    async with place.visitor(**headers) as visitor:
        answer = await place.log_in(visitor, key)
        assert answer.status_code == 303, answer.text
        yield visitor


PAGES = ["", "/requests", "/requests.csv", "/requests/r1", "/policy", "/teams", "/nowhere"]


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize("path", PAGES)
async def test_without_a_session_every_page_leads_to_the_login(place, path):
    place.write(row("r1"))
    async with place.visitor() as visitor:
        answer = await visitor.get(f"/dashboard{path}")
    assert (answer.status_code, answer.content) == (303, b"")
    assert answer.headers["location"].startswith("/dashboard/login")


@pytest.mark.usefixtures("admin")
async def test_a_program_without_a_key_is_told(place):
    async with place.visitor(accept="*/*") as visitor:
        assert (await visitor.get("/dashboard/requests.csv")).status_code == 401


async def test_an_admin_key_in_a_header_lets_a_program_in(place, admin):
    place.write(row("r1"))
    async with place.visitor(authorization=f"Bearer {admin}", accept="*/*") as visitor:
        assert "r1" in (await visitor.get("/dashboard/requests.csv")).text


@pytest.mark.parametrize("path", [*PAGES[:-1], "/login"])
async def test_every_page_carries_the_headers_that_keep_others_out(place, admin, path):
    place.write(row("r1"))
    async with entered(place, admin) as visitor:
        answer = await visitor.get(f"/dashboard{path}")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"


async def test_errors_carry_them_too(place, admin):
    async with entered(place, admin) as visitor:
        for path in ("/nowhere", "/requests/none", "/requests?span=never", "/files/x.css"):
            answer = await visitor.get(f"/dashboard{path}")
            assert answer.status_code in {400, 404}, path
            assert "<h1>" in answer.text
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_pages_hold_no_inline_script_or_style_and_nothing_from_elsewhere(place, admin):
    place.write(row("r1", escalated="bad_tool_call", attempts=ATTEMPTS))
    async with entered(place, admin) as visitor:
        for path in ("", "/requests", "/requests/r1", "/policy", "/teams", "/login"):
            page = (await visitor.get(f"/dashboard{path}")).text
            assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=\"/dashboard/files/)", page)
            assert not re.search(r"(?:src|href|action)=\"(?!/dashboard|#)", page)


@pytest.mark.usefixtures("admin")
async def test_the_files_are_for_everybody_and_kept_for_good(place):
    async with place.visitor() as visitor:
        page = (await visitor.get("/dashboard/login")).text
        names = re.findall(r"\"(/dashboard/files/[^\"]+)\"", page)
        assert {name.rpartition(".")[2] for name in names} == {"css", "js", "svg"}
        for name in names:
            answer = await visitor.get(name)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]


async def test_the_session_cookie(place, admin):
    async with place.visitor() as visitor:
        plain = (await place.log_in(visitor, admin)).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/dashboard"} <= set(plain.split("; "))
    assert re.search(r"Max-Age=\d{4,}", plain)
    assert "Secure" not in plain
    async with place.visitor(x_forwarded_proto="https") as visitor:
        assert (await place.log_in(visitor, admin)).headers["set-cookie"].endswith("; Secure")


async def test_the_ledger_holds_no_session_that_opens_anything(place, admin):
    async with entered(place, admin) as visitor:
        token = visitor.cookies["turnout-session"]
    place.store.engine.dispose()  # all of it is in the one file then
    data = await asyncio.to_thread(Path(place.store.engine.url.database).read_bytes)
    assert b"sessions" in data
    assert token.encode() not in data
    assert admin.encode() not in data


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize(
    ("terms", "message"),
    [({}, "team&#39;s key"), ({"admin": True, "expires_at": 1.0}, "unknown"), (None, "unknown")],
    ids=["a team's key", "an expired admin key", "no key at all"],
)
async def test_what_does_not_log_in(place, terms, message):
    wrong = place.key(**terms).secret if terms is not None else "tn-" + "x" * 43
    async with place.visitor() as visitor:
        answer = await place.log_in(visitor, wrong)
        assert answer.status_code == 401
        assert message in answer.text
        assert wrong not in answer.text
        assert "set-cookie" not in answer.headers
        assert (await visitor.get("/dashboard")).status_code == 303


async def test_guessing_is_slowed_down_and_the_right_key_waits_with_it(place, admin):
    async with place.visitor() as visitor, place.visitor(peer="10.0.0.9") as elsewhere:
        answers = [await place.log_in(visitor, f"tn-{n}") for n in range(MAX_FAILURES + 1)]
        assert [answer.status_code for answer in answers] == [401] * MAX_FAILURES + [429]
        assert 0 < int(answers[-1].headers["retry-after"]) <= WINDOW_S
        assert (await place.log_in(visitor, admin)).status_code == 429
        assert (await place.log_in(elsewhere, admin)).status_code == 303


def test_tries_are_forgotten_after_a_minute_and_counted_by_network():
    now = [0.0]
    attempts = LoginAttempts(lambda: now[0])
    for n in range(MAX_FAILURES):
        attempts.record_failure(f"2001:db8::{n}")
    with pytest.raises(RateLimited):
        attempts.check("2001:db8::ffff")
    attempts.check("2001:db9::1")
    now[0] = WINDOW_S + 1
    attempts.check("2001:db8::ffff")


@pytest.mark.usefixtures("admin")
async def test_a_session_ends_with_its_key(place):
    other = place.key(admin=True)
    async with entered(place, other.secret) as visitor:
        assert (await visitor.get("/dashboard/policy")).status_code == 200
        place.store.accounts.revoke_key(other.id)
        place.load()
        assert (await visitor.get("/dashboard/policy")).status_code == 303


async def test_a_session_ends_in_time(place, admin):
    async with entered(place, admin) as visitor:
        with place.store.engine.begin() as connection:
            connection.execute(sa.text("UPDATE sessions SET expires_at = 1"))
        assert (await visitor.get("/dashboard")).status_code == 303


async def test_a_form_of_too_many_fields_is_refused(place):
    async with place.visitor() as visitor:
        answer = await visitor.post("/dashboard/login", data={f"field{n}": "x" for n in range(21)})
    assert (answer.status_code, "more than 20 fields" in answer.text) == (400, True)


def token_in(page):
    return re.search(r'name="token" value="([0-9a-f]{64})"', page)[1]


async def test_logging_out_needs_the_token_and_ends_the_session_everywhere(place, admin):
    async with entered(place, admin) as visitor:
        page = (await visitor.get("/dashboard")).text
        for wrong in ({"other": "1"}, {"token": ""}, {"token": "0" * 64}, {"token": "é"}):
            assert (await visitor.post("/dashboard/logout", data=wrong)).status_code == 403
        assert (await visitor.get("/dashboard")).status_code == 200
        token = visitor.cookies["turnout-session"]
        answer = await visitor.post("/dashboard/logout", data={"token": token_in(page)})
        assert answer.headers["location"] == "/dashboard/login"
        assert "Max-Age=0" in answer.headers["set-cookie"]
    async with place.visitor(cookie=f"turnout-session={token}") as again:
        assert (await again.get("/dashboard")).status_code == 303


async def test_a_key_is_revoked_by_its_form_alone(place, admin):
    key = place.key(user="ana")
    async with entered(place, admin) as visitor:
        token = token_in((await visitor.get("/dashboard/teams")).text)
        path = f"/dashboard/keys/{key.id}/revoke"
        assert (await visitor.get(path)).status_code == 404
        assert (await visitor.post(path)).status_code in {403, 415}
        assert (await visitor.post(path, json={"token": token})).status_code == 415
        foreign = {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}
        assert (await visitor.post(path, data={"token": token}, headers=foreign)).status_code == 403
        assert place.keyring.find(key.secret)
        assert (await visitor.post(path, data={"token": token})).status_code == 303
        assert place.keyring.find(key.secret) is None
        assert (await visitor.post(path, data={"token": token})).status_code == 404


async def test_another_sessions_token_does_not_do(place, admin):
    async with entered(place, admin) as visitor, entered(place, admin) as other:
        foreign = token_in((await other.get("/dashboard")).text)
        assert (await visitor.post("/dashboard/logout", data={"token": foreign})).status_code == 403


@pytest.mark.parametrize(
    ("next_page", "leads"),
    [
        ("/dashboard/requests?team=web&span=week", "/dashboard/requests?team=web&span=week"),
        ("//evil.example", "/dashboard"),
        ("https://evil.example/dashboard", "/dashboard"),
        ("/dashboard.evil.example", "/dashboard"),
        ("/dashboard\\evil", "/dashboard"),
        ("/dashboard/\r\nset-cookie: a=b", "/dashboard"),
        ("javascript:alert(1)", "/dashboard"),
    ],
)
async def test_a_login_leads_nowhere_else(place, admin, next_page, leads):
    async with place.visitor() as visitor:
        answer = await place.log_in(visitor, admin, next=next_page)
    assert answer.headers["location"] == leads


async def test_while_no_key_exists_the_person_at_this_machine_looks(place):
    place.write(row("r1", begun_at=time.time() - 1))
    async with place.visitor() as visitor:
        page = await visitor.get("/dashboard")
        assert page.status_code == 200
        assert "Log out" not in page.text
        assert "No key exists yet" in page.text


@pytest.mark.parametrize(
    ("visit", "status"),
    [
        ({"base": "http://evil.example:4747"}, 403),
        ({"base": "http://127.0.0.1.evil.example"}, 403),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}, 403),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"peer": "10.0.0.7"}, 303),
        ({"x_forwarded_for": "10.0.0.7"}, 303),
        ({"base": "http://[::1]:4747", "peer": "::1"}, 200),
        ({"base": "http://localhost:4747"}, 200),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, 200),
    ],
    ids=str,
)
async def test_and_nobody_else(place, visit, status):
    async with place.visitor(**visit) as visitor:
        assert (await visitor.get("/dashboard")).status_code == status


async def test_names_are_shown_as_text(place, admin):
    place.write(
        row(
            "r1", team=EVIL, user=EVIL, client=EVIL, rule=EVIL, why=EVIL, error=EVIL, asked_model=EVIL,
            conversation=EVIL, policy=EVIL, work=EVIL, notes=EVIL, private_why=EVIL, kind="agent",
            served_model=EVIL, status=500, attempts=ATTEMPTS.replace("small", EVIL),
        )
    )  # fmt: skip
    place.store.accounts.create_key(team=EVIL, user=EVIL, name=EVIL)
    place.load()
    async with entered(place, admin) as visitor:
        for path in (
            "",
            "/requests",
            "/requests/r1",
            "/policy",
            "/teams",
            f"/requests?team={EVIL}&user={EVIL}",
        ):
            page = (await visitor.get(f"/dashboard{path}")).text
            assert EVIL not in page
            if path != "/policy":
                assert "&lt;script&gt;" in page
        missing = await visitor.get(f"/dashboard/{EVIL}")
        assert (missing.status_code, EVIL in missing.text) == (404, False)
        wrong = await visitor.get("/dashboard/requests", params={"span": EVIL})
        assert (wrong.status_code, EVIL in wrong.text) == (400, False)


async def test_no_page_holds_a_key(place, admin):
    key = place.key(user="ana", name="laptop")
    place.write(row("r1", key_id=key.id))
    with place.store.engine.connect() as connection:
        digests = connection.execute(sa.text("SELECT digest FROM keys")).scalars().all()
    async with entered(place, admin) as visitor:
        for path in ("", "/requests", "/requests/r1", "/requests.csv", "/policy", "/teams", "/nothing"):
            page = (await visitor.get(f"/dashboard{path}")).text
            assert not [text for text in (key.secret, admin, *digests) if text in page]
            assert visitor.cookies["turnout-session"] not in page


FILTERS = [
    ("", {"a", "b", "c", "d", "open"}),
    ("team=data", {"b"}),
    ("user=bo", {"b"}),
    ("client=codex", {"c"}),
    ("track=local", {"c", "d"}),
    ("rule=self-contained", {"c"}),
    ("only=escalated", {"a"}),
    ("only=degraded", {"d"}),
    ("only=private", {"c"}),
    ("only=failed", {"b"}),
    ("only=unfinished", {"open"}),
    ("conversation=c2", {"b"}),
    ("team=web&track=cloud&user=ana", {"a", "open"}),
    ("span=hour", {"a", "b", "c", "open"}),
    ("user=nobody", set()),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS, ids=[query or "all" for query, _ in FILTERS])
async def test_what_is_filtered_is_what_is_listed_and_exported(place, admin, query, expected):
    now = time.time()
    place.write(
        row("a", begun_at=now - 10, escalated="bad_tool_call"),
        row("b", begun_at=now - 20, team="data", user="bo", status=529, end="failed", error="busy",
            conversation="c2"),
        row("c", begun_at=now - 30, client="codex", served_track="local", rule="self-contained",
            cleared=False, private_why="never_cloud: so", conversation="c3"),
        row("d", begun_at=now - 7300, served_track="local", degraded="cloud_error"),
        row("old", begun_at=now - 3 * 86_400),
        row("open", begun_at=now - 5, finished_at=None, served_track=None, status=None, seconds=None),
    )  # fmt: skip
    async with entered(place, admin) as visitor:
        page = (await visitor.get(f"/dashboard/requests?{query}")).text
        sheet = (await visitor.get(f"/dashboard/requests.csv?{query}")).text
    assert set(re.findall(r'href="/dashboard/requests/(\w+)"', page)) == expected
    assert {line["id"] for line in csv.DictReader(io.StringIO(sheet))} == expected


async def test_days_are_asked_for_in_the_visitors_zone(place, admin):
    late = 1_793_573_400.0  # 2026-11-01 22:50 UTC, which is 2 November in Kolkata
    place.write(row("late", begun_at=late))
    async with entered(place, admin) as visitor:
        for zone, day, listed in (("UTC", "2026-11-01", True), ("Asia/Kolkata", "2026-11-01", False)):
            visitor.cookies.set("turnout-zone", zone, path="/dashboard")
            page = (await visitor.get(f"/dashboard/requests?span=days&since={day}&until={day}")).text
            assert ("/dashboard/requests/late" in page) == listed
            assert f"Times are in {zone}" in page
        visitor.cookies.set("turnout-zone", "../../etc/passwd", path="/dashboard")
        assert "Times are in UTC" in (await visitor.get("/dashboard")).text


@pytest.mark.parametrize(
    "query",
    [
        "span=never", "only=all", "after=nonsense", "span=days", "span=days&since=2026-13-01",
        "span=days&since=2026-11-02&until=2026-11-01", "span=days&since=2020-01-01&until=2026-01-01",
        "span=days&since=0001-01-01",
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_is_said(place, admin, query):
    async with entered(place, admin) as visitor:
        visitor.cookies.set("turnout-zone", "Asia/Kolkata", path="/dashboard")
        for path in ("/dashboard/requests", "/dashboard/requests.csv"):
            answer = await visitor.get(f"{path}?{query}")
            assert answer.status_code == 400, answer.text
            field = query.split("&")[-1].split("=")[0]
            assert field in answer.text or "since" in answer.text


async def test_pages_follow_one_another_without_a_gap(place, admin):
    now = time.time()
    place.write(*(row(f"r{n:03}", begun_at=now - 100 - n, user="ana" if n % 2 else "bo") for n in range(260)))
    async with entered(place, admin) as visitor:
        for query in ("", "?user=ana"):
            ids, path = [], f"/dashboard/requests{query}"
            while path:
                page = (await visitor.get(path)).text
                ids += re.findall(r'href="/dashboard/requests/(r\d+)"', page)
                older = re.search(r'<a href="([^"]+)" rel="next"', page)
                path = older and older[1].replace("&amp;", "&")
            assert ids == [f"r{n:03}" for n in range(260) if not query or n % 2]


async def test_the_export_is_whole_and_no_cell_computes(place, admin):
    now = time.time()
    rows = [row(f"r{n:04}", begun_at=now - n, ask_digest="f" * 32) for n in range(2345)]
    place.write(row("x", user="=HYPERLINK(1)", why='a "quoted", one', cost_usd=None), *rows)
    async with entered(place, admin) as visitor:
        answer = await visitor.get("/dashboard/requests.csv")
    lines = {line["id"]: line for line in csv.DictReader(io.StringIO(answer.text))}
    assert len(lines) == 2346
    assert "attachment" in answer.headers["content-disposition"]
    assert lines["x"]["user"] == "'=HYPERLINK(1)"
    assert lines["x"]["why"] == 'a "quoted", one'
    assert lines["x"]["cost_usd"] == ""
    assert lines["r0000"]["begun_at"].endswith("+00:00")
    assert "ask_digest" not in lines["x"]


async def test_one_request_from_what_was_read_to_the_bill(place, admin):
    place.write(
        row(
            "r1",
            begun_at=time.time(),
            escalated="bad_tool_call",
            attempts=ATTEMPTS,
            usage_estimated=True,
            p_local=0.8,
        )
    )
    with place.store.engine.begin() as connection:
        verdict_row = {
            "request_id": "r1",
            "team": "web",
            "user": "ana",
            "verdict": "should_be_local",
            "at": 1.0,
        }
        connection.execute(sa.insert(feedback), verdict_row)
    async with entered(place, admin) as visitor:
        page = (await visitor.get("/dashboard/requests/r1")).text
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    for message in (
        "4,321", "files &gt;= params.max_files", "files = 6", "decided", "bad tool call",
        "none: it served", "3,000", "$0.02", "$0.05", "$0.03", "should be local", "estimated",
        "The outcome is the same",
        "Its file has not changed since", "What would change it", "same tokens, warm cache",
    ):  # fmt: skip
        assert message in text, message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"policy": "gone"}, "No policy of this name serves now"),
        ({"rule": "self-contained", "track": "local"}, "Now it would go cloud, by crosses-files"),
        ({"held": True}, "The earlier decision of this turn was kept"),
        ({"rule": "asked", "asked_model": "cloud"}, "No rule of the policy decided, but asked"),
        ({"rule": "never_cloud", "track": "local", "cleared": False, "private_why": "never_cloud: so"},
         "It had to stay on this machine: never_cloud: so"),
        ({"rule": "budget", "track": "local", "why": "used up"}, "The outcome is the same"),
        ({"begun_at": 1_000_000_000.0}, "so the rules may have been different"),
        ({"finished_at": None, "attempts": None}, "Not finished"),
        ({"kind": "count-of-a-later-version", "phase": None, "files": None}, "Rules of balanced"),
    ],
    ids=str,
)  # fmt: skip
async def test_how_far_the_rules_can_be_told_again(place, admin, changes, message):
    place.write(row("r1", **({"begun_at": time.time()} | changes)))
    async with entered(place, admin) as visitor:
        page = (await visitor.get("/dashboard/requests/r1")).text
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert message in text.replace(" ,", ","), text


async def test_conditions_that_ask_for_the_moment_are_marked(place, admin):
    place.write(row("r1"))
    async with entered(place, admin) as visitor:
        page = (await visitor.get("/dashboard/requests/r1")).text
    marked = {
        re.search(r'scope="row">([a-z-]+)', line)[1]
        for line in page.split("<tr")
        if "as of now</span>" in line
    }
    of_last = {"summary-cloud", "summary-local", "goes-on-cloud", "goes-on-local"}
    assert marked == {"images", "local-down", "too-large", "busy"} | of_last


async def test_the_policy_page_tells_the_check_and_a_bad_reload(place, admin, tmp_path):
    file = tmp_path / "team.yaml"
    good = "name: team\nparams: {most: 3}\nrules:\n  - {when: 'files > params.most', to: cloud, why: many}\n"
    stays = "never_cloud: {paths: ['vault/**'], match: ['(?i)x<y>'], teams: [legal]}\n"
    file.write_text(good + stays + "otherwise: {to: local, why: small}\ncheck: {quality_kept: '>= 0.9'}\n")
    place.registry.sync({str(file), "missing-policy"})
    file.write_text("name: [")
    place.registry.sync({str(file), "missing-policy"})
    place.write(row("r1", policy="team", rule="many"))
    async with entered(place, admin) as visitor:
        page = (await visitor.get("/dashboard/policy")).text
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Check: passed" in text  # the shipped one
    assert "Check: not proven" in text
    assert "It has not been checked" in text
    assert "the last good policy serves" in text
    assert f"turnout policy check {file} --publish" in text
    assert "missing-policy , named by a team or a key, cannot be loaded" in text
    assert "files &gt; params.most cloud many 1" in text
    assert "Never leaves vault/** (?i)x&lt;y&gt; team legal" in text


async def test_budgets_stand_where_the_ledger_says(place, admin):
    terms = Terms(budget=Budget(usd=10, per="day", over="error"))
    place.store.accounts.add_team(Team(name="data", zone="Asia/Tokyo", terms=terms))
    place.load()
    with place.store.engine.begin() as connection:
        at = int(time.time() // 900) * 900
        spending = {"scope": "team:data", "at": at, "usd": 12.5}
        connection.execute(
            sa.text("INSERT INTO spending (scope, at, usd) VALUES (:scope, :at, :usd)"), spending
        )
    async with entered(place, admin) as visitor:
        for path in ("/dashboard", "/dashboard/teams"):
            text = " ".join(re.sub(r"<[^>]+>", " ", (await visitor.get(path)).text).split())
            assert "$12.50 (125%) $10.00 a day clients get an error (402) used up" in text


async def test_the_live_page_tells_what_it_knows_and_what_it_does_not(place, admin):
    async with entered(place, admin) as visitor:
        empty = (await visitor.get("/dashboard")).text
        assert "None yet" in empty
        assert "Nothing at this moment" in empty
        place.write(row("r1", begun_at=time.time(), degraded="cloud_error"))
        text = " ".join(re.sub(r"<[^>]+>", " ", (await visitor.get("/dashboard")).text).split())
    for message in (
        "GPU memory not known",
        "cloud track does not answer",
        "degraded: cloud error",
        "the answer",
    ):
        assert message in text, message


async def test_what_is_under_way_is_there_until_it_ends(place, admin):
    request = ModelRequest(
        id="r9", account=Account(team="web", user="ana"), dialect="openai_chat", operation="generate",
        client="", model="auto", stream=True, body=b"SECRETPROMPT", headers=(("x-api-key", "SECRETKEY"),),
    )  # fmt: skip
    plan = Plan(
        request=request,
        features=Features(client="aider", context_tokens=77_777, ask="SECRETPROMPT"),
        verdict=Verdict(p_local=0.5, kind="k", why="w"),
        decision=Decision(track="local", rule="busy", why="the GPU is busy"),
        clearance=Clearance(allowed=True),
        policy="balanced",
        overhead_s=0.001,
    )
    usage, ended = Usage(), {"first_byte_s": None, "seconds": 1.0, "attempts": (), "end": "complete"}
    async with entered(place, admin) as visitor:
        place.ledger.begin(plan)
        during = (await visitor.get("/dashboard")).text
        place.ledger.finish("r9", Outcome(track="local", model="m", status=200, usage=usage, **ended))
        after = (await visitor.get("/dashboard")).text
    assert "SECRET" not in during
    for message in ("/dashboard/requests/r9", "the GPU is busy", "77.8k", "aider"):
        assert message in during, message
        assert message not in after, message


async def test_a_ledger_that_cannot_be_read_is_a_page(place, admin):
    async with entered(place, admin) as visitor:
        with place.store.engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE requests RENAME TO elsewhere"))
        answer = await visitor.get("/dashboard/requests")
        with place.store.engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO requests"))
    assert answer.status_code == 503
    assert "cannot be read now" in answer.text


async def test_many_visitors_at_once(place, admin):
    place.write(*(row(f"r{n}") for n in range(100)))
    async with entered(place, admin) as visitor:
        answers = await asyncio.gather(*(visitor.get("/dashboard/requests") for _ in range(30)))
    assert {answer.status_code for answer in answers} == {200}
