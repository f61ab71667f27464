"""Arguments of past tool calls, put right for a side that takes nothing but JSON objects.

OpenAI takes any string as a call's arguments, so conversations hold broken ones: a call that was cut
off, null, a list. Claude, and many chat templates, want an object, and would refuse every later turn.
"""

from typing import Any

import msgspec

from router.wire.body import UNREADABLE

RAW = "_raw"
"""The key under which text is kept that is no JSON object."""

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def settle(arguments: Any) -> str:
    """Write a past call's arguments as the JSON text of an object; what is none is kept under `_raw`."""
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
