"""What a decision costs, and what the reader keeps: measured small, judged as the bars say."""

import json
from dataclasses import asdict, replace
from io import StringIO
from itertools import islice, product
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.speed.asks import COMPARED, SIZES, Stall, new_asks
from benchmarks.speed.reading import Options, missed, run
from benchmarks.speed.reading_report import markdown, render


@pytest.fixture(scope="module")
def result():
    return run(Options(warm=3, cold=2, conversations=3, asks=5, starts=1))


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


def test_a_new_ask_costs_more_where_a_model_reads_it(result):
    by_case = {(cost.classifier, cost.what): cost.median_ms for cost in result.asks}
    assert len(by_case) == len(COMPARED) * (len(SIZES) + 2)
    for tokens in SIZES:
        what = f"new ask of {tokens:,} tokens"
        assert by_case["learned", what] > by_case["rules", what] > 0
    assert by_case["learned", "known ask"] < by_case["learned", "new ask of 25 tokens"] / 2


def test_the_ticker_runs_beside_nothing_and_beside_each_size(result):
    alone, *beside = result.stalls
    assert (alone.classifier, alone.asks) == ("", 0)
    assert [(stall.classifier, stall.tokens) for stall in beside] == list(product(COMPARED, SIZES))
    for stall in result.stalls:
        assert 0 <= stall.p99_ms <= stall.longest_ms


def test_a_start_holds_the_model_that_reads_asks(result):
    rules, learned = result.startups
    assert (rules.classifier, learned.classifier) == COMPARED
    assert min(rules.ready_s, rules.first_ask_s, learned.ready_s, learned.first_ask_s) > 0
    if rules.resident_mb is not None:
        assert learned.resident_mb > rules.resident_mb + 10


def test_each_ask_is_another_of_about_its_size():
    for tokens in SIZES:
        texts = [
            json.loads(request.body)["messages"][0]["content"] for request in islice(new_asks(tokens), 20)
        ]
        assert len(set(texts)) == 20
        assert {len(text) for text in texts} == {tokens * 4}


def test_says_which_bars_fell(result):
    fast = [replace(cost, median_ms=0.1) for cost in result.costs]
    assert missed(replace(result, costs=tuple(fast))) == []
    slow = [replace(cost, median_ms=100.0) for cost in result.costs]
    lines = missed(replace(result, costs=tuple(slow)))
    assert [line.split(":")[0] for line in lines] == [
        "anthropic_messages, warm, one new message",
        "anthropic_messages, cold",
        "anthropic_messages, scan, clean, cold",
        "openai_chat, warm, one new message",
        "openai_chat, cold",
        "openai_chat, scan, clean, cold",
    ]
    over = replace(result.memory, held_mb=result.memory.most_mb + 1)
    assert missed(replace(result, costs=(), memory=over)) == ["the reader holds more than its bounds"]


def test_is_plain_json_and_a_page_without_paths(result):
    page = markdown(result) + json.dumps(asdict(result))
    assert "warm, one new message" in page
    assert "| learned | new ask of 6,000 tokens | 5 |" in page
    quiet = Stall(classifier="", tokens=0, asks=0, p99_ms=0.25, longest_ms=1.0)
    assert "| beside nothing |  |  | 0.2 | 1.0 |" in markdown(replace(result, stalls=(quiet,)))
    assert str(Path.cwd()) not in page
    printed = StringIO()
    render(
        replace(result, costs=tuple(replace(cost, median_ms=99.0) for cost in result.costs)),
        Console(file=printed, width=200),
    )
    assert "missed" in printed.getvalue()
