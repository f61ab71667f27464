"""An upstream's failures as `TrackError`s."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import time

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError

from policies.causes import Cause
from router.tracks.streaming import single_chunk
from router.types import DialectName, Fault, Headers, Reply, Tap, TrackError
from router.wire import DIALECTS
from router.wire.events import UnreadableCall, UnreadableReply
from router.wire.headers import field
from router.wire.upstream_errors import UpstreamError, read_upstream_error

KINDS: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "method_not_allowed",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Anthropic's word for a status; `api_error` for the rest."""

RETRY_AFTER_S: Mapping[int, float] = {429: 5.0, 529: 5.0}
"""Where the upstream names none; 2 seconds for the rest."""

LONGEST_WAIT_S = 86_400.0
"""Of what an upstream may ask for."""

ERROR_TYPES = frozenset({
    "api_error", "authentication_error", "bad_response_status_code", "billing_error",
    "exceed_context_size_error", "insufficient_quota", "internal_server_error", "invalid_request_error",
    "not_found_error", "overloaded_error", "permission_error", "rate_limit_error", "rate_limit_exceeded",
    "request_too_large", "requests", "server_error", "service_unavailable_error", "timeout_error", "tokens",
    "upstream_error",
})  # fmt: skip
"""Error types of providers and servers that may be written down; any other word could be a client's."""

UNAVAILABLE = frozenset({502, 503, *range(520, 528), 529, 530})
"""The server, or a proxy before it, is unavailable; 520-530 are Cloudflare's and Anthropic's."""

TEXT_ONLY = ("image", "mmproj", "multimodal", "vision", "unsupported_content", "unsupported_schema")
"""In errors of servers whose model takes text only, and of our engine for a schema that it cannot use."""


def failed(status: int) -> bool:
    """Whether a status is the upstream's failure, and not its answer to this one client."""
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def known_type(name: str | None) -> str:
    """An upstream's error type; empty where it is not among `ERROR_TYPES`."""
    return name if name in ERROR_TYPES else ""


def fault_of_status(status: int) -> Fault | None:
    """The track's own fault behind a status; None where it is an answer to this client."""
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    if status in UNAVAILABLE:
        return "unavailable"
    return "timeout" if status == HTTPStatus.GATEWAY_TIMEOUT else "server_error"


def fault_of(failure: BaseException) -> Fault:
    """The track's own fault behind a failed connection."""
    if isinstance(failure, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return "connection"
    return "timeout" if isinstance(failure, TimeoutError) else "dropped"


def cloud_failure(
    *, model: str, status: int, headers: Headers, body: bytes, tap: Tap, client_status: int | None = None
) -> TrackError:
    """The provider's failure, with its answer to be relayed should nothing else serve.

    Args:
        model: what was asked for.
        status: what the provider answered, or would have.
        headers: of its answer; `retry-after` is added where absent.
        body: its answer in the client's dialect.
        tap: has read `body`.
        client_status: the status `body` came with, where it differs: an error told inside a stream.
    """
    retry_after = field(headers, "retry-after")
    wait_s = seconds(retry_after)
    if wait_s is None:
        wait_s = RETRY_AFTER_S.get(status, 2.0)
    if not retry_after:
        headers = (*headers, ("retry-after", f"{wait_s:.0f}"))
    return TrackError(
        f"the provider answered {status}: {tap.error or 'no reason given'}",
        cause="cloud_error",
        status=status,
        kind=KINDS.get(status, "api_error"),
        retry_after=wait_s,
        reply=Reply(
            track="cloud",
            model=model,
            status=client_status or status,
            headers=headers,
            chunks=single_chunk(body),
            tap=tap,
        ),
        fault=fault_of_status(status),
        type=known_type(read_upstream_error(body).type),
    )


def refusal_body(dialect: DialectName, status: int, refusal: UpstreamError) -> bytes:
    """A provider's refusal in the dialect of a client that speaks another one."""
    client = DIALECTS[dialect]
    sizes = refusal.overflow if status == HTTPStatus.BAD_REQUEST else None
    if sizes and all(sizes):
        return client.overflow(*sizes)
    return client.error(KINDS.get(status, "api_error"), refusal.message or f"the provider answered {status}")


def unreachable(what: str, status: int = HTTPStatus.BAD_GATEWAY, *, fault: Fault = "dropped") -> TrackError:
    """There is no answer of the provider's to pass on."""
    return TrackError(
        f"the provider {what}",
        cause="cloud_error",
        status=status,
        kind=KINDS.get(status, "api_error"),
        retry_after=2.0,
        fault=fault,
    )


def connection_failure(failure: BaseException) -> TrackError:
    """The connection to the provider failed, or an answer did not come in time."""
    if isinstance(failure, TimeoutError):
        status, what = HTTPStatus.GATEWAY_TIMEOUT, "did not answer in time"
    elif _is_undecodable(failure):
        status, what = HTTPStatus.BAD_GATEWAY, f"gave an answer that cannot be read: {_UNDECODABLE}"
    else:
        status, what = HTTPStatus.BAD_GATEWAY, f"could not be reached: {failure}"
    return unreachable(what, status, fault=fault_of(failure))


_UNDECODABLE = "its bytes are not in the `content-encoding` that it names"


def _is_undecodable(failure: BaseException | None) -> bool:
    """Whether an answer came, in an encoding that it is not in."""
    while failure is not None and not isinstance(failure, ContentEncodingError):
        failure = failure.__cause__
    return failure is not None


def local_connection_failure(failure: BaseException, limit_s: float) -> TrackError:
    """The connection to the local model failed, or nothing useful came within `limit_s`."""
    fault = fault_of(failure)
    if _is_undecodable(failure):
        what = f"the local model's answer cannot be read: {_UNDECODABLE}"
        return TrackError(what, cause="local_error", fault=fault)
    if fault != "timeout":
        return TrackError(f"the local model cannot be reached: {failure}", cause="local_error", fault=fault)
    return TrackError(
        f"the local model gave nothing useful within {limit_s:g} s (`local.first_byte_s`)",
        cause="slow",
        status=HTTPStatus.GATEWAY_TIMEOUT,
        kind="timeout_error",
        fault=fault,
    )


def seconds(retry_after: str) -> float | None:
    """Read `retry-after`: seconds, or a date (RFC 9110, section 10.2.3); None where it is neither."""
    try:
        wait_s = float(retry_after)
    except ValueError:
        try:
            wait_s = parsedate_to_datetime(retry_after).timestamp() - time()
        except (ValueError, OverflowError, OSError):
            return None
    return min(max(wait_s, 0.0), LONGEST_WAIT_S) if wait_s == wait_s else None  # noqa: PLR0124 - NaN


def stream_failure(error: str) -> TrackError:
    """An error that the server reported inside its answer."""
    return TrackError(f"the local model failed: {error}", cause="local_error", fault="server_error")


def unreadable_reply(reply: UnreadableReply) -> TrackError:
    """What cannot be read: a tool call in pieces is the model's fault, the rest its server's."""
    if isinstance(reply, UnreadableCall):
        return TrackError(f"the local model: {reply}", cause="bad_tool_call")
    return TrackError(
        f"the local model's answer cannot be read: {reply}", cause="local_error", fault="server_error"
    )


def local_failure(status: int, headers: Mapping[str, str], refusal: UpstreamError) -> TrackError:
    """A local server's refusal: what another track could still serve, and what it could not."""
    message = refusal.message or f"it answered {status}"
    if refusal.overflow is not None:
        return overflow(message, *refusal.overflow)
    return TrackError(
        f"the local model: {message}",
        cause=_cause(status, refusal),
        status=HTTPStatus.BAD_GATEWAY if status < HTTPStatus.BAD_REQUEST else status,
        kind=KINDS.get(status, "api_error"),
        retry_after=seconds(headers.get("retry-after", "")),
        fault="server_error" if status < HTTPStatus.BAD_REQUEST else fault_of_status(status),
        type=known_type(refusal.type),
    )


def overflow(message: str, tokens: int, limit: int) -> TrackError:
    """The prompt of `tokens` is more than the window of `limit`; 0 where a number is not known."""
    return TrackError(
        f"the prompt does not fit the local model: {message}",
        cause="overflow",
        status=HTTPStatus.BAD_REQUEST,
        kind="invalid_request_error",
        tokens=tokens,
        limit=limit,
    )


def _cause(status: int, refusal: UpstreamError) -> Cause:
    if refusal.code == "bad_tool_call":
        return "bad_tool_call"
    text = f"{refusal.code} {refusal.message}".lower()
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and any(word in text for word in TEXT_ONLY):
        return "unsupported"
    return "local_error"
