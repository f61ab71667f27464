"""The OpenAI Responses wire form: requests in, exact replies out.

As at OpenAI, encrypted reasoning is taken back by whoever made it alone, and what goes on from an earlier
answer needs one that was stored.
"""

import hashlib
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import msgspec

from router.scripted import openai
from router.scripted.billing import Bill
from router.scripted.exchange import Wire
from router.scripted.script import Answer, Block, Call, ParsedRequest, Tool, split_chunks

Json = dict[str, Any]
_FAILED = "The server had an error while processing your request."
_ENCRYPTED = "reasoning.encrypted_content"
_ECHOED: Mapping[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "metadata": {},
}
"""Fields of a request that its response repeats, with their defaults."""


class Refused(Exception):
    """A request that goes on from what is not kept, or was made elsewhere."""

    def __init__(self, message: str, *, param: str, code: str | None, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {
            "error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """What outlasts a request: the ids of what was stored, and the key of what was encrypted."""

    ids: set[str] = field(default_factory=set)
    key: str = field(default_factory=lambda: secrets.token_hex(16))

    def encrypt(self) -> str:
        """Make what nobody else can make; there is nothing in it."""
        nonce = secrets.token_hex(16)
        return f"gAAAA{nonce}{self._sign(nonce)}"

    def check(self, body: Mapping[str, Any]) -> None:
        """Refuse a body that relies on what is not here.

        Raises:
            Refused: names the field.
        """
        previous = body.get("previous_response_id")
        if previous and previous not in self.ids:
            raise Refused(
                f"Previous response with id '{previous}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        input_items = body.get("input")
        for at, item in enumerate(input_items if isinstance(input_items, list) else ()):
            self._check_item(item, f"input[{at}]")

    def _check_item(self, item: Mapping[str, Any], where: str) -> None:
        kind, encrypted, name = item.get("type"), item.get("encrypted_content"), item.get("id")
        if encrypted and not self._made(encrypted):
            raise Refused(
                f"The encrypted content for item {name} could not be verified. Reason: Encrypted content "
                "could not be decrypted or parsed.",
                param=where,
                code="invalid_encrypted_content",
            )
        refers = kind == "item_reference" or (kind == "reasoning" and not encrypted)
        if refers and name not in self.ids:
            raise Refused(
                f"Item with id '{name}' not found. Items are not persisted when `store` is set to false. Try "
                "again with `store` set to true, or remove this item from your input.",
                param="input",
                code=None,
                status=HTTPStatus.NOT_FOUND,
            )

    def _made(self, encrypted: str) -> bool:
        text = encrypted.removeprefix("gAAAA")
        return self._sign(text[:32]) == text[32:]

    def _sign(self, nonce: str) -> str:
        return hashlib.sha256(f"{self.key}{nonce}".encode()).hexdigest()[:32]


def wire_for(body: Mapping[str, Any], stored: Kept) -> Wire:
    """What answers a request, whose response repeats some of its fields."""
    render = _Render(body, stored)
    return Wire(
        parse_request=partial(parse_request, stored=stored),
        headers=openai.headers,
        render_document=render.document,
        events=render.stream,
        error=openai.error,
        error_event=error_event,
    )


def compaction_wire(body: Mapping[str, Any], stored: Kept) -> Wire:
    """What answers a request to compact a conversation, always as one document."""

    def document(model: str, answer: Answer, bill: Bill) -> Json:
        del model, answer
        input_items = body.get("input") or []
        items = [{"role": "user", "content": input_items}] if isinstance(input_items, str) else input_items
        users = [item for item in items if item.get("role") == "user"]
        compacted = {"type": "compaction", "id": _id("cmp"), "encrypted_content": stored.encrypt()}
        return {
            "id": _id("resp"),
            "object": "response.compaction",
            "created_at": int(time.time()),
            "output": [*users, compacted],
            "usage": _usage(bill),
        }

    def parse(body: Mapping[str, Any]) -> ParsedRequest:
        return parse_request({**body, "stream": False, "tools": []}, stored=stored)

    return replace(wire_for(body, stored), parse_request=parse, render_document=document)


def error_event(message: str = "") -> bytes:
    """Return what a failing server writes into a stream."""
    event = {"type": "error", "code": "server_error", "message": message or _FAILED, "param": None}
    return _event(event, 3)


def parse_request(body: Mapping[str, Any], *, stored: Kept) -> ParsedRequest:
    """Parse a request of the Responses API.

    Raises:
        Refused: see `Kept.check`.
    """
    stored.check(body)
    input_items = body.get("input") or []
    items = [{"role": "user", "content": input_items}] if isinstance(input_items, str) else list(input_items)
    text, result = _last(items)
    output = (body.get("text") or {}).get("format") or {}
    return ParsedRequest(
        model=body["model"],
        stream=bool(body.get("stream")),
        text=text,
        result=result,
        tools=() if body.get("tool_choice") == "none" else tuple(_tools(body)),
        schema=output.get("schema"),
        blocks=tuple(_prompt(body, items)),
    )


def _tools(body: Mapping[str, Any]) -> Iterator[Tool]:
    for tool in body.get("tools") or ():
        if tool["type"] == "function":
            yield Tool(name=tool["name"], schema=tool.get("parameters") or {})


def _words(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content or ())


def _last(items: list[Mapping[str, Any]]) -> tuple[str, str | None]:
    """Return the last user text, and the last tool result that came after it."""
    result = None
    for item in reversed(items):
        if item.get("role") == "user":
            return _words(item["content"]), result
        if item.get("type") in {"function_call_output", "custom_tool_call_output"} and result is None:
            result = _words(item["output"])
    return "", result


def _prompt(body: Mapping[str, Any], items: list[Mapping[str, Any]]) -> Iterator[Block]:
    """Yield the prompt in the order it is cached; every item ends a cached prefix."""
    for tool in body.get("tools") or ():
        yield Block(text=msgspec.json.encode(tool).decode())
    if instructions := body.get("instructions"):
        yield Block(text=instructions)
    for item in items:
        yield Block(text=msgspec.json.encode(item).decode(), ttl="free")


def _usage(bill: Bill) -> Json:
    prompt = bill.input + bill.cache_read
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": bill.cache_read},
        "output_tokens": bill.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + bill.output,
    }


class _Render:
    """Writes one response."""

    def __init__(self, body: Mapping[str, Any], stored: Kept) -> None:
        self._echo = {
            name: default if body.get(name) is None else body[name] for name, default in _ECHOED.items()
        }
        self._kept = stored
        self._encrypts = _ENCRYPTED in str(body.get("include"))
        self._tools = body.get("tools") or ()

    def document(self, model: str, answer: Answer, bill: Bill) -> Json:
        """Return the reply as one document."""
        items = self._items(answer)
        return self._ended(self._response(model), answer, items, bill)

    def stream(self, model: str, answer: Answer, bill: Bill, *, include_usage: bool) -> Iterator[bytes]:
        """Yield the reply as a stream, one event at a time; it always ends with its usage."""
        del include_usage
        for number, event in enumerate(self._events(model, answer, bill)):
            yield _event(event, number)

    def _events(self, model: str, answer: Answer, bill: Bill) -> Iterator[Json]:
        response, items = self._response(model), self._items(answer)
        yield {"type": "response.created", "response": response}
        yield {"type": "response.in_progress", "response": response}
        for at, item in enumerate(items):
            yield {"type": "response.output_item.added", "output_index": at, "item": _begun(item)}
            yield from _growth(item, {"output_index": at, "item_id": item["id"]})
            yield {"type": "response.output_item.done", "output_index": at, "item": item}
        ended = self._ended(response, answer, items, bill)
        yield {"type": f"response.{ended['status']}", "response": ended}

    def _response(self, model: str) -> Json:
        response = {
            "id": _id("resp"),
            "object": "response",
            "created_at": int(time.time()),
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "model": model,
            "output": [],
            "service_tier": "default",
            "usage": None,
            **self._echo,
        }
        if self._echo["store"]:
            self._kept.ids.add(response["id"])
        return response

    def _ended(self, response: Json, answer: Answer, items: list[Json], bill: Bill) -> Json:
        match answer.ending:
            case "limit":
                ending: Json = {
                    "status": "incomplete",
                    "incomplete_details": {"reason": "max_output_tokens"},
                    "output": items,
                    "usage": _usage(bill),
                }
            case "failed":
                error = {"code": "server_error", "message": answer.message or _FAILED}
                ending = {"status": "failed", "error": error}
            case _:
                ending = {"status": "completed", "output": items, "usage": _usage(bill)}
        return response | ending

    def _items(self, answer: Answer) -> list[Json]:
        message = [_message(answer.text)] if answer.text else []
        items = [self._reasoning(), *message, *map(self._call, answer.calls)]
        if self._echo["store"]:
            self._kept.ids.update(item["id"] for item in items)
        return items

    def _reasoning(self) -> Json:
        """What it thought, which nobody else can read."""
        item: Json = {"type": "reasoning", "id": _id("rs"), "summary": []}
        return item | ({"encrypted_content": self._kept.encrypt()} if self._encrypts else {})

    def _call(self, call: Call) -> Json:
        free = {tool["name"] for tool in self._tools if tool["type"] == "custom"}
        if call.name in free:
            how = {"type": "custom_tool_call", "id": _id("ctc"), "input": str(call.input.get("input", ""))}
        else:
            arguments = msgspec.json.encode(call.input).decode()
            how = {"type": "function_call", "id": _id("fc"), "arguments": arguments}
        return {**how, "call_id": f"call_{uuid4().hex[:24]}", "name": call.name, "status": "completed"}


def _message(text: str) -> Json:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "type": "message",
        "id": _id("msg"),
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def _id(prefix: str) -> str:
    return f"{prefix}_{uuid4().hex}{uuid4().hex[:16]}"


_GROWTH = {
    "function_call": ("response.function_call_arguments", "arguments"),
    "custom_tool_call": ("response.custom_tool_call_input", "input"),
}
"""What a call grows by: its events, and its field."""


def _growth(item: Json, place: Json) -> Iterator[Json]:
    """What comes between an item's announcement and its end."""
    if item["type"] == "message":
        yield from _text_events(item["content"][0], place | {"content_index": 0})
    elif item["type"] in _GROWTH:
        name, grown = _GROWTH[item["type"]]
        for piece in split_chunks(item[grown]):
            yield {"type": f"{name}.delta", **place, "delta": piece}
        yield {"type": f"{name}.done", **place, grown: item[grown]}


def _text_events(part: Json, place: Json) -> Iterator[Json]:
    yield {"type": "response.content_part.added", **place, "part": part | {"text": ""}}
    for piece in split_chunks(part["text"]):
        yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": part}


def _begun(item: Mapping[str, Any]) -> Json:
    """An item as it is announced."""
    empty: Json = {"content": [], "arguments": "", "input": "", "status": "in_progress"}
    return {name: empty.get(name, value) for name, value in item.items()}


def _event(fields: Mapping[str, Any], number: int) -> bytes:
    data = msgspec.json.encode({**fields, "sequence_number": number})
    return b"event: %b\ndata: %b\n\n" % (str(fields["type"]).encode(), data)
