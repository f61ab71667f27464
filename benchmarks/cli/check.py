"""`turnout policy check`."""

from router.errors import Misconfigured


def check() -> None:
    """Not in this version yet."""
    raise Misconfigured("policy check is not in this version yet")
