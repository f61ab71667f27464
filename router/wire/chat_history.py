"""A Chat Completions conversation on its way to a model: past calls that other servers refuse, put right.

OpenAI takes any string as a call's arguments, so conversations hold broken ones: a call that was cut
off, null, a list. Claude, and many chat templates, want an object, and would refuse every later turn.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from router.wire.arguments import is_object, settle
from router.wire.body import UNREADABLE, whole

Json = dict[str, Any]


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
    """Settle the past calls of a chat body; one that needs no change keeps its bytes.

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
    data = whole(body)
    return msgspec.json.encode(data | {"messages": list(repair_messages(data["messages"]))})


def repair_messages(messages: list[Any]) -> Iterator[Any]:
    """Settle the past calls of decoded messages, and leave out what an assistant did not say."""
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
