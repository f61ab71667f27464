"""OpenAI Chat Completions, the reply: events written whole or as a stream."""

from collections.abc import Iterable, Mapping
from time import time
from typing import Any
from uuid import uuid4

import msgspec

from router.types import Usage
from router.wire.chat_errors import error, error_event
from router.wire.chat_usage import usage_fields
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

DONE = b"data: [DONE]\n\n"

Json = dict[str, Any]

_FINISH: Mapping[StopReason, str] = {
    "output_limit": "length",
    "overflow": "length",
    "tool_calls": "tool_calls",
    "refusal": "content_filter",
}
"""`stop` for the rest."""


class _Frame:
    """What all chunks of one reply have in common."""

    __slots__ = ("_head", "_tail")

    def __init__(self, reply_id: str, model: str) -> None:
        head = {"id": reply_id, "object": "chat.completion.chunk", "created": int(time()), "model": model}
        self._head = b"data: " + msgspec.json.encode(head)[:-1]

    def delta(self, delta: bytes, finish: bytes = b"null") -> bytes:
        return b'%b,"choices":[{"index":0,"delta":%b,"logprobs":null,"finish_reason":%b}]}\n\n' % (
            self._head, delta, finish,
        )  # fmt: skip

    def usage(self, usage: Usage) -> bytes:
        return b'%b,"choices":[],"usage":%b}\n\n' % (self._head, msgspec.json.encode(usage_fields(usage)))


class ChatReplyEncoder:
    """Writes a streamed reply; see `router.wire.codec`."""

    __slots__ = ("_arguments", "_calls", "_deltas", "_frame", "_model", "_prompt", "_usage", "_wants_usage")

    def __init__(self, *, model: str, conversation: Conversation, prompt_tokens: int = 0) -> None:
        """Start.

        Args:
            model: the name that the client is told.
            conversation: what it asked for.
            prompt_tokens: of the prompt, should the upstream report no usage.
        """
        self._model = model
        self._wants_usage = conversation.stream_usage
        self._prompt = prompt_tokens
        self._frame = _Frame("", model)
        self._usage: Usage | None = None
        self._calls = -1
        self._arguments = False
        self._deltas = 0

    def feed(self, events: Iterable[Event]) -> bytes:
        """Return the complete frames that say these events; empty where nothing is to be said yet."""
        return b"".join(map(self._write, events))

    def _write(self, event: Event) -> bytes:  # noqa: PLR0911 - one for each kind of event
        match event:
            case TextDelta(text):
                return self._delta(b'{"content":%b}', text)
            case CallArguments(text):
                self._arguments = True
                return self._delta(
                    b'{"tool_calls":[{"index":%d,"function":{"arguments":%%b}}]}' % self._calls, text
                )
            case ThinkingDelta(text):
                return self._delta(b'{"reasoning_content":%b}', text)
            case RefusalDelta(text):
                return self._delta(b'{"refusal":%b}', text)
            case Started(id=sent):
                self._frame = _Frame(_reply_id(sent), self._model)
                return self._frame.delta(b'{"role":"assistant","content":""}')
            case CallStarted(id=call_id, name=name):
                self._calls += 1
                self._arguments = False
                call = {"index": self._calls, **_call(call_id, name, "")}
                return self._frame.delta(msgspec.json.encode({"tool_calls": [call]}))
            case CallEnded() if not self._arguments:
                return self._write(CallArguments("{}"))  # clients parse it, and an empty text is no JSON
            case UsageReport(usage=reported):
                self._usage = reported
            case Stopped(reason=reason):
                return self._end(reason)
            case Failed(message=message, kind=kind):
                return error_event(0, kind, message)
        return b""

    def _delta(self, form: bytes, text: str) -> bytes:
        self._deltas += 1
        return self._frame.delta(form % msgspec.json.encode(text))

    def _end(self, reason: StopReason) -> bytes:
        ended = self._frame.delta(b"{}", b'"%b"' % _FINISH.get(reason, "stop").encode())
        # An upstream that reports no usage sends about one token per piece.
        usage = self._usage or Usage(input=self._prompt, output=self._deltas, estimated=True)
        return b"".join((ended, self._frame.usage(usage) if self._wants_usage else b"", DONE))


def reply_encoder(*, model: str, conversation: Conversation, prompt_tokens: int = 0) -> ChatReplyEncoder:
    """Make an encoder of a streamed reply; see `ChatReplyEncoder`."""
    return ChatReplyEncoder(model=model, conversation=conversation, prompt_tokens=prompt_tokens)


def encode_reply(
    events: Iterable[Event], *, model: str, conversation: Conversation, prompt_tokens: int = 0
) -> bytes:
    """Write a whole reply; the arguments are those of `reply_encoder`."""
    del conversation
    message = _Message()
    for event in events:
        if isinstance(event, Failed):
            return error(0, event.kind, event.message)
        message.add(event)
    usage = message.usage or Usage(input=prompt_tokens, output=message.pieces, estimated=True)
    choice = {
        "index": 0,
        "message": message.fields(),
        "logprobs": None,
        "finish_reason": _FINISH.get(message.reason, "stop"),
    }
    return msgspec.json.encode({
        "id": _reply_id(message.id),
        "object": "chat.completion",
        "created": int(time()),
        "model": model,
        "choices": [choice],
        "usage": usage_fields(usage),
    })  # fmt: skip


class _Message:
    """A whole reply as its events come together."""

    def __init__(self) -> None:
        self.id = ""
        self.reason: StopReason = "end"
        self.usage: Usage | None = None
        self.pieces = 0
        self._texts: dict[str, list[str]] = {"content": [], "refusal": [], "reasoning_content": []}
        self._calls: list[Json] = []
        self._arguments: list[str] = []

    def add(self, event: Event) -> None:
        match event:
            case TextDelta(text):
                self._add_text("content", text)
            case RefusalDelta(text):
                self._add_text("refusal", text)
            case ThinkingDelta(text):
                self._add_text("reasoning_content", text)
            case CallStarted(id=call_id, name=name):
                self._end_call()
                self._calls.append(_call(call_id, name, "{}"))
            case CallArguments(text):
                self.pieces += 1
                self._arguments.append(text)
            case Started(id=sent):
                self.id = sent
            case UsageReport(usage=reported):
                self.usage = reported
            case Stopped(reason=reason):
                self.reason = reason

    def fields(self) -> Json:
        self._end_call()
        fields: Json = {"role": "assistant", "content": None}
        fields |= {name: "".join(texts) for name, texts in self._texts.items() if texts}
        return fields | ({"tool_calls": self._calls} if self._calls else {})

    def _add_text(self, name: str, text: str) -> None:
        self.pieces += 1
        self._texts[name].append(text)

    def _end_call(self) -> None:
        if self._arguments:
            self._calls[-1]["function"]["arguments"] = "".join(self._arguments)
            self._arguments = []


def _call(call_id: str, name: str, arguments: str) -> Json:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _reply_id(sent: str) -> str:
    return sent or f"chatcmpl-{uuid4().hex}"
