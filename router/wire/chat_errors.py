"""Errors in OpenAI's format, written and read."""

from collections.abc import Mapping
from typing import Any

import msgspec

from router.wire.events import Failed
from router.wire.sse import encode

_KINDS: Mapping[str, tuple[str, str | None]] = {
    "invalid_request_error": ("invalid_request_error", None),
    "request_too_large": ("invalid_request_error", "request_too_large"),
    "not_found_error": ("invalid_request_error", "not_found"),
    "method_not_allowed": ("invalid_request_error", "method_not_allowed"),
    "authentication_error": ("invalid_request_error", "invalid_api_key"),
    "permission_error": ("invalid_request_error", "permission_denied"),
    "billing_error": ("insufficient_quota", "insufficient_quota"),
    "rate_limit_error": ("rate_limit_error", "rate_limit_exceeded"),
    "overloaded_error": ("server_error", "overloaded"),
    "timeout_error": ("server_error", "timeout"),
    "api_error": ("server_error", None),
}
"""OpenAI's `type` and `code` for each of Anthropic's error types, and for 405, which has none."""
_THEIR_KINDS: Mapping[str, str] = {code: kind for kind, (_, code) in _KINDS.items() if code is not None} | {
    "service_unavailable_error": "overloaded_error",
    "rate_limit_exceeded": "rate_limit_error",
}
"""Anthropic's word for OpenAI's codes, and for what servers after it write as `type`."""


def read_failure(error: Any) -> Failed:
    """Read an error that came in the place of an answer; any shape of it is one."""
    fields = error if isinstance(error, dict) else {"message": error}
    message = fields.get("message")
    names = [name for name in (fields.get("type"), fields.get("code")) if isinstance(name, str)]
    kind = next(
        (_THEIR_KINDS.get(name, name) for name in names if _THEIR_KINDS.get(name, name) in _KINDS), None
    )
    return Failed(message=str(message) if message else "unknown error", kind=kind or "api_error")


def error_fields(kind: str, message: str) -> dict[str, Any]:
    """The fields of an error, by Anthropic's error type."""
    type_, code = _KINDS.get(kind, _KINDS["api_error"])
    return {"message": message, "type": type_, "param": None, "code": code}


def error(kind: str, message: str, *, request_id: str = "") -> bytes:
    """Write an error body. OpenAI sends the request id as a header only."""
    del request_id
    return msgspec.json.encode({"error": error_fields(kind, message)})


def error_event(kind: str, message: str, *, request_id: str = "") -> bytes:
    """Write an error for a stream that has begun."""
    return encode("", error(kind, message, request_id=request_id))


def overflow(tokens: int, limit: int, *, request_id: str = "") -> bytes:
    """Write the 400 body that pi, cn and aider recognise by its `code`."""
    del request_id
    return overflow_body(tokens, limit, param="messages")


def overflow_body(tokens: int, limit: int, *, param: str) -> bytes:
    """Write that body; `param` is the field that is too long."""
    message = (
        f"This model's maximum context length is {limit} tokens. However, your messages resulted in "
        f"{tokens} tokens. Please reduce the length of the messages."
    )
    code = {"param": param, "code": "context_length_exceeded"}
    return msgspec.json.encode({"error": error_fields("invalid_request_error", message) | code})
