"""Chat Completions with a local model: what is asked for, and how its stream is looked after."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec

from router.errors import TrackError
from router.types import ModelRequest, Tap
from router.wire.body import UNREADABLE
from router.wire.chat_calls import CallStream
from router.wire.chat_history import repair_body
from router.wire.openai_chat import DONE
from router.wire.sse import Parser, Splitter, parse
from router.wire.translate_request import to_chat

NOT_SENT = frozenset({
    "metadata", "prediction", "prompt_cache_key", "prompt_cache_retention", "safety_identifier",
    "service_tier", "store", "web_search_options",
})  # fmt: skip
"""Fields about the provider's own service; local servers refuse or ignore them."""

NOTHING_CAME = "the local server ended its answer before anything useful came"

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Streaming(msgspec.Struct):
    stream_options: Any = None


def body_for(request: ModelRequest, model: str, limit: int | None = None) -> bytes:
    """The body of `POST /v1/chat/completions`; a stream always reports its usage.

    Args:
        request: in either dialect.
        model: the name to ask for.
        limit: of the answer, in tokens, instead of the client's own.
    """
    native = request.dialect == "openai_chat"
    chat = repair_body(request.body) if native else to_chat(request.body, model=model)
    fields = {name: value for name, value in _FIELDS.decode(chat).items() if name not in NOT_SENT}
    fields["model"] = msgspec.Raw(msgspec.json.encode(model))
    if "max_completion_tokens" in fields:
        fields["max_tokens"] = fields.pop("max_completion_tokens")  # the older name is known everywhere
    if limit is not None:
        fields["max_tokens"] = msgspec.Raw(b"%d" % limit)
    if request.stream:
        fields["stream_options"] = msgspec.Raw(b'{"include_usage":true}')
    return msgspec.json.encode(fields)


class _Stops(msgspec.Struct):
    stop_sequences: Any = None


def stops_of(request: ModelRequest) -> tuple[str, ...]:
    """The stop sequences of a Messages request."""
    listed = msgspec.json.decode(request.body, type=_Stops).stop_sequences
    return tuple(stop for stop in listed if isinstance(stop, str)) if isinstance(listed, list) else ()


async def repaired(source: AsyncGenerator[bytes], tap: Tap | None = None) -> AsyncGenerator[bytes]:
    """The stream as clients count on it; see `wire.chat_calls`.

    Args:
        source: of a server.
        tap: reads the source, and is to know of an end that the server left out.
    """
    calls = CallStream()
    async with aclosing(source):
        async for chunk in source:
            if out := calls.feed(chunk):
                yield out
    if end := calls.end():
        if tap is not None:
            tap.feed(end)
        yield end


def wants_usage(body: bytes) -> bool:
    """Whether the client of a streamed chat asked for the usage chunk."""
    options = msgspec.json.decode(body, type=_Streaming).stream_options
    return isinstance(options, dict) and options.get("include_usage") is True


async def without_usage(source: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The stream without the usage chunk that the client did not ask for."""
    splitter = Splitter()
    async with aclosing(source):
        async for chunk in source:
            blocks = [block for block in splitter.feed(chunk) if not _is_usage(block)]
            if blocks:
                yield b"".join(block + b"\n\n" for block in blocks)


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int = 0
    function: _Function | None = None


class _Said(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Said | None = None
    message: _Said | None = None
    finish_reason: str | None = None


class _Chat(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


_CHAT = msgspec.json.Decoder(_Chat)


def _is_usage(block: bytes) -> bool:
    if b'"usage"' not in block:
        return False
    data = parse(block).data
    if not data.startswith(b"{"):
        return False
    try:
        chat = _CHAT.decode(data)
    except UNREADABLE:
        return False  # not ours to judge
    return chat.usage is not None and not chat.choices


async def sound_call_first(source: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The stream, held back until there is text, or a first tool call that is complete and sound.

    Raises:
        TrackError: `bad_tool_call`, its arguments are no JSON object.
        ConnectionError: the stream ended before either.
    """
    held: list[bytes] = []
    judge = _FirstCall()
    async with aclosing(source):
        async for chunk in source:
            held.append(chunk)
            if judge.settled(chunk):
                break
        else:
            raise ConnectionResetError(NOTHING_CAME)
        yield b"".join(held)
        async for chunk in source:
            yield chunk


def check_calls(body: bytes) -> None:
    """Hold the tool calls of a whole reply against what a client can use.

    Raises:
        TrackError: `bad_tool_call`, or `local_error` where this is no chat reply.
    """
    try:
        chat = _CHAT.decode(body)
    except UNREADABLE as broken:
        raise TrackError(
            "the local model's answer is no chat completion", cause="local_error", fault="server_error"
        ) from broken
    if not chat.choices:
        raise TrackError("the local model's answer has no choices", cause="local_error", fault="server_error")
    for choice in chat.choices:
        if choice.message in (None, _Said()) and not choice.finish_reason:
            raise TrackError("the local model's answer is empty", cause="local_error", fault="server_error")
        if choice.finish_reason == "length":
            continue  # cut off by the client's own limit, which is no fault of the model's
        for call in (choice.message.tool_calls if choice.message else None) or ():
            _check(
                (call.function and call.function.name) or "",
                (call.function and call.function.arguments) or "",
            )


class _FirstCall:
    """Reads a stream up to its first useful unit."""

    def __init__(self) -> None:
        self._parser = Parser()
        self._index: int | None = None
        self._name = ""
        self._arguments = ""

    def settled(self, chunk: bytes) -> bool:
        """Whether a useful unit has come with this chunk."""
        return any(self._decides(event.data) for event in self._parser.feed(chunk))

    def _decides(self, data: bytes) -> bool:
        if data.strip() == DONE:
            return self._ends()
        if not data.startswith(b"{"):
            return True  # not ours to judge
        try:
            chat = _CHAT.decode(data)
        except UNREADABLE:
            return True  # not ours to judge
        if chat.error:
            return True
        return any(self._judges(choice) for choice in chat.choices or ())

    def _ends(self) -> bool:
        if self._index is None:
            raise ConnectionResetError(NOTHING_CAME)
        _check(self._name, self._arguments)
        return True

    def _judges(self, choice: _Choice) -> bool:
        said = choice.delta or _Said()
        if said.content or said.reasoning_content or said.reasoning:
            return True
        for call in said.tool_calls or ():
            if self._index is None:
                self._index = call.index
            if call.index != self._index:
                _check(self._name, self._arguments)
                return True
            if call.function:
                self._name += call.function.name or ""
                self._arguments += call.function.arguments or ""
        if choice.finish_reason and self._index is not None and choice.finish_reason != "length":
            _check(self._name, self._arguments)
        return choice.finish_reason is not None


def _check(name: str, arguments: str) -> None:
    try:
        sound = isinstance(msgspec.json.decode(arguments or "{}"), dict)
    except UNREADABLE:
        sound = False
    if not sound or not name:
        raise TrackError(
            f"the local model's call of the tool `{name}` is not valid: its arguments are no JSON object",
            cause="bad_tool_call",
            status=502,
        )
