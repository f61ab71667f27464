"""Windows that servers tell, and answer limits that fit into them."""

import json

import pytest

from router.tracks import window
from router.wire.upstream_errors import OutputLimit, UpstreamError

NAMED = (
    "'max_tokens' or 'max_completion_tokens' is too large: 128000. This model's maximum context length is "
    "32768 tokens and your request has 120 input tokens (128000 > 32768 - 120). (parameter=max_tokens)"
)
SPLIT = (
    "This model's maximum context length is 32768 tokens. However, you requested 128120 tokens "
    "(120 in the messages, 128000 in the completion). Please reduce the length of the messages or completion."
)
PASSED = (
    "You passed 120 input tokens and requested 128000 output tokens. However, the model's context length is "
    "only 32768 tokens, resulting in a maximum input length of 0 tokens."
)
CHECKED = "max_tokens=128000 cannot be greater than max_model_len=max_total_tokens=32768"
SGLANG = (
    "Requested token count exceeds the model's maximum context length of 32768 tokens. You requested a "
    "total of 128120 tokens: 120 tokens from the input messages and 128000 tokens for the completion."
)
TGI = (
    "`inputs` tokens + `max_new_tokens` must be <= 32768. Given: 120 `inputs` tokens and "
    "128000 `max_new_tokens`"
)
ANTHROPIC = (
    "input length and `max_tokens` exceed context limit: 120 + 128000 > 32768, decrease input length or"
)
FULL = (
    "This model's maximum context length is 32768 tokens. However, you requested 40500 tokens "
    "(40000 in the messages, 500 in the completion)."
)


@pytest.mark.parametrize("message", [NAMED, SPLIT, PASSED, SGLANG, TGI, ANTHROPIC])
def test_an_answer_limit_is_no_overflow(message):
    refusal = UpstreamError(message=message, code="context_length_exceeded")
    assert refusal.output_limit == OutputLimit(most=32648, window=32768, prompt=120)
    assert refusal.overflow is None


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        (CHECKED, OutputLimit(window=32768)),
        ("max_tokens is too large: 9. This model supports at most 8 completion tokens", OutputLimit(most=8)),
        (
            "max_tokens: 9 > 8, which is the maximum allowed number of output tokens for m",
            OutputLimit(most=8),
        ),
        ("`max_tokens` must be less than or equal to `8`", OutputLimit(most=8)),
        (FULL, None),
        ("prompt is too long: 9 tokens > 8 maximum", None),
        ("max_tokens must be at least 1", None),
        ("", None),
    ],
)
def test_other_refusals_of_sizes(message, limit):
    assert UpstreamError(message=message).output_limit == limit


def test_a_prompt_that_fills_the_window_is_an_overflow_whatever_limit_came_with_it():
    assert UpstreamError(message=FULL).overflow == (40500, 32768)


@pytest.mark.parametrize(
    ("limit", "size", "prompt", "fits"),
    [(100, 0, 5, 100), (100, 1000, 500, 100), (900, 1000, 500, 450), (900, 1000, 990, 256), (9, 10, 50, 9)],
)
def test_fitting(limit, size, prompt, fits):
    assert window.fitting(limit, size, prompt) == fits


@pytest.mark.parametrize(
    ("limit", "refused", "most"),
    [
        (9000, OutputLimit(most=700, window=1000, prompt=300), 700),
        (9000, OutputLimit(window=1000), 890),
        (9000, OutputLimit(most=100, window=1000, prompt=900), 0),
        (50, OutputLimit(most=40, window=1000, prompt=960), 0),
        (600, OutputLimit(most=700), 0),
    ],
)
def test_corrected(limit, refused, most):
    assert window.corrected(limit, refused, prompt=100) == most


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ({"max_model_len": 32768}, 32768),
        ({"loaded_context_length": 8192, "max_context_length": 131072}, 8192),
        ({"meta": {"n_ctx": 4096, "n_ctx_train": 131072}}, 4096),
        ({"meta": {"n_ctx_train": 131072}}, 0),
        ({}, 0),
    ],
)
def test_what_lists_of_models_tell(model, size):
    body = json.dumps({"object": "list", "data": [{"id": "other"}, {"id": "m", **model}]}).encode()
    assert window.from_models(body, "m") == size


def test_what_other_documents_tell():
    assert window.from_props(b'{"default_generation_settings": {"n_ctx": 4096}}') == 4096
    assert window.from_processes(b'{"models": [{"name": "m", "context_length": 16384}]}', "m") == 16384
    for body in (b"", b"[]", b"\xff", b'{"data": 1, "models": 1}'):
        assert (
            window.from_models(body, "m") == window.from_props(body) == window.from_processes(body, "m") == 0
        )
