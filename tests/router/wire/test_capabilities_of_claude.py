"""What Claude cannot do of a chat request is refused by its name (`router.wire.capabilities`)."""

import json

import pytest

from router.errors import BadRequest
from router.wire.capabilities import adapt
from router.wire.chat_request import decode_request
from router.wire.target import CLAUDE


def refuse(fields):
    """Put a chat request to Claude."""
    adapt(decode_request(json.dumps(HI | fields).encode()), CLAUDE)


HI = {"messages": [{"role": "user", "content": "hi"}]}


def part(kind, value=None):
    return {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "?"}, {"type": kind, kind: value or {}}]}
        ]
    }


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"n": 2}, "n"),
        ({"n": "2"}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 5}, "top_logprobs"),
        ({"logit_bias": {"50256": -100}}, "logit_bias"),
        ({"seed": 7}, "seed"),
        ({"seed": 0}, "seed"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"frequency_penalty": -1}, "frequency_penalty"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "alloy"}}, "audio"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": {"name": "f"}}, "function_call"),
        (part("input_audio"), r"messages\[0\].content\[1\].type"),
        (part("video_url"), r"messages\[0\].content\[1\].type"),
        (part("input_video"), "cannot be sent to Claude"),
    ],
)
def test_what_would_be_lost_is_named(fields, name):
    with pytest.raises(BadRequest, match=name) as refused:
        refuse(fields)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {
            "n": 1,
            "logprobs": False,
            "top_logprobs": None,
            "logit_bias": {},
            "functions": [],
            "modalities": ["text"],
        },
        {
            "function_call": "auto",
            "presence_penalty": 0,
            "frequency_penalty": 0.0,
            "stop": ["x"],
            "parallel_tool_calls": False,
        },
        part("image_url", {"url": "https://example.com/a.png"}),
        part("file", {"file_data": "data:application/pdf;base64,AAAA"}),
    ],
)
def test_what_asks_for_nothing_more_passes(fields):
    refuse(fields)
