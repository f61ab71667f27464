"""Builds a `ModelRequest` from a body's outline and the head."""

import uuid

from router.accounts.teams import Account
from router.errors import BadRequest
from router.system.time_slices import LARGE_BODY
from router.types import DialectName, Headers, ModelRequest, Operation
from router.wire import DIALECTS
from router.wire.body import Envelope, check_values, mend
from router.wire.headers import field

Outline = tuple[bytes, Envelope]


def read_outline(dialect: DialectName, body: bytes) -> Outline:
    """Read the body's outline; returns the body, repaired if needed, and its envelope.

    Raises:
        BadRequest: the body is not one of this dialect.
    """
    if len(body) > LARGE_BODY:
        check_values(body)
    try:
        return _read(dialect, body)
    except BadRequest:
        repaired = mend(body)  # tried only now: to look for what hardly ever occurs costs milliseconds
        if repaired == body:
            raise
        return _read(dialect, repaired)


def _read(dialect: DialectName, body: bytes) -> Outline:
    normalise = DIALECTS[dialect].normalise
    body = normalise(body) if normalise else body
    return body, DIALECTS[dialect].read(body)


def make_request(
    *,
    request_id: str = "",
    dialect: DialectName,
    operation: Operation,
    outline: Outline,
    headers: Headers,
    query: str,
    subpath: str = "",
    account: Account,
) -> ModelRequest:
    """Put together what `read_outline` and `authenticate` returned."""
    body, envelope = outline
    headers = tuple(pair for pair in headers if pair[0] != "content-encoding")
    return ModelRequest(
        id=request_id or uuid.uuid4().hex,
        account=account,
        dialect=dialect,
        operation=operation,
        client=field(headers, "user-agent"),
        model=envelope.model,
        stream=envelope.stream,
        body=body,
        headers=headers,
        query=query,
        subpath=subpath,
        provider_field=envelope.provider_field or subpath.strip("/"),
    )
