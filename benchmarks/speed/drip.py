"""An upstream that answers as providers do: an event at a time, at a provider's pace.

`python -m benchmarks.speed.drip PORT` serves both dialects. `max_tokens` in the request says how many
content events come; `stream` whether they come as events or as one JSON answer. The opening
events and the first content event go out together, each later one `PACE_S` after the one before, so
that a relay sees (and pays for) every event alone. A raw protocol on uvloop: it must cost little
beside what is measured.
"""

import asyncio
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import httptools
import uvloop

WORD = "wagon"
"""Stands once in every content event, however a peer writes the event anew."""
PACE_S = 0.02
"""50 events a second, as a large model writes."""
_MAX_TOKENS = re.compile(rb'"max_(?:completion_)?tokens":\s*(\d+)')
_STREAM = re.compile(rb'"stream":\s*true')


def answer(path: str) -> bytes:
    """The whole answer of one word, as JSON, for the dialect that `path` belongs to."""
    if path.endswith("/messages"):
        content = [{"type": "text", "text": WORD}]
        return _json(_message(content=content, stop_reason="end_turn"))
    message = {"role": "assistant", "content": WORD}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return _json(_completion("chat.completion", choices=[choice], usage=_USAGE_OPENAI))


def events(path: str, words: int) -> tuple[bytes, bytes, bytes]:
    """The opening, one content event, and the end of a streamed answer."""
    if path.endswith("/messages"):
        delta = {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": f"{WORD} "},
        }
        block = {"type": "text", "text": ""}
        opening = [
            {"type": "message_start", "message": _message(content=[], stop_reason=None)},
            {"type": "content_block_start", "index": 0, "content_block": block},
        ]
        stop = {"stop_reason": "end_turn", "stop_sequence": None}
        end = [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": stop, "usage": {"output_tokens": words}},
            {"type": "message_stop"},
        ]
        return _encode_all(_named_event, opening), _named_event(delta), _encode_all(_named_event, end)
    chunk = "chat.completion.chunk"
    first = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    word = {"index": 0, "delta": {"content": f"{WORD} "}, "finish_reason": None}
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    end = [_completion(chunk, choices=[last]), _completion(chunk, choices=[], usage=_USAGE_OPENAI)]
    return (
        _data(_completion(chunk, choices=[first])),
        _data(_completion(chunk, choices=[word])),
        _encode_all(_data, end) + b"data: [DONE]\n\n",
    )


_USAGE_OPENAI = {"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101}


def _completion(kind: str, **more: Any) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": "upstream-model", **more}


def _message(**more: Any) -> dict[str, Any]:
    usage = {"input_tokens": 100, "output_tokens": 1}
    opening = {"id": "msg_1", "type": "message", "role": "assistant", "model": "upstream-model"}
    return {**opening, "stop_sequence": None, "usage": usage, **more}


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _data(value: dict[str, Any]) -> bytes:
    return b"data: " + _json(value) + b"\n\n"


def _encode_all(write: Callable[[dict[str, Any]], bytes], values: Iterable[Any]) -> bytes:
    return b"".join(write(value) for value in values)


def _named_event(value: dict[str, Any]) -> bytes:
    return f"event: {value['type']}\n".encode() + _data(value)


class Drip(asyncio.Protocol):
    """A connection that answers a little at a time."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._path = ""
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop with the new connection."""
        # uvloop's transports are no subclasses.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the loop with the next bytes."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """Keep the path; called by the parser."""
        self._path = url.decode().partition("?")[0]

    def on_body(self, body: bytes) -> None:
        """Called by the parser, perhaps several times."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Called by the parser: answer."""
        body = b"".join(self._body)
        self._body.clear()
        if not _STREAM.search(body):
            self._transport.write(_head(b"application/json", answer(self._path)))
            return
        match = _MAX_TOKENS.search(body)
        self._stream(int(match[1]) if match else 1)

    def _stream(self, words: int) -> None:
        opening, word, end = events(self._path, words)
        parts = iter(
            [opening + word, *[word] * (words - 2), word + end] if words > 1 else [opening + word + end]
        )
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        later = iter(parts)
        self._next(next(later), later)

    def _next(self, part: bytes, later: Iterator[bytes]) -> None:
        following = next(later, None)
        last = b"0\r\n\r\n" if following is None else b""
        self._transport.write(b"%x\r\n%b\r\n%b" % (len(part), part, last))
        if following is not None:
            asyncio.get_running_loop().call_later(PACE_S, self._next, following, later)


def _head(kind: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (kind, len(body), body)


async def serve(port: int) -> None:
    """Serve on loopback until cancelled."""
    server = await asyncio.get_running_loop().create_server(Drip, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
