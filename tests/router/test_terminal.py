"""What the terminal says while the endpoint runs: a line for each request, and what changes."""

import http.server
import json
import os
import subprocess
import sys
import threading

import httpx
import pytest

from tests.conftest import free_port, wait_for
from tests.router.test_failover import CHAT, MINE, request_body

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


REFUSED = {
    "no such path": ("/v1/chat/completion", {"json": {}}, "404 not found, POST /v1/chat/completion"),
    "no JSON": (CHAT, {"content": b'{"model": "auto", '}, f"400 bad request, POST {CHAT}"),
    "too large": (CHAT, {"content": b" " * 2_000_000}, f"413 request too large, POST {CHAT}"),
    "another site": (CHAT, {"headers": {"host": "evil.example"}}, f"403 not allowed, POST {CHAT}"),
    "no key": (CHAT, {"json": request_body()}, f"401 wrong key, POST {CHAT}"),
}


@pytest.fixture(scope="module")
def small(start_between, policy):
    return start_between(POLICY=str(policy), LOG_FORMAT="text", MAX_BODY_MB="1")


@pytest.mark.parametrize(("path", "sent", "remark"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_before_it_is_read_has_a_line(small, path, sent, remark):
    if "401" in remark:
        turnout(small, "key", "create", "--team", "web")
        wait_for(lambda: httpx.post(small.url + path, **sent).status_code == 401, "the key")
    answer = httpx.post(small.url + path, **sent)
    shown = answer.headers["x-turnout-request-id"][:8]
    wait_for(lambda: shown in small.log.read_text(), "the line")
    (line,) = (line for line in small.log.read_text().splitlines() if shown in line)
    assert line.split()[1] == "python-httpx"
    assert line.endswith(f"{shown}  {remark}")


def test_a_budget_that_is_reached_is_said_once(start_between, policy, upstream):  # noqa: ARG001 - it serves
    file = policy.with_name("cloud-first.yaml")
    file.write_text("name: cloud-first\nhold: none\notherwise: {to: cloud, why: the cloud first}\n")
    endpoint = start_between(POLICY=str(file), LOG_FORMAT="text")
    turnout(endpoint, "team", "add", "web", "--budget", "0.000001")
    key = json.loads(turnout(endpoint, "key", "create", "--team", "web", "--json").stdout)["key"]
    headers = {**MINE, "x-turnout-key": key}
    wait_for(lambda: endpoint.post(CHAT, request_body()).status_code == 401, "the key")
    for _ in range(2):
        answer = endpoint.post("/v1/messages", request_body(), headers=headers)
        assert answer.headers["x-turnout-rule"] == "budget", answer.text
    wait_for(lambda: "budget reached" in endpoint.log.read_text(), "the line")
    (line,) = (line for line in endpoint.log.read_text().splitlines() if "budget reached" in line)
    assert "team=web" in line
    assert "why=" in line


class ProviderWithKey(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.headers["x-api-key"] == "sk-ant-good" else 401)
        self.end_headers()
        self.wfile.write(b'{"data": [{"id": "claude-sonnet-5-5"}]}')


@pytest.fixture
def provider():
    """A provider whose list of models is for holders of a key; nothing is at its address until it starts."""
    port = free_port()
    started = []

    def start() -> None:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), ProviderWithKey)
        threading.Thread(target=server.serve_forever).start()
        started.append(server)

    yield f"http://127.0.0.1:{port}", start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("key", "verdict"), [("sk-ant-good", "accepted"), ("sk-ant-old", "refused")])
def test_whether_the_provider_answers_and_takes_the_key_is_said_everywhere(
    start_between, provider, key, verdict
):
    url, start = provider
    endpoint = start_between(also={"ANTHROPIC_API_KEY": key}, CLOUD__BASE_URL=url, LOG_FORMAT="text")
    problem = "no connection to 127.0.0.1: check cloud.base_url"
    wait_for(lambda: endpoint.get("/health")["cloud"]["provider"], "the look")
    assert problem in endpoint.get("/health")["cloud"]["problem"]
    log = endpoint.log.read_text()
    assert problem in log.partition("Next, in another")[0]
    assert problem in log.partition("Next, in another")[2]
    assert problem in turnout(endpoint, "status").stdout
    start()
    wait_for(lambda: endpoint.get("/health")["cloud"]["provider"]["reachable"], "the next look")
    cloud = endpoint.get("/health")["cloud"]
    assert cloud["provider"]["credential"] == verdict
    assert ("put a valid one there" in cloud["problem"]) == (verdict == "refused")
    assert f"with a key that is {verdict}" in turnout(endpoint, "status").stdout
    wait_for(lambda: f"credential={verdict}" in endpoint.log.read_text(), "the line")
    assert key not in endpoint.log.read_text()


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
