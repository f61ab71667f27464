# ruff: noqa: E501 - tables read best a row a line
"""Every field that the providers' SDKs can send, for everybody who may answer: none is lost unsaid.

What becomes of a field is found by sending it: its request is translated with and without it.
"""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from anthropic.types.beta.message_create_params import MessageCreateParamsBase as Messages
from openai.types.chat.completion_create_params import CompletionCreateParamsBase as Chat
from openai.types.responses.response_create_params import ResponseCreateParamsBase as Responses

from router.accounts.teams import NOBODY
from router.engine.errors import Refused
from router.engine.fields import decode_body
from router.engine.parameters import read_request
from router.errors import TurnoutError
from router.tracks.litellm_client import OTHERS
from router.tracks.upstream_call import local_request, translate_request
from router.types import ModelRequest
from router.wire import DIALECTS
from router.wire.capabilities import is_ignored
from router.wire.claude_models import UNKNOWN
from router.wire.target import CLAUDE, OPENAI

PAGE = Path(__file__).parents[3] / "docs" / "fields.md"
HI = [{"role": "user", "content": "hi"}]
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
FUNCTION = {"name": "f", "description": "Do it.", "parameters": SCHEMA}
CHAT_TOOLS = [{"type": "function", "function": FUNCTION}]
PDF = {
    "type": "document",
    "title": "a.pdf",
    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
}
TEXT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}


def shown(*blocks):
    return [{"role": "user", "content": [{"type": "text", "text": "?"}, *blocks]}]


def schema_in(**more):
    return {"type": "json_schema", **more}


BASES = {
    "openai_chat": {"model": "auto", "messages": HI},
    "openai_responses": {"model": "auto", "input": "hi", "store": False},
    "anthropic_messages": {"model": "auto", "max_tokens": 99, "messages": HI},
    "ollama": {"model": "auto", "messages": HI, "stream": False},
}
CHAT = {
    "audio": {"voice": "alloy", "format": "wav"}, "frequency_penalty": 0.5, "function_call": {"name": "f"},
    "functions": [FUNCTION], "logit_bias": {"50256": -100}, "logprobs": True, "max_completion_tokens": 9,
    "max_tokens": 9, "metadata": {"a": "b"}, "modalities": ["text", "audio"], "n": 2,
    "parallel_tool_calls": (False, {"tools": CHAT_TOOLS}), "prediction": {"type": "content", "content": "x"},
    "presence_penalty": 0.5, "moderation": {"model": "m"}, "prompt_cache_key": "k", "prompt_cache_options": {"mode": "x"},
    "prompt_cache_retention": "24h", "reasoning_effort": "high",
    "response_format": {"type": "json_object"}, "response_format: json_schema": schema_in(json_schema={"name": "a", "schema": SCHEMA}),
    "safety_identifier": "s", "seed": 7, "seed: 0": 0, "service_tier": "flex", "stop": ["a", "b", "c", "d", "e"],
    "store": True, "stream_options": {"include_usage": True}, "temperature": 0.5, "tool_choice": ("required", {"tools": CHAT_TOOLS}),
    "tools": CHAT_TOOLS, "top_logprobs": 3, "top_p": 0.5, "user": "u1", "verbosity": "low", "web_search_options": {},
    "messages: image_url": shown({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}),
    "messages: input_audio": shown({"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}),
    "messages: file": shown({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}}),
    "messages: prefill": [*HI, {"role": "assistant", "content": "{"}],
}  # fmt: skip
RESPONSES = {
    "background": True, "context_management": [{"type": "compaction"}], "conversation": "c1", "include": ["web_search_call.results"],
    "instructions": "Be brief.", "max_output_tokens": 9, "max_tool_calls": 2, "metadata": {"a": "b"}, "moderation": {"model": "m"},
    "parallel_tool_calls": (False, {"tools": [{"type": "function", **FUNCTION}]}), "previous_response_id": "r1",
    "prompt": {"id": "p1"}, "prompt_cache_key": "k", "prompt_cache_options": {"mode": "x"}, "prompt_cache_retention": "24h",
    "reasoning": {"effort": "high"}, "safety_identifier": "s", "service_tier": "flex", "store": True,
    "stream_options": {"include_obfuscation": True}, "temperature": 0.5, "text": {"format": schema_in(name="a", schema=SCHEMA)},
    "text.verbosity": ("low", "text", "verbosity"), "tool_choice": ("required", {"tools": [{"type": "function", **FUNCTION}]}),
    "tools": [{"type": "function", **FUNCTION}], "top_logprobs": 3, "top_p": 0.5, "truncation": "auto", "user": "u1",
}  # fmt: skip
CLAUDE_TOOLS = [{"name": "f", "description": "Do it.", "input_schema": SCHEMA}]
MESSAGES = {
    "billing_policy": "b", "cache_control": {"type": "ephemeral"}, "compaction": {"type": "auto"}, "container": "c1",
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}, "diagnostics": {"a": 1}, "fallback_credit_token": "t",
    "fallbacks": [{"model": "m"}], "inference_geo": "us", "betas": ["b"], "max_tokens": 9,
    "mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}], "metadata": {"user_id": "u1"},
    "output_config": {"effort": "high"}, "output_config.format": ({"type": "json_schema", "schema": SCHEMA}, "output_config", "format"),
    "service_tier": "auto", "speed": "fast", "stop_sequences": ["a", "b", "c", "d", "e"], "system": "Be brief.",
    "temperature": 0.5, "thinking": {"type": "enabled", "budget_tokens": 2048}, "thread": {"id": "t"},
    "tool_choice": ({"type": "any"}, {"tools": CLAUDE_TOOLS}), "tools": CLAUDE_TOOLS, "top_k": 5, "top_p": 0.5,
    "user_profile_id": "u", "workspace_id": "w", "safeguards": [{"type": "x"}],
    "messages: document (PDF)": shown(PDF), "messages: document (text)": shown(TEXT),
    "messages: citations": (shown(TEXT | {"citations": {"enabled": True}}), {"messages": shown(TEXT)}),
    "messages: prefill": [*HI, {"role": "assistant", "content": "{"}],
    "tools: web_search": [{"type": "web_search_20250305", "name": "web_search"}],
}  # fmt: skip
OPTIONS = {
    "num_ctx": 4096, "num_gpu": 1, "num_predict": 9, "temperature": 0.5, "top_p": 0.5, "top_k": 5, "min_p": 0.1, "stop": ["a"],
    "seed": 7, "frequency_penalty": 0.5, "presence_penalty": 0.5, "repeat_penalty": 1.5, "repeat_last_n": 9, "mirostat": 1,
    "tfs_z": 0.5, "typical_p": 0.5, "penalize_newline": True,
}  # fmt: skip
OLLAMA = {f"options.{name}": (value, "options", name) for name, value in OPTIONS.items()} | {
    "format": SCHEMA, "think": True, "keep_alive": "5m", "logprobs": True, "tools": CHAT_TOOLS,
}  # fmt: skip
SAMPLES = {
    "openai_chat": CHAT,
    "openai_responses": RESPONSES,
    "anthropic_messages": MESSAGES,
    "ollama": OLLAMA,
}
ANSWERED_HERE = {"model", "messages", "input", "stream"}
LEFT_OUT = {"max_tokens"}  # of a base


def test_the_samples_are_all_that_the_sdks_send():
    for params, dialect in (
        (Chat, "openai_chat"),
        (Responses, "openai_responses"),
        (Messages, "anthropic_messages"),
    ):
        unsampled = set(params.__annotations__) - set(SAMPLES[dialect]) - ANSWERED_HERE
        assert not unsampled, (
            f"{dialect}: put samples here, and rows where they are no fields of others: {unsampled}"
        )


def put(dialect, name, sample):
    """Two bodies: without the field, and with it."""
    base, field = BASES[dialect], name.partition(":")[0]
    match sample:
        case (value, dict(around)) if isinstance(sample, tuple):
            return base | around, base | around | {field: value}
        case (value, str(outer), str(inner)) if isinstance(sample, tuple):
            return base | {outer: {}}, base | {outer: {inner: value}}
        case value:
            return base, base | {field: value}


ENGINE, SERVER, CLAUDES, OPENAIS, OTHER = (
    "our engine",
    "`local.url`",
    "Claude",
    "OpenAI's",
    "others, by litellm",
)
TARGETS = {CLAUDES: replace(CLAUDE, model=UNKNOWN), OPENAIS: OPENAI, OTHER: OTHERS}
IN_CHAT = "OpenAI's, in chat"
TARGETS[IN_CHAT] = OPENAI
NATIVE = {("anthropic_messages", CLAUDES), ("openai_chat", OPENAIS), ("openai_responses", OPENAIS)}


def translated(dialect, body, target):
    data = json.dumps(body).encode()
    envelope = DIALECTS[dialect].read(data)
    request = ModelRequest(
        id="r", account=NOBODY, dialect=dialect, operation="generate", client="", model=envelope.model,
        stream=envelope.stream, body=data, headers=(),
    )  # fmt: skip
    if target in (ENGINE, SERVER):
        sent = local_request(request, "m", engine=target == ENGINE)
        if target == ENGINE:
            read_request(decode_body(sent.body))
        return sent
    return translate_request(request, "m", TARGETS[target])


@cache
def fate(dialect, name, target):
    without, sample = put(dialect, name, SAMPLES[dialect][name])
    try:
        if (dialect, target) in NATIVE:
            DIALECTS[dialect].read(json.dumps(sample).encode())
            return "as it is"
        sent = translated(dialect, sample, target)
    except (TurnoutError, Refused) as refusal:
        field = name.partition(":")[0].partition(".")[0]
        return "refused" if field in str(refusal) else f"refused in other words: {refusal}"
    base = translated(dialect, without, target)
    if set(sent.dropped) - set(base.dropped):
        return "named"
    return "served" if sent.body != base.body else "ignored"


COLUMNS = dict.fromkeys(SAMPLES, (ENGINE, SERVER, CLAUDES, OPENAIS, OTHER)) | {
    "openai_responses": (ENGINE, SERVER, CLAUDES, OPENAIS, IN_CHAT, OTHER)
}
CELLS = [
    (dialect, name, target)
    for dialect, samples in SAMPLES.items()
    for name in samples
    for target in COLUMNS[dialect]
]


@pytest.mark.parametrize(("dialect", "name", "target"), CELLS, ids=str)
def test_nothing_is_lost_unsaid(dialect, name, target):
    if fate(dialect, name, target) == "ignored":
        side = {ENGINE: "local", SERVER: "local", CLAUDES: "claude"}.get(target, "provider")
        assert is_ignored(dialect, name, side), "neither sent, refused, named nor listed as ignored"


HEADS = {
    "openai_chat": "Chat Completions",
    "openai_responses": "Responses",
    "anthropic_messages": "Messages",
    "ollama": "Ollama",
}


def table(dialect):
    """What becomes of each field, as the page has it."""
    columns = COLUMNS[dialect]
    lines = [f"| field | {' | '.join(columns)} |", f"|---{'|---' * len(columns)}|"]
    lines += (
        f"| `{name}` | {' | '.join(fate(dialect, name, target) for target in columns)} |"
        for name in SAMPLES[dialect]
    )
    return "\n".join(lines)


@pytest.mark.parametrize("dialect", SAMPLES)
def test_the_page_says_what_becomes_of_each(dialect):
    expected = f"## {HEADS[dialect]}\n\n{table(dialect)}\n"
    assert expected in PAGE.read_text(), f"docs/fields.md should have:\n{expected}"
