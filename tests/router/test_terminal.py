"""What the terminal says while the endpoint runs: a line for each request, and what changes."""

import json
import os
import subprocess
import sys

import httpx
import pytest

from tests.conftest import wait_for
from tests.router.test_failover import CHAT, request_body

SECRET = "marmalade-on-toast"
COMMAND = (sys.executable, "-m", "router.cli.main")
POLICY = "name: mine\nhold: none\notherwise: {to: local, why: all of it}\n"


def ask(endpoint) -> str:
    body = request_body(messages=[{"role": "user", "content": f"Say {SECRET}."}])
    answer = endpoint.post(CHAT, body)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-turnout-request-id"]


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    file = tmp_path_factory.mktemp("policy") / "policy.yaml"
    file.write_text(POLICY)
    return file


@pytest.fixture(scope="module")
def text(start_between, policy):
    return start_between(POLICY=str(policy), LOG_FORMAT="text")


def turnout(endpoint, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "TURNOUT_LEDGER": str(endpoint.ledger),
        "TURNOUT_LISTEN": endpoint.url.removeprefix("http://"),
    }
    return subprocess.run(
        [*COMMAND, *arguments], env=env, capture_output=True, text=True, timeout=300, check=False
    )


def test_each_request_gets_a_line_without_its_text(text, nearby):  # noqa: ARG001 - a clean local model
    request_id = ask(text)
    wait_for(lambda: request_id[:8] in text.log.read_text(), "the line")
    log = text.log.read_text()
    (line,) = (line for line in log.splitlines() if request_id[:8] in line)
    assert {"local", "nearby", "otherwise", "in", "out"} <= set(line.split())
    assert "\x1b" not in log
    assert SECRET not in log


def test_json_where_it_is_no_terminal(start_between, policy):
    endpoint = start_between(POLICY=str(policy))
    request_id = ask(endpoint)
    wait_for(lambda: request_id in endpoint.log.read_text(), "the line")
    log = endpoint.log.read_text()
    (line,) = (line for line in log.splitlines() if request_id in line)
    values = json.loads(line)
    assert (values["event"], values["track"], values["model"]) == ("request", "local", "nearby")
    assert values["output"] > 0
    assert SECRET not in log


def test_a_policy_that_changes_or_is_refused_is_said(text, policy):
    policy.write_text(POLICY.replace("all of it", "still all of it"))
    wait_for(lambda: "policy reloaded" in text.log.read_text(), "the reload")
    policy.write_text(POLICY + "rules: nonsense\n")
    wait_for(lambda: "policy refused, the last good one stays" in text.log.read_text(), "the refusal")
    policy.write_text(POLICY)
    wait_for(lambda: text.log.read_text().count("policy reloaded") > 1, "the second reload")


def test_tail_shows_the_same_lines(text):
    request_id = ask(text)
    text.row(httpx.Response(200, headers={"x-turnout-request-id": request_id}))
    ended = turnout(text, "tail", "--no-follow")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1].split()[-1] == request_id[:8]
    values = json.loads(turnout(text, "tail", "--no-follow", "-n", "1", "--json").stdout)
    assert (values["id"], values["rule"]) == (request_id, "otherwise")
    assert SECRET not in ended.stdout


def test_tail_follows(text):
    env = {**os.environ, "TURNOUT_LEDGER": str(text.ledger), "PYTHONUNBUFFERED": "1"}
    command = [*COMMAND, "tail", "-n", "1", "--json"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            request_id = ask(text)
            assert json.loads(process.stdout.readline())["id"] == request_id
        finally:
            process.terminate()


def test_status_says_what_runs(text):
    ask(text)
    ended = turnout(text, "status")
    assert ended.returncode == 0, ended.stderr
    for word in (text.url, "mine", "up", "requests", "no key: set ANTHROPIC_API_KEY"):
        assert word in ended.stdout
    values = json.loads(turnout(text, "status", "--json").stdout)
    assert values["running"]
    assert values["today"]["by_track"]["local"] >= 1
    assert values["health"]["policy"]["proof"]


def test_status_of_nothing(text):
    ended = turnout(text, "status", "--url", "http://127.0.0.1:9")
    assert ended.returncode == 1
    assert "nothing answers at http://127.0.0.1:9" in ended.stdout
    assert "turnout serve" in ended.stdout
