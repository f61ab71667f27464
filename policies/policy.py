"""A policy as it is held in memory: checked, compiled, frozen. Made by `policies.load`."""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.bars import Gate
from policies.conditions import Condition
from policies.decision import TrackName
from policies.globs import Glob
from policies.schema import Budget, Degrade, Escalate, Opaque, OtherwiseSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of a policy; the first whose condition holds decides."""

    name: str
    when: Condition
    to: TrackName
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyRules:
    """The policy's `never_cloud`, its globs compiled."""

    paths: tuple[Glob, ...] = ()
    patterns: tuple[str, ...] = ()
    """Regular expressions in RE2's syntax."""
    teams: tuple[str, ...] = ()
    opaque: Opaque = "local"

    @property
    def watches_content(self) -> bool:
        """True where the request must have been read to know whether it may leave."""
        return bool(self.paths or self.patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy, loaded and compiled."""

    name: str
    description: str
    source: str
    """Where it was read from, for messages."""
    params: Mapping[str, float]
    rules: tuple[Rule, ...]
    otherwise: OtherwiseSpec
    hold: str
    """`turn`, `none` or `conversation`."""
    hold_s: float
    """Seconds without a call after which a kept decision is made anew."""
    escalate: Escalate | None
    degrade: Degrade | None
    never_cloud: PrivacyRules
    budget: Budget | None
    check: Gate
    """What `turnout policy check` holds it to."""
    observe: bool
    warnings: tuple[str, ...] = ()
    """What is in order and still is probably not meant, each with file and line."""
    variables: frozenset[str]
    """The variables that any condition reads; no other is computed."""

    @property
    def first_byte_s(self) -> float | None:
        """Seconds the local track has for its first useful unit; None for no limit."""
        return self.escalate.first_byte_s if self.escalate else None
