"""What may be said of teams and keys, on the command line and over `/admin`: where text becomes values."""

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

MOST = 1_000_000_000
_IN = re.compile(r"^(\d{1,6})([dhm])$")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def _policy(name: str) -> str:
    """A path is kept whole: the endpoint may have been started elsewhere."""
    if not name:
        return name
    try:
        load(name)
    except PolicyError as error:
        raise ValueError(" ".join(str(error).split())) from error
    return name if name in SHIPPED else str(Path(name).absolute())


def _zone(name: str) -> str:
    if find_zone(name) is None:
        raise ValueError("is no time zone of this machine's; give an IANA name such as Europe/Berlin or UTC")
    return name


def _spoken(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise ValueError("must not be empty, and must have no control characters")
    return name.strip()


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("must have no control characters")
    return name.strip()


def _future(text: str) -> float:
    """Seconds since the epoch of `30d`, `12h`, `2026-12-31` or a moment; UTC where it has no offset."""
    if found := _IN.match(text.strip()):
        return time() + timedelta(**{_UNITS[found[2]]: int(found[1])}).total_seconds()
    try:
        given = datetime.fromisoformat(text.strip())
        moment = (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError("give a time such as 30d, 12h, 2026-12-31 or 2026-12-31T18:00+01:00") from error
    if moment <= time():
        raise ValueError("lies in the past")
    return moment


Glob = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")]
Name = Annotated[str, Field(max_length=200), AfterValidator(_spoken)]
Label = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
Rate = Annotated[int, Field(ge=1, le=MOST)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Part = TypeVar("Part", bound=_Part)


class BudgetIn(_Part):
    """Dollars a day, a week or a month."""

    usd: float = Field(gt=0, le=MOST, allow_inf_nan=False)
    per: Literal["day", "week", "month"] = "month"
    over: Literal["local", "error"] = "local"


class TermsIn(_Part):
    """What a team or a key may do; null is no limit."""

    policy: Annotated[str, Field(max_length=300), AfterValidator(_policy)] | None = None
    budget: BudgetIn | None = None
    requests_per_minute: Rate | None = None
    tokens_per_minute: Rate | None = None
    models: Annotated[list[Glob], Field(max_length=100)] | None = None

    def terms(self) -> Terms:
        """The same as a value."""
        return Terms(
            policy=self.policy or "",
            budget=Budget(**self.budget.model_dump()) if self.budget else None,
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            models=tuple(self.models or ()),
        )

    def over(self, before: Terms) -> Terms:
        """`before`, with what is named here in its place."""
        return replace(before, **named(self, self.terms(), *TermsIn.model_fields))


class TeamTerms(TermsIn):
    """A team's, for a change: what is left out stays."""

    zone: Annotated[str, Field(max_length=64), AfterValidator(_zone)] = "UTC"


class TeamIn(TeamTerms):
    """A new team."""

    name: Name

    def team(self) -> Team:
        """The same as a value."""
        return Team(name=self.name, zone=self.zone, terms=self.terms())


class KeyTerms(TermsIn):
    """A key's, for a change: what is left out stays."""

    user: Label = ""
    name: Label = ""
    expires: Annotated[str, Field(max_length=64), AfterValidator(_future)] | None = None

    @property
    def expires_at(self) -> float | None:
        """Seconds since the epoch; None for never."""
        return self.expires  # type: ignore[return-value] # the validator made a number of it

    def check_admin(self, admin: bool) -> None:
        """See that an admin key is given no team's terms.

        Raises:
            BadRequest: it is; the message names the field.
        """
        given = self.model_fields_set & {*TermsIn.model_fields, "team"}
        if admin and given:
            raise BadRequest(
                f"{min(given)}: an admin key makes no model calls, so this means nothing; leave it out"
            )


class KeyIn(KeyTerms):
    """A new key. An admin key needs no team and takes no terms."""

    team: Name = DEFAULT_TEAM
    admin: bool = False

    def key(self) -> Key:
        """The same as a value, without an id.

        Raises:
            BadRequest: an admin key with a team's terms, or a key without a team.
        """
        if not self.admin and "team" not in self.model_fields_set:
            raise BadRequest("team: must be given; it is whom the key's requests are counted for")
        self.check_admin(self.admin)
        return Key(
            team=self.team,
            user=self.user,
            name=self.name,
            admin=self.admin,
            expires_at=self.expires_at,
            terms=self.terms(),
        )


def changed_team(team: Team, given: dict[str, Any] | bytes) -> Team:
    """Give a team what is named, and leave it the rest.

    Raises:
        BadRequest: something is wrong with it; the message names the field.
    """
    asked = read(TeamTerms, given)
    return replace(team, terms=asked.over(team.terms), **named(asked, asked, "zone"))


def changed_key(key: Key, given: dict[str, Any] | bytes) -> Key:
    """Give a key what is named, and leave it the rest; its team and whether it is an admin's stay.

    Raises:
        BadRequest: as above.
    """
    asked = read(KeyTerms, given)
    asked.check_admin(key.admin)
    kept = named(asked, asked, "user", "name")
    if "expires" in asked.model_fields_set:
        kept["expires_at"] = asked.expires_at
    return replace(key, terms=asked.over(key.terms), **kept)


def named(asked: _Part, value: object, *names: str) -> dict[str, Any]:
    """Those of `value`'s attributes that `asked` was given."""
    return {name: getattr(value, name) for name in names if name in asked.model_fields_set}


def read(part: type[Part], given: dict[str, Any] | bytes) -> Part:
    """Read JSON, or values.

    Raises:
        BadRequest: something is wrong with it; the message names the field.
    """
    try:
        if isinstance(given, bytes):
            check_keys(given)
            return part.model_validate_json(given)
        return part.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "body"
        known = f"; known are {', '.join(part.model_fields)}" if first["type"] == "extra_forbidden" else ""
        raise BadRequest(f"{where}: {first['msg'].removeprefix('Value error, ')}{known}") from error
