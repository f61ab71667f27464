"""From an ASGI scope to a `ModelRequest`: the body within its bounds, and the few facts.

Bodies are taken as they are; content encodings are undone, since the size limit and the
reading need the text. Anything wrong raises a `BadRequest` that says what.
"""

import uuid

from router.accounts.teams import Account
from router.app.body import Body, too_large
from router.app.disconnect import Scope
from router.errors import BadRequest
from router.system.pacing import LARGE
from router.types import DialectName, Headers, ModelRequest, Operation
from router.wire import DIALECTS
from router.wire.body import Envelope, check_values, mend
from router.wire.encodings import Oversized, decode
from router.wire.headers import field


def headers_of(scope: Scope) -> Headers:
    """The request's fields in order; ASGI gives their names in lower case."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])


async def take_body(body: Body, headers: Headers, *, owner: str = "", limit: int | None = None) -> bytes:
    """The whole body, decoded, at most `limit` bytes (by default `max_body_mb`).

    Raises:
        TooLarge: the body is larger, as sent or once decoded.
        Overloaded: it has no room beside the bodies in flight.
        BadRequest: it ended early, was too slow, or its encoding is unknown or broken.
    """
    limit = body.limit if limit is None else limit
    sent = await body.read(limit, owner)
    encodings = ",".join(value for name, value in headers if name == "content-encoding")
    try:
        plain = decode(sent, encodings, limit)
    except Oversized as error:
        raise too_large(limit) from error
    if plain is not sent:
        body.count(len(plain))
    return plain


Outline = tuple[bytes, Envelope]


def read_outline(dialect: DialectName, body: bytes) -> Outline:
    """Read the body's outline; return the body as it goes on, and what was read.

    Raises:
        BadRequest: the body is not one of this dialect.
    """
    if len(body) > LARGE:
        check_values(body)
    try:
        return body, DIALECTS[dialect].read(body)
    except BadRequest:
        mended = mend(body)  # tried only now: to look for what hardly ever occurs costs milliseconds
        if mended == body:
            raise
        return mended, DIALECTS[dialect].read(mended)


def make_request(
    *,
    request_id: str = "",
    dialect: DialectName,
    operation: Operation,
    outline: Outline,
    headers: Headers,
    query: str,
    account: Account,
) -> ModelRequest:
    """Put together what `read_outline` and `authenticate` returned."""
    body, envelope = outline
    return ModelRequest(
        id=request_id or uuid.uuid4().hex,
        account=account,
        dialect=dialect,
        operation=operation,
        client=field(headers, "user-agent"),
        model=envelope.model,
        stream=envelope.stream,
        body=body,
        headers=tuple(pair for pair in headers if pair[0] != "content-encoding"),
        query=query,
    )
