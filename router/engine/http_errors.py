"""Errors of the engine's HTTP, in OpenAI's form, and the token that every request must bear."""

import hmac
import sys
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Middleware

from router.engine.errors import EngineError
from router.engine.model import DecodeFailed
from router.engine.template import TemplateRefused
from router.telemetry.exceptions import describe

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def guard(token: str, remedy: str) -> Middleware:
    """Make the middleware that demands the bearer token, and turns errors into answers.

    Args:
        token: the one that the parent process made.
        remedy: what a client may change where the model fails at its request.
    """

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(sent.encode(), token.encode()):
            return _error(
                "a bearer token is required", status=HTTPStatus.UNAUTHORIZED, code="invalid_api_key"
            )
        try:
            return await handler(request)
        except EngineError as error:
            return _refusal(error)
        except (TemplateRefused, DecodeFailed) as error:
            return _error(str(error), status=HTTPStatus.BAD_REQUEST, code="unsupported_content")
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:
            sys.stderr.write(f"{describe(error)}\n")
            return _error(
                f"the local model cannot serve this request ({type(error).__name__}); {remedy}",
                status=HTTPStatus.BAD_REQUEST,
                code="unsupported_content",
            )

    return guarded


def _refusal(error: EngineError) -> web.Response:
    return _error(
        error.message,
        status=error.status,
        code=error.code,
        param=error.param,
        extra=error.extra,
        retry_after=error.retry_after,
    )


def _error(
    message: str,
    *,
    status: int,
    code: str,
    param: str | None = None,
    extra: dict[str, int] | None = None,
    retry_after: float | None = None,
) -> web.Response:
    kind = "invalid_request_error" if status < web.HTTPInternalServerError.status_code else "server_error"
    body = {"error": {"message": message, "type": kind, "param": param, "code": code, **(extra or {})}}
    headers = None if retry_after is None else {"retry-after": f"{retry_after:.0f}"}
    return web.json_response(body, status=status, headers=headers)
