"""What a model refuses is left out of requests that were written for another, and nothing else changes."""

import json

import pytest

from router.wire.claude_models import fit_body, model_of
from router.wire.conversation import GO_ON

STRICT = {
    "supports_sampling_params": False,
    "supports_forced_tool_use": False,
    "supports_adaptive_thinking": True,
    "supports_reasoning": True,
    "supports_assistant_prefill": False,
    "max_output_tokens": 1_000,
}
OLDER = {"max_output_tokens": 1_000, "supports_reasoning": True}
BUDGET = {"type": "enabled", "budget_tokens": 1_024}
BODY = {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "é \\u00e9"}]}


@pytest.mark.parametrize(
    ("row", "given", "kept", "names"),
    [
        (STRICT, {"temperature": 0.2, "top_p": 0.9, "top_k": 5}, {}, ("temperature", "top_p", "top_k")),
        (STRICT, {"temperature": 0}, {}, ("temperature",)),
        (STRICT, {"temperature": 1, "top_p": 1}, {}, ()),
        (STRICT, {"tool_choice": {"type": "any"}}, {"tool_choice": {"type": "auto"}}, ("tool_choice",)),
        (
            STRICT,
            {"tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}},
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
            ("tool_choice",),
        ),
        (STRICT, {"max_tokens": 64_000}, {"max_tokens": 1_000}, ()),
        (OLDER, {"thinking": {"type": "adaptive"}}, {}, ("thinking",)),
        (STRICT, {"thinking": BUDGET}, {"thinking": {"type": "adaptive"}}, ()),
        ({"max_output_tokens": 1_000}, {"thinking": BUDGET}, {}, ("thinking",)),
    ],
)
def test_what_it_refuses_is_left_out_and_named(row, given, kept, names):
    fitting, dropped = fit_body(json.dumps(BODY | given).encode(), model_of(row))
    assert (json.loads(fitting), dropped) == (BODY | kept, names)


@pytest.mark.parametrize(
    "begun",
    [
        "```sql\nSELECT",
        [{"type": "text", "text": "1. "}],
        [{"type": "thinking", "thinking": "h", "signature": "s"}, {"type": "text", "text": "{"}],
    ],
)
def test_a_model_that_goes_on_from_no_text_is_asked_to_in_words(begun):
    messages = [*BODY["messages"], {"role": "assistant", "content": begun}]
    body = json.dumps(BODY | {"messages": messages}).encode()
    fitting, dropped = fit_body(body, model_of(STRICT))
    assert json.loads(fitting)["messages"] == [*messages, {"role": "user", "content": GO_ON}]
    assert dropped == ("prefill",)
    assert fit_body(body, model_of(OLDER)) == (body, ())


SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
"""A turn that the server paused ends with it, and is resumed as it stands."""


@pytest.mark.parametrize(
    "last",
    [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_9", "name": "ls", "input": {}}]},
        {"role": "assistant", "content": [{"type": "text", "text": "I look."}, SEARCH]},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": " \n"},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "and now?"},
        {"role": "system", "content": "Be brief."},
        "no message",
    ],
)
def test_nothing_is_added_where_no_text_is_begun(last):
    body = json.dumps(BODY | {"messages": [*BODY["messages"], last]}).encode()
    assert fit_body(body, model_of(STRICT)) == (body, ())


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
    fitting, dropped = fit_body(body, None if row is None else model_of(row))
    assert fitting is body
    assert dropped == ()
