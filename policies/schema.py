"""What may stand in a policy file: the edge where YAML becomes values.

Every key is listed here; any other is refused. Conditions and patterns are
compiled by `policies.load`, which also knows the line each value stands on.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, get_args

import re2
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from policies.causes import DegradeCause, EscalationCause, Setback
from policies.globs import QUIET, error_text

Confidence = Annotated[float, Field(strict=True, ge=0.5, lt=1)]
Count = Annotated[int, Field(strict=True, ge=0)]
Identifier = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z][a-z0-9_]*$")]
Name = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Switch = Annotated[bool, Field(strict=True)]
Text = Annotated[str, StringConstraints(strict=True, min_length=1)]
Why = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200, pattern=r"^[^\r\n]+$")]
"""One line, for it travels in a header."""

Opaque = Literal["allow", "local", "always"]


def _pattern(text: str) -> str:
    """See that RE2 takes a pattern: its time is linear, so no pattern can hold up a request."""
    try:
        re2.compile(text, QUIET)
    except re2.error as error:
        why = error_text(error)
        remedy = (
            "; it must run in linear time (RE2), so without lookaround and backreferences: write it without"
            if "invalid perl operator" in why or "invalid escape" in why
            else ""
        )
        raise ValueError(f"is no valid regular expression: {why}{remedy}") from error
    return text


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RuleSpec(_Part):
    """One line of the policy; the first whose condition holds decides."""

    name: Name | None = None
    """Shown in `x-turnout-rule`; made from `why` where it is left out."""
    when: Text
    """A CEL condition over what was read and the state."""
    to: Literal["local", "cloud"]
    why: Why


class OtherwiseSpec(_Part):
    """Where a request goes that no rule speaks of."""

    to: Literal["local", "cloud"]
    why: Why


Again = Annotated[int, Field(strict=True, ge=2)]
"""How often something fails; once is no evidence."""
Times = Annotated[int, Field(strict=True, ge=1)]


def _share(number: float) -> float:
    if not 0 < number <= 1:
        percent = f"; for {number:g}%, write {number / 100:g}" if 1 < number <= 100 else ""  # noqa: PLR2004 # a percentage
        raise ValueError(f"is a share of the window, more than 0 and at most 1{percent}")
    return number


Share = Annotated[float, Field(strict=True, allow_inf_nan=False), AfterValidator(_share)]

TWICE: Mapping[str, int] = MappingProxyType(
    {"same_call_failed": 2, "same_test_failed": 2, "edit_rejected": 2}
)
"""Setbacks that `on` may name alone, and how often they then must happen."""
_UNITS = {
    "error_streak": "the failures in a row that are too many",
    "no_edit_after": "the calls without an edit that are too many",
    "window_filled": "the share of the window that is too much, such as 0.9",
}


class Escalate(_Part):
    """When a local turn may go on in the cloud: failures before its first useful unit, and setbacks in it."""

    on: tuple[EscalationCause, ...]
    first_byte_s: Positive | None = None
    """Seconds the local track has for its first useful unit; longer is the cause `slow`."""
    to: Literal["cloud"] = "cloud"
    """Never `local`: that is where the failure came from."""
    at_most: Count = 1
    """Escalations per request."""
    same_call_failed: Again | None = None
    """How often the same call fails in a turn; the number makes the cause one, here and in those below."""
    same_test_failed: Again | None = None
    """How often the same test fails in a turn, with an edit before each time but the first."""
    edit_rejected: Times | None = None
    """Edits in a row that do not apply."""
    error_streak: Times | None = None
    """Failed tool answers in a row."""
    no_edit_after: Times | None = None
    """Model calls of a turn in which nothing was edited."""
    window_filled: Share | None = None
    """Share of the local window that the prompt fills."""
    max_usd: Positive | None = None
    """Dollars that a move for a setback may cost, whether or not it pays; without it only what pays moves."""

    @model_validator(mode="after")
    def _a_cause_is_named(self) -> "Escalate":
        # Not a length of the field: where its only entry is unknown, that alone is to be told.
        if not self.on:
            raise ValueError(f"`on` names no cause; one of {', '.join(get_args(EscalationCause))}")
        return self

    @model_validator(mode="after")
    def _setbacks_need_their_numbers(self) -> "Escalate":
        for name, unit in _UNITS.items():
            if name in self.on and getattr(self, name) is None:
                raise ValueError(f"`on` names '{name}', so set `{name}` to {unit}")
        if self.max_usd is not None and not self.setbacks:
            names = ", ".join(get_args(Setback))
            raise ValueError(
                f"`max_usd` is for moves on a setback, and there is none here: name one of {names}"
            )
        return self

    @model_validator(mode="after")
    def _slow_needs_a_limit(self) -> "Escalate":
        if "slow" in self.on and self.first_byte_s is None:
            raise ValueError("`on` names 'slow', so set `first_byte_s` to the seconds that are too many")
        return self

    @property
    def causes(self) -> frozenset[str]:
        """All causes that escalate; a limit on the first byte makes `slow` one, a number its setback."""
        return (
            frozenset(self.on) | self.setbacks | ({"slow"} if self.first_byte_s is not None else frozenset())
        )

    @property
    def setbacks(self) -> frozenset[str]:
        """Those of the causes that the conversation itself tells."""
        return frozenset(
            name for name in get_args(Setback) if name in self.on or getattr(self, name) is not None
        )

    def limit(self, setback: str) -> float:
        """From which number on a setback that is a cause is one."""
        return float(getattr(self, setback) or TWICE[setback])


class Degrade(_Part):
    """Which failures of the cloud track may be served locally, marked as degraded."""

    on: tuple[DegradeCause, ...] = Field(min_length=1)
    to: Literal["local"] = "local"
    """Never `cloud`: that is where the failure came from."""


class NeverCloud(_Part):
    """What never leaves, whatever the rules say."""

    paths: tuple[Text, ...] = ()
    """Patterns as in a `.gitignore`; a conversation that touches such a file stays."""
    match: tuple[Annotated[Text, AfterValidator(_pattern)], ...] = ()
    """Regular expressions in RE2's syntax; a conversation in which one occurs stays."""
    teams: tuple[Text, ...] = ()
    """Teams whose requests stay; `*` stands for any characters."""
    opaque: Opaque = "local"
    """What nobody here can read, such as an image: `allow` it, keep it `local` once the session has touched
    something that stays, or `always`."""


class Budget(_Part):
    """What a team may spend in a calendar month, in its own time zone."""

    team_month_usd: Positive
    over: Literal["local", "error"] = "local"
    """Once it is used up: the local track serves, or the client is told (402)."""


class Check(_Part):
    """Bars that `turnout policy check` holds the policy to: by metric, each a relation and a number."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[str, Field(strict=True)]]

    ci: Confidence = 0.95
    """Confidence of the intervals."""

    @property
    def written(self) -> dict[str, str]:
        """The bars as written, by metric."""
        return dict(self.__pydantic_extra__)


class PolicySpec(_Part):
    """The top level of a policy file."""

    name: Name
    description: str = ""
    params: dict[Identifier, Number] = Field(default_factory=dict)
    """Numbers that may be tuned; conditions name them `params.…`."""
    rules: tuple[RuleSpec, ...] = ()
    otherwise: OtherwiseSpec
    hold: Literal["turn", "none", "conversation"] = "turn"
    """How long a decision is kept: through the user turn's tool loop, not at all, or for the conversation."""
    hold_s: Positive = 3600
    """Seconds without a call after which a kept decision is made anew."""
    escalate: Escalate | None = None
    degrade: Degrade | None = None
    never_cloud: NeverCloud = NeverCloud()
    budget: Budget | None = None
    check: Check = Field(default_factory=lambda: Check.model_validate({}))
    observe: Switch = False
    """Only record what the rules say; requests go where the client asked."""
