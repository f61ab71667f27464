"""May this leave the machine? The answer to `never_cloud`, made once per request.

A `Clearance` is what the cloud track demands before it opens a connection; there
is no other way out. Where reading failed and the policy watches anything, the
answer is no: unknown is not allowed.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """Leave to go to the cloud, or the reason there is none."""

    allowed: bool
    why: str = ""
    """Which path, pattern or team forbids it; empty where allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What a request would expose, of all that any policy keeps here. Made by `router.privacy`."""

    sources: frozenset[str] = frozenset()
    """Globs and patterns, as policies have them, that its bytes match."""
    earlier: frozenset[str] = frozenset()
    """Those that its session, or content that it repeats, matched before."""
    unnamed: bool = False
    """It holds the output of a command that may be any file's, as that names none."""
    opaque: bool = False
    """It holds what cannot be read: an image, encrypted reasoning, a file by its id."""
    readable: bool = True


ALLOWED = Clearance(allowed=True)


def clear(policy: Policy, exposure: Exposure | None, team: str = "") -> Clearance:
    """Hold one request against the policy's `never_cloud`.

    The reason names the policy's own pattern, never the path or text that matched it:
    reasons are kept, and those are not.

    Args:
        policy: Its `never_cloud` says what is watched.
        exposure: None where the request could not be read.
        team: The team whose key was used; empty where there are no keys.
    """
    rules = policy.never_cloud
    for glob in rules.teams:
        if fnmatchcase(team, glob):
            return _refused(
                "nothing leaves under this policy" if glob == "*" else f"team '{team}' is kept here"
            )
    if not rules.watches_content:
        return ALLOWED
    if exposure is None or not exposure.readable:
        return _refused("the request could not be read, and this policy keeps things private")
    return _of_content(policy, exposure)


def _of_content(policy: Policy, exposure: Exposure) -> Clearance:
    rules = policy.never_cloud
    for matched, when in ((exposure.sources, ""), (exposure.earlier, " earlier")):
        for pattern in rules.patterns:
            if pattern in matched:
                return _refused(f"the conversation {'matched' if when else 'matches'} '{pattern}'{when}")
        for path in rules.paths:
            if path.source in matched:
                return _refused(f"the conversation {'touched' if when else 'touches'} '{path.source}'{when}")
    if exposure.unnamed and rules.paths:
        return _refused("a command printed files' contents without their names")
    if exposure.opaque and rules.opaque == "always":
        return _refused("it holds what cannot be read, and this policy keeps that here")
    return ALLOWED


def _refused(why: str) -> Clearance:
    return Clearance(allowed=False, why=f"never_cloud: {why}")
