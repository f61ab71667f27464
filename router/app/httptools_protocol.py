"""uvicorn's protocol over httptools, with the checks that this parser leaves to its caller.

- Upgrade offers are ignored, as RFC 9110 (7.8) allows: Java's HttpClient offers h2c with every request,
  and httptools would take the body for the other protocol's bytes.
- Trailers are dropped: uvicorn would add them to the fields that were already checked.
- A body's framing is bounded: chunk sizes, extensions and trailers do not count as body bytes.
- Pipelined requests are bounded, and a parse error does not answer inside another answer.
- The host of an absolute target takes precedence over the field (RFC 9112, 3.2.2).
"""

from array import array
from collections import deque
from typing import Any
from urllib.parse import urlsplit

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from router.app.connections import MAX_HEAD_BYTES, BoundedProtocol

MAX_PIPELINED = 100
"""Requests of a connection waiting for earlier answers. uvicorn reads on with each answer."""
UPGRADE_FIELDS = frozenset({b"connection", b"upgrade", b"http2-settings"})
"""Fields that offer an upgrade."""


class Parser(httptools.HttpRequestParser):
    """Parses requests as if they offered no upgrade."""

    def __init__(self, protocol: "HttptoolsProtocol") -> None:
        super().__init__(protocol)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self._protocol = protocol

    def feed_data(self, data: "bytes | bytearray | memoryview[int] | array[int]") -> None:
        """See httptools.

        Raises:
            httptools.HttpParserError: the bytes are not HTTP.
        """
        parser, remaining = self, memoryview(data)
        while remaining:
            try:
                httptools.HttpRequestParser.feed_data(parser, remaining)
            except httptools.HttpParserUpgrade as end:
                remaining = remaining[end.args[0] :]
                parser = self._protocol.reparse_without_upgrade()
            else:
                return


class HttptoolsProtocol(BoundedProtocol, HttpToolsProtocol):
    """The protocol with httptools. h11 makes the same checks itself, except for absolute targets."""

    parser: Parser
    pipeline: "deque[Any]"
    _frame = 0
    """Bytes received since the last body bytes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.parser = Parser(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._frame += len(data)
        super().data_received(data)
        if self._frame > MAX_HEAD_BYTES and self._in_request and self.cycle.more_body:
            self.refuse_frame()

    def on_headers_complete(self) -> None:
        """Called by httptools."""
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise ValueError("this is no proxy")
            return  # the head is parsed again
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("too many requests wait for an answer")
        if not self.url.startswith(b"/") and b"://" in self.url:
            host = urlsplit(self.url).netloc
            self.headers[:] = [pair for pair in self.headers if pair[0] != b"host"]
            self.headers.append((b"host", host))
        super().on_headers_complete()
        self.headers = []  # for trailers, which are dropped
        self._frame = 0

    def on_body(self, body: bytes) -> None:
        """Called by httptools."""
        self._frame = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Called by httptools."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn where the parser raised."""
        if self._in_request and (self.cycle.response_started or self.pipeline):
            self.transport.close()  # an answer is under way: this would be taken for a part of it
        else:
            super().send_400_response(msg)

    def reparse_without_upgrade(self) -> Parser:
        """Parse the last head again without its upgrade offer; returns the parser to continue with."""
        head = self._render_head_without_upgrade()
        self.parser = Parser(self)  # after `Connection: close` the old one accepts no more
        self.parser.feed_data(head)
        return self.parser

    def _render_head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        fields = [pair for pair in self.headers if pair[0] not in UPGRADE_FIELDS]
        close = [(b"connection", b"close")] if self._closes() else []
        lines = [b"%b: %b" % pair for pair in (*fields, *close)]
        return b"\r\n".join(
            [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version), *lines, b"", b""]
        )

    def _closes(self) -> bool:
        values = b",".join(value for name, value in self.headers if name == b"connection")
        return b"close" in (token.strip().lower() for token in values.split(b","))
