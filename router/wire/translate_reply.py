"""An OpenAI chat reply, as an Anthropic Messages reply.

- Clients check the event order, so every event is written in the one order they know:
  `message_start`, per block start / deltas / stop, `message_delta`, `message_stop`.
- `message_stop` is written only for a reply that ended as it must. One that breaks off is
  left open: whoever relays it drops the connection, which clients recover from best.
- Reasoning stays here: a thinking block without Claude's signature would make Claude
  refuse the conversation later.
- Tool ids are made anew: local servers repeat `call_0` in every turn, Claude wants them unique.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from uuid import uuid4

import msgspec

from router.errors import TrackError
from router.types import Usage
from router.wire import openai_chat
from router.wire.body import UNREADABLE
from router.wire.sse import Parser, encode
from router.wire.tap import NOTHING


def fresh() -> str:
    """Make the part of an id behind its prefix."""
    return uuid4().hex[:24]


class _Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct, frozen=True):
    function: _Function | None = None
    index: int | None = None

    @property
    def name(self) -> str:
        return (self.function and self.function.name) or ""

    @property
    def arguments(self) -> str:
        return (self.function and self.function.arguments) or ""


class _Part(msgspec.Struct, frozen=True):
    text: str | None = None


class _Said(msgspec.Struct, frozen=True):
    """A whole message or one delta of it."""

    content: str | list[_Part] | None = None
    """Text; a list of parts from a few servers."""
    refusal: str | None = None
    tool_calls: list[_Call] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content)
        return self.content or self.refusal or ""


_NOTHING_SAID = _Said()


class _Choice(msgspec.Struct, frozen=True):
    message: _Said | None = None
    delta: _Said | None = None
    finish_reason: str | None = None
    stop_reason: Any = None
    """vLLM's and our engine's word for the stop sequence that ended the text."""
    matched_stop: Any = None
    """SGLang's."""


class _Error(msgspec.Struct, frozen=True):
    message: str = ""


class _Chat(msgspec.Struct, frozen=True):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = NOTHING
    error: _Error | str | None = None


_CHAT = msgspec.json.Decoder(_Chat)

_STOP: Mapping[str | None, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def _stop_reason(finish: str | None, *, called: bool) -> str:
    """Map the reason; servers say `stop` behind a call, and `tool_calls` where none came."""
    reason = _STOP.get(finish, "end_turn")
    if reason not in ("end_turn", "tool_use"):
        return reason
    return "tool_use" if called else "end_turn"


def _stop_sequence(choice: _Choice, stops: Collection[str]) -> str | None:
    """Name the client's stop sequence that ended the text; None where none is known to have."""
    marks = (choice.stop_reason, choice.matched_stop)
    named = next((mark for mark in marks if isinstance(mark, str) and mark in stops), None)
    return next(iter(stops)) if named is None and choice.finish_reason == "stop_sequence" and stops else named


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output,
    }


def _message(model: str, content: list[Any], stop: str | None, usage: Usage, new_id: str) -> dict[str, Any]:
    return {
        "id": f"msg_{new_id}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": _usage(usage),
    }


def from_chat(
    body: bytes, *, model: str, stops: Collection[str] = (), new_id: Callable[[], str] = fresh
) -> bytes:
    """Translate a whole reply.

    A call that was cut off at the limit keeps its name and loses its arguments: the client is told
    `max_tokens`, as in a stream.

    Args:
        body: a chat completion.
        model: the name the client is told.
        stops: the client's stop sequences.
        new_id: makes ids, without prefix.

    Raises:
        TrackError: the body is no chat completion (`local_error`), or the arguments of a
            tool call are no JSON object (`bad_tool_call`).
    """
    try:
        chat = _CHAT.decode(body)
    except UNREADABLE as error:
        raise TrackError(
            f"the local server's answer is no chat completion: {error}", cause="local_error"
        ) from error
    if not chat.choices:
        raise TrackError("the local server's answer has no choices", cause="local_error")
    choice = chat.choices[0]
    reply = choice.message or _NOTHING_SAID
    text = reply.text
    content: list[Any] = [{"type": "text", "text": text}] if text else []
    cut = choice.finish_reason == "length"
    calls = [call for call in reply.tool_calls or [] if call.name or not cut]
    content += [_tool_use(new_id(), call.name) | {"input": _input(call, cut=cut)} for call in calls]
    usage = openai_chat.usage(chat.usage) or Usage(estimated=True)
    stop = _stop_reason(choice.finish_reason, called=bool(calls))
    message = _message(model, content, stop, usage, new_id())
    if stop == "end_turn" and (sequence := _stop_sequence(choice, stops)):
        message |= {"stop_reason": "stop_sequence", "stop_sequence": sequence}
    return msgspec.json.encode(message)


def _tool_use(new_id: str, name: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{new_id}", "name": name, "input": {}}


def _input(call: _Call, *, cut: bool) -> dict[str, Any]:
    try:
        return msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
    except UNREADABLE as error:
        if cut:
            return {}
        raise TrackError(
            f"the local model called {call.name} with arguments that are no JSON object: {error}",
            cause="bad_tool_call",
        ) from error


_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Block:
    """A content block as it grows: text, or a call."""

    __slots__ = ("begun", "call", "name", "pieces")

    def __init__(self, *, call: bool) -> None:
        self.call = call
        self.name = ""
        self.pieces: list[str] = []
        self.begun = False

    @property
    def complete(self) -> bool:
        """Whether nothing more can belong to it once another block has begun."""
        if not self.call:
            return True
        try:
            _OBJECT.decode("".join(self.pieces))
        except UNREADABLE:
            return False
        return bool(self.name)


class ReplyStream:
    """Translates a streamed reply: OpenAI's bytes in, Anthropic's bytes out.

    Content blocks come one after the other, while pieces of several calls may come in turns: what
    belongs to a later block waits until the one before it is complete.
    """

    __slots__ = (
        "_blocks",
        "_calls",
        "_deltas",
        "_finish",
        "_index",
        "_model",
        "_new_id",
        "_parser",
        "_prompt",
        "_sequence",
        "_started",
        "_stops",
        "complete",
        "error",
        "usage",
    )

    def __init__(
        self,
        *,
        model: str,
        prompt_tokens: int = 0,
        stops: Collection[str] = (),
        new_id: Callable[[], str] = fresh,
    ) -> None:
        """Start.

        Args:
            model: the name the client is told.
            prompt_tokens: what `message_start` reports; the true count follows in `message_delta`.
            stops: the client's stop sequences.
            new_id: makes ids, without prefix.
        """
        self.usage: Usage | None = None
        """As reported; None where the upstream reported none."""
        self.complete = False
        """`message_stop` was written. If the upstream ends and this is False, drop the connection."""
        self.error = ""
        """The message of an error the upstream reported in the stream."""
        self._model = model
        self._prompt = prompt_tokens
        self._new_id = new_id
        self._parser = Parser()
        self._started = False
        self._index = -1  # of the content block that was begun last
        self._blocks: deque[_Block] = deque()  # the first is being written, the others wait
        self._calls: dict[int, _Block] = {}  # by the upstream's index
        self._finish: str | None = None
        self._stops = stops
        self._sequence: str | None = None
        self._deltas = 0

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes, cut anywhere; return what can be said so far, maybe nothing.

        Raises:
            TrackError: the upstream writes something that is no chat completion chunk, goes back to
                a tool call that was complete, or ends with one that has no name.
        """
        return b"".join(out for event in self._parser.feed(chunk) for out in self._event(event.data))

    def end(self) -> bytes:
        """Say what is owed when the upstream closed; look at `complete` afterwards.

        A stream that gave its finish reason is whole even where the server left `[DONE]` out.
        """
        return b"" if self._finish is None else b"".join(self._close())

    def _event(self, data: bytes) -> Iterator[bytes]:
        if self.complete or self.error:
            return
        if data.strip() == openai_chat.DONE:
            yield from self._close()
            return
        try:
            chunk = _CHAT.decode(data)
        except UNREADABLE as error:
            raise TrackError(
                f"the local server's stream is not readable: {error}", cause="local_error"
            ) from error
        if chunk.error:
            self.error = (
                chunk.error if isinstance(chunk.error, str) else chunk.error.message or "unknown error"
            )
            yield _write("error", {"error": {"type": "api_error", "message": self.error}})
            return
        if not self._started:
            self._started = True
            message = _message(self._model, [], None, Usage(input=self._prompt), self._new_id())
            yield _write("message_start", {"message": message})
        self.usage = openai_chat.usage(chunk.usage) or self.usage
        for choice in (chunk.choices or ())[:1]:
            yield from self._said(choice.delta or _NOTHING_SAID)
            self._finish = choice.finish_reason or self._finish
            self._sequence = _stop_sequence(choice, self._stops) or self._sequence

    def _said(self, delta: _Said) -> Iterator[bytes]:
        if text := delta.text:
            if not self._blocks or self._blocks[-1].call:
                yield from self._append(_Block(call=False))
            yield from self._add(self._blocks[-1], text)
        for call in delta.tool_calls or ():
            index = self._place(call)
            block = self._calls.get(index)
            if block is None:
                block = self._calls[index] = _Block(call=True)
                yield from self._append(block)
            elif block not in self._blocks and call.arguments.strip():
                raise _scattered(index)
            if not block.begun:
                block.name += call.name
            if call.arguments and not block.name:
                raise _scattered(index)
            yield from self._add(block, call.arguments)

    def _place(self, call: _Call) -> int:
        """Return which call a piece belongs to; where the server does not say, a name begins a new one."""
        if call.index is not None:
            return call.index
        return len(self._calls) if call.name else max(len(self._calls) - 1, 0)

    def _append(self, block: _Block) -> Iterator[bytes]:
        """Put a new block behind the others; those before it that are complete end."""
        self._blocks.append(block)
        while len(self._blocks) > 1 and self._blocks[0].complete:
            yield from self._end_block()

    def _add(self, block: _Block, text: str) -> Iterator[bytes]:
        if not text:
            return
        block.pieces.append(text)
        if block is not self._blocks[0]:
            return
        if block.begun:
            yield self._delta(block, text)
        else:
            yield from self._begin(block)

    def _begin(self, block: _Block) -> Iterator[bytes]:
        """Write a block's start and what is there of it; a call's name must have come."""
        if block.call and not block.name:
            return
        block.begun = True
        self._index += 1
        start = _tool_use(self._new_id(), block.name) if block.call else {"type": "text", "text": ""}
        yield _write("content_block_start", {"index": self._index, "content_block": start})
        if block.pieces:
            yield self._delta(block, "".join(block.pieces))

    def _end_block(self) -> Iterator[bytes]:
        """Write the first block's end, and all that is there of the next one."""
        block = self._blocks.popleft()
        if not block.begun:
            yield from self._begin(block)
        if not block.begun:
            raise _scattered(self._index + 1)
        yield _write("content_block_stop", {"index": self._index})
        if self._blocks and self._blocks[0].pieces:
            yield from self._begin(self._blocks[0])

    def _delta(self, block: _Block, text: str) -> bytes:
        self._deltas += 1
        kind, field = ("input_json_delta", "partial_json") if block.call else ("text_delta", "text")
        delta = {"type": kind, field: text}
        return _write("content_block_delta", {"index": self._index, "delta": delta})

    def _close(self) -> Iterator[bytes]:
        """End the message, once, if it ever began."""
        if self.complete or self.error or not self._started:
            return
        while self._blocks:
            yield from self._end_block()
        # A server that reports no usage sends about one token per piece.
        usage = self.usage or Usage(input=self._prompt, output=self._deltas, estimated=True)
        stop = _stop_reason(self._finish, called=bool(self._calls))
        delta = {"stop_reason": stop, "stop_sequence": None}
        if stop == "end_turn" and self._sequence:
            delta = {"stop_reason": "stop_sequence", "stop_sequence": self._sequence}
        yield _write("message_delta", {"delta": delta, "usage": _usage(usage)})
        yield _write("message_stop", {})
        self.complete = True


def _scattered(index: int) -> TrackError:
    return TrackError(
        f"the local model's tool call {index} came in pieces that cannot be put together",
        cause="bad_tool_call",
    )


def _write(name: str, data: Mapping[str, Any]) -> bytes:
    return encode(name, msgspec.json.encode({"type": name, **data}))
