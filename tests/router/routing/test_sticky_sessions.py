"""The last decision of each conversation is remembered, within bounds."""

import pytest

from classifiers.features import Features
from policies.decision import Decision
from router.routing.planner import StickySessions

ASK = Features(kind="ask", conversation="c", turns=3)
LOCAL = Decision(track="local", rule="self-contained", why="w")
CLOUD = Decision(track="cloud", rule="otherwise", why="w", model="claude-opus-5-5")


def test_the_last_decision_is_told_back():
    holds = StickySessions()
    assert holds.last("web", "c") is None
    holds.keep("web", ASK, LOCAL)
    holds.keep("web", ASK, CLOUD)
    last = holds.last("web", "c")
    assert last is not None
    assert (last.track, last.rule, last.model, last.turn) == ("cloud", "otherwise", "claude-opus-5-5", 3)
    assert holds.last("ops", "c") is None


@pytest.mark.parametrize("kind", ["autocomplete", "housekeeping", "subagent", "count"])
def test_side_requests_leave_it_alone(kind):
    holds = StickySessions()
    holds.keep("web", ASK, LOCAL)
    holds.keep("web", Features(kind=kind, conversation="c", turns=3), CLOUD)
    last = holds.last("web", "c")
    assert last is not None
    assert last.track == "local"


def test_a_named_track_leaves_it_alone():
    holds = StickySessions()
    named = Decision(track="cloud", rule="asked", why="the client asked for cloud")
    holds.keep("web", ASK, named)
    assert holds.last("web", "c") is None
    holds.keep("web", ASK, LOCAL)
    holds.keep("web", ASK, named)
    last = holds.last("web", "c")
    assert last is not None
    assert last.track == "local"


def test_the_one_not_heard_of_for_longest_is_forgotten_first():
    holds = StickySessions(limit=2)
    for conversation in ("a", "b", "a", "c"):
        holds.keep("web", Features(kind="ask", conversation=conversation), LOCAL)
    assert holds.last("web", "b") is None
    assert holds.last("web", "a") is not None
    assert holds.last("web", "c") is not None
