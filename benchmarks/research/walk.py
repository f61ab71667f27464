"""The walk of a request: which files it enters, and how often it comes back to one.

The real endpoint serves a request between two scripted providers, one of them in the place of the local
model. How it is counted:

- Counted are calls of functions in `router/`, `policies/` and `classifiers/`, on all threads; a coroutine
  that is resumed counts as a call. Returning from a call does not.
- A move is a call in another file than the call before it; the first call is a move, too.
- A return is a move to a file that was entered before: moves less files.
- A walk begins when the client connects and ends when it has the last byte of the answer, which is
  streamed. One run warms up; of the next `RUNS` the one with the fewest moves counts: there the stream
  came in as few pieces as it can. How it is cut otherwise is chance, and adds up to a third.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.errors import BenchmarkError
from benchmarks.speed.process import free_port, stopped, wait_until_open
from router.system.subprocesses import module_command

RUNS = 20
_RECORDER = Path(__file__).with_name("walk_recorder.py")
_LIMIT_S = 180

_PROMPT = {"max_tokens": 64, "stream": True}
_MESSAGES = [{"role": "user", "content": "Write a function that adds two numbers."}]
_JSON = {"content-type": "application/json"}
_ANTHROPIC = {**_JSON, "x-api-key": "sk-ant-bench", "anthropic-version": "2023-06-01"}
_OPENAI = {**_JSON, "authorization": "Bearer sk-bench"}
_ANSWER = {"text": "def add(a, b): return a + b", "times": 1000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of request: which client's, and where it is served."""

    name: str
    path: str
    headers: dict[str, str]
    track: str
    """Named as the model, so that no policy moves it."""


KINDS = (
    Kind(name="Anthropic client to cloud", path="/v1/messages", headers=_ANTHROPIC, track="cloud"),
    Kind(name="OpenAI client to local", path="/v1/chat/completions", headers=_OPENAI, track="local"),
    Kind(name="Anthropic client to local", path="/v1/messages", headers=_ANTHROPIC, track="local"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """The files that one request walks through."""

    request: str
    files: int
    moves: int
    returns: int
    path: tuple[str, ...]
    """The files, in the order in which they are first entered."""


def measure(tree: Path, runs: int = RUNS) -> tuple[Walk, ...]:
    """Record one walk of each kind through the endpoint in `tree`.

    Raises:
        BenchmarkError: the endpoint did not serve a request, or served it from another track.
    """
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as name:
        folder = Path(name)
        with _provider() as cloud, _provider() as local:
            record = _record(tree, folder, runs=runs, cloud=cloud, local=local)
    for kind in KINDS:
        if record["tracks"][kind.name] != kind.track:
            raise BenchmarkError(f"{kind.name}: {record['tracks'][kind.name]} served it")
    return tuple(summarize(kind.name, record["walks"][kind.name]) for kind in KINDS)


def summarize(request: str, runs: list[list[str]]) -> Walk:
    """Take the run with the fewest moves; a run lists the file of each move."""
    entries = min(runs, key=len)
    path = tuple(dict.fromkeys(entries))
    return Walk(
        request=request,
        files=len(path),
        moves=len(entries),
        returns=len(entries) - len(path),
        path=path,
    )


@contextlib.contextmanager
def _provider() -> Iterator[int]:
    """A scripted provider; its port."""
    port = free_port()
    command = module_command("router.scripted", "--port", str(port))
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as process,
        stopped(process),
    ):
        wait_until_open(port, process, "the scripted provider")
        httpx.post(f"http://127.0.0.1:{port}/_script", json=[_ANSWER]).raise_for_status()
        yield port


def _record(tree: Path, folder: Path, *, runs: int, cloud: int, local: int) -> dict[str, Any]:
    """Run the recorder and return what it wrote: `walks` and `tracks`, by the kind's name."""
    port = free_port()
    output = folder / "walks.json"
    task = {
        "tree": str(tree.resolve()),
        "port": port,
        "output": str(output),
        "runs": runs,
        "requests": [
            {
                "name": kind.name,
                "path": kind.path,
                "headers": kind.headers,
                "body": {**_PROMPT, "model": kind.track, "messages": _MESSAGES},
            }
            for kind in KINDS
        ],
    }
    ended = subprocess.run(
        [sys.executable, "-E", "-P", str(_RECORDER), json.dumps(task)],
        cwd=folder,
        env=_environment(folder, port, cloud=cloud, local=local),
        capture_output=True,
        check=False,
        text=True,
        timeout=_LIMIT_S,
    )
    if not output.exists():
        raise BenchmarkError(f"no walk was recorded: {ended.stderr[-2000:]}")
    walks: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    return walks


def _environment(folder: Path, port: int, *, cloud: int, local: int) -> dict[str, str]:
    """This process's environment without anything that steers the endpoint, and the settings."""
    steering = ("TURNOUT_", "ANTHROPIC_", "OPENAI_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(steering)},
        "XDG_CONFIG_HOME": str(folder),
        "TURNOUT_LISTEN": f"127.0.0.1:{port}",
        "TURNOUT_LEDGER": str(folder / "ledger.db"),
        "TURNOUT_CLOUD__BASE_URL": f"http://127.0.0.1:{cloud}",
        "TURNOUT_LOCAL__URL": f"http://127.0.0.1:{local}/v1",
        "TURNOUT_LOCAL__NAME": "local-model",
        "TURNOUT_LOG_LEVEL": "warning",
    }
