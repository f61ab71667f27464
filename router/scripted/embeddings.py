"""OpenAI's embeddings: a vector that depends on the text alone, of length 1."""

import base64
import struct
from collections.abc import Mapping
from hashlib import shake_256
from math import hypot
from typing import Any

import msgspec

from router.scripted.billing import Bill
from router.scripted.script import Answer, Block, ParsedRequest

WIDTH = 16
"""Numbers in a vector whose request names no `dimensions`."""


def parse_request(body: Mapping[str, Any]) -> ParsedRequest:
    """Parse a request; each text is a block of the prompt."""
    texts = _texts(body["input"])
    return ParsedRequest(
        model=body["model"],
        stream=False,
        text=texts[0],
        result=None,
        tools=(),
        schema=None,
        blocks=tuple(Block(text=text) for text in texts),
    )


def render_document(raw: bytes, model: str, answer: Answer, bill: Bill) -> dict[str, Any]:
    """Return the vectors; `raw` is the request's body."""
    del answer
    body = msgspec.json.decode(raw)
    write = _base64 if body.get("encoding_format") == "base64" else list
    vectors = [_vector(text, body.get("dimensions") or WIDTH) for text in _texts(body["input"])]
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": at, "embedding": write(vector)}
            for at, vector in enumerate(vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": bill.input, "total_tokens": bill.input},
    }


def _texts(value: Any) -> list[str]:
    """The texts; tokens count as the text of their numbers."""
    if isinstance(value, str) or isinstance(value[0], int):
        return [str(value)]
    return [str(item) for item in value]


def _vector(text: str, width: int) -> list[float]:
    numbers = [number - 127.5 for number in shake_256(text.encode()).digest(width)]
    length = hypot(*numbers)
    return [number / length for number in numbers]


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
