"""A dialect added by one file and one row (`letters.py`) meets every other without a change to any."""

import json

import pytest
from letters import LETTERS

from router.types import EMBEDDING_DIALECTS, RAW_DIALECTS, Usage
from router.wire import DIALECTS
from router.wire.capabilities import adapt
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Failed,
    Started,
    Stopped,
    TextDelta,
    UnreadableReply,
    UsageReport,
)
from router.wire.target import CLAUDE, PROVIDER, Target

TABLE = {**DIALECTS, "letters": LETTERS}
TARGETS = {
    "openai_chat": PROVIDER,
    "openai_responses": Target(dialect="openai_responses", side="provider"),
    "anthropic_messages": CLAUDE,
    "gemini": Target(dialect="gemini", side="provider"),
    "ollama": Target(dialect="ollama", side="provider"),
    "letters": Target(dialect="letters", side="provider"),
}
CALL = {"no": "toolu_1", "verb": "ls", "using": '{"path":"."}'}
REQUEST = {
    "model": "m",
    "rules": ["Be brief."],
    "letters": [
        {"text": "What is here?"},
        {
            "sender": "me",
            "text": "I look.",
            "calls": [{"no": "toolu_1", "verb": "ls", "using": '{"path":"."}'}],
        },
        {"about": "toolu_1", "text": "a.py"},
        {"sender": "me", "text": "A file."},
        {"text": "And there?"},
    ],
    "verbs": [{"verb": "ls", "takes": {"type": "object", "properties": {}}}],
    "warmth": 0.5,
    "end_at": ["END"],
    "at_most": 99,
    "live": True,
}
CALLS = [
    CallStarted(id="toolu_2", name="ls"), CallArguments('{"a":'), CallArguments("1}"), CallEnded(),
    CallStarted(id="toolu_3", name="ls"), CallArguments("{}"), CallEnded(),
]  # fmt: skip
REPLIES = {
    "text": [TextDelta("It is "), TextDelta("é\n"), Stopped(reason="end")],
    "calls": [TextDelta("I look."), *CALLS, Stopped(reason="tool_calls")],
    "cut": [TextDelta("It"), Stopped(reason="output_limit")],
    "refused": [TextDelta("No."), Stopped(reason="refusal")],
}
ASKED = LETTERS.decode_request(json.dumps(REQUEST).encode())
OTHERS = [name for name in DIALECTS if name not in RAW_DIALECTS | EMBEDDING_DIALECTS]
LACKS = {"openai_responses": {"end_at"}}
"""Fields that a dialect has no word for."""


@pytest.mark.parametrize("other", OTHERS)
def test_a_request_goes_there_and_comes_back(other):
    there, _ = adapt(ASKED, TARGETS[other])
    body = TABLE[other].encode_request(there, model="m", target=TARGETS[other])
    assert TABLE[other].read(body).stream
    here, _ = adapt(TABLE[other].decode_request(body), TARGETS["letters"])
    expected = {name: value for name, value in REQUEST.items() if name not in LACKS.get(other, ())}
    assert json.loads(LETTERS.encode_request(here, model="m", target=TARGETS["letters"])) == expected


def replied(events):
    usage = UsageReport(Usage(input=7, output=3))
    return [Started(id="", model="m"), *events[:-1], usage, events[-1]]


def sense(events):
    """What a reply says, however its pieces are cut and its calls are numbered."""
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    arguments = "".join(event.text for event in events if isinstance(event, CallArguments))
    names = [event.name for event in events if isinstance(event, CallStarted)]
    assert [type(event) for event in (events[0], events[-1])] == [Started, Stopped]
    usage = [event.usage for event in events if isinstance(event, UsageReport)][-1]
    return text, names, arguments, usage, events[-1]


def convert_whole(events, *names):
    for name in names:
        body = TABLE[name].encode_reply(events, model="m", conversation=ASKED)
        events = TABLE[name].decode_reply(body)
    return events


def convert_stream(events, *names, size):
    for name in names:
        encoder = TABLE[name].reply_encoder(model="m", conversation=ASKED)
        stream = b"".join(encoder.feed([event]) for event in events)
        decoder = TABLE[name].reply_decoder()
        parts = [stream[at : at + size] for at in range(0, len(stream), size)]
        events = [event for part in parts for event in decoder.feed(part)] + decoder.end()
    return events


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("other", OTHERS)
def test_a_reply_says_the_same_in_every_dialect(other, reply):
    events = replied(REPLIES[reply])
    assert sense(convert_whole(events, other, "letters")) == sense(events)
    for size in (1, 7, 1 << 20):
        assert sense(convert_stream(events, "letters", other, "letters", size=size)) == sense(events)


@pytest.mark.parametrize("other", OTHERS)
def test_an_error_stays_one(other):
    failed = [Failed(message="Overloaded", kind="overloaded_error")]
    *_, event = convert_stream(failed, other, "letters", size=5)
    assert (type(event), event.message) == (Failed, "Overloaded")
    *_, event = TABLE[other].decode_reply(TABLE[other].error("overloaded_error", "Overloaded"))
    assert event.message == "Overloaded"


def test_what_it_cannot_read_is_unreadable_or_left_out():
    with pytest.raises(UnreadableReply):
        LETTERS.reply_decoder().feed(b"<html>\n")
    assert LETTERS.reply_decoder(observing=True).feed(b"<html>\n") == []
