import pytest

from router.engine.errors import Refused
from router.engine.model import Sampling
from router.engine.parameters import read_request

HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}

REFUSED = [
    ({"messages": None}, "messages", "invalid_value"),
    ({"messages": []}, "messages", "invalid_value"),
    ({"messages": "hi"}, "messages", "invalid_value"),
    ({"messages": ["hi"]}, "messages[0].role", "invalid_value"),
    ({"messages": [{"role": "king", "content": "hi"}]}, "messages[0].role", "invalid_value"),
    ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content", "invalid_value"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]},
        "messages[0].content[0]",
        "unsupported_content",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        "messages[0].content[0]",
        "invalid_value",
    ),
    ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0]", "invalid_value"),
    ({"max_tokens": 0}, "max_tokens", "invalid_value"),
    ({"max_tokens": "10"}, "max_tokens", "invalid_value"),
    ({"max_tokens": True}, "max_tokens", "invalid_value"),
    ({"max_completion_tokens": -1}, "max_completion_tokens", "invalid_value"),
    ({"temperature": -0.1}, "temperature", "invalid_value"),
    ({"temperature": 2.1}, "temperature", "invalid_value"),
    ({"temperature": "hot"}, "temperature", "invalid_value"),
    ({"top_p": 1.5}, "top_p", "invalid_value"),
    ({"min_p": -1}, "min_p", "invalid_value"),
    ({"top_k": 1.5}, "top_k", "invalid_value"),
    ({"top_k": 2**40}, "top_k", "invalid_value"),
    ({"seed": "x"}, "seed", "invalid_value"),
    ({"seed": 2**70}, "seed", "invalid_value"),
    ({"frequency_penalty": 3}, "frequency_penalty", "invalid_value"),
    ({"presence_penalty": -3}, "presence_penalty", "invalid_value"),
    ({"stop": ""}, "stop", "invalid_value"),
    ({"stop": [1]}, "stop", "invalid_value"),
    ({"stop": ["x"] * 17}, "stop", "invalid_value"),
    ({"stop": {"a": 1}}, "stop", "invalid_value"),
    ({"stream": "yes"}, "stream", "invalid_value"),
    ({"stream_options": 1}, "stream_options", "invalid_value"),
    ({"n": 2}, "n", "unsupported_value"),
    ({"logprobs": True}, "logprobs", "unsupported_value"),
    ({"logit_bias": {"1": 5}}, "logit_bias", "unsupported_value"),
    ({"functions": [{}]}, "functions", "unsupported_value"),
    ({"function_call": {"name": "f"}}, "function_call", "unsupported_value"),
    ({"top_logprobs": 3}, "top_logprobs", "unsupported_value"),
    ({"modalities": ["text", "audio"]}, "modalities", "unsupported_value"),
    ({"audio": {"voice": "a"}}, "audio", "unsupported_value"),
    ({"guided_regex": "a+"}, "guided_regex", "unsupported_value"),
    ({"grammar": "root ::= [a-z]+"}, "grammar", "unsupported_value"),
    ({"json_schema": {"type": "object"}}, "json_schema", "unsupported_value"),
    ({"tools": {}}, "tools", "invalid_value"),
    ({"tools": [{"type": "web_search"}]}, "tools[0]", "unsupported_value"),
    ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0]", "invalid_value"),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": "x"}}]},
        "tools[0]",
        "invalid_value",
    ),
    ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
    ({"tool_choice": "always"}, "tool_choice", "invalid_value"),
    (
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
        "tool_choice",
        "invalid_value",
    ),
    ({"response_format": "json"}, "response_format", "invalid_value"),
    ({"response_format": {"type": "xml"}}, "response_format", "invalid_value"),
    ({"response_format": {"type": "json_schema"}}, "response_format", "invalid_value"),
]


@pytest.mark.parametrize(("fields", "param", "code"), REFUSED)
def test_a_refusal_names_the_field(fields, param, code):
    with pytest.raises(Refused) as caught:
        read_request({"messages": HI, **fields})
    assert caught.value.status == 400
    assert caught.value.code == code
    assert caught.value.param.startswith(param)


def test_defaults():
    chat = read_request({"messages": HI, "n": 1, "logprobs": False, "some_new_field": {}})
    assert (chat.limit, chat.stops, chat.tools, chat.stream, chat.parallel) == (None, (), [], False, True)
    assert chat.sampling == Sampling()


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7}, 7),
        ({"max_tokens": 5, "max_completion_tokens": 7}, 7),
        ({"max_tokens": 5, "max_completion_tokens": None}, 5),
    ],
)
def test_limit(fields, limit):
    assert read_request({"messages": HI, **fields}).limit == limit


def test_tool_choice():
    body = {"messages": HI, "tools": [TOOL]}
    assert read_request({**body, "tool_choice": "none"}).tools == []
    assert read_request({**body, "tool_choice": "auto"}).required == []
    assert [t["function"]["name"] for t in read_request({**body, "tool_choice": "required"}).required] == [
        "f"
    ]
