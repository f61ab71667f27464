import pytest

from router.engine import schema
from router.engine.toolcalls import Call

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "edit",
            "description": "",
            "parameters": {
                "type": "object",
                "properties": {
                    "path": {"type": "string"},
                    "line": {"type": "integer"},
                    "mode": {"enum": ["a", "w"]},
                    "flags": {"type": "array", "items": {"$ref": "#/$defs/flag"}},
                },
                "required": ["path"],
                "additionalProperties": False,
                "$defs": {"flag": {"type": "boolean"}},
            },
        },
    },
    {"type": "function", "function": {"name": "list", "description": "", "parameters": {}}},
]


@pytest.mark.parametrize(
    ("name", "arguments", "wrong"),
    [
        ("edit", {"path": "a"}, ""),
        ("edit", {"path": "a", "line": 3, "mode": "w", "flags": [True]}, ""),
        ("list", {}, ""),
        ("list", {"anything": 1}, ""),
        ("edit", {}, "'path' is a required property"),
        ("edit", {"path": 3}, "$.path: 3 is not of type 'string'"),
        ("edit", {"path": "a", "mode": "x"}, "$.mode"),
        ("edit", {"path": "a", "flags": ["yes"]}, "$.flags[0]"),
        ("edit", {"path": "a", "other": 1}, "'other' was unexpected"),
        ("erase", {}, "there is no tool 'erase'; offered are edit, list"),
    ],
)
def test_problem(name, arguments, wrong):
    problem = schema.problem(Call(name=name, arguments=arguments), TOOLS)
    assert wrong in problem
    assert bool(problem) == bool(wrong)


@pytest.mark.parametrize(
    "invalid",
    [
        {"type": "no such type"},
        {"properties": 3},
        {"$ref": "https://localhost:1/schema.json"},
        {"$ref": "#/$defs/none"},
    ],
)
def test_an_invalid_schema_refuses_no_call(invalid):
    tools = [{"type": "function", "function": {"name": "f", "description": "", "parameters": invalid}}]
    assert schema.problem(Call(name="f", arguments={"a": 1}), tools) == ""


def test_coerce_reads_text_only_where_the_schema_wants_something_else():
    call = Call(name="edit", arguments={"path": "1", "line": "3", "flags": "[true]", "mode": "w"})
    assert schema.coerce(call, TOOLS).arguments == {"path": "1", "line": 3, "flags": [True], "mode": "w"}


@pytest.mark.parametrize("value", ["three", "", None, [1]])
def test_coerce_leaves_what_it_cannot_read(value):
    call = Call(name="edit", arguments={"line": value})
    assert schema.coerce(call, TOOLS) == call


def test_a_pattern_is_checked_after_the_call():
    parameters = {"type": "object", "properties": {"a": {"type": "string", "pattern": "[0-9]{3}"}}}
    tools = [{"type": "function", "function": {"name": "f", "description": "", "parameters": parameters}}]
    assert schema.problem(Call(name="f", arguments={"a": "no"}), tools)
    assert not schema.problem(Call(name="f", arguments={"a": "in 123"}), tools)
    parameters["properties"]["a"]["pattern"] = "^\\p{L}+$"
    assert schema.problem(Call(name="f", arguments={"a": "no"}), tools) == ""


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ({"type": ["string", "null"]}, "3", "3"),
        ({"type": ["integer", "null"]}, "3", 3),
        ({"type": ["integer", "null"]}, "null", None),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "3", 3),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, "3", "3"),
        ({"anyOf": [{"type": "integer"}, 3]}, "3", "3"),
        ({"type": {"a": 1}}, "3", "3"),
        ({"type": [["string"]]}, "3", "3"),
        ({"type": 7}, "3", "3"),
        ({"type": []}, "3", "3"),
        (None, "3", "3"),
        ({"type": "array"}, "[" * 100_000, "[" * 100_000),
    ],
    ids=range(12),
)
def test_types_in_every_spelling_are_read(kind, text, value):
    tools = [{"type": "function", "function": {"name": "t", "parameters": {"properties": {"v": kind}}}}]
    call = Call(name="t", arguments={"v": text})
    assert schema.coerce(call, tools).arguments == {"v": value}
    assert isinstance(schema.problem(call, tools), str)


@pytest.mark.parametrize(
    ("parameters", "holds"),
    [
        ({"patternProperties": {"^a": {"type": "string"}}}, False),
        ({"patternProperties": {"^b": {"type": "string"}}, "additionalProperties": False}, True),
        ({"patternProperties": {"^(a+)+$": {"type": "string"}}, "unevaluatedProperties": False}, True),
        ({"patternProperties": {"^(?=a)(a+)+$": {"type": "string"}}}, True),
        ({"additionalProperties": False}, False),
    ],
)
def test_patterns_of_names_are_checked_in_bounded_time(parameters, holds):
    tools = [{"type": "function", "function": {"name": "f", "description": "", "parameters": parameters}}]
    assert (schema.problem(Call(name="f", arguments={"a" * 40 + "!": 1}), tools) == "") is holds


@pytest.mark.parametrize(
    ("pattern", "value", "holds"),
    [
        ("^(a+)+$", "a" * 40 + "!", False),
        ("^(a|a)*$", "a" * 40 + "!", False),
        ("^(?=x)(a+)+$", "a" * 40 + "!", True),  # cannot be checked in bounded time
        ("^(?=a)([a-z]+b?)+$", "a" * 40 + "!", True),
        ("^(?!y)[a-z]+$", "yes", True),
        ("^(?!y)[a-z]+$", "no", True),
        ("^\\d{3}$", "123", True),
        ("^\\d{3}$", "12a", False),
        ("[a-z", "x", True),
    ],
)
def test_a_pattern_is_checked_in_bounded_time(pattern, value, holds):
    parameters = {"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}}
    tools = [{"type": "function", "function": {"name": "f", "description": "", "parameters": parameters}}]
    assert (schema.problem(Call(name="f", arguments={"a": value}), tools) == "") is holds


def test_an_empty_list_of_values_rules_nothing_out():
    parameters = {"type": "object", "properties": {"level": {"type": "string", "enum": []}}}
    tools = [{"type": "function", "function": {"name": "log", "description": "", "parameters": parameters}}]
    assert not schema.problem(Call(name="log", arguments={"level": "debug"}), tools)
    assert "is not of type" in schema.problem(Call(name="log", arguments={"level": 3}), tools)
