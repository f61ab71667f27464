import pytest

from router.engine import parameters
from router.engine.parameters import Refused

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
def test_refused_by_name(fields, param, code):
    with pytest.raises(Refused) as caught:
        parameters.read({"messages": HI, **fields})
    assert caught.value.status == 400
    assert caught.value.code == code
    assert caught.value.param.startswith(param)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'"x"', b'{"temperature": NaN}', b'{"a": "\xff"}', b'{"a":"\\ud800"}']
)
def test_bodies_that_are_no_json_object(data):
    with pytest.raises(Refused, match="body") as caught:
        parameters.decode(data)
    assert caught.value.code == "invalid_json"


def test_defaults():
    ask = parameters.read({"messages": HI, "n": 1, "logprobs": False, "some_new_field": {}})
    assert (ask.limit, ask.stops, ask.tools, ask.stream, ask.parallel) == (None, (), [], False, True)
    assert ask.sampling == parameters.Sampling()


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
    assert parameters.read({"messages": HI, **fields}).limit == limit


def test_messages_come_to_text_and_objects():
    read = parameters.messages(
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                {"role": "system", "content": []},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
                        {"id": "2", "type": "function", "function": {"name": "g", "arguments": "{broken"}},
                    ],
                },
                {"role": "tool", "tool_call_id": "1", "content": "ok"},
            ]
        }
    )
    assert [message["content"] for message in read] == ["a\nb", "", "", "ok"]
    assert [call["arguments"] for call in read[2]["tool_calls"]] == [{"x": 1}, "{broken"]


def test_tool_choice():
    body = {"messages": HI, "tools": [TOOL]}
    assert parameters.read({**body, "tool_choice": "none"}).tools == []
    assert parameters.read({**body, "tool_choice": "auto"}).required == []
    assert [t["function"]["name"] for t in parameters.read({**body, "tool_choice": "required"}).required] == [
        "f"
    ]
