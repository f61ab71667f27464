"""One question to the endpoint, as any client asks: OpenAI chat, streamed; its headers say who served.

Where nothing is there yet, the endpoint sends comments to keep the line alive: they are no first byte.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec

from benchmarks.errors import BenchmarkError
from router.types import Usage
from router.wire.usage import read_chat_usage

_AGAIN = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, 529}
_NO_ENTRY = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_TRIES = 4
_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 60.0
_LINE = 2**24
"""Longest line of a stream, in bytes."""


class NoAnswer(RuntimeError):
    """This question got no answer; another may."""


class Refused(BenchmarkError):
    """The endpoint lets nobody in, or is gone: the run stops, and its file stays."""


def open_session(key: str, timeout_s: float) -> aiohttp.ClientSession:
    """Connections to the endpoint; `timeout_s` is for one whole answer.

    Args:
        key: A Turnout key; empty where none is asked for.
        timeout_s: Seconds.
    """
    headers = {"authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    return aiohttp.ClientSession(headers=headers, timeout=timeout, read_bufsize=_LINE)


async def greet(session: aiohttp.ClientSession, url: str) -> None:
    """Make sure that an endpoint answers at `url`.

    Raises:
        Refused: nothing does.
    """
    try:
        async with session.get(f"{url}/health") as answer:
            await answer.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Refused(
            f"nothing answers at {url} ({error or type(error).__name__}): "
            "start `turnout serve`, or give its --url"
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """A streamed answer, read to its end."""

    text: str
    track: str
    model: str
    escalated: str
    usage: Usage
    first_byte_s: float
    seconds: float


async def ask(session: aiohttp.ClientSession, url: str, body: Mapping[str, Any]) -> ChatReply:
    """Ask once; an endpoint that is full is asked again as it says.

    Raises:
        NoAnswer: it answered with an error, or the answer broke off.
        Refused: the key is not good.
    """
    for attempt in range(1, _TRIES + 1):
        began = time.monotonic()
        try:
            async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
                if answer.status == HTTPStatus.OK:
                    return await _listen(answer, began)
                words = _words(answer.status, await answer.read())
                if answer.status in _NO_ENTRY:
                    raise Refused(f"the endpoint says {words}: give a key with --key or TURNOUT_KEY")
                if answer.status not in _AGAIN or attempt == _TRIES:
                    raise NoAnswer(words)
                pause = _pause(answer.headers.get("retry-after", ""), attempt)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoAnswer(f"{type(error).__name__}: {error}".removesuffix(": ")) from error
        await asyncio.sleep(pause)
    raise NoAnswer("the endpoint stayed full")


def _pause(retry_after: str, attempt: int) -> float:
    pause = float(retry_after) if retry_after.replace(".", "", 1).isdecimal() else _PAUSE_S**attempt
    return min(pause, _LONGEST_PAUSE_S)


def _words(status: int, body: bytes) -> str:
    """What an error answer says, in one line."""
    try:
        message = json.loads(body)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = body[:500].decode("utf-8", "replace")
    return f"{status} {' '.join(str(message).split())}"


async def _listen(answer: aiohttp.ClientResponse, began: float) -> ChatReply:
    """Read the stream to its end."""
    text: list[str] = []
    counted: Mapping[str, Any] = {}
    labels = {
        name.lower(): value for name, value in answer.headers.items() if name.lower().startswith("x-turnout-")
    }
    first: float | None = None
    ended = False
    async for line in answer.content:
        if line.startswith(b": x-turnout-"):  # the head went out before these were known
            name, _, value = line[2:].decode("latin-1").strip().partition(": ")
            labels[name] = value
        if not line.startswith(b"data:"):
            continue
        first = first if first is not None else time.monotonic() - began
        data = line[5:].strip()
        if data == b"[DONE]":
            ended = True
            break
        event = json.loads(data)
        if "error" in event:
            raise NoAnswer(f"the stream ended with an error: {event['error'].get('message', event['error'])}")
        text += [choice["delta"].get("content") or "" for choice in event.get("choices") or ()]
        counted = event.get("usage") or counted
        labels.setdefault("x-turnout-model", event.get("model") or "")
    if not ended:
        raise NoAnswer("the answer broke off before its end")
    return ChatReply(
        text="".join(text),
        track=labels.get("x-turnout-track", ""),
        model=labels.get("x-turnout-model", ""),
        escalated=labels.get("x-turnout-escalated", ""),
        usage=usage(counted),
        first_byte_s=first or 0.0,
        seconds=time.monotonic() - began,
    )


def usage(payload: Mapping[str, Any]) -> Usage:
    """The five columns from a reply's `usage`; zeros where it has none."""
    return read_chat_usage(msgspec.Raw(msgspec.json.encode(payload))) or Usage()
