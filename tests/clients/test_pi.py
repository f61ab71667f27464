"""Pi itself, through the endpoint, in both of the wire forms it speaks here."""

import pytest
from assistants import PiWire, Place, pi, run
from servers import Endpoint, Upstream

ASK = "Make the file made.txt with the word proof in it."
SHELL = {"tools": [{"name": "bash", "input": {"command": "echo proof > made.txt"}}]}
WIRES: tuple[PiWire, ...] = ("anthropic-messages", "openai-completions")


@pytest.mark.parametrize("wire", WIRES)
def test_completes_a_tool_loop_on_the_cloud_track(
    endpoint: Endpoint, upstream: Upstream, place: Place, wire: PiWire
) -> None:
    before = len(endpoint.all_rows())
    upstream.play(SHELL, {"text": "All done."})
    finished = run(pi(place, ASK, url=endpoint.url, wire=wire, model="cloud"))
    assert (finished.code, finished.out, finished.err) == (0, "All done.\n", "")
    assert (place.workspace / "made.txt").read_text() == "proof\n"

    first, second = upstream.seen()
    for seen in (first, second):
        assert (seen.path, seen.body["model"], seen.end) == ("/v1/messages", "claude-sonnet-5-5", "sent")
        assert [tool["name"] for tool in seen.body["tools"]] == ["read", "bash", "edit", "write"]
    result = second.body["messages"][-1]["content"][0]
    call = second.body["messages"][-2]["content"][-1]
    assert (result["type"], result["tool_use_id"]) == ("tool_result", call["id"])
    assert call["input"] == {"command": "echo proof > made.txt"}

    rows = endpoint.rows(after=before)
    assert [(row["served_track"], row["status"], row["error"]) for row in rows] == [("cloud", 200, "")] * 2
