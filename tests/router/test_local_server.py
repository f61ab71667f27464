"""A local server that is not there, or is written as Ollama's users write it, is no secret."""

import subprocess
import sys

import httpx
import pytest

from tests.conftest import environment, free_port, launch, wait_for
from tests.router.test_failover import CHAT, MINE, request_body

TASK = [{"role": "user", "content": "Write a Python function that adds two numbers."}]


@pytest.fixture(scope="module")
def missing(start_between):
    """An endpoint whose local server is started later, at this address."""
    port = free_port()
    endpoint = start_between(LOCAL__URL=f"http://127.0.0.1:{port}", LOCAL__NAME="")
    endpoint.port = port
    return endpoint


def test_a_server_that_is_not_there_is_said_everywhere(missing):
    wait_for(lambda: not missing.get("/health")["local"]["up"], "the look at the server")
    local = missing.get("/health")["local"]
    assert "start the server there, or set local.url" in local["server"]["problem"]
    assert httpx.get(missing.url + "/ready").status_code == 503
    log = missing.log.read_text()
    assert "nothing answers at http://127.0.0.1" in log.partition("Next, in another")[0]
    wait_for(lambda: "track down" in missing.log.read_text(), "the line")
    answer = missing.post(CHAT, request_body(messages=TASK))
    assert answer.status_code == 502, answer.text
    message = answer.json()["error"]["message"]
    assert "cannot be reached" in message
    assert "set ANTHROPIC_API_KEY" in message


def test_the_cloud_serves_meanwhile(missing, upstream):  # noqa: ARG001 - with nothing scripted
    answer = missing.post("/v1/messages", request_body(messages=TASK), headers=MINE)
    assert (answer.headers["x-turnout-track"], answer.headers["x-turnout-rule"]) == ("cloud", "local-down")
    assert httpx.get(missing.url + "/ready").status_code == 200


def test_it_is_used_once_it_is_there_without_v1_in_its_address(missing):
    url = f"http://127.0.0.1:{missing.port}"
    command = [sys.executable, "-m", "router.scripted", "--port", str(missing.port)]
    server = launch(command, url, missing.log.with_name("server"), env=environment(), ready="/_totals")
    try:
        wait_for(lambda: missing.get("/health")["local"]["up"], "the next look")
        local = missing.get("/health")["local"]
        assert local["url"] == f"{url}/v1"
        assert local["server"]["model"]
        answer = missing.post(CHAT, request_body(messages=TASK))
        assert (answer.status_code, answer.headers["x-turnout-track"]) == (200, "local"), answer.text
        wait_for(lambda: "track up" in missing.log.read_text(), "the line")
    finally:
        server.stop()


def test_an_address_without_http_is_refused_with_the_right_one():
    ended = subprocess.run(
        [sys.executable, "-m", "router.cli.main", "serve"],
        env=environment(TURNOUT_LOCAL__URL="localhost:11434"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 2
    assert "local.url: is no complete address; did you mean http://localhost:11434?" in ended.stderr
