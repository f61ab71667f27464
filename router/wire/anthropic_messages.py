"""Anthropic Messages: `POST /v1/messages` and its `count_tokens`.

Usage comes in two parts: `message_start` has the prompt, `message_delta` the running
total of the output and, on newer servers, the prompt again; the later non-null value
of a field counts, as in the provider's own SDK.
"""

from dataclasses import replace
from typing import Any

import msgspec

from router.types import Tap, Usage
from router.wire import body as wire_body
from router.wire.body import UNREADABLE, AnyObject, Body, Envelope
from router.wire.sse import Event, encode
from router.wire.tap import NOTHING, Seen, StreamTap, Tokens, WholeTap


class _Body(Body, frozen=True, kw_only=True):
    system: str | list[AnyObject] | None = None


_BODY = msgspec.json.Decoder(_Body)


def read(body: bytes) -> Envelope:
    """Read the envelope; raises `BadRequest`."""
    return wire_body.read(_BODY, body)


class _CacheCreation(msgspec.Struct, frozen=True):
    ephemeral_5m_input_tokens: Tokens = 0
    ephemeral_1h_input_tokens: Tokens = 0


class _Usage(msgspec.Struct, frozen=True):
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cache_read_input_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None
    cache_creation: _CacheCreation | None = None
    service_tier: Any = None
    inference_geo: Any = None
    speed: Any = None


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
        begun = _merge(seen.usage, data.message.usage)  # of the output it tells what is there by then
        seen.usage = begun and replace(begun, estimated=True)
    seen.usage = _merge(seen.usage, data.usage)
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
    seen.usage = _merge(None, data.usage)
    seen.written = _content_length(data.content)
    seen.error = data.error.message if data.error else ""


_DEARER_OR_CHEAPER = {"batch", "priority", "fast", "us"}


_USAGE = msgspec.json.Decoder(_Usage | None)


def _merge(before: Usage | None, raw: msgspec.Raw) -> Usage | None:
    """Take what a report says; one with numbers that can be no count of tokens says nothing.

    It stays an estimate until the output was reported.
    """
    try:
        new = _USAGE.decode(raw) if raw else None
    except UNREADABLE:
        return before
    if new is None:
        return before
    old = before or Usage()
    write_5m, write_1h = _writes(old, new)
    return Usage(
        input=old.input if new.input_tokens is None else new.input_tokens,
        output=old.output if new.output_tokens is None else new.output_tokens,
        cache_read=old.cache_read if new.cache_read_input_tokens is None else new.cache_read_input_tokens,
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        estimated=new.output_tokens is None and (before is None or old.estimated),
        terms=_terms(new) or old.terms,
    )


def _terms(usage: _Usage) -> str:
    """Return the words that change the price; what is standard, or served everywhere, is none."""
    told = (usage.service_tier, usage.speed, usage.inference_geo)
    return " ".join(word for word in told if isinstance(word, str) and word in _DEARER_OR_CHEAPER)


def _writes(old: Usage, new: _Usage) -> tuple[int, int]:
    """Split cache writes by how long they last; a later bare total keeps the earlier split."""
    split, total = new.cache_creation, new.cache_creation_input_tokens
    if split is not None:
        return split.ephemeral_5m_input_tokens, split.ephemeral_1h_input_tokens
    if total is None or total == old.cache_write_5m + old.cache_write_1h:
        return old.cache_write_5m, old.cache_write_1h
    return total, 0


def error(status: int, kind: str, message: str, *, request_id: str = "") -> bytes:
    """Write an error body; `status` has no place in it."""
    del status
    return _error(kind, message, request_id)


def error_event(status: int, kind: str, message: str, *, request_id: str = "") -> bytes:
    """Write an error for a stream that has begun."""
    del status
    return encode("error", _error(kind, message, request_id))


def overflow(tokens: int, limit: int, *, request_id: str = "") -> bytes:
    """Write the 400 body Claude Code parses the numbers of, and compacts on."""
    return _error(
        "invalid_request_error", f"prompt is too long: {tokens} tokens > {limit} maximum", request_id
    )


def _error(kind: str, message: str, request_id: str) -> bytes:
    body: dict[str, object] = {"type": "error", "error": {"type": kind, "message": message}}
    return msgspec.json.encode(body | ({"request_id": request_id} if request_id else {}))
