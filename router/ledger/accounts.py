"""The stored teams and keys. A secret is returned once, by `create_key`, and stored nowhere."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from router.accounts.keys import mint
from router.accounts.teams import UNLIMITED, Budget, Key, Team, Terms
from router.ledger.tables import keys, teams

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was made just now."""

    id: str
    secret: str
    """To be shown once: it is not stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """The keys and teams in force."""

    keys: Mapping[str, Key]
    """By digest."""
    teams: tuple[Team, ...]


class Accounts:
    """Reads and writes teams and keys."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create_key(
        self,
        *,
        team: str,
        user: str = "",
        name: str = "",
        admin: bool = False,
        expires_at: float | None = None,
        terms: Terms = UNLIMITED,
    ) -> NewKey:
        """Make a key, and its team if it does not exist yet."""
        secret, stored = mint()
        key_id, now = secrets.token_hex(4), time.time()
        row: Row = {"id": key_id, "digest": stored, "created_at": now, "team": team, "user": user}
        row |= {"name": name, "admin": admin, "expires_at": expires_at} | _columns(terms)
        with self._engine.begin() as connection:
            if not admin and not _exists(connection, team):
                connection.execute(sa.insert(teams), {"name": team, "created_at": now})
            connection.execute(sa.insert(keys), row)
        return NewKey(id=key_id, secret=secret)

    def revoke_key(self, key_id: str) -> bool:
        """Revoke a key; False if no such key is in force."""
        ended = sa.update(keys).where(keys.c.id == key_id, keys.c.revoked_at.is_(None))
        with self._engine.begin() as connection:
            return connection.execute(ended.values(revoked_at=time.time())).rowcount > 0

    def key(self, key_id: str) -> Key | None:
        """Read a key by id; None if it does not exist or was revoked."""
        query = sa.select(keys).where(keys.c.id == key_id, keys.c.revoked_at.is_(None))
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _key(row)

    def set_key(self, key: Key) -> bool:
        """Change a key's name, user, expiry and terms; False if it is not in force."""
        changed = sa.update(keys).where(keys.c.id == key.id, keys.c.revoked_at.is_(None))
        row: Row = {"user": key.user, "name": key.name, "expires_at": key.expires_at, **_columns(key.terms)}
        with self._engine.begin() as connection:
            return connection.execute(changed.values(row)).rowcount > 0

    def keys(self) -> list[Row]:
        """List all keys, revoked ones too, oldest first, without their digests."""
        columns = [column for column in keys.c if column is not keys.c.digest]
        query = sa.select(*columns).order_by(keys.c.created_at, keys.c.id)
        with self._engine.connect() as connection:
            return [_listed(row) for row in connection.execute(query).mappings()]

    def add_team(self, team: Team) -> bool:
        """Add a team; False if the name is taken."""
        row = {"name": team.name, "created_at": time.time(), "zone": team.zone, **_columns(team.terms)}
        with self._engine.begin() as connection:
            if _exists(connection, team.name):
                return False
            connection.execute(sa.insert(teams), row)
        return True

    def set_team(self, team: Team) -> bool:
        """Change a team's zone and terms; False if it does not exist."""
        changed = sa.update(teams).where(teams.c.name == team.name)
        with self._engine.begin() as connection:
            result = connection.execute(changed.values(zone=team.zone, **_columns(team.terms)))
            return result.rowcount > 0

    def remove_team(self, name: str) -> list[str] | None:
        """Remove a team and revoke its keys; returns their ids, None if it does not exist.

        What it spent stays: a team that is added by the same name goes on with it.
        """
        held = (keys.c.team == name, keys.c.revoked_at.is_(None), keys.c.admin.isnot(True))
        with self._engine.begin() as connection:
            if not connection.execute(sa.delete(teams).where(teams.c.name == name)).rowcount:
                return None
            ids = list(connection.execute(sa.select(keys.c.id).where(*held)).scalars())
            connection.execute(sa.update(keys).where(*held).values(revoked_at=time.time()))
        return ids

    def team(self, name: str) -> Team | None:
        """Read a team by name; None if it does not exist."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(teams).where(teams.c.name == name)).mappings().first()
        return None if row is None else _team(row)

    def teams(self) -> list[Row]:
        """List all teams by name, and how many keys in force each has."""
        key_count = (
            sa.select(sa.func.count())
            .where(keys.c.team == teams.c.name, keys.c.revoked_at.is_(None), keys.c.admin.isnot(True))
            .scalar_subquery()
        )
        query = sa.select(teams, key_count.label("keys")).order_by(teams.c.name)
        with self._engine.connect() as connection:
            return [_listed(row) for row in connection.execute(query).mappings()]

    def load(self) -> Roster:
        """Read the keys in force and the teams, for a `Keyring`."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(keys).where(keys.c.revoked_at.is_(None))).mappings()
            by_digest = {row["digest"]: _key(row) for row in rows}
            return Roster(
                keys=by_digest, teams=tuple(map(_team, connection.execute(sa.select(teams)).mappings()))
            )


def _exists(connection: sa.Connection, team: str) -> bool:
    return connection.execute(sa.select(teams.c.name).where(teams.c.name == team)).first() is not None


def _columns(terms: Terms) -> Row:
    budget = terms.budget
    return {
        "policy": terms.policy or None,
        "budget_usd": budget.usd if budget else None,
        "budget_per": budget.per if budget else None,
        "budget_over": budget.over if budget else None,
        "requests_per_minute": terms.requests_per_minute,
        "tokens_per_minute": terms.tokens_per_minute,
        "models": "\n".join(terms.models) or None,
    }


def _terms(row: sa.RowMapping) -> Terms:
    usd = row["budget_usd"]
    return Terms(
        policy=row["policy"] or "",
        budget=None if usd is None else Budget(usd=usd, per=row["budget_per"], over=row["budget_over"]),
        requests_per_minute=row["requests_per_minute"],
        tokens_per_minute=row["tokens_per_minute"],
        models=tuple((row["models"] or "").split()),
    )


def _team(row: sa.RowMapping) -> Team:
    return Team(name=row["name"], zone=row["zone"] or "UTC", terms=_terms(row))


def _key(row: sa.RowMapping) -> Key:
    return Key(
        id=row["id"],
        team=row["team"],
        user=row["user"],
        name=row["name"],
        admin=bool(row["admin"]),
        expires_at=row["expires_at"],
        terms=_terms(row),
    )


def _listed(row: sa.RowMapping) -> Row:
    listed = dict(row) | {"models": (row["models"] or "").split()}
    if "zone" in listed:
        listed["zone"] = listed["zone"] or "UTC"
    if "admin" in listed:
        listed["admin"] = bool(listed["admin"])
    return listed
