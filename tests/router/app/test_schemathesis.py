"""Thousands of requests made from the description, right and wrong ones: each answer is as it is described.

Schemathesis makes them, from `TURNOUT_TEST_SEED`, so that a run can be had again; only what it calls fuzzing
depends on the seed (`TURNOUT_TEST_PHASES`). Both models are scripted.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from router.accounts.teams import Team, Terms
from router.app.asgi import ROUTES
from router.billing.prices import Prices
from router.ledger.store import LedgerStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
OF_ADMINS = "^/(admin|dashboard)"
PHASES = os.environ.get("TURNOUT_TEST_PHASES", "examples,coverage,fuzzing")
SEED = os.environ.get("TURNOUT_TEST_SEED", "1")
FAULTS = (
    *(
        {"fault": "status", "status": status}
        for status in (400, 401, 402, 403, 404, 413, 422, 429, 500, 503, 529)
    ),
    *({"fault": fault} for fault in ("close", "empty", "garbage", "no_usage")),
    {},
)
"""What an upstream does in turn, instead of answering."""


@dataclass
class Keyed:
    """An endpoint with keys."""

    url: str
    log: Path
    admin: str
    member: str


@pytest.fixture(scope="module")
def endpoint(start_between, tmp_path_factory):
    ledger = tmp_path_factory.mktemp("schemathesis") / "ledger.db"
    store = LedgerStore.open(ledger, prices=Prices({}), write=False)
    store.accounts.add_team(Team(name="web", zone="UTC", terms=Terms()))
    admin = store.accounts.create_key(team="default", name="lead", admin=True).secret
    member = store.accounts.create_key(team="web", user="ana", name="laptop").secret
    store.close()
    program = start_between(
        also={"ANTHROPIC_API_KEY": "sk-ant-test"}, LEDGER=str(ledger), LOCAL__EMBEDDING_NAME="embedder"
    )
    return Keyed(url=program.url, log=program.log, admin=admin, member=member)


@pytest.fixture(scope="module")
def description(endpoint, tmp_path_factory):
    """The description without what stands for every other status: each status must be named."""
    described = httpx.get(f"{endpoint.url}/openapi.json", verify=False).json()
    for item in described["paths"].values():
        for operation in item.values():
            operation["responses"].pop("default", None)
    file = tmp_path_factory.mktemp("description") / "openapi.json"
    file.write_text(json.dumps(described))
    return file


def run(endpoint, description, key, cases, *options, checks=CHECKS):
    """Run schemathesis; fails with its report where an answer is not as described."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(description), "--url", endpoint.url),
        *("--header", f"x-turnout-key: {key}", "--checks", ",".join(checks)),
        *("--seed", SEED, "--max-examples", str(cases), "--generation-database", "none", "--no-shrink"),
        *("--continue-on-failure", "--suppress-health-check", "all", "--request-timeout", "60"),
        *("--phases", PHASES, "--warnings", "off", "--no-color", *options),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=description.parent, check=False)
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-2_000:]
    assert "defect" not in endpoint.log.read_text()


def test_as_a_member(endpoint, description):
    run(endpoint, description, endpoint.member, 40, "--exclude-path-regex", OF_ADMINS)


def test_as_an_admin(endpoint, description):
    run(endpoint, description, endpoint.admin, 40, "--include-path-regex", OF_ADMINS)


def test_without_a_key(endpoint, description):
    run(endpoint, description, "", 5)


def test_while_both_models_fail(endpoint, upstream, nearby, play, description):
    play(upstream, *FAULTS * 300)
    play(nearby, *FAULTS * 300)
    calls = f"^({'|'.join(ROUTES)})$"
    run(endpoint, description, endpoint.member, 40, "--include-path-regex", calls, checks=CHECKS[1:])
