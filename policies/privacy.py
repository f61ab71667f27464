"""May this leave the machine? The answer to `never_cloud`, made once per request.

A `Clearance` is what the cloud track demands before it opens a connection; there
is no other way out. Where reading failed and the policy watches anything, the
answer is no: unknown is not allowed.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """Leave to go to the cloud, or the reason there is none."""

    allowed: bool
    why: str = ""
    """Which path, pattern or team forbids it; empty where allowed."""
