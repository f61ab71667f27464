"""OpenAI Responses: a reply, whole or streamed, read as events."""

from collections.abc import Iterator, Mapping

import msgspec

from router.wire.body import NOTHING, UNREADABLE
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Event,
    Failed,
    Foreign,
    RefusalDelta,
    Signature,
    Started,
    Stopped,
    StopReason,
    TextDelta,
    ThinkingDelta,
    UnreadableReply,
    UsageReport,
)
from router.wire.free_text import arguments_of
from router.wire.responses_errors import KINDS
from router.wire.responses_reasoning import unseal
from router.wire.responses_shape import Object, Summary
from router.wire.responses_tools import CALL_TYPES, call_arguments, joined
from router.wire.responses_tools import KINDS as TOOLS
from router.wire.sse import Splitter, data_of
from router.wire.usage import read_responses_usage

_REASONS: Mapping[str, StopReason] = {"max_output_tokens": "output_limit", "content_filter": "refusal"}
"""Why a response is incomplete; any other word is an end like any other."""


class _Part(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct, frozen=True):
    type: str = ""
    status: str | None = None
    content: list[_Part] | str | None = None
    """A text alone in messages of a client's, which a compacted conversation still has."""
    summary: list[Summary] | None = None
    encrypted_content: str | None = None
    call_id: str | None = None
    id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | Object | None = None
    input: str | None = None
    action: Object | None = None
    operation: Object | None = None

    @property
    def cut(self) -> bool:
        return self.status == "incomplete"

    @property
    def called(self) -> str:
        """The arguments of a call, as those of a function."""
        if self.type == "custom_tool_call":
            return arguments_of(self.input or "")
        if kind := CALL_TYPES.get(self.type):
            return call_arguments(kind, getattr(self, TOOLS[kind].field))
        return self.arguments if isinstance(self.arguments, str) else ""

    @property
    def thought(self) -> str:
        return "".join(part.text for part in self.summary or ())


class _Error(msgspec.Struct, frozen=True):
    code: str | None = None
    message: str | None = None
    type: str | None = None


class _Why(msgspec.Struct, frozen=True):
    reason: str | None = None


class _Response(msgspec.Struct, frozen=True):
    id: str | None = None
    model: str | None = None
    status: str | None = None
    output: list[_Item] | None = None
    error: _Error | None = None
    incomplete_details: _Why | None = None
    usage: msgspec.Raw = NOTHING
    service_tier: str | None = None


class _Event(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    response: _Response | None = None
    item: _Item | None = None
    delta: str | None = None
    message: str | None = None
    code: str | None = None
    error: _Error | None = None


_EVENT = msgspec.json.Decoder(_Event)
_WHOLE = msgspec.json.Decoder(_Response)
_CALLS = frozenset({"function_call", "custom_tool_call", *CALL_TYPES})
_DELTAS: Mapping[str, type[TextDelta | RefusalDelta | ThinkingDelta | CallArguments]] = {
    "response.output_text.delta": TextDelta,
    "response.refusal.delta": RefusalDelta,
    "response.reasoning_summary_text.delta": ThinkingDelta,
    "response.function_call_arguments.delta": CallArguments,
}


def decode_reply(body: bytes) -> list[Event]:
    """Read one document.

    Raises:
        UnreadableReply: it is no response, and no error either.
    """
    try:
        response = _WHOLE.decode(body)
    except UNREADABLE as error:
        raise UnreadableReply(f"it is no response of the Responses API: {error}") from error
    if response.error is not None:
        return [_failed(response.error)]
    if response.output is None:
        raise UnreadableReply("it has no output")
    events: list[Event] = [Started(id=response.id or "", model=response.model or "")]
    for item in response.output:
        events += _item_events(item)
    return [*events, *_end_events(response, response.output)]


def _item_events(item: _Item) -> Iterator[Event]:
    if item.type in _CALLS:
        yield _started(item)
        if arguments := item.called:
            yield CallArguments(arguments)
        if not item.cut:
            yield CallEnded()
    elif item.type == "message":
        parts = [_Part(text=item.content)] if isinstance(item.content, str) else item.content
        for part in parts or ():
            yield RefusalDelta(part.refusal) if part.refusal else TextDelta(part.text or "")
    elif item.type == "reasoning":
        if item.thought:
            yield ThinkingDelta(item.thought)
        yield from _signature(item)
    else:
        yield Foreign(item.type)


def _started(item: _Item) -> CallStarted:
    name = CALL_TYPES.get(item.type) or joined(item.namespace, item.name or "")
    return CallStarted(id=item.call_id or item.id or "", name=name)


def _signature(item: _Item) -> Iterator[Event]:
    """Yield the signature of reasoning that was sealed here; what others encrypt stays theirs."""
    sealed = unseal(item.encrypted_content or "", item.thought)
    if sealed is not None and (sealed.signature or sealed.redacted):
        yield Signature(sealed.signature, sealed.redacted)


def _failed(error: _Error) -> Failed:
    words = [word for word in (error.code, error.type) if word]
    kind = next((KINDS.get(word, word) for word in words), "api_error")
    return Failed(
        message=error.message or "unknown error", kind=kind if kind.endswith("_error") else "api_error"
    )


def _end_events(response: _Response, items: list[_Item]) -> Iterator[Event]:
    if (usage := read_responses_usage(response.usage, response.service_tier)) is not None:
        yield UsageReport(usage)
    why = response.incomplete_details.reason if response.incomplete_details else None
    if response.status == "incomplete":
        yield Stopped(reason=_REASONS.get(why or "", "end"))
    else:
        yield Stopped(reason="tool_calls" if any(item.type in _CALLS for item in items) else "end")


class Decoder:
    """Reads one stream; see `router.wire.events.ReplyDecoder`."""

    def __init__(self, *, observing: bool = False) -> None:
        """See `router.wire.events.DecoderFactory`."""
        self._observing = observing
        self._splitter = Splitter()
        self._ended = False

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes; see `ReplyDecoder`."""
        events: list[Event] = []
        for block in self._splitter.feed(chunk):
            if not self._ended and (data := data_of(block)):
                events += self._read(data)
        return events

    def end(self) -> list[Event]:
        """Nothing is owed: an end is an event of this dialect."""
        return []

    def _read(self, data: bytes) -> Iterator[Event]:
        try:
            event = _EVENT.decode(data)
        except UNREADABLE as error:
            if self._observing:
                return  # the bytes pass unchanged
            raise UnreadableReply(f"its stream is not readable: {error}") from error
        if (piece := _DELTAS.get(event.type)) is not None:
            if event.delta:
                yield piece(event.delta)
        elif event.item is not None:
            yield from self._read_item(event.type, event.item)
        elif event.response is not None:
            yield from self._read_response(event.type, event.response)
        elif event.type == "error":
            self._ended = True
            yield _failed(event.error or _Error(code=event.code, message=event.message))

    def _read_item(self, name: str, item: _Item) -> Iterator[Event]:
        if name == "response.output_item.added":
            if item.type in _CALLS:
                yield _started(item)
            elif item.type != "message" and (self._observing or item.type != "reasoning"):
                yield Foreign(item.type)
        elif item.type == "reasoning":
            yield from _signature(item)
        elif item.type in _CALLS:
            if item.type != "function_call":
                yield CallArguments(item.called)
            yield CallEnded()

    def _read_response(self, name: str, response: _Response) -> Iterator[Event]:
        if name == "response.created":
            yield Started(id=response.id or "", model=response.model or "")
        elif name == "response.failed":
            self._ended = True
            yield _failed(response.error or _Error())
        elif name in {"response.completed", "response.incomplete"}:
            self._ended = True
            yield from _end_events(response, response.output or [])
