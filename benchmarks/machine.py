"""The machine that a figure was measured on: what it is, never what it is called or where things lie."""

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from router.system.subprocesses import find_program


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Facts that a reader needs to judge a figure."""

    cpu: str
    cores: int
    """Cores this process may use."""
    memory_gb: float
    system: str
    python: str


def machine() -> Machine:
    """Read this machine's processor, memory and versions."""
    return Machine(
        cpu=_field("/proc/cpuinfo", r"model name\s*:\s*(.+)") or platform.processor() or "unknown",
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        system=f"{platform.system()} {platform.release().partition('-')[0]}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
    )


def program_version(path: str | None, option: str) -> str:
    """The first version number a program prints; empty where there is none."""
    program = find_program(path) if path else None
    if program is None:
        return ""
    # wrk exits 1 after it has told its version; nginx tells it on stderr.
    ended = subprocess.run([program, option], capture_output=True, check=False, text=True, timeout=10)
    match = re.search(r"\d+(?:\.\d+)+", ended.stdout + ended.stderr)
    return match[0] if match else ""


def _field(path: str, pattern: str) -> str:
    file = Path(path)
    match = re.search(pattern, file.read_text()) if file.exists() else None
    return match[1].strip() if match else ""
