"""A key that stands twice is refused; everything else is cut where it is."""

import json

import pytest

from router.errors import BadRequest
from router.privacy.pieces import check_keys, cut
from router.system.time_slices import Pace, finish


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"model": "a", "model": "b"}', "model"),
        ('{"messages": [], "mess\\u0061ges": []}', "messages"),
        ('{"a": [{"b": {"c": 1, "d": 2, "c": 1}}]}', "c"),
        ('{"": 1, "": 2}', ""),
        ('{"x": "\\ud83d", "k": {"y": 1, "y": 2}}', "y"),
        ("[" * 600 + '{"deep": 1, "deep": 2}' + "]" * 600, "deep"),
    ],
)
def test_a_key_given_twice_is_named(body, name):
    with pytest.raises(BadRequest, match=f"^{name}: this key is given twice"):
        check_keys(body.encode())


@pytest.mark.parametrize(
    "body", ['{"a": {"b": 1}, "b": {"a": 1}}', '["a", "a"]', '{"a": "\\"a\\": 1"}', "no JSON", "[" * 600]
)
def test_keys_that_stand_once(body):
    check_keys(body.encode())


@pytest.mark.parametrize("space", [None, 2])
def test_a_body_is_cut_into_its_messages(space):
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "a, b]"}, {"role": "user", "content": []}],
        "x": {},
    }
    raw = json.dumps(body, indent=space).encode()
    pieces = finish(cut(raw, Pace()))
    assert [piece.name for piece in pieces] == ["model", "messages", "messages", "x"]
    assert [json.loads(piece.raw) for piece in pieces if piece.end] == body["messages"]
    assert all(raw[piece.end - len(piece.raw) : piece.end] == piece.raw for piece in pieces if piece.end)


def test_an_outline_that_may_hide_a_key_is_not_cut():
    assert finish(cut(b'{"messages": [1], "messages": [2]}', Pace())) is None
