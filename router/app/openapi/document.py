"""The whole description, as OpenAPI 3.1 has it: every route of the application, every path of model calls."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from importlib.metadata import version
from itertools import count

from fastapi.routing import APIRoute

from router.app.openapi.components import Components, slug
from router.app.openapi.model_calls import model_calls
from router.app.openapi.operation import SECURITY_SCHEMES, Json, Operation, describe, describe_headers
from router.app.openapi.operations import NOT_DESCRIBED, OPERATIONS, TAGS

_IN_PATH = re.compile(r"\{(\w+)\}")
_ABOUT = """\
One endpoint for coding assistants: each request goes to the local model or to the cloud model, by a policy.

- `model` is `auto` (the policy decides), `local`, `cloud`, or a model's own name.
- Each answer of a model tells where it came from in its `x-turnout-*` headers.
- Errors come in the form of the dialect that the path speaks.
- Fields that are not described here are passed on to who answers, or refused by name.
"""


def build_description(routes: Iterable[APIRoute]) -> Json:
    """Describe all paths.

    Args:
        routes: the application's own; what answers model calls is added.
    """
    components = Components()
    paths: dict[str, Json] = {}
    responses: dict[str, Json] = {}
    for method, path, operation, route in _operations(list(routes)):
        described: Json = {"operationId": slug(f"{method.lower()}{path}")} | describe(operation, components)
        described["responses"] = {
            status: _shared(status, answer, operation, responses) if status[0] in "45d" else answer
            for status, answer in described["responses"].items()
        }
        described["summary"], described["description"] = _words(operation, route)
        described["parameters"] = [
            *_fields(operation),
            *_texts(operation),
            *_names(path),
            *(_parameters(route, components) if route else ()),
        ]
        paths.setdefault(path, {})[method.lower()] = {
            name: value for name, value in described.items() if value not in ("", []) or name == "security"
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Turnout", "version": version("turnout"), "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components.schemas(),
            "responses": dict(sorted(responses.items())),
            "headers": describe_headers(),
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def undescribed(routes: Iterable[APIRoute]) -> list[str]:
    """The routes that no row describes, such as `GET /v1/models`."""
    return sorted(
        f"{method} {path}"
        for method, path in (key for route in routes for key in _keys(route))
        if (method, path) not in OPERATIONS and (method, path) not in NOT_DESCRIBED
    )


def _operations(routes: list[APIRoute]) -> Iterator[tuple[str, str, Operation, APIRoute | None]]:
    for (method, path), operation in model_calls().items():
        yield method, path, operation, None
    for route in routes:
        for method, path in _keys(route):
            if operation_ := OPERATIONS.get((method, path)):
                yield method, path, operation_, route


def _keys(route: APIRoute) -> Iterator[tuple[str, str]]:
    for method in sorted(route.methods or ()):
        yield method, route.path_format


def _shared(status: str, answer: Json, operation: Operation, responses: dict[str, Json]) -> Json:
    """A reference to an error's answer, which many operations have in common."""
    stem = "_".join((*(operation.dialects or ("page",)), status))
    names = (stem if number == 1 else f"{stem}_{number}" for number in count(1))
    name = next(name for name in names if responses.setdefault(name, answer) == answer)
    return {"$ref": f"#/components/responses/{name}"}


def _words(operation: Operation, route: APIRoute | None) -> tuple[str, str]:
    text = operation.summary or (route.endpoint.__doc__ if route else "") or ""
    first, _, details = text.strip().partition("\n")
    return first.rstrip("."), " ".join(details.split())


def _fields(operation: Operation) -> Iterator[Json]:
    for name, text in operation.fields.items():
        yield {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}


def _texts(operation: Operation) -> Iterator[Json]:
    for text in fields(operation.query) if operation.query else ():
        yield {"name": text.name, "in": "query", "schema": {"type": "string"}}
    for name, words in operation.texts.items():
        yield {"name": name, "in": "query", "description": words, "schema": {"type": "string"}}


def _names(path: str) -> Iterator[Json]:
    """What stands in a path."""
    for name in _IN_PATH.findall(path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _parameters(route: APIRoute, components: Components) -> Iterator[Json]:
    for parameter in route.dependant.query_params:
        schema = components.reference(parameter.field_info.annotation)
        if parameter.default is not None:
            schema["default"] = parameter.default
        yield {
            "name": parameter.alias,
            "in": "query",
            "required": parameter.field_info.is_required(),
            "schema": schema,
        }
