"""OpenAI Chat Completions: `POST /v1/chat/completions`.

- Usage comes once: in the document, or in a last chunk with empty `choices`.
- `prompt_tokens` includes the cached ones; `router.types.Usage` does not.
"""

import re
from typing import Any

import msgspec

from router.types import Tap
from router.wire.chat_errors import error, error_event, overflow
from router.wire.chat_request import read
from router.wire.chat_usage import read_usage as usage
from router.wire.sse import Event
from router.wire.tap import NOTHING, Seen, StreamTap, WholeTap

__all__ = ["DONE", "error", "error_event", "overflow", "read", "tap", "usage"]

DONE = b"[DONE]"


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    type: str | None = None


class _Call(msgspec.Struct, frozen=True):
    function: Any = None


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta | None = None
    message: _Delta | None = None


class _Reply(msgspec.Struct, frozen=True):
    """A whole document or one chunk of a stream; the tap needs the same few fields of both."""

    model: str | None = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = NOTHING
    service_tier: Any = None
    error: _Error | str | None = None


_REPLY = msgspec.json.Decoder(_Reply)

# Once the reply has started only these can say something new. Many servers write
# `"usage":null` into every chunk, so the brace belongs to it.
_MATTERS = re.compile(rb'"usage"\s*:\s*\{|"error"|\[DONE\]')


def tap(stream: bool) -> Tap:
    """Make a tap for an event stream (True) or one JSON document (False)."""
    return StreamTap(note=_note_event, matters=_MATTERS.search) if stream else WholeTap(note=_note_reply)


def _note_event(seen: Seen, event: Event) -> None:
    if event.data.strip() == DONE:
        seen.complete = True
    else:
        _note_reply(seen, event.data)


def _note_reply(seen: Seen, data: bytes) -> None:
    reply = _REPLY.decode(data)
    seen.model = seen.model or reply.model or ""
    seen.usage = usage(reply.usage, reply.service_tier) or seen.usage
    seen.started = seen.started or any(_useful(choice.delta) for choice in reply.choices or ())
    seen.written += sum(_length(choice.delta or choice.message) for choice in reply.choices or ())
    if reply.error:
        seen.error = reply.error if isinstance(reply.error, str) else reply.error.message or "unknown error"


def _useful(delta: _Delta | None) -> bool:
    return delta is not None and bool(
        delta.content or delta.tool_calls or delta.reasoning_content or delta.reasoning or delta.refusal
    )


def _length(delta: _Delta | None) -> int:
    if delta is None:
        return 0
    texts = (delta.content, delta.refusal, delta.reasoning_content, delta.reasoning)
    calls = delta.tool_calls or ()
    return sum(len(text) for text in texts if text) + sum(len(_arguments(call)) for call in calls)


def _arguments(call: _Call) -> str:
    arguments = call.function.get("arguments") if isinstance(call.function, dict) else None
    return arguments if isinstance(arguments, str) else ""
