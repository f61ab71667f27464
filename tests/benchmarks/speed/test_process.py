"""Whatever ends a benchmark, the processes that it started end with it."""

import os
import signal
import subprocess
import sys
import time

import pytest

# What it starts leads a session and has a child that ignores SIGTERM.
PROGRAM = """
import subprocess, sys, time
from benchmarks.speed.process import exit_on_sigterm, stopped

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
LEADER = "import subprocess, sys, time; subprocess.Popen([sys.executable, "
LEADER += "'-c', sys.argv[1]]); time.sleep(600)"

exit_on_sigterm()
leader = subprocess.Popen([sys.executable, "-c", LEADER, STUBBORN], start_new_session=True)
with stopped(leader):
    print(leader.pid, flush=True)
    time.sleep(600)
"""


def members(session: int) -> list[str]:
    listing = subprocess.run(["ps", "-eo", "sess=,pid=,stat="], capture_output=True, text=True, check=True)
    rows = (line.split() for line in listing.stdout.splitlines())
    return [pid for sess, pid, state in rows if int(sess) == session and not state.startswith("Z")]


def wait_for(condition, what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_that_was_started(number):
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as program:
        session = int(program.stdout.readline())
        try:
            wait_for(lambda: len(members(session)) == 2, "the leader and its child start")
            program.send_signal(number)
            program.send_signal(number)
            assert program.wait(30) == 128 + number
            wait_for(lambda: not members(session), "nothing is left of the session")
        finally:
            for pid in members(session):
                os.kill(int(pid), signal.SIGKILL)
