"""Reasoning in `thoughtSignature`: Claude's blocks, as base64 of what Claude takes back.

Clients keep the signature and leave the thoughts out, so that the text travels in it, too. What others
signed, Google's models above all, is nobody's here.
"""

import base64
import binascii
from collections.abc import Sequence

import msgspec

from router.wire.body import UNREADABLE
from router.wire.conversation import Thinking

_STANDARD = str.maketrans("-_", "+/")


class _Block(msgspec.Struct, array_like=True):
    text: str
    signature: str
    redacted: str = ""


class _Sealed(msgspec.Struct):
    claude: list[_Block]


def seal(thoughts: Sequence[Thinking]) -> str:
    """The blocks as a signature."""
    blocks = [_Block(thought.text, thought.signature, thought.redacted) for thought in thoughts]
    return base64.b64encode(msgspec.json.encode(_Sealed(blocks))).decode()


def unseal(signature: str) -> tuple[Thinking, ...] | None:
    """What was sealed; None where it was not here."""
    try:
        decoded = base64.b64decode(standard(signature))
        sealed = msgspec.json.decode(decoded, type=_Sealed)
    except (binascii.Error, ValueError, *UNREADABLE):
        return None
    return tuple(
        Thinking(text=block.text, signature=block.signature, redacted=block.redacted)
        for block in sealed.claude
    )


def standard(data: str) -> str:
    """Base64 in its first alphabet, padded: Google's Python package writes the one for addresses."""
    digits = "".join(data.split()).translate(_STANDARD).rstrip("=")
    return digits + "=" * (-len(digits) % 4)
