"""Authentication of the dashboard. Five rules hold.

1. People log in with an admin key and get a session; programs send an admin key in a header.
   A session ends with its key: once that is revoked or expired, it is refused within a second.
2. While no key exists, the person at this machine needs none: the connection must come from
   loopback, and not through a proxy.
3. Changes need the CSRF token of a page of this endpoint.
4. Requests from other sites' pages are stopped before: see `router.app.origin`.
5. Wrong keys are rate-limited.
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
MAX_FAILURES = 10
"""Wrong keys from one address within `WINDOW_S` before it has to wait."""
WINDOW_S = 60.0
MAX_TRACKED_ADDRESSES = 10_000
"""Addresses whose failures are counted; the oldest are dropped first."""

NO_ADMIN_HINT = (
    "No admin key exists yet. Make one on the machine that runs Turnout: turnout key create --admin"
)


class LoginNeeded(BadKey):
    """No session and no admin key; browsers are redirected to the login."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """The authenticated user of a page."""

    key: Key | None
    """None: the person at this machine, while no key exists."""
    form_token: str
    """CSRF token of this visitor's forms."""


class LoginAttempts:
    """Counts wrong keys by address, over `WINDOW_S`."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, peer: str) -> None:
        """Check that this address may try a key.

        Raises:
            RateLimited: it sent too many wrong ones.
        """
        failures, now = self._failures.get(_network(peer), deque()), self._now()
        while failures and failures[0] <= now - WINDOW_S:
            failures.popleft()
        if len(failures) >= MAX_FAILURES:
            raise RateLimited(
                "too many wrong keys from your address; wait a minute",
                retry_after=failures[0] + WINDOW_S - now,
            )

    def record_failure(self, peer: str) -> None:
        """Count a wrong key from this address."""
        self._failures.setdefault(_network(peer), deque()).append(self._now())
        self._failures.move_to_end(_network(peer))
        if len(self._failures) > MAX_TRACKED_ADDRESSES:
            self._failures.popitem(last=False)


class DashboardAuth:
    """Authenticates visitors, and begins and ends sessions."""

    def __init__(self, keyring: Keyring, sessions: Sessions) -> None:
        self._keyring = keyring
        self._sessions = sessions
        self._attempts = LoginAttempts()
        self._local_secret = secrets.token_hex(32)

    def authenticate(self, request: Request) -> Visitor:
        """Authenticate a visitor. May block.

        Raises:
            LoginNeeded: an admin key is required, and there is none.
        """
        headers, keyring = headers_of(request.scope), self._keyring
        token = session_token(headers)
        key_id = self._sessions.find(token) if token else None
        key = keyring.find_by_id(key_id) if key_id else None
        if key is not None and key.admin:
            return Visitor(key=key, form_token=form_token(token))
        secret, _ = extract_key(headers)
        if secret:
            return Visitor(
                key=self._check_admin_key(secret, peer_of(request.scope)), form_token=form_token(secret)
            )
        if keyring.required or not is_loopback(peer_of(request.scope)):
            raise LoginNeeded("log in with an admin key; `turnout key create --admin` makes one")
        if any(name in PROXIED for name, _ in headers):
            raise LoginNeeded("this came through a proxy: log in with an admin key")
        return Visitor(key=None, form_token=form_token(self._local_secret))

    def authenticate_form(self, request: Request, form_token_value: str) -> Visitor:
        """Let someone change something; `given` is the token that the form carried.

        Raises:
            LoginNeeded: as for `authenticate`.
            NotAllowed: the token is not this visitor's.
        """
        visitor = self.authenticate(request)
        if not hmac.compare_digest(form_token_value.encode(errors="replace"), visitor.form_token.encode()):
            raise NotAllowed("this form is not of your session; load the page again and repeat it")
        return visitor

    def log_in(self, request: Request, secret: str) -> str:
        """Begin a session; returns its token. May block.

        Raises:
            RateLimited: this address sent too many wrong keys.
            BadKey: this is not an admin key.
        """
        key = self._check_admin_key(secret, peer_of(request.scope))
        log.info("dashboard_login", key=key.id, peer=peer_of(request.scope))
        return self._sessions.begin(key.id)

    def log_out(self, request: Request) -> None:
        """End the visitor's session. May block."""
        if token := session_token(headers_of(request.scope)):
            self._sessions.end(token)

    @property
    def admins(self) -> bool:
        """Whether an admin key exists."""
        return self._keyring.admins

    def _check_admin_key(self, secret: str, peer: str) -> Key:
        """Return the admin key; compared in constant time, see `Keyring.find`."""
        self._attempts.check(peer)
        match = self._keyring.find(secret.strip())
        if match is not None and match[0].admin:
            return match[0]
        self._attempts.record_failure(peer)
        log.warning("dashboard_wrong_key", peer=peer)
        if match is not None:
            raise BadKey("This is a team's key. The dashboard needs an admin key.")
        raise BadKey("This key is unknown, was revoked or has expired.")


def form_token(secret: str) -> str:
    """Derive a CSRF token from a secret that only this visitor's browser has; not reversible."""
    return hashlib.sha256(f"form:{secret}".encode()).hexdigest()


def session_token(headers: Headers) -> str:
    """Return the session's token from the cookies; empty without one."""
    return read_cookie(headers, COOKIE)


def read_cookie(headers: Headers, name: str) -> str:
    """Return a cookie's value; empty without one. Malformed cookies of other programs are skipped."""
    pairs = ";".join(value for key, value in headers if key == "cookie").split(";")
    return next(
        (value.strip() for key, _, value in (p.partition("=") for p in pairs) if key.strip() == name), ""
    )


def session_cookie(headers: Headers, token: str) -> str:
    """Build the `Set-Cookie` value for a session; an empty token deletes the cookie."""
    parts = [f"{COOKIE}={token}", f"Path={PATH}", "HttpOnly", "SameSite=Lax"]
    parts.append(f"Max-Age={LASTS_S if token else 0:.0f}")
    if is_behind_tls(headers):
        parts.append("Secure")
    return "; ".join(parts)


def is_behind_tls(headers: Headers) -> bool:
    """Return whether the browser uses TLS, by the proxy headers. Forging them only locks out the forger."""
    forwarded = field(headers, "forwarded").lower().replace(" ", "").replace('"', "")
    return field(headers, "x-forwarded-proto").lower() == "https" or "proto=https" in forwarded


def _network(peer: str) -> str:
    """Return what failures are counted by: the IPv4 address, or the /64 network of an IPv6 address."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    return peer if address.version == 4 else str(ipaddress.ip_network((peer, 64), strict=False))  # noqa: PLR2004 - IPv4
