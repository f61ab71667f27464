"""Errors of OpenAI Responses: as a status they are those of Chat Completions, in a stream a failed response.

A stream's error is told twice: in the documented `error` event, at which the SDKs raise, and in
`response.failed`, which Codex reads alone.
"""

from collections.abc import Mapping
from time import time
from typing import Any

import msgspec

from router.wire.chat_errors import error_fields, overflow_body
from router.wire.responses_shape import make_id
from router.wire.sse import encode

CODES: Mapping[str, str] = {
    "invalid_request_error": "invalid_prompt",
    "request_too_large": "invalid_prompt",
    "rate_limit_error": "rate_limit_exceeded",
    "billing_error": "insufficient_quota",
    "overloaded_error": "server_is_overloaded",
}
"""Of a failed response, by Anthropic's error type; `server_error` for the rest. Codex goes by it: it tries
again after the last, and shows the first."""
KINDS: Mapping[str, str] = {code: kind for kind, code in CODES.items() if kind != "request_too_large"}


def overflow(tokens: int, limit: int, *, request_id: str = "") -> bytes:
    """Write the 400 body that Codex and pi recognise by its `code`."""
    del request_id
    return overflow_body(tokens, limit, param="input")


def failed_response(kind: str, message: str) -> dict[str, Any]:
    """The fields of a response that failed."""
    return {"status": "failed", "error": {"code": CODES.get(kind, "server_error"), "message": message}}


def error_event(kind: str, message: str, *, request_id: str = "") -> bytes:
    """Write an error for a stream in which nothing of an answer stands yet."""
    del request_id
    response = {
        "id": make_id("resp"),
        "object": "response",
        "created_at": int(time()),
        "model": "",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    return failure(kind, message, response, 0)


def failure(kind: str, message: str, response: Mapping[str, Any], number: int) -> bytes:
    """Write both events of a failure, the first with this sequence number."""
    fields = error_fields(kind, message)
    error = {"type": "error", "code": fields["code"] or fields["type"], "message": message, "param": None}
    failed = {"type": "response.failed", "response": {**response, **failed_response(kind, message)}}
    return b"".join(
        encode(event["type"], msgspec.json.encode(event | {"sequence_number": number + at}))
        for at, event in enumerate((error | {"error": fields}, failed))
    )
