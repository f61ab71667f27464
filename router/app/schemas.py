"""Schemas of teams and keys, for the command line and `/admin`."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from policies.load import SHIPPED, PolicyError, load
from router.accounts.periods import find_zone
from router.accounts.teams import DEFAULT_TEAM, Budget, Key, Team, Terms
from router.errors import BadRequest
from router.features.unique_keys import check_keys

MAX_VALUE = 1_000_000_000
_DURATION = re.compile(r"^(\d{1,6})([dhm])$")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def _check_policy(name: str) -> str:
    """Check that the policy loads. Paths become absolute: the endpoint may run in another folder."""
    if not name:
        return name
    try:
        load(name)
    except PolicyError as error:
        raise ValueError(" ".join(str(error).split())) from error
    return name if name in SHIPPED else str(Path(name).absolute())


def _check_zone(name: str) -> str:
    if find_zone(name) is None:
        raise ValueError("is no time zone of this machine's; give an IANA name such as Europe/Berlin or UTC")
    return name


def _check_name(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise ValueError("must not be empty, and must have no control characters")
    return name.strip()


def _check_printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("must have no control characters")
    return name.strip()


def _parse_expiry(text: str) -> float:
    """Parse `30d`, `12h`, `2026-12-31` or an ISO time, UTC by default, into seconds since the epoch."""
    if duration := _DURATION.match(text.strip()):
        return time() + timedelta(**{_UNITS[duration[2]]: int(duration[1])}).total_seconds()
    try:
        moment = datetime.fromisoformat(text.strip())
        timestamp = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError("give a time such as 30d, 12h, 2026-12-31 or 2026-12-31T18:00+01:00") from error
    if timestamp <= time():
        raise ValueError("lies in the past")
    return timestamp


Glob = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")]
Name = Annotated[str, Field(max_length=200), AfterValidator(_check_name)]
Label = Annotated[str, Field(max_length=200), AfterValidator(_check_printable)]
Rate = Annotated[int, Field(ge=1, le=MAX_VALUE)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Part = TypeVar("Part", bound=_Part)


class BudgetIn(_Part):
    """A limit in dollars per period, and what happens beyond it."""

    usd: float = Field(gt=0, le=MAX_VALUE, allow_inf_nan=False)
    per: Literal["day", "week", "month"] = "month"
    over: Literal["local", "error"] = "local"


class TermsIn(_Part):
    """Limits of a team or key; null is no limit."""

    policy: Annotated[str, Field(max_length=300), AfterValidator(_check_policy)] | None = None
    budget: BudgetIn | None = None
    requests_per_minute: Rate | None = None
    tokens_per_minute: Rate | None = None
    models: Annotated[list[Glob], Field(max_length=100)] | None = None

    def terms(self) -> Terms:
        """Convert to `Terms`; null becomes no limit."""
        return Terms(
            policy=self.policy or "",
            budget=Budget(**self.budget.model_dump()) if self.budget else None,
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            models=tuple(self.models or ()),
        )

    def applied_to(self, before: Terms) -> Terms:
        """Return `before` with the given fields replaced."""
        return replace(before, **select_set_fields(self, self.terms(), *TermsIn.model_fields))


class TeamTerms(TermsIn):
    """Changes to a team; fields left out stay."""

    zone: Annotated[str, Field(max_length=64), AfterValidator(_check_zone)] = "UTC"


class TeamIn(TeamTerms):
    """A team to create, with its limits."""

    name: Name

    def team(self) -> Team:
        """Convert to a `Team` with its limits."""
        return Team(name=self.name, zone=self.zone, terms=self.terms())


class KeyTerms(TermsIn):
    """Changes to a key; fields left out stay."""

    user: Label = ""
    name: Label = ""
    expires: Annotated[str, Field(max_length=64), AfterValidator(_parse_expiry)] | None = None

    @property
    def expires_at(self) -> float | None:
        """Seconds since the epoch; None for never."""
        return self.expires  # type: ignore[return-value] # the validator made a number of it

    def check_admin(self, admin: bool) -> None:
        """Check that an admin key has no limits of a team.

        Raises:
            BadRequest: it has one; the message names the field.
        """
        forbidden = self.model_fields_set & {*TermsIn.model_fields, "team"}
        if admin and forbidden:
            raise BadRequest(
                f"{min(forbidden)}: an admin key makes no model calls, so this means nothing; leave it out"
            )


class KeyIn(KeyTerms):
    """A key to create. An admin key has no team and no limits."""

    team: Name = DEFAULT_TEAM
    admin: bool = False

    def key(self) -> Key:
        """Convert to a `Key` without an id.

        Raises:
            BadRequest: an admin key with a team's terms, or a key without a team.
        """
        if not self.admin and "team" not in self.model_fields_set:
            raise BadRequest("team: is required; the key's requests are counted for this team")
        self.check_admin(self.admin)
        return Key(
            team=self.team,
            user=self.user,
            name=self.name,
            admin=self.admin,
            expires_at=self.expires_at,
            terms=self.terms(),
        )


def update_team(team: Team, data: dict[str, Any] | bytes) -> Team:
    """Return the team with the given fields changed.

    Raises:
        BadRequest: a field is invalid; the message names it.
    """
    update = parse(TeamTerms, data)
    return replace(team, terms=update.applied_to(team.terms), **select_set_fields(update, update, "zone"))


def update_key(key: Key, data: dict[str, Any] | bytes) -> Key:
    """Return the key with the given fields changed; its team and `admin` cannot change.

    Raises:
        BadRequest: a field is invalid; the message names it.
    """
    update = parse(KeyTerms, data)
    update.check_admin(key.admin)
    changes = select_set_fields(update, update, "user", "name")
    if "expires" in update.model_fields_set:
        changes["expires_at"] = update.expires_at
    return replace(key, terms=update.applied_to(key.terms), **changes)


def select_set_fields(update: _Part, value: object, *names: str) -> dict[str, Any]:
    """Select the attributes of `value` whose fields were set in `update`."""
    return {name: getattr(value, name) for name in names if name in update.model_fields_set}


def parse(schema: type[Part], data: dict[str, Any] | bytes) -> Part:
    """Validate JSON bytes or a dict of values.

    Raises:
        BadRequest: a field is invalid or unknown; the message names it.
    """
    try:
        if isinstance(data, bytes):
            check_keys(data)
            return schema.model_validate_json(data)
        return schema.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "body"
        allowed = (
            f"; known are {', '.join(schema.model_fields)}" if first["type"] == "extra_forbidden" else ""
        )
        raise BadRequest(f"{where}: {first['msg'].removeprefix('Value error, ')}{allowed}") from error
