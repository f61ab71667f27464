"""What every answer carries: the `x-turnout-*` fields, and errors in the client's dialect."""

import math

from policies.decision import Decision
from router.errors import TrackError, TurnoutError
from router.types import DialectName, Headers, Plan
from router.wire import DIALECTS

JSON = ("content-type", "application/json")
RawHeaders = list[tuple[bytes, bytes]]


def safe(text: str) -> str:
    """`text` fit for a header field: one line of visible ASCII."""
    return " ".join(text.split()).encode("ascii", "replace").decode("ascii")


def raw(headers: Headers) -> RawHeaders:
    """ASGI's form of `headers`."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def routing_headers(plan: Plan, served: Decision, model: str) -> Headers:
    """Where the request went and why; `served` differs from the plan after an escalation."""
    headers = [
        ("x-turnout-request-id", plan.request.id),
        ("x-turnout-track", served.track),
        ("x-turnout-rule", safe(served.rule)),
        ("x-turnout-why", safe(served.why)),
        ("x-turnout-overhead-ms", f"{plan.overhead_s * 1000:.3f}"),
    ]
    if model:  # none yet where no track was opened
        headers.append(("x-turnout-model", safe(model)))
    if served is not plan.decision:
        change = "escalated" if served.track == "cloud" else "degraded"
        headers.append((f"x-turnout-{change}", safe(served.why)))
    return tuple(headers)


def error_headers(error: TurnoutError, request_id: str, routing: Headers = ()) -> Headers:
    """The fields of an error answer; `retry-after` wherever trying again may help."""
    headers = [JSON, *(routing or (("x-turnout-request-id", request_id),))]
    retry_after = error.retry_after
    if retry_after is None and error.status in {429, 500, 502, 503, 504, 529}:
        retry_after = 2
    if retry_after is not None:
        headers.append(("retry-after", str(math.ceil(retry_after))))
    return tuple(headers)


def error_body(dialect: DialectName, error: TurnoutError, request_id: str) -> bytes:
    """`error` in the words this dialect's clients act on."""
    words = DIALECTS[dialect]
    if isinstance(error, TrackError) and error.cause == "overflow" and error.limit:
        return words.overflow(error.tokens, error.limit, request_id=request_id)
    return words.error(error.status, error.kind, error.message, request_id=request_id)
