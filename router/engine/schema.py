"""Checks tool calls against the JSON schemas of the tools.

Schemas come from clients. An invalid schema does not fail a request, and no call is refused
because of one. Nothing is ever fetched for a `$ref`.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import jsonschema
import re2
import referencing
import referencing.exceptions

from router.engine.template import Tool
from router.engine.toolcalls import Call

Schema = dict[str, Any]


def coerce(call: Call, tools: Sequence[Tool]) -> Call:
    """Read values that a model could only write as text (`"3"` for an integer) as JSON.

    Only where the schema wants something else than a string, and the text is that.
    """
    properties = _parameters(call.name, tools).get("properties")
    if not isinstance(properties, dict):
        return call
    arguments = {key: _coerce(value, properties.get(key)) for key, value in call.arguments.items()}
    return Call(name=call.name, arguments=arguments)


_OTHER_THAN_TEXT = frozenset({"integer", "number", "boolean", "array", "object", "null"})


def _coerce(value: Any, schema: Any) -> Any:
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
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if all(isinstance(kind, str) for kind in kinds):
        return frozenset(kinds)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if not isinstance(choices, list):
        return frozenset()
    each = [_types(choice) for choice in choices]
    return frozenset().union(*each) if all(each) else frozenset()


def problem(call: Call, tools: Sequence[Tool]) -> str:
    """Say what is wrong with a call, for a person; empty where it is valid."""
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
    except (re2.error, TypeError):  # it looks around, refers back, or is not text
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
    """The keyword `additionalProperties`; ignored beside `patternProperties`."""
    if "patternProperties" not in schema:
        yield from _STANDARD.VALIDATORS["additionalProperties"](validator, others, instance, schema)


def _listed(validator: Any, values: Any, instance: Any, schema: Schema) -> Iterator[Any]:
    """The keyword `enum`; an empty list, which some tools are offered with, rules nothing out."""
    if values:
        yield from _STANDARD.VALIDATORS["enum"](validator, values, instance, schema)


def _unchecked(*_: Any) -> Iterator[Any]:
    """A keyword that jsonschema judges by matching patterns in unbounded time."""
    return iter(())


_STANDARD = jsonschema.Draft202012Validator
_Validator = jsonschema.validators.extend(
    _STANDARD,
    {
        "enum": _listed,
        "pattern": _matches,
        "patternProperties": _match_names,
        "additionalProperties": _others,
        "unevaluatedProperties": _unchecked,
    },
)


def _parameters(name: str, tools: Sequence[Tool]) -> Schema:
    return next((tool["function"]["parameters"] for tool in tools if tool["function"]["name"] == name), {})
