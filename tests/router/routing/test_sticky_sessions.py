"""The last decision of each conversation is remembered, within bounds."""

from dataclasses import replace

import pytest

from classifiers.features import TEXTS, Features
from classifiers.verdict import Verdict
from policies.decision import Decision
from router.routing.sticky_sessions import MOST_ASKS, StickySessions

ASK = Features(kind="ask", conversation="c", turns=3)
LOCAL = Decision(track="local", rule="self-contained", why="w")
CLOUD = Decision(track="cloud", rule="otherwise", why="w", model="claude-opus-5-5")
EASY = Verdict(p_local=0.9, kind="self-contained", why="")
HARD = Verdict(p_local=0.1, kind="crosses-files", why="")


def track(holds: StickySessions, features: Features) -> str:
    last = holds.last("web", features)
    return last.track if last else ""


def test_the_last_decision_is_told_back():
    holds = StickySessions()
    assert holds.last("web", ASK) is None
    holds.keep("web", ASK, EASY, LOCAL)
    holds.keep("web", ASK, EASY, CLOUD)
    last = holds.last("web", ASK)
    assert last is not None
    assert (last.track, last.rule, last.model, last.turn) == ("cloud", "otherwise", "claude-opus-5-5", 3)
    assert holds.last("ops", ASK) is None


@pytest.mark.parametrize("kind", ["autocomplete", "housekeeping", "summary", "count", "guard"])
def test_side_requests_leave_it_alone(kind):
    holds = StickySessions()
    holds.keep("web", ASK, EASY, LOCAL)
    holds.keep("web", Features(kind=kind, conversation="c", turns=3), EASY, CLOUD)
    last = holds.last("web", ASK)
    assert last is not None
    assert last.track == "local"


def test_a_named_track_leaves_it_alone():
    holds = StickySessions()
    named = Decision(track="cloud", rule="asked", why="the client asked for cloud")
    holds.keep("web", ASK, EASY, named)
    assert holds.last("web", ASK) is None
    holds.keep("web", ASK, EASY, LOCAL)
    holds.keep("web", ASK, EASY, named)
    last = holds.last("web", ASK)
    assert last is not None
    assert last.track == "local"


def test_the_one_not_heard_of_for_longest_is_forgotten_first():
    holds = StickySessions(limit=2)
    for conversation in ("a", "b", "a", "c"):
        holds.keep("web", Features(kind="ask", conversation=conversation), EASY, LOCAL)
    remembered = {name: holds.last("web", Features(kind="ask", conversation=name)) for name in "abc"}
    assert [name for name, last in remembered.items() if last] == ["a", "c"]


def test_the_asks_of_one_conversation_count_as_well():
    holds = StickySessions(limit=4)
    holds.keep("web", Features(kind="ask", conversation="a"), EASY, LOCAL)
    for number in range(4):
        holds.keep("web", Features(kind="ask", conversation="b", ask_key=str(number)), EASY, CLOUD)
    assert holds.last("web", Features(kind="ask", conversation="a")) is None
    assert track(holds, Features(kind="ask", conversation="b", ask_key="0")) == "cloud"


def test_each_ask_of_a_conversation_has_its_own():
    holds = StickySessions()
    first, second = replace(ASK, ask_key="first"), replace(ASK, ask_key="second")
    holds.keep("web", first, EASY, LOCAL)
    holds.keep("web", second, EASY, CLOUD)
    assert track(holds, first) == "local"
    assert track(holds, second) == "cloud"
    assert track(holds, replace(ASK, ask_key="third")) == "cloud"  # for `last.track`: the newest


def test_in_a_tool_loop_the_same_words_are_the_same_ask():
    holds = StickySessions()
    holds.keep("web", replace(ASK, ask_key="first.image"), EASY, LOCAL)
    holds.keep("web", replace(ASK, ask_key="second.image"), EASY, CLOUD)
    assert track(holds, replace(ASK, ask_key="first.dropped", turn_calls=2)) == "local"
    assert track(holds, replace(ASK, ask_key="first.dropped")) == "cloud"  # a new turn: the newest
    assert track(holds, replace(ASK, ask_key="third.dropped", turn_calls=2)) == "cloud"


def test_only_so_many_asks_of_a_conversation_are_remembered():
    holds = StickySessions()
    for number in range(MOST_ASKS + 1):
        holds.keep("web", replace(ASK, ask_key=str(number)), EASY, LOCAL if number < 2 else CLOUD)
    assert track(holds, replace(ASK, ask_key="0")) == "cloud"  # forgotten, so the newest is told
    assert track(holds, replace(ASK, ask_key="1")) == "local"


def test_what_offers_no_tools_is_no_call_of_a_main_loop_that_does():
    holds = StickySessions()
    title, main = replace(ASK, ask_key="k"), replace(ASK, ask_key="k", tools_offered=9)
    holds.keep("web", title, EASY, LOCAL)
    assert holds.last("web", main) is None
    holds.keep("web", main, EASY, CLOUD)
    holds.keep("web", title, EASY, LOCAL)
    assert track(holds, main) == "cloud"


@pytest.mark.parametrize("later", [{"kind": "agent", "tool_calls": 5}, {"kind": "summary"}])
def test_a_last_call_without_tools_belongs_to_the_main_loop(later):
    holds = StickySessions()
    holds.keep("web", replace(ASK, ask_key="k", tools_offered=9), EASY, CLOUD)
    assert track(holds, replace(ASK, ask_key="k", **later)) == "cloud"


def test_the_age_is_that_of_the_last_call():
    now = [100.0]
    holds = StickySessions(clock=lambda: now[0])
    holds.keep("web", ASK, EASY, LOCAL)
    now[0] = 160.0
    last = holds.last("web", ASK)
    assert last is not None
    assert last.age_s == 60
    holds.keep("web", ASK, EASY, replace(LOCAL, held=True))
    now[0] = 170.0
    last = holds.last("web", ASK)
    assert last is not None
    assert last.age_s == 10


def test_a_held_call_leaves_what_was_read_at_first():
    holds = StickySessions()
    words = {"ask": "text", "newest_ask": "text", "earlier_asks": ("text",), "paths": frozenset({"a"})}
    assert words.keys() == TEXTS - {"ask_key"}
    holds.keep("web", replace(ASK, files=1, **words), EASY, LOCAL)
    holds.keep("web", replace(ASK, files=9, turn_calls=4), HARD, replace(LOCAL, held=True))
    last = holds.last("web", ASK)
    assert last is not None
    assert last.features is not None
    assert last.features.files == 1
    assert not any(getattr(last.features, name) for name in words)
    assert last.verdict == EASY


@pytest.mark.parametrize("rule", ["never_cloud", "budget", "asked", "degrade"])
def test_what_is_no_decision_on_the_work_is_not_remembered(rule):
    holds = StickySessions()
    holds.keep("web", ASK, EASY, CLOUD)
    holds.keep("web", ASK, EASY, replace(LOCAL, rule=rule))
    assert track(holds, ASK) == "cloud"


def test_a_request_that_could_not_be_read_is_in_no_conversation():
    holds = StickySessions()
    holds.keep("web", Features(), EASY, CLOUD)
    assert holds.last("web", Features()) is None
