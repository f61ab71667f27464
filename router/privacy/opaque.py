"""Parts of a piece that cannot be read here: images, scans, encrypted reasoning, files by their id."""

import re
from collections.abc import Iterator
from typing import Any

_TYPES = frozenset({
    "image", "image_url", "input_image", "input_audio", "audio", "video", "video_url", "redacted_thinking",
    "container_upload", "input_file",
})  # fmt: skip
_KEYS = ("file_id", "encrypted_content", "file_data", "audio", "image_url", "signature_data", "fileUri")
_LISTS = ("images",)
"""Keys of Ollama's messages and bodies that hold a list of images, and further down maybe a list of names."""
_BASE64 = re.compile(r"(?i:data:[^,]*,)|[A-Za-z0-9+/=_\-\s]{64,}")
"""How data begins that is too long for a name."""
_CONTENTS = frozenset({*_KEYS, "data", "url"})
_SHORTEST = 8
"""Characters of an id or of data that are one thing's only."""


def is_opaque(value: Any) -> bool:
    """Whether a decoded piece holds any of it."""
    return any(True for _ in _attached(value)) or any(map(_is_unreadable, _objects(value)))


def contents(value: Any) -> Iterator[str]:
    """The data, address or id of each unreadable thing in a decoded piece."""
    yield from (text for text in _attached(value) if len(text) >= _SHORTEST)
    for item in _objects(value):
        if _is_unreadable(item):
            for inner in _objects(item):
                yield from (
                    text
                    for name, text in inner.items()
                    if name in _CONTENTS and isinstance(text, str) and len(text) >= _SHORTEST
                )
                yield from _listed(inner)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield item
            pending += item.values()
        elif isinstance(item, list):
            pending += item


def _attached(value: Any) -> Iterator[str]:
    """The images of a message, or of a body's field: every string is sent as one, whatever it looks like."""
    for name in _LISTS if isinstance(value, dict) else ():
        texts = value.get(name)
        yield from (text for text in texts if isinstance(text, str)) if isinstance(texts, list) else ()


def _listed(item: dict[str, Any]) -> Iterator[str]:
    """The data in lists of images."""
    for name in _LISTS:
        texts = item.get(name)
        for text in texts if isinstance(texts, list) else ():
            if isinstance(text, str) and _BASE64.match(text):
                yield text


def _is_unreadable(item: dict[str, Any]) -> bool:
    kind, source = item.get("type"), item.get("source")
    return (
        (isinstance(kind, str) and kind in _TYPES)
        or (kind == "base64" and not str(item.get("media_type", "")).startswith("text/"))
        or (kind == "document" and isinstance(source, dict) and source.get("type") in {"url", "file"})
        or (isinstance(item.get("data"), str) and not str(item.get("mimeType", "text/")).startswith("text/"))
        or any(isinstance(item.get(name), str) for name in _KEYS)
        or any(True for _ in _listed(item))
    )
