"""What Claude's API cannot do of a Chat Completions request: refused by name, before anything is sent.

Never ignored: a client that asked for it would be misled. `verbosity`, which only colours an answer, is
left out instead.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from router.errors import BadRequest

_REMEDY = "; leave it out, or ask for a model that has it"
_FIELDS: Mapping[str, str] = {
    "n": "only one choice is made",
    "logprobs": "Claude reports no token probabilities",
    "top_logprobs": "Claude reports no token probabilities",
    "logit_bias": "Claude takes no token biases",
    "seed": "Claude takes no seed",
    "frequency_penalty": "Claude takes no penalties",
    "presence_penalty": "Claude takes no penalties",
    "audio": "Claude answers in text",
    "functions": "the older form is not translated; use `tools`",
    "function_call": "the older form is not translated; use `tool_choice`",
}
_USUAL: Mapping[str, tuple[Any, ...]] = {"n": (1,), "function_call": ("none", "auto")}
"""Values that ask for nothing beyond what is done anyway, beside null, false, 0 and empty ones."""
_PARTS = frozenset({"text", "image_url", "file", "refusal", "thinking", "redacted_thinking", "document"})
"""Kinds of content that are translated."""


def refuse_unsupported(body: Mapping[str, Any]) -> None:
    """Look for what would silently be lost.

    Args:
        body: A decoded Chat Completions body.

    Raises:
        BadRequest: names the first field, and the remedy.
    """
    for field, reason in _FIELDS.items():
        value = body.get(field)
        if value and value not in _USUAL.get(field, ()):
            raise BadRequest(f"{field}: {reason}{_REMEDY}")
    modalities = body.get("modalities")
    if isinstance(modalities, list) and any(one != "text" for one in modalities):
        raise BadRequest(f"modalities: Claude answers in text{_REMEDY}")
    for where, kind in _parts(body.get("messages")):
        if kind not in _PARTS:
            raise BadRequest(f"{where}.type: `{kind[:40]}` cannot be sent to Claude{_REMEDY}")


def _parts(messages: Any) -> Iterator[tuple[str, str]]:
    for at, message in enumerate(messages if isinstance(messages, list) else ()):
        content = message.get("content") if isinstance(message, dict) else None
        for place, part in enumerate(content if isinstance(content, list) else ()):
            kind = part.get("type") if isinstance(part, dict) else None
            if isinstance(kind, str):
                yield f"messages[{at}].content[{place}]", kind
