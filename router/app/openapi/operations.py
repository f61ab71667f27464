"""All paths but those of model calls: one row each. A route without a row fails a test, which says so."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from router.app import ollama_routes
from router.app.dashboard.auth import PATH as DASHBOARD
from router.app.dashboard.query import RequestQuery
from router.app.dashboard.routes import FORM
from router.app.feedback import Feedback
from router.app.openapi import answers
from router.app.openapi.model_calls import CALLS
from router.app.openapi.operation import HTML, JSON, Answer, Body, Operation
from router.app.openapi.page import PATH as DOCS
from router.app.schemas import KeyIn, KeyTerms, TeamIn, TeamTerms
from router.errors import BadKey, Conflict, NotFound, RateLimited, TurnoutError, Unavailable
from router.types import EMBEDDING_DIALECTS, DialectName

TEXT = "text/plain"
Key = tuple[str, str]
TAGS: Mapping[str, str] = {
    "Anthropic": "What Claude Code and Anthropic's packages ask for.",
    "OpenAI": "Chat Completions, Responses, Completions and Embeddings.",
    "Gemini": "What Gemini CLI and Google's packages ask for.",
    "Ollama": "What Ollama's clients ask for.",
    "LM Studio": "What LM Studio's clients ask for.",
    "llama.cpp": "What llama.cpp's editors' plugins ask for.",
    "Models": "The names that a client may ask for.",
    "Decisions": "Where requests go and went, and what people say of it.",
    "State": "Whether the endpoint runs, and how.",
    "Administration": "Teams and keys, for holders of an admin key.",
    "Dashboard": "Pages for people.",
}
_FORMS = {
    "anthropic-version": "Asks for Anthropic's form, in which errors come then, too.",
    "x-goog-api-client": "Asks for Gemini's form, as a key of Google's does.",
}


def _json(type_: Any, **options: Any) -> tuple[Answer, ...]:
    return (Answer(forms={JSON: type_}, **options),)


def _json_body(type_: Any, example: Any) -> Body:
    return Body(type=type_, example=example)


def _page(*errors: type[TurnoutError], form: Mapping[str, Any] | None = None) -> Operation:
    """A page of the dashboard; who has to log in first is led there."""
    page = Answer(forms=form or {HTML: str}, description="The page.")
    return Operation(
        tag="Dashboard",
        access="visitor",
        answers=(page, _LED),
        errors=(Unavailable, RateLimited, *errors),
        dialects=(),
    )


_LED = Answer(status=303, description="Leads to another page.", headers={"location": "That page."})


def _changes(form: Any, example: Any, *errors: type[TurnoutError]) -> Operation:
    """A form of the dashboard."""
    body = Body(type=form, example=example, kind=FORM)
    return replace(_page(*errors), answers=(_LED,), body=body)


def _state(type_: Any) -> Operation:
    return Operation(tag="State", access="open", answers=_json(type_))


def _list(type_: Any, tag: str) -> Operation:
    """What clients are told of models."""
    if tag == "Ollama":
        return Operation(tag=tag, answers=_json(type_), dialects=("ollama",))
    if tag == "Gemini":
        return Operation(tag=tag, answers=_json(type_), dialects=("gemini",))
    if tag == "LM Studio":
        return Operation(tag=tag, answers=_json(type_))
    dialects: tuple[DialectName, ...] = ("openai_chat", "anthropic_messages", "gemini")
    return Operation(tag=tag, answers=_json(type_), dialects=dialects, fields=_FORMS)


def _admin(type_: Any, *errors: type[TurnoutError], body: Body | None = None, status: int = 200) -> Operation:
    return Operation(
        tag="Administration",
        access="admin",
        answers=_json(type_, status=status),
        body=body,
        errors=(Unavailable, *errors),
    )


def _heads(path: str, operation: Operation) -> Iterator[tuple[Key, Operation]]:
    """A path that is also asked for its head alone, by clients that look whether the endpoint is up."""
    yield ("GET", path), operation
    yield (
        ("HEAD", path),
        Operation(
            tag=operation.tag,
            access=operation.access,
            answers=(Answer(description="The endpoint is up."),),
            dialects=operation.dialects,
        ),
    )


def _refusals() -> Iterator[tuple[Key, Operation]]:
    """Paths that clients ask for and that nothing here can serve: the answer says what to do instead."""
    for method, path in ollama_routes.MANAGED:
        yield (method, path), Operation(tag="Ollama", answers=(), dialects=("ollama",))


def _of_dashboard() -> Iterator[tuple[Key, Operation]]:
    for path in ("", "/policy", "/teams"):
        yield ("GET", DASHBOARD + path), _page()
    yield ("GET", DASHBOARD + "/requests"), replace(_page(), query=RequestQuery)
    yield ("GET", DASHBOARD + "/requests/{request_id}"), _page(NotFound)
    yield ("GET", DASHBOARD + "/requests.csv"), replace(_page(form={"text/csv": str}), query=RequestQuery)
    yield ("GET", DASHBOARD + "/login"), replace(_page(), access="open")
    yield ("GET", DASHBOARD + "/files/{name}"), replace(_page(NotFound, form=_FILES), access="open")
    revoke = _changes(answers.SignedForm, {"token": "…"}, NotFound)
    yield ("POST", DASHBOARD + "/keys/{key_id}/revoke"), revoke
    yield (
        ("POST", DASHBOARD + "/login"),
        _changes(answers.LoginForm, {"key": "tn-…", "next": DASHBOARD}, BadKey),
    )
    yield ("POST", DASHBOARD + "/logout"), _changes(answers.SignedForm, {"token": "…"})


_FILES = {"text/css": str, "text/javascript": str, "image/svg+xml": str}
_NAMED = Body(type=answers.OllamaName, example={"model": "auto"})
_ROUTED = tuple(call.body for dialect, call in CALLS.items() if dialect not in EMBEDDING_DIALECTS)
_ANY_CALL = Body(type=_ROUTED, example=CALLS["openai_chat"].example)
_VERDICT = Body(type=Feedback, example={"request_id": "2f0c7c2b6f2d4a4c9d9a0b1c2d3e4f50", "verdict": "good"})
_TEAM, _KEY = {"name": "web", "budget": {"usd": 200}}, {"team": "web", "user": "ana", "name": "laptop"}
_ROOT = Operation(
    tag="State",
    access="open",
    answers=(Answer(forms={JSON: answers.Endpoint, TEXT: str}, description="Up."),),
)
OPERATIONS: Mapping[Key, Operation] = {
    **dict(_heads("/", _ROOT)),
    **dict(_heads("/api/hello", _state(answers.Hello))),
    ("GET", "/health"): _state(answers.Health),
    ("GET", "/ready"): Operation(
        tag="State",
        access="open",
        answers=(
            *_json(answers.Ready),
            *_json(answers.Ready, status=503, description="No track can answer yet."),
        ),
    ),
    ("GET", "/metrics"): Operation(
        tag="State",
        access="scraper",
        answers=(Answer(forms={TEXT: str, "application/openmetrics-text": str}, description="Counters."),),
    ),
    **dict(_heads("/openapi.json", _state(dict[str, Any]))),
    ("GET", DOCS): Operation(tag="State", access="open", answers=(Answer(forms={HTML: str}),)),
    ("GET", DOCS + "/files/{name}"): Operation(
        tag="State", access="open", answers=(Answer(forms=_FILES),), errors=(NotFound,)
    ),
    ("POST", "/v1/route"): Operation(tag="Decisions", answers=_json(answers.Explanation), body=_ANY_CALL),
    ("POST", "/v1/feedback"): Operation(
        tag="Decisions", answers=_json(Feedback), body=_VERDICT, errors=(NotFound,)
    ),
    ("GET", "/v1/status"): Operation(tag="Decisions", answers=_json(answers.Status)),
    ("GET", "/v1/models"): _list(
        (answers.OpenAIModels, answers.AnthropicModels, answers.GeminiModels), "Models"
    ),
    ("GET", "/v1/models/{name}"): _list(
        (answers.OpenAIModel, answers.AnthropicModel, answers.GeminiModel), "Models"
    ),
    ("GET", "/v1beta/models"): _list(answers.GeminiModels, "Gemini"),
    ("GET", "/v1beta/models/{name}"): _list(answers.GeminiModel, "Gemini"),
    ("GET", "/api/v0/models"): _list(answers.LMStudioModels, "LM Studio"),
    ("GET", "/api/v0/models/{name}"): _list(answers.LMStudioModel, "LM Studio"),
    **dict(_heads("/api/version", replace(_list(answers.OllamaVersion, "Ollama"), access="open"))),
    **dict(_heads("/api/tags", _list(answers.OllamaModels, "Ollama"))),
    ("GET", "/api/ps"): _list(answers.OllamaModels, "Ollama"),
    ("POST", "/api/show"): replace(_list(answers.OllamaShown, "Ollama"), body=_NAMED),
    **dict(_refusals()),
    ("GET", "/admin/teams"): _admin(answers.Teams),
    ("POST", "/admin/teams"): _admin(answers.TeamShown, Conflict, body=_json_body(TeamIn, _TEAM), status=201),
    ("GET", "/admin/teams/{name}"): _admin(answers.TeamShown, NotFound),
    ("PATCH", "/admin/teams/{name}"): _admin(
        answers.TeamShown, NotFound, body=_json_body(TeamTerms, {"requests_per_minute": 60})
    ),
    ("GET", "/admin/keys"): _admin(answers.Keys),
    ("POST", "/admin/keys"): _admin(answers.IssuedKey, body=_json_body(KeyIn, _KEY), status=201),
    ("PATCH", "/admin/keys/{key_id}"): _admin(
        answers.KeyShown, NotFound, body=_json_body(KeyTerms, {"expires": "30d"})
    ),
    ("DELETE", "/admin/keys/{key_id}"): _admin(answers.Revoked, NotFound),
    **dict(_of_dashboard()),
}
NOT_DESCRIBED: frozenset[Key] = frozenset({("GET", DASHBOARD + "/{path}")})
"""What catches every other address, to say that there is no such page."""
