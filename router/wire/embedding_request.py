"""Requests for embeddings in four dialects: OpenAI's (LM Studio's, too), Ollama's two, and llama.cpp's own.

A dialect is one row of `FORMS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from router.errors import BadRequest
from router.types import DialectName
from router.wire.body import UNSET, Envelope, decode

MOST_TEXTS = 2048
"""As many as OpenAI takes in one request."""
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

    prompt: str | None = None
    model: str | None = None


class LlamaEmbeddingBody(msgspec.Struct):
    """What llama.cpp's path takes."""

    content: str | list[str | int | list[int]]
    model: str | None = None


_INPUT = "must be a string, an array of strings, or tokens as an array of integers"
_REMEDIES = {
    "input": _INPUT,
    "input[]": _INPUT,
    "input[][]": "must be a token, an integer",
    "content": _INPUT,
    "content[]": _INPUT,
    "content[][]": "must be a token, an integer",
    "prompt": "must be a string",
    "encoding_format": "must be `float` or `base64`",
    "dimensions": "must be an integer from 1 to 65536",
    "truncate": "must be true or false",
    "user": "must be a string",
}
_TEXTS = "must be a string, or an array of strings"
_OLLAMA_REMEDIES = _REMEDIES | {"input": _TEXTS, "input[]": _TEXTS}
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
    fields = decode(_OLLAMA, body, _OLLAMA_REMEDIES)
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


@dataclass(frozen=True, slots=True)
class Form:
    """How one dialect asks for embeddings."""

    body: type[msgspec.Struct]
    read: Callable[[bytes], EmbeddingRequest]
    """Raises `BadRequest`."""


FORMS: Mapping[DialectName, Form] = {
    "openai_embeddings": Form(EmbeddingBody, _read_openai),
    "ollama_embed": Form(OllamaEmbedBody, _read_ollama),
    "ollama_embeddings": Form(OllamaEmbeddingsBody, _read_old_ollama),
    "llama_embedding": Form(LlamaEmbeddingBody, _read_llama_cpp),
}
Fields = Mapping[str, msgspec.Raw]
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SET_HERE = frozenset({"keep_alive", "options"})
"""Fields of Ollama's that say how a model is run, which the settings do here."""


def read_request(dialect: DialectName, body: bytes) -> EmbeddingRequest:
    """Read a request.

    Raises:
        BadRequest: names the field and the remedy.
    """
    return FORMS[dialect].read(body)


def other_fields(dialect: DialectName, body: bytes) -> Fields:
    """What else a request that was read asks for, as it came: only some models have it."""
    names = FORMS[dialect].body.__struct_fields__
    return {
        name: raw
        for name, raw in _FIELDS.decode(body).items()
        if name not in names and name not in _SET_HERE and bytes(raw) not in UNSET
    }


def read_envelope(dialect: DialectName, body: bytes) -> Envelope:
    """Read a request's envelope; no reply of these streams.

    Raises:
        BadRequest: as `read_request`.
    """
    return Envelope(model=read_request(dialect, body).model, stream=False)
