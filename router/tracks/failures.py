"""An upstream's failures, as `TrackError`s that say what to do next."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import time

import msgspec

from router.errors import TrackError
from router.tracks.headers import field
from router.tracks.relay import said
from router.types import Headers, Reply, Tap
from router.wire.body import UNREADABLE

KINDS: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
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

OVERFLOWS = (
    # Anthropic
    re.compile(r"prompt is too long: (?P<tokens>\d{1,12}) tokens > (?P<limit>\d{1,12})"),
    # OpenAI ("resulted in"), vLLM ("requested", "has", "contains at least")
    re.compile(
        r"maximum context length is (?P<limit>\d{1,12}) tokens.*?"
        r"(?:in|requested|has|contains|contains at least) (?P<tokens>\d{1,12})",
        re.DOTALL,
    ),
    # llama-server
    re.compile(r"\((?P<tokens>\d{1,12}) tokens\) exceeds the available context size \((?P<limit>\d{1,12})"),
    # LM Studio
    re.compile(
        r"keep the first (?P<tokens>\d{1,12}) tokens.*?context length of only (?P<limit>\d{1,12})", re.DOTALL
    ),
)
OVERFLOW_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """What an error body says, whoever wrote it."""

    message: str = ""
    type: str | None = None
    code: str | int | None = None
    n_prompt_tokens: int = 0
    n_ctx: int = 0

    @property
    def overflow(self) -> tuple[int, int] | None:
        """The prompt's size and the window in tokens, 0 where unknown; None if this is no overflow."""
        if self.n_prompt_tokens and self.n_ctx:
            return self.n_prompt_tokens, self.n_ctx
        for pattern in OVERFLOWS:
            if found := pattern.search(self.message):
                return int(found["tokens"]), int(found["limit"])
        return (0, 0) if {self.code, self.type} & OVERFLOW_CODES else None


class _Body(msgspec.Struct, frozen=True):
    error: Refusal | str | None = None
    message: str = ""


def read_refusal(body: bytes) -> Refusal:
    """Read an error body of any dialect; what is not JSON is its own message."""
    try:
        told = msgspec.json.decode(body, type=_Body)
    except UNREADABLE:
        return Refusal(message=body.decode("utf-8", "replace")[:500])
    if isinstance(told.error, Refusal):
        return told.error
    return Refusal(message=told.error or told.message)


def failed(status: int) -> bool:
    """Whether a status is the upstream's failure, and not its answer to this one client."""
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def cloud_failure(
    *, model: str, status: int, headers: Headers, body: bytes, tap: Tap, shown: int | None = None
) -> TrackError:
    """The provider's failure, with its answer to be relayed should nothing else serve.

    Args:
        model: what was asked for.
        status: what the provider answered, or would have.
        headers: of its answer; `retry-after` is added where absent.
        body: its answer in the client's dialect.
        tap: has read `body`.
        shown: the status `body` came with, where it differs: an error told inside a stream.
    """
    told = field(headers, "retry-after")
    wait_s = seconds(told)
    if wait_s is None:
        wait_s = RETRY_AFTER_S.get(status, 2.0)
    if not told:
        headers = (*headers, ("retry-after", f"{wait_s:.0f}"))
    return TrackError(
        f"the provider answered {status}: {tap.error or 'no reason given'}",
        cause="cloud_error",
        status=status,
        kind=KINDS.get(status, "api_error"),
        retry_after=wait_s,
        reply=Reply(
            track="cloud", model=model, status=shown or status, headers=headers, chunks=said(body), tap=tap
        ),
    )


def unreachable(what: str, status: int = HTTPStatus.BAD_GATEWAY) -> TrackError:
    """There is no answer of the provider's to pass on."""
    return TrackError(
        f"the provider {what}",
        cause="cloud_error",
        status=status,
        kind=KINDS.get(status, "api_error"),
        retry_after=2.0,
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
