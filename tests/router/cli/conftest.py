"""`turnout` as a process, in a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "router.cli.main")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def clean(tmp_path: Path) -> dict[str, str]:
    """An environment without anything that would steer Turnout; its data stays in this test's folder."""
    steering = ("TURNOUT_", "ANTHROPIC_", "OPENAI_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    folders = {"XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "config", "HOME": ""}
    own = {name: str(tmp_path / folder) for name, folder in folders.items()}
    return {**inherited, **own, "COLUMNS": "200"}


@pytest.fixture
def turnout(tmp_path: Path, clean: dict[str, str]) -> Callable[..., Ended]:
    """Run `turnout ARGUMENTS` to its end."""

    def run(*arguments: str, stdin: bytes = b"", **settings: str) -> Ended:
        named = {f"TURNOUT_{name}": value for name, value in settings.items()}
        ended = subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env=clean | named,
            timeout=60,
            check=False,
        )
        return Ended(code=ended.returncode, out=ended.stdout.decode(), err=ended.stderr.decode())

    return run


@pytest.fixture
def refused(turnout: Callable[..., Ended]) -> Callable[..., str]:
    """Run what is wrong: exit code 2, nothing on standard output, and no traceback; returns the message."""

    def run(*arguments: str, lines: int = 1, **more: str | bytes) -> str:
        ended = turnout(*arguments, **more)
        assert ended.code == 2, ended
        assert ended.out == ""
        assert "Traceback" not in ended.err
        assert ended.err.startswith("turnout: ")
        assert len(ended.err.splitlines()) == lines, ended.err
        return ended.err.removeprefix("turnout: ").strip()

    return run
