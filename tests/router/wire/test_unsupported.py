"""What Claude cannot do of a chat request is refused by its name, and what asks for nothing is not."""

import pytest

from router.errors import BadRequest
from router.wire.unsupported import refuse_unsupported

HI = {"messages": [{"role": "user", "content": "hi"}]}


def part(kind):
    return {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "?"}, {"type": kind, kind: {}}]}]
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
        refuse_unsupported(HI | fields)
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
            "seed": 0,
            "presence_penalty": 0,
            "frequency_penalty": 0.0,
            "stop": ["x"],
            "parallel_tool_calls": False,
        },
        part("image_url"),
        part("file"),
        {"messages": "none"},
        {"messages": [None, {"content": [None, "x", {"type": 5}]}]},
    ],
)
def test_what_asks_for_nothing_more_passes(fields):
    refuse_unsupported(HI | fields)
