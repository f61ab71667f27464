"""A provider's response as the client's reply: relayed, or translated into the client's dialect."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from router.tracks.circuit_breaker import StreamHealth
from router.tracks.failures import cloud_failure, failed, unreachable
from router.tracks.streaming import (
    EVENT_STREAM,
    JSON_HEADERS,
    Transform,
    UpstreamBody,
    open_stream,
    single_chunk,
)
from router.tracks.transforms import Document, Relay, Translation
from router.tracks.upstream_call import UpstreamCall
from router.types import Headers, Reply, TrackError
from router.wire import DIALECTS, Dialect
from router.wire.conversation import Conversation
from router.wire.events import Failed, UnreadableReply
from router.wire.headers import response_headers
from router.wire.upstream_errors import read_upstream_error

EVENT_STATUS: Mapping[str, int] = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "api_error": 500,
}
"""The status an error event would have had, had it come before the headers."""
SUCCESS = range(200, 300)
AFTER_ERROR_S = 1.0
"""How long the end of a stream is waited for after an error in it."""
OF_THE_BODY = frozenset({"content-type", "content-length", "cache-control"})
"""Fields that describe the provider's body; a translated one has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudResponse:
    """A response whose head is here, and what it takes to pass it on."""

    call: UpstreamCall
    provider: Dialect
    """What the provider speaks."""
    response: aiohttp.ClientResponse
    stall_s: float
    health: StreamHealth

    @property
    def streams(self) -> bool:
        """Whether the body is an event stream."""
        return self.response.content_type == EVENT_STREAM

    @property
    def headers(self) -> Headers:
        """The provider's fields for the client."""
        return response_headers(self.response.raw_headers)

    def headers_with(self, own: Headers) -> Headers:
        """The provider's fields for the client of a translated body, which has fields of its `own`."""
        return (*own, *(pair for pair in self.headers if pair[0] not in OF_THE_BODY))

    async def open(self, transform: Transform) -> AsyncGenerator[bytes]:
        """Read on until the first useful unit; see `streaming.open_stream`."""
        body = UpstreamBody(self.response)
        return await open_stream(body, transform, stall_s=self.stall_s, health=self.health)

    def failure(
        self, failure: Failed, body: bytes, headers: Headers, client_status: int | None = None
    ) -> TrackError:
        """An error that the provider reported inside its answer; see `cloud_failure`."""
        return cloud_failure(
            model=self.call.model,
            status=EVENT_STATUS.get(failure.kind, HTTPStatus.BAD_GATEWAY),
            headers=headers,
            body=body,
            tap=self.call.observer,
            client_status=client_status,
        )


async def relay(cloud: CloudResponse) -> Reply:
    """Pass on the provider's bytes.

    Raises:
        TrackError: the provider failed before anything useful came.
        ConnectionError: it dropped the connection before that.
    """
    call, status, dialect = cloud.call, cloud.response.status, cloud.provider
    observer = call.observer
    document = None if cloud.streams else Document(dialect.decode_reply, observer)
    chunks = await cloud.open(document or Relay(dialect.reply_decoder(observing=True), observer))
    if failed(status):
        body = await _read_remainder(chunks)
        raise cloud_failure(model=call.model, status=status, headers=cloud.headers, body=body, tap=observer)
    if status in SUCCESS and not observer.started:
        if observer.failure is not None:
            raise cloud.failure(
                observer.failure, await _read_remainder(chunks), cloud.headers, client_status=status
            )
        if cloud.streams and not observer.complete:
            await chunks.aclose()
            raise unreachable("ended its answer before anything useful came")
    if document is not None and status in SUCCESS and not document.is_json:
        await chunks.aclose()
        raise unreachable("gave an answer that is no JSON")
    return call.reply(cloud.headers, chunks, status)


async def translate(cloud: CloudResponse, conversation: Conversation) -> Reply:
    """Translate the provider's reply into the client's dialect.

    Args:
        cloud: the response.
        conversation: the client's request.

    Raises:
        TrackError: the provider failed before anything useful came.
        ConnectionError: it dropped the connection before that.
    """
    status = cloud.response.status
    if status not in SUCCESS:
        async with cloud.response as response:
            refusal = read_upstream_error(await response.read())
        return cloud.call.refusal(status, cloud.headers_with(JSON_HEADERS), refusal)
    try:
        if cloud.streams != conversation.stream:
            cloud.response.close()
            raise unreachable("streams what was not to be streamed, or does not stream what was")
        if cloud.streams:
            return await _translate_stream(cloud, conversation)
        return await _translate_document(cloud, conversation)
    except UnreadableReply as unreadable:
        raise unreachable(f"gave an answer that cannot be read: {unreadable}") from unreadable


async def _translate_stream(cloud: CloudResponse, conversation: Conversation) -> Reply:
    call, observer = cloud.call, cloud.call.observer
    decoder, encoder = cloud.provider.reply_decoder(), call.encoder(conversation)
    transform = Translation(decoder, encoder, observer, ends_by_error=call.ends_by_error)
    chunks = await cloud.open(transform)
    if observer.failure is not None and not observer.started:
        await chunks.aclose()
        raise _translated_failure(cloud, observer.failure)
    return call.reply(cloud.headers_with(call.stream_headers), chunks, cloud.response.status)


async def _translate_document(cloud: CloudResponse, conversation: Conversation) -> Reply:
    call, observer = cloud.call, cloud.call.observer
    document = Document(cloud.provider.decode_reply, observer)
    await (await cloud.open(document)).aclose()
    if document.unreadable is not None:
        raise document.unreadable
    if observer.failure is not None:
        raise _translated_failure(cloud, observer.failure)
    if observer.reason in (None, "unstated"):
        observer.complete = False
        raise unreachable("broke off its answer")
    chunks = single_chunk(call.encode(document.events, conversation))
    return call.reply(cloud.headers_with(JSON_HEADERS), chunks, cloud.response.status)


def _translated_failure(cloud: CloudResponse, failure: Failed) -> TrackError:
    client = DIALECTS[cloud.call.plan.request.dialect]
    body = client.error(failure.kind, failure.message)
    return cloud.failure(failure, body, cloud.headers_with(JSON_HEADERS))


async def _read_remainder(chunks: AsyncGenerator[bytes]) -> bytes:
    """Read what a stream still holds around an error; it is at its end, so the wait is short."""
    text: list[bytes] = []
    async with aclosing(chunks):
        try:
            async with asyncio.timeout(AFTER_ERROR_S):
                text.extend([chunk async for chunk in chunks])
        except (TimeoutError, ConnectionError):
            pass  # the error itself is there, which is all that matters
    return b"".join(text)
