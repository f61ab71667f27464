"""Prompts completed as they are: OpenAI's legacy completions, and llama-server's `/infill`."""

import time
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import msgspec

from router.scripted.billing import Bill
from router.scripted.script import Answer, Block, ParsedRequest, split_chunks


def parse_completion(body: Mapping[str, Any]) -> ParsedRequest:
    """Parse a request of the legacy Completions API."""
    prompt = body["prompt"]
    return _parsed(body, prompt if isinstance(prompt, str) else prompt[0])


def parse_infill(body: Mapping[str, Any]) -> ParsedRequest:
    """Parse a request of `/infill`."""
    return _parsed(body, f"{body['input_prefix']}{body['input_suffix']}")


def _parsed(body: Mapping[str, Any], text: str) -> ParsedRequest:
    return ParsedRequest(
        model=body.get("model", ""),
        stream=bool(body.get("stream")),
        text=text,
        result=None,
        tools=(),
        schema=None,
        blocks=(Block(text=text),),
    )


def render_completion(model: str, answer: Answer, bill: Bill) -> dict[str, Any]:
    """Return a completion as one document."""
    return _envelope(model) | {"choices": [_choice(answer.text, "stop")], "usage": _usage(bill)}


def completion_events(model: str, answer: Answer, bill: Bill, *, include_usage: bool) -> Iterator[bytes]:
    """Yield a completion as a stream, one event at a time; the usage is in its end, as at llama-server."""
    envelope = _envelope(model)
    for piece in split_chunks(answer.text) if answer.text else ():
        yield _data(envelope | {"choices": [_choice(piece)]})
    usage = {"usage": _usage(bill)} if include_usage else {}
    yield _data(envelope | {"choices": [_choice("", "stop")]} | usage)
    yield b"data: [DONE]\n\n"


def render_infill(model: str, answer: Answer, bill: Bill) -> dict[str, Any]:
    """Return what stands between two texts as one document."""
    return {
        "content": answer.text,
        "model": model,
        "stop": True,
        "stop_type": "eos",
        "tokens_evaluated": bill.input + bill.cache_read,
        "tokens_predicted": bill.output,
    }


def infill_events(model: str, answer: Answer, bill: Bill, *, include_usage: bool) -> Iterator[bytes]:
    """Yield what stands between two texts as a stream, which always ends with its usage."""
    del include_usage
    for piece in split_chunks(answer.text) if answer.text else ():
        yield _data({"content": piece, "stop": False})
    yield _data(render_infill(model, answer, bill) | {"content": ""})


def _envelope(model: str) -> dict[str, Any]:
    return {
        "id": f"cmpl-{uuid4().hex[:24]}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": model,
    }


def _choice(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}


def _usage(bill: Bill) -> dict[str, Any]:
    prompt = bill.input + bill.cache_read
    return {
        "prompt_tokens": prompt, "completion_tokens": bill.output, "total_tokens": prompt + bill.output,
    }  # fmt: skip


def _data(data: Mapping[str, Any]) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(data)
