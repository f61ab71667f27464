"""A whole answer in the place of the stream that was asked for, as that stream.

Some servers, and proxies before them, do not stream at all, whatever the request says. What they
send is complete, so that it can be put as the chunks of one.
"""

from typing import Any

import msgspec

from router.wire.body import UNREADABLE
from router.wire.chat_reply_encoder import DONE

Json = dict[str, Any]


def is_document(beginning: bytes) -> bool:
    """Whether a body that begins so is a JSON object; no server-sent event begins with a brace."""
    return beginning.lstrip().startswith(b"{")


def as_stream(body: bytes) -> bytes:
    """Write a whole answer as server-sent events.

    A chat completion becomes chunks; a completion of a bare prompt, or an error, is its own chunk. What is
    no JSON object is returned as it is.
    """
    try:
        document = msgspec.json.decode(body, type=Json)
    except UNREADABLE:
        return body
    choices = document.get("choices")
    if not isinstance(choices, list):
        return _event(document)
    envelope = {**document, "object": "chat.completion.chunk"}
    chats = [choice for choice in choices if isinstance(choice, dict) and "message" in choice]
    if not chats:
        return _event(document) + DONE
    usage = envelope.pop("usage", None)
    chunks = [envelope | {"choices": [_chunk(choice)]} for choice in chats]
    if usage is not None:
        chunks.append(envelope | {"choices": [], "usage": usage})
    return b"".join(map(_event, chunks)) + DONE


def _chunk(choice: Json) -> Json:
    """A whole choice as the one chunk of it; its calls are numbered, as they are in a stream."""
    message = choice["message"]
    if isinstance(message, dict) and isinstance(calls := message.get("tool_calls"), list):
        numbered = [{"index": at} | call for at, call in enumerate(calls) if isinstance(call, dict)]
        message = message | {"tool_calls": numbered}
    return {name: value for name, value in choice.items() if name != "message"} | {"delta": message}


def _event(value: Json) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
