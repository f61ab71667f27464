"""The one way out of this machine: every connection to the provider is opened here.

Rules that hold in this file:

- Every way out takes the request's `Clearance` and refuses before a name is resolved or a
  socket made. What has no clearance to show has no way out.
- This is the only module that makes an HTTP client for the provider, and the only one
  that imports litellm. A test reads the source tree and holds both.
"""

import aiohttp

from policies.privacy import Clearance
from router.errors import TrackError
from router.settings import CloudSettings


def cleared(clearance: Clearance) -> None:
    """Refuse what may not leave this machine.

    Raises:
        TrackError: cause `private`, status 403, where the clearance does not allow it.
    """
    if clearance.allowed is not True:
        raise TrackError(
            f"This request must not leave this machine ({clearance.why or 'no clearance was given'}). "
            'Ask for model "local", or take out of the conversation what the policy\'s `never_cloud` names.',
            cause="private",
            status=403,
            kind="permission_error",
        )


class Egress:
    """Owns the connections to the provider; pooled, made on first use on the running loop."""

    def __init__(self, settings: CloudSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None
