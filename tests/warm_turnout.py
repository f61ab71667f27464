"""`turnout` as a process of its own for each command, of a process that has imported it once.

To import the command line costs a second, more than most commands take. So one process imports it
and forks for every command: each has its own arguments, folder, environment, standard streams and exit
status, and ends as any other process does. A test of what a fresh process does starts one.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOADED = (
    "router.cli.main",
    "router.app.admin",
    "router.features.extractor",
    "router.features.fingerprint",
    "router.ledger.migrations",
    "router.reports.build",
)
"""What commands import when they run."""
_AT_MOST_S = 120
"""A command that takes longer is ended by a signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class WarmTurnout:
    """Runs commands, each in a fork of one process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def run(
        self, arguments: tuple[str, ...], *, cwd: Path, env: Mapping[str, str], stdin: bytes = b""
    ) -> Ended:
        """Run one command to its end."""
        with tempfile.TemporaryDirectory() as folder:
            streams = [Path(folder) / name for name in ("in", "out", "err")]
            streams[0].write_bytes(stdin)
            job = {"arguments": arguments, "cwd": str(cwd), "env": dict(env), "streams": [*map(str, streams)]}
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            return Ended(code=code, out=streams[1].read_text(), err=streams[2].read_text())


@contextlib.contextmanager
def warm_turnout(env: Mapping[str, str], *also: str) -> Iterator[WarmTurnout]:
    """Start the process that the commands are forks of; `also` are further modules that it imports."""
    command = [sys.executable, __file__, *also]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(env)) as process:
        yield WarmTurnout(process)
        process.stdin.close()


def _serve(also: Sequence[str]) -> None:
    for name in (*LOADED, *also):
        importlib.import_module(name)
    gc.freeze()  # what the forks share is then never copied for being counted
    # Unbuffered: what is read ahead here would be read again by every fork.
    jobs, answers = os.fdopen(os.dup(0), "rb", buffering=0), os.dup(1)
    while line := jobs.readline():
        child = os.fork()
        if not child:
            jobs.close()
            os.close(answers)
            return _become(json.loads(line))
        _, status = os.waitpid(child, 0)
        os.write(answers, b"%d\n" % os.waitstatus_to_exitcode(status))
    return None


def _become(job: dict[str, Any]) -> None:
    from router.cli import main

    signal.alarm(_AT_MOST_S)
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    for number, path in enumerate(job["streams"]):
        opened = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, closefd=False) for number, mode in enumerate("rww")
    )
    sys.argv = [str(main.__file__), *job["arguments"]]  # as `python -m router.cli.main` has it
    main.run()


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])
    _serve(sys.argv[1:])
