"""Tool calls and answers against JSON schemas: checked, and turned into grammars.

Schemas come from clients. One that nobody can read does not fail a request: it is
then no ground to refuse a call either. Nothing is ever fetched for a `$ref`.
"""

import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import jsonschema
import re2
import referencing
import referencing.exceptions
from llama_cpp.llama_grammar import JSON_GBNF, json_schema_to_gbnf

from router.engine.template import Tool
from router.engine.toolcalls import Call, Family

Schema = dict[str, Any]


_SURROGATES = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}", re.IGNORECASE)
"""A character beyond U+FFFF as JSON escapes it; a grammar would take it for two."""


_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]')
_QUANTIFIER = re.compile(r"(?<=[{,])\d+(?=[},])")
_BOUNDS = ("minLength", "maxLength", "minItems", "maxItems")
_MOST_REPEATS = 256
_DEEPEST = 1000
"""Groups in groups; at some ten thousand llama.cpp's parser runs out of stack and takes the process along."""
_LARGEST = 2**20


class SchemaUnusable(Exception):
    """No grammar can be made from this schema."""


def coerce(call: Call, tools: Sequence[Tool]) -> Call:
    """Read values that a model could only write as text (`"3"` for an integer) as JSON.

    Only where the schema wants something else than a string, and the text is that.
    """
    properties = _parameters(call.name, tools).get("properties")
    if not isinstance(properties, dict):
        return call
    arguments = {key: _coerced(value, properties.get(key)) for key, value in call.arguments.items()}
    return Call(name=call.name, arguments=arguments)


_OTHER_THAN_TEXT = frozenset({"integer", "number", "boolean", "array", "object", "null"})


def _coerced(value: Any, schema: Any) -> Any:
    types = _types(schema)
    if not isinstance(value, str) or not types or not types <= _OTHER_THAN_TEXT:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _types(schema: Any) -> frozenset[str]:
    """Collect what a value may be, such as `["integer", "null"]`; empty where the schema leaves it open."""
    if not isinstance(schema, dict):
        return frozenset()
    named = schema.get("type")
    listed = named if isinstance(named, list) else [named]
    if all(isinstance(name, str) for name in listed):
        return frozenset(listed)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if not isinstance(choices, list):
        return frozenset()
    each = [_types(choice) for choice in choices]
    return frozenset().union(*each) if all(each) else frozenset()


def problem(call: Call, tools: Sequence[Tool]) -> str:
    """Say what is wrong with a call; empty where nothing is."""
    names = [tool["function"]["name"] for tool in tools]
    if call.name not in names:
        return f"there is no tool {call.name!r}; offered are {', '.join(names)}"
    validator = _validator(_parameters(call.name, tools))
    if validator is None:
        return ""
    try:
        error = next(iter(validator.iter_errors(call.arguments)), None)
    except Exception:
        return ""
    return f"{call.name}: {error.json_path}: {error.message}" if error else ""


def _validator(schema: Schema) -> Any:
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except Exception:
        return None
    return _Validator(schema, registry=referencing.Registry())


_QUIET = re2.Options()
_QUIET.log_errors = False


def _linear(pattern: Any) -> Any:
    """Compile a pattern that a client wrote; None where it cannot be matched in linear time."""
    try:
        return re2.compile(pattern, options=_QUIET)
    except (re2.error, TypeError):  # it looks around, refers back, or is no text
        return None


def _matches(validator: Any, pattern: Any, instance: Any, _schema: Schema) -> Iterator[Any]:
    """The keyword `pattern`."""
    compiled = _linear(pattern)
    if compiled and validator.is_type(instance, "string") and not compiled.search(instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def _match_names(validator: Any, schemas: Any, instance: Any, _schema: Schema) -> Iterator[Any]:
    """The keyword `patternProperties`."""
    for pattern, schema in schemas.items() if validator.is_type(instance, "object") else ():
        compiled = _linear(pattern)
        for name in filter(compiled.search, instance) if compiled else ():
            yield from validator.descend(instance[name], schema, path=name, schema_path=pattern)


def _others(validator: Any, others: Any, instance: Any, schema: Schema) -> Iterator[Any]:
    """The keyword `additionalProperties`; beside patterns of names it is not held against a call."""
    if "patternProperties" not in schema:
        yield from _STANDARD.VALIDATORS["additionalProperties"](validator, others, instance, schema)


def _unchecked(*_: Any) -> Iterator[Any]:
    """A keyword that jsonschema judges by matching patterns in unbounded time."""
    return iter(())


_STANDARD = jsonschema.Draft202012Validator
_Validator = jsonschema.validators.extend(
    _STANDARD,
    {
        "pattern": _matches,
        "patternProperties": _match_names,
        "additionalProperties": _others,
        "unevaluatedProperties": _unchecked,
    },
)


def _parameters(name: str, tools: Sequence[Tool]) -> Schema:
    return next((tool["function"]["parameters"] for tool in tools if tool["function"]["name"] == name), {})


def call_grammar(tools: Sequence[Tool], family: Family, *, loose: bool = False) -> str:
    """Make a grammar for one call of one of `tools`, as a JSON object.

    Arguments whose schema cannot be put as a grammar are any object there: the call is checked afterwards.

    Args:
        tools: Those that may be called.
        family: How the model writes calls.
        loose: Whether the arguments of all are any object.

    Raises:
        SchemaUnusable: there are too many tools for a grammar.
    """
    arguments = [_ANY_OBJECT if loose or not _usable(tool) else _object(tool) for tool in tools]
    definitions = {f"tool{i}": _moved(schema, f"#/$defs/tool{i}") for i, schema in enumerate(arguments)}
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
    return grammar({"$defs": definitions, "oneOf": calls})


_ANY_OBJECT: Schema = {"type": "object"}


def _usable(tool: Tool) -> bool:
    try:
        grammar(_object(tool))
    except SchemaUnusable:
        return False
    return True


def _object(tool: Tool) -> Schema:
    """Arguments are an object even where the schema forgot to say so."""
    parameters: Schema = tool["function"]["parameters"]
    return parameters or {"type": "object", "properties": {}, "additionalProperties": False}


def _moved(schema: Any, base: str) -> Any:
    """Point a schema's own references to where it stands now."""
    if isinstance(schema, list):
        return [_moved(item, base) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: base + value[1:]
        if key == "$ref" and isinstance(value, str) and value.startswith("#")
        else _moved(value, base)
        for key, value in schema.items()
    }


def grammar(schema: Schema | None) -> str:
    """Make a GBNF grammar; None is any JSON object.

    Bounds that are too large to be spelled out are left to the model.

    Raises:
        SchemaUnusable: the schema uses what a grammar cannot express, or is no schema.
    """
    if schema is None:
        return str(JSON_GBNF)
    try:
        made = str(json_schema_to_gbnf(json.dumps(_relaxed(schema))))
    except _FAILURES as error:
        raise SchemaUnusable(
            f"no grammar can be made from the schema: {error or type(error).__name__}"
        ) from error
    if len(made) > _LARGEST or _depth(made) > _DEEPEST:
        raise SchemaUnusable("no grammar can be made from the schema: it is too large")
    return _SURROGATES.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), made)


def _relaxed(schema: Any) -> Any:
    """Leave to the model what a grammar cannot say; the call, or the answer, is checked afterwards.

    Large bounds, since a grammar spells them out and llama.cpp's parser recurses into each; patterns
    that the converter cannot read; `not` and other keywords that it does not know; empty enums.
    """
    if isinstance(schema, list):
        return [_relaxed(item) for item in schema]
    if schema is True:
        return {}
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "integer" and (listed := _listed(schema.get("minimum"), schema.get("maximum"))):
        return {"enum": listed}
    return {
        key: _named(value) if key in _BY_NAME else value if key in _VALUES else _relaxed(value)
        for key, value in schema.items()
        if not _unsaid(key, value)
    }


_BY_NAME = frozenset({"properties", "$defs", "definitions"})
"""Keywords whose object maps names to schemas: a property may be called `not`, too."""
_VALUES = frozenset({"const", "enum", "default", "examples", "required"})
_UNKNOWN = frozenset({"not", "if", "then", "else", "dependentSchemas", "patternProperties", "propertyNames"})


def _named(schemas: Any) -> Any:
    if not isinstance(schemas, dict):
        return schemas
    return {name: _relaxed(schema) for name, schema in schemas.items()}


def _unsaid(key: str, value: Any) -> bool:
    """Whether a keyword is left to the model."""
    if key == "pattern":
        return not isinstance(value, str) or _too_many(key, value) or not _convertible(value)
    return key in _UNKNOWN or (key == "enum" and value == []) or _too_many(key, value)


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


def _listed(low: Any, high: Any) -> list[int]:
    """List a short range: the converter knows no bounds of numbers. Empty where it is not short."""
    if not isinstance(low, int) or not isinstance(high, int) or high - low >= _MOST_REPEATS:
        return []
    return list(range(low, high + 1))


def _too_many(key: str, value: Any) -> bool:
    if key == "pattern" and isinstance(value, str):
        return any(int(number) > _MOST_REPEATS for number in _QUANTIFIER.findall(value))
    return key in _BOUNDS and isinstance(value, int) and value > _MOST_REPEATS


def _depth(text: str) -> int:
    """Count how deep a grammar's groups are nested."""
    depth = deepest = 0
    for bracket in re.findall(r"[()]", _QUOTED.sub("", text)):
        depth += 1 if bracket == "(" else -1
        deepest = max(deepest, depth)
    return deepest
