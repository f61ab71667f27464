"""Gemini's own schemas as JSON schemas: types in capitals, `nullable` as a field, numbers as text."""

from collections.abc import Mapping
from typing import Any

_ONE = frozenset({"items", "not", "additionalProperties"})
_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_MAPS = frozenset({"properties", "$defs", "defs"})
_COUNTS = frozenset({
    "minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength",
})  # fmt: skip
_OF_GEMINI = frozenset({"nullable", "propertyOrdering", "example"})
_SPELLINGS: Mapping[str, str] = {
    "any_of": "anyOf", "min_items": "minItems", "max_items": "maxItems", "min_length": "minLength",
    "max_length": "maxLength", "min_properties": "minProperties", "max_properties": "maxProperties",
    "property_ordering": "propertyOrdering", "additional_properties": "additionalProperties",
}  # fmt: skip


def json_schema(schema: Any) -> Any:
    """Write a schema of Gemini's as JSON schema; what is JSON schema already stays as it is."""
    if not isinstance(schema, dict):
        return schema
    fields = {
        word: _value(word, value)
        for name, value in schema.items()
        if (word := _SPELLINGS.get(name, name)) not in _OF_GEMINI and not _is_unset(word, value)
    }
    kind = fields.get("type")
    if schema.get("nullable") is True and isinstance(kind, str):
        fields["type"] = [kind, "null"]
        if isinstance(fields.get("enum"), list):
            fields["enum"] = [*fields["enum"], None]
    elif schema.get("nullable") is True and "anyOf" in fields:
        fields["anyOf"] = [*fields["anyOf"], {"type": "null"}]
    return fields


def _is_unset(name: str, value: Any) -> bool:
    """Whether a field says nothing: `format: enum` only repeats that there is an `enum`."""
    return (name == "type" and value == "TYPE_UNSPECIFIED") or (name == "format" and value == "enum")


def _value(name: str, value: Any) -> Any:
    if name in _COUNTS and isinstance(value, str) and value.isdecimal():
        return int(value)
    if name == "type" or name in _ONE:
        return _one(name, value)
    if name in _LISTS and isinstance(value, list):
        return [json_schema(schema) for schema in value]
    if name in _MAPS and isinstance(value, dict):
        return {key: json_schema(schema) for key, schema in value.items()}
    return value


def _one(name: str, value: Any) -> Any:
    """A type, or several; or one schema."""
    if name != "type":
        return json_schema(value)
    if isinstance(value, list):
        return [_one(name, item) for item in value]
    return value.lower() if isinstance(value, str) else value
