"""A key that stands twice is refused, wherever it stands and however it is spelled."""

import pytest

from router.errors import BadRequest
from router.features.unique_keys import check_keys


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
