"""Real processes for tests: the scripted upstream and the endpoint, each on a free port."""

import contextlib
import gzip
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest

hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
OURS = ROOT / "tests" / "recorded"
RECORDED = [OURS, *([SHARED] if SHARED.is_dir() else [])]
QUIET = ("TURNOUT_", "ANTHROPIC_", "OPENAI_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")

PLAIN = False
"""For httpx's `verify`: all is plain HTTP here, and to load certificates costs 30 ms a call."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


STARTED_S = 120.0
"""A deadline, long enough for a machine that is busy with other work."""


def wait_for(condition, what: str, deadline: float = 30.0) -> Any:
    """Poll `condition` until it is true; a deadline, not a timing."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError, sqlite3.OperationalError):
            if result := condition():
                return result
        time.sleep(0.05)
    pytest.fail(f"waited {deadline} s for {what}")


@dataclass
class Program:
    """A real process that answers HTTP."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    ledger: Path = field(default_factory=Path)

    def get(self, path: str) -> Any:
        return httpx.get(self.url + path, timeout=10, verify=PLAIN).json()

    def post(self, path: str, json: Any, **options: Any) -> httpx.Response:
        return httpx.post(self.url + path, json=json, **{"timeout": 60, "verify": PLAIN, **options})

    def rows(self, where: str = "1") -> list[dict[str, Any]]:
        """The ledger's rows, oldest first, as a reader beside the endpoint sees them."""
        with contextlib.closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            cursor = database.execute(f"select * from requests where {where} order by begun_at")
            return [dict(row) for row in cursor]

    def row(self, answer: httpx.Response) -> dict[str, Any]:
        """The finished row of one answer; the ledger posts in groups, so it may take a moment."""
        where = f"id = '{answer.headers['x-turnout-request-id']}' and finished_at is not null"
        return wait_for(lambda: self.rows(where), "the answer's row")[0]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without anything that would steer the endpoint, plus `settings`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(QUIET)}
    return {**clean, "PYTHONUNBUFFERED": "1", **settings}


def launch(command: list[str], url: str, log: Path, *, env: dict[str, str], ready: str) -> Program:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=env, cwd=log.parent
        )
    program = Program(url=url, process=process, log=log)

    def up() -> bool:
        if process.poll() is not None:
            pytest.fail(f"{' '.join(command)} ended with {process.returncode}:\n{log.read_text()}")
        return httpx.get(url + ready, timeout=2, verify=PLAIN).status_code < 500

    try:
        wait_for(up, f"{url}{ready}", STARTED_S)
    except BaseException:
        program.kill()
        raise
    return program


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_a_user(tmp_path_factory) -> None:
    """Settings of whoever runs the tests steer none of them."""
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="session")
def start_scripted(tmp_path_factory) -> Iterator[Any]:
    started: list[Program] = []

    def start() -> Program:
        port = free_port()
        folder = tmp_path_factory.mktemp("scripted")
        command = [sys.executable, "-m", "router.scripted", "--port", str(port)]
        url = f"http://127.0.0.1:{port}"
        program = launch(command, url, folder / "log", env=environment(), ready="/_totals")
        started.append(program)
        return program

    yield start
    for program in started:
        program.stop()


@pytest.fixture(scope="session")
def shared_upstream(start_scripted) -> Program:
    return start_scripted()


@pytest.fixture
def upstream(shared_upstream) -> Program:
    """The scripted upstream, with nothing recorded and nothing scripted."""
    httpx.post(shared_upstream.url + "/_script", json=[], verify=PLAIN)
    httpx.delete(shared_upstream.url + "/_requests", verify=PLAIN)
    return shared_upstream


@pytest.fixture(scope="module")
def start_endpoint(tmp_path_factory) -> Iterator[Any]:
    """Starts endpoints; settings are given as `CLOUD__BASE_URL="..."`, other variables in `also`.

    They end with the tests of their file: each holds a quarter of a gigabyte.
    `descriptors` is the limit of open files, where it is not this process's own.
    """
    started: list[Program] = []

    def start(also: dict[str, str] | None = None, descriptors: int = 0, **settings: str) -> Program:
        folder = tmp_path_factory.mktemp("endpoint")
        port = free_port()
        ledger = Path(settings.setdefault("LEDGER", str(folder / "ledger.db")))
        named = {f"TURNOUT_{name}": value for name, value in settings.items()}
        env = environment(TURNOUT_LISTEN=f"127.0.0.1:{port}", **named, **(also or {}))
        command = [sys.executable, "-m", "router.cli.main", "serve"]
        if descriptors:
            command = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *command]
        program = launch(command, f"http://127.0.0.1:{port}", folder / "log", env=env, ready="/health")
        program.ledger = ledger
        started.append(program)
        return program

    yield start
    for program in started:
        program.stop()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Published runs, outcomes and texts, which are not in the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"published runs and outcomes are not here ({SHARED.name} beside the repository)")
    return SHARED


@pytest.fixture(scope="session", params=RECORDED, ids=lambda folder: folder.name)
def recorded_data(request) -> Path:
    """Recorded runs and texts: a small set of our own, and the published ones where they are."""
    return request.param


@pytest.fixture(scope="session")
def runs(recorded_data) -> list[dict[str, Any]]:
    """Whole agent runs, every message."""
    with gzip.open(recorded_data / "agent_trajectories" / "mini_swe_agent.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]
