"""JSON schemas as grammars: they force a model to write a valid call or answer.

Schemas come from clients. What a grammar cannot express is left to the model, and
the result is checked afterwards.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from llama_cpp.llama_grammar import JSON_GBNF, json_schema_to_gbnf

from router.engine.schema import Schema
from router.engine.template import Tool
from router.engine.toolcalls import Family

_SURROGATES = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}", re.IGNORECASE)
"""A character beyond U+FFFF as JSON escapes it; a grammar would take it for two."""
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]')
_QUANTIFIER = re.compile(r"(?<=[{,])\d+(?=[},])")
_BOUNDS = ("minLength", "maxLength", "minItems", "maxItems")
_MOST_REPEATS = 256
_DEEPEST = 1000
"""Groups in groups; at some ten thousand llama.cpp's parser runs out of stack and takes the process along."""
_LARGEST = 2**20


class UnsupportedSchema(Exception):
    """No grammar can be made from a schema; the message says why."""


def call_grammar(tools: Sequence[Tool], family: Family, *, loose: bool = False) -> str:
    """Make a grammar for one call of one of `tools`, as a JSON object.

    Arguments whose schema cannot be put as a grammar are any object there: the call is checked afterwards.

    Args:
        tools: Those that may be called.
        family: How the model writes calls.
        loose: Whether the arguments of all are any object.

    Raises:
        UnsupportedSchema: there are too many tools for a grammar.
    """
    arguments = [_ANY_OBJECT if loose or not _is_supported(tool) else _arguments(tool) for tool in tools]
    definitions = {f"tool{i}": _rebased(schema, f"#/$defs/tool{i}") for i, schema in enumerate(arguments)}
    calls = [
        {
            "type": "object",
            "properties": {
                "name": {"const": tool["function"]["name"]},
                family.arguments: {"$ref": f"#/$defs/tool{i}"},
            },
            "required": ["name", family.arguments],
        }
        for i, tool in enumerate(tools)
    ]
    return json_grammar({"$defs": definitions, "oneOf": calls})


_ANY_OBJECT: Schema = {"type": "object"}


def _is_supported(tool: Tool) -> bool:
    try:
        json_grammar(_arguments(tool))
    except UnsupportedSchema:
        return False
    return True


def _arguments(tool: Tool) -> Schema:
    """The schema of a tool's arguments; without one, an empty object."""
    parameters: Schema = tool["function"]["parameters"]
    if not parameters:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    cleaned: Schema = _without_lost_references(parameters, parameters)
    return cleaned


def _without_lost_references(schema: Any, root: Schema) -> Any:
    """Take any value where a reference leads nowhere; the other arguments are still held to their schemas."""
    if isinstance(schema, list):
        return [_without_lost_references(item, root) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_lost_references(value, root)
        for key, value in schema.items()
        if key != "$ref" or not isinstance(value, str) or _leads_somewhere(value, root)
    }


def _leads_somewhere(reference: str, root: Schema) -> bool:
    """Whether a reference is one into its own schema, by a path of names."""
    place: Any = root
    start, *names = reference.split("/")
    for name in names:
        if not isinstance(place, dict) or name not in place:
            return False
        place = place[name]
    return start == "#"


def _rebased(schema: Any, base: str) -> Any:
    """Point a schema's own references to where it stands now."""
    if isinstance(schema, list):
        return [_rebased(item, base) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: base + value[1:]
        if key == "$ref" and isinstance(value, str) and value.startswith("#")
        else _rebased(value, base)
        for key, value in schema.items()
    }


def json_grammar(schema: Schema | None) -> str:
    """Make a GBNF grammar; None is any JSON object.

    Bounds that are too large to be spelled out are left to the model.

    Raises:
        UnsupportedSchema: the schema uses what a grammar cannot express, or is no schema.
    """
    if schema is None:
        return str(JSON_GBNF)
    try:
        text = str(json_schema_to_gbnf(json.dumps(_relaxed(schema))))
    except _FAILURES as error:
        raise UnsupportedSchema(
            f"no grammar can be made from the schema: {error or type(error).__name__}"
        ) from error
    if len(text) > _LARGEST or _depth(text) > _DEEPEST:
        raise UnsupportedSchema("no grammar can be made from the schema: it is too large")
    return _SURROGATES.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), text)


def _relaxed(schema: Any) -> Any:
    """Leave to the model what a grammar cannot say; the call, or the answer, is checked afterwards.

    Large bounds, since a grammar spells them out and llama.cpp's parser recurses into each; patterns
    that the converter cannot read; `not` and other keywords that it does not know; empty enums, and values
    that JSON writes with a backslash; items of any kind.
    """
    if isinstance(schema, list):
        return [_relaxed(item) for item in schema]
    if schema is True:
        return {}
    if not isinstance(schema, dict):
        return schema
    if isinstance(kinds := schema.get("type"), list):
        return _relaxed(_split(schema, kinds))
    if schema.get("type") == "integer" and (
        values := _values_between(schema.get("minimum"), schema.get("maximum"))
    ):
        return {"enum": values}
    relaxed = {
        key: _relaxed_each(value) if key in _BY_NAME else value if key in _VALUES else _relaxed(value)
        for key, value in schema.items()
        if not _is_left_out(key, value)
    }
    values = _values_of(schema)
    if (
        "type" not in schema
        and any(map(_is_escaped, values))
        and all(isinstance(item, str) for item in values)
    ):
        relaxed["type"] = "string"
    if not relaxed.get("items", True):
        del relaxed["items"]  # the converter takes what is empty for missing, and then wants `prefixItems`
    return relaxed


_KEYWORDS: Mapping[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "string": frozenset({"pattern", "format", "minLength", "maxLength"}),
    "integer": frozenset({"minimum", "maximum"}),
}
"""Keywords that say something of values of one type alone."""


def _split(schema: Schema, kinds: list[Any]) -> Schema:
    """Write a list of types as a choice: beside such a list the converter reads nothing else."""
    others = {key: value for key, value in schema.items() if key != "type"}
    if not (kinds and all(isinstance(kind, str) for kind in kinds)) or others.keys() & _SAY_IT_ALL:
        return others
    own = frozenset().union(*_KEYWORDS.values())
    shared = {key: value for key, value in others.items() if key not in own}
    choices = [
        {"type": kind} | {key: others[key] for key in _KEYWORDS.get(kind, ()) if key in others}
        for kind in kinds
    ]
    return shared | {"anyOf": choices}


_SAY_IT_ALL = frozenset({"enum", "const", "anyOf", "oneOf", "allOf", "$ref"})
"""Keywords beside which the converter looks at no type."""
_BY_NAME = frozenset({"properties", "$defs", "definitions"})
"""Keywords whose object maps names to schemas: a property may be called `not`, too."""
_VALUES = frozenset({"const", "enum", "default", "examples", "required"})
_UNKNOWN = frozenset({"not", "if", "then", "else", "dependentSchemas", "patternProperties", "propertyNames"})


def _relaxed_each(schemas: Any) -> Any:
    if not isinstance(schemas, dict):
        return schemas
    return {name: _relaxed(schema) for name, schema in schemas.items()}


def _is_left_out(key: str, value: Any) -> bool:
    """Whether a keyword is left to the model."""
    if key == "pattern":
        return not isinstance(value, str) or _too_many(key, value) or not _convertible(value)
    if key in {"enum", "const"}:
        return value == [] or any(map(_is_escaped, _values_of({key: value})))
    return key in _UNKNOWN or _too_many(key, value)


def _values_of(schema: Schema) -> list[Any]:
    """The values that a schema allows; none where it lists none."""
    listed = schema.get("enum")
    values = listed if isinstance(listed, list) else []
    return [*values, schema["const"]] if "const" in schema else values


def _is_escaped(value: Any) -> bool:
    """Whether JSON writes a text with a backslash, which the converter copies as a sign of its own."""
    return isinstance(value, str) and "\\" in json.dumps(value, ensure_ascii=False)


@lru_cache(maxsize=1024)
def _convertible(pattern: str) -> bool:
    """Whether the converter makes a grammar of a pattern, and one of the same meaning."""
    if not _SIMPLE.fullmatch(pattern):
        return False
    try:
        json_schema_to_gbnf(json.dumps({"type": "string", "pattern": pattern}))
    except _FAILURES:
        return False
    return True


_SIMPLE = re.compile(
    r"""\^(?:[^\\^$.\[\]|(){}*+?"\x00-\x1f]|\\[*+?|(){}\[\]]|[()|*+?]|\{\d+(?:,\d*)?\}
    |\[(?:[^\\^\[\]"\x00-\x1f]|\\[\]\[^-])++\])*+\$""",
    re.VERBOSE,
)
"""Patterns that a grammar says in the same way: letters, plain ranges, groups and repeats.

The converter never returns over a closing bracket alone, such as `[[:alpha:]]` leaves; it copies escaped
classes as if they were letters, and `\\.` with its sign; and `.` or `[^x]` admit a quote, which would end
the JSON string.
"""
_FAILURES = (ValueError, AssertionError, TypeError, AttributeError, KeyError, IndexError, RecursionError)


def _values_between(low: Any, high: Any) -> list[int]:
    """List a short range, since the converter ignores bounds of numbers; empty for a long one."""
    if not isinstance(low, int) or not isinstance(high, int) or high - low >= _MOST_REPEATS:
        return []
    return list(range(low, high + 1))


def _too_many(key: str, value: Any) -> bool:
    if key == "pattern" and isinstance(value, str):
        return any(int(number) > _MOST_REPEATS for number in _QUANTIFIER.findall(value))
    return key in _BOUNDS and isinstance(value, int) and value > _MOST_REPEATS


def _depth(text: str) -> int:
    """How deep a grammar's groups are nested."""
    depth = deepest = 0
    for bracket in re.findall(r"[()]", _QUOTED.sub("", text)):
        depth += 1 if bracket == "(" else -1
        deepest = max(deepest, depth)
    return deepest
