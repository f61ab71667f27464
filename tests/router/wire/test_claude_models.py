"""Requests of other dialects, made to fit what each of Claude's models takes."""

import pytest

from router.billing.prices import Prices
from router.wire.claude_models import UNKNOWN, ClaudeModel, claude_schema, fit_conversation, model_of
from router.wire.conversation import (
    Conversation,
    Reasoning,
    ResponseFormat,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    Turn,
)

PRICES = Prices()
NEWEST = model_of(PRICES.row("claude-sonnet-5-5"))
OLDER = model_of(PRICES.row("claude-sonnet-4-5"))
OLDEST = model_of({"max_output_tokens": 4096, "supports_vision": True})


def test_models_are_read_from_the_table():
    assert (
        ClaudeModel(
            output_limit=128_000,
            most_output=128_000,
            sampling=False,
            forced_tools=False,
            prefill=False,
            adaptive_thinking=True,
            budget_thinking=False,
            efforts=frozenset({"low", "medium", "high", "xhigh", "max"}),
            json_schema=True,
            system_turns=True,
        )
        == NEWEST
    )
    assert ClaudeModel(output_limit=64_000, most_output=64_000, json_schema=True) == OLDER
    assert model_of(PRICES.row("claude-sonnet-4-6")).budget_thinking
    assert model_of({}) == UNKNOWN
    assert not OLDEST.budget_thinking


def fitted(model, *turns, **fields):
    conversation, dropped = fit_conversation(
        Conversation(dialect="openai_chat", turns=turns, **fields), model
    )
    return conversation, dropped


SAMPLING = [
    # model, sent, reasoning, taken, dropped
    (NEWEST, {"temperature": 0.2, "top_p": 0.9, "top_k": 3}, None, {}, ("temperature", "top_p", "top_k")),
    (NEWEST, {"temperature": 1, "top_p": 1}, None, {}, ()),
    (
        OLDER,
        {"temperature": 0.2, "top_p": 0.9, "top_k": 3},
        None,
        {"temperature": 0.2, "top_k": 3},
        ("top_p",),
    ),
    (OLDER, {"temperature": 0.2, "top_p": 1}, None, {"temperature": 0.2}, ()),
    (OLDER, {"top_p": 0.9}, None, {"top_p": 0.9}, ()),
    (OLDER, {"temperature": 1.7}, None, {"temperature": 1}, ("temperature",)),
    (OLDER, {"temperature": 0, "top_k": 3}, Reasoning(effort="low"), {}, ("temperature", "top_k")),
    (OLDER, {"temperature": 0}, Reasoning(effort="none"), {"temperature": 0}, ()),
    (OLDER, {"top_p": 0.9}, Reasoning(effort="low"), {}, ("top_p",)),
    (OLDER, {"top_p": 0.97}, Reasoning(effort="low"), {"top_p": 0.97}, ()),
]


@pytest.mark.parametrize(("model", "sent", "reasoning", "taken", "dropped"), SAMPLING)
def test_sampling(model, sent, reasoning, taken, dropped):
    conversation, names = fitted(model, sampling=Sampling(**sent), reasoning=reasoning)
    assert conversation.sampling == Sampling(**taken)
    assert names == dropped


CALLED = Turn(role="assistant", parts=(ToolCall(id="a", name="ls", arguments="{}"),))
SIGNED = Turn(role="assistant", parts=(Thinking(text="hm", signature="s"), *CALLED.parts))
HIGH = Reasoning(effort="high")
REASONING = [
    # model, turns, fields, reasoning, dropped
    (NEWEST, (), {"reasoning": Reasoning(effort="minimal")}, Reasoning(adaptive=True, effort="low"), ()),
    (NEWEST, (), {"reasoning": Reasoning(effort="max")}, Reasoning(adaptive=True, effort="max"), ()),
    (NEWEST, (CALLED,), {"reasoning": HIGH}, Reasoning(adaptive=True, effort="high"), ()),
    (NEWEST, (), {"reasoning": Reasoning(budget_tokens=5000)}, Reasoning(adaptive=True, effort="medium"), ()),
    (NEWEST, (), {"reasoning": Reasoning(adaptive=True)}, Reasoning(adaptive=True), ()),
    (NEWEST, (), {"reasoning": Reasoning(effort="none")}, None, ()),
    (OLDER, (), {"reasoning": Reasoning(effort="xhigh")}, Reasoning(budget_tokens=8192), ()),
    (OLDER, (), {"reasoning": Reasoning(budget_tokens=5000)}, Reasoning(budget_tokens=5000), ()),
    (OLDER, (), {"reasoning": Reasoning(budget_tokens=5)}, Reasoning(budget_tokens=1024), ()),
    (
        OLDER,
        (),
        {"reasoning": HIGH, "output_limit": 2000},
        Reasoning(budget_tokens=1999),
        (),
    ),
    (OLDER, (), {"reasoning": HIGH, "output_limit": 500}, None, ("reasoning_effort",)),
    (OLDER, (CALLED,), {"reasoning": HIGH}, None, ("reasoning_effort",)),
    (OLDER, (SIGNED,), {"reasoning": HIGH}, Reasoning(budget_tokens=4096), ()),
    (OLDEST, (), {"reasoning": HIGH}, None, ("reasoning_effort",)),
    (OLDEST, (), {"reasoning": Reasoning(budget_tokens=2048)}, None, ("thinking",)),
    (
        OLDER,
        (),
        {"reasoning": HIGH, "tool_choice": ToolChoice(mode="required")},
        None,
        ("reasoning_effort",),
    ),
]


@pytest.mark.parametrize(("model", "turns", "fields", "reasoning", "dropped"), REASONING)
def test_reasoning(model, turns, fields, reasoning, dropped):
    conversation, names = fitted(model, *turns, **fields)
    assert conversation.reasoning == reasoning
    assert names == dropped


def test_a_model_that_takes_no_forced_tool_may_call_it():
    forced = ToolChoice(mode="tool", name="ls")
    assert fitted(OLDER, tool_choice=forced)[0].tool_choice == forced
    conversation, names = fitted(NEWEST, tool_choice=forced, reasoning=Reasoning(effort="low"))
    assert conversation.tool_choice == ToolChoice(mode="auto")
    assert conversation.reasoning == Reasoning(adaptive=True, effort="low")
    assert names == ("tool_choice",)


def test_stops_of_white_space_and_strict_tools_are_left_out():
    tools = (Tool(name="a", strict=True), Tool(name="b", strict=False))
    conversation, names = fitted(NEWEST, stop=("\n\n", "x"), tools=tools)
    assert conversation.stop == ("x",)
    assert [tool.strict for tool in conversation.tools] == [None, None]
    assert names == ("tools.strict", "stop")


@pytest.mark.parametrize(
    ("user", "taken"),
    [("user-7", "user-7"), ("12345", "12345"), ("ann@example.com", ""), ("+49 (30) 1234-567", ""), ("", "")],
)
def test_a_user_that_is_a_persons_address_is_left_out(user, taken):
    conversation, names = fitted(NEWEST, user=user)
    assert conversation.user == taken
    assert names == (() if user == taken else ("user",))


@pytest.mark.parametrize(
    ("model", "sent", "limit"),
    [
        (NEWEST, None, 128_000),
        (OLDER, 100_000, 64_000),
        (OLDER, 9, 9),
        (UNKNOWN, None, 32_000),
        (UNKNOWN, 10**6, 10**6),
    ],
)
def test_the_answers_limit(model, sent, limit):
    assert fitted(model, output_limit=sent)[0].output_limit == limit


def test_a_form_that_a_model_cannot_be_held_to_is_asked_for_in_words():
    shape = ResponseFormat(kind="json_schema", schema={"type": "object"})
    assert fitted(OLDER, response_format=shape)[0].response_format == shape
    conversation, names = fitted(OLDEST, system=(Text(text="A"),), response_format=shape)
    assert conversation.response_format is None
    assert conversation.system[0] == Text(text="A")
    assert conversation.system[1].text.endswith('{"type":"object"}')
    assert names == ("response_format",)


SCHEMAS = [
    ({"type": "string"}, {"type": "string"}),
    ({"type": "object", "a": 1}, {"type": "object", "a": 1, "additionalProperties": False}),
    (
        {"type": "object", "additionalProperties": True, "properties": {"a": {"type": "object"}}},
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {"a": {"type": "object", "additionalProperties": False}},
        },
    ),
    (
        {"type": "integer", "minimum": 0, "maximum": 9, "description": "A digit."},
        {"type": "integer", "description": "A digit. (minimum: 0, maximum: 9)"},
    ),
    (
        {"type": "array", "items": {"minLength": 1}, "uniqueItems": False},
        {"type": "array", "items": {"description": "(minLength: 1)"}},
    ),
    (
        {"oneOf": [{"type": "object"}], "anyOf": [{"const": 1}]},
        {"anyOf": [{"const": 1}, {"type": "object", "additionalProperties": False}]},
    ),
    ({"properties": {"minimum": {}, "oneOf": {}}}, {"properties": {"minimum": {}, "oneOf": {}}}),
    (
        {"$defs": {"a": {"not": {"const": 1}}}, "$ref": "#/$defs/a"},
        {"$defs": {"a": {"description": '(not: {"const":1})'}}, "$ref": "#/$defs/a"},
    ),
    (True, True),
]


@pytest.mark.parametrize(("schema", "taken"), SCHEMAS)
def test_a_schema_is_written_in_what_structured_outputs_take(schema, taken):
    assert claude_schema(schema) == taken
    assert claude_schema(taken) == taken
