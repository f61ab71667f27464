"""An answer being sent, and what every one carries: the `x-turnout-*` labels, errors in the client's dialect.

A label is sent only once it is true. Where the head had to go out before that, the labels
follow as comments in the event stream, which every client skips (WHATWG HTML, 9.2.6).
"""

import math
import re
import uuid
from collections.abc import Collection
from http import HTTPStatus

from policies.decision import Decision
from router.app.asgi_types import Send
from router.app.body import Body
from router.errors import TrackError, TurnoutError
from router.types import DialectName, Headers, Plan
from router.wire import DIALECTS

JSON = ("content-type", "application/json")
EVENT_STREAM = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
KEEPALIVE = b": keepalive\n\n"
CLOSE = ("connection", "close")
WHY = 300
"""Characters of a reason in a header; the body has all of it."""
END_OF_STATUSES = 600
RawHeaders = list[tuple[bytes, bytes]]
_INVISIBLE = re.compile(r"[^ -~]")


def safe(text: str) -> str:
    """`text` fit for a header field: one line of visible ASCII.

    A model's name or a key that a message quotes is the client's: with a control character
    left in it, the server would close the connection without an answer (RFC 9110, 5.5).
    """
    return _INVISIBLE.sub("?", " ".join(text.split()))


def sendable(status: int) -> int:
    """`status` as it may be sent: what is no status of HTTP is a server's error (RFC 9110, section 15)."""
    return status if HTTPStatus.OK <= status < END_OF_STATUSES else HTTPStatus.BAD_GATEWAY.value


BINDING = frozenset({"budget", "never_cloud"})
"""Rules that leave the local track alone: where it fails, their reason is what a person has to know."""


def dialect_of(path: str, *, anthropic: bool) -> DialectName:
    """The dialect to answer in where no route says it; `anthropic`: the client names a version of its API."""
    return "anthropic_messages" if anthropic or path.startswith("/v1/messages") else "openai_chat"


def raw(headers: Headers) -> RawHeaders:
    """ASGI's form of `headers`."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def routing_headers(plan: Plan, served: Decision, model: str, dropped: Collection[str] = ()) -> Headers:
    """Where the request went and why.

    Args:
        plan: what was decided first.
        served: what was decided last; differs from the plan's after an escalation.
        model: who answers; empty where that is not known.
        dropped: what the request asks for that this model has not, by the client's names.
    """
    headers = [
        ("x-turnout-request-id", plan.request.id),
        ("x-turnout-track", served.track),
        ("x-turnout-rule", safe(served.rule)),
        ("x-turnout-why", safe(served.why)),
        ("x-turnout-overhead-ms", f"{plan.overhead_s * 1000:.3f}"),
    ]
    if model:  # none yet where no track was opened
        headers.append(("x-turnout-model", safe(model)))
    degraded = [f"without {', '.join(dropped)}"] if dropped else []
    if served is not plan.decision:
        if served.track == "cloud":
            headers.append(("x-turnout-escalated", safe(served.why)))
        else:
            degraded.insert(0, served.why)
    if degraded:
        headers.append(("x-turnout-degraded", safe("; ".join(degraded))[:WHY]))
    return tuple(headers)


def early_labels(plan: Plan) -> Headers:
    """The labels of a head that goes out before anything answers: those that no failover changes."""
    if plan.decision.alternatives:
        return (("x-turnout-request-id", plan.request.id),)
    return routing_headers(plan, plan.decision, plan.decision.model)


def label_comment(labels: Headers) -> bytes:
    """`labels` as one block of SSE comments, for a stream whose head is out already."""
    return b"".join(f": {name}: {value}\n".encode("latin-1") for name, value in labels) + b"\n"


def refusal_labels(error: TurnoutError, request_id: str, plan: Plan | None = None) -> Headers:
    """Why nothing served, and which track was tried last, where one was.

    Args:
        error: what ended the request.
        request_id: as in the ledger, where it got that far.
        plan: what was decided, where it got that far.
    """
    labels = [("x-turnout-request-id", request_id)]
    why = error.label
    if plan is not None:
        tried = error.decision
        if tried is not None:
            labels.append(("x-turnout-track", tried.track))
        decision = tried or plan.decision
        labels.append(("x-turnout-rule", safe(decision.rule)))
        labels.append(("x-turnout-overhead-ms", f"{plan.overhead_s * 1000:.3f}"))
        if decision.model:
            labels.append(("x-turnout-model", safe(decision.model)))
        if tried is not None and tried.rule in BINDING:
            why = f"{why}; {tried.why}"
    labels.append(("x-turnout-why", safe(why)[:WHY]))
    return tuple(labels)


def error_headers(error: TurnoutError, labels: Headers) -> Headers:
    """The fields of an error answer; `retry-after` wherever trying again may help."""
    headers = [JSON, *labels]
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


async def send_error(
    error: TurnoutError,
    dialect: DialectName,
    request_id: str,
    body: Body,
    send: Send,
    *,
    plan: Plan | None = None,
) -> None:
    """Answer with `error`, and nothing before it; `plan` is what was decided, where it got that far."""
    content = error_body(dialect, error, request_id)
    fields = [*error_headers(error, refusal_labels(error, request_id, plan))]
    fields.append(("content-length", str(len(content))))
    if not body.complete:
        fields.append(CLOSE)
    status, headers = sendable(error.status), raw(tuple(fields))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    await body.drain()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class Exchange:
    """One answer being sent; knows whether its head is out."""

    def __init__(self, dialect: DialectName, body: Body, send: Send) -> None:
        self.request_id = uuid.uuid4().hex
        self.plan: Plan | None = None
        """Where the request is to go and why, once that is decided."""
        self._dialect: DialectName = dialect
        self._body = body
        self._send = send
        self.begun = False
        """The head is out, so the status can no longer change."""
        self._answering = False

    async def start(self, status: int, headers: Headers, labels: Headers) -> None:
        """Send the head; where keep-alive comments already had to, the labels follow as comments."""
        if self.begun:
            await self._comment(label_comment(labels))
            return
        self.begun = True
        fields = raw((*headers, *labels))
        await self._send({"type": "http.response.start", "status": sendable(status), "headers": fields})

    async def send(self, chunk: bytes) -> None:
        """Send a part of the body."""
        self._answering = True
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def keep_alive(self) -> None:
        """Send what only keeps an event stream open; its head first, with the labels that are certain."""
        if not self.begun and self.plan is not None:
            await self.start(200, EVENT_STREAM, early_labels(self.plan))
        await self._comment(KEEPALIVE)

    async def _comment(self, comment: bytes) -> None:
        await self._send({"type": "http.response.body", "body": comment, "more_body": True})

    async def end(self) -> None:
        """Complete the answer."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def fail(self, error: TurnoutError) -> None:
        """Answer with `error`: as a status, as an event after comments; a begun answer is dropped."""
        if not self.begun:
            self.begun = True
            await send_error(error, self._dialect, self.request_id, self._body, self._send, plan=self.plan)
        elif not self._answering:
            labels = refusal_labels(error, self.request_id, self.plan)
            await self._comment(label_comment(labels))
            await self.send(DIALECTS[self._dialect].error_event(error.status, error.kind, error.message))
            await self.end()
