"""Who may read `/metrics`: teams' names and dollars are in it.

- Where a token is set (`metrics_token`): whoever sends it, or an admin key.
- Without one, listening on loopback: whoever is on this machine; not what came through a proxy.
- Without one, listening elsewhere: an admin key.
"""

from dataclasses import dataclass
from hmac import compare_digest

from router.accounts.keys import Keyring
from router.app.authentication import extract_key
from router.errors import BadKey
from router.types import Headers

BEARER = "bearer "
PROXIED = {"forwarded", "x-forwarded-for", "x-real-ip", "via"}
"""Fields by which a proxy on this machine says that it speaks for someone else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsGate:
    """What decides it."""

    token: str
    loopback: bool
    """Only this machine can reach the endpoint."""

    def check(self, headers: Headers, keyring: Keyring) -> None:
        """Let a scraper in.

        Raises:
            BadKey: it has shown neither the token nor an admin key, and one of them is needed.
        """
        if self.loopback and not self.token and not any(name in PROXIED for name, _ in headers):
            return
        if self.token and compare_digest(_bearer(headers).encode(), self.token.encode()):
            return
        secret, _ = extract_key(headers)
        found = keyring.find(secret) if secret else None
        if found is not None and found[0].admin:
            return
        raise BadKey(
            "/metrics is for whoever sends `metrics_token` (TURNOUT_METRICS_TOKEN) or an admin key as "
            "`Authorization: Bearer ...`"
        )


def _bearer(headers: Headers) -> str:
    value = next((value for name, value in headers if name == "authorization"), "")
    return value[len(BEARER) :].strip() if value[: len(BEARER)].lower() == BEARER else ""
