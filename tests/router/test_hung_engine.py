"""An engine that stands still while it owes an answer, as clients of the endpoint see it."""

import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from tests.conftest import wait_for

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the engine in /proc"),
]
POLICY = """\
name: local
otherwise: {to: local, why: all here}
escalate: {on: [local_error], to: cloud}
"""


def ask(url: str, model: str) -> httpx.Response:
    body = {"model": model, "max_tokens": 2, "messages": [{"role": "user", "content": "Say hi."}]}
    return httpx.post(
        url + "/v1/messages", json=body, headers={"anthropic-version": "2023-06-01"}, timeout=60
    )


def engine_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task").glob("*/children")
    pids = [int(child) for each in children for child in each.read_text().split()]
    return next(pid for pid in pids if b"router.engine" in Path(f"/proc/{pid}/cmdline").read_bytes())


def test_a_waiting_request_fails_over_or_is_told_and_the_engine_comes_back(
    start_endpoint, upstream, tmp_path
):
    (tmp_path / "policy.yaml").write_text(POLICY)
    endpoint = start_endpoint(
        {"ANTHROPIC_API_KEY": "sk-ant-ours"},
        POLICY=str(tmp_path / "policy.yaml"),
        CLOUD__BASE_URL=upstream.url,
    )

    def ready() -> bool:
        return endpoint.get("/health")["local"]["state"] == "ready"

    wait_for(ready, "the engine", 60)
    for restarts, (model, status) in enumerate({"auto": 200, "local": 503}.items(), 1):
        os.kill(engine_of(endpoint.process.pid), signal.SIGSTOP)
        answer = ask(endpoint.url, model)
        assert (answer.status_code == 200) == (status == 200), answer.text
        if status == 200:
            assert answer.headers["x-turnout-track"] == "cloud"
        else:
            assert "local model" in answer.json()["error"]["message"]
        wait_for(ready, "the engine's return", 60)
        assert endpoint.get("/health")["local"]["restarts"] == restarts
        assert ask(endpoint.url, "local").headers["x-turnout-track"] == "local"
