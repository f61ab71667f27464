"""Who may look. Five rules hold here.

1. A session, begun with an admin key, lets in; so does an admin key in a header, for programs.
   A session ends with its key: revoked or expired, it is refused within a second.
2. While no key exists, the person at this machine needs none: the connection must come from
   loopback, and not through a proxy.
3. Whatever writes must carry a token of this endpoint's own page.
4. What another site's page sends does not come this far: see `router.app.origin`.
5. Who guesses keys waits.
"""

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from fastapi import Request

from router.accounts.keys import Key, Keyring
from router.app.authentication import extract_key, headers_of, peer_of
from router.app.metrics_auth import PROXIED
from router.errors import BadKey, NotAllowed, RateLimited
from router.ledger.sessions import LASTS_S, Sessions
from router.system.host_names import is_loopback
from router.types import Headers
from router.wire.headers import field

log = structlog.get_logger(__name__)

COOKIE = "turnout-session"
PATH = "/dashboard"
TRIES = 10
"""Wrong keys from one address in `WINDOW_S`; then it waits."""
WINDOW_S = 60.0
ADDRESSES = 10_000
"""Whose tries are remembered; the oldest are forgotten first."""

NO_ADMIN = "No admin key exists yet. Make one on the machine that runs Turnout: turnout key create --admin"


class LoginNeeded(BadKey):
    """Nobody who may look; a person is shown where to log in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who looks."""

    key: Key | None
    """None: the person at this machine, while no key exists."""
    form_token: str
    """What this visitor's forms carry; nobody else can know it."""


class Tries:
    """Counts wrong keys by address."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, peer: str) -> None:
        """Let someone try.

        Raises:
            RateLimited: too many of the last tries were wrong.
        """
        wrong, now = self._wrong.get(_network(peer), deque()), self._now()
        while wrong and wrong[0] <= now - WINDOW_S:
            wrong.popleft()
        if len(wrong) >= TRIES:
            raise RateLimited(
                "too many wrong keys from your address; wait a minute",
                retry_after=wrong[0] + WINDOW_S - now,
            )

    def wrong(self, peer: str) -> None:
        """Take note of a wrong key."""
        self._wrong.setdefault(_network(peer), deque()).append(self._now())
        self._wrong.move_to_end(_network(peer))
        if len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)


class Door:
    """Lets in, logs in and out."""

    def __init__(self, keyring: Keyring, sessions: Sessions) -> None:
        self._keyring = keyring
        self._sessions = sessions
        self._tries = Tries()
        self._keyless = secrets.token_hex(32)

    def enter(self, request: Request) -> Visitor:
        """Let someone look. May block.

        Raises:
            LoginNeeded: it takes an admin key, and none was shown.
        """
        headers, keyring = headers_of(request.scope), self._keyring
        token = session_of(headers)
        key_id = self._sessions.find(token) if token else None
        key = keyring.find_by_id(key_id) if key_id else None
        if key is not None and key.admin:
            return Visitor(key=key, form_token=form_token(token))
        secret, _ = extract_key(headers)
        if secret:
            return Visitor(key=self._admin(secret, peer_of(request.scope)), form_token=form_token(secret))
        if keyring.required or not is_loopback(peer_of(request.scope)):
            raise LoginNeeded("log in with an admin key; `turnout key create --admin` makes one")
        if any(name in PROXIED for name, _ in headers):
            raise LoginNeeded("this came through a proxy: log in with an admin key")
        return Visitor(key=None, form_token=form_token(self._keyless))

    def enter_to_write(self, request: Request, given: str) -> Visitor:
        """Let someone change something; `given` is the token that the form carried.

        Raises:
            LoginNeeded: as `enter` says.
            NotAllowed: it was not sent from a page of ours.
        """
        visitor = self.enter(request)
        if not hmac.compare_digest(given.encode(errors="replace"), visitor.form_token.encode()):
            raise NotAllowed("this form is not of your session; load the page again and repeat it")
        return visitor

    def log_in(self, request: Request, secret: str) -> str:
        """Begin a session; returns its token. May block.

        Raises:
            RateLimited: too many wrong keys came from there.
            BadKey: this is no admin key.
        """
        key = self._admin(secret, peer_of(request.scope))
        log.info("dashboard_login", key=key.id, peer=peer_of(request.scope))
        return self._sessions.begin(key.id)

    def log_out(self, request: Request) -> None:
        """End the visitor's session. May block."""
        if token := session_of(headers_of(request.scope)):
            self._sessions.end(token)

    @property
    def admins(self) -> bool:
        """Whether there is a key to log in with."""
        return self._keyring.admins

    def _admin(self, secret: str, peer: str) -> Key:
        """Return whose admin key this is; compared in constant time, see `Keyring.find`."""
        self._tries.count(peer)
        found = self._keyring.find(secret.strip())
        if found is not None and found[0].admin:
            return found[0]
        self._tries.wrong(peer)
        log.warning("dashboard_wrong_key", peer=peer)
        if found is not None:
            raise BadKey("This is a team's key. The dashboard needs an admin key.")
        raise BadKey("This key is unknown, was revoked or has expired.")


def form_token(secret: str) -> str:
    """Make what forms carry from what only this visitor's browser holds; it does not lead back."""
    return hashlib.sha256(f"form:{secret}".encode()).hexdigest()


def session_of(headers: Headers) -> str:
    """Read the session's token from the cookies; empty where there is none."""
    return cookie(headers, COOKIE)


def cookie(headers: Headers, name: str) -> str:
    """Read one cookie; empty where there is none. Whatever other programs at this name set is passed by."""
    pairs = ";".join(value for key, value in headers if key == "cookie").split(";")
    return next(
        (value.strip() for key, _, value in (p.partition("=") for p in pairs) if key.strip() == name), ""
    )


def session_cookie(headers: Headers, token: str) -> str:
    """Word the cookie that holds a session; without a token, the one that takes it away."""
    parts = [f"{COOKIE}={token}", f"Path={PATH}", "HttpOnly", "SameSite=Lax"]
    parts.append(f"Max-Age={LASTS_S if token else 0:.0f}")
    if behind_tls(headers):
        parts.append("Secure")
    return "; ".join(parts)


def behind_tls(headers: Headers) -> bool:
    """Whether the browser speaks TLS, as the proxy before us says. A lie only locks the liar out."""
    forwarded = field(headers, "forwarded").lower().replace(" ", "").replace('"', "")
    return field(headers, "x-forwarded-proto").lower() == "https" or "proto=https" in forwarded


def _network(peer: str) -> str:
    """Whose tries are counted together: an address; of IPv6 the network that one customer has."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    return peer if address.version == 4 else str(ipaddress.ip_network((peer, 64), strict=False))  # noqa: PLR2004 - IPv4
