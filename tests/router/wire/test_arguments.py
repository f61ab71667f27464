"""Arguments of past calls: broken ones are put right, sound ones keep their bytes."""

import json

import pytest

from router.wire.arguments import settle

SETTLED = [
    ('{"a": 1}', '{"a": 1}'),
    ('  {"a": 1}\n', '  {"a": 1}\n'),
    ("", "{}"),
    ("  ", "{}"),
    (None, "{}"),
    ("null", "{}"),
    ({"a": 1}, '{"a":1}'),
    ('{"a": "b', '{"_raw":"{\\"a\\": \\"b"}'),
    ("not json", '{"_raw":"not json"}'),
    ("[1]", '{"_raw":[1]}'),
    ("7", '{"_raw":7}'),
    ('"text"', '{"_raw":"text"}'),
    ('"{\\"a\\": 1}"', '{"a": 1}'),
    ([1], '{"_raw":[1]}'),
    (False, '{"_raw":false}'),
    ("{" * 3_000, None),
]


@pytest.mark.parametrize(("arguments", "text"), SETTLED)
def test_arguments_are_an_object(arguments, text):
    settled = settle(arguments)
    assert isinstance(json.loads(settled), dict)
    assert text is None or settled == text
