"""A local server's failures, as `TrackError`s that say what another track could still serve."""

from collections.abc import Mapping
from http import HTTPStatus

from policies.causes import Cause
from router.tracks.failures import KINDS, fault_of_status, known_type, seconds
from router.types import TrackError
from router.wire.codec import UnreadableCall, UnreadableReply
from router.wire.upstream_errors import UpstreamError

TEXT_ONLY = ("image", "mmproj", "multimodal", "vision", "unsupported_content", "unsupported_schema")
"""Words by which servers say that their model takes text only, and our engine that a schema is beyond it."""


def stream_failure(error: str) -> TrackError:
    """An error that the server told inside its answer."""
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
    words = f"{refusal.code} {refusal.message}".lower()
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and any(word in words for word in TEXT_ONLY):
        return "unsupported"
    return "local_error"
