"""JSON schemas of the types that say what bodies look like: msgspec's, pydantic's, `TypedDict`s, dataclasses.

The types themselves stand where bodies are read and answers are made; nothing is said of them twice.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from pydantic import BaseModel

Schema = dict[str, Any]
_REF = "#/components/schemas/{name}"
_INVALID = re.compile(r"[^A-Za-z0-9._-]+")
_BLANKS = re.compile(r"\s*\n\s*")


class Components:
    """Collects types; each is described once, and referred to by its name.

    All are described together at the end, so that of two with one name each gets one of its own.
    """

    def __init__(self) -> None:
        self._types: list[tuple[Any, Schema]] = []

    def reference(self, type_: Any) -> Schema:
        """Return what `schemas` will fill with the schema of `type_`; of a tuple of types any may hold."""
        if isinstance(type_, tuple):
            return {"anyOf": [self.reference(part) for part in type_]}
        schema: Schema = {}
        self._types.append((type_, schema))
        return schema

    def schemas(self) -> Mapping[str, Schema]:
        """Fill all references; return what they refer to, by name."""
        models = [pair for pair in self._types if _is_model(pair[0])]
        others = [pair for pair in self._types if not _is_model(pair[0])]
        schemas, parts = msgspec.json.schema_components([type_ for type_, _ in others], ref_template=_REF)
        for (_, reference), schema in zip(others, schemas, strict=True):
            reference.update(_tidy(schema))
        for model, reference in models:
            schema, own = _of_pydantic(model)
            reference.update(schema)
            parts |= own
        named = {_name(name): _tidy(part) for name, part in parts.items()}
        if len(named) != len(parts):
            raise ValueError("two types have one name in the description: rename one of them")
        return dict(sorted(named.items()))


def _is_model(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, BaseModel)


def _of_pydantic(model: type[BaseModel]) -> tuple[Schema, dict[str, Schema]]:
    schema = model.model_json_schema(ref_template=_REF.replace("{name}", "{model}"))
    parts = schema.pop("$defs", {})
    return {"$ref": _REF.format(name=model.__name__)}, {**parts, model.__name__: schema}


def _name(name: str) -> str:
    """A type's name, of two with one name by their module, too: `chat_shape.Choice`."""
    *modules, own = name.split(".")
    return ".".join((*modules[-1:], own.lstrip("_")))


def _tidy(value: Any) -> Any:
    """Name what is referred to as `schemas` does, and leave out the titles that are but names."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    tidy = {
        name: _tidy(item) for name, item in value.items() if not (name == "title" and isinstance(item, str))
    }
    if isinstance(reference := value.get("$ref"), str):
        tidy["$ref"] = _REF.format(name=_name(reference.rpartition("/")[2]))
    if isinstance(description := value.get("description"), str):
        tidy["description"] = _BLANKS.sub(" ", description)
    return tidy


def slug(text: str) -> str:
    """Make a name of `text`, as components and operations may have it."""
    return _INVALID.sub("_", text).strip("_")
