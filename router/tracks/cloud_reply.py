"""A provider's response as the client's reply: relayed, or translated into the client's dialect."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from router.tracks.failures import cloud_failure, failed, refusal_body, unreachable
from router.tracks.outgoing import OutgoingRequest
from router.tracks.streaming import (
    EVENT_STREAM,
    JSON_HEADERS,
    STREAM_HEADERS,
    StreamHealth,
    Transform,
    UpstreamBody,
    open_stream,
    single_chunk,
)
from router.tracks.transforms import Document, Relay, Translation
from router.types import Headers, Plan, Progress, Reply, TrackError
from router.wire import DIALECTS, Dialect
from router.wire.codec import UnreadableReply
from router.wire.conversation import Conversation
from router.wire.events import Failed
from router.wire.headers import response_headers
from router.wire.upstream_errors import UpstreamError, read_upstream_error
from router.wire.usage_observer import UsageObserver

EVENT_STATUS: Mapping[str, int] = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "api_error": 500,
}
"""The status an error event would have had, had it come before the headers."""
SUCCESS = range(200, 300)
AFTER_ERROR_S = 1.0
"""How long the end of a stream is waited for once it told an error."""
OF_THE_BODY = frozenset({"content-type", "content-length", "cache-control"})
"""Fields that tell of the provider's body; a translated one has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudResponse:
    """A response whose head is here, and what it takes to pass it on."""

    plan: Plan
    model: str
    """That was asked for."""
    request: OutgoingRequest
    provider: Dialect
    """What the provider speaks."""
    response: aiohttp.ClientResponse
    progress: Progress
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

    async def open(self, transform: Transform) -> AsyncGenerator[bytes]:
        """Read on until the first useful unit; see `streaming.open_stream`."""
        body = UpstreamBody(self.response)
        return await open_stream(body, transform, stall_s=self.stall_s, health=self.health)

    def reply(self, headers: Headers, chunks: AsyncGenerator[bytes], observer: UsageObserver) -> Reply:
        """Make the reply."""
        return Reply(
            track="cloud",
            model=self.model,
            status=self.response.status,
            headers=headers,
            chunks=chunks,
            tap=observer,
            dropped=self.request.dropped,
        )


async def relay(cloud: CloudResponse) -> Reply:
    """Pass on the provider's bytes.

    Raises:
        TrackError: the provider failed before anything useful came.
        ConnectionError: it dropped the connection before that.
    """
    observer = UsageObserver()
    cloud.progress.tap = observer
    status, dialect = cloud.response.status, cloud.provider
    chunks = await cloud.open(
        Relay(dialect.reply_decoder(observing=True), observer)
        if cloud.streams
        else Document(dialect.decode_reply, observer)
    )
    if failed(status):
        body = await _rest(chunks)
        raise cloud_failure(model=cloud.model, status=status, headers=cloud.headers, body=body, tap=observer)
    if cloud.streams and status in SUCCESS and not observer.started:
        if observer.failure is not None:
            raise cloud_failure(
                model=cloud.model,
                status=_status_of(observer.failure),
                headers=cloud.headers,
                body=await _rest(chunks),
                tap=observer,
                shown=status,
            )
        if not observer.complete:
            await chunks.aclose()
            raise unreachable("ended its answer before anything useful came")
    return cloud.reply(cloud.headers, chunks, observer)


async def translate(cloud: CloudResponse, conversation: Conversation) -> Reply:
    """Say in the client's dialect what the provider says in its own.

    Args:
        cloud: the response.
        conversation: the client's request.

    Raises:
        TrackError: the provider failed before anything useful came.
        ConnectionError: it dropped the connection before that.
    """
    observer = UsageObserver(cloud.model)
    cloud.progress.tap = observer
    if cloud.response.status not in SUCCESS:
        async with cloud.response as response:
            return _refused(cloud, read_upstream_error(await response.read()), observer)
    try:
        if cloud.streams != conversation.stream:
            cloud.response.close()
            raise unreachable("streams what was not to be streamed, or does not stream what was")
        if cloud.streams:
            return await _translate_stream(cloud, conversation, observer)
        return await _translate_document(cloud, conversation, observer)
    except UnreadableReply as unreadable:
        raise unreachable(f"gave an answer that cannot be read: {unreadable}") from unreadable


async def _translate_stream(
    cloud: CloudResponse, conversation: Conversation, observer: UsageObserver
) -> Reply:
    encoder = _client(cloud).reply_encoder(
        model=cloud.model, conversation=conversation, prompt_tokens=cloud.plan.features.context_tokens
    )
    chunks = await cloud.open(Translation(cloud.provider.reply_decoder(), encoder, observer))
    if observer.failure is not None and not observer.started:
        await chunks.aclose()
        raise _failure(cloud, observer.failure, observer)
    return cloud.reply((*STREAM_HEADERS, *_passed(cloud)), chunks, observer)


async def _translate_document(
    cloud: CloudResponse, conversation: Conversation, observer: UsageObserver
) -> Reply:
    document = Document(cloud.provider.decode_reply, observer)
    await (await cloud.open(document)).aclose()
    if document.unreadable is not None:
        raise document.unreadable
    if observer.failure is not None:
        raise _failure(cloud, observer.failure, observer)
    if observer.reason in (None, "unstated"):
        observer.complete = False
        raise unreachable("broke off its answer")
    body = _client(cloud).encode_reply(
        document.events,
        model=cloud.model,
        conversation=conversation,
        prompt_tokens=cloud.plan.features.context_tokens,
    )
    return cloud.reply((*JSON_HEADERS, *_passed(cloud)), single_chunk(body), observer)


def _client(cloud: CloudResponse) -> Dialect:
    return DIALECTS[cloud.plan.request.dialect]


def _passed(cloud: CloudResponse) -> Headers:
    return tuple(pair for pair in cloud.headers if pair[0] not in OF_THE_BODY)


def _refused(cloud: CloudResponse, refusal: UpstreamError, observer: UsageObserver) -> Reply:
    """The provider's refusal of this client, in the client's words.

    Raises:
        TrackError: it is a failure of the provider's own.
    """
    status = cloud.response.status
    observer.error = refusal.message or f"status {status}"
    observer.complete = True
    body = refusal_body(cloud.plan.request.dialect, status, refusal)
    headers = (*JSON_HEADERS, *_passed(cloud))
    if failed(status):
        raise cloud_failure(model=cloud.model, status=status, headers=headers, body=body, tap=observer)
    return cloud.reply(headers, single_chunk(body), observer)


def _failure(cloud: CloudResponse, failure: Failed, observer: UsageObserver) -> TrackError:
    """An error that the provider told inside its answer, as an answer of its own in the client's words."""
    status = _status_of(failure)
    return cloud_failure(
        model=cloud.model,
        status=status,
        headers=(*JSON_HEADERS, *_passed(cloud)),
        body=_client(cloud).error(status, failure.kind, failure.message),
        tap=observer,
    )


def _status_of(failure: Failed) -> int:
    return EVENT_STATUS.get(failure.kind, HTTPStatus.BAD_GATEWAY)


async def _rest(chunks: AsyncGenerator[bytes]) -> bytes:
    """What a stream says around an error; it is at its end, so not much is waited for."""
    text: list[bytes] = []
    async with aclosing(chunks):
        try:
            async with asyncio.timeout(AFTER_ERROR_S):
                text.extend([chunk async for chunk in chunks])
        except (TimeoutError, ConnectionError):
            pass  # the error itself is there, which is all that matters
    return b"".join(text)
