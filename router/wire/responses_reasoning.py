"""Reasoning in `encrypted_content`: Claude's signature, under a mark that says whose it is.

Only who made it takes it back, so that what anybody else encrypted never reaches Claude, nor Claude's others.
"""

import hashlib

from router.wire.conversation import Thinking

_SIGNED, _REDACTED = "claude.", "claude-redacted."
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
    if encrypted.startswith(f"{_SIGNED}{_digest(text)}."):
        return Thinking(text=text, signature=encrypted[len(_SIGNED) + _DIGITS + 1 :])
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:_DIGITS]
