"""Asks of the corpus are placed in conversations: their labels stay, and chance is the same again."""

from collections import Counter

import pytest

from classifiers.corpus import Ask, FollowUp, Session, Turn, load_asks, load_follow_ups, load_sessions
from classifiers.placed_asks import asks_of_sessions, first_asks, placed_by_chance


@pytest.fixture(scope="module")
def placed():
    return list(placed_by_chance(load_asks(), load_follow_ups(), ()))


def test_a_first_ask_has_nothing_before_it():
    asks = load_asks()
    placed = list(first_asks(asks))
    assert [ask.text for ask in placed] == [ask.text for ask in asks]
    assert {(ask.relation, ask.earlier) for ask in placed} == {("first", ())}


def test_a_session_is_placed_ask_by_ask():
    turns = [
        Turn(text="write a trim function", relation="first", label="self-contained"),
        Turn(text="in go", relation="goes-on", label="self-contained"),
        Turn(text="fix our login page", relation="changes", label="repository"),
    ]
    placed = list(asks_of_sessions([Session(human="en", turns=tuple(turns))]))
    assert [(ask.text, ask.label, ask.earlier) for ask in placed] == [
        ("write a trim function", "self-contained", ()),
        ("in go", "self-contained", ("write a trim function",)),
        ("fix our login page", "repository", ("write a trim function", "in go")),
        ("fix our login page", "repository", ()),
    ]


def test_the_same_asks_are_placed_alike(placed):
    assert placed == list(placed_by_chance(load_asks(), load_follow_ups(), ()))


def test_a_placed_first_ask_keeps_its_label_whatever_came_before(placed):
    labels = {ask.text: ask.label for ask in load_asks()}
    changes = [ask for ask in placed if ask.relation == "changes"]
    assert changes
    assert all(ask.label == labels[ask.text] and ask.earlier for ask in changes)
    before = Counter((ask.label, labels.get(ask.earlier[0])) for ask in changes)
    # What came before says nothing for an ask's label: it is mostly the other one's.
    assert before["repository", "self-contained"] > before["repository", "repository"]
    assert before["self-contained", "repository"] > before["self-contained", "self-contained"]


def test_a_follow_up_takes_the_label_of_what_it_goes_on_from(placed):
    texts = {follow_up.text for follow_up in load_follow_ups()}
    labels = {ask.text: ask.label for ask in load_asks() if ask.text not in texts}
    follow_ups = [ask for ask in placed if ask.relation == "goes-on"]
    assert len(follow_ups) >= 3 * len(load_follow_ups())
    for ask in follow_ups:
        last = next(text for text in reversed(ask.earlier) if text in labels)
        assert labels[last] == ask.label


def test_a_follow_up_goes_on_only_from_what_it_may():
    asks = [
        Ask(kind="k", label=label, human="en", code="none", register="plain", text=label)
        for label in ("self-contained", "repository")
    ]
    only = FollowUp(human="en", text="commit that", after=("repository",))
    placed = [ask for ask in placed_by_chance(asks, [only], ()) if ask.relation == "goes-on"]
    assert {ask.label for ask in placed} == {"repository"}


def test_every_language_of_sessions_has_follow_ups():
    known = {follow_up.human for follow_up in load_follow_ups()}
    assert {session.human for session in load_sessions()} - known == set()


def test_a_session_is_placed_after_what_does_not_concern_it():
    turns = (
        Turn(text="write a trim function", relation="first", label="self-contained"),
        Turn(text="in go", relation="goes-on", label="self-contained"),
    )
    session = Session(human="en", turns=turns)
    placed = list(placed_by_chance(load_asks()[:200], (), [session, session]))[-2:]  # every other one
    assert [(ask.text, ask.label, ask.relation) for ask in placed] == [
        ("write a trim function", "self-contained", "changes"),
        ("in go", "self-contained", "goes-on"),
    ]
    before = placed[0].earlier
    assert before
    assert placed[1].earlier == (*before, "write a trim function")


def test_an_ask_that_names_its_subject_is_also_placed_after_another_one():
    turns = (
        Turn(text="write a quaternion class", relation="first", label="self-contained"),
        Turn(text="shorter", relation="goes-on", label="self-contained"),
        Turn(text="can a quaternion be inverted in it", relation="goes-on", label="self-contained"),
    )
    session = Session(human="en", turns=turns)
    (back,) = [ask for ask in placed_by_chance(load_asks()[:400], (), [session]) if ask.relation == "returns"]
    assert (back.text, back.label) == (turns[2].text, "self-contained")
    assert back.earlier[:2] == (turns[0].text, turns[1].text)
    assert len(back.earlier) > 2
