"""Claude Code itself, through the endpoint."""

from assistants import KEY, Place, claude, run
from servers import Endpoint, Upstream

ASK = "Make the file made.txt with the word proof in it."
SHELL = {"tools": [{"name": "Bash", "input": {"command": "echo proof > made.txt"}}]}


def test_completes_a_tool_loop_on_the_cloud_track(
    endpoint: Endpoint, upstream: Upstream, place: Place
) -> None:
    before = len(endpoint.all_rows())
    upstream.play(SHELL, {"text": "All done."})
    finished = run(claude(place, ASK, url=endpoint.url))
    assert finished.code == 0, finished
    assert finished.result["result"] == "All done."
    assert finished.result["num_turns"] == 2
    assert (place.workspace / "made.txt").read_text() == "proof\n"

    first, second = upstream.seen()  # no retries, no detours
    for seen in (first, second):
        assert (seen.path, seen.query, seen.end) == ("/v1/messages", "beta=true", "sent")
        assert seen.headers["x-api-key"] == KEY
        assert "claude-code-20250219" in seen.headers["anthropic-beta"]
        assert seen.body["stream"] is True
    assert second.body["messages"][-1]["content"][0]["type"] == "tool_result"

    rows = endpoint.rows(after=before)
    served = [(row["served_track"], row["status"], row["client"]) for row in rows]
    assert served == [("cloud", 200, "claude-code")] * 2
    assert rows[0]["conversation"] == rows[1]["conversation"]
    used = finished.result["usage"]
    assert sum(row["output"] for row in rows) == used["output_tokens"]
    assert sum(row["input"] for row in rows) == used["input_tokens"]
    assert sum(row["cache_read"] for row in rows) == used["cache_read_input_tokens"]
