"""The paths at which a model answers, described by the dialect that each speaks.

A new path of a known dialect needs nothing here; a new dialect, one row of `CALLS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import GenericAlias
from typing import Any

from router.app import response
from router.app.asgi import ROUTES, Route
from router.app.openapi import answers
from router.app.openapi.operation import JSON, Answer, Body, Operation
from router.errors import OverBudget, RateLimited
from router.tracks.failures import KINDS
from router.types import EMBEDDING_DIALECTS, DialectName, TrackError
from router.wire import DIALECTS
from router.wire.anthropic_request import MessagesBody
from router.wire.chat_shape import ChatBody
from router.wire.embedding_request import (
    EmbeddingBody,
    LlamaEmbeddingBody,
    OllamaEmbedBody,
    OllamaEmbeddingsBody,
)
from router.wire.gemini_shape import GeminiBody
from router.wire.ollama_shape import OllamaBody
from router.wire.raw_prompts import CompletionBody, InfillBody
from router.wire.responses_shape import ResponsesBody

_ASK = "Write a function that reverses a string."
_TURNS = [{"role": "user", "content": _ASK}]
_VERSION = {"anthropic-version": "The version of Anthropic's API, such as `2023-06-01`; passed on."}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a dialect sends and gets."""

    tag: str
    summary: str
    body: Any
    example: Any
    answer: Any
    fields: Mapping[str, str] = field(default_factory=dict)


CALLS: Mapping[DialectName, Call] = {
    "anthropic_messages": Call(
        tag="Anthropic",
        summary="Answer a conversation (Anthropic Messages).",
        body=MessagesBody,
        example={"model": "auto", "max_tokens": 1024, "messages": _TURNS},
        answer=answers.AnthropicMessage,
        fields=_VERSION,
    ),
    "openai_chat": Call(
        tag="OpenAI",
        summary="Answer a conversation (OpenAI Chat Completions).",
        body=ChatBody,
        example={"model": "auto", "messages": _TURNS},
        answer=answers.ChatCompletion,
    ),
    "openai_responses": Call(
        tag="OpenAI",
        summary="Answer a conversation (OpenAI Responses); responses are kept by the provider alone.",
        body=ResponsesBody,
        example={"model": "auto", "input": _ASK},
        answer=answers.Response,
    ),
    "openai_completions": Call(
        tag="OpenAI",
        summary="Complete a prompt as it is (OpenAI Completions), by the local model alone.",
        body=CompletionBody,
        example={"model": "local", "prompt": "def reverse(text):\n", "max_tokens": 64},
        answer=answers.Completion,
    ),
    "llama_infill": Call(
        tag="llama.cpp",
        summary="Fill the gap between two texts (llama.cpp), by the local model alone.",
        body=InfillBody,
        example={"input_prefix": "def reverse(text):\n", "input_suffix": "\n\nprint(reverse('abc'))\n"},
        answer=answers.Infill,
    ),
    "gemini": Call(
        tag="Gemini",
        summary="Answer a conversation (Gemini), whole or as a stream.",
        body=GeminiBody,
        example={"contents": [{"role": "user", "parts": [{"text": _ASK}]}]},
        answer=answers.GeminiAnswer,
    ),
    "ollama": Call(
        tag="Ollama",
        summary="Answer a conversation, or complete a prompt (Ollama); a stream unless `stream` is false.",
        body=OllamaBody,
        example={"model": "auto", "messages": _TURNS, "stream": False},
        answer=answers.OllamaAnswer,
    ),
    "openai_embeddings": Call(
        tag="OpenAI",
        summary="Embed texts (OpenAI Embeddings), by the model that is named.",
        body=EmbeddingBody,
        example={"model": "local", "input": ["def add(a, b):", "a turnout"]},
        answer=answers.Vectors,
    ),
    "ollama_embed": Call(
        tag="Ollama",
        summary="Embed texts (Ollama), by the model that is named.",
        body=OllamaEmbedBody,
        example={"model": "local", "input": ["def add(a, b):", "a turnout"]},
        answer=answers.OllamaVectors,
    ),
    "ollama_embeddings": Call(
        tag="Ollama",
        summary="Embed one text (Ollama's older form).",
        body=OllamaEmbeddingsBody,
        example={"model": "local", "prompt": "a turnout"},
        answer=answers.OllamaVector,
    ),
    "llama_embedding": Call(
        tag="llama.cpp",
        summary="Embed texts (llama.cpp).",
        body=LlamaEmbeddingBody,
        example={"content": "a turnout"},
        answer=list[answers.LlamaVector],
    ),
}
_EXAMPLES: Mapping[str, Any] = {"/api/generate": {"model": "auto", "prompt": _ASK, "stream": False}}
"""Of paths whose body is not that of their dialect's other one."""
_ALT = {"alt": "`sse` for server-sent events; without it a stream is one JSON list that grows."}
_COMPACTED = Call(
    tag="OpenAI",
    summary="Compact a conversation (OpenAI Responses), where the provider speaks Responses.",
    body=ResponsesBody,
    example={"model": "gpt-5.5", "input": _ASK},
    answer=answers.Compaction,
)
_COUNTED: Mapping[DialectName, Any] = {
    "anthropic_messages": answers.InputTokens,
    "gemini": answers.GeminiTokens,
    "openai_responses": answers.ResponseInputTokens,
}
_TAGS: Mapping[str, str] = {"/api/v0/": "LM Studio"}
"""Of paths that speak another product's dialect, by their beginning."""


def model_calls() -> dict[tuple[str, str], Operation]:
    """Describe all paths of model calls, by method and path."""
    return {("POST", path): _operation(path, route) for path, route in ROUTES.items()}


def _operation(path: str, route: Route) -> Operation:
    call = _COMPACTED if route.subpath else CALLS[route.dialect]
    count = route.operation == "count"
    return Operation(
        tag=next((tag for start, tag in _TAGS.items() if path.startswith(start)), call.tag),
        summary="Count the tokens of a prompt, as the model that would serve it counts."
        if count
        else call.summary,
        body=Body(type=call.body, example=_EXAMPLES.get(path, call.example)),
        answers=(
            Answer(
                forms=_forms(path, route, call),
                description="The count." if count else "The answer, whole or as a stream.",
                headers=response.LABELS,
            ),
        ),
        errors=(OverBudget, RateLimited, TrackError),
        statuses=tuple(KINDS),
        dialects=(route.dialect,),
        fields=call.fields,
        texts=_ALT if "stream" in path else {},
    )


def _forms(path: str, route: Route, call: Call) -> dict[str, Any]:
    """A whole answer, or a stream, described by what it is a stream of."""
    dialect = route.dialect
    if route.operation == "count" or route.subpath:
        return {JSON: call.answer if route.subpath else _COUNTED[dialect]}
    framing = DIALECTS[dialect].framing
    kind = dict(framing.headers)["content-type"].partition(";")[0]
    if dialect in EMBEDDING_DIALECTS:
        return {JSON: call.answer}
    listed = "stream" in path and DIALECTS[dialect].other_framing is not None
    document = GenericAlias(list, (call.answer,)) if listed else call.answer
    return {JSON: document, kind: answers.ServerSentEvent if framing.comments else call.answer}
