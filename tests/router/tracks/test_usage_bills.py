"""Bodies as providers send them, through the observer, to dollars: the whole way a bill goes.

claude-sonnet-5-5: input 2, output 10, read 0.10, write 2.50 and 4.00; claude-opus-5-5: 4, 20, 0.20, 5, 8;
gpt-5.1: input 1.25, cached 0.125, output 10. Dollars per million tokens.
"""

import json
from dataclasses import replace

import pytest

from router.billing.prices import Prices
from router.tracks.transforms import Document, Relay
from router.types import Usage
from router.wire import DIALECTS
from router.wire.usage_observer import UsageObserver

PRICES = Prices()


def observe(dialect, stream, chunks):
    """What is known of a reply that came in these chunks, whether or not it has ended."""
    observer = UsageObserver()
    if stream:
        relay = Relay(DIALECTS[dialect].reply_decoder(observing=True), observer)
    else:
        relay = Document(DIALECTS[dialect].decode_reply, observer)
    for chunk in chunks:
        relay.feed(chunk)
    relay.end()
    return observer


def message(usage, model="claude-sonnet-5-5"):
    return {
        "model": model, "id": "msg_01Bv3Zq2n6hV9aXxQm8kJt5w", "type": "message", "role": "assistant",
        "content": [{"type": "text", "text": "Hello."}], "stop_reason": "end_turn", "stop_sequence": None,
        "usage": usage,
    }  # fmt: skip


ALL_FOUR = {
    "input_tokens": 4, "cache_creation_input_tokens": 3500, "cache_read_input_tokens": 41_000,
    "cache_creation": {"ephemeral_5m_input_tokens": 1500, "ephemeral_1h_input_tokens": 2000},
    "output_tokens": 503, "service_tier": "standard", "inference_geo": "not_available",
}  # fmt: skip
# 4*2 + 1500*2.5 + 2000*4 + 41000*0.1 + 503*10
ALL_FOUR_USD = (8 + 3750 + 8000 + 4100 + 5030) / 1e6
OLDER = {
    "input_tokens": 10, "cache_creation_input_tokens": 1000, "cache_read_input_tokens": 0,
    "output_tokens": 100,
}  # fmt: skip
PLAIN = {"input_tokens": 2095, "output_tokens": 503}
FAST = {**PLAIN, "service_tier": "standard", "speed": "fast", "inference_geo": "us"}


@pytest.mark.parametrize(
    ("usage", "model", "terms", "dollars"),
    [
        (ALL_FOUR, "claude-sonnet-5-5", "", ALL_FOUR_USD),
        # Without the split all writes are 5-minute ones, as before there were others
        (OLDER, "claude-sonnet-5-5", "", (20 + 2500 + 1000) / 1e6),
        (PLAIN, "claude-sonnet-5-5", "", (4190 + 5030) / 1e6),
        ({**PLAIN, "service_tier": "batch"}, "claude-sonnet-5-5", "batch", (4190 + 5030) / 2e6),
        (FAST, "claude-opus-5-5", "fast us", 2.2 * (2095 * 4 + 503 * 20) / 1e6),
        ({**PLAIN, "service_tier": "priority"}, "claude-sonnet-5-5", "priority", None),
        ({**PLAIN, "inference_geo": "global", "speed": "standard"}, "claude-opus-5-5", "",
         (2095 * 4 + 503 * 20) / 1e6),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_anthropic(usage, model, terms, dollars, stream):
    body = anthropic_stream(usage, model) if stream else json.dumps(message(usage, model)).encode()
    observer = observe("anthropic_messages", stream, cut(body))
    assert observer.complete
    assert observer.usage is not None
    assert observer.usage.terms == terms
    assert observer.usage.estimated is False
    cost = PRICES.cost(observer.model, observer.usage)
    assert cost == (None if dollars is None else pytest.approx(dollars, rel=1e-9))


def anthropic_stream(usage, model):
    """The prompt's part comes first, the output's total last."""
    opening = {**usage, "output_tokens": 1}
    begun = message(opening, model) | {"content": [], "stop_reason": None}
    told = {"output_tokens": usage["output_tokens"]}
    return b"".join(
        event(name, data)
        for name, data in [
            ("message_start", {"message": begun}),
            ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
            ("ping", {}),
            ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "Hello"}}),
            ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "."}}),
            ("content_block_stop", {"index": 0}),
            ("message_delta", {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": told}),
            ("message_stop", {}),
        ]
    )


def event(name, data):
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


def cut(data, size=37):
    return [data[at : at + size] for at in range(0, len(data), size)]


CHAT = {
    "prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 192, "audio_tokens": 0,
                                  "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
}  # fmt: skip


@pytest.mark.parametrize(
    ("usage", "tier", "terms", "dollars"),
    [
        # 86*1.25 + 1920*0.125 + 300*10; reasoning is among the completion's tokens
        (CHAT, "default", "", (107.5 + 240 + 3000) / 1e6),
        (CHAT, "flex", "flex", (107.5 + 240 + 3000) / 2e6),
        (CHAT, "priority", "priority", 2 * (107.5 + 240 + 3000) / 1e6),
        (CHAT, None, "", (107.5 + 240 + 3000) / 1e6),
        (CHAT, "on_demand", "", (107.5 + 240 + 3000) / 1e6),
        ({"prompt_tokens": 100, "completion_tokens": 10}, "default", "", (125 + 100) / 1e6),
        ({"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": None}, None, "",
         (125 + 100) / 1e6),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_openai(usage, tier, terms, dollars, stream):
    body = openai_stream(usage, tier) if stream else json.dumps(completion(usage, tier)).encode()
    observer = observe("openai_chat", stream, cut(body))
    assert observer.complete
    assert observer.usage is not None
    assert observer.usage.terms == terms
    assert PRICES.cost(observer.model, observer.usage) == pytest.approx(dollars, rel=1e-9)


def completion(usage, tier):
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
    return {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "object": "chat.completion", "created": 1741569952,
        "model": "gpt-5.1-2025-11-13", "choices": [choice], "usage": usage, "service_tier": tier,
    }  # fmt: skip


def openai_stream(usage, tier):
    frame = {
        "id": "chatcmpl-123", "object": "chat.completion.chunk", "created": 1741569952,
        "model": "gpt-5.1-2025-11-13", "service_tier": tier, "usage": None,
    }  # fmt: skip
    deltas = [{"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo."}, {}]
    chunks = [frame | {"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append(frame | {"choices": [], "usage": usage})
    return b"".join(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks) + b"data: [DONE]\n\n"


TEXT = ["The ", "quick brown fox ", "jumps over the lazy dog. "] * 40


def test_what_a_cut_stream_had_written_is_measured_not_parsed():
    """Within a tenth: what is no content of a block is known from the first that was parsed."""
    length = sum(map(len, TEXT))
    deltas = [{"index": 0, "delta": {"type": "text_delta", "text": text}} for text in TEXT]
    begun = message({**ALL_FOUR, "output_tokens": 1}) | {"content": []}
    start = {"index": 0, "content_block": {"type": "text", "text": ""}}
    chunks = [event("message_start", {"message": begun}) + event("content_block_start", start)]
    chunks += [event("content_block_delta", delta) for delta in deltas]
    observer = observe("anthropic_messages", True, chunks)
    assert not observer.complete
    prompt = Usage(input=4, output=1, cache_read=41_000, cache_write_5m=1500, cache_write_1h=2000)
    assert observer.usage == replace(prompt, estimated=True)
    assert observer.written == pytest.approx(length, rel=0.1)


@pytest.mark.parametrize("kind", ["content", "reasoning_content", "arguments"])
def test_what_a_cut_chat_stream_had_written(kind):
    chunks = []
    for text in TEXT:
        call = {"index": 0, "function": {"arguments": text}}
        delta = {"tool_calls": [call]} if kind == "arguments" else {kind: text}
        chunk = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta}], "usage": None}
        chunks.append(f"data: {json.dumps(chunk)}\n\n".encode())
    observer = observe("openai_chat", True, chunks)
    assert observer.usage is None
    assert observer.written == pytest.approx(sum(map(len, TEXT)), rel=0.1)


def test_a_document_without_usage_still_tells_how_long_it_is():
    body = {key: value for key, value in completion(None, None).items() if key != "usage"}
    observer = observe("openai_chat", False, [json.dumps(body).encode()])
    assert observer.complete
    assert (observer.usage, observer.written) == (None, len("Hello."))
