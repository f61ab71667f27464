"""Anthropic Messages: events written as a reply, whole or streamed, and errors in its format.

- Clients check the event order, so every event is written in the one order they know:
  `message_start`, per block start / deltas / stop, `message_delta`, `message_stop`.
- Reasoning goes out with its provider's signature or not at all: a thinking block without one would make
  Claude refuse the conversation later. In a stream it therefore waits for its signature.
- Ids of calls that are not in Anthropic's form are made anew: local servers repeat theirs, and Claude
  wants them unique.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

import msgspec

from router.types import Usage
from router.wire.anthropic_reply import REASONS
from router.wire.arguments import is_object, settle
from router.wire.conversation import Conversation
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Event,
    Failed,
    RefusalDelta,
    Signature,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from router.wire.sse import encode
from router.wire.usage import write_messages_usage

Json = dict[str, Any]

_WORDS: Mapping[str, str] = {reason: word for word, reason in REASONS.items()}
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":'
_TEXT = _DELTA + b'"text_delta","text":%b}}\n\n'
_ARGUMENTS = _DELTA + b'"input_json_delta","partial_json":%b}}\n\n'
_to_json = msgspec.json.Encoder().encode


def encode_reply(
    events: Iterable[Event], *, model: str, conversation: Conversation, prompt_tokens: int = 0
) -> bytes:
    """Write one document.

    A call that was cut off at the limit keeps its name and loses its arguments, as in a stream.

    Args:
        events: of a whole reply.
        model: the name that the client is shown.
        conversation: what the reply answers.
        prompt_tokens: estimate for a reply that reports no usage.
    """
    content = _Content()
    usage: Usage | None = None
    stopped = Stopped(reason="end")
    for event in events:
        match event:
            case UsageReport(reported):
                usage = reported
            case Failed():
                return error(event.kind, event.message)
            case Stopped():
                stopped = event
            case _:
                content.add(event)
    message = _message(model, usage or Usage(input=prompt_tokens, estimated=True))
    message["content"] = content.blocks(cut=stopped.reason == "output_limit")
    message |= _stop(stopped, conversation, called=bool(content.arguments))
    return _to_json(message)


class _Content:
    """The blocks of a whole reply."""

    def __init__(self) -> None:
        self._blocks: list[Json] = []
        self._thinking = ""
        self.arguments: dict[int, str] = {}
        """Of each call, by its place among the blocks."""

    def add(self, event: Event) -> None:
        """Add what an event brings."""
        match event:
            case TextDelta(text) | RefusalDelta(text):
                if self._blocks and self._blocks[-1]["type"] == "text":
                    self._blocks[-1]["text"] += text
                else:
                    self._blocks.append({"type": "text", "text": text})
            case ThinkingDelta(text):
                self._thinking += text
            case Signature():
                self._blocks.append(_signed(self._thinking, event))
                self._thinking = ""
            case CallStarted():
                self.arguments[len(self._blocks)] = ""
                self._blocks.append(_tool_use(event))
            case CallArguments(text):
                self.arguments[max(self.arguments)] += text
            case _:
                pass

    def blocks(self, *, cut: bool) -> list[Json]:
        """All blocks; of a reply that was `cut` at its limit, the last call may lack arguments, or a name."""
        for at, text in self.arguments.items():
            self._blocks[at]["input"] = _input(text, cut=cut)
        return [block for block in self._blocks if block["type"] != "tool_use" or block["name"] or not cut]


def _input(arguments: str, *, cut: bool) -> msgspec.Raw:
    return msgspec.Raw(b"{}" if cut and not is_object(arguments) else settle(arguments).encode())


class Encoder:
    """Writes one stream; see `router.wire.events.ReplyEncoder`."""

    def __init__(self, *, model: str, conversation: Conversation, prompt_tokens: int = 0) -> None:
        """See `encode_reply`."""
        self._model = model
        self._conversation = conversation
        self._prompt_tokens = prompt_tokens
        self._usage: Usage | None = None
        self._index = -1
        """Of the content block that began last."""
        self._open = ""
        """Its type, while it is open."""
        self._thinking = ""
        """Waits for its signature."""
        self._called = False
        self._deltas = 0

    def feed(self, events: Iterable[Event]) -> bytes:
        """Return the complete frames for these events."""
        frames: list[bytes] = []
        for event in events:
            if type(event) is TextDelta and self._open == "text":  # nearly all are this one
                self._deltas += 1
                frames.append(_TEXT % (self._index, _to_json(event.text)))
            elif type(event) is CallArguments:  # or this one
                self._deltas += 1
                frames.append(_ARGUMENTS % (self._index, _to_json(event.text)))
            else:
                self._write(event, frames)
        return b"".join(frames)

    def _write(self, event: Event, frames: list[bytes]) -> None:
        match event:
            case TextDelta() | RefusalDelta():
                if self._open != "text":
                    self._begin({"type": "text", "text": ""}, frames)
                self._deltas += 1
                frames.append(_TEXT % (self._index, _to_json(event.text)))
            case ThinkingDelta():
                self._thinking += event.text
            case Signature():
                self._sign(event, frames)
            case CallStarted():
                self._called = True
                self._begin(_tool_use(event), frames)
            case CallEnded():
                self._end(frames)
            case UsageReport():
                self._usage = event.usage
            case Started():  # the upstream's id and model are its own
                message = _message(self._model, self._usage or Usage(input=self._prompt_tokens))
                frames.append(_frame("message_start", {"message": message}))
            case Stopped():
                self._stop(event, frames)
            case Failed():
                frames.append(error_event(event.kind, event.message))

    def _sign(self, event: Signature, frames: list[bytes]) -> None:
        """Write the reasoning that this signs."""
        block, self._thinking = _signed(self._thinking, event), ""
        if event.redacted:
            self._begin(block, frames)
        else:
            self._begin({"type": "thinking", "thinking": "", "signature": ""}, frames)
            if text := block["thinking"]:
                self._delta({"type": "thinking_delta", "thinking": text}, frames)
            self._delta({"type": "signature_delta", "signature": event.signature}, frames)
        self._end(frames)

    def _stop(self, event: Stopped, frames: list[bytes]) -> None:
        self._end(frames)
        # A server that reports no usage sends about one token per piece.
        usage = self._usage or Usage(input=self._prompt_tokens, output=self._deltas, estimated=True)
        delta = _stop(event, self._conversation, called=self._called)
        frames.append(_frame("message_delta", {"delta": delta, "usage": write_messages_usage(usage)}))
        frames.append(_frame("message_stop", {}))

    def _begin(self, block: Json, frames: list[bytes]) -> None:
        self._end(frames)
        self._index += 1
        self._open = block["type"]
        frames.append(_frame("content_block_start", {"index": self._index, "content_block": block}))

    def _delta(self, delta: Json, frames: list[bytes]) -> None:
        frames.append(_frame("content_block_delta", {"index": self._index, "delta": delta}))

    def _end(self, frames: list[bytes]) -> None:
        if self._open:
            self._open = ""
            frames.append(_frame("content_block_stop", {"index": self._index}))


def _frame(name: str, data: Mapping[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _to_json({"type": name, **data}))


def _message(model: str, usage: Usage) -> Json:
    return {
        "id": f"msg_{uuid4().hex[:24]}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": write_messages_usage(usage),
    }


def _tool_use(call: CallStarted) -> Json:
    own = call.id if call.id.startswith("toolu_") else f"toolu_{uuid4().hex[:24]}"
    return {"type": "tool_use", "id": own, "name": call.name, "input": {}}


def _signed(thinking: str, signature: Signature) -> Json:
    if signature.redacted:
        return {"type": "redacted_thinking", "data": signature.redacted}
    return {"type": "thinking", "thinking": thinking, "signature": signature.signature}


def _stop(stopped: Stopped, conversation: Conversation, *, called: bool) -> Json:
    """Why it stopped; servers write `stop` after a call, and `tool_calls` where none came."""
    word, sequence = _WORDS.get(stopped.reason, "end_turn"), None
    if stopped.reason in {"end", "unstated", "tool_calls", "stop_sequence"}:
        word = "tool_use" if called else "end_turn"
    stops = conversation.stop
    if stopped.reason == "stop_sequence" and not called and stops and stopped.sequence in {"", *stops}:
        word, sequence = "stop_sequence", stopped.sequence or stops[0]  # any other is a token of the model's
    return {"stop_reason": word, "stop_sequence": sequence}


_TYPES = {"method_not_allowed": "invalid_request_error"}
"""For what this dialect has no type of its own."""


def error(kind: str, message: str, *, request_id: str = "") -> bytes:
    """Write an error body."""
    body: Json = {"type": "error", "error": {"type": _TYPES.get(kind, kind), "message": message}}
    return _to_json(body | ({"request_id": request_id} if request_id else {}))


def error_event(kind: str, message: str, *, request_id: str = "") -> bytes:
    """Write an error for a stream that has begun."""
    return encode("error", error(kind, message, request_id=request_id))


def overflow(tokens: int, limit: int, *, request_id: str = "") -> bytes:
    """Write the 400 body Claude Code parses the numbers of, and compacts on."""
    message = f"prompt is too long: {tokens} tokens > {limit} maximum"
    return error("invalid_request_error", message, request_id=request_id)
