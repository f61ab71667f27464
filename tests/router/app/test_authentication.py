import pytest

from router.app.authentication import extract_key
from router.types import Headers

KEEP = (("content-type", "application/json"), ("x-claude-code-session-id", "s1"))


@pytest.mark.parametrize(
    ("headers", "secret", "others"),
    [
        ((), None, ()),
        ((("x-turnout-key", "tn-a"),), "tn-a", ()),
        ((("authorization", "Bearer tn-a"),), "tn-a", ()),
        ((("authorization", "bearer  tn-a "),), "tn-a", ()),
        ((("x-api-key", "tn-a"),), "tn-a", ()),
        # the provider's own credentials stay
        ((("authorization", "Bearer sk-ant-oat1"),), None, (("authorization", "Bearer sk-ant-oat1"),)),
        ((("x-api-key", "sk-ant-api1"),), None, (("x-api-key", "sk-ant-api1"),)),
        ((("x-turnout-key", "tn-a"), ("x-api-key", "sk-ant-1")), "tn-a", (("x-api-key", "sk-ant-1"),)),
        ((("x-api-key", "sk-ant-1"), ("authorization", "Bearer tn-a")), "tn-a", (("x-api-key", "sk-ant-1"),)),
        # a client that sends its key twice must not leak the second
        ((("authorization", "Bearer tn-a"), ("x-api-key", "tn-b")), "tn-a", ()),
        ((("x-api-key", "tn-b"), ("x-turnout-key", "tn-a")), "tn-a", ()),
        # our own header is ours, whatever it says
        ((("x-turnout-key", "hello"),), "hello", ()),
        # these only look like it
        ((("authorization", "Basic tn-a"),), None, (("authorization", "Basic tn-a"),)),
        ((("authorization", "tn-a"),), None, (("authorization", "tn-a"),)),
        ((("x-other", "tn-a"),), None, (("x-other", "tn-a"),)),
    ],
)
def test_a_key_is_taken_out_of_the_headers(headers: Headers, secret: str | None, others: Headers) -> None:
    assert extract_key((*KEEP, *headers)) == (secret, (*KEEP, *others))
