"""Anthropic Messages: `POST /v1/messages` and its `count_tokens`.

Usage comes in two parts: `message_start` has the prompt, `message_delta` the running
total of the output and, on newer servers, the prompt again; the later non-null value
of a field counts, as in the provider's own SDK.
"""

from dataclasses import replace

import msgspec

from router.types import Tap
from router.wire import body as wire_body
from router.wire.anthropic_usage import merge_usage
from router.wire.body import UNREADABLE, AnyObject, Body, Envelope
from router.wire.sse import Event
from router.wire.tap import NOTHING, Seen, StreamTap, WholeTap


class _Body(Body, frozen=True, kw_only=True):
    system: str | list[AnyObject] | None = None


_BODY = msgspec.json.Decoder(_Body)


def read(body: bytes) -> Envelope:
    """Read the envelope; raises `BadRequest`."""
    return wire_body.read(_BODY, body)


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    type: str = ""


class _Block(msgspec.Struct, frozen=True):
    """A content block or a delta: the fields that show that something useful has passed."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""


class _Message(msgspec.Struct, frozen=True):
    model: str = ""
    usage: msgspec.Raw = NOTHING


class _Event(msgspec.Struct, frozen=True):
    type: str = ""
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Block | None = None
    usage: msgspec.Raw = NOTHING
    error: _Error | None = None


class _WholeBlock(msgspec.Struct, frozen=True):
    text: str = ""
    thinking: str = ""
    input: msgspec.Raw = NOTHING


class _Whole(msgspec.Struct, frozen=True):
    model: str = ""
    content: msgspec.Raw = NOTHING
    usage: msgspec.Raw = NOTHING
    error: _Error | None = None


_EVENT = msgspec.json.Decoder(_Event)
_WHOLE = msgspec.json.Decoder(_Whole)
_CONTENT = msgspec.json.Decoder(list[_WholeBlock])
_QUIET = (b"event: content_block_", b"event: ping", b":")
"""How blocks begin that say nothing new once the reply has started."""


def tap(stream: bool) -> Tap:
    """Make a tap for an event stream (True) or one JSON document (False)."""
    return StreamTap(note=_note_event, matters=_matters) if stream else WholeTap(note=_note_whole)


def _matters(block: bytes) -> bool:
    return not block.startswith(_QUIET)


def _note_event(seen: Seen, event: Event) -> None:
    data = _EVENT.decode(event.data)
    if data.message is not None:
        seen.model = data.message.model or seen.model
        begun = merge_usage(seen.usage, data.message.usage)  # of the output it tells what is there by then
        seen.usage = begun and replace(begun, estimated=True)
    seen.usage = merge_usage(seen.usage, data.usage)
    seen.started = seen.started or _useful(data.content_block) or _useful(data.delta)
    seen.written += _length(data.content_block) + _length(data.delta)
    if data.error is not None:
        seen.error = data.error.message or data.error.type
    if data.type == "message_stop":
        seen.complete = True


def _useful(block: _Block | None) -> bool:
    """Whether a block or delta has a token in it, or begins a call of any kind of tool."""
    if block is None:
        return False
    return bool(block.text or block.thinking or block.partial_json) or block.type.endswith("tool_use")


def _length(block: _Block | None) -> int:
    return 0 if block is None else len(block.text) + len(block.thinking) + len(block.partial_json)


def _content_length(content: msgspec.Raw) -> int:
    try:
        blocks = _CONTENT.decode(content) if content else []
    except UNREADABLE:
        return 0
    return sum(len(block.text) + len(block.thinking) + len(block.input) for block in blocks)


def _note_whole(seen: Seen, body: bytes) -> None:
    data = _WHOLE.decode(body)
    seen.model = data.model
    seen.usage = merge_usage(None, data.usage)
    seen.written = _content_length(data.content)
    seen.error = data.error.message if data.error else ""
