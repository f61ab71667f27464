"""litellm's way out: an httpx transport that goes through the egress, for one call.

litellm's own clients keep a connection after its reader has gone, hide `retry-after` and
turn a 529 into a 500. Given this transport it keeps what it is good at, the providers'
formats, while the call can be ended at once and the provider's own answer is known.

Imported together with litellm only: httpx is not needed before.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextvars import ContextVar

import aiohttp
import httpx
import msgspec

from router.tracks.streaming import EVENT_STREAM
from router.types import TrackError
from router.wire.sse import Splitter, data_of

Post = Callable[[str, Sequence[tuple[str, str]], bytes], Awaitable[aiohttp.ClientResponse]]

NOT_SENT = frozenset({"host", "connection", "content-length", "accept-encoding", "transfer-encoding"})
NOT_READ = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})
ERROR = 400

FINISHED = re.compile(
    rb'"(?:finish_reason|finishReason|stop_reason|stopReason|done_reason)"\s*:\s*"'
    rb'|"type"\s*:\s*"response\.(?:completed|incomplete)"'
    rb'|"(?:done|is_finished)"\s*:\s*true'
)
"""Why an answer ended, as OpenAI, Google, Anthropic, AWS, Ollama and Cohere write it."""
USAGE = re.compile(
    rb'"(?:usage|usageMetadata|usage_metadata|billed_units)"\s*:\s*\{\s*"|"prompt_eval_count"\s*:\s*\d'
)
OVERLAP = 64
"""Bytes of the chunk before that a word may have begun in."""
DONE = b"[DONE]"

_json = msgspec.json.Decoder(msgspec.Raw)


class Evidence:
    """What a provider really sent, read beside litellm, which makes up endings and counts.

    litellm gives every stream a finish reason and every answer a usage, whether or not one came.
    The providers' formats differ; what is looked for here are their few words for an end and for
    usage. As keys they cannot stand inside a string of JSON, where quotes are escaped.
    """

    def __init__(self, *, events: bool) -> None:
        """Take whether the answer is an event stream."""
        self.finished = False
        """It gave a reason for its end."""
        self.done = False
        """`[DONE]` came."""
        self.usage = False
        """It reported usage."""
        self.size = 0
        """Bytes so far."""
        self.readable = True
        """Nothing but the wire format has come so far."""
        self._splitter = Splitter() if events else None
        self._tail = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes, cut anywhere."""
        self.size += len(chunk)
        text = self._tail + chunk
        self.finished = self.finished or FINISHED.search(text) is not None
        self.usage = self.usage or USAGE.search(text) is not None
        self._tail = text[-OVERLAP:]
        for block in self._splitter.feed(chunk) if self._splitter else ():
            data = data_of(block).strip()
            if data == DONE:
                self.done = True
            elif data and not _is_json(data):
                self.readable = False


def _is_json(data: bytes) -> bool:
    try:
        _json.decode(data)
    except msgspec.DecodeError:
        return False
    return True


class LitellmTransport(httpx.AsyncBaseTransport):
    """What was sent and came back in one call."""

    def __init__(self, post: Post) -> None:
        """Take how to send: absolute URL, fields, body."""
        self._post = post
        self.response: aiohttp.ClientResponse | None = None
        self.refusal = b""
        """The body of an error answer."""
        self.broken: Exception | None = None
        """Why the connection failed, where it did."""
        self.forbidden: TrackError | None = None
        """Why nothing was sent, where the egress did not allow it."""
        self.sent = False
        """The request went out, whatever came of it."""
        self.evidence: Evidence | None = None
        """What came; None where nothing did, or it went another way."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        fields = [(name, value) for name, value in request.headers.items() if name not in NOT_SENT]
        self.sent = True
        try:
            response = await self._post(
                str(request.url), [*fields, ("accept-encoding", "identity")], await request.aread()
            )
            self.response = response
            if response.status >= ERROR:
                self.refusal = await response.read()
        except TrackError as forbidden:
            self.forbidden = forbidden
            raise httpx.ReadError("this address is not configured", request=request) from forbidden
        except (aiohttp.ClientError, OSError, TimeoutError) as broken:
            self.broken = broken
            # Not a ConnectError: litellm answers that one with a client of its own making.
            raise httpx.ReadError(str(broken), request=request) from broken
        headers = [pair for pair in response.raw_headers if pair[0].lower() not in NOT_READ]
        if response.status >= ERROR:
            return httpx.Response(response.status, headers=headers, content=self.refusal)
        self.evidence = Evidence(events=response.content_type == EVENT_STREAM)
        return httpx.Response(response.status, headers=headers, stream=_Body(self, response))

    def read(self, chunk: bytes) -> None:
        """Take the next bytes of the answer.

        Raises:
            httpx.ReadError: they are nothing that a provider's stream may hold.
        """
        if self.evidence is not None:
            self.evidence.feed(chunk)
            if not self.evidence.readable:
                self.broken = ConnectionResetError("its stream holds something that is no JSON")
                raise httpx.ReadError(str(self.broken))

    def close(self) -> None:
        """End the call at once; a finished one has given its connection back already."""
        if self.response is not None:
            self.response.close()


class _Body(httpx.AsyncByteStream):
    def __init__(self, transport: LitellmTransport, response: aiohttp.ClientResponse) -> None:
        self._transport = transport
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                self._transport.read(chunk)
                yield chunk
        except (aiohttp.ClientError, OSError) as broken:
            self._transport.broken = broken
            raise httpx.ReadError(str(broken)) from broken

    async def aclose(self) -> None:
        self._response.close()


CURRENT: ContextVar[LitellmTransport | None] = ContextVar("transport", default=None)
"""The transport of the call that is being made."""


class CurrentTransport(httpx.AsyncBaseTransport):
    """What clients of litellm's own making go through: the transport of their call, or nothing."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        if (transport := CURRENT.get()) is None:
            raise httpx.ReadError("no call is being made", request=request)
        return await transport.handle_async_request(request)


class NoTransport(httpx.BaseTransport):
    """For clients that would block the event loop, such as those that fetch an image by its URL."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        raise httpx.ReadError("nothing but the configured provider is connected to", request=request)
