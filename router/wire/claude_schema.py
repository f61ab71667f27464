"""A JSON schema in the part of the standard that Claude's structured outputs take.

The provider refuses keywords that its grammar cannot hold an answer to, and objects that may have more
properties than are named (guide "Structured outputs", as its own SDK transforms them). What is left out
is said in the description, so that the model still knows it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

_UNSUPPORTED = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
    "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains", "prefixItems",
    "minProperties", "maxProperties", "patternProperties", "propertyNames", "dependentRequired",
    "dependentSchemas", "unevaluatedProperties", "if", "then", "else", "not",
)  # fmt: skip
_BY_NAME = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "allOf", "oneOf")


def claude_schema(schema: Any) -> Any:
    """Rewrite a schema; what is no object is given back as it is.

    Raises:
        RecursionError: nested too deeply.
    """
    if not isinstance(schema, Mapping):
        return schema
    result = {name: _inner(name, value) for name, value in schema.items() if name not in _UNSUPPORTED}
    if "oneOf" in result:
        result["anyOf"] = [*result.get("anyOf", ()), *result.pop("oneOf")]
    if result.get("type") == "object":
        result["additionalProperties"] = False
    notes = [
        f"{name}: {_text(schema[name])}" for name in _UNSUPPORTED if schema.get(name, False) is not False
    ]
    if notes:
        described = result.get("description")
        words = [described] if isinstance(described, str) and described else []
        result["description"] = " ".join((*words, f"({', '.join(notes)})"))
    return result


def _inner(name: str, value: Any) -> Any:
    if name in _BY_NAME and isinstance(value, Mapping):
        return {key: claude_schema(inner) for key, inner in value.items()}
    if name in _LISTS and isinstance(value, list):
        return [claude_schema(inner) for inner in value]
    return claude_schema(value) if name == "items" else value


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
