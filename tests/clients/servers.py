"""The scripted upstream and the endpoint, each as a process of its own on loopback."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import httpx

ROOT = Path(__file__).parents[2]
STARTED_S = 120.0
"""A deadline, long enough for a machine that is busy with other work."""
Value = TypeVar("Value")


@cache
def loopback() -> httpx.Client:
    """Asks what runs here. One for all: each new client of httpx reads the authorities' certificates anew.

    That costs 30 ms of a processor, and tests ask again and again while a client under test starts.
    """
    return httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def wait_for(look: Callable[[], Value], *, deadline_s: float = 60, what: str = "") -> Value:
    """Look again and again until it is true.

    Raises:
        TimeoutError: it never was.
    """
    end = time.monotonic() + deadline_s
    while not (seen := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {deadline_s} s: {what or look}; last seen: {seen!r}")
        time.sleep(0.02)
    return seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as the upstream got it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    """Names in lower case."""
    body: dict[str, Any]
    end: str
    """`open`, `sent`, `dropped` (by the upstream) or `hung_up`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The scripted upstream."""

    url: str

    def play(self, *steps: Mapping[str, Any]) -> None:
        """Forget what came in, and answer with these steps from now on."""
        loopback().delete(f"{self.url}/_requests").raise_for_status()
        loopback().post(f"{self.url}/_script", json=steps).raise_for_status()

    def seen(self) -> list[Seen]:
        """What came in since the last `play`."""
        return [
            Seen(
                method=row["method"],
                path=row["path"],
                query=row["query"],
                headers={name.lower(): value for name, value in row["headers"]},
                body=json.loads(b64decode(row["body"]) or "{}"),
                end=row["end"],
            )
            for row in loopback().get(f"{self.url}/_requests").json()
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Turnout, as a process."""

    url: str
    process: subprocess.Popen[str]
    ledger: Path
    log: Path

    def health(self) -> dict[str, Any]:
        """What it says of itself."""
        said: dict[str, Any] = loopback().get(f"{self.url}/health").json()
        return said

    def rows(self, count: int, *, since: float = 0) -> list[dict[str, Any]]:
        """The ledger's rows begun at `since` or later, oldest first, once `count` are finished."""
        return wait_for(lambda: _finished(self.begun(since), count), what=f"{count} finished rows")

    def begun(self, since: float = 0) -> list[dict[str, Any]]:
        """The ledger's rows begun at `since` or later, finished or not; they are some 50 ms late."""
        with closing(sqlite3.connect(self.ledger)) as database:
            database.row_factory = sqlite3.Row
            found = database.execute(
                "SELECT * FROM requests WHERE begun_at >= ? ORDER BY begun_at, id", (since,)
            )
            return [dict(row) for row in found]


def _finished(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    return rows if sum(row["finished_at"] is not None for row in rows) >= count else []


@contextmanager
def upstream() -> Iterator[Upstream]:
    """Run the scripted upstream."""
    with _running(("-m", "router.scripted", "--port", "0"), env={}, out=subprocess.PIPE) as process:
        assert process.stdout
        yield Upstream(url=process.stdout.readline().strip())


@contextmanager
def endpoint(folder: Path, *, cloud: str, policy: str = "balanced", **settings: str) -> Iterator[Endpoint]:
    """Run Turnout with its home and ledger in `folder`; the provider is at `cloud`.

    Args:
        folder: Where it keeps everything; a second run there finds what the first left.
        cloud: Base URL of the provider; it gets the client's own key.
        policy: Name or path.
        settings: More, by environment name without `TURNOUT_`, in lower case.
    """
    url = f"http://127.0.0.1:{_free_port()}"
    ledger, log = folder / "ledger.db", folder / "endpoint.log"
    wanted = {
        "listen": url.removeprefix("http://"),
        "ledger": str(ledger),
        "policy": policy,
        "cloud__base_url": cloud,
        "cloud__forward_credentials": "always",
        **settings,
    }
    env = {"HOME": str(folder), **{f"TURNOUT_{name.upper()}": value for name, value in wanted.items()}}
    with log.open("a") as out, _running(("-m", "router.cli.main", "serve"), env=env, out=out) as process:
        wait_for(lambda: process.poll() is not None or _answers(url), deadline_s=STARTED_S, what=url)
        assert process.poll() is None, log.read_text()
        yield Endpoint(url=url, process=process, ledger=ledger, log=log)


def _answers(url: str) -> bool:
    try:
        return loopback().get(f"{url}/health").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@contextmanager
def _running(
    arguments: Sequence[str], *, env: Mapping[str, str], out: Any
) -> Iterator[subprocess.Popen[str]]:
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    with subprocess.Popen(
        (sys.executable, *arguments),
        env={**kept, "LANG": "C.UTF-8", **env},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
