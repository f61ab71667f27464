"""A browser, and an endpoint with a ledger to look at. Without Chromium or axe-core, these tests skip."""

import os
import re
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.research.seed_ledger import seed
from router.accounts.teams import Budget, Team, Terms
from router.billing.prices import Prices
from router.ledger.store import LedgerStore

AXE = Path(__file__).parents[1] / "clients" / "node_modules" / "axe-core" / "axe.min.js"
ROWS = 3000
HOUR = 3600


@pytest.fixture(scope="module")
def browser():
    """Ends with its module: Playwright keeps an event loop running, beside which no async test can run."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        why = "Chromium is not installed: `apt-get install chromium`"
        pytest.fail(why) if os.environ.get("TURNOUT_TEST_REQUIRE_CHROMIUM") else pytest.skip(why)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # One name, now another site's and now the endpoint's: as somebody's name server would have it.
        # Chromium of late keeps pages off this machine by itself; other browsers do not.
        arguments = [
            "--no-sandbox",
            "--host-resolver-rules=MAP evil.test 127.0.0.1",
            "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
        ]
        started = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield started
        started.close()


@dataclass
class Board:
    """A running endpoint with 3,000 made-up requests, and an admin key to it."""

    url: str
    key: str
    team_key: str
    log: Path


@pytest.fixture(scope="module")
def board(start_endpoint, tmp_path_factory):
    file = tmp_path_factory.mktemp("pages") / "ledger.db"
    store = LedgerStore.open(file, prices=Prices({}), write=False)
    seed(store.engine, ROWS)
    terms = Terms(budget=Budget(usd=20))
    store.accounts.add_team(Team(name="web", zone="Europe/Berlin", terms=terms))
    key = store.accounts.create_key(team="default", name="lead", admin=True).secret
    team_key = store.accounts.create_key(team="web", user="ana", name="laptop").secret
    store.close()
    move_to_now(file)
    # A local server that is not there: no model is loaded, and the page must say so.
    program = start_endpoint(LEDGER=str(file), LOCAL__URL="http://127.0.0.1:9/v1")
    return Board(url=f"{program.url}/dashboard", key=key, team_key=team_key, log=program.log)


def move_to_now(file):
    """Shift all rows by whole hours, so that the newest is of this hour."""
    with closing(sqlite3.connect(file)) as database:
        newest = database.execute("SELECT max(begun_at) FROM requests").fetchone()[0]
        shift = int((newest - time.time()) // HOUR + 1) * HOUR
        database.execute(
            "UPDATE requests SET begun_at = begun_at - ?, finished_at = finished_at - ?", (shift, shift)
        )
        for table in (
            "requests_hourly",
            "latencies_hourly",
        ):  # by way of negative hours: no two are ever alike
            database.execute(f"UPDATE {table} SET hour = -(hour - ?)", (shift,))
            database.execute(f"UPDATE {table} SET hour = -hour")
        database.commit()


@pytest.fixture
def visit(browser, board):
    """Opens pages, each in a browser session of its own; what the console complains of fails the test."""
    opened, complaints = [], []

    def open_(*, logged_in=True, **options):
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        context.set_default_timeout(15_000)
        opened.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        if logged_in:
            page.goto(f"{board.url}/login")
            page.get_by_label("Admin key").fill(board.key)
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url(board.url)
        return page

    yield open_
    for context in opened:
        context.close()
    # The browser itself reports every refusal and every cut that a test provokes on purpose.
    assert not [line for line in complaints if not re.search(r"status of 40[134]|ERR_FAILED", line)]


@pytest.fixture(scope="session")
def axe():
    """Checks a page; returns what is serious or critical."""
    if not AXE.exists():
        why = "axe-core is not installed: run `make node`"
        pytest.fail(why) if os.environ.get("TURNOUT_TEST_REQUIRE_CLIENTS") else pytest.skip(why)
    source = AXE.read_text()

    def check(page):
        page.evaluate(f"{source};0")
        violations = page.evaluate("async () => (await axe.run()).violations")
        assert page.evaluate("async () => (await axe.run()).passes.length") > 10
        return [
            (
                violation["impact"],
                violation["id"],
                violation["nodes"][0]["html"],
                violation["nodes"][0]["failureSummary"],
            )
            for violation in violations
            if violation["impact"] in {"serious", "critical"}
        ]

    return check
