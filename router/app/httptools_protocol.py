"""uvicorn's protocol over httptools, and what that parser leaves to its user.

- An offered upgrade is left out, as RFC 9110 (7.8) allows: Java's HttpClient offers h2c with every request,
  and httptools would take the body for the other protocol's bytes.
- Trailers change no head: uvicorn adds them to the fields that were checked already.
- A body's frame is bounded: sizes of chunks, their extensions, trailers. None of it shows in a body's size.
- Pipelined requests are bounded, and what is no HTTP is not answered within another answer.
- The host of an absolute target counts, not the field (RFC 9112, 3.2.2).
"""

from array import array
from collections import deque
from typing import Any
from urllib.parse import urlsplit

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from router.app.connections import MOST_HEAD, BoundedProtocol

MOST_PIPELINED = 100
"""Requests of a connection that wait for an answer before theirs. uvicorn reads on with each answer."""
OFFER = frozenset({b"connection", b"upgrade", b"http2-settings"})
"""Fields that an upgrade is offered by."""


class Parser(httptools.HttpRequestParser):
    """Parses a request that offers an upgrade as if it did not."""

    def __init__(self, protocol: "HttptoolsProtocol") -> None:
        super().__init__(protocol)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self._protocol = protocol

    def feed_data(self, data: "bytes | bytearray | memoryview[int] | array[int]") -> None:
        """See httptools.

        Raises:
            httptools.HttpParserError: it is no HTTP.
        """
        parser, rest = self, memoryview(data)
        while rest:
            try:
                httptools.HttpRequestParser.feed_data(parser, rest)
            except httptools.HttpParserUpgrade as end:
                rest = rest[end.args[0] :]
                parser = self._protocol.parse_anew()
            else:
                return


class HttptoolsProtocol(BoundedProtocol, HttpToolsProtocol):
    """The protocol where httptools parses. h11 does as much by itself, but knows no absolute targets."""

    parser: Parser
    pipeline: "deque[Any]"
    _frame = 0
    """Bytes that came since the last of a body."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.parser = Parser(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._frame += len(data)
        super().data_received(data)
        if self._frame > MOST_HEAD and self._in_request and self.cycle.more_body:
            self.refuse_frame()

    def on_headers_complete(self) -> None:
        """Called by httptools."""
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise ValueError("this is no proxy")
            return  # the head comes again
        if len(self.pipeline) >= MOST_PIPELINED:
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

    def parse_anew(self) -> Parser:
        """Take the head that was just parsed without the upgrade that it offers; returns who parses on."""
        head = self._head_without_offer()
        self.parser = Parser(self)  # after `Connection: close` the old one takes no more
        self.parser.feed_data(head)
        return self.parser

    def _head_without_offer(self) -> bytes:
        version = self.parser.get_http_version().encode()
        fields = [pair for pair in self.headers if pair[0] not in OFFER]
        close = [(b"connection", b"close")] if self._closes() else []
        lines = [b"%b: %b" % pair for pair in (*fields, *close)]
        return b"\r\n".join(
            [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version), *lines, b"", b""]
        )

    def _closes(self) -> bool:
        values = b",".join(value for name, value in self.headers if name == b"connection")
        return b"close" in (token.strip().lower() for token in values.split(b","))
