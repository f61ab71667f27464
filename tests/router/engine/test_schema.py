import pytest

from router.engine import schema
from router.engine.schema import SchemaUnusable
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
    found = schema.problem(Call(name=name, arguments=arguments), TOOLS)
    assert wrong in found
    assert bool(found) == bool(wrong)


@pytest.mark.parametrize(
    "unreadable",
    [
        {"type": "no such type"},
        {"properties": 3},
        {"$ref": "https://localhost:1/schema.json"},
        {"$ref": "#/$defs/none"},
    ],
)
def test_a_schema_nobody_can_read_refuses_no_call(unreadable):
    tools = [{"type": "function", "function": {"name": "f", "description": "", "parameters": unreadable}}]
    assert schema.problem(Call(name="f", arguments={"a": 1}), tools) == ""


def test_coerce_reads_text_only_where_the_schema_wants_something_else():
    call = Call(name="edit", arguments={"path": "1", "line": "3", "flags": "[true]", "mode": "w"})
    assert schema.coerce(call, TOOLS).arguments == {"path": "1", "line": 3, "flags": [True], "mode": "w"}


@pytest.mark.parametrize("value", ["three", "", None, [1]])
def test_coerce_leaves_what_it_cannot_read(value):
    call = Call(name="edit", arguments={"line": value})
    assert schema.coerce(call, TOOLS) == call


@pytest.mark.parametrize(
    "unusable",
    [
        {"$ref": "https://localhost:1/schema.json"},
        {"$ref": "#/$defs/none"},
        {"type": "no such type"},
        {"type": "string", "pattern": "no anchors"},
        {"properties": 3},
        {"oneOf": 3},
    ],
)
def test_grammar_refuses(unusable):
    with pytest.raises(SchemaUnusable):
        schema.grammar(unusable)
