"""What the sandbox stops, in each of its modes that works on this machine."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.live.sandbox import Limits, SandboxError, find

QUICK = Limits(wall_s=20, cpu_s=1)
FORKS = """
import os, time
started = 0
while started < 60:  # an end of its own: should the limit not hold, this machine must not suffer
    if os.fork() == 0:
        time.sleep(5)
        os._exit(0)
    started += 1
"""


@pytest.fixture(scope="module", params=["bubblewrap", "namespaces"])
def sandbox(request):
    try:
        return find(only=request.param)
    except SandboxError as error:
        pytest.skip(str(error))


def test_a_good_program_passes_and_a_bad_one_says_why(sandbox):
    assert sandbox.run("import math\nassert math.factorial(5) == 120").passed
    ran = sandbox.run("assert 1 + 1 == 3, 'no'")
    assert (ran.ended, ran.why) == ("failed", "AssertionError: no")
    assert sandbox.run("def f(:").ended == "failed"
    assert sandbox.run("raise SystemExit(0)").passed


def test_an_infinite_loop_is_ended_by_its_time_on_the_cpu(sandbox):
    ran = sandbox.run("while True: pass", QUICK)
    assert ran.ended == "failed"
    assert ran.why.startswith("exit status")  # a signal ended it: it had no words left


def test_a_program_that_only_waits_is_ended_by_the_clock(sandbox):
    ran = sandbox.run("import time; time.sleep(600)", Limits(wall_s=1))
    assert (ran.ended, ran.why) == ("time", "did not end within 1 s")


def test_what_a_program_leaves_behind_ends_with_it(sandbox):
    mark = f"left-{os.getpid()}-{sandbox.mode}"
    hide = "import os, sys, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
    wait = "import time; time.sleep(300)"
    start = f"        os.execv(sys.executable, [sys.executable, '-c', {wait!r}, {mark!r}])\n"
    ran = sandbox.run(f"{hide}{start}time.sleep(0.5)")
    assert ran.passed
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert mark not in processes


def test_a_fork_bomb_meets_the_limit_of_processes(sandbox):
    ran = sandbox.run(FORKS, QUICK)
    assert ran.ended == "failed"
    assert "Resource temporarily unavailable" in ran.why


def test_an_allocation_of_10_gb_fails(sandbox):
    ran = sandbox.run("held = bytearray(10 * 2**30)")
    assert (ran.ended, ran.why) == ("failed", "MemoryError")


TOGETHER = {
    "processes": """
import os, time
for _ in range(10):
    if os.fork() == 0:
        held = bytearray(200 * 2**20)
        for at in range(0, len(held), 4096): held[at] = 1
        time.sleep(20)
        os._exit(0)
time.sleep(20)
""",
    "orphans": """
import os, time
for _ in range(6):
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            held = b"x" * (200 * 2**20)
            time.sleep(20)
        os._exit(0)
    os.wait()
time.sleep(20)
""",
    "files without a name": """
import os, time
made = [os.memfd_create("m") for _ in range(50)]
for _ in range(4):
    if os.fork() == 0:
        made = [os.memfd_create("m") for _ in range(10)]
        break
for file in made:
    for _ in range(15): os.write(file, bytes(2**20))
time.sleep(20)
""",
    "shared memory that was let go of": """
import mmap, os, time
for _ in range(4):
    if os.fork() == 0:
        shared = mmap.mmap(-1, 200 * 2**20)
        for at in range(0, len(shared), 2**20):
            shared[at:at + 2**20] = bytes(2**20)
            shared.madvise(mmap.MADV_DONTNEED, at, 2**20)
        break
time.sleep(20)
""",
}


@pytest.mark.parametrize("program", TOGETHER.values(), ids=TOGETHER)
def test_all_processes_together_have_no_more_memory_than_one(sandbox, program):
    ran = sandbox.run(program, Limits(wall_s=20, memory_mb=600))
    assert (ran.ended, ran.why) == ("memory", "took more than 600 MB")


def test_no_folder_in_memory_can_be_mounted(sandbox):
    # It would be in a namespace of the program's own, where nobody counts what it holds.
    unshare = "import ctypes\nlibc = ctypes.CDLL(None)\nassert libc.unshare(0x10000000 | 0x00020000) == -1\n"
    mount = 'assert libc.mount(b"none", b"/tmp", b"tmpfs", 0, b"size=8g") == -1'
    assert sandbox.run(unshare + mount).passed


def test_a_few_processes_that_take_little_are_let_be(sandbox):
    forks = "import os, time\nfor _ in range(4):\n    if not os.fork(): time.sleep(0.2); os._exit(0)\n"
    ran = sandbox.run(f"{forks}os.wait()")
    assert (ran.ended, ran.why) == ("passed", "")


@pytest.mark.parametrize("where", ["/usr/turnout-was-here", "/etc/turnout-was-here", "/turnout-was-here"])
def test_a_write_outside_fails(sandbox, where):
    ran = sandbox.run(f"open({where!r}, 'w').write('x')")
    assert ran.ended == "failed"
    assert not Path(where).exists()


def test_a_file_of_ours_is_neither_seen_nor_changed(sandbox, tmp_path):
    ours = tmp_path / "ours"
    ours.write_text("secret")
    ours.chmod(0o666)
    ran = sandbox.run(f"open({str(ours)!r}).read()")
    assert "FileNotFoundError" in ran.why
    assert sandbox.run(f"import os\nassert not os.path.exists({str(Path.home())!r})").passed
    sandbox.run(f"import os\nos.makedirs({str(tmp_path)!r})\nopen({str(ours)!r}, 'w').write('changed')")
    assert ours.read_text() == "secret"


def test_a_write_to_the_private_folder_is_allowed_and_bounded(sandbox):
    assert sandbox.run("open('note', 'w').write('x')\nassert open('/tmp/note').read() == 'x'").passed
    many = "for n in range(40):\n    open(f'/tmp/{n}', 'wb').write(bytes(4 * 2**20))"
    assert "No space left" in sandbox.run(many).why
    assert "File too large" in sandbox.run("open('/tmp/big', 'wb').write(bytes(64 * 2**20))").why


def test_a_connection_is_not_made(sandbox):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.2)
        port = server.getsockname()[1]
        connect = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), timeout=5)"
        ran = sandbox.run(connect)
        assert ran.ended == "failed"
        assert "Error" in ran.why
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_flood_of_output_ends(sandbox):
    ran = sandbox.run("while True: print('x' * 10_000)", QUICK)
    assert (ran.ended, ran.why) == ("output", "wrote 16 MB")


def test_what_it_printed_does_not_hide_why_it_failed(sandbox):
    assert sandbox.run("print(4)\nassert 4 == 5").why == "AssertionError"


def test_the_environment_is_empty(sandbox, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    assert "sk-ant-secret" not in sandbox.run("import os\nraise SystemExit(str(dict(os.environ)))").why
    assert sandbox.run(
        "import os\nassert set(os.environ) <= {'PATH', 'LANG', 'HOME', 'PWD', 'LC_CTYPE'}"
    ).passed


def test_nobody_runs_it(sandbox):
    assert sandbox.run("import os\nassert os.getuid() == os.geteuid() == 65534").passed
    assert "Error" in sandbox.run("import os\nos.setuid(0)").why


@pytest.mark.parametrize(("unsafe", "status", "message"), [(False, 1, "--unsafe"), (True, 0, "none True")])
def test_without_a_sandbox_nothing_runs_unless_it_is_said(unsafe, status, message):
    """In a namespace that allows no further ones, as in many containers."""
    code = (
        "from benchmarks.live.sandbox import find; "
        f"s = find(unsafe={unsafe}); print(s.mode, s.run('').passed)"
    )
    words = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], check=False).returncode:
        pytest.skip("`unshare` does not work here")
    inner = f'echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" -c "{code}"'
    ran = subprocess.run([*words, inner, sys.executable], capture_output=True, text=True, check=False)
    assert ran.returncode == status, ran.stderr
    assert message in ran.stdout + ran.stderr
