"""A state that was copied, and conversations that go on in more than one way."""

import json

import pytest

from router.features.clients import UNKNOWN
from router.features.conversation import ConversationState
from router.features.extractor import FeatureExtractor
from router.features.message_facts import gather
from router.features.outline import piece_of


def ask(said):
    return {"role": "user", "content": said}


def steps(first, last):
    """Model calls, each of which edits a file and runs one, and their answers."""
    messages = []
    for at in range(first, last):
        calls = [
            {"type": "tool_use", "id": f"e{at}", "name": "Edit", "input": {"file_path": f"d{at}/f{at}.py"}},
            {"type": "tool_use", "id": f"r{at}", "name": "Bash", "input": {"command": f"cat d{at}/g.py"}},
        ]
        answers = [
            {"type": "tool_result", "tool_use_id": f"{kind}{at}", "content": "ok", "is_error": kind == "r"}
            for kind in "er"
        ]
        messages += [{"role": "assistant", "content": calls}, {"role": "user", "content": answers}]
    return messages


def state_of(messages, state=None):
    state = state or ConversationState()
    for message in messages:
        facts, _ = gather("anthropic_messages", UNKNOWN, piece_of("messages", json.dumps(message).encode()))
        state.add(facts)
    return state


def told(state):
    sets = (state.written, state.tools, state.edited)
    counts = (state.turns, state.turn_calls, state.tool_calls, state.tool_errors, state.repeats, state.phase)
    return (*map(sorted, sets), *counts, list(state.asks), len(state.files), state.files.directories())


def test_a_copy_and_its_original_go_apart():
    beginning = [ask("Rename a in a.py"), *steps(0, 2)]
    kept = state_of(beginning)
    before = told(kept)
    taken_on = state_of([*steps(0, 4), ask("and b.py")], kept.copy())
    assert told(kept) == before
    assert told(taken_on) == told(state_of([*beginning, *steps(0, 4), ask("and b.py")]))
    assert told(taken_on) != before


def test_another_end_of_the_same_conversation_is_read_as_if_it_were_new(request_of):
    beginning = [ask("Rename a in a.py"), *steps(0, 6)]
    ends = (
        [],
        steps(6, 7),
        [ask("No: undo it in z.py")],
        steps(3, 5),
        steps(6, 12),
        [ask("yes"), *steps(6, 7)],
    )
    kept = FeatureExtractor()
    for end in (*ends, *reversed(ends)):
        request = request_of({"messages": [*beginning, *end]})
        assert kept.read(request) == FeatureExtractor().read(request)


def test_a_message_that_comes_twice_is_counted_twice(request_of):
    body = {"messages": [ask("Rename a in a.py"), *steps(0, 1), *steps(0, 1)]}
    first = FeatureExtractor().read(request_of(body))
    once = FeatureExtractor().read(request_of({"messages": body["messages"][:3]}))
    assert (first.tool_calls, first.repeats) == (2 * once.tool_calls, once.tool_calls)
    reader = FeatureExtractor()
    assert reader.read(request_of(body)) == reader.read(request_of(body)) == first


FUNCTION = "Write a function that reverses a list."
REPOSITORY = "Rename the request class in our repository and fix all callers."
EFFECTIVE = {
    "one ask": ([FUNCTION], [FUNCTION]),
    "one that goes on inherits": ([FUNCTION, "why?"], [FUNCTION, "why?"]),
    "so does the next": ([FUNCTION, "why?", "und auf Deutsch?"], [FUNCTION, "why?", "und auf Deutsch?"]),
    "another subject stands alone": ([FUNCTION, "why?", REPOSITORY], [REPOSITORY]),
    "and is gone on from": ([FUNCTION, REPOSITORY, "继续"], [REPOSITORY, "继续"]),
    "the first is kept, however many go on": (
        [FUNCTION, "why?", "shorter", "now with types", "ok", "and tests"],
        [FUNCTION, "now with types", "ok", "and tests"],
    ),
    "nothing to go on from": (["fix it"], ["fix it"]),
    "a greeting is nothing": (["hi", "fix it"], ["fix it"]),
    "after a question in between, either may be meant": (
        [REPOSITORY, "By the way, what is the plural of index?", "ok, use that"],
        [REPOSITORY, "By the way, what is the plural of index?", "ok, use that"],
    ),
    "but not by a question": (
        [REPOSITORY, "By the way, what is the plural of index?", "and in Latin?"],
        ["By the way, what is the plural of index?", "and in Latin?"],
    ),
    "one that comes back, by name": (
        [REPOSITORY, "different question: what is a mutex?", "back to the request class: keep an alias"],
        [REPOSITORY, "back to the request class: keep an alias"],
    ),
}


@pytest.mark.parametrize("case", EFFECTIVE)
def test_the_effective_ask(case):
    asks, effective = EFFECTIVE[case]
    state = state_of([message for said in asks for message in (ask(said), *steps(0, 1))])
    assert state.ask == "\n\n".join(effective)
    assert state.turns == len(asks)


def test_one_that_comes_back_does_not_go_on_from_the_ask_before():
    asks, _ = EFFECTIVE["one that comes back, by name"]
    assert not state_of(map(ask, asks)).follow_up
    assert state_of(map(ask, [*asks, "yes"])).follow_up


def test_nor_does_one_that_may_belong_to_either():
    asks, _ = EFFECTIVE["after a question in between, either may be meant"]
    assert not state_of(map(ask, asks)).follow_up
    assert state_of(map(ask, EFFECTIVE["but not by a question"][0])).follow_up


def test_asks_before_the_newest_are_kept_whatever_they_ask():
    state = state_of(map(ask, [FUNCTION, "why?", REPOSITORY]))
    assert state.earlier == [FUNCTION, "why?"]
    state = state_of(map(ask, [*(f"ask {number}" for number in range(9)), REPOSITORY]))
    assert state.earlier == [f"ask {number}" for number in range(3, 9)]


def test_what_is_gone_on_from_is_kept_however_many_go_on():
    state = state_of(map(ask, [REPOSITORY, *["yes"] * 7]))
    assert state.earlier_asks == (REPOSITORY, *["yes"] * 5)


def test_an_image_alone_says_nothing_to_later_asks():
    assert state_of([image(""), ask("why?")]).earlier_asks == ()


def test_of_a_long_ask_before_the_newest_both_ends_are_kept():
    state = state_of(map(ask, ["start " + "word " * 5_000 + "end", "why?"]))
    (earlier,) = state.earlier
    assert len(earlier) <= 2_001
    assert earlier.startswith("start ")
    assert earlier.endswith(" end")


def image(said):
    source = {"type": "base64", "media_type": "image/png", "data": "eA=="}
    return {"role": "user", "content": [{"type": "text", "text": said}, {"type": "image", "source": source}]}


def test_the_key_is_the_asks():
    first = state_of([ask(FUNCTION)])
    assert state_of([ask(FUNCTION), *steps(0, 3)]).ask_key == first.ask_key
    assert state_of([ask("hi"), *steps(0, 1), ask(FUNCTION)]).ask_key == first.ask_key
    others = (
        [ask(REPOSITORY)],
        [image(FUNCTION)],
        [ask(FUNCTION), ask("why?")],
        [ask(FUNCTION), ask("why?"), ask("why?")],
    )
    assert len({first.ask_key, *(state_of(other).ask_key for other in others)}) == 5
    assert state_of([]).ask_key == ""


def test_an_image_that_a_tool_shows_is_no_other_ask():
    source = {"type": "base64", "media_type": "image/png", "data": "eA=="}
    call = {"type": "tool_use", "id": "s", "name": "Screenshot", "input": {}}
    shown = {"type": "tool_result", "tool_use_id": "s", "content": [{"type": "image", "source": source}]}
    loop = [{"role": "assistant", "content": [call]}, {"role": "user", "content": [shown]}]
    state = state_of([ask(FUNCTION), *loop])
    assert (state.images, state.ask_key) == (1, state_of([ask(FUNCTION)]).ask_key)


COMPACTED = [
    "This session is being continued from a previous conversation that ran out of context. Summary: moved.",
    "Another language model started to solve this problem and produced a summary of its thinking process.",
    "<state_snapshot>moved the class</state_snapshot>",
]


@pytest.mark.parametrize("summary", COMPACTED)
@pytest.mark.parametrize(
    ("said", "follow_up"), [("continue", True), ("继续", True), (REPOSITORY, False), (FUNCTION, False)]
)
def test_after_a_compaction_an_ask_may_go_on(summary, said, follow_up):
    state = state_of([ask(summary), {"role": "assistant", "content": "I see."}, ask(said)])
    assert (state.ask, state.follow_up, state.turns) == (said, follow_up, 1)


@pytest.mark.parametrize("summary", COMPACTED)
def test_in_the_middle_of_a_turn_a_compaction_leaves_no_ask(summary):
    state = state_of([ask(summary), *steps(0, 2)])
    assert (state.ask, state.ask_key, state.turns, state.turn_calls) == ("", "", 0, 2)


def uses(*calls):
    """A model call that calls tools, each given as its id, name and arguments."""
    blocks = [{"type": "tool_use", "id": at, "name": name, "input": given} for at, name, given in calls]
    return {"role": "assistant", "content": blocks}


def results(*answers):
    """Answers, each as the call's id, the text, and whether the harness marks it as failed."""
    blocks = [
        {"type": "tool_result", "tool_use_id": at, "content": text, "is_error": failed}
        for at, text, failed in answers
    ]
    return {"role": "user", "content": blocks}


def reads(at, path):
    return (at, "Read", {"file_path": path})


ONE_AND_TWO = [("c1", "x", False), ("c2", "y", False)]
FILES = {
    "a model call each, then both answers": (
        [uses(reads("c1", "a.py")), uses(reads("c2", "b.py")), results(*ONE_AND_TWO)],
        2,
    ),
    "and their answers apart": (
        [uses(reads("c1", "a.py")), uses(reads("c2", "b.py")), *(results(one) for one in ONE_AND_TWO)],
        2,
    ),
    "two calls of one id": (
        [
            uses(reads("call_0", "a.py"), reads("call_0", "b.py")),
            results(("call_0", "x", False), ("call_0", "y", False)),
        ],
        2,
    ),
    "of which the first failed": (
        [
            uses(reads("call_0", "a.py"), reads("call_0", "b.py")),
            results(("call_0", "x", True), ("call_0", "y", False)),
        ],
        1,
    ),
    "the same id in the next call": (
        [
            uses(reads("call_0", "a.py")),
            results(("call_0", "x", False)),
            uses(reads("call_0", "b.py")),
            results(("call_0", "y", False)),
        ],
        2,
    ),
    "no answer, and the user goes on": (
        [uses(reads("c1", "a.py"), reads("c2", "b.py")), results(("c1", "x", False)), ask("go on")],
        2,
    ),
    "not if it failed": (
        [uses(reads("c1", "a.py"), reads("c2", "b.py")), results(("c1", "x", True)), ask("go on")],
        1,
    ),
    "no answer yet": ([uses(reads("c1", "a.py"))], 0),
    "no answer, and the model goes on": (
        [
            uses(reads("c1", "a.py"), reads("c2", "b.py")),
            results(("c1", "x", False)),
            uses(reads("c3", "c.py")),
            results(("c3", "z", False)),
        ],
        2,
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_counts_once_its_call_is_answered(name):
    messages, files = FILES[name]
    assert len(state_of([ask("Look around."), *messages]).files) == files


def test_a_copy_keeps_its_own_open_calls():
    kept = state_of([ask("Look around."), uses(reads("c", "a.py"), reads("c", "b.py"))])
    taken_on = state_of([results(("c", "x", False), ("c", "y", False))], kept.copy())
    assert (
        len(taken_on.files) == len(state_of([results(("c", "x", False), ("c", "y", False))], kept).files) == 2
    )


SUMMARY = "=== 3 failed, 2 passed in 1.2s ==="
QUOTES = [
    SUMMARY,
    f"How CI reports:\n{SUMMARY}",
    "Error: the class of all that goes wrong",
    "Exit code 1 means no",
]
LOOKS = [
    ("c", "read_file", {"path": "docs/ci.md"}),
    ("c", "str_replace_editor", {"command": "view", "path": "docs/ci.md"}),
    ("c", "Grep", {"pattern": "failed", "path": "docs"}),
    ("c", "mcp__files__list_directory", {"path": "docs"}),
]


@pytest.mark.parametrize("quoted", QUOTES)
@pytest.mark.parametrize("call", LOOKS)
def test_what_is_only_looked_at_may_quote_a_failure(call, quoted):
    state = state_of([ask("Look around."), uses(call), results(("c", quoted, False))])
    assert (state.tool_errors, state.error_streak, state.tests) == (0, 0, (0, 0))


@pytest.mark.parametrize("quoted", QUOTES)
def test_a_file_that_quotes_a_failure_was_read(quoted):
    assert len(state_of([ask("Look around."), uses(LOOKS[0]), results(("c", quoted, False))]).files) == 1


@pytest.mark.parametrize("name", ["bash", "run_tests", "deploy"])
@pytest.mark.parametrize("answer", [SUMMARY, "Error: the class of all that goes wrong", "Exit code 1\nno"])
def test_in_what_ran_the_same_words_are_a_failure(name, answer):
    state = state_of([ask("Look around."), uses(("c", name, {"x": "y"})), results(("c", answer, False))])
    assert (state.tool_errors, state.error_streak) == (1, 1)
    assert state.tests == ((3, 2) if answer == SUMMARY else (0, 0))


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        ("x", True),
        ("<tool_use_error>File does not exist.</tool_use_error>", False),
        ("Error: ENOENT: no such file or directory", False),
        ("Error: File not found: docs/ci.md", False),
        ("Error: could not open docs/ci.md", False),
        ("Error reading file: docs/ci.md", False),
    ],
)
def test_a_read_fails_by_what_its_harness_says(answer, failed):
    state = state_of([ask("Look around."), uses(LOOKS[0]), results(("c", answer, failed))])
    assert (state.tool_errors, len(state.files)) == (1, 0)
