"""What is not a model call: health, models, the decision for a body, verdicts on answers, and unknown paths.

Built with FastAPI; none of it is on the hot path.
"""

import asyncio
import difflib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Protocol

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from router.accounts.keys import Keyring
from router.app import response
from router.app.authentication import authenticate, headers_of
from router.app.body import take_body
from router.app.early_response import body_of
from router.app.feedback import read_feedback
from router.app.metrics_auth import MetricsGate
from router.app.request import make_request, read_outline
from router.errors import BadRequest, NoSuchRoute, TurnoutError
from router.system.time_slices import Pacing
from router.types import DialectName
from router.wire.tell import tell

Json = dict[str, Any]
MOST_BYTES = 2**20
"""Of a verdict."""
OTHER_APIS = {"/v1/responses": "/v1/chat/completions or /v1/messages"}
"""APIs of other providers that a client may be set to, and what to set it to instead."""


class Facts(Protocol):
    """What the API may tell about the running endpoint."""

    def health(self) -> Json:
        """State of both tracks, the policy and the ledger."""
        ...

    def ready(self) -> bool:
        """True once some track can answer."""
        ...

    def models(self) -> list[str]:
        """Names a client may ask for, the usual one first."""
        ...

    async def explain(self, request: Any) -> Json:
        """The decision for a request, without touching a model."""
        ...

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """What Prometheus scrapes, and its content type. May take 50 ms the first time."""
        ...

    def judge(self, request_id: str, verdict: str, *, team: str, user: str) -> bool:
        """Keep a verdict on a request; False where `team` made no such request. May block."""
        ...


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """What the API needs besides the facts."""

    keyring: Keyring
    paths: tuple[str, ...]
    """The hot path's, for the nearest-name hint."""
    metrics: MetricsGate
    pacing: Pacing
    routers: tuple[APIRouter, ...] = ()
    """Paths that are built elsewhere, such as `/admin`."""


def build_api(
    facts: Facts,
    options: ApiOptions,
    running: Callable[[], AbstractAsyncContextManager[None]],
) -> FastAPI:
    """The application; `running` holds open what lives as long as the endpoint does."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with running():
            yield

    # No page of the API: FastAPI's loads its scripts from elsewhere, and they would run in this origin.
    api = FastAPI(
        title="Turnout", version=version("turnout"), lifespan=lifespan, docs_url=None, redoc_url=None
    )

    @api.api_route("/", methods=["GET", "HEAD"])
    async def root() -> Json:
        """Claude Code asks `HEAD /` whether anyone is there."""
        return {
            "service": "turnout",
            "version": version("turnout"),
            "api": "/openapi.json",
            "health": "/health",
            "dashboard": "/dashboard",
        }

    @api.api_route("/api/hello", methods=["GET", "HEAD"])
    async def hello() -> Json:
        """Claude Code's other way to ask."""
        return {"message": "hello"}

    @api.get("/health")
    async def health() -> Json:
        """Tracks, queue, policy and ledger; always 200 while the endpoint lives."""
        return facts.health()

    @api.get("/ready")
    async def ready() -> JSONResponse:
        """200 once a track can answer, else 503."""
        up = facts.ready()
        return JSONResponse({"ready": up}, status_code=200 if up else 503)

    @api.get("/metrics")
    async def metrics(request: Request) -> Response:
        """Counts since the start, in Prometheus' format; who may read them is in docs/metrics.md."""
        options.metrics.check(headers_of(request.scope), options.keyring)
        body, kind = await asyncio.to_thread(facts.metrics, request.headers.get("accept", ""))
        return Response(body, headers={"content-type": kind})

    @api.get("/v1/models")
    async def models(request: Request) -> Json:
        """The names a client may ask for, in the caller's dialect."""
        authenticate(request.scope, options.keyring)
        make = _anthropic_model if "anthropic-version" in request.headers else _openai_model
        rows = [make(name) for name in facts.models()]
        if make is _openai_model:
            return {"object": "list", "data": rows}
        return {"data": rows, "has_more": False, "first_id": rows[0]["id"], "last_id": rows[-1]["id"]}

    @api.get("/v1/models/{name:path}")
    async def model(request: Request, name: str) -> Json:
        """One name; any name is taken, since unknown ones mean `auto`."""
        authenticate(request.scope, options.keyring)
        return _anthropic_model(name) if "anthropic-version" in request.headers else _openai_model(name)

    @api.post("/v1/route")
    async def route(request: Request, dialect: DialectName | None = None) -> Json:
        """Where this body would go and why; no model is touched and nothing is kept."""
        account, headers = authenticate(request.scope, options.keyring)
        body = await take_body(body_of(request.scope), headers, owner=account.key_id)
        pacing = options.pacing
        detected: DialectName = await pacing.call(len(body), tell, body)
        spoken = dialect or detected
        return await facts.explain(
            make_request(
                dialect=spoken,
                operation="generate",
                outline=await pacing.call(len(body), read_outline, spoken, body),
                headers=headers,
                query="",
                account=account,
            )
        )

    @api.post("/v1/feedback")
    async def feedback(request: Request) -> Json:
        """What a person says of an answer, by its `x-turnout-request-id`; the last verdict counts."""
        account, headers = authenticate(request.scope, options.keyring)
        given = read_feedback(await take_body(body_of(request.scope), headers, limit=MOST_BYTES))
        if not await asyncio.to_thread(
            facts.judge, given.request_id, given.verdict, team=account.team, user=account.user
        ):
            raise BadRequest(
                f"request_id: your team made no request {given.request_id!r}; send the x-turnout-request-id "
                "of an answer",
                status=404,
                kind="not_found_error",
            )
        return given.model_dump()

    for router in options.routers:
        api.include_router(router)
    _install_errors(api, options)
    return api


def _hint(path: str, known: tuple[str, ...]) -> str:
    """What whoever asked for `path` may have meant."""
    if instead := OTHER_APIS.get(path.rstrip("/")):
        return f": this API is not served; set the client to {instead}"
    near = difflib.get_close_matches(path, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def _install_errors(api: FastAPI, options: ApiOptions) -> None:
    known = (*options.paths, *(path for path in (getattr(r, "path", "") for r in api.routes) if path))

    @api.exception_handler(TurnoutError)
    async def turnout_error(request: Request, error: TurnoutError) -> Response:
        return _error(request, error)

    @api.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        path = request.url.path
        if error.status_code == HTTPStatus.NOT_FOUND:
            return _error(request, NoSuchRoute(f"there is nothing at {path}{_hint(path, known)}"))
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return _error(request, NoSuchRoute(f"{path} does not take {request.method}", status=405))
        return _error(request, BadRequest(str(error.detail), status=error.status_code))

    from fastapi.exceptions import RequestValidationError

    @api.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _error(request, BadRequest(f"{where}: {first['msg']}"))


def _error(request: Request, error: TurnoutError) -> Response:
    dialect = response.dialect_of(request.url.path, anthropic="anthropic-version" in request.headers)
    request_id = uuid.uuid4().hex
    return Response(
        response.error_body(dialect, error, request_id),
        status_code=error.status,
        headers=dict(response.error_headers(error, response.refusal_labels(error, request_id))),
    )


def _openai_model(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "turnout"}


def _anthropic_model(name: str) -> Json:
    return {"id": name, "type": "model", "display_name": name, "created_at": "2026-01-01T00:00:00Z"}
