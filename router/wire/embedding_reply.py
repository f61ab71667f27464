"""Vectors in four dialects of embeddings, and as an upstream answers in OpenAI's form or in Ollama's."""

import base64
import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from sys import byteorder
from typing import Any, TypeVar

import msgspec

from router.errors import BadRequest
from router.types import DialectName, Usage
from router.wire.body import UNREADABLE, Tokens
from router.wire.chat_errors import error_fields
from router.wire.embedding_request import EmbeddingRequest, read_request
from router.wire.events import UnreadableReply

T = TypeVar("T")
Vector = Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """What a model made: a vector for each prompt, in order."""

    vectors: tuple[Vector, ...]
    usage: Usage | None
    """None where nothing was reported."""
    cut: int = 0
    """Texts that were longer than the window, and whose end was left out."""


def _openai_reply(request: EmbeddingRequest, model: str, result: Embeddings) -> Any:
    tokens = result.usage.prompt if result.usage else 0
    write = _base64 if request.base64 else list
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": at, "embedding": write(vector)}
            for at, vector in enumerate(result.vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _ollama_reply(request: EmbeddingRequest, model: str, result: Embeddings) -> Any:
    return {
        "model": request.model or model,
        "embeddings": result.vectors,
        "total_duration": 0,
        "load_duration": 0,
        "prompt_eval_count": result.usage.prompt if result.usage else 0,
    }


def _old_ollama_reply(request: EmbeddingRequest, model: str, result: Embeddings) -> Any:
    del request, model
    return {"embedding": result.vectors[0] if result.vectors else []}


def _llama_cpp_reply(request: EmbeddingRequest, model: str, result: Embeddings) -> Any:
    del request, model
    return [{"index": at, "embedding": [vector]} for at, vector in enumerate(result.vectors)]


_WRITERS: Mapping[DialectName, Callable[[EmbeddingRequest, str, Embeddings], Any]] = {
    "openai_embeddings": _openai_reply,
    "ollama_embed": _ollama_reply,
    "ollama_embeddings": _old_ollama_reply,
    "llama_embedding": _llama_cpp_reply,
}


def encode_reply(dialect: DialectName, request: EmbeddingRequest, model: str, result: Embeddings) -> bytes:
    """Write vectors for the client; `model` is the one that made them."""
    return msgspec.json.encode(_WRITERS[dialect](request, model, result))


def load_reply(dialect: DialectName, body: bytes) -> bytes | None:
    """Answer a body that only wants the model loaded, as Ollama's clients send; None for any other."""
    request = read_request(dialect, body)
    if request.prompts:
        return None
    return encode_reply(dialect, request, "", Embeddings(vectors=(), usage=None))


class _Row(msgspec.Struct):
    embedding: list[float]
    index: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: Tokens | None = None
    total_tokens: Tokens | None = None


class _Reply(msgspec.Struct):
    data: list[_Row]
    usage: _Usage | None = None
    cut: Tokens = 0
    """As our engine has it."""


class _OllamaReply(msgspec.Struct):
    embeddings: list[list[float]]
    prompt_eval_count: Tokens | None = None


_REPLY = msgspec.json.Decoder(_Reply)
_OLLAMA_REPLY = msgspec.json.Decoder(_OllamaReply)


def decode_reply(body: bytes, count: int) -> Embeddings:
    """Read OpenAI's reply of `count` vectors, in the order of their prompts.

    Raises:
        UnreadableReply: it is none, or one vector is missing, empty or of another length.
    """
    reply = _decoded(_REPLY, body)
    places = {at if row.index is None else row.index: row.embedding for at, row in enumerate(reply.data)}
    if len(reply.data) != count or sorted(places) != list(range(count)):
        raise UnreadableReply(f"it has {len(reply.data)} vectors for {count} texts")
    usage = reply.usage
    tokens = None if usage is None else usage.prompt_tokens or usage.total_tokens
    return _made([places[at] for at in range(count)], tokens, cut=reply.cut)


def decode_ollama_reply(body: bytes, count: int) -> Embeddings:
    """Read Ollama's reply of `count` vectors.

    Raises:
        UnreadableReply: as `decode_reply`.
    """
    reply = _decoded(_OLLAMA_REPLY, body)
    if len(reply.embeddings) != count:
        raise UnreadableReply(f"it has {len(reply.embeddings)} vectors for {count} texts")
    return _made(reply.embeddings, reply.prompt_eval_count)


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except UNREADABLE as error:
        raise UnreadableReply(str(error)) from error


def _made(vectors: list[list[float]], tokens: int | None, cut: int = 0) -> Embeddings:
    if len({len(vector) for vector in vectors}) != 1 or not vectors[0]:
        raise UnreadableReply("its vectors have no common length")
    usage = None if tokens is None else Usage(input=tokens)
    return Embeddings(vectors=tuple(vectors), usage=usage, cut=cut)


def shorten(result: Embeddings, dimensions: int | None) -> Embeddings:
    """Keep the first numbers of each vector, at length 1.

    Raises:
        BadRequest: the vectors have fewer.
    """
    width = len(result.vectors[0]) if result.vectors else 0
    if dimensions is None or dimensions == width:
        return result
    if dimensions > width:
        raise BadRequest(f"dimensions: this model's vectors have {width} numbers; ask for that many at most")
    return replace(result, vectors=tuple(_unit(vector[:dimensions]) for vector in result.vectors))


def _unit(vector: Vector) -> Vector:
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else vector


def overflow(tokens: int, limit: int, *, request_id: str = "") -> bytes:
    """Write the 400 body for a text that is too long."""
    del request_id
    message = (
        f"This model's maximum context length is {limit} tokens. However, one of your texts has {tokens} "
        "tokens. Please send it in shorter pieces."
    )
    code = {"param": "input", "code": "context_length_exceeded"}
    return msgspec.json.encode({"error": error_fields("invalid_request_error", message) | code})


def _base64(vector: Vector) -> str:
    numbers = array("f", vector)
    if byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()
