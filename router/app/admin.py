"""`/admin/*`: teams and keys as JSON, for holders of an admin key.

While no key exists, requests from this machine need none; `router.app.origin` keeps pages of other
sites out. A change is in force when it is answered.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa
from fastapi import APIRouter, Request

from policies.policy import Policy
from router.accounts.keys import Key, Keyring
from router.app.authentication import authenticate_admin, headers_of
from router.app.body import take_body
from router.app.early_response import body_of
from router.app.schemas import KeyIn, TeamIn, parse, update_key, update_team
from router.errors import Conflict, NotFound, Unavailable, UnsupportedMedia
from router.ledger.accounts import Accounts
from router.ledger.budget_status import BudgetStatus, read_budget_status
from router.ledger.budgets import Budgets
from router.wire.headers import field

Json = dict[str, Any]
JSON = "application/json"
MOST_BYTES = 2**20
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminOptions:
    """Collaborators of the administration API."""

    accounts: Accounts
    budgets: Budgets
    policy_of: Callable[[str], Policy]
    """Returns the policy of a name; the empty name is the endpoint's own."""
    keyring: Keyring
    apply_changes: Callable[[], Awaitable[None]]
    """Brings changed teams and keys into force."""


def build_admin(options: AdminOptions) -> APIRouter:
    """Build the routes below `/admin`."""
    router = APIRouter(prefix="/admin")
    accounts = options.accounts

    @router.get("/teams")
    async def teams(request: Request) -> Json:
        """All teams, with their terms, keys in force and budget balances."""
        require_admin(request, options.keyring)
        return {"teams": await _run_blocking(list_teams, accounts, options.budgets, options.policy_of)}

    @router.post("/teams", status_code=201)
    async def add_team(request: Request) -> Json:
        """Create a team; 409 if the name exists."""
        team = parse(TeamIn, await _body(request, options.keyring)).team()
        if not await _run_blocking(accounts.add_team, team):
            raise Conflict(f"name: there is a team {team.name!r} already; PATCH changes it")
        return await read_team(team.name)

    @router.get("/teams/{name:path}")
    async def get_team(request: Request, name: str) -> Json:
        """One team; 404 if there is none of this name."""
        require_admin(request, options.keyring)
        return await read_team(name)

    @router.patch("/teams/{name:path}")
    async def set_team(request: Request, name: str) -> Json:
        """Change what is named, and leave the rest; null lifts a limit."""
        body = await _body(request, options.keyring)
        team = await _run_blocking(accounts.team, name)
        if team is None or not await _run_blocking(accounts.set_team, update_team(team, body)):
            raise _no_team(name)
        return await read_team(name)

    @router.get("/keys")
    async def keys(request: Request) -> Json:
        """All keys, including revoked ones, without their secrets."""
        require_admin(request, options.keyring)
        return {"keys": await _run_blocking(accounts.keys)}

    @router.post("/keys", status_code=201)
    async def create_key(request: Request) -> Json:
        """Create a key; only this answer contains its secret."""
        key = parse(KeyIn, await _body(request, options.keyring)).key()
        created = await _run_blocking(issue_key, accounts, key)
        await options.apply_changes()
        return created

    @router.patch("/keys/{key_id}")
    async def set_key(request: Request, key_id: str) -> Json:
        """Change the given fields; null lifts a limit, and removes the expiry."""
        body = await _body(request, options.keyring)
        key = await _run_blocking(accounts.key, key_id)
        if key is None or not await _run_blocking(accounts.set_key, update_key(key, body)):
            raise _no_key()
        await options.apply_changes()
        return next(row for row in await _run_blocking(accounts.keys) if row["id"] == key_id)

    @router.delete("/keys/{key_id}")
    async def revoke_key(request: Request, key_id: str) -> Json:
        """Revoke a key; 404 if none of this id is in force."""
        require_admin(request, options.keyring)
        if not await _run_blocking(accounts.revoke_key, key_id):
            raise _no_key()
        await options.apply_changes()
        return {"revoked": key_id}

    async def read_team(name: str) -> Json:
        await options.apply_changes()
        rows = await _run_blocking(list_teams, accounts, options.budgets, options.policy_of, name)
        if not rows:
            raise _no_team(name)
        return rows[0]

    return router


def require_admin(request: Request, keyring: Keyring) -> Key | None:
    """Authenticate an admin; returns None for this machine while no key exists.

    Raises:
        BadKey: an admin key is required and this is none.
        NotAllowed: it is a team's key.
    """
    return authenticate_admin(request.scope, keyring)


def list_teams(
    accounts: Accounts, budgets: Budgets, policy_of: Callable[[str], Policy], name: str | None = None
) -> list[Json]:
    """Return all teams, or the one of this name, with their `budgets` and the `balance` of a team's own."""
    by_team = defaultdict(list)
    for status in read_budget_status(accounts, budgets, policy_of, team=name):
        by_team[status.team].append(status)
    return [row | _budgets(by_team[row["name"]]) for row in accounts.teams() if name in {None, row["name"]}]


def issue_key(accounts: Accounts, key: Key) -> Json:
    """Create a key; returns its fields with the secret, which is not stored."""
    issued = accounts.create_key(
        team=key.team,
        user=key.user,
        name=key.name,
        admin=key.admin,
        expires_at=key.expires_at,
        terms=key.terms,
    )
    fields = asdict(key) | {"id": issued.id, "key": issued.secret}
    return {name: fields[name] for name in ("id", "key", "team", "user", "name", "admin", "expires_at")}


def _budgets(statuses: Sequence[BudgetStatus]) -> Json:
    own = (asdict(status.balance) for status in statuses if not (status.key or status.policy))
    return {
        "balance": next(own, None),
        "budgets": [
            {
                "key": status.key.id if status.key else None,
                "policy": status.policy or None,
                "per": status.budget.per,
                "over": status.budget.over,
                **asdict(status.balance),
            }
            for status in statuses
        ],
    }


async def _body(request: Request, keyring: Keyring) -> bytes:
    require_admin(request, keyring)
    headers = headers_of(request.scope)
    if field(headers, "content-type").partition(";")[0].strip().lower() != JSON:
        raise UnsupportedMedia(f"content-type: must be {JSON}")
    return await take_body(body_of(request.scope), headers, limit=MOST_BYTES)


async def _run_blocking(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a database call on a worker thread; a busy database becomes a 503."""
    try:
        return await asyncio.to_thread(function, *args, **kwargs)
    except (sa.exc.OperationalError, sa.exc.TimeoutError) as error:
        raise Unavailable("the ledger cannot be used now; try again") from error


def _no_team(name: str) -> NotFound:
    return NotFound(f"team: there is no team {name[:100]!r}; GET /admin/teams lists them")


def _no_key() -> NotFound:
    return NotFound("key: there is no such key in force; GET /admin/keys shows their ids")
