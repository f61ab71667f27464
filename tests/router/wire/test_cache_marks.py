"""Where a prompt is marked for the provider's cache: at the ends of what stays the same."""

import json
from dataclasses import replace

import pytest

from router.wire.anthropic_request_encoder import encode_request
from router.wire.conversation import Conversation, Text, Tool, ToolCall, ToolResult, Turn
from router.wire.target import CLAUDE

MARKING = replace(CLAUDE, marks_cache=True)
MARK = {"type": "ephemeral"}
TOOLS = (Tool(name="a"), Tool(name="b"))
SYSTEM = (Text(text="A"), Text(text="B"))


def user(*words):
    return Turn(role="user", parts=tuple(Text(text=word) for word in words))


def assistant(*parts):
    return Turn(role="assistant", parts=parts or (Text(text="x"),))


def answered(*ids):
    """Each result is a turn of its own, as Chat Completions has it."""
    calls = assistant(*(ToolCall(id=id_, name="a", arguments="{}") for id_ in ids))
    return (
        calls,
        *(Turn(role="user", parts=(ToolResult(call_id=id_, parts=(Text(text=id_),)),)) for id_ in ids),
    )


def marks(*turns, target=MARKING, **fields):
    """The places of all marks in the body that is sent."""
    conversation = Conversation(dialect="openai_chat", turns=turns, **fields)
    body = json.loads(encode_request(conversation, model="claude", target=target))
    places = {
        "tools": body.get("tools", []),
        "system": body.get("system", []),
        **{str(at): message["content"] for at, message in enumerate(body["messages"])},
    }
    found = [
        (name, at)
        for name, blocks in places.items()
        for at, block in enumerate(blocks)
        if "cache_control" in block
    ]
    assert all(places[name][at]["cache_control"] == MARK for name, at in found)
    return found


PLACES = [
    ([user("hi")], {}, [("0", 0)]),
    ([user("hi", "you")], {"system": SYSTEM, "tools": TOOLS}, [("tools", 1), ("system", 1), ("0", 1)]),
    (
        [user("a"), assistant(), user("b"), assistant(), user("c")],
        {"system": SYSTEM, "tools": TOOLS},
        [("tools", 1), ("system", 1), ("2", 0), ("4", 0)],
    ),
    # results of parallel calls are one user's turn
    ([user("a"), *answered("1", "2"), *answered("3", "4", "5")], {}, [("tools", 0), ("2", 1), ("4", 2)]),
    ([user("a"), assistant()], {}, [("0", 0)]),
]


@pytest.mark.parametrize(("turns", "fields", "places"), PLACES)
def test_the_ends_of_tools_system_and_the_last_two_user_turns_are_marked(turns, fields, places):
    assert marks(*turns, **fields) == places
    assert len(places) <= 4


@pytest.mark.parametrize(
    ("turns", "fields"),
    [
        ([Turn(role="user", parts=(Text(text="a", cache="5m"),)), assistant(), user("b")], {}),
        ([user("a"), assistant(), user("b")], {"system": (Text(text="A", cache="5m"),)}),
        ([user("a"), assistant(), user("b")], {"tools": (Tool(name="a", cache="5m"), Tool(name="b"))}),
    ],
)
def test_a_client_that_marks_is_left_alone(turns, fields):
    assert len(marks(*turns, **fields)) == 1


def test_nothing_is_marked_where_nobody_wants_it():
    assert marks(user("hi"), target=CLAUDE) == []
