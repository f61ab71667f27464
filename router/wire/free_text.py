"""Tools that their client calls with plain text: for a model, functions of one string, `TEXT`."""

import re
from contextlib import suppress

import msgspec

from router.wire.body import UNREADABLE
from router.wire.conversation import TEXT

TEXT_SCHEMA = {"type": "object", "properties": {TEXT: {"type": "string"}}, "required": [TEXT]}


class _Input(msgspec.Struct):
    input: str = msgspec.field(name=TEXT)


def arguments_of(text: str) -> str:
    """The arguments of a function that is called with this text."""
    return msgspec.json.encode({TEXT: text}).decode()


def text_of(arguments: str) -> str:
    """The text in the arguments of a free-text tool, also of cut ones; the arguments where they hold none."""
    try:
        return msgspec.json.decode(arguments, type=_Input).input
    except UNREADABLE:
        begun = _BEGUN.match(arguments)
        return _cut_text(arguments[begun.end() :]) if begun else arguments


_BEGUN = re.compile(rf'\s*\{{\s*"{TEXT}"\s*:\s*"')
_LONGEST_ESCAPE = 12
"""Characters of a letter outside the basic plane, as JSON may write it."""


def _cut_text(text: str) -> str:
    """Decode the beginning of a JSON string; an escape that is cut is left out."""
    for end in range(len(text), max(len(text) - _LONGEST_ESCAPE, -1), -1):
        with suppress(*UNREADABLE):
            return msgspec.json.decode(f'"{text[:end]}"', type=str)
    return ""
