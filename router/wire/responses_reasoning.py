"""Reasoning in `encrypted_content`: Claude's signature, or none, under a mark that says whose it is.

Only who made it takes it back: what anybody else encrypted never reaches Claude, and what Claude or the local
model thought never reaches a provider that speaks this dialect.
"""

import hashlib
from typing import Any

import msgspec

from router.wire.conversation import Thinking
from router.wire.responses_shape import OWN_REASONING, is_own

_SIGNED, _REDACTED, UNSIGNED = "claude.", "claude-redacted.", "unsigned."
_MARKS = (_SIGNED, _REDACTED, UNSIGNED)
_DIGITS = 16


def seal(thinking: Thinking) -> str:
    """The signature as this dialect carries it; empty where there is none.

    It names the text that it was made for, too: with another one it would be refused.
    """
    if thinking.redacted:
        return f"{_REDACTED}{thinking.redacted}"
    return f"{_SIGNED}{_digest(thinking.text)}.{thinking.signature}" if thinking.signature else ""


def unseal(encrypted: str, text: str) -> Thinking | None:
    """What was sealed; None where it was not here, or for another text."""
    if encrypted.startswith(_REDACTED):
        return Thinking(redacted=encrypted.removeprefix(_REDACTED))
    if encrypted == UNSIGNED:
        return Thinking(text=text)
    if encrypted.startswith(f"{_SIGNED}{_digest(text)}."):
        return Thinking(text=text, signature=encrypted[len(_SIGNED) + _DIGITS + 1 :])
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:_DIGITS]


_HINTS = tuple(f'"{beginning}'.encode() for beginning in (*_MARKS, OWN_REASONING))
"""A body without any of these has no reasoning that was written here."""
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


class _Reasoning(msgspec.Struct, frozen=True):
    type: Any = None
    id: Any = None
    encrypted_content: Any = None


def without_others(body: bytes) -> bytes:
    """A body without the reasoning that its provider did not make, and would refuse; else the same bytes."""
    if not any(hint in body for hint in _HINTS):
        return body
    fields = _FIELDS.decode(body)
    raw = fields.get("input")
    if raw is None or not bytes(raw).lstrip().startswith(b"["):
        return body
    items = _ITEMS.decode(raw)
    remaining = [item for item in items if not _is_others(item)]
    if len(remaining) == len(items):
        return body
    return msgspec.json.encode(fields | {"input": msgspec.Raw(msgspec.json.encode(remaining))})


def _is_others(item: msgspec.Raw) -> bool:
    reasoning = msgspec.json.decode(item, type=_Reasoning)
    if reasoning.type != "reasoning":
        return False
    encrypted = reasoning.encrypted_content
    if isinstance(encrypted, str) and encrypted:
        return encrypted.startswith(_MARKS)
    return isinstance(reasoning.id, str) and is_own(reasoning.id)
