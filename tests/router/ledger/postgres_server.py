"""A real PostgreSQL in a temporary folder, reached by a socket in it; gone when the tests are."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB")


@dataclass(frozen=True)
class PostgreSQL:
    folder: Path
    programs: Path

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://turnout@/{name}?host={self.folder}"

    def create(self, name: str, template: str = "template1") -> str:
        engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        engine.dispose()
        return self.url(name)


@contextmanager
def start() -> Iterator[PostgreSQL]:
    """Start one; skips where it is not installed."""
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path must be short
    try:
        if user:
            shutil.chown(folder, user)
        data = folder / "data"
        result = subprocess.run(
            [programs / "initdb", "-D", data, "-U", "turnout", "-A", "trust", "-E", "UTF8", "--no-sync"],
            user=user, capture_output=True, text=True, check=False, cwd=folder,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout + result.stderr
        settings = [part for setting in QUICK for part in ("-c", setting)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", *settings],
                user=user, stdout=log, stderr=log, cwd=folder,
            )  # fmt: skip
        try:
            _wait(programs, folder, process)
            yield PostgreSQL(folder, programs)
        finally:
            process.send_signal(signal.SIGQUIT)  # at once, without tidying up: nothing is kept
            process.wait(30)
    finally:
        shutil.rmtree(folder)


def _programs() -> Path | None:
    program = shutil.which("initdb")
    folders = [Path(program).resolve().parent] if program else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


def _user() -> str | None:
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def _wait(programs: Path, folder: Path, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            pytest.fail(f"PostgreSQL ended: {(folder / 'log').read_text()}")
        ready = subprocess.run([programs / "pg_isready", "-q", "-t", "1", "-h", folder], check=False)
        if ready.returncode == 0:
            return
    pytest.fail("PostgreSQL does not answer")
