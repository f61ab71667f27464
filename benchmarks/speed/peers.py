"""Who is measured: how each is started on the same upstream, with the same one model name.

Rules that hold in this file:

- Each peer does what it is for: Turnout reads, classifies, decides and writes its ledger; Switchyard runs
  its stage router; LiteLLM runs its proxy with a master key. None keeps a cache of answers.
- Peers come from an environment of their own (`make bench` makes `.venv-bench`); one that is not there
  is left out, and the result says so.
"""

import contextlib
import http.client
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks.errors import BenchmarkError
from benchmarks.installed import PeerName
from benchmarks.speed.bodies import MODEL, PATHS, Body, Dialect
from benchmarks.speed.drip import WORD
from benchmarks.speed.process import free_port, stopped, wait_until_open
from router.system.subprocesses import module_command

_KEY = "sk-bench-0123456789"
_READY_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a peer is started."""

    python: Path
    """The interpreter of the environment it is installed in."""
    dialect: Dialect
    upstream: str
    """`http://host:port`, without a path."""
    port: int
    folder: Path
    """An empty folder of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start a peer, and which path answers 2xx once it is ready."""

    argv: tuple[str, ...]
    env: dict[str, str]
    ready: str
    key: str = _KEY
    """What the peer expects of a client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the load is sent: a peer that is ready, or the upstream itself."""

    name: str
    port: int
    key: str = _KEY
    session: int = 0
    """The process that leads the session of all that was started; 0 for the upstream itself."""
    startup_s: float = 0


def _turnout(site: Site) -> Launch:
    anthropic = site.dialect == "anthropic_messages"
    ledger = str(site.folder / "ledger.db")
    turnout = module_command("router.cli.main")
    created = subprocess.run(
        [*turnout, "key", "create", "--team", "bench", "--json", "--ledger", ledger],
        cwd=site.folder,
        env=_environment(site.folder),
        capture_output=True,
        check=True,
    )
    return Launch(
        argv=(*turnout, "serve"),
        env={
            "TURNOUT_LISTEN": f"127.0.0.1:{site.port}",
            "TURNOUT_POLICY": "balanced",
            "TURNOUT_LEDGER": ledger,
            "TURNOUT_CLOUD__BASE_URL": site.upstream if anthropic else f"{site.upstream}/v1",
            "TURNOUT_CLOUD__DIALECT": "anthropic" if anthropic else "openai",
            "TURNOUT_CLOUD__API_KEY_ENV": "BENCH_UPSTREAM_KEY",
            # A URL, so that no engine is loaded beside what is measured.
            "TURNOUT_LOCAL__URL": f"{site.upstream}/v1",
            "TURNOUT_LOG_LEVEL": "warning",
        },
        ready="/health",
        key=json.loads(created.stdout)["key"],
    )


_SWITCHYARD = """
schema_version = 1
[llm_clients.up]
format = "{format}"
base_url = "{base_url}"
api_key_env = "BENCH_UPSTREAM_KEY"
[targets.capable]
id = "upstream-model"
llm_client = "up"
[targets.efficient]
id = "upstream-small-model"
llm_client = "up"
[routes.auto]
id = "{model}"
type = "stage_router"
capable_target = "capable"
efficient_target = "efficient"
picker = "efficient_first"
confidence_threshold = 0.5
"""
_SWITCHYARD_HOST = """
import signal, sys
from switchyard_rust.server import Server
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with Server(sys.argv[1], port=int(sys.argv[2])):
    signal.pause()
"""


def _switchyard(site: Site) -> Launch:
    config = site.folder / "routes.toml"
    config.write_text(_SWITCHYARD.format(format=site.dialect, base_url=f"{site.upstream}/v1", model=MODEL))
    return Launch(
        argv=(str(site.python), "-I", "-c", _SWITCHYARD_HOST, str(config), str(site.port)),
        env={},
        ready="/health",
    )


def _litellm(site: Site) -> Launch:
    anthropic = site.dialect == "anthropic_messages"
    parameters = {
        "model": "anthropic/upstream-model" if anthropic else "openai/upstream-model",
        "api_base": site.upstream if anthropic else f"{site.upstream}/v1",
        "api_key": "os.environ/BENCH_UPSTREAM_KEY",
    }
    config = site.folder / "config.yaml"
    # JSON is YAML.
    config.write_text(
        json.dumps(
            {
                "model_list": [{"model_name": MODEL, "litellm_params": parameters}],
                "general_settings": {"master_key": _KEY},
                "litellm_settings": {"telemetry": False},
            }
        )
    )
    return Launch(
        argv=(
            *(str(site.python.with_name("litellm")), "--config", str(config)),
            *("--host", "127.0.0.1", "--port", str(site.port), "--num_workers", "1"),
        ),
        env={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "NO_DOCS": "True"},
        ready="/health/liveliness",
    )


PEERS: MappingProxyType[PeerName, Callable[[Site], Launch]] = MappingProxyType(
    {"turnout": _turnout, "switchyard": _switchyard, "litellm": _litellm}
)


@contextlib.contextmanager
def started(
    name: PeerName, *, python: Path, dialect: Dialect, upstream: str, folder: Path
) -> Iterator[Target]:
    """Start a peer and wait until it is ready.

    Raises:
        BenchmarkError: it ended or was not ready in time; the message ends in what it printed.
    """
    folder.mkdir()
    site = Site(python=python, dialect=dialect, upstream=upstream, port=free_port(), folder=folder)
    launch = PEERS[name](site)
    printed = folder / "printed"
    began = time.perf_counter()
    with printed.open("wb") as file:
        process = subprocess.Popen(
            launch.argv,
            cwd=folder,
            env=_environment(folder) | launch.env,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with stopped(process):
        try:
            wait_until_open(site.port, process, name)
            _wait_until_ready(name, site.port, launch.ready, launch.key)
        except BenchmarkError as error:
            tail = printed.read_text(errors="replace")[-2000:]
            raise BenchmarkError(f"{error} It printed:\n{tail}") from error
        seconds = time.perf_counter() - began
        yield Target(name=name, port=site.port, key=launch.key, session=process.pid, startup_s=seconds)


def _environment(folder: Path) -> dict[str, str]:
    """Ours, without what would change how a peer behaves."""
    foreign = ("TURNOUT_", "ANTHROPIC_", "OPENAI_", "LITELLM_", "PYTEST_")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return variables | {"HOME": str(folder), "BENCH_UPSTREAM_KEY": "sk-upstream"}


def _wait_until_ready(name: str, port: int, path: str, key: str) -> None:
    deadline = time.monotonic() + _READY_S
    status = 0
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, _, _ = _ask("GET", port, path, key)
            if 200 <= status < 300:  # noqa: PLR2004 - HTTP
                return
        time.sleep(0.01)
    raise BenchmarkError(f"{name} was not ready within {_READY_S:.0f} s: {path} answers {status}.")


def verify(target: Target, body: Body) -> None:
    """See that `body` gets the upstream's answer: a benchmark must not measure error pages.

    Raises:
        BenchmarkError: it does not; the message holds what came instead.
    """
    status, headers, answer = _ask("POST", target.port, PATHS[body.dialect], target.key, body.template)
    track = headers.get("x-turnout-track")
    where = f"{target.name}, {body.dialect}, {body.name} body"
    if status != 200 or WORD.encode() not in answer:  # noqa: PLR2004 - HTTP
        raise BenchmarkError(
            f"{where}: expected the upstream's answer, got status {status}: {answer[:500]!r}"
        )
    if target.name == "turnout" and track != "cloud":
        raise BenchmarkError(
            f"{where}: must be carried to the cloud track to be compared, but went to {track!r} "
            f"({headers.get('x-turnout-why')})."
        )


def _ask(method: str, port: int, path: str, key: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        connection.request(method, path, body or None, headers | {"anthropic-version": "2023-06-01"})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()
