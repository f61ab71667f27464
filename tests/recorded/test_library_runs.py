"""The small recorded set is of the sessions as they stand: where this fails, run `record.py`."""

import gzip
import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE))
from library_runs import FUNCTIONS, SESSIONS  # noqa: E402 # behind the path


def rows(name: str) -> list[dict]:
    with gzip.open(HERE / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("session", "run"), list(zip(SESSIONS, rows("agent_trajectories/mini_swe_agent.jsonl.gz"), strict=True))
)
def test_a_run_is_of_its_session(session, run):
    calls = [call for message in run["messages"] for call in message.get("tool_calls", ())]
    commands = [json.loads(call["function"]["arguments"])["command"] for call in calls]
    assert (run["instance_id"], run["resolved"]) == (session.name, 1)
    assert session.issue.strip() in run["messages"][1]["content"]
    assert commands == [command for _, command in session.steps]


@pytest.mark.parametrize("row", rows("self_contained/mbpp.jsonl.gz"), ids=lambda row: row["task_id"])
def test_a_function_does_what_its_tests_say(row):
    exec("\n".join((row["code"], *row["test_list"])), {})  # our own
    assert row["text"] in {function["text"] for function in FUNCTIONS}
