"""What Gemini's requests say outside their bodies: model and action in the path, key in the query."""

import re
from collections.abc import Container
from typing import NamedTuple
from urllib.parse import parse_qs, parse_qsl, urlencode

from router.app.asgi_types import Scope
from router.app.authentication import GOOGLE_HEADER
from router.system.time_slices import Pacing
from router.types import DialectName
from router.wire.body import name_model
from router.wire.gemini_shape import normalise, with_path

DIALECT: DialectName = "gemini"
ACTION = "{start}/models/{{model}}:{action}"
"""How a path stands in the table of routes."""
_PATH = re.compile(r"(?P<start>/v1(?:beta)?)/models/(?P<model>.+):(?P<action>[A-Za-z]+)")
_STARTS = ("/v1beta", "/v1alpha/", "/v1/models", "/upload/", "/ws/")
"""Paths at which a key may stand in the query, as Google's examples have it."""
FIELDS = (GOOGLE_HEADER, "x-goog-api-client")
"""What Google's clients send, and no others: it tells them apart at paths that others have, too."""
_KEYED = re.compile(rb"(?:^|&)key=")


class GeminiPath(NamedTuple):
    """One path, read."""

    route: str
    """As it stands in the table of routes."""
    model: str
    streams: bool


def is_googles(fields: Container[str]) -> bool:
    """Whether a client of Google's sent these fields; a key in the query is one of them by now."""
    return any(name in fields for name in FIELDS)


def read_path(path: str) -> GeminiPath | None:
    """Read a path of a model call; None for any other."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    route = ACTION.format(start=match["start"], action=match["action"])
    return GeminiPath(route, match["model"], match["action"].startswith("stream"))


def without_key(scope: Scope) -> Scope:
    """Move a key from the query into the head, where it is found, and left out of all that is kept."""
    query: bytes = scope.get("query_string", b"")
    if scope["type"] != "http" or not scope["path"].startswith(_STARTS) or not _KEYED.search(query):
        return scope
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    key = next(value for name, value in pairs if name == "key")
    remaining = urlencode([pair for pair in pairs if pair[0] != "key"]).encode()
    field = (GOOGLE_HEADER.encode(), key.encode("latin-1", "replace"))
    return {**scope, "query_string": remaining, "headers": [*scope["headers"], field]}


async def take_path(body: bytes, path: GeminiPath, query: str, pacing: Pacing) -> bytes:
    """Write into a body what stands in its path.

    Raises:
        BadRequest: see `normalise` and `with_path`.
    """
    alternatives = parse_qs(query).get("alt", [""])
    alt = "sse" if "sse" in alternatives else alternatives[0]
    return await pacing.call(len(body), write_path, body, path, alt)


def write_path(body: bytes, path: GeminiPath, alt: str) -> bytes:
    """See `take_path`; `alt` is what the query says of it."""
    body = with_path(normalise(body), stream=path.streams, alt=alt)
    return name_model(body, path.model)
