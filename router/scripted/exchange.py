"""Sends one scripted reply, with its faults, and bills what was sent."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec
from aiohttp import web

from router.scripted.billing import Bill, count_content_bytes
from router.scripted.script import Answer, ParsedRequest, Step

GARBAGE = b"<html><body>502 Bad Gateway</body></html>\n"
WRONG = 10**15
"""More tokens than any prompt has."""
BREAKS = {"cut", "half", "error_event", "stall"}
"""Faults in the middle of a reply."""


class Events(Protocol):
    """Renders a reply as a stream."""

    def __call__(self, model: str, answer: Answer, bill: Bill, *, include_usage: bool) -> Iterator[bytes]:
        """Yield the encoded events in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """Functions that read and write one provider's wire format."""

    parse_request: Callable[[Mapping[str, Any]], ParsedRequest]
    headers: Callable[[], dict[str, str]]
    render_document: Callable[[str, Answer, Bill], dict[str, Any]]
    events: Events
    error: Callable[[int, str], dict[str, Any]]
    error_event: Callable[[str], bytes]
    writes: bool = True
    """An answer is written; False where the prompt alone is billed."""


@dataclass(slots=True, kw_only=True)
class Exchange:
    """A request and the reply being sent."""

    request: web.Request
    wire: Wire
    step: Step
    model: str
    answer: Answer
    bill: Bill
    """Bill of the complete reply."""
    _content: int = 0
    """Bytes of content sent."""
    _complete: bool = False

    @property
    def billed(self) -> Bill:
        """The bill so far; unsent content is not billed."""
        return self.bill if self._complete else replace(self.bill, output=-(-self._content // 4))

    async def stream(self, *, include_usage: bool) -> web.StreamResponse:
        """Send the events, up to the step's fault if it has one."""
        fault = self.step.fault
        await self._wait()
        if fault == "close":
            return self._drop()
        headers = {**self.wire.headers(), "cache-control": "no-cache"}
        response = web.StreamResponse(headers=headers)
        response.headers["content-type"] = "text/event-stream; charset=utf-8"
        await response.prepare(self.request)
        if fault == "close_after_head":
            await asyncio.sleep(0.01)  # for the head to be read apart
            return self._drop(response)
        if fault == "garbage":
            await response.write(b"data: " + GARBAGE + b"\n")
        if fault not in {"garbage", "empty"}:
            await self._events(response, include_usage=include_usage)
        if fault == "stall":
            await asyncio.Event().wait()
        if fault == "cut":
            return self._drop(response)
        if fault == "error_event":
            await response.write(self.wire.error_event(self.step.message))
        await response.write_eof()
        return response

    async def send_document(self) -> web.StreamResponse:
        """Send the reply as one document; faults in the middle cut it in half."""
        fault = self.step.fault
        await self._wait()
        if fault == "close":
            return self._drop()
        document = self.wire.render_document(self.model, self.answer, self._reported)
        if fault == "no_usage":
            del document["usage"]
        body = {"garbage": GARBAGE, "empty": b""}.get(fault, msgspec.json.encode(document))
        self._complete = fault not in {"garbage", "empty", "close_after_head"}
        headers = self.wire.headers() | {"content-type": "application/json"}
        if fault not in BREAKS | {"close_after_head"}:
            return web.Response(body=body, headers=headers)
        sent = body[: len(body) // 2] if fault != "close_after_head" else b""
        length = len(sent) if fault == "half" else len(body)
        response = web.StreamResponse(headers=headers | {"content-length": str(length)})
        await response.prepare(self.request)
        await response.write(sent)
        if fault == "stall":
            await asyncio.Event().wait()
        if fault == "half":
            await response.write_eof()
            return response
        await asyncio.sleep(0.01)  # for what was sent to be read apart
        return self._drop(response)

    async def _wait(self) -> None:
        step = self.step
        await asyncio.sleep(step.delay_s + (step.first_byte_s if step.fault == "slow" else 0))

    async def _events(self, response: web.StreamResponse, *, include_usage: bool) -> None:
        step = self.step
        breaks = step.after_events if step.fault in BREAKS else None
        events = self.wire.events(
            self.model, self.answer, self._reported, include_usage=include_usage and step.fault != "no_usage"
        )
        for number, event in enumerate(events):
            if number == breaks:
                return
            await asyncio.sleep(step.chunk_delay_s)
            await response.write(_without_usage(event) if step.fault == "no_usage" else event)
            self._content += count_content_bytes(event)
        self._complete = True

    @property
    def _reported(self) -> Bill:
        if self.step.fault != "wrong_usage":
            return self.bill
        return replace(self.bill, input=WRONG, output=-WRONG)

    def _drop(self, response: web.StreamResponse | None = None) -> web.StreamResponse:
        """Close the connection without the final chunk, so that the reply is visibly incomplete."""
        if self.request.transport is not None:
            self.request.transport.abort()
        return web.Response() if response is None else response


def _without_usage(event: bytes) -> bytes:
    """The same event without usage, of Anthropic's or of Responses."""
    head, mark, data = event.partition(b"data: ")
    if b'"usage"' not in data:
        return event
    fields = msgspec.json.decode(data)
    for holder in (fields, fields.get("message") or {}, fields.get("response") or {}):
        holder.pop("usage", None)
    return head + mark + msgspec.json.encode(fields) + b"\n\n"
