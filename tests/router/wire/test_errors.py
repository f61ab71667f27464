"""Errors in the words each dialect's clients understand."""

import json

import pytest

from router.wire import DIALECTS

CLAUDE, GPT = DIALECTS["anthropic_messages"], DIALECTS["openai_chat"]

KINDS = [
    ("invalid_request_error", "invalid_request_error", None),
    ("authentication_error", "invalid_request_error", "invalid_api_key"),
    ("rate_limit_error", "rate_limit_error", "rate_limit_exceeded"),
    ("overloaded_error", "server_error", "overloaded"),
    ("api_error", "server_error", None),
    ("never_heard_of", "server_error", None),
]


@pytest.mark.parametrize(("kind", "type_", "code"), KINDS)
def test_one_error_in_both_dialects(kind, type_, code):
    assert json.loads(CLAUDE.error(kind, "No.", request_id="req_1")) == {
        "type": "error",
        "error": {"type": kind, "message": "No."},
        "request_id": "req_1",
    }
    assert json.loads(GPT.error(kind, "No.", request_id="req_1")) == {
        "error": {"message": "No.", "type": type_, "param": None, "code": code}
    }


def test_an_error_inside_a_stream_is_the_same_body():
    busy = ("overloaded_error", "Busy")
    assert CLAUDE.error_event(*busy) == b"event: error\ndata: " + CLAUDE.error(*busy) + b"\n\n"
    assert GPT.error_event(*busy) == b"data: " + GPT.error(*busy) + b"\n\n"


def test_overflow_is_said_in_the_providers_words():
    claude = json.loads(CLAUDE.overflow(9001, 8192))["error"]
    assert claude == {
        "type": "invalid_request_error",
        "message": "prompt is too long: 9001 tokens > 8192 maximum",
    }
    gpt = json.loads(GPT.overflow(9001, 8192))["error"]
    assert gpt["code"] == "context_length_exceeded"
    assert gpt["message"].startswith("This model's maximum context length is 8192 tokens.")
    assert "9001 tokens" in gpt["message"]
