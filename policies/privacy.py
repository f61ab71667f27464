"""May this leave the machine? The answer to `never_cloud`, made once per request.

A `Clearance` is what the cloud track demands before it opens a connection; there
is no other way out. Where reading failed and the policy watches anything, the
answer is no: unknown is not allowed.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from classifiers.features import Features
from policies.globs import haystack
from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """Leave to go to the cloud, or the reason there is none."""

    allowed: bool
    why: str = ""
    """Which path, pattern or team forbids it; empty where allowed."""


ALLOWED = Clearance(allowed=True)


def clear(policy: Policy, features: Features | None, team: str = "") -> Clearance:
    """Hold one request against the policy's `never_cloud`.

    The reason names the policy's own pattern, never the path or text that matched it:
    reasons are kept, and those are not.

    Args:
        policy: Its `fence` is what is watched.
        features: None where the request could not be read.
        team: The team whose key was used; empty where there are no keys.
    """
    fence = policy.fence
    for glob in fence.teams:
        if fnmatchcase(team, glob):
            return _refused(
                "nothing leaves under this policy" if glob == "*" else f"team '{team}' is kept here"
            )
    if not fence.watches_content:
        return ALLOWED
    if features is None:
        return _refused("the request could not be read, and this policy keeps things private")
    watched = {pattern.pattern for pattern in fence.patterns}
    for mark in features.marks:  # reading watches for all policies' patterns
        if mark in watched:
            return _refused(f"the conversation matches '{mark}'")
    text = haystack(features.paths) if fence.paths else ""
    for glob, pattern in fence.paths:
        if text and pattern.search(text):
            return _refused(f"the conversation touches '{glob}'")
    return ALLOWED


def _refused(why: str) -> Clearance:
    return Clearance(allowed=False, why=f"never_cloud: {why}")
