"""How long the endpoint takes to start and what memory it holds, by classifier, in processes of their own."""

import http.client
import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.asks import COMPARED
from benchmarks.speed.process import free_port, resident_mb, stopped, wait_until_open
from classifiers.choose import ClassifierName
from router.system.subprocesses import module_command

_ASK = {"model": "auto", "messages": [{"role": "user", "content": "What does a semicolon do in C?"}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Startup:
    """An endpoint with one classifier. Megabytes are 10^6 bytes, medians over its starts."""

    classifier: ClassifierName
    starts: int
    ready_s: float
    """From the start of the process to its first healthy answer."""
    first_ask_s: float
    """Until it has decided its first ask after that."""
    resident_mb: float | None
    """After that ask; None off Linux."""


def measure(starts: int) -> tuple[Startup, ...]:
    """Start an endpoint so many times with each classifier.

    Raises:
        BenchmarkError: it ended or did not listen in time.
    """
    measured = []
    for classifier in COMPARED:
        ready, first, sizes = zip(*(_start(classifier) for _ in range(starts)), strict=True)
        resident = [size for size in sizes if size is not None]
        measured.append(
            Startup(
                classifier=classifier,
                starts=starts,
                ready_s=statistics.median(ready),
                first_ask_s=statistics.median(first),
                resident_mb=statistics.median(resident) if resident else None,
            )
        )
    return tuple(measured)


def _start(classifier: ClassifierName) -> tuple[float, float, float | None]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("TURNOUT_")}
        variables |= {
            "HOME": folder,
            "TURNOUT_LISTEN": f"127.0.0.1:{port}",
            "TURNOUT_CLASSIFIER": classifier,
            "TURNOUT_LEDGER": str(Path(folder) / "ledger.db"),
            # A URL, so that no engine is loaded beside what is measured; nothing is sent there.
            "TURNOUT_LOCAL__URL": f"http://127.0.0.1:{free_port()}/v1",
            "TURNOUT_LOG_LEVEL": "error",
        }
        began = time.perf_counter()
        process = subprocess.Popen(
            [*module_command("router.cli.main"), "serve"],
            cwd=folder,
            env=variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with stopped(process):
            wait_until_open(port, process, f"turnout with {classifier}")
            _send("GET", port, "/health")
            ready_s = time.perf_counter() - began
            _send("POST", port, "/v1/route")
            return ready_s, time.perf_counter() - began - ready_s, resident_mb(process.pid)


def _send(method: str, port: int, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        body = json.dumps(_ASK) if method == "POST" else None
        connection.request(method, path, body, {"content-type": "application/json"})
        connection.getresponse().read()
    finally:
        connection.close()
