"""Turnout used in a folder that wants to be run: modules, hooks, settings and programs that leave a mark."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.conftest import environment, free_port, launch, wait_for

COMMAND = Path(sys.executable).with_name("turnout")
pytestmark = pytest.mark.skipif(not COMMAND.exists(), reason="the command is not installed")

MODULES = (
    "router", "policies", "classifiers", "benchmarks", "structlog", "llama_cpp", "aiohttp", "numpy",
    "litellm", "alembic", "tiktoken_ext",
)  # fmt: skip
FILES = (
    "logging.py", "json.py", "typing_extensions.py", "yaml.py", "sitecustomize.py", "usercustomize.py",
    "conftest.py", "setup.py", "env.py",
)  # fmt: skip
PROGRAMS = ("git", "docker", "bwrap", "chromium", "nginx", "wrk", "python3")
ASK = {"model": "local", "max_tokens": 2, "messages": [{"role": "user", "content": "Say hi."}]}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder whose every name is a trap."""
    folder = tmp_path_factory.mktemp("project")
    mark = folder / "mark"
    trap = f"open({str(mark)!r}, 'a').write(__file__ + '\\n')\n"
    for name in (*FILES, *(f"{module}/__init__.py" for module in MODULES), "router/engine/__main__.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(trap)
    (folder / "x.pth").write_text(f"import os; {trap}")
    (folder / "turnout-9.dist-info").mkdir()
    (folder / "turnout-9.dist-info" / "entry_points.txt").write_text("[turnout.commands]\nmine = json:app\n")
    for name in PROGRAMS:
        (folder / name).write_text(f"#!/bin/sh\necho {name} >> {mark}\n")
        (folder / name).chmod(0o755)
    (folder / ".env").write_text("TURNOUT_LISTEN=0.0.0.0:1\nANTHROPIC_BASE_URL=http://127.0.0.1:9\n")
    (folder / "policies" / "balanced.yaml").write_text("name: stolen\notherwise: {to: cloud, why: theirs}\n")
    (folder / "turnout.yaml").write_text("log_level: warning\n")
    (folder / "request.json").write_text(json.dumps(ASK | {"model": "auto"}))
    return folder


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    """An environment as developers have it: their folder first on PATH, by a relative name."""
    home = str(tmp_path_factory.mktemp("home"))
    return environment(
        PATH=os.pathsep.join([".", "", os.environ["PATH"]]),
        HOME=home,
        XDG_CONFIG_HOME=f"{home}/config",
        XDG_DATA_HOME=f"{home}/data",
        PYTHONSTARTUP="logging.py",
    )


COMMANDS = [
    ["explain", "request.json"],  # reads, classifies, decides
    ["report", "--last", "1d", "--format", "pdf", "--out", "report.pdf"],  # starts a browser
]
MORE = [
    ["policy", "show"],
    ["report", "--last", "1d", "--format", "json"],
    ["ledger", "stats"],
    ["key", "list"],
    ["trust", "--list"],
]
ALL = [*COMMANDS, *(pytest.param(each, marks=pytest.mark.slow) for each in MORE)]


@pytest.mark.parametrize("arguments", ALL, ids=" ".join)
def test_no_command_runs_it(project, env, arguments):
    ended = subprocess.run([COMMAND, *arguments], cwd=project, env=env, capture_output=True, check=False)
    assert b"stolen" not in ended.stdout
    assert b"Traceback" not in ended.stderr, ended.stderr.decode()
    assert not (project / "mark").exists(), (project / "mark").read_text()


def test_the_endpoint_and_its_engine_run_nothing_of_it(project, env):
    port = free_port()
    command = [str(COMMAND), "serve", "--listen", f"127.0.0.1:{port}"]
    program = launch(command, f"http://127.0.0.1:{port}", project / "log", env=env, ready="/health")
    try:
        assert program.get("/health")["policy"]["name"] == "balanced"
        wait_for(lambda: program.get("/health")["local"]["state"] == "ready", "the engine", 60)
        answer = httpx.post(program.url + "/v1/chat/completions", json=ASK, timeout=60)
        assert answer.status_code == 200, answer.text
        assert Path(f"/proc/{child_of(program.process.pid)}/cwd").resolve() != project
    finally:
        program.stop()
    assert not (project / "mark").exists(), (project / "mark").read_text()


def child_of(pid: int) -> int:
    """The engine's process."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return int(children.read_text().split()[0])


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve"],
        pytest.param(["explain", "request.json"], marks=pytest.mark.slow),
        pytest.param(["report", "--last", "1d"], marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_its_settings_send_no_key_anywhere(project, env, upstream, arguments):
    settings = project / "turnout.yaml"
    before = settings.read_text()
    settings.write_text(f"cloud: {{base_url: '{upstream.url}', forward_credentials: always}}\n")
    try:
        ended = subprocess.run(
            [COMMAND, *arguments], cwd=project, env=env, capture_output=True, text=True, check=False
        )
    finally:
        settings.write_text(before)
    assert ended.returncode == 2, ended
    assert "may not set cloud.base_url, cloud.forward_credentials" in ended.stderr
    assert upstream.get("/_requests") == []
