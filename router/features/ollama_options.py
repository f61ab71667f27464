"""What Ollama's clients ask for beside the prompt, by the names that Chat Completions has for it."""

from collections.abc import Iterator, Mapping
from typing import Any

FIELDS = ("options", "format", "think", "images", "raw", "suffix")


def as_chat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the fields that are there; values of another kind than Ollama takes say nothing."""
    return dict(_fields(fields))


def is_bare(fields: Mapping[str, Any]) -> bool:
    """Whether a prompt is to be completed as it is: without a template, or before a suffix."""
    return bool(fields.get("raw") or fields.get("suffix"))


def count_images(fields: Mapping[str, Any]) -> int:
    """Images that stand beside a prompt, rather than in a message."""
    images = fields.get("images")
    return len(images) if isinstance(images, list) else 0


def _fields(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    options, shape, think = (fields.get(name) for name in ("options", "format", "think"))
    if isinstance(options, dict):
        yield "max_tokens", options.get("num_predict")
        yield "stop", options.get("stop")
    if isinstance(shape, dict):
        yield "response_format", {"type": "json_schema", "json_schema": {"schema": shape}}
    if think is not None:
        yield "reasoning_effort", think if isinstance(think, str) else "medium" if think else "none"
