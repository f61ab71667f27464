"""Tell a body's dialect by its shape, where no path says it."""

from typing import Any, cast

import msgspec

from router.types import DialectName
from router.wire.body import UNREADABLE

_ANTHROPIC_FIELDS = frozenset(
    {"system", "anthropic_version", "stop_sequences", "thinking", "context_management"}
)
_ANTHROPIC_BLOCKS = frozenset(
    {"tool_use", "tool_result", "thinking", "redacted_thinking", "image", "document"}
)


def tell(body: bytes) -> DialectName:
    """The dialect `body` is written in; `openai_chat` where both would fit or it is no JSON object."""
    try:
        fields = msgspec.json.decode(body)
    except UNREADABLE:
        return "openai_chat"
    if not isinstance(fields, dict):
        return "openai_chat"
    marks = (
        not _ANTHROPIC_FIELDS.isdisjoint(fields),
        any("input_schema" in tool for tool in _objects(fields.get("tools"))),
        any(
            isinstance(kind := block.get("type"), str) and kind in _ANTHROPIC_BLOCKS
            for message in _objects(fields.get("messages"))
            for block in _objects(message.get("content"))
        ),
    )
    return "anthropic_messages" if any(marks) else "openai_chat"


def _objects(value: object) -> list[dict[str, Any]]:
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]
