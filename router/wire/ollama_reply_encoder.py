"""Ollama, the reply: events written whole or as a stream of one object a line; and errors.

A call is written once it is complete, since its arguments are an object here. One that the answer's limit
cut off is left out: `done_reason` says `length`.
"""

from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any

import msgspec

from router.types import Usage
from router.wire.arguments import settle
from router.wire.conversation import Conversation
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Event,
    Failed,
    RefusalDelta,
    Started,
    Stopped,
    StopReason,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from router.wire.framing import Framing
from router.wire.ollama_request import PROMPT, decode_request, timestamp

Json = dict[str, Any]
_to_json = msgspec.json.encode

_DONE: Mapping[StopReason, str] = {
    "output_limit": "length",
    "overflow": "length",
    "refusal": "content_filter",
}
"""`stop` for the rest."""
_NS = 1_000_000_000
NDJSON = Framing(
    headers=(("content-type", "application/x-ndjson"), ("cache-control", "no-cache")),
    # Clients read every line as an object, so that one without text takes the place of a comment.
    keep_alive=_to_json({
        "model": "", "created_at": "1970-01-01T00:00:00Z", "message": {"role": "assistant", "content": ""},
        "response": "", "done": False,
    })
    + b"\n",
)  # fmt: skip
"""One object a line."""


class _Writer:
    """What a stream and a whole reply have in common."""

    def __init__(self, model: str, conversation: Conversation, prompt_tokens: int) -> None:
        self._model = model
        self._generates = PROMPT in conversation.extras
        self._received = conversation.received
        self._prompt = prompt_tokens
        reasoning = conversation.reasoning
        self._thinks = reasoning is None or reasoning.effort != "none"
        self._first: float | None = None
        self._usage: Usage | None = None
        self._call: tuple[str, str, list[str]] | None = None
        self._calls = 0
        self._deltas = 0

    def note(self, event: Event) -> Json | None:
        """The fields of a message that an event adds; None where it adds none."""
        match event:
            case TextDelta(text) | RefusalDelta(text):
                return self._delta({"content": text})
            case ThinkingDelta(text) if self._thinks:
                return self._delta({"content": "", "thinking": text})
            case CallStarted(id=call_id, name=name):
                self._call = (call_id, name, [])
            case CallArguments(text) if self._call:
                self._call[2].append(text)
            case CallEnded() if self._call:
                return self._delta({"content": "", "tool_calls": [self._finished(*self._call)]})
            case UsageReport(usage=usage):
                self._usage = usage
        return None

    def _delta(self, fields: Json) -> Json:
        self._deltas += 1
        self._first = self._first or monotonic()
        return fields

    def _finished(self, call_id: str, name: str, pieces: list[str]) -> Json:
        self._call = None
        self._calls += 1
        arguments = msgspec.Raw(settle("".join(pieces)).encode())
        return {"id": call_id, "function": {"index": self._calls - 1, "name": name, "arguments": arguments}}

    def object(self, message: Json, **more: Any) -> Json:
        """One object of a reply."""
        written: Json = {"model": self._model, "created_at": timestamp()}
        if self._generates:
            written["response"] = message.get("content", "")
            if thought := message.get("thinking"):
                written["thinking"] = thought
        else:
            written["message"] = {"role": "assistant", **message}
        return written | {"done": False} | more

    def end(self, reason: StopReason, *, whole: bool) -> Json:
        """The fields of the last object. Times in ns; those of a whole reply are not told apart."""
        now = monotonic()
        first = self._received if whole else self._first or now
        # An upstream that reports no usage sends about one token per piece.
        usage = self._usage or Usage(input=self._prompt, output=self._deltas, estimated=True)
        return {
            "done": True,
            "done_reason": _DONE.get(reason, "stop"),
            "total_duration": _ns(now - self._received),
            "load_duration": 0,
            "prompt_eval_count": usage.prompt,
            "prompt_eval_duration": _ns(first - self._received),
            "eval_count": usage.output,
            "eval_duration": _ns(now - first),
        }


def _ns(seconds: float) -> int:
    """A time that clients divide by, so that it is never 0."""
    return max(int(seconds * _NS), 1)


class OllamaReplyEncoder:
    """Writes a streamed reply; see `router.wire.events`."""

    def __init__(self, *, model: str, conversation: Conversation, prompt_tokens: int = 0) -> None:
        """Start.

        Args:
            model: the name that the client is told.
            conversation: what it asked for.
            prompt_tokens: of the prompt, should the upstream report no usage.
        """
        self._writer = _Writer(model, conversation, prompt_tokens)

    def feed(self, events: Iterable[Event]) -> bytes:
        """Return the complete lines for these events; empty while there is none to write."""
        return b"".join(map(self._write, events))

    def _write(self, event: Event) -> bytes:
        match event:
            case Stopped(reason=reason):
                last = self._writer.object({"content": ""}) | self._writer.end(reason, whole=False)
                return _to_json(last) + b"\n"
            case Failed(message=message, kind=kind):
                return error_event(kind, message)
            case Started():
                return b""
            case _:
                message_fields = self._writer.note(event)
                return (
                    b"" if message_fields is None else _to_json(self._writer.object(message_fields)) + b"\n"
                )


def encode_reply(
    events: Iterable[Event], *, model: str, conversation: Conversation, prompt_tokens: int = 0
) -> bytes:
    """Write a whole reply; the arguments are those of `OllamaReplyEncoder`."""
    writer = _Writer(model, conversation, prompt_tokens)
    texts: dict[str, list[str]] = {"content": [], "thinking": []}
    calls: list[Json] = []
    reason: StopReason = "end"
    for event in events:
        if isinstance(event, Failed):
            return error(event.kind, event.message)
        if isinstance(event, Stopped):
            reason = event.reason
        fields = writer.note(event) or {}
        calls += fields.get("tool_calls", ())
        for name, pieces in texts.items():
            pieces.append(fields.get(name, ""))
    message: Json = {"content": "".join(texts["content"])}
    if thought := "".join(texts["thinking"]):
        message["thinking"] = thought
    if calls:
        message["tool_calls"] = calls
    return _to_json(writer.object(message) | writer.end(reason, whole=True))


def no_completion(body: bytes, model: str, stream: bool) -> bytes:
    """Write the end of a completion that has no more text; see `router.wire.dialects.Dialect`."""
    conversation = decode_request(body)
    end = (Stopped(reason="end"),)
    if stream:
        return OllamaReplyEncoder(model=model, conversation=conversation).feed(end)
    return encode_reply(end, model=model, conversation=conversation)


def error(kind: str, message: str, *, request_id: str = "") -> bytes:
    """Write an error body; Ollama's has a message and nothing else."""
    del kind, request_id
    return _to_json({"error": message})


def error_event(kind: str, message: str, *, request_id: str = "") -> bytes:
    """Write an error for a stream that has begun."""
    return error(kind, message, request_id=request_id) + b"\n"


def overflow(tokens: int, limit: int, *, request_id: str = "") -> bytes:
    """Write the 400 body for a prompt that is too long, in words that Ollama and llama.cpp have for it."""
    message = (
        f"the input length exceeds the context length: the request ({tokens} tokens) exceeds the available "
        f"context size ({limit} tokens)"
    )
    return error("invalid_request_error", message, request_id=request_id)
