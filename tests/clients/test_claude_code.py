"""Claude Code itself, through the endpoint."""

import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import tinygguf
from assistants import ASK, COMMAND, KEY, Place, claude, run
from servers import Endpoint, Upstream
from servers import endpoint as run_endpoint

from router.billing.prices import Prices
from router.ledger.store import LedgerStore

SHELL = {"tools": [{"name": "Bash", "input": {"command": COMMAND}}]}


def test_completes_a_tool_loop_on_the_cloud_track(
    endpoint: Endpoint, upstream: Upstream, place: Place
) -> None:
    began = time.time()
    upstream.play(SHELL, {"text": "All done."})
    finished = run(claude(place, ASK, url=endpoint.url))
    assert finished.code == 0, finished
    assert finished.result["result"] == "All done."
    assert finished.result["num_turns"] == 2
    assert place.made == "proof"

    first, second = upstream.seen()  # no retries, no detours
    for seen in (first, second):
        assert (seen.path, seen.query, seen.end) == ("/v1/messages", "beta=true", "sent")
        assert seen.headers["x-api-key"] == KEY
        assert "claude-code-20250219" in seen.headers["anthropic-beta"]
        assert seen.body["stream"] is True
    assert second.body["messages"][-1]["content"][0]["type"] == "tool_result"

    rows = endpoint.rows(2, since=began)
    served = [(row["served_track"], row["status"], row["client"]) for row in rows]
    assert served == [("cloud", 200, "claude-code")] * 2
    assert rows[0]["conversation"] == rows[1]["conversation"]
    used = finished.result["usage"]
    assert sum(row["output"] for row in rows) == used["output_tokens"]
    assert sum(row["input"] for row in rows) == used["input_tokens"]
    assert sum(row["cache_read"] for row in rows) == used["cache_read_input_tokens"]


def test_shows_the_endpoints_names_in_its_picker(
    fast_endpoint: Endpoint, upstream: Upstream, place: Place
) -> None:
    upstream.play({"text": "All done."})
    program = claude(place, ASK, url=fast_endpoint.url)
    env = {name: value for name, value in program.env.items() if "NONESSENTIAL" not in name}
    finished = run(replace(program, env=env | {"CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1"}))
    assert finished.result["result"] == "All done."
    models = json.loads((place.home / ".claude/cache/gateway-models.json").read_text())["models"]
    assert [model["id"] for model in models][:4] == [
        "anthropic/auto", "anthropic/local", "anthropic/cloud", "claude-sonnet-5-5",
    ]  # fmt: skip
    assert models[0]["description"] == "the policy decides between the local and the cloud model"
    upstream.play({"text": "All done."})
    finished = run(claude(place, ASK, url=fast_endpoint.url, model="anthropic/local"))
    assert finished.result["result"] == "All done."
    assert [seen.path for seen in upstream.seen()] == ["/v1/chat/completions"]


def test_waits_as_the_provider_asks(endpoint: Endpoint, upstream: Upstream, place: Place) -> None:
    began = time.time()
    upstream.play({"fault": "status", "status": 429, "retry_after": 1}, {"text": "All done."})
    finished = run(claude(place, ASK, url=endpoint.url, model="cloud"))
    assert finished.result["result"] == "All done."
    assert len(upstream.seen()) == 2  # the client's own second try; the endpoint adds none
    assert [row["status"] for row in endpoint.rows(2, since=began)] == [429, 200]


def test_stops_at_once_without_a_key_and_shows_why(
    upstream: Upstream, place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    ledger = LedgerStore.open(folder / "ledger.db", prices=Prices(), write=False)
    ledger.accounts.create_key(team="web")
    ledger.close()
    with run_endpoint(folder, cloud=upstream.url) as endpoint:
        finished = run(claude(place, ASK, url=endpoint.url))
        assert "a Turnout key is required" in finished.result["result"]
        assert finished.result["api_error_status"] == 401
        assert finished.result["duration_ms"] < 20_000  # its ten tries would take minutes
    assert upstream.seen() == []


def test_completes_a_tool_loop_on_the_local_track(
    tiny_endpoint: Callable[[str], Endpoint], upstream: Upstream, place: Place
) -> None:
    endpoint = tiny_endpoint("Bash")
    finished = run(claude(place, ASK, url=endpoint.url, model="local"))
    assert finished.code == 0, finished
    assert finished.result["result"] == tinygguf.SAYS
    assert finished.result["num_turns"] == 2
    assert place.made == "proof"
    assert upstream.seen() == []

    first, second = endpoint.rows(2)
    assert [(row["served_track"], row["status"]) for row in (first, second)] == [("local", 200)] * 2
    assert first["input"] > 10_000
    # The second prompt goes on from the first, so the engine has most of it already.
    assert second["cache_read"] > 0.9 * first["input"]


def test_is_told_that_its_prompt_is_too_long_for_the_local_model(
    endpoint: Endpoint, upstream: Upstream, place: Place
) -> None:
    began = time.time()
    finished = run(claude(place, ASK, url=endpoint.url, model="local"))
    # It read both numbers out of `prompt is too long: N tokens > M maximum`, and did not try again.
    assert finished.code == 1
    assert finished.result["terminal_reason"] == "prompt_too_long"
    assert "(limit 8192)" in finished.result["result"]
    assert upstream.seen() == []
    assert [row["status"] for row in endpoint.rows(1, since=began)] == [400]
