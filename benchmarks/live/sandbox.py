"""Where a model's code runs: without network, files, secrets, or an end it can put off.

    sandbox = find()
    ran = sandbox.run("assert 1 + 1 == 2")     # ran.passed

- Bubblewrap where it works, else namespaces made by `jail`; each is tried once before it is trusted.
  A machine that has neither runs nothing, unless the caller says `unsafe`.
- Limits hold in the program's own process: time on the CPU, memory, processes, files. The wall clock and the
  memory of all processes together are held from outside, and end everything the program started.
- What it reads and writes are files, never pipes: nothing it does can make its reader wait.
- An answer and its tests are two programs, each in a sandbox of its own, with pipes between them alone.
- The environment is emptied. Root becomes nobody first: the kernel does not count root's processes.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any, Literal, Self

from benchmarks.errors import BenchmarkError
from benchmarks.live import jail
from benchmarks.live.memory import used_bytes
from router.system.subprocesses import find_program

Mode = Literal["bubblewrap", "namespaces", "none"]
Ended = Literal["passed", "failed", "time", "output", "memory"]

_VISIBLE = ("/usr", "/lib", "/lib32", "/lib64", "/nix/store")
"""What an interpreter may need, beside its own folder."""
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp"}  # noqa: S108 - the sandbox's own
_READY = b"ready\n"
"""What is written before the program begins: without it, the sandbox failed and not the program."""
_BEGIN = """\
import json, sys
limits = json.loads(sys.argv[1])
if limits:
    import resource
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (value, value))
program = sys.stdin.buffer.read()
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.argv[1:] = []
exec(compile(program, "program.py", "exec"), {"__name__": "__main__"})
"""
_OLDEST = (0, 8)
"""Bubblewrap that can forbid user namespaces within its own."""
_MB = 2**20
_LAST_WORDS = 2000
_LOOK_S = 0.02
"""Seconds between looks at the memory."""

WARNINGS: Mapping[Mode, str] = {
    "bubblewrap": "",
    "namespaces": "bubblewrap is not usable here ({why}): generated code runs in namespaces that Turnout "
    "makes itself, with the same limits. Install `bubblewrap` for the better tried one.",
    "none": "UNSAFE: generated code runs with your network and your files ({why}). Only time, memory and "
    "file size are limited.",
}


class SandboxError(BenchmarkError):
    """The sandbox could not run a program; it says nothing of the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one program may take."""

    wall_s: float = 10
    cpu_s: int = 10
    memory_mb: int = 1024
    """Of each process, and of all together."""
    processes: int = 16
    """Threads count, too."""
    file_mb: int = 16
    """Of one file, and of all that is written to the terminal; all files together get four times that."""

    def resources(self, mode: Mode) -> dict[str, int]:
        """The limits by the names of `resource`, as far as they can be set in `mode`."""
        if not hasattr(os, "fork"):
            return {}
        limits = {"CPU": self.cpu_s, "FSIZE": self.file_mb * _MB, "NOFILE": 64, "CORE": 0}
        if sys.platform == "linux":
            limits |= {"AS": self.memory_mb * _MB, "MSGQUEUE": 0, "MEMLOCK": 0}
        # Without a namespace, all that the user runs is counted: the limit would be met at once.
        return limits if mode == "none" and not _root() else limits | {"NPROC": self.processes}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramResult:
    """How a program ended, and why."""

    ended: Ended
    why: str
    """Its last words, or which limit it met; empty where it passed."""
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether it exited with 0."""
        return self.ended == "passed"


@dataclass(frozen=True, slots=True)
class Pipes:
    """Two pipes between two programs: for each, the end that it reads and the end that it writes."""

    program: tuple[int, int]
    other: tuple[int, int]

    @classmethod
    def make(cls) -> Self:
        """Open the two pipes."""
        (program_reads, other_writes), (other_reads, program_writes) = os.pipe(), os.pipe()
        return cls((program_reads, program_writes), (other_reads, other_writes))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for end in (*self.program, *self.other):
            os.close(end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """Runs programs, one process tree each; `run` may be called many times at once."""

    mode: Mode
    python: str
    """The interpreter that runs them."""
    warning: str = ""
    """What a person must be told; empty where nothing is amiss."""

    def run(self, program: str, limits: Limits | None = None) -> ProgramResult:
        """Run Python source and wait for its end.

        Raises:
            SandboxError: it was not even started.
        """
        limits = limits or Limits()
        with self._start(program, limits) as running:
            status, over = _wait((running,), limits)
            return running.ran(status, limits, over=over)

    def run_beside(
        self, program: str, other: str, limits: Limits, *, pipes: Pipes, proof: str
    ) -> ProgramResult:
        """Run a program that talks with another one, and wait for its end.

        Args:
            program: It decides: it passes when it exits with 0 and `proof` is the last that it prints.
            other: It is ended with the first.
            limits: What each of them may take.
            pipes: The ends that each may use; they are closed here.
            proof: What the other cannot know.

        Raises:
            SandboxError: one of them was not even started.
        """
        with ExitStack() as stack:
            with pipes:
                beside = stack.enter_context(self._start(other, limits, pipes.other))
                running = stack.enter_context(self._start(program, limits, pipes.program))
            status, over = _wait((running, beside), limits)
            beside.check_begun(over=over)
            ran = running.ran(status, limits, over=over)
            if ran.passed and not _file_ends_with(running.stdout, proof.encode()):
                return replace(ran, ended="failed", why="ended itself before its tests did")
            if ran.ended == "failed" and beside.flooded(limits):  # that is why its partner failed
                return replace(ran, ended="output", why=f"wrote {limits.file_mb} MB")
            return ran

    @contextmanager
    def _start(self, program: str, limits: Limits, descriptors: tuple[int, ...] = ()) -> Iterator["_Running"]:
        """Start a program; on leaving, end all that it started."""
        with (
            TemporaryDirectory(prefix="turnout-") as folder,
            TemporaryFile() as source,
            TemporaryFile() as stdout,
            TemporaryFile() as stderr,
        ):
            source.write(program.encode("utf-8", "surrogatepass"))
            source.seek(0)
            began = time.monotonic()
            with subprocess.Popen(
                self._command(limits),
                stdin=source,
                stdout=stdout,
                stderr=stderr,
                env=_ENVIRONMENT,
                cwd="/" if self.mode != "none" or _root() else folder,
                start_new_session=True,
                pass_fds=descriptors,
                **_as_nobody(),
            ) as process:
                try:
                    yield _Running(process=process, stdout=stdout, stderr=stderr, began=began)
                finally:
                    _kill(process)

    def _command(self, limits: Limits) -> list[str]:
        begin = [self.python, "-I", "-c", _BEGIN, json.dumps(limits.resources(self.mode))]
        room = 4 * limits.file_mb
        return {"bubblewrap": _bubblewrap, "namespaces": _namespaces, "none": _no_sandbox}[self.mode](
            begin, room
        )


def find(*, unsafe: bool = False, only: Mode | None = None) -> Sandbox:
    """The best sandbox that works on this machine.

    Args:
        unsafe: where there is none, run all the same.
        only: try no other.

    Raises:
        SandboxError: there is none; says why and what to do.
    """
    modes: tuple[Mode, ...] = (
        (only,) if only else ("bubblewrap", "namespaces", *(("none",) if unsafe else ()))
    )
    why: list[str] = []
    for mode in modes:
        reason = _describe_missing(mode)
        if not reason:
            reasons = "; ".join(why)
            sandbox = Sandbox(mode=mode, python=_interpreter(), warning=WARNINGS[mode].format(why=reasons))
            reason = _test_run(sandbox)
            if not reason:
                return sandbox
        why.append(f"{mode}: {reason}")
    raise SandboxError(
        f"there is no sandbox for generated code on this machine ({'; '.join(why)}). Install `bubblewrap` on "
        "a Linux that allows user namespaces, or take --unsafe where nothing can be lost, as in a container."
    )


def _describe_missing(mode: Mode) -> str:
    if mode == "bubblewrap":
        if not find_program("bwrap"):
            return "`bwrap` is not installed"
        if _bubblewrap_version() < _OLDEST:
            return (
                "`bwrap` is older than 0.8: programs in it could mount folders in memory that nobody counts"
            )
    return "only Linux has namespaces" if mode != "none" and sys.platform != "linux" else ""


def _test_run(sandbox: Sandbox) -> str:
    """Run it once; what is wrong with it, or nothing."""
    try:
        ran = sandbox.run("assert 6 * 7 == 42", Limits(wall_s=60))
    except (OSError, subprocess.SubprocessError, SandboxError) as error:
        return " ".join(str(error).split())
    return ran.why


def _interpreter() -> str:
    """Our own interpreter, or the system's where root, as nobody, could not reach ours."""
    own = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    if own.exists() and (not _root() or all(parent.stat().st_mode & 1 for parent in own.resolve().parents)):
        return str(own.resolve())
    return find_program("python3", path="/usr/bin:/bin") or sys.executable


def _folders(python: str) -> list[str]:
    """What is shown of the file system, read-only."""
    prefix = str(Path(python).parents[1])
    return list(_VISIBLE) if prefix.startswith("/usr") else [*_VISIBLE, prefix]


def _bubblewrap(begin: list[str], room: int) -> list[str]:
    binds = [word for path in _folders(begin[0]) for word in ("--ro-bind-try", path, path)]
    size = str(room * _MB)
    return [
        *(find_program("bwrap") or "bwrap", "--unshare-all", "--new-session", "--die-with-parent"),
        *("--unshare-user", "--uid", str(jail.NOBODY), "--gid", str(jail.NOBODY), "--hostname", "sandbox"),
        *("--disable-userns", "--cap-drop", "ALL", *binds, "--proc", "/proc", "--dev", "/dev"),
        *("--remount-ro", "/dev", "--size", size, "--tmpfs", "/tmp"),  # noqa: S108 - its own
        *("--chdir", "/tmp", "--remount-ro", "/", *begin),  # noqa: S108 - as above
    ]


def _bubblewrap_version() -> tuple[int, ...]:
    completed = subprocess.run(
        [find_program("bwrap") or "bwrap", "--version"], capture_output=True, text=True, check=False
    )
    return tuple(int(number) for number in re.findall(r"\d+", completed.stdout)[:2])


def _namespaces(begin: list[str], room: int) -> list[str]:
    source = Path(jail.__file__).read_text(encoding="utf-8")
    return [begin[0], "-I", "-c", source, str(room), *_folders(begin[0]), "--", *begin]


def _no_sandbox(begin: list[str], room: int) -> list[str]:
    del room
    return begin


def _root() -> bool:
    """Whether this is a root that can become nobody: one of a container may know no other user."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    uid_map = Path("/proc/self/uid_map")
    lines = uid_map.read_text(encoding="ascii").splitlines() if uid_map.exists() else ["0 0 4294967295"]
    ranges = [[int(number) for number in line.split()] for line in lines]
    return any(first <= jail.NOBODY < first + count for first, _, count in ranges)


def _as_nobody() -> dict[str, Any]:
    return {"user": jail.NOBODY, "group": jail.NOBODY, "extra_groups": ()} if _root() else {}


def _wait(running: tuple["_Running", ...], limits: Limits) -> tuple[int | None, bool]:
    """Wait for the first program's end, and end all of them.

    Returns:
        Its exit status, None where it had to be ended; and whether all together took too much memory.
    """
    first = running[0].process
    deadline = time.monotonic() + limits.wall_s
    over = False
    try:
        while not over and time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return first.wait(_LOOK_S), False
            over = any(used_bytes(each.process.pid) > limits.memory_mb * _MB for each in running)
        return None, over
    finally:
        for each in running:
            _kill(each.process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and its group; what is in its process namespace ends with it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """A program that was started, and the files that it writes to."""

    process: subprocess.Popen[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]
    began: float

    def ran(self, status: int | None, limits: Limits, *, over: bool) -> ProgramResult:
        """How it ended: `status` is None where it had to be ended, `over` where it took too much memory.

        Raises:
            SandboxError: it was not even started.
        """
        words = self.check_begun(over=over)
        ended: Ended = "failed"
        why = words.splitlines()[-1] if words else f"exit status {status}"
        if over:
            ended, why = "memory", f"took more than {limits.memory_mb} MB"
        elif status == 0:
            ended, why = "passed", ""
        elif status is None:
            ended, why = "time", f"did not end within {limits.wall_s:g} s"
        elif self.flooded(limits):
            ended, why = "output", f"wrote {limits.file_mb} MB"
        return ProgramResult(ended=ended, why=why, seconds=time.monotonic() - self.began)

    def check_begun(self, *, over: bool) -> str:
        """Its last words.

        Raises:
            SandboxError: its sandbox ended without it.
        """
        self.stdout.seek(0)
        begun = self.stdout.read(len(_READY)) == _READY
        words = _read_end(self.stderr, 0) or _read_end(self.stdout, len(_READY) if begun else 0)
        if not begun and not over:
            raise SandboxError(f"the sandbox did not start: {words or 'it said nothing'}")
        return words

    def flooded(self, limits: Limits) -> bool:
        """Whether it wrote as much as it may."""
        length = max(self.stdout.seek(0, os.SEEK_END), self.stderr.seek(0, os.SEEK_END))
        return length >= limits.file_mb * _MB


def _file_ends_with(file: IO[bytes], proof: bytes) -> bool:
    file.seek(max(0, file.seek(0, os.SEEK_END) - len(proof)))
    return file.read() == proof


def _read_end(file: IO[bytes], start: int) -> str:
    """The last words of a file, from `start` on at most."""
    length = file.seek(0, os.SEEK_END)
    file.seek(max(start, length - _LAST_WORDS))
    return file.read().decode("utf-8", "replace").strip()
