"""Sends answers, with their `x-turnout-*` labels and with errors in the client's dialect.

A label is sent only once it is true. Where the head had to go out before that, the labels
follow as comments in the event stream, which every client skips (WHATWG HTML, 9.2.6).
"""

import math
import re
import uuid
from collections.abc import Collection, Container, Mapping
from http import HTTPStatus

from policies.causes import DEGRADED
from policies.decision import Decision
from router.app.asgi_types import Send
from router.app.body import Body
from router.app.gemini_path import is_googles
from router.errors import MethodNotAllowed, NoWebSocket, TurnoutError
from router.routing.attempts import SUPERSEDED
from router.types import DialectName, Headers, Plan, TrackError
from router.wire import DIALECTS

JSON = ("content-type", "application/json")
CLOSE = ("connection", "close")
MAX_REASON_LENGTH = 300
"""Longest reason in a header, in characters; the body has all of it."""
END_OF_STATUSES = 600
PASSING = frozenset({408, 409, 429})
"""Client errors that may pass by themselves; after others the same request is refused again."""
FINAL = ("x-should-retry", "false")
"""What the SDKs and Claude Code go by before the status: Claude Code repeats a 401 ten times without it."""
LABELS: Mapping[str, str] = {
    "x-turnout-request-id": "The request's id: in the ledger, in the dashboard, and for `POST /v1/feedback`.",
    "x-turnout-track": "Who answered, or was tried last.",
    "x-turnout-model": "The model that answered.",
    "x-turnout-rule": "The rule of the policy that decided, or what decided in its place, such as `asked`.",
    "x-turnout-why": "Why, in words; of an error, what is wrong.",
    "x-turnout-overhead-ms": "Milliseconds that reading and deciding took.",
    "x-turnout-escalated": "Why the cloud took over from the local model.",
    "x-turnout-degraded": "Why the local model took over, and what of the request who answered has not.",
}
"""The fields of a head that say where a request went, and what each tells."""
RETRYING: Mapping[str, str] = {
    "retry-after": "Seconds after which trying again may help.",
    FINAL[0]: "Says that the same request would be refused again.",
}
"""The fields of a head that tell clients whether to try again."""
RawHeaders = list[tuple[bytes, bytes]]
GEMINI_PATHS = re.compile(
    r"/upload/|/v1(?:alpha|beta1?)/|/v1/(?:projects|publishers)/|/ws/google\."
    r"|/v1/models/.+:(?:[a-z]+[A-Z]\w+|predict)$"
)
"""Google's; models of its `/v1` are asked by an action behind a colon, which others' names have not."""
OLLAMA_PATHS = re.compile(r"/api/(?!hello$|v\d+/)")
"""Ollama's; beside them stand Claude Code's check and LM Studio's."""
_INVISIBLE = re.compile(r"[^ -~]")


def sanitize_header(text: str) -> str:
    """Make `text` valid in a header field: one line of visible ASCII.

    Messages quote the client's model names and keys. With a control character in a field, the
    server would close the connection without an answer (RFC 9110, 5.5).
    """
    return _INVISIBLE.sub("?", " ".join(text.split()))


def valid_status(status: int) -> int:
    """Replace an invalid HTTP status by 502 (RFC 9110, section 15)."""
    return status if HTTPStatus.OK <= status < END_OF_STATUSES else HTTPStatus.BAD_GATEWAY.value


LOCAL_ONLY_RULES = frozenset({"budget", "never_cloud"})
"""Rules that allow only the local track. If it fails, the error includes their reason."""


def dialect_for_path(path: str, fields: Container[str]) -> DialectName:
    """Return the dialect for errors on any path; `fields` are the names in the request's head."""
    if path.removeprefix("/v1").startswith("/responses"):
        return "openai_responses"
    if "anthropic-version" in fields or path.startswith("/v1/messages"):
        return "anthropic_messages"
    if GEMINI_PATHS.match(path) or is_googles(fields):
        return "gemini"
    return "ollama" if OLLAMA_PATHS.match(path) else "openai_chat"


def encode_headers(headers: Headers) -> RawHeaders:
    """Encode `headers` as latin-1 bytes, as ASGI requires."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def routing_headers(plan: Plan, served: Decision, model: str, dropped: Collection[str] = ()) -> Headers:
    """Build the labels that say where the request went and why.

    Args:
        plan: The first decision.
        served: The last decision; another one after an escalation or failover.
        model: The answering model; empty if unknown.
        dropped: Features of the request that this model lacks, by the client's names.
    """
    headers = [
        ("x-turnout-request-id", plan.request.id),
        ("x-turnout-track", served.track),
        ("x-turnout-rule", sanitize_header(served.rule)),
        ("x-turnout-why", sanitize_header(served.why)),
        ("x-turnout-overhead-ms", f"{plan.overhead_s * 1000:.3f}"),
    ]
    if model:  # empty if no track was opened
        headers.append(("x-turnout-model", sanitize_header(model)))
    degraded = [f"without {', '.join(dropped)}"] if dropped else []
    moved = served is not plan.decision
    if served.track == "cloud" and (moved or served.cause):
        headers.append(("x-turnout-escalated", sanitize_header(served.why)))
    elif moved or served.cause:
        degraded.insert(0, served.why)
    if degraded:
        headers.append(("x-turnout-degraded", sanitize_header("; ".join(degraded))[:MAX_REASON_LENGTH]))
    return tuple(headers)


def early_labels(plan: Plan) -> Headers:
    """Build the labels of a head that is sent before anything answers: those no failover can change."""
    if plan.decision.alternatives:
        return (("x-turnout-request-id", plan.request.id),)
    return routing_headers(plan, plan.decision, plan.decision.model)


def label_comment(labels: Headers) -> bytes:
    """Render `labels` as a block of SSE comments, for a stream whose head was already sent."""
    return b"".join(f": {name}: {value}\n".encode("latin-1") for name, value in labels) + b"\n"


def refusal_labels(error: TurnoutError, request_id: str, plan: Plan | None = None) -> Headers:
    """Build the labels of a failed request: the reason, and the track tried last, if any.

    Args:
        error: The error that ended the request.
        request_id: The id in the ledger, if it was recorded.
        plan: The decision, if one was made.
    """
    labels = [("x-turnout-request-id", request_id)]
    why = error.label
    if plan is not None:
        tried = error.decision
        if tried is not None:
            labels.append(("x-turnout-track", tried.track))
        decision = tried or plan.decision
        labels.append(("x-turnout-rule", sanitize_header(decision.rule)))
        labels.append(("x-turnout-overhead-ms", f"{plan.overhead_s * 1000:.3f}"))
        if decision.model:
            labels.append(("x-turnout-model", sanitize_header(decision.model)))
        if tried is not None and (reason := _local_only(tried)):
            why = f"{why}; {reason}"
    labels.append(("x-turnout-why", sanitize_header(why)[:MAX_REASON_LENGTH]))
    return tuple(labels)


def error_headers(error: TurnoutError, labels: Headers) -> Headers:
    """Build the fields of an error answer, which say whether a retry may help."""
    headers = [JSON, *labels]
    if isinstance(error, MethodNotAllowed):
        headers.append(("allow", ", ".join(error.allowed)))
    if isinstance(error, NoWebSocket):
        headers.append(("upgrade", "HTTP/1.1"))  # RFC 9110, section 15.5.22: what is spoken instead
    retry_after = error.retry_after
    if retry_after is None and error.status in {429, 500, 502, 503, 504, 529}:
        retry_after = 2
    if retry_after is not None:
        headers.append(("retry-after", str(math.ceil(retry_after))))
    elif error.status < HTTPStatus.INTERNAL_SERVER_ERROR and error.status not in PASSING:
        headers.append(FINAL)
    return tuple(headers)


def error_body(dialect: DialectName, error: TurnoutError, request_id: str, plan: Plan | None = None) -> bytes:
    """Render `error` in this dialect, with the wording that its clients react to.

    What clients know as an overflow they answer by compacting, and show in words of their own. A first
    request leaves nothing to compact: where a rule keeps it local, its client is shown that rule.
    """
    wire_dialect = DIALECTS[dialect]
    if not (isinstance(error, TrackError) and error.cause == "overflow" and error.limit):
        return wire_dialect.error(error.kind, error_message(error), request_id=request_id)
    reason = _local_only(error.decision) if error.decision else ""
    if reason and plan is not None and _is_first(plan):
        message = (
            f"{reason}; so the local model alone may answer, and its window of {error.limit} "
            f"tokens is too small for this request of {error.tokens}"
        )
        return wire_dialect.error(error.kind, message, request_id=request_id)
    return wire_dialect.overflow(error.tokens, error.limit, request_id=request_id)


def error_message(error: TurnoutError) -> str:
    """What the client is told: where only the lack of a credential kept the cloud from it, that too."""
    remedy = error.decision.remedy if error.decision else ""
    if not remedy:
        return error.message
    return f"{error.message.rstrip('.')}. The cloud might serve it, but {NO_CREDENTIAL} ({remedy})"


NO_CREDENTIAL = DEGRADED["no_credential"]


def _local_only(decision: Decision) -> str:
    """Why nothing but the local model may answer; empty where something else may."""
    if decision.rule in LOCAL_ONLY_RULES or decision.cause == "no_credential":
        return decision.why
    return f"{NO_CREDENTIAL} ({decision.remedy})" if decision.remedy else ""


def _is_first(plan: Plan) -> bool:
    """Whether nothing was answered before in this conversation."""
    return plan.features.turns <= 1 and not plan.features.turn_calls


async def send_error(
    error: TurnoutError,
    dialect: DialectName,
    request_id: str,
    body: Body,
    send: Send,
    *,
    plan: Plan | None = None,
) -> None:
    """Answer with `error`; `plan` is the decision, if one was made."""
    content = error_body(dialect, error, request_id, plan)
    fields = [*error_headers(error, refusal_labels(error, request_id, plan))]
    fields.append(("content-length", str(len(content))))
    if not body.complete:
        fields.append(CLOSE)
    status, headers = valid_status(error.status), encode_headers(tuple(fields))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    await body.drain()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class Exchange:
    """One answer being sent, which knows whether its head is out."""

    def __init__(self, dialect: DialectName, body: Body, send: Send, query: str = "") -> None:
        self.request_id = uuid.uuid4().hex
        self.plan: Plan | None = None
        """The decision, once it is made."""
        self._dialect: DialectName = dialect
        self._framing = DIALECTS[dialect].framing_of(query)
        self._body = body
        self._send = send
        self.begun = False
        """Whether the head was sent, so that the status can no longer change."""
        self._answering = False
        self._ended = False

    async def start(self, status: int, headers: Headers, labels: Headers) -> None:
        """Send the head; after it was sent to keep a client waiting, only the labels, as comments."""
        if self.begun:
            await self._comment(labels)
            return
        self.begun = True
        fields = encode_headers((*headers, *labels))
        await self._send({"type": "http.response.start", "status": valid_status(status), "headers": fields})

    async def send(self, chunk: bytes) -> None:
        """Send a chunk of the body."""
        self._answering = True
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def keep_alive(self) -> None:
        """Send what says nothing, after the head with those labels that are already final."""
        if not self.begun and self.plan is not None:
            await self.start(200, self._framing.headers, early_labels(self.plan))
        await self._send({"type": "http.response.body", "body": self._framing.keep_alive, "more_body": True})

    async def _comment(self, labels: Headers) -> None:
        """Send labels where the dialect's streams may hold comments."""
        if self._framing.comments:
            comment = label_comment(labels)
            await self._send({"type": "http.response.body", "body": comment, "more_body": True})

    async def end(self) -> None:
        """Complete the body with an empty last chunk."""
        self._ended = True
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def end_completion(self, plan: Plan) -> None:
        """End a completion that nobody waits for any more: with no more text than was sent, as a success.

        Editors show an error, also one of status 499; no text they take for nothing to suggest.
        """
        if self._ended:
            return
        stream, write = plan.request.stream, DIALECTS[self._dialect].no_completion
        begun = self._answering
        if not begun:
            labels = routing_headers(plan, plan.decision, "")
            named = tuple((name, SUPERSEDED if name == "x-turnout-why" else value) for name, value in labels)
            await self.start(200, self._framing.headers if stream else (JSON,), named)
        if write and (stream or not begun):
            await self.send(write(plan.request.body, plan.request.model, stream))
        await self.end()

    async def fail(self, error: TurnoutError) -> None:
        """Answer with `error`: as a status, or as an event after comments. A begun answer is dropped."""
        if not self.begun:
            self.begun = True
            await send_error(error, self._dialect, self.request_id, self._body, self._send, plan=self.plan)
        elif not self._answering:
            labels = refusal_labels(error, self.request_id, self.plan)
            await self._comment(labels)
            await self.send(self._error_event(error))
            await self.end()

    def _error_event(self, error: TurnoutError) -> bytes:
        dialect = DIALECTS[self._dialect]
        if wrap := self._framing.wrap_error:
            return wrap(dialect.error(error.kind, error_message(error), request_id=self.request_id))
        return dialect.error_event(error.kind, error_message(error))
