"""One method of one path, described: what it takes, what it answers, and every way in which it refuses.

Statuses come from the errors themselves, labels from where they are sent, and an example of an error
from the dialect that writes it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from router.app import response
from router.app.authentication import GOOGLE_HEADER, HEADER
from router.app.body import Overloaded
from router.app.dashboard.auth import COOKIE
from router.app.openapi import answers
from router.app.openapi.components import Components, Schema
from router.errors import (
    BadKey,
    BadRequest,
    HeadersTooLarge,
    NotAllowed,
    RequestTimeout,
    TooLarge,
    TurnoutError,
    UnsupportedMedia,
)
from router.tracks.failures import KINDS
from router.types import DialectName
from router.wire import DIALECTS

Json = dict[str, Any]
JSON = "application/json"
HTML = "text/html"
Access = Literal["open", "key", "admin", "scraper", "visitor"]
Errors = tuple[type[TurnoutError], ...]

EVERYWHERE: Errors = (BadRequest, NotAllowed, HeadersTooLarge, TurnoutError)
"""Any path may refuse what a browser or a head may not send, and may fail."""
OF_BODIES: Errors = (RequestTimeout, TooLarge, UnsupportedMedia, Overloaded)
ERROR_TYPES: Mapping[DialectName, Any] = {
    "anthropic_messages": answers.AnthropicError,
    "gemini": answers.GeminiError,
    **dict.fromkeys(("ollama", "ollama_embed", "ollama_embeddings"), answers.OllamaError),
    **dict.fromkeys(
        (
            "openai_chat",
            "openai_responses",
            "openai_completions",
            "llama_infill",
            "openai_embeddings",
            "llama_embedding",
        ),
        answers.OpenAIError,
    ),
}
"""What an error looks like, by dialect."""
_KEYS: tuple[Mapping[str, list[str]], ...] = (
    {"bearer": []},
    {"api_key": []},
    {"google_key": []},
    {"turnout_key": []},
)
_SECURITY: Mapping[Access, tuple[Mapping[str, list[str]], ...]] = {
    "open": (),
    "key": ({}, *_KEYS),
    "admin": ({}, *_KEYS),
    "scraper": ({}, *_KEYS),
    "visitor": ({}, {"session": []}, *_KEYS),
}
"""Without a key, too: none is required while none exists and the endpoint listens on this machine alone."""
SECURITY_SCHEMES: Mapping[str, Json] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A Turnout key (`tn-…`). Another token goes on to the provider as it is.",
    },
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "A Turnout key (`tn-…`), as Anthropic's clients send one.",
    },
    "google_key": {
        "type": "apiKey",
        "in": "header",
        "name": GOOGLE_HEADER,
        "description": "A Turnout key (`tn-…`), as Gemini's clients send one, or as `?key=`.",
    },
    "turnout_key": {
        "type": "apiKey",
        "in": "header",
        "name": HEADER,
        "description": "A Turnout key, beside a credential of the client's own for the provider.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "The session that a login with an admin key begins.",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The body of a request."""

    type: Any
    example: Any
    kind: str = JSON
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that is no error."""

    forms: Mapping[str, Any] = field(default_factory=dict)
    """The types of its body by content type; `str` where it is text."""
    description: str = "Done."
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    """What stands in fields of the head, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path."""

    tag: str
    answers: tuple[Answer, ...]
    access: Access = "key"
    summary: str = ""
    """Empty: what the function says that answers it."""
    body: Body | None = None
    errors: Errors = ()
    """Those of its own; what all paths have is added."""
    statuses: tuple[int, ...] = ()
    """Of errors that another server answers, and that pass through."""
    dialects: tuple[DialectName, ...] = ("openai_chat",)
    """Forms of its errors; none for pages, whose errors are pages."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Fields of the head that steer it, by name."""
    query: Any = None
    """A dataclass of the texts in its query string, for a function that reads them all at once."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Texts in its query string that steer it, by name."""


def describe(operation: Operation, components: Components) -> Json:
    """The operation as OpenAPI has it, without its parameters."""
    described: Json = {"tags": [operation.tag], "security": list(_SECURITY[operation.access])}
    if body := operation.body:
        content = {"schema": components.reference(body.type), "example": body.example}
        described["requestBody"] = {"required": body.required, "content": {body.kind: content}}
    described["responses"] = {
        **{str(answer.status): _answer(answer, components) for answer in operation.answers},
        **{str(status): _error(operation, status, components) for status in _statuses(operation)},
    }
    if operation.statuses:
        described["responses"]["default"] = _passed_on(operation, components)
    return described


def header(name: str) -> Json:
    """A reference to a header of ours."""
    return {"$ref": f"#/components/headers/{name}"}


def describe_headers() -> Json:
    """The headers of answers, for `components`; all are left out where they do not apply."""
    return {
        name: {
            "description": description,
            "required": name in _ALWAYS,
            "schema": _HEADER_SCHEMAS.get(name, {"type": "string"}),
        }
        for name, description in _HEADERS.items()
    }


_HEADERS: Mapping[str, str] = {**response.LABELS, **response.RETRYING}
_ALWAYS = frozenset({"x-turnout-request-id"})
_HEADER_SCHEMAS: Mapping[str, Schema] = {
    "x-turnout-track": {"type": "string", "enum": ["local", "cloud"]},
    "x-turnout-overhead-ms": {"type": "number", "minimum": 0},
    "x-should-retry": {"type": "string", "enum": [response.FINAL[1]]},
    "retry-after": {"type": "integer", "minimum": 0},
}


def _answer(answer: Answer, components: Components) -> Json:
    described: Json = {"description": answer.description}
    if answer.forms:
        described["content"] = {
            kind: {"schema": components.reference(type_)} for kind, type_ in answer.forms.items()
        }
    if answer.headers:
        described["headers"] = {
            name: header(name)
            if name in response.LABELS
            else {"description": text, "schema": {"type": "string"}}
            for name, text in answer.headers.items()
        }
    return described


def _errors(operation: Operation) -> Errors:
    of_access: Errors = () if operation.access == "open" else (BadKey,)
    return (*EVERYWHERE, *of_access, *(OF_BODIES if operation.body else ()), *operation.errors)


def _statuses(operation: Operation) -> list[int]:
    return sorted({*(error.status for error in _errors(operation)), *operation.statuses})


def _error(operation: Operation, status: int, components: Components) -> Json:
    reasons = [error for error in _errors(operation) if error.status == status]
    sentences = [_sentence(error) for error in dict.fromkeys(reasons)]
    if status in operation.statuses:
        sentences.append("The provider's or the local server's own refusal, passed on.")
    described: Json = {"description": " ".join(sentences)}
    if operation.dialects:
        kind = reasons[0].kind if reasons else KINDS.get(status, TurnoutError.kind)
        described["content"] = {JSON: _error_content(operation.dialects, kind, components)}
        described["headers"] = {name: header(name) for name in _HEADERS}
    else:  # what is refused before the page is asked for anything is no page
        before = _error_content(("openai_chat",), TurnoutError.kind, components)
        described["content"] = {HTML: {"schema": {"type": "string"}}, JSON: before}
    return described


def _passed_on(operation: Operation, components: Components) -> Json:
    """Whatever else another server answers."""
    return {
        "description": "Another status of the provider's or the local server's, passed on as it is.",
        "content": {JSON: _error_content(operation.dialects, TurnoutError.kind, components)},
        "headers": {name: header(name) for name in _HEADERS},
    }


def _error_content(dialects: Iterable[DialectName], kind: str, components: Components) -> Json:
    types = list(dict.fromkeys(ERROR_TYPES[dialect] for dialect in dialects))
    schemas = [components.reference(type_) for type_ in types]
    examples = {
        dialect: {
            "value": msgspec.json.decode(DIALECTS[dialect].error(kind, "what is wrong, and the remedy"))
        }
        for dialect in dialects
    }
    return {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}, "examples": examples}


def _sentence(error: type[TurnoutError]) -> str:
    return (error.__doc__ or "").partition("\n")[0]
