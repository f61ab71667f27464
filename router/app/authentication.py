"""Who sends a request: a key, a trusted proxy's word, or nobody while no key exists.

Authentication only: what an account may do is `router.routing.admission`'s.
"""

from dataclasses import replace

from router.accounts.keys import Key, Keyring, extract_key
from router.accounts.teams import DEFAULT_TEAM, Account
from router.app.disconnect import Scope
from router.errors import BadKey, NotAllowed
from router.system.host_names import is_loopback
from router.types import Headers
from router.wire.headers import field

NAME = 200
"""Characters kept of a user's name that a proxy sends."""

NO_KEY = (
    "a Turnout key is required: send it as `Authorization: Bearer tn-...`, `x-api-key` or "
    "`x-turnout-key`; `turnout key create --team TEAM` makes one"
)
UNKNOWN_KEY = (
    "this Turnout key is unknown, was revoked or has expired; "
    "`turnout key create --team TEAM` makes a new one"
)


def peer_of(scope: Scope) -> str:
    """The address at the other end of the connection; empty where there is none."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def authenticate(headers: Headers, keyring: Keyring, peer: str = "") -> tuple[Account, Headers]:
    """On whose behalf a request comes, and the headers without the Turnout key and a proxy's word.

    A key that was given says it, else a trusted proxy, else, while no key exists, nobody.

    Raises:
        BadKey: a key is demanded and this is none.
        NotAllowed: it is an admin key; or a proxy's headers come from elsewhere, or name no team.
    """
    secret, rest = extract_key(headers)
    member, rest = _vouched(rest, keyring, peer)
    if secret is None and member is not None:
        return member, rest
    found = keyring.find(secret) if secret else None
    if found is None:
        if keyring.required:
            raise BadKey(UNKNOWN_KEY if secret else NO_KEY)
        return keyring.anonymous, rest
    key, account = found
    if key.admin:
        raise NotAllowed("an admin key is for /admin and the dashboard; send a team's key here")
    return account, rest


def authenticate_admin(headers: Headers, keyring: Keyring, peer: str) -> Key | None:
    """Who administers: the admin key, or None for a person on this machine while no key exists.

    Raises:
        BadKey: an admin key is needed and this is none.
        NotAllowed: it is a team's key.
    """
    secret, rest = extract_key(headers)
    _vouched(rest, keyring, peer)
    found = keyring.find(secret) if secret else None
    if found is not None:
        if not found[0].admin:
            raise NotAllowed("this is a team's key; /admin needs one made with `turnout key create --admin`")
        return found[0]
    if keyring.required or not is_loopback(peer):
        raise BadKey(
            "an admin key is required, as `Authorization: Bearer tn-...`, `x-api-key` or `x-turnout-key`; "
            "`turnout key create --admin` makes one"
        )
    return None


def _vouched(headers: Headers, keyring: Keyring, peer: str) -> tuple[Account | None, Headers]:
    """Whom a trusted proxy vouches for; its headers go no further."""
    trusted = keyring.trusted
    if trusted is None:
        return None, headers
    user, groups = field(headers, trusted.user), field(headers, trusted.team) if trusted.team else ""
    rest = tuple(pair for pair in headers if pair[0] not in {trusted.user, trusted.team})
    if not (user or groups):
        return None, rest
    if not trusted.contains(peer):
        raise NotAllowed(
            f"{trusted.user if user else trusted.team}: this header is believed only from the addresses in "
            f"`trusted_header.from`, and {peer or 'this connection'} is none of them; leave it out"
        )
    if not user:
        raise NotAllowed(f"{trusted.user}: the proxy named a team and no user; let it send both headers")
    named = [name.strip() for name in groups.split(",")] if trusted.team else [DEFAULT_TEAM]
    members = (keyring.member(name, user[:NAME]) for name in named)
    member = next((one for one in members if one is not None), None)
    if member is None and not trusted.team:
        member = replace(keyring.anonymous, user=user[:NAME])
    if member is None:
        raise NotAllowed(
            f"{trusted.team}: none of the groups is a team; `turnout team add NAME` makes one"
            if groups
            else f"{trusted.team}: the proxy named no team; let it send this header, too"
        )
    return member, rest
