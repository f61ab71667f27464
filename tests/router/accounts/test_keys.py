from router.accounts.keys import PREFIX, Key, Keyring, digest, mint

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
