"""Gemini, the reply: events written whole, as server-sent events or as a list; and errors.

A call is written once it is complete, since its arguments are an object here. One that the answer's limit
cut off is left out: `finishReason` says `MAX_TOKENS`. What was thought is told to who asked for it; Claude's
signature of it goes with the call that follows, or with the end (`gemini_reasoning`).
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

import msgspec

from router.types import Usage
from router.wire.arguments import settle
from router.wire.conversation import Conversation, Thinking
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Event,
    Failed,
    RefusalDelta,
    Signature,
    Started,
    Stopped,
    StopReason,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from router.wire.framing import SSE, Framing
from router.wire.gemini_reasoning import seal
from router.wire.gemini_request import ALT, THOUGHTS

Json = dict[str, Any]
_to_json = msgspec.json.encode

_REASONS: Mapping[StopReason, str] = {
    "output_limit": "MAX_TOKENS",
    "overflow": "MAX_TOKENS",
    "refusal": "SAFETY",
}
"""`STOP` for the rest; a call ends with it, too."""
EVENTS = Framing(
    headers=SSE.headers,
    keep_alive=b"\n",  # Google's packages read every line that is not empty as data, comments, too
)
"""With `?alt=sse`."""


def _in_list(error: bytes) -> bytes:
    return b"[" + error + b"]"


LIST = Framing(
    headers=(("content-type", "application/json; charset=utf-8"), ("cache-control", "no-cache")),
    keep_alive=b"\n",
    wrap_error=_in_list,
)
"""One JSON list that grows."""


class _Writer:
    """What a stream and a whole reply have in common."""

    def __init__(self, model: str, conversation: Conversation, prompt_tokens: int) -> None:
        self._model = model
        self._tells = bool(conversation.extras.get(THOUGHTS))
        self._prompt = prompt_tokens
        self._usage: Usage | None = None
        self._call: tuple[str, str, list[str]] | None = None
        self._thought: list[str] = []
        self._signed: list[Thinking] = []
        self._deltas = 0
        self._id = uuid4().hex

    def note(self, event: Event) -> Json | None:
        """The part that an event adds; None where it adds none."""
        match event:
            case TextDelta(text) | RefusalDelta(text):
                return self._delta({"text": text}) if text else None
            case ThinkingDelta(text):
                self._thought.append(text)
                return self._delta({"text": text, "thought": True}) if self._tells and text else None
            case Signature(signature=signature, redacted=redacted):
                text = "" if redacted else "".join(self._thought)
                self._signed.append(Thinking(text=text, signature=signature, redacted=redacted))
                self._thought.clear()
            case CallStarted(id=call_id, name=name):
                self._call = (call_id, name, [])
            case CallArguments(text) if self._call:
                self._call[2].append(text)
            case CallEnded() if self._call:
                return self._delta(self._finished(*self._call))
            case UsageReport(usage=usage):
                self._usage = usage
        return None

    def _delta(self, part: Json) -> Json:
        self._deltas += 1
        return part

    def _finished(self, call_id: str, name: str, pieces: list[str]) -> Json:
        self._call = None
        arguments = msgspec.Raw(settle("".join(pieces)).encode())
        return {"functionCall": {"id": call_id, "name": name, "args": arguments}} | self._signature()

    def _signature(self) -> Json:
        if not self._signed:
            return {}
        sealed, self._signed = seal(self._signed), []
        return {"thoughtSignature": sealed}

    def last(self) -> list[Json]:
        """The part that carries a signature which no call went with."""
        return [{"text": "", **signature}] if (signature := self._signature()) else []

    def object(self, parts: list[Json], **more: Any) -> Json:
        """One object of a reply."""
        candidate: Json = {"content": {"parts": parts, "role": "model"}, **more, "index": 0}
        return {"candidates": [candidate], "modelVersion": self._model, "responseId": self._id}

    def end(self, parts: list[Json], reason: StopReason) -> Json:
        """The last object, with what the answer cost."""
        written = self.object(parts, finishReason=_REASONS.get(reason, "STOP"))
        # An upstream that reports no usage sends about one token per piece.
        usage = self._usage or Usage(input=self._prompt, output=self._deltas, estimated=True)
        return written | {"usageMetadata": write_usage(usage)}


def write_usage(usage: Usage) -> Json:
    """Write `usageMetadata`; the tokens of thinking stand apart there."""
    fields: Json = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": max(usage.output - usage.reasoning, 0),
        "totalTokenCount": usage.prompt + usage.output,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.prompt}],
    }
    if usage.cache_read:
        fields["cachedContentTokenCount"] = usage.cache_read
    if usage.reasoning:
        fields["thoughtsTokenCount"] = min(usage.reasoning, usage.output)
    return fields


class GeminiReplyEncoder:
    """Writes a streamed reply; see `router.wire.events`."""

    def __init__(self, *, model: str, conversation: Conversation, prompt_tokens: int = 0) -> None:
        """Start.

        Args:
            model: the name that the client is told.
            conversation: what it asked for.
            prompt_tokens: of the prompt, should the upstream report no usage.
        """
        self._writer = _Writer(model, conversation, prompt_tokens)
        self._lists = conversation.extras.get(ALT, "sse") != "sse"
        self._begun = False

    def feed(self, events: Iterable[Event]) -> bytes:
        """Return the complete frames for these events; empty while there is none to write."""
        return b"".join(map(self._write, events))

    def _write(self, event: Event) -> bytes:
        match event:
            case Failed(message=message, kind=kind):
                return self._frame(error(kind, message), last=True)
            case Stopped(reason=reason):
                parts = self._writer.last() or [{"text": ""}]
                return self._frame(_to_json(self._writer.end(parts, reason)), last=True)
            case Started():
                return b""
        part = self._writer.note(event)
        return self._frame(_to_json(self._writer.object([part]))) if part is not None else b""

    def _frame(self, data: bytes, *, last: bool = False) -> bytes:
        if not self._lists:
            return b"data: " + data + b"\r\n\r\n"
        before, self._begun = b",\r\n" if self._begun else b"[", True
        return before + data + (b"]" if last else b"")


def encode_reply(
    events: Iterable[Event], *, model: str, conversation: Conversation, prompt_tokens: int = 0
) -> bytes:
    """Write a whole reply; of one that failed, its error."""
    writer = _Writer(model, conversation, prompt_tokens)
    parts: list[Json] = []
    reason: StopReason = "end"
    for event in events:
        if isinstance(event, Failed):
            return error(event.kind, event.message)
        if isinstance(event, Stopped):
            reason = event.reason
        if (part := writer.note(event)) is not None:
            _join(parts, part)
    return _to_json(writer.end([*parts, *writer.last()], reason))


def _join(parts: list[Json], part: Json) -> None:
    """Add a part; text goes on in the part before it, where that is text of the same kind."""
    before = parts[-1] if parts else {}
    if "text" in part and "text" in before and part.get("thought") == before.get("thought"):
        before["text"] += part["text"]
    else:
        parts.append(dict(part))


_STATUS: Mapping[str, tuple[int, str]] = {
    "invalid_request_error": (400, "INVALID_ARGUMENT"),
    "authentication_error": (401, "UNAUTHENTICATED"),
    "billing_error": (402, "RESOURCE_EXHAUSTED"),
    "permission_error": (403, "PERMISSION_DENIED"),
    "not_found_error": (404, "NOT_FOUND"),
    "method_not_allowed": (405, "UNIMPLEMENTED"),
    "request_too_large": (413, "INVALID_ARGUMENT"),
    "rate_limit_error": (429, "RESOURCE_EXHAUSTED"),
    "overloaded_error": (503, "UNAVAILABLE"),
    "timeout_error": (504, "DEADLINE_EXCEEDED"),
}
_INTERNAL = (500, "INTERNAL")


def kind_of(code: int, status: str) -> str:
    """Anthropic's word for an error of Google's; `api_error` where there is none."""
    kinds = {status: kind for kind, status in _STATUS.items()}
    names = {name: kind for kind, (_, name) in reversed(list(_STATUS.items()))}
    return kinds.get((code, status)) or names.get(status) or "api_error"


def error(kind: str, message: str, *, request_id: str = "") -> bytes:
    """Write an error body as Google's servers do."""
    code, status = _STATUS.get(kind, _INTERNAL)
    info: Json = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": kind.upper(),
        "domain": "turnout",
    }
    if request_id:
        info["metadata"] = {"requestId": request_id}
    return _to_json({"error": {"code": code, "message": message, "status": status, "details": [info]}})


def error_event(kind: str, message: str, *, request_id: str = "") -> bytes:
    """Write an error for a stream of events that has begun."""
    return b"data: " + error(kind, message, request_id=request_id) + b"\r\n\r\n"


def overflow(tokens: int, limit: int, *, request_id: str = "") -> bytes:
    """Write the 400 body for a prompt that is too long, in the words of Google's servers."""
    message = f"The input token count ({tokens}) exceeds the maximum number of tokens allowed ({limit})."
    return error("invalid_request_error", message, request_id=request_id)
