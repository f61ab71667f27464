"""Access to `/metrics`, which contains teams' names and dollars.

- With `metrics_token` set: this token or an admin key.
- Without it, listening on loopback: any client on this machine, but not through a proxy.
- Without it, listening elsewhere: an admin key.
"""

from dataclasses import dataclass
from hmac import compare_digest

from router.accounts.keys import Keyring
from router.app.authentication import extract_key
from router.errors import BadKey
from router.types import Headers

BEARER = "bearer "
PROXIED = {"forwarded", "x-forwarded-for", "x-real-ip", "via"}
"""Fields that a proxy adds when it forwards a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsAuth:
    """The configured token, and who can reach the endpoint."""

    token: str
    loopback: bool
    """Only this machine can reach the endpoint."""

    def check(self, headers: Headers, keyring: Keyring) -> None:
        """Authenticate a scraper.

        Raises:
            BadKey: it sent neither the token nor an admin key, and one is required.
        """
        if self.loopback and not self.token and not any(name in PROXIED for name, _ in headers):
            return
        if self.token and compare_digest(_bearer(headers).encode(), self.token.encode()):
            return
        secret, _ = extract_key(headers)
        match = keyring.find(secret) if secret else None
        if match is not None and match[0].admin:
            return
        raise BadKey(
            "/metrics needs `metrics_token` (TURNOUT_METRICS_TOKEN) or an admin key, as "
            "`Authorization: Bearer ...`"
        )


def _bearer(headers: Headers) -> str:
    value = next((value for name, value in headers if name == "authorization"), "")
    return value[len(BEARER) :].strip() if value[: len(BEARER)].lower() == BEARER else ""
