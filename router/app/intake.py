"""From an ASGI scope to a `Request`: the body within its bounds, the key, the few facts.

Bodies are taken as they are; `gzip` and `deflate` are undone, since the size limit
and the reading need the text. Anything wrong raises a `BadRequest` that says what.
"""

import uuid
import zlib
from typing import Literal

from router.app.hangup import Receive, Scope
from router.errors import BadKey, BadRequest, TooLarge
from router.keys import Key, Keyring, present
from router.tracks.headers import field
from router.types import DialectName, Headers, Operation, Request
from router.wire import DIALECTS
from router.wire.body import mend

DRAINED = 256 * 2**20
"""Bytes of an oversized body read and dropped, so that the client gets to read the answer."""

NO_TEAM = "default"
"""Whose requests are while no key exists."""

Encoding = Literal["", "identity", "gzip", "deflate"]
_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def headers_of(scope: Scope) -> Headers:
    """The request's fields in order; ASGI gives their names in lower case."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])


async def take_body(receive: Receive, headers: Headers, limit: int) -> bytes:
    """The whole body, decoded, at most `limit` bytes.

    Raises:
        TooLarge: the body is larger, as sent or once decoded.
        BadRequest: it ended early, or its encoding is unknown or broken.
    """
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("the connection closed before the body was complete")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif size > DRAINED:
            break
        if not message.get("more_body", False):
            break
    if size > limit:
        raise _too_large(limit)
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    return _decoded(body, field(headers, "content-encoding").lower(), limit)


def admit(headers: Headers, keyring: Keyring) -> tuple[Key | None, Headers]:
    """Whose request it is, and the headers without the Turnout key; None while no key exists.

    Raises:
        BadKey: a key is demanded and this is none.
    """
    secret, rest = present(headers)
    key = keyring.find(secret) if secret else None
    if keyring.demanded and key is None:
        raise BadKey(
            "this Turnout key is unknown or was revoked; `turnout key create --team TEAM` makes a new one"
            if secret
            else "a Turnout key is required: send it as `Authorization: Bearer tn-...`, `x-api-key` or "
            "`x-turnout-key`; `turnout key create --team TEAM` makes one"
        )
    return key, rest


def make_request(
    *,
    request_id: str = "",
    dialect: DialectName,
    operation: Operation,
    body: bytes,
    headers: Headers,
    query: str,
    keyring: Keyring,
) -> Request:
    """Check the key and the body's outline.

    Raises:
        BadKey: a key is demanded and none was given.
        BadRequest: the body is not one of this dialect.
    """
    key, headers = admit(headers, keyring)
    try:
        envelope = DIALECTS[dialect].read(body)
    except BadRequest:
        mended = mend(body)  # tried only now: to look for what hardly ever occurs costs milliseconds
        if mended == body:
            raise
        body, envelope = mended, DIALECTS[dialect].read(mended)
    return Request(
        id=request_id or uuid.uuid4().hex,
        team=key.team if key else NO_TEAM,
        user=key.user if key else "",
        dialect=dialect,
        operation=operation,
        client=field(headers, "user-agent"),
        model=envelope.model,
        stream=envelope.stream,
        body=body,
        headers=tuple(pair for pair in headers if pair[0] != "content-encoding"),
        query=query,
    )


def _decoded(body: bytes, encoding: str, limit: int) -> bytes:
    if encoding in {"", "identity"}:
        return body
    if encoding not in _WINDOW_BITS:
        raise BadRequest(
            f"content-encoding: `{encoding}` is not supported; send the body plain, as gzip or as deflate",
            status=415,
        )
    inflate = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        plain = inflate.decompress(body, limit + 1)
    except zlib.error as broken:
        raise BadRequest(f"content-encoding: the body is not valid {encoding} ({broken})") from broken
    if len(plain) > limit:
        raise _too_large(limit)
    return plain


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"the body is larger than {limit // 2**20} MB; raise `max_body_mb` (TURNOUT_MAX_BODY_MB) to take it"
    )
