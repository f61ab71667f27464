"""Processes that the benchmark starts: their port, their end, their memory and their time on the CPU."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from benchmarks.errors import BenchmarkError

_START_S = 90.0
_END_S = 10.0
_PROC = Path("/proc")


def free_port() -> int:
    """A loopback port that nothing listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def exit_on_sigterm() -> None:
    """Let SIGTERM and SIGHUP unwind the stack, so that every process started here is ended.

    Python ends at once otherwise, and what leads a session of its own outlives it. A second signal is
    ignored while the first one is at work, and one that the caller ignores (`nohup`) stays ignored.
    """
    signals = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    ending = [number for number in signals if signal.getsignal(number) is not signal.SIG_IGN]

    def leave(number: int, _frame: FrameType | None) -> None:
        for each in ending:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    for each in ending:
        signal.signal(each, leave)


@contextlib.contextmanager
def stopped(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """On leaving, end the process and all in its group; it must lead a session.

    It has 10 seconds to end by itself. What it leaves behind is killed.
    """
    try:
        yield
    finally:
        _signal_group(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # A group without members is gone: ESRCH, or EPERM on macOS.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def wait_until_open(port: int, process: subprocess.Popen[bytes], name: str) -> None:
    """Wait until something listens on `port`.

    Raises:
        BenchmarkError: the process ended, or took too long.
    """
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchmarkError(f"{name} ended with status {process.returncode} while starting.")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise BenchmarkError(f"{name} did not listen on port {port} within {_START_S:.0f} s.")


def resident_mb(session: int) -> float | None:
    """Resident memory of a session's processes, in MB (10^6 bytes); `None` off Linux."""
    page = os.sysconf("SC_PAGE_SIZE")
    sizes = [int((process / "statm").read_text().split()[1]) * page for process in _members(session)]
    return sum(sizes) / 1e6 if sizes else None


def cpu_s(session: int) -> float | None:
    """CPU seconds of a session's threads, by the scheduler's own account; `None` off Linux."""
    spent = []
    for process in _members(session):
        for thread in (process / "task").iterdir():
            # A thread may end while this looks at it.
            with contextlib.suppress(OSError):
                spent.append(int((thread / "schedstat").read_text().split()[0]))
    return sum(spent) / 1e9 if spent else None


def _members(session: int) -> list[Path]:
    """`/proc` folders of the processes in a session."""
    members: list[Path] = []
    if not session:
        return members
    for process in _PROC.glob("[0-9]*"):
        # A process may end while this looks at it.
        with contextlib.suppress(OSError):
            after_name = (process / "stat").read_text().rpartition(")")[2].split()
            if int(after_name[3]) == session:
                members.append(process)
    return members
