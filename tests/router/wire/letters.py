"""A dialect that nobody speaks, as `docs/architecture.md` says to add one: this file and a row of the table.

A request is a bundle of letters, a reply one letter; a stream has one JSON object a line.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from router.errors import BadRequest
from router.types import Usage
from router.wire.body import UNREADABLE, Envelope, decode, name_model
from router.wire.conversation import Conversation, Sampling, Text, Tool, ToolCall, ToolResult, Turn
from router.wire.dialects import Dialect
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Event,
    Failed,
    RefusalDelta,
    Started,
    Stopped,
    TextDelta,
    UnreadableReply,
    UsageReport,
)

NAME = "letters"
_to_json = msgspec.json.encode


class _Call(msgspec.Struct, omit_defaults=True):
    no: str
    verb: str
    using: str = ""


class _Letter(msgspec.Struct, omit_defaults=True):
    sender: str = "them"
    text: str = ""
    calls: list[_Call] = []
    about: str = ""


class _Verb(msgspec.Struct, omit_defaults=True):
    verb: str
    takes: dict[str, Any] = {}


class _Bundle(msgspec.Struct, omit_defaults=True):
    letters: list[_Letter]
    model: str = ""
    rules: list[str] = []
    verbs: list[_Verb] = []
    warmth: int | float | None = None
    end_at: list[str] = []
    at_most: int | None = None
    live: bool = False


class _Ink(msgspec.Struct):
    read: int
    written: int


class _Piece(msgspec.Struct, omit_defaults=True):
    """A line of a stream; a whole reply is one line that says everything."""

    model: str = ""
    text: str = ""
    calls: list[_Call] = []
    ink: _Ink | None = None
    because: str = ""
    sequence: str = ""
    wrong: str = ""


_BUNDLE = msgspec.json.Decoder(_Bundle)
_PIECE = msgspec.json.Decoder(_Piece)
_ROLES = {"them": "user", "me": "assistant", "rules": "system"}
_SENDERS = {role: sender for sender, role in _ROLES.items()}


def read(body: bytes) -> Envelope:
    bundle = decode(_BUNDLE, body)
    return Envelope(model=bundle.model, stream=bundle.live)


def decode_request(body: bytes) -> Conversation:
    bundle = decode(_BUNDLE, body)
    return Conversation(
        dialect=NAME,
        model=bundle.model,
        system=tuple(Text(text=rule) for rule in bundle.rules),
        turns=tuple(_turn(letter, at) for at, letter in enumerate(bundle.letters)),
        tools=tuple(Tool(name=verb.verb, schema=verb.takes) for verb in bundle.verbs),
        sampling=Sampling(temperature=bundle.warmth),
        stop=tuple(bundle.end_at),
        output_limit=bundle.at_most,
        stream=bundle.live,
    )


def _turn(letter: _Letter, at: int) -> Turn:
    if letter.sender not in _ROLES:
        raise BadRequest(f"letters[{at}].sender: must be one of: {', '.join(_ROLES)}")
    text = (Text(text=letter.text),) if letter.text else ()
    if letter.about:
        return Turn(role="user", parts=(ToolResult(call_id=letter.about, parts=text),))
    calls = (ToolCall(id=call.no, name=call.verb, arguments=call.using) for call in letter.calls)
    return Turn(role=_ROLES[letter.sender], parts=(*text, *calls))


def encode_request(conversation: Conversation, *, model: str, target) -> bytes:
    del target
    bundle = _Bundle(
        letters=[letter for turn in conversation.turns for letter in _letters(turn)],
        model=model,
        rules=[text.text for text in conversation.system],
        verbs=[_Verb(tool.name, dict(tool.schema)) for tool in conversation.tools],
        warmth=conversation.sampling.temperature,
        end_at=list(conversation.stop),
        at_most=conversation.output_limit,
        live=conversation.stream,
    )
    return _to_json(bundle)


def _letters(turn: Turn) -> Iterable[_Letter]:
    text = "".join(part.text for part in turn.parts if isinstance(part, Text))
    calls = [_Call(part.id, part.name, part.arguments) for part in turn.parts if isinstance(part, ToolCall)]
    for part in turn.parts:
        if isinstance(part, ToolResult):
            yield _Letter(text="".join(inner.text for inner in part.parts), about=part.call_id)
    if text or calls:
        yield _Letter(sender=_SENDERS[turn.role], text=text, calls=calls)


def decode_reply(body: bytes) -> list[Event]:
    decoder = Decoder()
    return decoder.feed(body + b"\n") + decoder.end()


class Decoder:
    def __init__(self, *, observing: bool = False) -> None:
        self._observing = observing
        self._buffered = b""
        self._started = False

    def feed(self, chunk: bytes) -> list[Event]:
        *lines, self._buffered = (self._buffered + chunk).split(b"\n")
        return [event for line in lines if line.strip() for event in self._read(line)]

    def end(self) -> list[Event]:
        return []

    def _read(self, line: bytes) -> Iterable[Event]:
        try:
            piece = _PIECE.decode(line)
        except UNREADABLE as error:
            if self._observing:
                return
            raise UnreadableReply(f"a line is no letter: {error}") from error
        if piece.wrong:
            yield Failed(message=piece.wrong)
            return
        if not self._started:
            self._started = True
            yield Started(model=piece.model)
        if piece.text:
            yield TextDelta(piece.text)
        for call in piece.calls:
            yield CallStarted(id=call.no, name=call.verb)
            yield CallArguments(call.using)
            yield CallEnded()
        if piece.ink:
            yield UsageReport(Usage(input=piece.ink.read, output=piece.ink.written))
        if piece.because:
            yield Stopped(reason=piece.because, sequence=piece.sequence)


class Encoder:
    def __init__(self, *, model: str, conversation: Conversation, prompt_tokens: int = 0) -> None:
        del conversation, prompt_tokens
        self._model = model
        self._call: _Call | None = None

    def feed(self, events: Iterable[Event]) -> bytes:
        return b"".join(_to_json(piece) + b"\n" for event in events for piece in self._pieces(event))

    def _pieces(self, event: Event) -> Iterable[_Piece]:
        match event:
            case Started():
                yield _Piece(model=self._model)
            case TextDelta(text) | RefusalDelta(text):
                yield _Piece(text=text)
            case CallStarted():
                self._call = _Call(event.id, event.name)
            case CallArguments(text):
                self._call.using += text
            case CallEnded():
                yield _Piece(calls=[self._call])
            case UsageReport(usage):
                yield _Piece(ink=_Ink(usage.prompt, usage.output))
            case Stopped():
                yield _Piece(because=event.reason, sequence=event.sequence)
            case Failed():
                yield _Piece(wrong=event.message)


def encode_reply(
    events: Iterable[Event], *, model: str, conversation: Conversation, prompt_tokens: int = 0
) -> bytes:
    encoder = Encoder(model=model, conversation=conversation, prompt_tokens=prompt_tokens)
    lines = encoder.feed(events).splitlines()
    merged: dict[str, Any] = {"text": "", "calls": []}
    for line in lines:
        piece = msgspec.json.decode(line, type=dict[str, Any])
        merged["text"] += piece.pop("text", "")
        merged["calls"] += piece.pop("calls", [])
        merged |= piece
    return _to_json(merged)


def error(kind: str, message: str, *, request_id: str = "") -> bytes:
    del kind, request_id
    return _to_json(_Piece(wrong=message))


def error_event(kind: str, message: str, *, request_id: str = "") -> bytes:
    return error(kind, message, request_id=request_id) + b"\n"


def overflow(tokens: int, limit: int, *, request_id: str = "") -> bytes:
    return error(400, "invalid_request_error", f"{tokens} tokens, {limit} fit", request_id=request_id)


LETTERS = Dialect(
    name=NAME,
    read=read,
    name_model=name_model,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_reply=decode_reply,
    reply_decoder=Decoder,
    encode_reply=encode_reply,
    reply_encoder=Encoder,
    error=error,
    error_event=error_event,
    overflow=overflow,
)
"""The row."""
