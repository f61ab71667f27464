"""The tree of errors: each status belongs to one class, and each dialect has a word for it."""

import json
from collections.abc import Iterator

import pytest

from router import errors
from router.errors import TurnoutError
from router.wire import DIALECTS

SHAPES = [
    ("BadRequest", 400, "invalid_request_error", ("invalid_request_error", None)),
    ("BadKey", 401, "authentication_error", ("invalid_request_error", "invalid_api_key")),
    ("OverBudget", 402, "billing_error", ("insufficient_quota", "insufficient_quota")),
    ("NotAllowed", 403, "permission_error", ("invalid_request_error", "permission_denied")),
    ("NotFound", 404, "not_found_error", ("invalid_request_error", "not_found")),
    ("MethodNotAllowed", 405, "invalid_request_error", ("invalid_request_error", "method_not_allowed")),
    ("RequestTimeout", 408, "invalid_request_error", ("invalid_request_error", None)),
    ("Conflict", 409, "invalid_request_error", ("invalid_request_error", None)),
    ("TooLarge", 413, "request_too_large", ("invalid_request_error", "request_too_large")),
    ("UnsupportedMedia", 415, "invalid_request_error", ("invalid_request_error", None)),
    ("HeadersTooLarge", 431, "invalid_request_error", ("invalid_request_error", None)),
    ("Unavailable", 503, "overloaded_error", ("server_error", "overloaded")),
]


def classes(of: type[TurnoutError] = TurnoutError) -> Iterator[type[TurnoutError]]:
    for subclass in of.__subclasses__():
        if subclass.__module__ == errors.__name__:
            yield subclass
            yield from classes(subclass)


@pytest.mark.parametrize(("name", "status", "claude", "gpt"), SHAPES)
def test_each_is_told_in_the_words_of_both_dialects(name, status, claude, gpt):
    beside = {"allowed": ["GET"]} if name == "MethodNotAllowed" else {}
    error: TurnoutError = getattr(errors, name)("No.", **beside)
    assert error.status == status
    bodies = {
        dialect: json.loads(words.error(error.kind, error.message))["error"]
        for dialect, words in DIALECTS.items()
    }
    assert bodies["anthropic_messages"] == {"type": claude, "message": "No."}
    assert (bodies["openai_chat"]["type"], bodies["openai_chat"]["code"]) == gpt


def test_a_status_is_set_in_one_class():
    statuses = [vars(item)["status"] for item in classes() if "status" in vars(item)]
    assert len(statuses) == len(set(statuses))
    assert {status for _, status, _, _ in SHAPES} <= set(statuses)
