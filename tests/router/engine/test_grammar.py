import pytest

from router.engine import toolcalls
from router.engine.grammar import UnsupportedSchema, call_grammar, json_grammar


@pytest.mark.parametrize(
    "unsupported",
    [
        {"$ref": "https://localhost:1/schema.json"},
        {"$ref": "#/$defs/none"},
        {"type": "no such type"},
        {"properties": 3},
        {"oneOf": 3},
    ],
)
def test_grammar_refuses(unsupported):
    with pytest.raises(UnsupportedSchema):
        json_grammar(unsupported)


def of(schema):
    return json_grammar({"type": "object", "properties": {"a": schema}, "required": ["a"]})


@pytest.mark.parametrize("items", [{}, True, [], {"not": {"type": "null"}}])
def test_items_of_any_kind_are_an_array(items):
    assert of({"type": "array", "items": items}) == of({"type": "array"})


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": ["one\nline", "two"]},
        {"type": "string", "enum": ['say "hi"']},
        {"const": "C:\\temp"},
    ],
)
def test_a_text_with_escapes_is_left_to_the_model(schema):
    assert of(schema) == of({"type": "string"})


def test_values_of_several_kinds_with_such_a_text_among_them_are_any():
    assert of({"enum": ["one\nline", 1, None]}) == of({})


def test_a_text_without_escapes_is_held_to():
    assert of({"enum": ["größer", "a"]}) != of({"type": "string"})


@pytest.mark.parametrize(
    "pattern",
    [
        "no anchors",
        "^\\d+$",
        "^\\w",
        "^(?!x)y$",
        "^(a)\\1$",
        "^[a-z",
        "(",
        "^\\p{L}+$",
        "^(?:a|b)$",
        "",
        "^a{9999}$",
        7,
        "^[[:alnum:]]+$",
        "^]$",
        "^}$",
        "^[^;]$",
        "^.$",
        '^"$',
        "^a\\.b$",
    ],
)
def test_a_pattern_beyond_grammars_is_left_to_the_model(pattern):
    free = json_grammar({"type": "object", "properties": {"a": {"type": "string"}}})
    assert (
        json_grammar({"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}}) == free
    )


@pytest.mark.parametrize("keyword", ["not", "if", "then", "else", "patternProperties", "propertyNames"])
def test_a_keyword_is_left_to_the_model_and_a_property_of_that_name_is_not(keyword):
    plain = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert json_grammar(plain | {keyword: {"type": "string"}}) == json_grammar(plain)
    grammar = json_grammar(
        {"type": "object", "properties": {keyword: {"type": "string"}}, "required": [keyword]}
    )
    assert keyword in grammar


@pytest.mark.parametrize(
    ("listed", "chosen"),
    [
        ({"type": ["string", "null"], "enum": ["north", "south", None]}, {"enum": ["north", "south", None]}),
        ({"type": ["string", "null"], "const": "north"}, {"const": "north"}),
        (
            {"type": ["string", "null"], "pattern": "^[ns]$", "maxLength": 9, "title": "t"},
            {"anyOf": [{"type": "string", "pattern": "^[ns]$", "maxLength": 9}, {"type": "null"}]},
        ),
        (
            {
                "type": ["object", "null"],
                "properties": {"at": {"type": ["integer", "null"]}},
                "required": ["at"],
            },
            {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {"at": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
                        "required": ["at"],
                    },
                    {"type": "null"},
                ]
            },
        ),
        (
            {"type": ["array", "string"], "items": {"enum": [1, 2]}, "minItems": 1},
            {"anyOf": [{"type": "array", "items": {"enum": [1, 2]}, "minItems": 1}, {"type": "string"}]},
        ),
        ({"type": ["string"], "pattern": "^[ns]$"}, {"anyOf": [{"type": "string", "pattern": "^[ns]$"}]}),
        ({"type": []}, {}),
        ({"type": [{"type": "string"}]}, {}),
    ],
)  # fmt: skip
def test_a_list_of_types_keeps_what_is_said_beside_it(listed, chosen):
    assert of(listed) == of(chosen)


@pytest.mark.parametrize(
    "lost", ["#/$defs/none", "#/properties/b/items", "other.json#/$defs/one", "https://localhost:1/a.json"]
)
def test_where_a_reference_leads_nowhere_the_other_arguments_are_still_held(lost):
    def offered(first):
        properties = {"a": first, "b": {"$ref": "#/$defs/one"}}
        parameters = {"type": "object", "properties": properties, "required": ["a", "b"]}
        parameters["$defs"] = {"one": {"enum": [1, 2]}}
        return [{"type": "function", "function": {"name": "t", "description": "", "parameters": parameters}}]

    family = toolcalls.HERMES
    assert call_grammar(offered({"$ref": lost}), family) == call_grammar(offered({}), family)
