"""A body of which only the rest is parsed reads as if all of it had been parsed."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.accounts.teams import Account
from router.features.extractor import FeatureExtractor
from router.features.outline import BLOCK, Outline
from router.system.time_slices import finish
from router.types import ModelRequest

CALLS = 40


def message(at: int, dialect: str) -> dict[str, object]:
    text = f"{'line of output ' * 100}{at}"
    if at % 2 == 0:
        ask = text if at else "Fix the bug in src/app.py."
        return {
            "role": "user",
            "content": ask if dialect == "openai_chat" else [{"type": "text", "text": ask}],
        }
    return {"role": "assistant", "content": f"```bash\ncat src/f{at}.py\n```"}


def body(calls: int, dialect: str, **others: object) -> dict[str, object]:
    return {"model": "auto", "messages": [message(at, dialect) for at in range(2 * calls + 1)], **others}


@pytest.fixture(params=["openai_chat", "anthropic_messages"])
def dialect(request):
    return request.param


@pytest.fixture
def known(request_of, dialect):
    """A reader that has read a conversation so far."""
    reader = FeatureExtractor()
    for calls in range(CALLS):
        reader.read(request_of(body(calls, dialect), dialect=dialect))
    return reader


def settled(reader, request):
    reader.read(request)
    reader.settle()
    return reader.read(request)


def alike(reader, request):
    """What it reads, and what a reader reads that knows nothing; both have counted."""
    return settled(reader, request), settled(FeatureExtractor(), request)


def left_out(reader, request) -> int:
    """How many messages are not parsed anew, and that the rest is."""
    outline = Outline(request.body)
    start = reader._prefixes.find(outline)
    if start is None:
        return 0
    rest = [piece for piece in finish(outline.cut(start.first, start.upto, ())) if piece.end]
    return len(json.loads(request.body)["messages"]) - len(rest)


def test_most_of_a_known_conversation_is_not_parsed_again(known, request_of, dialect):
    request = request_of(body(CALLS, dialect), dialect=dialect)
    assert left_out(known, request) > CALLS
    told, fresh = alike(known, request)
    assert told == fresh


@pytest.mark.parametrize(
    "others",
    [
        {"tools": [{"name": "bash", "input_schema": {}}], "system": "You help.", "max_tokens": 5},
        {"metadata": {"copy": body(5, "openai_chat")["messages"]}},
        {"messages_before": body(5, "openai_chat")["messages"]},
    ],
)
def test_what_stands_around_the_messages_is_read(request_of, dialect, others):
    for order in (lambda one: one, lambda one: dict(reversed(one.items()))):
        reader = FeatureExtractor()
        for calls in (CALLS, CALLS + 1):
            request = request_of(order(body(calls, dialect, **others)), dialect=dialect)
            told, fresh = alike(reader, request)
            assert told == fresh


@pytest.mark.parametrize("changed", [0, 1, 20, 2 * CALLS - 3, 2 * CALLS])
def test_a_conversation_that_was_edited_is_read_as_it_is_now(known, request_of, dialect, changed):
    edited = body(CALLS, dialect)
    edited["messages"][changed] = {"role": "user", "content": "No: change src/other.py and lib/more.py."}
    told, fresh = alike(known, request_of(edited, dialect=dialect))
    assert told == fresh


def test_the_same_bytes_of_another_client_or_dialect_are_read_for_it(known, request_of, dialect):
    for fields in ({"client": "aider"}, {"account": Account(team="other")}, {"dialect": "openai_chat"}):
        request = replace(request_of(body(CALLS, dialect), dialect=dialect), **fields)
        told, fresh = alike(known, request)
        assert told == fresh


def test_facts_that_were_let_go_are_gathered_again(request_of, dialect):
    reader = FeatureExtractor(entries=2 * CALLS)
    for calls in range(CALLS):
        reader.read(request_of(body(calls, dialect), dialect=dialect))
    told, fresh = alike(reader, request_of(body(CALLS, dialect), dialect=dialect))
    assert told == fresh


def test_a_short_body_has_no_beginning():
    assert Outline(b"x" * (BLOCK - 1)).beginnings == []
    assert len(Outline(b"x" * BLOCK).beginnings) == 1


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.text(max_size=3_000), min_size=6, max_size=30),
    indent=st.sampled_from([None, 0, 2]),
    cut=st.integers(1, 12),
)
def test_any_conversation_grows_as_if_read_at_once(texts, indent, cut):

    def request(upto: int) -> ModelRequest:
        messages = [
            {"role": ("user", "assistant")[at % 2], "content": text + "é\ud83d" * 500}
            for at, text in enumerate(texts[:upto])
        ]
        return ModelRequest(
            id="1",
            account=Account(team="t", user="u"),
            dialect="openai_chat",
            operation="generate",
            client="",
            model="m",
            stream=False,
            body=json.dumps({"messages": messages}, indent=indent).encode(),
            headers=(),
        )

    reader = FeatureExtractor(count_bytes=0)
    for upto in range(cut, len(texts) + 1):
        assert reader.read(request(upto)) == FeatureExtractor(count_bytes=0).read(request(upto))
