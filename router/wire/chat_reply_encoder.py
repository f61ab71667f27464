"""OpenAI Chat Completions, the reply: events written whole or as a stream."""

from collections.abc import Iterable, Mapping
from time import time
from typing import Any
from uuid import uuid4

import msgspec

from router.types import Usage
from router.wire.chat_errors import error, error_event
from router.wire.conversation import Conversation, free_text_tools
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
from router.wire.free_text import text_of
from router.wire.usage import write_chat_usage

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
        return b'%b,"choices":[],"usage":%b}\n\n' % (self._head, msgspec.json.encode(write_chat_usage(usage)))


class ChatReplyEncoder:
    """Writes a streamed reply; see `router.wire.events`."""

    def __init__(self, *, model: str, conversation: Conversation, prompt_tokens: int = 0) -> None:
        """Start.

        Args:
            model: the name that the client is told.
            conversation: what it asked for.
            prompt_tokens: of the prompt, should the upstream report no usage.
        """
        self._model = model
        self._wants_usage = conversation.stream_usage
        self._free_text = free_text_tools(conversation)
        self._prompt = prompt_tokens
        self._frame = _Frame("", model)
        self._usage: Usage | None = None
        self._calls = -1
        self._arguments = False
        self._input: list[str] | None = None
        """Arguments of a call whose client wants free text, which is in them once they are complete."""
        self._deltas = 0

    def feed(self, events: Iterable[Event]) -> bytes:
        """Return the complete frames for these events; empty while there is none to write."""
        return b"".join(map(self._write, events))

    def _write(self, event: Event) -> bytes:  # noqa: PLR0911 - one for each kind of event
        match event:
            case TextDelta(text):
                return self._delta(b'{"content":%b}', text)
            case CallArguments(text):
                self._arguments = True
                if self._input is not None:
                    self._input.append(text)
                    return b""
                return self._delta(
                    b'{"tool_calls":[{"index":%d,"function":{"arguments":%%b}}]}' % self._calls, text
                )
            case ThinkingDelta(text):
                return self._delta(b'{"reasoning_content":%b}', text)
            case RefusalDelta(text):
                return self._delta(b'{"refusal":%b}', text)
            case Started(id=reply_id):
                self._frame = _Frame(_reply_id(reply_id), self._model)
                return self._frame.delta(b'{"role":"assistant","content":""}')
            case CallStarted(id=call_id, name=name):
                self._calls += 1
                self._arguments = False
                self._input = [] if name in self._free_text else None
                call = {"index": self._calls, **_call(call_id, name, "", free_text=name in self._free_text)}
                return self._frame.delta(msgspec.json.encode({"tool_calls": [call]}))
            case CallEnded() if self._input is not None:
                return self._free_text_input()
            case CallEnded() if not self._arguments:
                return self._write(CallArguments("{}"))  # clients parse it, and an empty text is no JSON
            case UsageReport(usage=reported):
                self._usage = reported
            case Stopped(reason=reason):
                return self._free_text_input() + self._end(reason)
            case Failed(message=message, kind=kind):
                return error_event(kind, message)
        return b""

    def _free_text_input(self) -> bytes:
        """Write the text of a call that takes free text, also where the answer is cut in the middle of it."""
        if self._input is None:
            return b""
        form = b'{"tool_calls":[{"index":%d,"custom":{"input":%%b}}]}' % self._calls
        text, self._input = text_of("".join(self._input)), None
        return self._delta(form, text)

    def _delta(self, form: bytes, text: str) -> bytes:
        self._deltas += 1
        return self._frame.delta(form % msgspec.json.encode(text))

    def _end(self, reason: StopReason) -> bytes:
        ended = self._frame.delta(b"{}", b'"%b"' % _FINISH.get(reason, "stop").encode())
        # An upstream that reports no usage sends about one token per piece.
        usage = self._usage or Usage(input=self._prompt, output=self._deltas, estimated=True)
        return b"".join((ended, self._frame.usage(usage) if self._wants_usage else b"", DONE))


def encode_reply(
    events: Iterable[Event], *, model: str, conversation: Conversation, prompt_tokens: int = 0
) -> bytes:
    """Write a whole reply; the arguments are those of `ChatReplyEncoder`."""
    message = _Message(free_text_tools(conversation))
    for event in events:
        if isinstance(event, Failed):
            return error(event.kind, event.message)
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
        "usage": write_chat_usage(usage),
    })  # fmt: skip


class _Message:
    """A whole reply as its events come together."""

    def __init__(self, free_text: frozenset[str]) -> None:
        self._free_text = free_text
        self.id = ""
        self.reason: StopReason = "end"
        self.usage: Usage | None = None
        self.pieces = 0
        self._texts: dict[str, list[str]] = {"content": [], "refusal": [], "reasoning_content": []}
        self._calls: list[tuple[str, str, list[str]]] = []
        """Id, name, pieces of the arguments."""

    def add(self, event: Event) -> None:
        match event:
            case TextDelta(text):
                self._add_text("content", text)
            case RefusalDelta(text):
                self._add_text("refusal", text)
            case ThinkingDelta(text):
                self._add_text("reasoning_content", text)
            case CallStarted(id=call_id, name=name):
                self._calls.append((call_id, name, []))
            case CallArguments(text):
                self.pieces += 1
                self._calls[-1][2].append(text)
            case Started(id=reply_id):
                self.id = reply_id
            case UsageReport(usage=reported):
                self.usage = reported
            case Stopped(reason=reason):
                self.reason = reason

    def fields(self) -> Json:
        fields: Json = {"role": "assistant", "content": None}
        fields |= {name: "".join(texts) for name, texts in self._texts.items() if texts}
        if self._calls:
            fields["tool_calls"] = [self._call(*call) for call in self._calls]
        return fields

    def _call(self, call_id: str, name: str, pieces: list[str]) -> Json:
        free_text = name in self._free_text
        return _call(call_id, name, "".join(pieces) or ("" if free_text else "{}"), free_text=free_text)

    def _add_text(self, name: str, text: str) -> None:
        self.pieces += 1
        self._texts[name].append(text)


def _call(call_id: str, name: str, arguments: str, *, free_text: bool) -> Json:
    """Write a call, with the arguments that are known."""
    if free_text:
        return {"id": call_id, "type": "custom", "custom": {"name": name, "input": text_of(arguments)}}
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _reply_id(reply_id: str) -> str:
    return reply_id or f"chatcmpl-{uuid4().hex}"
