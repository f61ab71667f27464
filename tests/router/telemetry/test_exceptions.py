"""What a log may hold of an exception: its types and places, never its words."""

import logging

import pytest

from router.telemetry.exceptions import DefectFormatter, describe, format_exc_info


def broken() -> BaseException:
    try:
        try:
            {}["the prompt"]
        except KeyError as inner:
            raise ValueError("said: the prompt") from inner
    except ValueError as failure:
        return failure
    pytest.fail("nothing was raised")


def test_types_and_places():
    line = describe(broken())
    assert line.startswith("ValueError at test_exceptions.py:")
    assert " <- KeyError at test_exceptions.py:" in line
    assert "prompt" not in line


@pytest.mark.parametrize("form", ["flag", "exception", "tuple", "none"])
def test_in_structured_lines(form):
    failure = broken()
    event = {
        "event": "defect",
        "exc_info": {"exception": failure, "tuple": (ValueError, failure, None)}.get(form),
    }
    if form == "flag":
        try:
            raise failure
        except ValueError:
            event = format_exc_info(None, "error", {"event": "defect", "exc_info": True})
    else:
        event = format_exc_info(None, "error", event)
    assert "exc_info" not in event
    assert ("exception" in event) is (form != "none")
    assert "prompt" not in str(event)


def test_in_lines_of_the_standard_library():
    failure = broken()
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "went wrong", None, (ValueError, failure, None))
    line = DefectFormatter("%(message)s").format(record)
    assert line.startswith("went wrong\nValueError")
    assert "prompt" not in line
