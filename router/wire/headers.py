"""Which header fields go on to an upstream, and which come back.

Everything passes but what belongs to one connection, and what whoever sends the next
message computes anew. Unknown fields and `anthropic-beta` are untouched.
"""

import re
from collections.abc import Iterable, Mapping

from router.types import Headers

HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
    "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
"""RFC 9110, section 7.6.1, and the two that proxies once invented."""

NOT_SENT = HOP_BY_HOP | {"host", "content-length", "accept-encoding", "expect"}
NOT_RETURNED = HOP_BY_HOP | {"content-encoding"}

_NO_NAME = re.compile(rb"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")
_NO_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""What no field may hold (RFC 9110, sections 5.1 and 5.5), though clients read it."""

PLAIN = ("accept-encoding", "identity")
"""Asked of every upstream: the taps read the bytes as they pass."""


def request_headers(headers: Headers) -> list[tuple[str, str]]:
    """The client's fields for the upstream, in order."""
    named = _named_by_connection(headers)
    return [*(pair for pair in headers if pair[0] not in NOT_SENT and pair[0] not in named), PLAIN]


def response_headers(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The upstream's fields for the client, in order, names in lower case; none that no server may send."""
    headers = tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in raw
        if not (_NO_NAME.search(name) or _NO_VALUE.search(value))
    )
    dropped = NOT_RETURNED | _named_by_connection(headers)
    if field(headers, "content-encoding"):  # undone on the way, so the length is another
        dropped |= {"content-length"}
    return tuple(pair for pair in headers if pair[0] not in dropped)


READABLE = frozenset({"", "identity", "gzip", "deflate", "br", "zstd"})
"""Content encodings that are undone on the way."""


def foreign_encoding(headers: Mapping[str, str]) -> str:
    """The content encoding of an answer that cannot be undone here; empty for none."""
    encoding = headers.get("content-encoding", "").strip().lower()
    return "" if encoding in READABLE else encoding


def field(headers: Iterable[tuple[str, str]], name: str) -> str:
    """One field's value; empty where it is absent."""
    return next((value for key, value in headers if key == name), "")


def _named_by_connection(headers: Headers) -> frozenset[str]:
    listed = field(headers, "connection")
    return frozenset(name.strip().lower() for name in listed.split(",")) if listed else frozenset()
