"""A body is cut where its messages are, once for all who read it."""

import json

import pytest

from router.errors import BadRequest
from router.features.outline import BLOCK, Outline, decode, piece_of
from router.features.parsed_request import fields_of
from router.system.time_slices import finish


def cut(body: bytes, first: int = 0, upto: int = 0):
    return finish(Outline(body).cut(first, upto, ()))


@pytest.mark.parametrize("space", [None, 2])
def test_a_body_is_cut_into_its_messages(space):
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "a, b]"}, {"role": "user", "content": []}],
        "x": {},
    }
    raw = json.dumps(body, indent=space).encode()
    pieces = cut(raw)
    assert [piece.name for piece in pieces] == ["model", "messages", "messages", "x"]
    assert [json.loads(piece.raw) for piece in pieces if piece.end] == body["messages"]
    assert all(raw[piece.end - len(piece.raw) : piece.end] == piece.raw for piece in pieces if piece.end)


def test_an_outline_that_may_hide_a_key_is_not_cut():
    assert cut(b'{"messages": [1], "messages": [2]}') is None


NULL = b'"messages": null'


@pytest.mark.parametrize("null", [[NULL], []])
@pytest.mark.parametrize(
    ("dialect", "field"),
    [
        ("ollama", b'"prompt": "hi"'),
        ("openai_responses", b'"input": "hi"'),
        ("openai_completions", b'"prompt": "hi"'),
    ],
)
def test_null_messages_are_none_beside_another_word_for_them(dialect, field, null):
    for members in ([*null, field, b'"x": null'], [field, *null, b'"x": null']):
        body = b"{" + b", ".join(members) + b"}"
        (message,), fields = fields_of(finish(Outline(body, dialect).cut(0, 0, ())))
        assert (message.raw, [*fields]) == (b'"hi"', ["x"])
        assert body[: message.end].endswith(field)


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
def test_null_messages_are_no_list_where_there_is_no_other_word(dialect):
    with pytest.raises(BadRequest, match="`messages` must be a list"):
        fields_of(finish(Outline(b"{" + NULL + b"}", dialect).cut(0, 0, ())))


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n", " : ")])
def test_messages_between_two_places_are_left_out(separators):
    messages = [{"role": "user", "content": f"part {at}"} for at in range(9)] + [[[1], 2], "text"]
    body = json.dumps({"a": 1, "messages": messages, "z": [[2]]}, separators=separators).encode()
    every = [piece for piece in cut(body) if piece.end]
    assert [json.loads(body[piece.end - len(piece.raw) : piece.end]) for piece in every] == messages
    rest = cut(body, every[0].end, every[5].end)
    assert [piece.name for piece in rest if not piece.end] == ["a", "z"]
    assert [(piece.raw, piece.end, piece.digest) for piece in rest if piece.end] == [
        (piece.raw, piece.end, piece.digest) for piece in (every[0], *every[6:])
    ]


def test_a_piece_is_decoded_once_and_odd_ones_are_left():
    odd = [b'"\\ud83d"', b'{"k": 1, "k": 2}', b"[" * 600 + b"]" * 600, b'"' + b"x" * (200 << 10) + b'"']
    pieces = [piece_of("messages", raw) for raw in (b'{"k": [1, 2.5, null, "\\u00e9"]}', *odd)]
    finish(decode(pieces, ()))
    assert [piece.decoded for piece in pieces] == [True, False, False, False, False]
    value = pieces[0].value
    finish(decode(pieces, ()))
    assert pieces[0].value is value == {"k": [1, 2.5, None, "é"]}
    with pytest.raises(BadRequest, match="given twice"):
        pieces[2].parsed()


def test_beginnings_show_how_far_two_bodies_are_equal():
    for trusted in (True, False):
        first, second = (
            Outline(b"x" * (3 * BLOCK) + end * BLOCK, trusted=trusted).beginnings for end in (b"y", b"z")
        )
        assert first[:3] == second[:3]
        assert len({*first, *second}) == 5


class EveryTime:
    """Pauses at every place where a work may pause."""

    def __iter__(self):
        yield None


def test_a_long_body_is_copied_and_digested_in_small_turns():
    long = {"role": "user", "content": "\n" * (5 << 20)}
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "go"}, long]}).encode()
    outline, steps = Outline(body), []

    def run(turns):
        result = None
        while True:
            try:
                step = turns.send(result)
            except StopIteration as end:
                return end.value
            steps.append(step and step.function.__name__)
            result = step.function(*step.arguments) if step else None

    beginnings = run(outline.digest_beginnings(EveryTime()))
    assert len(steps) >= len(body) >> 20
    assert beginnings == outline.beginnings == Outline(body).beginnings
    steps.clear()
    pieces = run(outline.cut(0, 0, EveryTime()))
    assert len(steps) >= 2 * (len(body) >> 20)
    assert [json.loads(piece.raw) for piece in pieces if piece.end][1] == long
    assert {step for step in steps if step} == {"_bounds_of", "_join"}
