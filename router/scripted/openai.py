"""The OpenAI Chat Completions wire form: requests in, exact replies out."""

import time
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import msgspec

from router.scripted.billing import Bill
from router.scripted.script import Answer, Block, ParsedRequest, Tool, split_chunks

ERROR_TYPES: Mapping[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "permission_denied"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def headers() -> dict[str, str]:
    """Return the fields that come with every answer."""
    return {
        "x-request-id": f"req_{uuid4().hex}",
        "openai-version": "2020-10-01",
        "openai-processing-ms": "1",
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-reset-requests": "6ms",
    }


def error(status: int, message: str) -> dict[str, Any]:
    """Return the body of an error answer."""
    kind, code = ERROR_TYPES.get(status, ("server_error", None))
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def error_event(message: str = "") -> bytes:
    """Return what a failing server writes into a stream."""
    return _data(error(500, message or "The server had an error while processing your request."))


def parse_request(body: Mapping[str, Any]) -> ParsedRequest:
    """Parse a request of the Chat Completions API."""
    text, result = _last(body["messages"])
    output = (body.get("response_format") or {}).get("json_schema") or {}
    return ParsedRequest(
        model=body.get("model", ""),
        stream=bool(body.get("stream")),
        text=text,
        result=result,
        tools=() if body.get("tool_choice") == "none" else tuple(_tools(body)),
        schema=output.get("schema"),
        blocks=tuple(_prompt(body)),
    )


def _tools(body: Mapping[str, Any]) -> Iterator[Tool]:
    for tool in body.get("tools") or ():
        if tool.get("type") == "function":
            yield Tool(name=tool["function"]["name"], schema=tool["function"].get("parameters") or {})


def _words(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content or () if part.get("type") == "text")


def _last(messages: list[Mapping[str, Any]]) -> tuple[str, str | None]:
    """Return the last user text, and the last tool result that came after it."""
    result = None
    for message in reversed(messages):
        if message["role"] == "user":
            return _words(message.get("content")), result
        if message["role"] == "tool" and result is None:
            result = _words(message.get("content"))
    return "", result


def _prompt(body: Mapping[str, Any]) -> Iterator[Block]:
    """Yield the prompt in the order it is cached; every message ends a cached prefix."""
    for tool in body.get("tools") or ():
        yield Block(text=msgspec.json.encode(tool).decode())
    for message in body["messages"]:
        yield Block(text=msgspec.json.encode(message).decode(), ttl="free")


def _usage(bill: Bill) -> dict[str, Any]:
    prompt = bill.input + bill.cache_read
    return {
        "prompt_tokens": prompt,
        "completion_tokens": bill.output,
        "total_tokens": prompt + bill.output,
        "prompt_tokens_details": {"cached_tokens": bill.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _finish(answer: Answer) -> str:
    if answer.ending == "limit":
        return "length"
    return "tool_calls" if answer.calls else "stop"


def _envelope(model: str, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid4().hex[:24]}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "service_tier": "default",
        "system_fingerprint": "fp_scripted",
    }


def _call(name: str, arguments: str) -> dict[str, Any]:
    return {
        "id": f"call_{uuid4().hex[:24]}",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def render_document(model: str, answer: Answer, bill: Bill) -> dict[str, Any]:
    """Return the reply as one document."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
    if answer.calls:
        calls = [_call(call.name, msgspec.json.encode(call.input).decode()) for call in answer.calls]
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(answer)}
    return _envelope(model, "chat.completion") | {"choices": [choice], "usage": _usage(bill)}


def events(model: str, answer: Answer, bill: Bill, *, include_usage: bool) -> Iterator[bytes]:
    """Yield the reply as a stream, one event at a time."""
    envelope = _envelope(model, "chat.completion.chunk")
    extra: dict[str, Any] = {"usage": None} if include_usage else {}

    def chunk(delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _data(envelope | {"choices": [choice]} | extra)

    yield chunk({"role": "assistant", "content": "" if answer.text else None, "refusal": None})
    for piece in split_chunks(answer.text) if answer.text else ():
        yield chunk({"content": piece})
    for index, call in enumerate(answer.calls):
        yield chunk({"tool_calls": [{"index": index, **_call(call.name, "")}]})
        for piece in split_chunks(msgspec.json.encode(call.input).decode()):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, _finish(answer))
    if include_usage:
        yield _data(envelope | {"choices": [], "usage": _usage(bill)})
    yield b"data: [DONE]\n\n"


def _data(data: Mapping[str, Any]) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(data)


def models(names: tuple[str, ...]) -> dict[str, Any]:
    """Return the list of models."""
    data = [{"id": name, "object": "model", "created": 1735689600, "owned_by": "scripted"} for name in names]
    return {"object": "list", "data": data}
