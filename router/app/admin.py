"""`/admin/*`: teams and keys as JSON, for whoever has an admin key.

While no key exists, a person on this machine needs none; that no other site's page is let through
is `router.app.origin`'s part. Every change is in force when its answer is there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa
from fastapi import APIRouter, Request

from router.accounts.keys import Key, Keyring
from router.accounts.teams import Team, account
from router.app.authentication import authenticate_admin, headers_of
from router.app.body import take_body
from router.app.early_response import body_of
from router.app.schemas import KeyIn, TeamIn, changed_key, changed_team, read
from router.errors import BadRequest, TurnoutError
from router.ledger.accounts import Accounts
from router.ledger.budgets import Budgets
from router.wire.headers import field

Json = dict[str, Any]
JSON = "application/json"
MOST_BYTES = 2**20
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminOptions:
    """What administration needs."""

    accounts: Accounts
    budgets: Budgets
    keyring: Keyring
    changed: Callable[[], Awaitable[None]]
    """Puts what was changed into force."""


def build_admin(options: AdminOptions) -> APIRouter:
    """The paths."""
    router = APIRouter(prefix="/admin")
    accounts = options.accounts

    @router.get("/teams")
    async def teams(request: Request) -> Json:
        """All teams, with their terms, keys in force and how their budgets stand."""
        enter(request, options.keyring)
        return {"teams": await _work(list_teams, accounts, options.budgets)}

    @router.post("/teams", status_code=201)
    async def add_team(request: Request) -> Json:
        """Make a team."""
        team = read(TeamIn, await _body(request, options.keyring)).team()
        if not await _work(accounts.add_team, team):
            raise BadRequest(f"name: there is a team {team.name!r} already; PATCH changes it", status=409)
        return await show(team.name)

    @router.get("/teams/{name:path}")
    async def one_team(request: Request, name: str) -> Json:
        """One team."""
        enter(request, options.keyring)
        return await show(name)

    @router.patch("/teams/{name:path}")
    async def set_team(request: Request, name: str) -> Json:
        """Change what is named, and leave the rest; null lifts a limit."""
        body = await _body(request, options.keyring)
        team = await _work(accounts.team, name)
        if team is None or not await _work(accounts.set_team, changed_team(team, body)):
            raise _no_team(name)
        return await show(name)

    @router.get("/keys")
    async def keys(request: Request) -> Json:
        """All keys, revoked ones too, without their secrets."""
        enter(request, options.keyring)
        return {"keys": await _work(accounts.keys)}

    @router.post("/keys", status_code=201)
    async def create_key(request: Request) -> Json:
        """Make a key; this answer is the only one that has its secret."""
        key = read(KeyIn, await _body(request, options.keyring)).key()
        made = await _work(make_key, accounts, key)
        await options.changed()
        return made

    @router.patch("/keys/{key_id}")
    async def set_key(request: Request, key_id: str) -> Json:
        """Change what is named, and leave the rest; null lifts a limit, and lets the key never end."""
        body = await _body(request, options.keyring)
        key = await _work(accounts.key, key_id)
        if key is None or not await _work(accounts.set_key, changed_key(key, body)):
            raise _no_key()
        await options.changed()
        return next(row for row in await _work(accounts.keys) if row["id"] == key_id)

    @router.delete("/keys/{key_id}")
    async def revoke_key(request: Request, key_id: str) -> Json:
        """End a key."""
        enter(request, options.keyring)
        if not await _work(accounts.revoke_key, key_id):
            raise _no_key()
        await options.changed()
        return {"revoked": key_id}

    async def show(name: str) -> Json:
        await options.changed()
        found = [row for row in await _work(list_teams, accounts, options.budgets) if row["name"] == name]
        if not found:
            raise _no_team(name)
        return found[0]

    return router


def enter(request: Request, keyring: Keyring) -> Key | None:
    """Let an admin in; None stands for a person on this machine while no key exists.

    Raises:
        BadKey: an admin key is needed and this is none.
        NotAllowed: it is a team's key.
    """
    return authenticate_admin(request.scope, keyring)


def list_teams(accounts: Accounts, budgets: Budgets) -> list[Json]:
    """All teams, and how their budgets stand."""
    known = {team.name: team for team in accounts.load().teams}
    return [row | {"balance": _balance(known.get(row["name"]), budgets)} for row in accounts.teams()]


def make_key(accounts: Accounts, key: Key) -> Json:
    """Make a key, and tell what there is to tell once."""
    made = accounts.create_key(
        team=key.team,
        user=key.user,
        name=key.name,
        admin=key.admin,
        expires_at=key.expires_at,
        terms=key.terms,
    )
    shown = asdict(key) | {"id": made.id, "key": made.secret}
    return {name: shown[name] for name in ("id", "key", "team", "user", "name", "admin", "expires_at")}


def _balance(team: Team | None, budgets: Budgets) -> Json | None:
    limits = account(team).budgets if team else ()
    return asdict(budgets.balance(limits[0])) if limits else None


async def _body(request: Request, keyring: Keyring) -> bytes:
    enter(request, keyring)
    headers = headers_of(request.scope)
    if field(headers, "content-type").partition(";")[0].strip().lower() != JSON:
        raise BadRequest(f"content-type: must be {JSON}", status=415)
    return await take_body(body_of(request.scope), headers, limit=MOST_BYTES)


async def _work(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Ask the database without keeping anyone waiting."""
    try:
        return await asyncio.to_thread(function, *args, **kwargs)
    except (sa.exc.OperationalError, sa.exc.TimeoutError) as error:
        raise TurnoutError("the ledger cannot be used now; try again", status=503) from error


def _no_team(name: str) -> BadRequest:
    return BadRequest(
        f"team: there is no team {name[:100]!r}; GET /admin/teams lists them",
        status=404,
        kind="not_found_error",
    )


def _no_key() -> BadRequest:
    return BadRequest(
        "key: there is no such key in force; GET /admin/keys shows their ids",
        status=404,
        kind="not_found_error",
    )
