"""Answers in OpenAI's Chat Completions format: one object, or a stream of chunks."""

import json
import secrets
import time
from collections.abc import Sequence
from typing import Any

from router.engine.parameters import call_json
from router.engine.toolcalls import Call, Text

Json = dict[str, Any]

DONE = b"data: [DONE]\n\n"


def event(data: Json) -> bytes:
    """Encode one chunk as a server-sent event."""
    return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def usage(*, prompt: int, cached: int, produced: int) -> Json:
    """Return the usage object; `cached` tokens are part of `prompt`."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": produced,
        "total_tokens": prompt + produced,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


class Chunks:
    """Writes one streamed answer, chunk by chunk."""

    def __init__(self, model: str, *, include_usage: bool) -> None:
        self._base = _base("chat.completion.chunk", model)
        # Where usage is asked for, every chunk but the last has it as null.
        self._extra: Json = {"usage": None} if include_usage else {}
        self._calls = 0

    def open(self, first: Text | Call | None) -> Json:
        """Return the chunk with the role; `first` is the answer's first item."""
        return self._chunk({"role": "assistant", "content": None if isinstance(first, Call) else ""})

    def item(self, item: Text | Call) -> list[Json]:
        """Return the chunks of one item: of text one, of a call two, its head and its arguments."""
        if isinstance(item, Text):
            return [self._chunk({"content": item.text})]
        index, self._calls = self._calls, self._calls + 1
        head = {"index": index, **_call(item, arguments="")}
        arguments = {"index": index, "function": {"arguments": call_json(item.arguments)}}
        return [self._chunk({"tool_calls": [head]}), self._chunk({"tool_calls": [arguments]})]

    def finish(self, reason: str, stop: str = "") -> Json:
        """Return the last chunk: why the answer ended, and `stop`, which vLLM calls `stop_reason`."""
        chunk = self._chunk({}, reason)
        if stop:
            chunk["choices"][0]["stop_reason"] = stop
        return chunk

    def usage(self, counts: Json) -> Json:
        """Return the chunk that has usage and no choice."""
        return {**self._base, "choices": [], "usage": counts}

    def _chunk(self, delta: Json, finish: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._base, "choices": [choice], **self._extra}


def completion(
    model: str, items: Sequence[Text | Call], *, finish: str, counts: Json, stop: str = ""
) -> Json:
    """Return an answer that is not streamed as one object."""
    text = "".join(item.text for item in items if isinstance(item, Text))
    calls = [_call(item, call_json(item.arguments)) for item in items if isinstance(item, Call)]
    message: Json = {"role": "assistant", "content": text if text or not calls else None}
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    if stop:
        choice["stop_reason"] = stop
    return {**_base("chat.completion", model), "choices": [choice], "usage": counts}


def _base(kind: str, model: str) -> Json:
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
    }


def _call(call: Call, arguments: str) -> Json:
    return {
        "id": f"call_{secrets.token_hex(12)}",
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }
