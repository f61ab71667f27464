"""What a model refuses of a Messages request that was written for another model, left out.

Only for a model that was put in the place of the one a client named: it did not choose the model, so it
cannot know that this one takes no `temperature`. What a client asks of its own model passes as it is.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from router.wire.body import UNREADABLE

_SAMPLING = ("temperature", "top_p", "top_k")
_FORCED = ("any", "tool")
_THINKING = {"adaptive": "supports_adaptive_thinking", "enabled": "supports_reasoning"}
"""What a model must support for each way of thinking."""


class _Fields(msgspec.Struct):
    temperature: Any = None
    top_p: Any = None
    top_k: Any = None
    tool_choice: Any = None
    thinking: Any = None
    max_tokens: Any = None


_FIELDS = msgspec.json.Decoder(_Fields)
_RAW = msgspec.json.Decoder(dict[str, msgspec.Raw])


def fit(body: bytes, row: Mapping[str, Any]) -> bytes:
    """Leave out what a model refuses; a body that has none of it keeps its bytes.

    Args:
        body: A Messages body that was read before.
        row: The model's row of litellm's table (`supports_sampling_params`, `supports_forced_tool_use`,
            `supports_adaptive_thinking`, `supports_reasoning`, `max_output_tokens`); empty where unknown.
    """
    try:
        changes = _changes(_FIELDS.decode(body), row) if row else {}
    except UNREADABLE:  # a number out of range: whoever serves it says so
        changes = {}
    if not changes:
        return body
    fields = {name: raw for name, raw in _RAW.decode(body).items() if changes.get(name, raw) is not None}
    new = {name: value for name, value in changes.items() if value is not None}
    fields |= {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in new.items()}
    return msgspec.json.encode(fields)


def _changes(fields: _Fields, row: Mapping[str, Any]) -> dict[str, Any]:
    """New values by field; None where the field goes."""
    changes: dict[str, Any] = {}
    if row.get("supports_sampling_params") is False:
        changes |= {name: None for name in _SAMPLING if getattr(fields, name) is not None}
    choice = fields.tool_choice
    if row.get("supports_forced_tool_use") is False and _type(choice) in _FORCED:
        options = {name: value for name, value in choice.items() if name not in ("type", "name")}
        changes["tool_choice"] = {"type": "auto", **options}
    needed = _THINKING.get(_type(fields.thinking))
    if needed and not row.get(needed):
        changes["thinking"] = None
    most = row.get("max_output_tokens")
    if isinstance(most, int) and isinstance(fields.max_tokens, int) and fields.max_tokens > most > 0:
        changes["max_tokens"] = most
    return changes


def _type(value: Any) -> Any:
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None
