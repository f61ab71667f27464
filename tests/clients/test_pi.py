"""Pi itself, through the endpoint, in each of the wire forms it speaks here."""

import time
from collections.abc import Callable

import pytest
import tinygguf
from assistants import ASK, COMMAND, PiWire, Place, pi, run
from servers import Endpoint, Upstream

SHELL = {"tools": [{"name": "bash", "input": {"command": COMMAND}}]}
WIRES: tuple[PiWire, ...] = ("anthropic-messages", "openai-completions", "openai-responses")


@pytest.mark.parametrize("wire", WIRES)
def test_completes_a_tool_loop_on_the_cloud_track(
    endpoint: Endpoint, upstream: Upstream, place: Place, wire: PiWire
) -> None:
    began = time.time()
    upstream.play(SHELL, {"text": "All done."})
    finished = run(pi(place, ASK, url=endpoint.url, wire=wire, model="cloud"))
    assert (finished.code, finished.out, finished.err) == (0, "All done.\n", "")
    assert place.made == "proof"

    first, second = upstream.seen()
    for seen in (first, second):
        assert (seen.path, seen.body["model"], seen.end) == ("/v1/messages", "claude-sonnet-5-5", "sent")
        assert [tool["name"] for tool in seen.body["tools"]] == ["read", "bash", "edit", "write"]
    result = second.body["messages"][-1]["content"][0]
    call = second.body["messages"][-2]["content"][-1]
    assert (result["type"], result["tool_use_id"]) == ("tool_result", call["id"])
    assert call["input"] == {"command": COMMAND}

    rows = endpoint.rows(2, since=began)
    assert [(row["served_track"], row["status"], row["error"]) for row in rows] == [("cloud", 200, "")] * 2


@pytest.mark.parametrize("wire", WIRES)
def test_completes_a_tool_loop_on_the_local_track(
    tiny_endpoint: Callable[[str], Endpoint], upstream: Upstream, place: Place, wire: PiWire
) -> None:
    endpoint = tiny_endpoint("bash")
    began = time.time()
    finished = run(pi(place, ASK, url=endpoint.url, wire=wire, model="local"))
    assert (finished.code, finished.out, finished.err) == (0, f"{tinygguf.SAYS}\n", "")
    assert place.made == "proof"
    assert upstream.seen() == []

    first, second = endpoint.rows(2, since=began)
    assert [(row["served_track"], row["status"]) for row in (first, second)] == [("local", 200)] * 2
    assert second["cache_read"] > 0.9 * (first["input"] + first["cache_read"])


@pytest.mark.slow  # the demo model takes several seconds to read pi's prompt of 1,400 tokens
@pytest.mark.parametrize("wire", WIRES)
def test_gets_an_answer_from_the_demo_model(
    endpoint: Endpoint, upstream: Upstream, place: Place, wire: PiWire
) -> None:
    began = time.time()
    program = pi(place, "Say hello.", url=endpoint.url, wire=wire, model="local", answer_tokens=24)
    finished = run(program)
    assert (finished.code, finished.err) == (0, "")
    assert finished.out.strip()
    assert upstream.seen() == []
    (row,) = endpoint.rows(1, since=began)
    assert (row["served_track"], row["status"], row["error"]) == ("local", 200, "")
    assert 0 < row["output"] <= 24
