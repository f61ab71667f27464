"""Plans and outcomes to write down, a ledger in a folder of its own, and programs that write to it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.decide import Decision
from policies.privacy import Clearance
from router.ledger import LedgerStore
from router.prices import Prices
from router.types import Attempt, Outcome, Plan, Request, Usage

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent

REQUEST = Request(
    id="r1",
    team="core",
    user="ada",
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
)


def plan_of(request_id: str, **changed: Any) -> Plan:
    """A plan, with what a test cares about changed: fields of the plan, or of its request."""
    of_plan = {name: changed.pop(name) for name in tuple(changed) if name in Plan.__dataclass_fields__}
    return replace(PLAN, request=replace(REQUEST, id=request_id, **changed), **of_plan)


def open_ledger(path: Path, *, write: bool = True) -> LedgerStore:
    return LedgerStore.open(path, prices=Prices(), cloud_model="claude-sonnet-5-5", write=write)


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    return plan_of


@pytest.fixture
def outcome() -> Outcome:
    return OUTCOME


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., LedgerStore]]:
    """Open the ledger at `path`, as often as wanted; all are closed at the end."""
    stores: list[LedgerStore] = []

    def make(*, write: bool = True) -> LedgerStore:
        stores.append(open_ledger(path, write=write))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def ledger(opened: Callable[..., LedgerStore]) -> LedgerStore:
    return opened()


@pytest.fixture
def program(path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start a Python program that may use `conftest` and knows `PATH`; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str) -> subprocess.Popen[str]:
        head = (
            f"import os, sys\nfrom pathlib import Path\nfrom conftest import *\nPATH = Path({str(path)!r})\n"
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
