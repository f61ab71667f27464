"""Codex itself, through the endpoint, which it asks in OpenAI Responses alone."""

import asyncio
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import assistants
import httpx
import pytest
import recorder
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


RELAYS = {"cloud__dialect": "openai", "cloud__responses": "always", "cloud__model": "gpt-5.5"}
"""A provider that speaks Responses, too."""
CHANGED = frozenset({"accept-encoding", "connection", "content-length", "host"})
"""Fields that belong to one connection."""


@pytest.fixture(scope="module")
def relaying(running_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    folder, cloud = tmp_path_factory.mktemp("relaying"), f"{running_upstream.url}/v1"
    local = {"local__url": cloud, "local__name": "nearby", "local__context": "262144"}
    with servers.endpoint(folder, cloud=cloud, policy="observe", **RELAYS, **local) as endpoint:
        yield endpoint


def patch(number: int) -> dict[str, Any]:
    text = f"*** Begin Patch\n*** Add File: {number}.txt\n+proof {number}\n*** End Patch\n"
    return {"tools": [{"name": "apply_patch", "input": {"input": text}}]}


async def test_ten_turns_pass_byte_for_byte(upstream: Upstream, place: Place, tmp_path: Path) -> None:
    """Recorders stand before and behind the endpoint: what passes one passes the other."""
    async with AsyncExitStack() as stack:
        behind = await stack.enter_async_context(recorder.recorder(upstream.url))
        folder = tmp_path / "endpoint"
        folder.mkdir()
        started = servers.endpoint(folder, cloud=f"{behind.url('all')}/v1", policy="observe", **RELAYS)
        endpoint = await asyncio.to_thread(stack.enter_context, started)
        before = await stack.enter_async_context(recorder.recorder(endpoint.url))
        for turn in range(10):
            upstream.play(SHELL, patch(turn), {"text": f"Turn {turn} is done."})
            program = codex(place, f"Ask {turn}.", url=before.url("all"), model="gpt-5.5", goes_on=turn > 0)
            finished = await asyncio.to_thread(run, program)
            assert (finished.code, says(finished)) == (0, [f"Turn {turn} is done."]), finished
            assert (place.workspace / f"{turn}.txt").read_text() == f"proof {turn}\n"
        streamed = [*before.sent["all"]]
        assert [one.path for one in streamed] == ["/v1/responses"] * 30
        async with httpx.AsyncClient(timeout=60) as client:
            for one in streamed:  # the same, whole
                body = one.body.replace(b'"stream":true', b'"stream":false')
                headers = [pair for pair in one.headers if pair[0] not in CHANGED]
                answer = await client.post(f"{before.url('all')}{one.path}", content=body, headers=headers)
                assert answer.status_code == 200, answer.text
        rows = await asyncio.to_thread(endpoint.rows, 60)
    for sent, received in zip(before.sent["all"], behind.sent["all"], strict=True):
        assert received.body == sent.body
        assert received.answer == sent.answer
        assert dict(sent.headers).items() - dict(received.headers).items() <= {
            (name, value) for name, value in sent.headers if name in CHANGED
        }
    last = json.loads(streamed[-1].body)["input"]
    encrypted = [item["encrypted_content"] for item in last if item["type"] == "reasoning"]
    assert len(encrypted) == 29
    assert all(text.startswith("gAAAA") for text in encrypted)
    assert {(row["client"], row["served_track"], row["served_model"], row["end"]) for row in rows} == {
        ("codex", "cloud", "gpt-5.5", "complete")
    }
    assert not any(row["usage_estimated"] or row["error"] for row in rows)
    assert len({row["conversation"] for row in rows}) == 1


def test_a_turn_of_the_local_model_between_two_of_the_provider(
    relaying: Endpoint, upstream: Upstream, place: Place
) -> None:
    """The scripted provider refuses reasoning that it did not make, as OpenAI does."""
    began = time.time()
    for turn, model in enumerate(("gpt-5.5", "local", "gpt-5.5")):
        upstream.play(SHELL, {"text": f"Turn {turn}."})
        finished = run(codex(place, f"Ask {turn}.", url=relaying.url, model=model, goes_on=turn > 0))
        assert (finished.code, says(finished)) == (0, [f"Turn {turn}."]), finished
    assert [row["served_track"] for row in relaying.rows(6, since=began)] == [
        *("cloud", "cloud"),
        *("local", "local"),
        *("cloud", "cloud"),
    ]
    spoken = [item for item in upstream.seen()[-1].body["input"] if item.get("role") == "assistant"]
    assert [item["content"][0]["text"] for item in spoken] == ["Turn 0.", "Turn 1."]


TALKS = {"text": "one two three four five six seven eight"}
"""A text that takes 18 events."""
RELAYED_FAULTS = {
    **FAULTS,
    **{f"cut at {at}": {**TALKS, "fault": "cut", "after_events": at} for at in (0, 2, 4, 8, 14, 17)},
    **{
        f"error at {at}": {**TALKS, "fault": "error_event", "after_events": at} for at in (0, 2, 4, 8, 14, 17)
    },
    "a failed response": {**TALKS, "fault": "failed"},
    "nothing": {"fault": "empty"},
    "no event": {"fault": "garbage"},
}


@pytest.mark.parametrize("fault", RELAYED_FAULTS)
def test_recovers_from_a_fault_that_is_passed_on(
    relaying: Endpoint, upstream: Upstream, place: Place, fault: str
) -> None:
    began = time.time()
    upstream.play(RELAYED_FAULTS[fault], {"text": "All done."})
    finished = run(codex(place, ASK, url=relaying.url, model="gpt-5.5", retries=3))
    assert (finished.code, says(finished)[-1:]) == (0, ["All done."]), finished
    assert len(upstream.seen()) == 2
    failed, complete = relaying.rows(2, since=began)
    assert (failed["end"], complete["end"]) == ("failed", "complete")
    assert failed["error"]


def test_asks_few_times_where_every_response_fails(
    relaying: Endpoint, upstream: Upstream, place: Place
) -> None:
    upstream.play({**TALKS, "fault": "failed", "message": "not today", "times": 50})
    finished = run(codex(place, ASK, url=relaying.url, model="gpt-5.5", retries=2))
    assert finished.code == 1
    assert "not today" in finished.out
    assert len(upstream.seen()) == 3


def test_an_incomplete_response_ends_its_turn(relaying: Endpoint, upstream: Upstream, place: Place) -> None:
    began = time.time()
    upstream.play({**TALKS, "fault": "limit", "times": 50})
    finished = run(codex(place, ASK, url=relaying.url, model="gpt-5.5", retries=2))
    assert "max_output_tokens" in finished.out
    rows = relaying.rows(len(upstream.seen()), since=began)
    assert len(rows) <= 3
    assert {row["end"] for row in rows} == {"complete"}


def test_goes_on_over_http_where_it_would_rather_have_a_websocket(
    relaying: Endpoint, upstream: Upstream, place: Place
) -> None:
    """As its own provider, at another address, it tries one."""
    upstream.play({"text": "All done."})
    program = codex(place, ASK, url=relaying.url, model="gpt-5.5")
    settings = f'model = "gpt-5.5"\nopenai_base_url = "{relaying.url}/v1"\n'
    (place.home / ".codex/config.toml").write_text(settings)
    login = (*program.argv[:2], "login", "--with-api-key")
    subprocess.run(login, env=program.env, input=b"sk-test", check=True, capture_output=True)
    finished = run(program)
    assert (finished.code, says(finished)) == (0, ["All done."]), finished
    assert "Reconnecting" not in finished.out
    (asked,) = upstream.seen()
    assert asked.headers["authorization"] == "Bearer sk-test"
