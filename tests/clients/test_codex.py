"""Codex itself, through the endpoint, which it asks in OpenAI Responses alone."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import assistants
import pytest
import servers
import tinygguf
from assistants import ASK, COMMAND, Finished, Place, codex, run
from servers import Endpoint, Upstream

pytestmark = pytest.mark.slow  # its package has 300 MB
SHELL = {"tools": [{"name": "exec_command", "input": {"cmd": COMMAND}}]}
PROVIDERS = {
    "Claude": ("", {}),
    "OpenAI chat": ("/v1", {"cloud__dialect": "openai"}),
    "litellm": ("/v1", {"cloud__dialect": "litellm", "cloud__model": "hosted_vllm/m"}),
}


@pytest.fixture(autouse=True)
def _installed() -> None:
    assistants.need("codex")


@pytest.fixture(params=PROVIDERS)
def provider(
    request: pytest.FixtureRequest, running_upstream: Upstream, tmp_path: Path
) -> Iterator[Endpoint]:
    path, settings = PROVIDERS[request.param]
    folder = tmp_path / "endpoint"
    folder.mkdir()
    with servers.endpoint(folder, cloud=f"{running_upstream.url}{path}", **settings) as endpoint:
        yield endpoint


def events(finished: Finished, kind: str) -> list[dict[str, Any]]:
    """What it printed of one kind."""
    printed = [json.loads(line) for line in finished.out.splitlines()]
    return [event["item"] for event in printed if event.get("item", {}).get("type") == kind]


def says(finished: Finished) -> list[str]:
    completed = events(finished, "agent_message")
    return [item["text"] for item in completed]


def test_completes_a_tool_loop_on_the_cloud_track(
    provider: Endpoint, upstream: Upstream, place: Place
) -> None:
    began = time.time()
    upstream.play(SHELL, {"text": "All done."})
    finished = run(codex(place, ASK, url=provider.url, model="cloud"))
    assert (finished.code, says(finished)) == (0, ["All done."]), finished
    assert place.made == "proof"

    first, second = upstream.seen()
    names = {tool.get("name") or tool["function"]["name"] for tool in first.body["tools"]}
    assert {"exec_command", "multi_agent_v1__spawn_agent"} <= names
    assert "Process exited with code 0" in json.dumps(second.body["messages"][-1])
    rows = provider.rows(2, since=began)
    assert [(row["client"], row["kind"], row["served_track"], row["error"]) for row in rows] == [
        ("codex", "ask", "cloud", ""),
        ("codex", "agent", "cloud", ""),
    ]
    assert rows[0]["conversation"] == rows[1]["conversation"]
    assert [row["turn_calls"] for row in rows] == [0, 1]


def test_completes_a_tool_loop_on_the_local_track(
    tiny_endpoint: Callable[[str], Endpoint], upstream: Upstream, place: Place
) -> None:
    endpoint = tiny_endpoint("exec_command")
    began = time.time()
    finished = run(codex(place, ASK, url=endpoint.url, model="local"), deadline_s=180)
    assert (finished.code, says(finished)) == (0, [tinygguf.SAYS]), finished
    assert place.made == "proof"
    assert upstream.seen() == []
    first, second = endpoint.rows(2, since=began)
    assert [(row["served_track"], row["status"]) for row in (first, second)] == [("local", 200)] * 2
    assert second["cache_read"] > 0.9 * (first["input"] + first["cache_read"])


def test_goes_on_in_a_second_turn(endpoint: Endpoint, upstream: Upstream, place: Place) -> None:
    began = time.time()
    upstream.play({"text": "First."}, {"text": "Second."})
    for at, ask in enumerate(("What is here?", "And what else?")):
        finished = run(codex(place, ask, url=endpoint.url, model="cloud", goes_on=at > 0))
        assert finished.code == 0, finished
    assert says(finished) == ["Second."]
    last = upstream.seen()[-1].body["messages"]
    assert [message["role"] for message in last] == ["user", "assistant", "user"]
    assert last[1]["content"] == [{"type": "text", "text": "First."}]
    first, second = endpoint.rows(2, since=began)
    assert first["conversation"] == second["conversation"]
    assert (first["turns"], second["turns"]) == (1, 2)


def test_its_compaction_is_a_summary_of_its_session(
    endpoint: Endpoint, upstream: Upstream, place: Place
) -> None:
    began, early = time.time(), ("-c", "model_auto_compact_token_limit=9000")
    summary = {"text": "A summary.", "when": "CONTEXT CHECKPOINT COMPACTION"}
    upstream.play(summary, {"text": "First."}, {"text": "Second."})
    for at, ask in enumerate(("What is here?", "And there?")):
        finished = run(codex(place, ask, url=endpoint.url, model="cloud", goes_on=at > 0, flags=early))
        assert finished.code == 0, finished
    assert says(finished) == ["Second."]
    rows = endpoint.rows(3, since=began)
    assert [row["kind"] for row in rows] == ["ask", "summary", "ask"]
    assert len({row["conversation"] for row in rows}) == 1


def test_its_sub_agent_is_one(endpoint: Endpoint, upstream: Upstream, place: Place) -> None:
    began = time.time()
    errand = {"message": "ERRAND: say which module holds the figs."}
    upstream.play(
        {"tools": [{"name": "multi_agent_v1__spawn_agent", "input": errand}], "when": "MAIN ask"},
        {"text": "In figs.", "when": "ERRAND: say"},
        {"text": "Done.", "times": 2},
    )
    finished = run(codex(place, "MAIN ask: look with an agent.", url=endpoint.url, model="cloud"))
    assert finished.code == 0, finished
    rows = endpoint.rows(3, since=began)
    assert sorted(row["kind"] for row in rows) == ["agent", "ask", "subagent"]
    assert len({row["conversation"] for row in rows}) == 2


PATCH = "*** Begin Patch\n*** Add File: made.txt\n+proof\n*** End Patch\n"


def test_edits_with_its_own_patch_tool(endpoint: Endpoint, upstream: Upstream, place: Place) -> None:
    """For the models that it knows Codex offers a tool of free text, held to a grammar."""
    upstream.play({"tools": [{"name": "apply_patch", "input": {"input": PATCH}}]}, {"text": "All done."})
    finished = run(codex(place, ASK, url=endpoint.url, model="gpt-5.5"))
    offered = {tool["name"]: tool for tool in upstream.seen()[0].body["tools"]}
    assert "grammar" in offered["apply_patch"]["description"]
    assert (finished.code, says(finished)) == (0, ["All done."]), finished
    assert place.made == "proof"


def test_runs_scripts_that_call_its_tools(endpoint: Endpoint, upstream: Upstream, place: Place) -> None:
    """Newer models are offered no shell but a namespace with a tool of free text that runs scripts."""
    script = f'text((await tools.exec_command({{cmd: "{COMMAND}"}})).output);'
    upstream.play({"tools": [{"name": "functions__exec", "input": {"input": script}}]}, {"text": "All done."})
    finished = run(codex(place, ASK, url=endpoint.url, model="gpt-5.6-sol"))
    assert (finished.code, says(finished)) == (0, ["All done."]), finished
    assert place.made == "proof"


FAULTS = {
    "429": {"fault": "status", "status": 429, "retry_after": 1},
    "529": {"fault": "status", "status": 529, "retry_after": 1},
    "no connection": {"fault": "close"},
    "a cut stream": {"text": "one two three four five six", "fault": "cut", "after_events": 8},
    "an error event": {"text": "one two three four five six", "fault": "error_event", "after_events": 8},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_recovers_from_a_fault_of_the_provider(
    endpoint: Endpoint, upstream: Upstream, place: Place, fault: str
) -> None:
    upstream.play(FAULTS[fault], {"text": "All done."})
    finished = run(codex(place, ASK, url=endpoint.url, model="cloud", retries=3))
    assert (finished.code, says(finished)[-1:]) == (0, ["All done."]), finished
    assert len(upstream.seen()) == 2


def test_is_told_why_a_request_is_refused_and_stops(
    endpoint: Endpoint, upstream: Upstream, place: Place
) -> None:
    upstream.play({"fault": "status", "status": 400, "message": "tools.0.name: is not allowed", "times": 9})
    finished = run(codex(place, ASK, url=endpoint.url, model="cloud", retries=3))
    assert finished.code == 1
    assert "tools.0.name: is not allowed" in finished.out
    assert len(upstream.seen()) == 1
