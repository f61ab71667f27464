"""`response_format: json_object` for Claude, which has no such mode: the model is told in words."""

from collections.abc import Mapping
from typing import Any

_WORDS = "Answer with one JSON object and nothing else: no Markdown fence, no text before or after it."


def ask_for_json(body: Mapping[str, Any]) -> dict[str, Any]:
    """Put what `json_object` asks for into a system message; other bodies are given back as they are.

    Args:
        body: A decoded Chat Completions body whose shape was checked.
    """
    shape = body.get("response_format")
    if not isinstance(shape, dict) or shape.get("type") != "json_object":
        return dict(body)
    words = {"role": "system", "content": _WORDS}
    fields = {name: value for name, value in body.items() if name != "response_format"}
    return fields | {"messages": [words, *body["messages"]]}
