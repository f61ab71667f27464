"""Authenticates requests by key, by a trusted proxy's headers, or as nobody while no key exists.

Authentication only: what an account may do is `router.routing.admission`'s. A key never travels on:
`extract_key` takes it out of the headers and leaves the client's other credentials where they are.
"""

from dataclasses import replace

from router.accounts.keys import PREFIX, Key, Keyring, TrustedProxies
from router.accounts.teams import DEFAULT_TEAM, Account
from router.app.asgi_types import Scope
from router.errors import BadKey, NotAllowed
from router.system.host_names import is_loopback
from router.types import NAME_LENGTH, Headers
from router.wire.headers import field

HEADER = "x-turnout-key"
GOOGLE_HEADER = "x-goog-api-key"
"""What Gemini's clients send a key in. A key of Google's means nothing here, and goes nowhere."""
_BEARER = "bearer "

NO_KEY = (
    "a Turnout key is required: send it as your client's API key, or in `x-turnout-key`; "
    "`turnout key create --team TEAM` makes one"
)
"""Claude Code shows an error that speaks of `x-api-key` as its own `Invalid API key`, and not this."""
UNKNOWN_KEY = (
    "this Turnout key is unknown, was revoked or has expired; "
    "`turnout key create --team TEAM` makes a new one"
)


def headers_of(scope: Scope) -> Headers:
    """Return the header fields in order; ASGI gives their names in lower case."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])


def peer_of(scope: Scope) -> str:
    """Return the client's address; empty if the connection has none."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def authenticate(scope: Scope, keyring: Keyring) -> tuple[Account, Headers]:
    """Return the account of a request, and its headers without Turnout's key and the proxy's identity.

    A key that was given says it, else a trusted proxy, else, while no key exists, nobody.

    Raises:
        BadKey: a key is demanded and this is none.
        NotAllowed: it is an admin key; or a proxy's headers come from elsewhere, or name no team.
    """
    secret, headers = extract_key(headers_of(scope))
    vouched = None
    if keyring.trusted:
        vouched, headers = _read_proxy_identity(headers, keyring, keyring.trusted, peer_of(scope))
    if secret is None and vouched is not None:
        return vouched, headers
    match = keyring.find(secret) if secret else None
    if match is None:
        if keyring.required:
            raise BadKey(UNKNOWN_KEY if secret else NO_KEY)
        return keyring.anonymous, headers
    key, account = match
    if key.admin:
        raise NotAllowed("an admin key is for /admin and the dashboard; send a team's key here")
    return account, headers


def authenticate_admin(scope: Scope, keyring: Keyring) -> Key | None:
    """Return the admin key of a request, or None for this machine while no key exists.

    Raises:
        BadKey: an admin key is required, and this is none.
        NotAllowed: it is a team's key.
    """
    peer = peer_of(scope)
    secret, headers = extract_key(headers_of(scope))
    if keyring.trusted:
        _read_proxy_identity(headers, keyring, keyring.trusted, peer)
    match = keyring.find(secret) if secret else None
    if match is not None:
        if not match[0].admin:
            raise NotAllowed("this is a team's key; /admin needs one made with `turnout key create --admin`")
        return match[0]
    if keyring.required or not is_loopback(peer):
        raise BadKey(
            "an admin key is required, as `Authorization: Bearer tn-...`, `x-api-key` or `x-turnout-key`; "
            "`turnout key create --admin` makes one"
        )
    return None


def _read_proxy_identity(
    headers: Headers, keyring: Keyring, trusted: TrustedProxies, peer: str
) -> tuple[Account | None, Headers]:
    """Return the account that a trusted proxy names, and the headers without its identity fields."""
    user, groups = field(headers, trusted.user), field(headers, trusted.team) if trusted.team else ""
    remaining = tuple(pair for pair in headers if pair[0] not in {trusted.user, trusted.team})
    if not (user or groups):
        return None, remaining
    if not trusted.contains(peer):
        raise NotAllowed(
            f"{trusted.user if user else trusted.team}: this header is accepted only from the addresses in "
            f"`trusted_header.from`, and {peer or 'this connection'} is none of them; leave it out"
        )
    if not user:
        raise NotAllowed(f"{trusted.user}: the proxy named a team and no user; let it send both headers")
    team_names = [name.strip() for name in groups.split(",")] if trusted.team else [DEFAULT_TEAM]
    members = (keyring.member(name, user[:NAME_LENGTH]) for name in team_names)
    member = next((account for account in members if account is not None), None)
    if member is None and not trusted.team:
        member = replace(keyring.anonymous, user=user[:NAME_LENGTH])
    if member is None:
        raise NotAllowed(
            f"{trusted.team}: none of the groups is a team; `turnout team add NAME` makes one"
            if groups
            else f"{trusted.team}: the proxy named no team; let it send this header, too"
        )
    return member, remaining


def extract_key(headers: Headers) -> tuple[str | None, Headers]:
    """Take the Turnout key out of `headers` (names in lower case).

    It is looked for in `x-turnout-key`, in `authorization: Bearer tn-...`, in
    `x-api-key: tn-...` and in `x-goog-api-key: tn-...`, in this order of preference. Every
    header that carries one is left out of what is returned, and so is any key of Google's;
    other credentials, the provider's among them, stay.

    Returns:
        The secret, or None where there is none, and the remaining headers.
    """
    by_header = {name: secret for name, value in headers if (secret := _secret(name, value)) is not None}
    if not by_header:
        return None, tuple(field for field in headers if field[0] != GOOGLE_HEADER)
    order = (HEADER, "authorization", "x-api-key", GOOGLE_HEADER)
    secret = next(by_header[name] for name in order if name in by_header)
    return secret, tuple(field for field in headers if field[0] != GOOGLE_HEADER and _secret(*field) is None)


def _secret(name: str, value: str) -> str | None:
    if name == HEADER:
        return value.strip()
    if name == "authorization" and value[: len(_BEARER)].lower() == _BEARER:
        value = value[len(_BEARER) :]
    elif name not in {"x-api-key", GOOGLE_HEADER}:
        return None
    value = value.strip()
    return value if value.startswith(PREFIX) else None
