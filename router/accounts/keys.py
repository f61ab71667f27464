"""Turnout's own keys: minted once, kept as a digest, recognised on every request; and whose they are.

A secret is 256 random bits, so one plain SHA-256 is enough: there is nothing to guess,
and a slow hash would only cost every request. The secret itself is never stored, and
never travels on: `present` takes it out of the headers and leaves the client's other
credentials where they are.
"""

import hashlib
import ipaddress
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from types import MappingProxyType

from router.accounts.teams import DEFAULT_TEAM, Account, Key, Team, account

__all__ = ["Key", "Keyring", "Trusted", "digest", "mint", "present"]

PREFIX = "tn-"
HEADER = "x-turnout-key"
_BEARER = "bearer "

Headers = tuple[tuple[str, str], ...]

_SHORT = 16
"""Hex digits of a digest that keys are looked up by: 64 bits, so that no two keys share them."""
_NONE: tuple[str, Key | None, Account | None] = ("", None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """Headers in which a reverse proxy says who asks, and the addresses from which they are believed."""

    user: str
    team: str
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

    def reaches(self, peer: str) -> bool:
        """Whether `peer`, an address, is such a proxy."""
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self.networks)


class Keyring:
    """All valid keys, by digest, and all teams, in memory. Made anew when the stored ones change."""

    def __init__(
        self,
        keys: Mapping[str, Key] = MappingProxyType({}),
        teams: Iterable[Team] = (),
        *,
        always: bool = False,
        trusted: Trusted | None = None,
    ) -> None:
        """Take the keys; `always` demands one even while there is none, and so does `trusted`."""
        self._teams = {team.name: team for team in teams}
        self._keys = {
            stored[:_SHORT]: (stored, key, account(self._team(key.team), key.user, key))
            for stored, key in keys.items()
        }
        self.trusted = trusted
        self._always = always or trusted is not None
        self.nobody = account(self._team(DEFAULT_TEAM))
        """Whose requests are that come without a key, where none is demanded."""

    @property
    def demanded(self) -> bool:
        """Whether a request must carry a key."""
        return self._always or bool(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def teams(self) -> Mapping[str, Team]:
        """All teams by name."""
        return self._teams

    @property
    def policies(self) -> frozenset[str]:
        """The policies that teams and keys have of their own, by name or path."""
        used = {held.policy for _, _, held in self._keys.values()}
        return frozenset(used | {team.terms.policy for team in self._teams.values()}) - {""}

    def find(self, secret: str) -> tuple[Key, Account] | None:
        """Return whose key `secret` is; None where it is nobody's, or no longer.

        The time this takes tells nothing about a key: the secret is only hashed, the look-up
        is by a part of the digest, which whoever guesses at secrets cannot steer, and the
        digests are then compared in constant time.
        """
        offered = digest(secret)
        stored, key, held = self._keys.get(offered[:_SHORT], _NONE)
        if not compare_digest(stored, offered) or key is None or held is None:
            return None
        return None if _expired(key) else (key, held)

    def known(self, key_id: str) -> Key | None:
        """Return the key of this id; None where it is not in force, or no longer."""
        held = (key for _, key, _ in self._keys.values() if key.id == key_id and not _expired(key))
        return next(held, None)

    @property
    def admins(self) -> bool:
        """Whether there is an admin key."""
        return any(key.admin for _, key, _ in self._keys.values())

    def member(self, team: str, user: str) -> Account | None:
        """Return the account of someone whom a proxy vouches for; None where there is no such team."""
        known = self._teams.get(team)
        return account(known, user) if known else None

    def _team(self, name: str) -> Team:
        return self._teams.get(name) or Team(name=name)


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


def _expired(key: Key) -> bool:
    return key.expires_at is not None and key.expires_at <= time.time()


def _secret(name: str, value: str) -> str | None:
    if name == HEADER:
        return value.strip()
    if name == "authorization" and value[: len(_BEARER)].lower() == _BEARER:
        value = value[len(_BEARER) :]
    elif name != "x-api-key":
        return None
    value = value.strip()
    return value if value.startswith(PREFIX) else None
