"""What a model refuses is left out of requests that were written for another, and nothing else changes."""

import json

import pytest

from router.wire.claude_models import fit_body, model_of

STRICT = {
    "supports_sampling_params": False,
    "supports_forced_tool_use": False,
    "supports_adaptive_thinking": True,
    "supports_reasoning": True,
    "max_output_tokens": 1_000,
}
OLDER = {"max_output_tokens": 1_000, "supports_reasoning": True}
BODY = {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "é \\u00e9"}]}


@pytest.mark.parametrize(
    ("row", "given", "kept"),
    [
        (STRICT, {"temperature": 0.2, "top_p": 0.9, "top_k": 5}, {}),
        (STRICT, {"temperature": 0}, {}),
        (STRICT, {"tool_choice": {"type": "any"}}, {"tool_choice": {"type": "auto"}}),
        (
            STRICT,
            {"tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}},
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        ),
        (STRICT, {"max_tokens": 64_000}, {"max_tokens": 1_000}),
        (OLDER, {"thinking": {"type": "adaptive"}}, {}),
        ({"max_output_tokens": 1_000}, {"thinking": {"type": "enabled", "budget_tokens": 1_024}}, {}),
    ],
)
def test_what_it_refuses_is_left_out(row, given, kept):
    assert json.loads(fit_body(json.dumps(BODY | given).encode(), model_of(row))) == BODY | kept


@pytest.mark.parametrize(
    ("row", "given"),
    [
        (STRICT, {}),
        (STRICT, {"tool_choice": {"type": "auto"}, "thinking": {"type": "adaptive"}}),
        (STRICT, {"tool_choice": "any", "max_tokens": None, "temperature": None}),
        (OLDER, {"temperature": 0.2, "tool_choice": {"type": "any"}, "thinking": {"type": "disabled"}}),
        ({}, {"temperature": 0.2, "tool_choice": {"type": "any"}, "max_tokens": 10**9}),
        (None, {"thinking": {"type": "adaptive"}, "temperature": 0.2}),
    ],
)
def test_what_it_takes_keeps_its_bytes(row, given):
    body = json.dumps(BODY | given, indent=1).encode()
    assert fit_body(body, None if row is None else model_of(row)) is body
