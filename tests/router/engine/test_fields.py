import pytest

from router.engine.errors import Refused
from router.engine.fields import decode_body


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'"x"', b'{"temperature": NaN}', b'{"a": "\xff"}', b'{"a":"\\ud800"}']
)
def test_bodies_that_are_not_a_json_object(data):
    with pytest.raises(Refused, match="body") as caught:
        decode_body(data)
    assert caught.value.code == "invalid_json"
