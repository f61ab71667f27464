"""Gemini CLI: what it asks beside the work is known as that, and answered so that it goes on."""

import asyncio
import json
from collections import Counter
from typing import Any

import assistants
import pytest
from assistants import Place, need
from recorder import Recorder, request_of
from servers import Upstream

from router.features.extractor import FeatureExtractor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]  # it needs the large client
MAIN, SUBAGENT = "enter_plan_mode", "complete_task"
"""Tools that its main loop and its sub-agents alone offer."""
NOTES = "alpha = 1\n"
VERDICTS = {
    "complexity_reasoning": "One step.",
    "complexity_score": 5,
    "explanation": "It is alpha.",
    "next_speaker": "user",
    "reasoning": "It is done.",
    "replace": "alpha = 2",
    "search": "alpha = 1",
}
"""What its side requests want back, all in one."""


def main(name: str, **arguments: object) -> dict[str, Any]:
    return {"tools": [{"name": name, "input": arguments}], "when": MAIN}


def play(upstream: Upstream, *steps: dict[str, Any]) -> None:
    aside = {"text": json.dumps(VERDICTS), "times": 20}
    upstream.play(*steps, {"text": "All done.", "when": MAIN, "times": 2}, aside)


async def kinds(kept: Recorder, place: Place, settings: dict[str, Any], **more: Any) -> list[str]:
    """Run it with these settings; returns the kind that each of its requests is read as."""
    (place.workspace / "notes.py").write_text(NOTES)
    program = assistants.gemini(place, "Go on.", url=kept.url(place.home.name), **more)
    file = place.home / ".gemini/settings.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    finished = await asyncio.to_thread(assistants.run, program, deadline_s=200)
    assert finished.code == 0, finished
    assert "All done." in finished.out, finished
    reader = FeatureExtractor()
    return [reader.read(request_of(sent)).kind for sent in kept.sent[place.home.name]]


async def test_what_it_asks_beside_the_work(kept: Recorder, place: Place, upstream: Upstream) -> None:
    need("gemini")
    wrong = {"instruction": "Make it 2.", "old_string": "beta = 1", "new_string": "beta = 2"}
    report = {"SummaryOfFindings": "one file", "ExplorationTrace": ["looked"], "RelevantLocations": []}
    play(
        upstream,
        main("read_file", file_path="notes.py"),
        main("replace", file_path="notes.py", **wrong),
        main("invoke_agent", agent_name="codebase_investigator", prompt="Look at all of it."),
        {"tools": [{"name": "complete_task", "input": {"report": report}}], "when": SUBAGENT},
        main("run_shell_command", command="seq 1 2000"),
    )
    settings = {
        "model": {
            "skipNextSpeakerCheck": False,
            "summarizeToolOutput": {"run_shell_command": {"tokenBudget": 100}},
        },
        "tools": {"disableLLMCorrection": False},
    }
    read = await kinds(kept, place, settings, model="auto")
    # Who answers, what the edit should have been, a line on the output, who speaks next.
    assert Counter(read) == {"ask": 1, "agent": 4, "housekeeping": 4, "subagent": 1}
    assert (place.workspace / "notes.py").read_text() == "alpha = 2\n"


async def test_a_compaction_is_a_summary(kept: Recorder, place: Place, upstream: Upstream) -> None:
    need("gemini")
    steps = [main("run_shell_command", command=f"seq {first} 99") for first in range(4)]
    play(upstream, *steps)
    assert await kinds(kept, place, {}) == ["ask", *["agent"] * 4]
    play(upstream)
    read = await kinds(kept, place, {"model": {"compressionThreshold": 0.000001}}, goes_on=True)
    assert Counter(read[5:]) == {"summary": 2, "ask": 1}  # one writes it, the other looks what is missing


async def test_a_search_of_the_web_is_claudes(kept: Recorder, place: Place, upstream: Upstream) -> None:
    need("gemini")
    play(upstream, main("google_web_search", query="what is a turnout"))
    assert await kinds(kept, place, {}) == ["ask", "ask", "agent"]
    (searched,) = [seen for seen in upstream.seen() if len(seen.body["tools"]) == 1]
    assert (searched.path, searched.body["tools"][0]["name"]) == ("/v1/messages", "web_search")
