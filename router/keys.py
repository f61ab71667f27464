"""Turnout's own keys: minted once, kept as a digest, recognised on every request.

A secret is 256 random bits, so one plain SHA-256 is enough: there is nothing to guess,
and a slow hash would only cost every request. The secret itself is never stored, and
never travels on: `present` takes it out of the headers and leaves the client's other
credentials where they are.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PREFIX = "tn-"
HEADER = "x-turnout-key"
_BEARER = "bearer "

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Whom a key belongs to."""

    team: str
    user: str
    name: str = ""
    """What its owner calls it, e.g. `laptop`."""


class Keyring:
    """All valid keys, by digest, in memory; `replace` them when they change where they are stored."""

    def __init__(self, keys: Mapping[str, Key] = MappingProxyType({}), *, always: bool = False) -> None:
        """Take the keys; `always` demands one even while there is none."""
        self._keys = dict(keys)
        self._always = always

    @property
    def demanded(self) -> bool:
        """Whether a request must carry a key."""
        return self._always or bool(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def replace(self, keys: Mapping[str, Key]) -> None:
        """Take `keys`, by digest, in place of all there were."""
        self._keys = dict(keys)

    def find(self, secret: str) -> Key | None:
        """Return whose key `secret` is; None where it is nobody's.

        The time this takes tells nothing about a key: the secret is only hashed, and the
        look-up compares digests, which whoever guesses at secrets cannot steer.
        """
        return self._keys.get(digest(secret))


def mint() -> tuple[str, str]:
    """Make a new key: the secret, to be shown once, and its digest, to be stored."""
    secret = PREFIX + secrets.token_urlsafe(32)
    return secret, digest(secret)


def digest(secret: str) -> str:
    """Return the SHA-256 of `secret` in hex, as it is stored."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def present(headers: Headers) -> tuple[str | None, Headers]:
    """Take the Turnout key out of `headers` (names in lower case).

    It is looked for in `x-turnout-key`, in `authorization: Bearer tn-...` and in
    `x-api-key: tn-...`, in this order of preference. Every header that carries one is
    left out of what is returned; other credentials, the provider's among them, stay.

    Returns:
        The secret, or None where there is none, and the remaining headers.
    """
    found = {name: secret for name, value in headers if (secret := _secret(name, value)) is not None}
    if not found:
        return None, headers
    rest = tuple(field for field in headers if _secret(*field) is None)
    return next(found[name] for name in (HEADER, "authorization", "x-api-key") if name in found), rest


def _secret(name: str, value: str) -> str | None:
    if name == HEADER:
        return value.strip()
    if name == "authorization" and value[: len(_BEARER)].lower() == _BEARER:
        value = value[len(_BEARER) :]
    elif name != "x-api-key":
        return None
    value = value.strip()
    return value if value.startswith(PREFIX) else None
