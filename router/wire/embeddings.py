"""Embeddings in four dialects: OpenAI's (LM Studio's, too), Ollama's two, and llama.cpp's own.

A dialect is one row of `FORMS`: how its request is read, and how vectors are written. What answers is asked
in OpenAI's form, and answers in it.
"""

import base64
import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from sys import byteorder
from typing import Annotated, Any, Literal

import msgspec

from router.errors import BadRequest
from router.types import DialectName, Usage
from router.wire.body import UNREADABLE, Envelope, Tokens, decode
from router.wire.events import UnreadableReply

MOST_TEXTS = 2048
"""As many as OpenAI takes in one request."""
Vector = Sequence[float]
Prompt = str | list[int]
"""A text, or the tokens of one in the model's own vocabulary."""
Dimensions = Annotated[int, msgspec.Meta(ge=1, le=2**16)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingRequest:
    """What is to be embedded, and how the vectors are wanted."""

    model: str
    prompts: tuple[Prompt, ...]
    dimensions: int | None = None
    """Numbers in a vector; None for as many as the model makes."""
    base64: bool = False
    """Little-endian 32-bit floats in base64, in the place of numbers."""
    truncate: bool = False
    """A text that is too long is cut, as Ollama does unless told otherwise."""
    user: str = ""
    """Whom the client names to the provider."""

    @property
    def has_tokens(self) -> bool:
        """Whether a prompt is tokens, which nobody here can read."""
        return any(not isinstance(prompt, str) for prompt in self.prompts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """What a model made: a vector for each prompt, in order."""

    vectors: tuple[Vector, ...]
    usage: Usage | None
    """None where nothing was reported."""


class EmbeddingBody(msgspec.Struct):
    """What OpenAI's path takes."""

    input: str | list[str | int | list[int]]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Dimensions | None = None
    user: str | None = None


class OllamaEmbedBody(msgspec.Struct):
    """What Ollama's path takes."""

    input: str | list[str] | None = None
    model: str | None = None
    truncate: bool | None = None
    dimensions: Dimensions | None = None


class OllamaEmbeddingsBody(msgspec.Struct):
    """What Ollama's older path takes."""

    prompt: str = ""
    model: str | None = None


class LlamaEmbeddingBody(msgspec.Struct):
    """What llama.cpp's path takes."""

    content: str | list[str | int | list[int]]
    model: str | None = None


_INPUT = "must be a string, an array of strings, or tokens as an array of integers"
_REMEDIES = {
    "input": _INPUT,
    "input[]": _INPUT,
    "content": _INPUT,
    "content[]": _INPUT,
    "encoding_format": "must be `float` or `base64`",
    "dimensions": "must be an integer from 1 to 65536",
    "truncate": "must be true or false",
    "user": "must be a string",
}
_OPENAI = msgspec.json.Decoder(EmbeddingBody)
_OLLAMA = msgspec.json.Decoder(OllamaEmbedBody)
_OLD_OLLAMA = msgspec.json.Decoder(OllamaEmbeddingsBody)
_LLAMA_CPP = msgspec.json.Decoder(LlamaEmbeddingBody)


def _read_openai(body: bytes) -> EmbeddingRequest:
    fields = decode(_OPENAI, body, _REMEDIES)
    return EmbeddingRequest(
        model=fields.model or "",
        prompts=_prompts("input", fields.input),
        dimensions=fields.dimensions,
        base64=fields.encoding_format == "base64",
        user=fields.user or "",
    )


def _read_ollama(body: bytes) -> EmbeddingRequest:
    fields = decode(_OLLAMA, body, _REMEDIES)
    return EmbeddingRequest(
        model=fields.model or "",
        prompts=_prompts("input", fields.input) if fields.input else (),
        dimensions=fields.dimensions,
        truncate=fields.truncate is not False,
    )


def _read_old_ollama(body: bytes) -> EmbeddingRequest:
    fields = decode(_OLD_OLLAMA, body, _REMEDIES)
    prompts = (fields.prompt,) if fields.prompt else ()
    return EmbeddingRequest(model=fields.model or "", prompts=prompts, truncate=True)


def _read_llama_cpp(body: bytes) -> EmbeddingRequest:
    fields = decode(_LLAMA_CPP, body, _REMEDIES)
    return EmbeddingRequest(model=fields.model or "", prompts=_prompts("content", fields.content))


def _prompts(name: str, value: str | Sequence[str | int | list[int]]) -> tuple[Prompt, ...]:
    """What a field holds: one text or one text's tokens, or an array of either.

    Raises:
        BadRequest: it is empty, mixed, or too long.
    """
    items = [value] if isinstance(value, str) else list(value)
    numbers = [item for item in items if isinstance(item, int)]
    if numbers and len(numbers) != len(items):
        raise BadRequest(f"{name}: {_INPUT}; not several of these in one array")
    prompts: list[Prompt] = [numbers] if numbers else [item for item in items if not isinstance(item, int)]
    if not all(prompts) or not prompts:
        raise BadRequest(f"{name}: must not be empty, nor hold an empty text; leave those out")
    if len(prompts) > MOST_TEXTS:
        raise BadRequest(
            f"{name}: holds {len(prompts)} texts, and {MOST_TEXTS} are taken at once; send several"
        )
    return tuple(prompts)


Encode = Callable[[EmbeddingRequest, str, Embeddings], Any]


def _openai_reply(request: EmbeddingRequest, model: str, made: Embeddings) -> Any:
    tokens = made.usage.prompt if made.usage else 0
    write = _base64 if request.base64 else list
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": at, "embedding": write(vector)}
            for at, vector in enumerate(made.vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _ollama_reply(request: EmbeddingRequest, model: str, made: Embeddings) -> Any:
    return {
        "model": request.model or model,
        "embeddings": made.vectors,
        "total_duration": 0,
        "load_duration": 0,
        "prompt_eval_count": made.usage.prompt if made.usage else 0,
    }


def _old_ollama_reply(request: EmbeddingRequest, model: str, made: Embeddings) -> Any:
    del request, model
    return {"embedding": made.vectors[0] if made.vectors else []}


def _llama_cpp_reply(request: EmbeddingRequest, model: str, made: Embeddings) -> Any:
    del request, model
    return [{"index": at, "embedding": [vector]} for at, vector in enumerate(made.vectors)]


@dataclass(frozen=True, slots=True)
class Form:
    """One dialect of embeddings."""

    read: Callable[[bytes], EmbeddingRequest]
    """Raises `BadRequest`."""
    encode: Encode


FORMS: Mapping[DialectName, Form] = {
    "openai_embeddings": Form(_read_openai, _openai_reply),
    "ollama_embed": Form(_read_ollama, _ollama_reply),
    "ollama_embeddings": Form(_read_old_ollama, _old_ollama_reply),
    "llama_embedding": Form(_read_llama_cpp, _llama_cpp_reply),
}


def read_request(dialect: DialectName, body: bytes) -> EmbeddingRequest:
    """Read a request.

    Raises:
        BadRequest: names the field and the remedy.
    """
    return FORMS[dialect].read(body)


def envelope_reader(dialect: DialectName) -> Callable[[bytes], Envelope]:
    """Make what reads a request's envelope; no reply of these streams."""

    def read(body: bytes) -> Envelope:
        return Envelope(model=read_request(dialect, body).model, stream=False)

    return read


def load_reply(dialect: DialectName) -> Callable[[bytes], bytes | None]:
    """Make what answers a body that only wants the model loaded, as Ollama's clients send; None to others."""

    def reply(body: bytes) -> bytes | None:
        request = read_request(dialect, body)
        return (
            None
            if request.prompts
            else encode_reply(dialect, request, "", Embeddings(vectors=(), usage=None))
        )

    return reply


def encode_reply(dialect: DialectName, request: EmbeddingRequest, model: str, made: Embeddings) -> bytes:
    """Write vectors for the client; `model` is the one that made them."""
    return msgspec.json.encode(FORMS[dialect].encode(request, model, made))


class _Row(msgspec.Struct):
    embedding: list[float]
    index: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: Tokens | None = None
    total_tokens: Tokens | None = None


class _Reply(msgspec.Struct):
    data: list[_Row]
    usage: _Usage | None = None


_REPLY = msgspec.json.Decoder(_Reply)


def decode_reply(body: bytes, count: int) -> Embeddings:
    """Read OpenAI's reply of `count` vectors, in the order of their prompts.

    Raises:
        UnreadableReply: it is none, or one vector is missing, empty or of another length.
    """
    try:
        reply = _REPLY.decode(body)
    except UNREADABLE as error:
        raise UnreadableReply(str(error)) from error
    places = {at if row.index is None else row.index: row.embedding for at, row in enumerate(reply.data)}
    if len(reply.data) != count or sorted(places) != list(range(count)):
        raise UnreadableReply(f"it has {len(reply.data)} vectors for {count} texts")
    if len({len(vector) for vector in places.values()}) != 1 or not places[0]:
        raise UnreadableReply("its vectors have no common length")
    usage = reply.usage
    tokens = None if usage is None else usage.prompt_tokens or usage.total_tokens
    return Embeddings(
        vectors=tuple(places[at] for at in range(count)),
        usage=None if tokens is None else Usage(input=tokens),
    )


def shorten(made: Embeddings, dimensions: int | None) -> Embeddings:
    """Keep the first numbers of each vector, at length 1.

    Raises:
        BadRequest: the vectors have fewer.
    """
    width = len(made.vectors[0]) if made.vectors else 0
    if dimensions is None or dimensions == width:
        return made
    if dimensions > width:
        raise BadRequest(f"dimensions: this model's vectors have {width} numbers; ask for that many at most")
    return replace(made, vectors=tuple(_unit(vector[:dimensions]) for vector in made.vectors))


def _unit(vector: Vector) -> Vector:
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else vector


def _base64(vector: Vector) -> str:
    numbers = array("f", vector)
    if byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()
