"""Everything but model calls: health, routing decisions, feedback and unknown paths.

Built with FastAPI; none of it is on the hot path.
"""

import asyncio
import difflib
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Protocol

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from router.accounts.keys import Keyring
from router.app import gemini_refusals, response
from router.app.asgi_types import ASGI, Receive, Scope, Send
from router.app.authentication import authenticate, headers_of
from router.app.body import take_body
from router.app.early_response import body_of
from router.app.feedback import read_feedback
from router.app.metrics_auth import MetricsAuth
from router.app.ollama_routes import RUNNING
from router.app.openapi.page import build_openapi
from router.app.refusals import OnRefusal, ignore, refusal_of
from router.app.request import make_request, read_outline
from router.errors import BadRequest, MethodNotAllowed, NotFound, TurnoutError
from router.system.time_slices import Pacing
from router.types import EMBEDDING_DIALECTS, DialectName, ModelRequest
from router.wire import detect_dialect

Json = dict[str, Any]
MOST_BYTES = 2**20
"""Largest body of a verdict."""
_NOT_KEPT = (
    "no response is kept here: send the whole conversation as `input`, and keep the answer that you get"
)


class EndpointState(Protocol):
    """The running endpoint, as far as the API shows it."""

    def health(self) -> Json:
        """Return the state of both tracks, the policy and the ledger."""
        ...

    def ready(self) -> bool:
        """Return whether any track can answer."""
        ...

    async def explain(self, request: ModelRequest) -> Json:
        """Decide on a request without calling a model."""
        ...

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """Return the exposition and its content type. The first call may take 50 ms."""
        ...

    def judge(self, request_id: str, verdict: str, *, team: str, user: str) -> bool:
        """Store a verdict; returns False if `team` made no such request. May block."""
        ...


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """Collaborators of the API besides the endpoint."""

    keyring: Keyring
    paths: tuple[str, ...]
    """Paths of model calls, for the hint at unknown paths."""
    metrics: MetricsAuth
    pacing: Pacing
    routers: tuple[APIRouter, ...] = ()
    """Routers built elsewhere, such as `/admin`."""
    on_refusal: OnRefusal = ignore


def build_api(
    endpoint: EndpointState,
    options: ApiOptions,
    running: Callable[[], AbstractAsyncContextManager[None]],
) -> FastAPI:
    """Build the application; `running` is entered for its lifetime. Its routes are in `state.routes`."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with running():
            yield

    # Not FastAPI's description and page: the one lacks model calls, the other loads scripts from elsewhere,
    # and they would run in this origin.
    api = FastAPI(lifespan=lifespan, openapi_url=None)

    @api.api_route("/", methods=["GET", "HEAD"])
    async def root(request: Request) -> Response:
        """Claude Code sends `HEAD /` to check that the endpoint is up, and so do Ollama's clients."""
        if request.headers.get("user-agent", "").lower().startswith("ollama"):
            return PlainTextResponse(RUNNING)
        return JSONResponse({
            "service": "turnout",
            "version": version("turnout"),
            "api": "/openapi.json",
            "docs": "/docs",
            "health": "/health",
            "dashboard": "/dashboard",
            "ollama": RUNNING,  # some look for these words in any answer
        })  # fmt: skip

    @api.api_route("/api/hello", methods=["GET", "HEAD"])
    async def hello() -> Json:
        """Claude Code's other check that the endpoint is up."""
        return {"message": "hello"}

    @api.get("/health")
    async def health() -> Json:
        """Tracks, queue, policy and ledger; always 200 while the endpoint runs."""
        return endpoint.health()

    @api.get("/ready")
    async def ready() -> JSONResponse:
        """200 once a track can answer, else 503."""
        up = endpoint.ready()
        return JSONResponse({"ready": up}, status_code=200 if up else 503)

    @api.get("/metrics")
    async def metrics(request: Request) -> Response:
        """Counters since the start, in Prometheus' format; docs/metrics.md says who may read them."""
        options.metrics.check(headers_of(request.scope), options.keyring)
        body, kind = await asyncio.to_thread(endpoint.metrics, request.headers.get("accept", ""))
        return Response(body, headers={"content-type": kind})

    @api.post("/v1/route")
    async def route(request: Request, dialect: DialectName | None = None) -> Json:
        """Where this body would go, and why; no model is called and nothing is stored."""
        account, headers = authenticate(request.scope, options.keyring)
        body = await take_body(body_of(request.scope), headers, owner=account.key_id)
        pacing = options.pacing
        detected: DialectName = await pacing.call(len(body), detect_dialect, body)
        spoken_dialect = dialect or detected
        if spoken_dialect in EMBEDDING_DIALECTS:
            raise BadRequest(
                "dialect: no rule decides on embeddings, the model's name alone does; see docs/api.md"
            )
        return await endpoint.explain(
            make_request(
                dialect=spoken_dialect,
                operation="generate",
                outline=await pacing.call(len(body), read_outline, spoken_dialect, body),
                headers=headers,
                query="",
                account=account,
            )
        )

    @api.post("/v1/feedback")
    async def feedback(request: Request) -> Json:
        """A person's verdict on an answer, by its `x-turnout-request-id`; the last one counts."""
        account, headers = authenticate(request.scope, options.keyring)
        verdict = read_feedback(await take_body(body_of(request.scope), headers, limit=MOST_BYTES))
        if not await asyncio.to_thread(
            endpoint.judge,
            verdict.request_id,
            verdict.verdict,
            team=account.team,
            user=account.user,
        ):
            raise NotFound(
                f"request_id: your team made no request {verdict.request_id!r}; send the "
                "x-turnout-request-id of an answer"
            )
        return verdict.model_dump()

    routes = [*_routes(api), *(route for router in options.routers for route in _routes(router))]
    description = build_openapi(routes)
    for router in (*options.routers, description):
        api.include_router(router)
    api.state.routes = (*routes, *_routes(description))
    paths = (*options.paths, *(route.path for route in api.state.routes))
    _install_errors(api, paths, options.on_refusal)
    api.add_middleware(_Heads, routes=api.routes)
    return api


class _Heads:
    """Answers HEAD wherever GET is (RFC 9110, section 9.3.2), as checks of health ask; no body is sent."""

    def __init__(self, app: ASGI, routes: Sequence[BaseRoute]) -> None:
        """Take the application, and its routes."""
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            as_get = {**scope, "method": "GET"}
            if any(route.matches(as_get)[0] is Match.FULL for route in self._routes):
                scope = as_get
        await self._app(scope, receive, send)


def _routes(router: FastAPI | APIRouter) -> list[APIRoute]:
    return [route for route in router.routes if isinstance(route, APIRoute)]


def _hint(path: str, paths: tuple[str, ...]) -> str:
    """Suggest what the caller of `path` may have meant; empty without a suggestion."""
    meant = _meant(path, paths)
    if not meant and "/responses/" in path:
        return f": {_NOT_KEPT}"
    nearest = [meant] if meant else difflib.get_close_matches(path, paths, n=1, cutoff=0.5)
    twice = ": the version stands there twice, once from the base URL" if _TWICE in path else ""
    return f"{twice}; did you mean {nearest[0]}?" if nearest else twice


_TWICE = "/v1/v1/"


def _meant(path: str, paths: tuple[str, ...]) -> str:
    """The path that only the base URL, or a slash at the end, made another; empty where there is none."""
    bare = "/" + "/".join(part for part in path.split("/") if part)
    behind = bare.replace(_TWICE, "/v1/")
    return next((served for served in (behind, f"/v1{behind}") if served in paths), "")


def _install_errors(api: FastAPI, paths: tuple[str, ...], on_refusal: OnRefusal) -> None:
    """Answer errors in the dialect of the path; `paths` are those that a wrong one may have meant."""

    def answer(request: Request, error: TurnoutError) -> Response:
        request_id = uuid.uuid4().hex
        on_refusal(refusal_of(request.scope, request_id, error))
        return _error(request, error, request_id)

    @api.exception_handler(TurnoutError)
    async def turnout_error(request: Request, error: TurnoutError) -> Response:
        return answer(request, error)

    @api.exception_handler(Exception)
    async def defect(request: Request, error: Exception) -> Response:
        """The last resort: a defect of ours still answers in the dialect; the server logs it."""
        del error
        return answer(request, TurnoutError("an internal error; the log has the details"))

    @api.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        path = request.url.path
        missing = error.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
        if missing and (refused := gemini_refusals.refusal(request.method, path, request.headers)):
            return answer(request, refused)
        if error.status_code == HTTPStatus.NOT_FOUND:
            return answer(request, NotFound(f"there is nothing at {path}{_hint(path, paths)}"))
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            taken = _methods(api, request)
            return answer(request, MethodNotAllowed(f"{path} does not take {request.method}", allowed=taken))
        return answer(request, BadRequest(str(error.detail), status=error.status_code))

    from fastapi.exceptions import RequestValidationError

    @api.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return answer(request, BadRequest(f"{where}: {first['msg']}"))


def _methods(api: FastAPI, request: Request) -> list[str]:
    """The methods that a path takes, of all routes that it has."""
    taken = [
        method
        for method in ("DELETE", "GET", "PATCH", "POST", "PUT")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in api.routes)
    ]
    return sorted({*taken, "HEAD"} if "GET" in taken else taken)


def _error(request: Request, error: TurnoutError, request_id: str) -> Response:
    dialect = response.dialect_for_path(request.url.path, request.headers)
    return Response(
        response.error_body(dialect, error, request_id),
        status_code=error.status,
        headers=dict(response.error_headers(error, response.refusal_labels(error, request_id))),
    )
