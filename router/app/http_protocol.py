"""The HTTP protocol that uvicorn is given: bounded, over the parser that is installed."""

import asyncio
from importlib.util import find_spec
from typing import cast

from router.app.connections import BoundedProtocol, ConnectionRegistry

HTTPTOOLS = find_spec("httptools") is not None
"""Not on Windows; h11 parses there."""


def make_protocol_class(
    registry: ConnectionRegistry, *, httptools: bool = HTTPTOOLS
) -> type[asyncio.Protocol]:
    """Return the protocol class for uvicorn's `http` option, with the installed parser."""
    bases: tuple[type, ...]
    if httptools:
        from router.app.httptools_protocol import HttptoolsProtocol

        bases = (HttptoolsProtocol,)
    else:
        from uvicorn.protocols.http.h11_impl import H11Protocol

        bases = (BoundedProtocol, H11Protocol)
    return cast("type[asyncio.Protocol]", type("Protocol", bases, {"registry": registry}))
