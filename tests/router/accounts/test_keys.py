import pytest

from router.accounts.keys import PREFIX, Headers, Key, Keyring, digest, extract_key, mint

ADA = Key(id="k1", team="core", user="ada", name="laptop")


def test_a_key_is_random_long_and_stored_as_its_digest() -> None:
    pairs = [mint() for _ in range(100)]
    assert len({secret for secret, _ in pairs}) == 100
    for secret, stored in pairs:
        assert secret.startswith(PREFIX)
        assert len(secret) == len(PREFIX) + 43  # 256 bits in base64
        assert stored == digest(secret)
        assert len(stored) == 64
        assert secret not in stored


def test_a_keyring_knows_its_own() -> None:
    secret, stored = mint()
    ring = Keyring({stored: ADA})
    match = ring.find(secret)
    assert match is not None
    assert match[0] == ADA
    assert (match[1].team, match[1].user, match[1].key_id) == ("core", "ada", "k1")
    assert len(ring) == 1
    for wrong in ("", PREFIX, secret[:-1], secret + "x", stored, mint()[0], "tn-ключ", "\udcff"):
        assert ring.find(wrong) is None


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
