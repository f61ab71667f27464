"""Past tool calls, put right for a side that takes nothing but JSON objects as arguments.

OpenAI takes any string as a call's arguments, so conversations hold broken ones: a call that was cut
off, null, a list. Claude, and many chat templates, want an object, and would refuse every later turn.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from router.wire.body import UNREADABLE, decode_object

RAW = "_raw"
"""The key under which text is kept that is no JSON object."""

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def settle(arguments: Any) -> str:
    """Write a past call's arguments as the JSON text of an object; anything else is kept under `_raw`."""
    if is_object(arguments):
        return str(arguments)
    value = arguments
    if isinstance(arguments, str):
        try:
            value = msgspec.json.decode(arguments) if arguments.strip() else None
        except UNREADABLE:
            value = arguments
        if is_object(value):  # encoded twice, as some clients do with every turn
            return str(value)
    if value is None:
        return "{}"
    return msgspec.json.encode(value if isinstance(value, dict) else {RAW: value}).decode()


def is_object(text: Any) -> bool:
    """Whether this is the JSON text of an object."""
    if not isinstance(text, str):
        return False
    try:
        _OBJECT.decode(text)
    except UNREADABLE:
        return False
    return True


class _Function(msgspec.Struct):
    arguments: Any = None


class _Call(msgspec.Struct):
    function: _Function | None = None


class _Message(msgspec.Struct):
    tool_calls: list[_Call] | None = None


class _Body(msgspec.Struct):
    messages: list[_Message] = []


_BODY = msgspec.json.Decoder(_Body)


def repair_body(body: bytes) -> bytes:
    """Settle the past calls of a Chat Completions body; one that needs no change keeps its bytes.

    Raises:
        BadRequest: a number out of range somewhere in a body that needs a change.
    """
    if b'"tool_calls"' not in body:
        return body
    try:
        messages = _BODY.decode(body).messages
    except UNREADABLE:
        return body  # of another shape; whoever serves it says what is wrong
    calls = (call for message in messages for call in message.tool_calls or ())
    if all(isinstance(call.function, _Function) and is_object(call.function.arguments) for call in calls):
        return body
    data = decode_object(body)
    return msgspec.json.encode(data | {"messages": list(repair_messages(data["messages"]))})


def repair_messages(messages: list[Any]) -> Iterator[Any]:
    """Settle the past calls of decoded messages, and leave out empty texts of the assistant."""
    for message in messages:
        if not isinstance(message, dict) or message.get("role") != "assistant":
            yield message
            continue
        content, listed = message.get("content"), message.get("tool_calls")
        if isinstance(content, list):
            content = [part for part in content if not _is_empty([part])]
        if isinstance(listed, list) and listed:
            calls = [_settled(call) for call in listed]
            yield message | {"tool_calls": calls, "content": None if _is_empty(content) else content}
        elif not _is_empty(content) or message.keys() - {"role", "content", "tool_calls"}:
            yield message | {"content": content}


def _settled(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return call
    return call | {"function": function | {"arguments": settle(function.get("arguments"))}}


def _is_empty(content: Any) -> bool:
    """Whether a content is nothing but white space, in either form."""
    if isinstance(content, str):
        return not content.strip()
    if isinstance(content, list):
        return all(
            isinstance(part, dict) and part.get("type") == "text" and _is_empty(part.get("text"))
            for part in content
        )
    return content is None
