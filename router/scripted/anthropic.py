"""The Anthropic Messages wire form: requests in, exact replies out."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import msgspec

from router.scripted.billing import Bill
from router.scripted.script import Answer, Block, ParsedRequest, Tool, Ttl, split_chunks

ERROR_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def headers() -> dict[str, str]:
    """Return the fields that come with every answer."""
    return {
        "request-id": f"req_{uuid4().hex[:24]}",
        "anthropic-organization-id": "00000000-0000-0000-0000-000000000000",
        "anthropic-ratelimit-requests-limit": "4000",
        "anthropic-ratelimit-requests-remaining": "3999",
        "anthropic-ratelimit-requests-reset": "2030-01-01T00:00:00Z",
        "anthropic-ratelimit-tokens-limit": "400000",
        "anthropic-ratelimit-tokens-remaining": "399000",
        "anthropic-ratelimit-tokens-reset": "2030-01-01T00:00:00Z",
    }


def error(status: int, message: str) -> dict[str, Any]:
    """Return the body of an error answer."""
    kind = ERROR_TYPES.get(status, "api_error")
    return {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": f"req_{uuid4().hex[:24]}",
    }


def error_event(message: str = "") -> bytes:
    """Return what an overloaded server writes into a stream."""
    return _event("error", {"error": {"type": "overloaded_error", "message": message or "Overloaded"}})


def parse_request(body: Mapping[str, Any]) -> ParsedRequest:
    """Parse a request of the Messages API."""
    messages = body["messages"]
    text, result = _last(messages)
    forbidden = (body.get("tool_choice") or {}).get("type") == "none"
    output = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    return ParsedRequest(
        model=body.get("model", ""),
        stream=bool(body.get("stream")),
        text=text,
        result=result,
        tools=() if forbidden else tuple(_tools(body)),
        schema=output.get("schema"),
        blocks=tuple(_prompt(body)),
    )


def _tools(body: Mapping[str, Any]) -> Iterator[Tool]:
    for tool in body.get("tools") or ():
        if "input_schema" in tool:  # the others run on the provider's servers
            yield Tool(name=tool["name"], schema=tool["input_schema"])


def _blocks(content: Any) -> list[Mapping[str, Any]]:
    """Return content as blocks; a string is one text block."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())


def _words(content: Any) -> str:
    return "\n".join(block.get("text", "") for block in _blocks(content) if block.get("type") == "text")


def _last(messages: list[Mapping[str, Any]]) -> tuple[str, str | None]:
    """Return the last user text, and the last tool result that came after it."""
    result = None
    for message in reversed(messages):
        if message["role"] != "user":
            continue
        results = [block for block in _blocks(message["content"]) if block.get("type") == "tool_result"]
        if results:
            result = _words(results[-1].get("content")) if result is None else result
        else:
            return _own(message["content"]), result
    return "", result


def _own(content: Any) -> str:
    """Return the user's words without the reminders a client adds around them."""
    texts = [block.get("text", "") for block in _blocks(content)]
    return "\n".join(text for text in texts if not text.lstrip().startswith("<system-reminder>"))


def _prompt(body: Mapping[str, Any]) -> Iterator[Block]:
    """Yield the prompt in the order the provider caches it: tools, system, messages."""
    for tool in body.get("tools") or ():
        yield _block(tool)
    for block in _blocks(body.get("system")):
        yield _block(block)
    for message in body["messages"]:
        for block in _blocks(message["content"]):
            yield _block(block, message["role"])


def _block(block: Mapping[str, Any], role: str = "") -> Block:
    plain = {key: value for key, value in block.items() if key != "cache_control"}
    mark = block.get("cache_control")
    ttl: Ttl = "" if not mark else "1h" if mark.get("ttl") == "1h" else "5m"
    return Block(text=role + msgspec.json.encode(plain, order="sorted").decode(), ttl=ttl)


def _usage(bill: Bill, output: int) -> dict[str, Any]:
    return {
        "input_tokens": bill.input,
        "cache_creation_input_tokens": bill.cache_write_5m + bill.cache_write_1h,
        "cache_read_input_tokens": bill.cache_read,
        "output_tokens": output,
    }


def _message(model: str, content: list[Any], stop: str | None, bill: Bill, output: int) -> dict[str, Any]:
    split = {
        "ephemeral_5m_input_tokens": bill.cache_write_5m,
        "ephemeral_1h_input_tokens": bill.cache_write_1h,
    }
    return {
        "model": model,
        "id": f"msg_{uuid4().hex[:24]}",
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {**_usage(bill, output), "cache_creation": split, "service_tier": "standard"},
    }


def render_document(model: str, answer: Answer, bill: Bill) -> dict[str, Any]:
    """Return the reply as one document."""
    content: list[Any] = [{"type": "text", "text": answer.text}] if answer.text else []
    content += [_tool_use(call.name) | {"input": call.input} for call in answer.calls]
    return _message(model, content, _stop(answer), bill, bill.output)


def _stop(answer: Answer) -> str:
    if answer.ending == "limit":
        return "max_tokens"
    return "tool_use" if answer.calls else "end_turn"


def _tool_use(name: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{uuid4().hex[:24]}", "name": name, "input": {}}


def events(model: str, answer: Answer, bill: Bill, *, include_usage: bool) -> Iterator[bytes]:
    """Yield the reply as a stream, one event at a time; Anthropic always includes usage."""
    del include_usage
    yield _event("message_start", {"message": _message(model, [], None, bill, 1)})
    index = 0
    if answer.text:
        pieces = [{"type": "text_delta", "text": piece} for piece in split_chunks(answer.text)]
        yield from _content(index, {"type": "text", "text": ""}, pieces)
        index += 1
    for call in answer.calls:
        arguments = msgspec.json.encode(call.input).decode()
        pieces = [
            {"type": "input_json_delta", "partial_json": piece} for piece in ("", *split_chunks(arguments))
        ]
        yield from _content(index, _tool_use(call.name), pieces)
        index += 1
    delta = {"stop_reason": _stop(answer), "stop_sequence": None}
    yield _event("message_delta", {"delta": delta, "usage": _usage(bill, bill.output)})
    yield _event("message_stop", {})


def _content(index: int, block: Mapping[str, Any], deltas: list[dict[str, str]]) -> Iterator[bytes]:
    yield _event("content_block_start", {"index": index, "content_block": block})
    if index == 0:
        yield _event("ping", {})
    for delta in deltas:
        yield _event("content_block_delta", {"index": index, "delta": delta})
    yield _event("content_block_stop", {"index": index})


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode({"type": name, **data}))


def models(names: tuple[str, ...]) -> dict[str, Any]:
    """Return the list of models."""
    data = [
        {"type": "model", "id": name, "display_name": name, "created_at": "2025-01-01T00:00:00Z"}
        for name in names
    ]
    return {"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}
