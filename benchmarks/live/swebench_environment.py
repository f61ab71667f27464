"""Where an agent works on an instance: its official container, or a copy of a checkout.

- Docker: the instance's own image, made by the benchmark's authors; pulled when it is first needed.
- Bubblewrap: a fresh clone of a checkout that is given; no network, and nothing else can be written.
- Local: the same clone, but the agent's commands run with your files and your network.
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from benchmarks.errors import BenchmarkError
from router.system.subprocesses import ROOT, find_program

EnvironmentName = Literal["docker", "bubblewrap", "local"]
_VISIBLE = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ssl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One issue, as the data set has it."""

    id: str
    problem: str
    base_commit: str


def choose(requested: EnvironmentName | None, checkout: Path | None) -> EnvironmentName:
    """The room there is: the one that was asked for, else the safest that works.

    Raises:
        BenchmarkError: it does not work here; says what is needed.
    """
    if requested == "docker" or (requested is None and checkout is None):
        if reason := _docker_fails():
            raise BenchmarkError(
                f"docker does not work here ({reason}). Start it, or give a checkout of the repository with "
                "--checkout: the agent then works on a copy of it, in bubblewrap."
            )
        return "docker"
    if checkout is None:
        raise BenchmarkError(
            f"--environment {requested} works on a copy of a checkout: give one with --checkout"
        )
    if requested == "local":
        return requested
    if reason := _bubblewrap_fails():
        raise BenchmarkError(
            f"bubblewrap does not work here ({reason}). Install it, or take `--environment local`, where the "
            "agent's commands run with your files and your network."
        )
    return "bubblewrap"


@contextmanager
def make_environment(
    name: EnvironmentName, instance: Instance, checkout: Path | None
) -> Iterator[Mapping[str, Any]]:
    """Make the environment of one instance; yields mini-SWE-agent's settings for it.

    Raises:
        BenchmarkError: the checkout has no such commit.
    """
    if name == "docker" or checkout is None:
        image = instance.id.replace("__", "_1776_").lower()
        yield {
            "environment_class": "docker",
            "cwd": "/testbed",
            "image": f"docker.io/swebench/sweb.eval.x86_64.{image}:latest",
        }
        return
    with TemporaryDirectory(prefix="turnout-") as folder:
        copy = Path(folder) / "testbed"
        own = checkout / instance.id
        _clone(own if own.is_dir() else checkout, copy, instance.base_commit)
        if name == "bubblewrap":
            yield {"environment_class": "bubblewrap", "cwd": str(copy), "wrapper_args": _isolation_options()}
        else:
            yield {"environment_class": "local", "cwd": str(copy)}


def _clone(checkout: Path, copy: Path, commit: str) -> None:
    """A clone that shares nothing with the checkout, at the commit the issue was raised against."""
    git = find_program("git")
    if git is None:
        raise BenchmarkError("git is not installed: the agent works on a clone")
    for command in (
        (git, "clone", "-q", "--no-hardlinks", str(checkout.absolute()), str(copy)),
        (git, "-C", str(copy), "checkout", "-q", "--detach", commit or "HEAD"),
        (git, "-C", str(copy), "remote", "remove", "origin"),
    ):
        ended = subprocess.run(command, cwd=copy.parent, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise BenchmarkError(f"--checkout {checkout}: {' '.join(ended.stderr.split())}")


def _isolation_options() -> list[str]:
    binds = [word for path in _VISIBLE for word in ("--ro-bind-try", path, path)]
    return [
        *("--unshare-all", "--die-with-parent", "--new-session", "--clearenv", *binds),
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),  # noqa: S108 - the room's own
        *("--setenv", "PATH", "/usr/bin:/bin", "--setenv", "HOME", "/tmp", "--setenv", "LANG", "C.UTF-8"),  # noqa: S108
    ]


def _docker_fails() -> str:
    docker = find_program("docker")
    if docker is None:
        return "it is not installed"
    # `docker info` exits with 0 where there is no server; `docker version` does not.
    ended = subprocess.run(
        [docker, "version", "--format", "{{.Server.Version}}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if ended.returncode == 0 else " ".join(ended.stderr.split())


def _bubblewrap_fails() -> str:
    bwrap = find_program("bwrap")
    if bwrap is None:
        return "it is not installed"
    ended = subprocess.run(
        [bwrap, *_isolation_options(), "--chdir", "/tmp", "true"],  # noqa: S108 - the room's own
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if ended.returncode == 0 else " ".join(ended.stderr.split())
