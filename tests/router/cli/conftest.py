"""`turnout` as a process, in a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.warm_turnout import Ended, WarmTurnout, warm_turnout

COMMAND = (sys.executable, "-m", "router.cli.main")


@pytest.fixture
def clean(tmp_path: Path) -> dict[str, str]:
    """An environment without anything that would steer Turnout; its data stays in this test's folder."""
    steering = ("TURNOUT_", "ANTHROPIC_", "OPENAI_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    folders = {"XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "config", "HOME": ""}
    own = {name: str(tmp_path / folder) for name, folder in folders.items()}
    return {**inherited, **own, "COLUMNS": "200"}


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmTurnout | None]:
    """The process that commands are forks of; None where there are no forks."""
    if not hasattr(os, "fork"):
        yield None
        return
    with warm_turnout(os.environ) as process:
        yield process


@pytest.fixture
def turnout(tmp_path: Path, clean: dict[str, str], warm: WarmTurnout | None) -> Callable[..., Ended]:
    """Run `turnout ARGUMENTS` to its end."""

    def run(*arguments: str, stdin: bytes = b"", **settings: str) -> Ended:
        env = clean | {f"TURNOUT_{name}": value for name, value in settings.items()}
        if warm:
            return warm.run(arguments, cwd=tmp_path, env=env, stdin=stdin)
        return run_fresh(arguments, cwd=tmp_path, env=env, stdin=stdin)

    return run


@pytest.fixture
def fresh_turnout(tmp_path: Path, clean: dict[str, str]) -> Callable[..., Ended]:
    """The same with an interpreter of its own."""
    return lambda *arguments: run_fresh(arguments, cwd=tmp_path, env=clean)


def run_fresh(arguments: tuple[str, ...], *, cwd: Path, env: dict[str, str], stdin: bytes = b"") -> Ended:
    """Run a command with an interpreter of its own."""
    ended = subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env=env,
        timeout=60,
        check=False,
    )
    return Ended(code=ended.returncode, out=ended.stdout.decode(), err=ended.stderr.decode())


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
