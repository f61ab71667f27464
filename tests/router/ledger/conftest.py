"""Plans and outcomes to write down, a ledger of its own for each test, and programs that write to it.

Whatever a test does to `ledger`, `opened` or `program` it does twice: to a SQLite file, and to a
database of a real PostgreSQL. A test that asks for `path` is about the file and runs once.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ledger_places import administered
from postgres_server import PostgreSQL, start

from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.decide import Decision
from policies.privacy import Clearance
from router.accounts.teams import Account
from router.billing.prices import Prices
from router.ledger import LedgerStore
from router.ledger.database import locate
from router.types import Attempt, ModelRequest, Outcome, Plan, Usage

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent

REQUEST = ModelRequest(
    id="r1",
    account=Account(team="core", user="ada"),
    dialect="anthropic_messages",
    operation="generate",
    client="claude-code",
    model="claude-sonnet-4-5",
    stream=True,
    body=b"{}",
    headers=(),
)
PLAN = Plan(
    request=REQUEST,
    features=Features(client="claude-code", conversation="c1", kind="agent", context_tokens=1000, files=3),
    verdict=Verdict(p_local=0.4, kind="crosses-files", why="3 files"),
    decision=Decision(track="cloud", rule="files", why="the answer crosses files", p_local=0.4),
    clearance=Clearance(allowed=True),
    policy="balanced",
    overhead_s=0.0004,
)
OUTCOME = Outcome(
    track="cloud",
    model="claude-sonnet-4-5",
    status=200,
    usage=Usage(input=100, output=200, cache_read=700),
    first_byte_s=0.5,
    seconds=2.0,
    attempts=(Attempt(track="cloud", model="claude-sonnet-4-5", cause="", status=200, seconds=0.5),),
    end="complete",
)


def plan_of(request_id: str, **changed: Any) -> Plan:
    """A plan, with what a test cares about changed: fields of the plan, of its request, or of the account."""

    def fields_of(kind: type) -> dict[str, Any]:
        return {name: changed.pop(name) for name in tuple(changed) if name in kind.__dataclass_fields__}

    of_plan, of_request = fields_of(Plan), fields_of(ModelRequest)
    account = replace(REQUEST.account, **changed)
    return replace(PLAN, request=replace(REQUEST, id=request_id, account=account, **of_request), **of_plan)


def open_ledger(location: Path | str, *, write: bool = True) -> LedgerStore:
    return LedgerStore.open(location, prices=Prices(), cloud_model="claude-sonnet-5-5", write=write)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "location" in metafunc.fixturenames:
        kinds = ["sqlite"] if "path" in metafunc.fixturenames else ["sqlite", "postgresql"]
        metafunc.parametrize("location", kinds, indirect=True)


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    return plan_of


@pytest.fixture
def outcome() -> Outcome:
    return OUTCOME


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """A server for all tests of this process, with a ledger to copy from."""
    with start() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        open_ledger(server.create("ledger")).close()
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def location(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the test's ledger is: a file that is not there yet, or a URL of an empty ledger."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    server = request.getfixturevalue("postgresql")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))  # its journals lie there
    return server.create(f"t{abs(hash(request.node.nodeid))}", template="ledger")


@pytest.fixture
def blank(location: str) -> str:
    """The same place with nothing in it at all."""
    if locate(location).get_backend_name() == "postgresql":
        with administered(location) as database:
            database.exec_driver_sql("DROP SCHEMA public CASCADE")
            database.exec_driver_sql("CREATE SCHEMA public")
    return location


@pytest.fixture
def opened(location: str) -> Iterator[Callable[..., LedgerStore]]:
    """Open the ledger at `location`, as often as wanted; all are closed at the end."""
    stores: list[LedgerStore] = []

    def make(*, write: bool = True) -> LedgerStore:
        stores.append(open_ledger(location, write=write))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def ledger(opened: Callable[..., LedgerStore]) -> LedgerStore:
    return opened()


@pytest.fixture
def program(location: str, tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start a Python program that may use `conftest` and knows `LOCATION`; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str) -> subprocess.Popen[str]:
        head = (
            "import os, sys\nfrom pathlib import Path\nfrom conftest import *\n"
            f"LOCATION, FOLDER = {location!r}, Path({str(tmp_path)!r})\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", head + source],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)])},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
