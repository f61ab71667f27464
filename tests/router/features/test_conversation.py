"""A state that was copied, and conversations that go on in more than one way."""

import json

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
