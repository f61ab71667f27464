"""`turnout policy diff`."""

from router.errors import Misconfigured


def diff() -> None:
    """Not in this version yet."""
    raise Misconfigured("policy diff is not in this version yet")
