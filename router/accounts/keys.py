"""Turnout's own keys, stored as digests, and the account of whoever sends one.

A secret is 256 random bits, so one plain SHA-256 is enough: there is nothing to guess,
and a slow hash would only cost every request. The secret itself is never stored.
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
from router.system.host_names import is_loopback, parse_address

__all__ = ["Key", "Keyring", "TrustedProxies", "digest", "exposure_problem", "mint"]

PREFIX = "tn-"

_PREFIX_DIGITS = 16
"""Hex digits of a digest that keys are looked up by: 64 bits, so that no two keys share them."""
_MISSING: tuple[str, Key | None, Account | None] = ("", None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedProxies:
    """Headers in which a reverse proxy says who asks, and the addresses from which they are believed."""

    user: str
    team: str
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

    def contains(self, peer: str) -> bool:
        """Whether `peer`, an address, is such a proxy."""
        address = parse_address(peer)
        return address is not None and any(address in network for network in self.networks)


class Keyring:
    """All valid keys, by digest, and all teams, in memory. Loaded again when the stored ones change."""

    def __init__(
        self,
        keys: Mapping[str, Key] = MappingProxyType({}),
        teams: Iterable[Team] = (),
        *,
        required: bool = False,
        trusted: TrustedProxies | None = None,
    ) -> None:
        """Take the keys; with `required` or `trusted` a request needs one even while there are none."""
        self.trusted = trusted
        self._required = required or trusted is not None
        self.load(keys, teams)

    def load(self, keys: Mapping[str, Key], teams: Iterable[Team] = ()) -> None:
        """Take these keys and teams in the place of those before."""
        self._teams = {team.name: team for team in teams}
        self._keys = {
            stored[:_PREFIX_DIGITS]: (stored, key, account(self._team(key.team), key.user, key))
            for stored, key in keys.items()
        }
        self.required = self._required or bool(self._keys)
        """Whether a request must carry a key."""
        self.anonymous = account(self._team(DEFAULT_TEAM))
        """The account of requests without a key, where none is required."""

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def teams(self) -> Mapping[str, Team]:
        """The teams in force, by name."""
        return self._teams

    @property
    def policies(self) -> frozenset[str]:
        """The policies that teams and keys have of their own, by name or path."""
        used = {owner.policy for _, _, owner in self._keys.values()}
        return frozenset(used | {team.terms.policy for team in self._teams.values()}) - {""}

    def find(self, secret: str) -> tuple[Key, Account] | None:
        """Return the key that `secret` is, and its account; None if it is not in force.

        The time this takes tells nothing about a key: the secret is only hashed, the look-up
        is by a part of the digest, which whoever guesses at secrets cannot steer, and the
        digests are then compared in constant time.
        """
        presented = digest(secret)
        stored, key, owner = self._keys.get(presented[:_PREFIX_DIGITS], _MISSING)
        if not compare_digest(stored, presented) or key is None or owner is None:
            return None
        return None if _expired(key) else (key, owner)

    def find_by_id(self, key_id: str) -> Key | None:
        """Return the key with this id; None if it is not in force."""
        keys = (key for _, key, _ in self._keys.values() if key.id == key_id and not _expired(key))
        return next(keys, None)

    @property
    def admins(self) -> bool:
        """Whether there is an admin key."""
        return any(key.admin for _, key, _ in self._keys.values())

    def member(self, team: str, user: str) -> Account | None:
        """Return the account of a user whom a proxy vouches for; None if the team does not exist."""
        return account(self._teams[team], user) if team in self._teams else None

    def _team(self, name: str) -> Team:
        return self._teams.get(name) or Team(name=name)


def exposure_problem(host: str, keyring: Keyring) -> str:
    """Why an endpoint that listens there must not start, and the remedy; empty where it may."""
    if is_loopback(host) or len(keyring) or keyring.trusted:
        return ""
    return (
        f"listen: {host} can be reached from other machines, and no key exists yet; "
        "make one first with `turnout key create --team TEAM`, or listen on 127.0.0.1"
    )


def mint() -> tuple[str, str]:
    """Make a new key: the secret, to be shown once, and its digest, to be stored."""
    secret = PREFIX + secrets.token_urlsafe(32)
    return secret, digest(secret)


def digest(secret: str) -> str:
    """Return the SHA-256 of `secret` in hex, as it is stored."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _expired(key: Key) -> bool:
    return key.expires_at is not None and key.expires_at <= time.time()
