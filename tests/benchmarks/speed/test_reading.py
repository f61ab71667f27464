"""What a decision costs, and what the reader keeps: measured small, judged as the bars say."""

import json
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.speed.reading import Options, missed, run
from benchmarks.speed.reading_report import markdown, render


@pytest.fixture(scope="module")
def result():
    return run(Options(warm=3, cold=2, conversations=3))


def test_measures_long_conversations_in_both_dialects(result):
    assert {cost.dialect for cost in result.costs} == {"openai_chat", "anthropic_messages"}
    for cost in result.costs:
        # A scan by itself counts no tokens.
        assert 190_000 <= cost.tokens <= 210_000 or cost.what.startswith("scan")
        assert cost.bytes >= 840_000
        assert cost.median_ms > 0


def test_a_known_conversation_costs_less(result):
    by_case = {(cost.dialect, cost.what): cost.median_ms for cost in result.costs}
    for dialect in ("openai_chat", "anthropic_messages"):
        assert by_case[dialect, "warm, one new message"] < by_case[dialect, "cold"]


def test_what_is_kept_stays_below_its_bounds(result):
    memory = result.memory
    assert 0 < memory.entries <= memory.most_entries
    assert 0 < memory.held_mb <= memory.most_mb


def test_says_which_bars_fell(result):
    fast = [replace(cost, median_ms=0.1) for cost in result.costs]
    assert missed(replace(result, costs=tuple(fast))) == []
    slow = [replace(cost, median_ms=100.0) for cost in result.costs]
    lines = missed(replace(result, costs=tuple(slow)))
    assert [line.split(":")[0] for line in lines] == [
        "anthropic_messages, warm, one new message",
        "anthropic_messages, cold",
        "openai_chat, warm, one new message",
        "openai_chat, cold",
    ]
    over = replace(result.memory, held_mb=result.memory.most_mb + 1)
    assert missed(replace(result, costs=(), memory=over)) == ["the reader holds more than its bounds"]


def test_is_plain_json_and_a_page_without_paths(result):
    page = markdown(result) + json.dumps(asdict(result))
    assert "warm, one new message" in page
    assert str(Path.cwd()) not in page
    printed = StringIO()
    render(
        replace(result, costs=tuple(replace(cost, median_ms=99.0) for cost in result.costs)),
        Console(file=printed, width=200),
    )
    assert "missed" in printed.getvalue()
