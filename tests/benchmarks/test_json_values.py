"""Figures become JSON that every parser reads."""

import json
from math import inf, nan

from benchmarks.json_values import dumps


def test_what_is_no_number_is_null():
    figures = {"point": nan, "bounds": (-inf, 0.5, inf), "parts": [{"count": 3, "share": nan}], "name": "NaN"}
    assert json.loads(dumps(figures), parse_constant=refuse) == {
        "point": None,
        "bounds": [None, 0.5, None],
        "parts": [{"count": 3, "share": None}],
        "name": "NaN",
    }


def refuse(name):
    raise AssertionError(name)
