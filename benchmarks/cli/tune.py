"""`turnout policy tune`."""

from router.errors import Misconfigured


def tune() -> None:
    """Not in this version yet."""
    raise Misconfigured("policy tune is not in this version yet")
