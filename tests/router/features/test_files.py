"""The files that recorded runs read and edited, against labels made by hand from their commands."""

import csv
import gzip
import json
import sys
from pathlib import Path

import pytest

from router.features import paths
from router.features.clients import UNKNOWN
from router.features.conversation import ConversationState
from router.features.message_facts import gather
from router.features.outline import piece_of

OURS = Path(__file__).parents[2] / "recorded"
sys.path.append(str(OURS))
from library_runs import SESSIONS  # noqa: E402 # behind the path

LABELS = Path(__file__).parent / "labels"
FITTED, HELD_OUT = "files.csv", "files_held_out.csv"
AT_LEAST = 0.95


def labels(name: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    with (LABELS / name).open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            found.setdefault(row["run"], {})[row["path"]] = row["how"]
    return found


def read(run) -> tuple[list[str], list[str]]:
    """Files worked with, and of those the edited ones, as a conversation's state has them."""
    state = ConversationState()
    for message in run["messages"]:
        if message["role"] != "exit":
            state.add(gather("openai_chat", UNKNOWN, piece_of("messages", json.dumps(message).encode()))[0])
    return list(state.files), [path for at, path in enumerate(state.files) if at in state.edited]


def hits(found: list[str], wanted: list[str]) -> int:
    """How many of `found` are wanted ones; each wanted path is found once at most."""
    left = list(wanted)
    for path in found:
        same = (one for one in left if path == one or path.endswith(f"/{one}") or one.endswith(f"/{path}"))
        if one := next(same, None):
            left.remove(one)
    return len(wanted) - len(left)


def in_folders(files: list[str]) -> list[str]:
    """Without the scripts that an agent writes beside the repository's folders."""
    inside = (path.removeprefix("/testbed/") for path in files)
    return [path for path in inside if "/" in path and not path.startswith("/")]


@pytest.fixture(scope="session")
def by_id(shared_data):
    with gzip.open(shared_data / "agent_trajectories" / "mini_swe_agent.jsonl.gz", "rt") as lines:
        return {run["instance_id"]: run for run in map(json.loads, lines)}


@pytest.mark.parametrize(("name", "runs", "paths"), [(FITTED, 10, 223), (HELD_OUT, 5, 130)])
def test_labels_are_runs_each_path_once(name, runs, paths):
    rows = labels(name)
    assert len(rows) == runs
    assert sum(map(len, rows.values())) == paths
    assert {how for row in rows.values() for how in row.values()} == {"read", "edited"}


def test_held_out_runs_are_others():
    assert not labels(FITTED).keys() & labels(HELD_OUT).keys()


# In folders alone the held-out runs have 13 edited files, where one mistake is more than the bar allows.
@pytest.mark.parametrize(("name", "kept"), [(FITTED, list), (FITTED, in_folders), (HELD_OUT, list)])
@pytest.mark.parametrize("edited", [False, True])
def test_precision_and_recall_of_files_worked_with(by_id, name, kept, edited):
    found = wanted = right = 0
    for run, rows in labels(name).items():
        mine = kept(read(by_id[run])[edited])
        theirs = kept([path for path, how in rows.items() if how == "edited" or not edited])
        found, wanted, right = found + len(mine), wanted + len(theirs), right + hits(mine, theirs)
    assert right / found >= AT_LEAST
    assert right / wanted >= AT_LEAST


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.name)
def test_files_of_our_own_runs_are_those_that_their_commands_name(session):
    with gzip.open(OURS / "agent_trajectories" / "mini_swe_agent.jsonl.gz", "rt") as lines:
        run = next(run for run in map(json.loads, lines) if run["instance_id"] == session.name)
    worked_with, edited = read(run)
    inside = {path.removeprefix("/testbed/") for path in worked_with if not path.startswith("/tmp/")}
    assert {path.removeprefix("/testbed/") for path in edited if not path.startswith("/tmp/")} == set(
        session.edited
    )
    assert inside == {*session.read, *session.edited}


def test_what_a_run_changed_in_the_end_was_seen_to_be_edited(runs):
    changed = right = 0
    for run in runs:
        final = list(dict.fromkeys(paths.changed(run["messages"][-1]["content"])))
        changed, right = changed + len(final), right + hits(read(run)[1], final)
    assert changed > len(runs)
    assert right / changed >= AT_LEAST
