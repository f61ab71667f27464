"""Two dialects in which a prompt is completed as it is: OpenAI's completions, and llama.cpp's `/infill`.

There is no conversation in them, so that nothing translates them: the local model alone answers, and their
bytes are passed on. What is read of a reply is its usage, its end and errors.
"""

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, NoReturn

import msgspec

from router.errors import BadRequest
from router.types import Usage
from router.wire.body import UNREADABLE, Envelope, Tokens, decode
from router.wire.chat_errors import read_failure
from router.wire.chat_reply import DONE
from router.wire.conversation import Conversation, Text
from router.wire.events import (
    Event,
    ReplyEncoder,
    Started,
    Stopped,
    StopReason,
    TextDelta,
    UnreadableReply,
    UsageReport,
)
from router.wire.sse import Splitter, data_of
from router.wire.usage import read_chat_usage

_REASONS: Mapping[str, StopReason] = {"length": "output_limit", "limit": "output_limit"}


class CompletionBody(msgspec.Struct):
    """The body of `POST /v1/completions`, as far as it is read; the rest is passed on."""

    prompt: str | Annotated[list[str], msgspec.Meta(min_length=1, max_length=1)]
    model: str | None = None
    stream: bool | None = None
    suffix: str | None = None


class InfillBody(msgspec.Struct):
    """The body of `POST /infill`, as far as it is read; the rest is passed on."""

    input_prefix: str = ""
    input_suffix: str = ""
    prompt: str = ""
    model: str | None = None
    stream: bool | None = None


_REMEDIES = {"prompt": "must be a string, or an array of one; send a request for each prompt"}
_COMPLETION = msgspec.json.Decoder(CompletionBody)
_INFILL = msgspec.json.Decoder(InfillBody)


def read_completion(body: bytes) -> Envelope:
    """Read the envelope of `POST /v1/completions`; raises `BadRequest`."""
    completion = decode(_COMPLETION, body, _REMEDIES)
    return Envelope(model=completion.model or "", stream=bool(completion.stream))


def read_infill(body: bytes) -> Envelope:
    """Read the envelope of `POST /infill`; raises `BadRequest`."""
    infill = decode(_INFILL, body)
    return Envelope(model=infill.model or "", stream=bool(infill.stream))


def decode_request(body: bytes) -> NoReturn:
    """Refuse to make a conversation of a bare prompt: another side would answer it, and not complete it.

    Raises:
        BadRequest: always.
    """
    del body
    raise BadRequest(
        "model: the cloud model completes no prompt as it is; ask for `local`, or send a conversation to "
        "/v1/chat/completions"
    )


def encode_request(conversation: Conversation, **_: Any) -> NoReturn:
    """Never called: nothing is translated to a bare prompt."""
    raise NotImplementedError(conversation.dialect)


LONGEST = 4096
"""Tokens of a completion whose client leaves its length open: servers' own default is 16."""


def encode_completion(conversation: Conversation, *, model: str, suffix: str) -> bytes:
    """Write the body of `POST /v1/completions` for the one text of a conversation.

    Args:
        conversation: a prompt and how to complete it, of a dialect that has both chats and bare prompts.
        model: the name to ask for.
        suffix: what stands behind the completion; empty for nothing.
    """
    drawn = conversation.sampling
    texts = (part.text for turn in conversation.turns for part in turn.parts if isinstance(part, Text))
    fields = {
        "model": model,
        "prompt": "".join(texts),
        "suffix": suffix or None,
        "max_tokens": conversation.output_limit or LONGEST,
        "stop": list(conversation.stop) or None,
        "temperature": drawn.temperature,
        "top_p": drawn.top_p,
        "top_k": drawn.top_k,
        "seed": drawn.seed,
        "frequency_penalty": drawn.frequency_penalty,
        "presence_penalty": drawn.presence_penalty,
    }
    streaming = {"stream": True, "stream_options": {"include_usage": True}} if conversation.stream else {}
    return msgspec.json.encode(
        {name: value for name, value in fields.items() if value is not None} | streaming
    )


def no_completion(body: bytes, model: str, stream: bool) -> bytes:
    """Write the end of a completion that has no more text; see `router.wire.dialects.Dialect`."""
    del body
    fields = {
        "id": f"cmpl-{secrets.token_hex(12)}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"text": "", "index": 0, "logprobs": None, "finish_reason": "stop"}],
    }
    if stream:
        return b"data: %b\n\ndata: %b\n\n" % (msgspec.json.encode(fields), DONE)
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return msgspec.json.encode(fields | {"usage": usage})


def no_infill(body: bytes, model: str, stream: bool) -> bytes:
    """Write the end of a reply of `/infill` that has no more text."""
    del body
    fields = {"index": 0, "content": "", "model": model, "stop": True, "stop_type": "none"}
    reply = msgspec.json.encode(fields | {"tokens_predicted": 0, "tokens_evaluated": 0, "truncated": False})
    return b"data: %b\n\n" % reply if stream else reply


def encode_reply(events: Iterable[Event], **_: Any) -> bytes:
    """Never called: no reply is translated for a client of these dialects."""
    raise NotImplementedError(events)


def reply_encoder(**_: Any) -> ReplyEncoder:
    """Never called, as `encode_reply`."""
    raise NotImplementedError


class _Choice(msgspec.Struct):
    text: str | None = None
    finish_reason: str | None = None


class _CompletionPiece(msgspec.Struct):
    model: str = ""
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = msgspec.Raw()
    error: Any = None

    def text(self) -> str:
        return "".join(choice.text or "" for choice in self.choices or ())

    def end(self) -> str:
        return next((choice.finish_reason for choice in self.choices or () if choice.finish_reason), "")

    def reported(self) -> Usage | None:
        return read_chat_usage(self.usage)


class _InfillPiece(msgspec.Struct):
    content: str = ""
    model: str = ""
    stop: bool = False
    stop_type: str = ""
    stopped_limit: bool = False
    """Of servers before `stop_type`."""
    tokens_evaluated: Tokens | None = None
    tokens_predicted: Tokens | None = None
    error: Any = None

    def text(self) -> str:
        return self.content

    def end(self) -> str:
        if not self.stop:
            return ""
        return "limit" if self.stopped_limit else self.stop_type or "stop"

    def reported(self) -> Usage | None:
        if not self.stop or self.tokens_predicted is None:
            return None
        return Usage(input=self.tokens_evaluated or 0, output=self.tokens_predicted)


_Piece = _CompletionPiece | _InfillPiece


class RawDecoder:
    """Reads a streamed reply; see `router.wire.events`. `repair` also passes its bytes on."""

    def __init__(self, form: type[_CompletionPiece] | type[_InfillPiece], *, observing: bool = False) -> None:
        """Take what an event holds."""
        self._decoder: msgspec.json.Decoder[_Piece] = msgspec.json.Decoder(form)
        self._observing = observing
        self._blocks = Splitter()
        self._started = False
        self._end = ""
        """The reason for the end, once it is there."""
        self._has_choices = False
        """The piece that was read last; one that also has usage is more than that."""
        self._ended = False

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes, cut anywhere; return the events that they complete."""
        return [event for block in self._blocks.feed(chunk) for event in self._read(data_of(block))]

    def repair(self, chunk: bytes, *, usage: bool) -> tuple[list[Event], bytes]:
        """Return the events, and the client's bytes: without a usage chunk that it did not ask for."""
        events: list[Event] = []
        remaining: list[bytes] = []
        for block in self._blocks.feed(chunk):
            new = list(self._read(data_of(block)))
            events += new
            only_usage = bool(new) and all(isinstance(event, UsageReport) for event in new)
            if usage or self._has_choices or not only_usage:
                remaining += (block, b"\n\n")
        return events, b"".join(remaining)

    def end(self) -> list[Event]:
        """Return the end of a stream that gave its reason and no `[DONE]`."""
        return self._stopped() if self._end and not self._ended else []

    def whole(self, body: bytes) -> list[Event]:
        """Return the events of a whole reply.

        Raises:
            UnreadableReply: it is none.
        """
        if not body.strip():
            raise UnreadableReply("it is empty")
        events = list(self._read(body))
        return events if self._ended else [*events, *self._stopped()]

    def _stopped(self) -> list[Event]:
        self._ended = True
        return [Stopped(reason=_REASONS.get(self._end, "end" if self._end else "unstated"))]

    def _read(self, data: bytes) -> Iterator[Event]:
        if data == DONE:
            if not self._ended:
                yield from self._stopped()
            return
        if not data.strip():
            return
        try:
            piece = self._decoder.decode(data)
        except UNREADABLE as error:
            if self._observing:
                return
            raise UnreadableReply(str(error)) from error
        if piece.error:
            yield read_failure(piece.error)
            return
        self._has_choices = isinstance(piece, _CompletionPiece) and bool(piece.choices)
        if not self._started:
            self._started = True
            yield Started(model=piece.model)
        if text := piece.text():
            yield TextDelta(text)
        self._end = piece.end() or self._end
        if reported := piece.reported():
            yield UsageReport(reported)
        if isinstance(piece, _InfillPiece) and piece.stop:
            yield from self._stopped()


def completion_decoder(*, observing: bool = False) -> RawDecoder:
    """Make the reader of a stream of completions."""
    return RawDecoder(_CompletionPiece, observing=observing)


def infill_decoder(*, observing: bool = False) -> RawDecoder:
    """Make the reader of a stream of `/infill`."""
    return RawDecoder(_InfillPiece, observing=observing)


def decode_completion(body: bytes) -> list[Event]:
    """The events of a whole completion; raises `UnreadableReply`."""
    return completion_decoder().whole(body)


def decode_infill(body: bytes) -> list[Event]:
    """The events of a whole reply of `/infill`; raises `UnreadableReply`."""
    return infill_decoder().whole(body)
