"""A request's line: aligned, without control characters, with colours only where they are wanted."""

import json
import re
from dataclasses import replace

from router.telemetry.request_line import RequestLine, json_line, text_line

LINE = RequestLine(
    id="3f2a9c1b" + "0" * 24,
    finished_at=1_790_000_000.0,
    client="claude-code",
    kind="agent",
    track="local",
    model="SmolLM2-135M-Instruct",
    rule="self-contained",
    input=1234,
    output=56,
    first_byte_s=0.813,
    cost_usd=None,
    status=200,
    end="complete",
)


def test_a_line_has_its_columns():
    line = text_line(LINE)
    assert re.match(r"\d\d:\d\d:\d\d  claude-code ", line)
    words = line.split()[2:]
    assert words == [
        *("agent", "local", "SmolLM2-135M-Instruct", "self-contained"),
        *("1234", "in", "56", "out", "0.81s", "-", "3f2a9c1b"),
    ]


def test_columns_stay_in_their_places():
    other = replace(
        LINE, client="x" * 90, model="", kind="ask", input=1_500_000, cost_usd=0.104, track="cloud"
    )
    assert text_line(other).index("3f2a9c1b") == text_line(LINE).index("3f2a9c1b")
    assert {"1.5M", "$0.1040", "cloud"} <= set(text_line(other).split())


def test_what_went_otherwise_is_at_the_end():
    assert text_line(replace(LINE, moved="no_credential")).endswith("  degraded: no_credential")
    assert text_line(replace(LINE, track="cloud", moved="overflow")).endswith("  escalated: overflow")
    failed = replace(LINE, status=502, end="failed", error="the provider failed (502)")
    assert text_line(failed).endswith("  the provider failed (502)")
    left = replace(LINE, status=499, end="client_left", error="the client hung up")
    assert text_line(left).endswith("  499 the client hung up")


def test_a_terminal_obeys_no_name():
    line = text_line(replace(LINE, model="a\x1b[31mb\n", client="c\r"), colours=False)
    assert "\x1b" not in line
    assert line.isprintable()
    assert text_line(LINE, colours=True).count("\x1b[") == 6


def test_json_has_all_of_it():
    values = json.loads(json_line(LINE))
    assert values["id"] == LINE.id
    assert (values["event"], values["level"], values["timestamp"][-1]) == ("request", "info", "Z")
    assert json.loads(json_line(replace(LINE, end="failed")))["level"] == "warning"
