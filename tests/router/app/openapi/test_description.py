"""The description holds for what is served: every path, every label, every error; and it is valid."""

import re
from collections import Counter
from http import HTTPStatus
from pathlib import Path

import httpx
import jsonschema
import msgspec
import pytest
from fastapi.routing import APIRoute
from openapi_spec_validator import validate

from router import errors
from router.app import response
from router.app.asgi import ROUTES
from router.app.openapi.document import build_description, undescribed
from router.app.openapi.operation import ERROR_TYPES
from router.service import Service
from router.settings import Settings
from router.types import DialectName
from router.wire import DIALECTS

DOCS = [Path("README.md"), *Path("docs").glob("*.md")]
METHODS = {"get", "head", "post", "patch", "delete", "put"}


@pytest.fixture(scope="module")
def routes(tmp_path_factory) -> list[APIRoute]:
    ledger = tmp_path_factory.mktemp("description") / "ledger.db"
    service = Service(Settings(ledger=str(ledger), local={"url": "http://127.0.0.1:9/v1"}))
    return list(service.api.state.routes)


@pytest.fixture(scope="module")
def description(routes):
    return msgspec.json.decode(msgspec.json.encode(build_description(routes)))


def operations(description):
    for path, item in description["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield f"{method.upper()} {path}", operation


def resolved(description, value):
    while "$ref" in value:
        at = description
        for part in value["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        value = at
    return value


def test_it_is_valid(description):
    validate(description)


def test_every_route_is_described(routes):
    assert not undescribed(routes), (
        "add a row for each of these to OPERATIONS in router/app/openapi/operations.py"
    )


def test_every_path_of_model_calls_is_described(description):
    assert {f"POST {path}" for path in ROUTES} <= {name for name, _ in operations(description)}


def test_nothing_is_described_that_is_not_served(description, routes):
    served = {f"{method} {route.path_format}" for route in routes for method in route.methods}
    assert {name for name, _ in operations(description)} <= served | {f"POST {path}" for path in ROUTES}


def test_each_operation_has_an_id_and_words_of_its_own(description):
    ids = Counter(operation["operationId"] for _, operation in operations(description))
    assert max(ids.values()) == 1
    assert not [name for name, operation in operations(description) if not operation["summary"]]


def test_each_operation_stands_under_a_tag_that_is_explained(description):
    explained = {tag["name"] for tag in description["tags"]}
    assert {tag for _, operation in operations(description) for tag in operation["tags"]} == explained


def test_every_label_that_the_docs_name_is_described(description):
    documented = {
        name for file in DOCS for name in re.findall(r"`(x-turnout-[a-z-]+[a-z])`", file.read_text())
    } - {"x-turnout-key"}
    assert documented <= set(description["components"]["headers"])
    for name, operation in operations(description):
        if name.partition(" ")[2] in ROUTES:
            answer = operation["responses"]["200"]
            assert documented <= set(answer["headers"]), name
    assert description["components"]["securitySchemes"]["turnout_key"]["name"] == "x-turnout-key"


def test_every_label_that_is_sent_is_described(description):
    source = Path(response.__file__).read_text()
    sent = set(re.findall(r'"(x-[a-z-]+)"', source))
    assert sent == set(description["components"]["headers"]) - {"retry-after"}


def test_model_calls_refuse_with_every_status_of_the_error_tree(description):
    tree = {
        error.status
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.TurnoutError)
    } - {HTTPStatus.CONFLICT, HTTPStatus.UPGRADE_REQUIRED}
    for name, operation in operations(description):
        if name.partition(" ")[2] in ROUTES:
            assert {str(status) for status in tree} <= set(operation["responses"]), name


@pytest.mark.parametrize("dialect", DIALECTS)
def test_errors_look_as_they_are_described(dialect: DialectName):
    schema = msgspec.json.schema(ERROR_TYPES[dialect])
    speaks = DIALECTS[dialect]
    for body in (
        speaks.error("api_error", "why", request_id="r"),
        speaks.error("rate_limit_error", "why"),
        speaks.overflow(9, 5, request_id="r"),
    ):
        jsonschema.validate(msgspec.json.decode(body), schema)


def test_examples_fit_what_they_are_examples_of(description):
    for name, operation in operations(description):
        if "requestBody" in operation:
            (content,) = operation["requestBody"]["content"].values()
            schema = {**content["schema"], "components": description["components"]}
            jsonschema.validate(content["example"], schema), name


def test_it_is_served_as_it_is_made(start_between, description):
    endpoint = start_between()
    answer = httpx.get(f"{endpoint.url}/openapi.json", verify=False)
    assert answer.json() == description
    assert httpx.get(f"{endpoint.url}/docs", verify=False).headers["content-security-policy"]
    assert httpx.get(f"{endpoint.url}/docs/files/nothing.js", verify=False).status_code == 404
