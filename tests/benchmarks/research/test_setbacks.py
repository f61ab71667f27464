"""Setbacks in recorded runs: where a run is handed over, and what that tells and costs."""

import gzip
import json
from math import inf

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import PRICE_MODEL
from benchmarks.evaluation.runs import Handover, Runs
from benchmarks.evaluation.suites.facts import read
from benchmarks.research.setbacks import (
    NEVER,
    Interval,
    Moved,
    Prediction,
    Result,
    Row,
    _run,
    cause_policy,
    handover,
    load,
    move_of,
    predict,
)
from benchmarks.research.setbacks_report import conclusions, markdown
from router.billing.prices import Prices
from router.cli.main import app
from router.errors import Misconfigured
from router.routing.move_price import MovePrices

MOVES = MovePrices(prices=Prices(), model_for=lambda *_: PRICE_MODEL, usable=lambda _: True)


def record(*codes: int, resolved: int = 0) -> dict:
    """A run that calls the same script each time; codes are what it returned."""
    messages: list[dict] = [{"role": "user", "content": "fix the date parser"}]
    for at, code in enumerate(codes):
        function = {"name": "bash", "arguments": json.dumps({"command": "python repro.py"})}
        call = {"id": f"c{at}", "type": "function", "function": function}
        messages += [
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [call],
                "usage": {"prompt_tokens": 1_000 * (at + 1)},
            },
            {
                "role": "tool",
                "tool_call_id": f"c{at}",
                "content": f"<returncode>{code}</returncode>\n<output>\nx\n</output>",
            },
        ]
    messages.append({"role": "assistant", "content": "done", "usage": {"prompt_tokens": 9_000}})
    return {"instance_id": "r", "resolved": resolved, "messages": messages}


def test_a_run_is_handed_over_at_the_call_after_the_setback():
    run = _run(record(0, 1, 0, 1, 1))
    policy = cause_policy("same_call_failed: 2")
    # The third call went well, so the two that fail in a row count: five calls were made.
    assert move_of(policy, run, local_context=0, moves=MOVES) == Moved(calls=5, tokens=9_000)
    assert move_of(cause_policy("error_streak: 3"), run, local_context=0, moves=MOVES) == NEVER
    filled = move_of(cause_policy("window_filled: 0.5"), run, local_context=8_000, moves=MOVES)
    assert filled == Moved(calls=3, tokens=4_000)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("[]", "line 2 is no JSON object"),
        ("{", "line 2: Expecting"),
        ('{"instance_id": "r", "resolved": 1}', "row 2: has no messages"),
        (
            '{"instance_id": "r", "resolved": 1, "messages": []}',
            "row 2: `messages` has none of the assistant",
        ),
        ('{"instance_id": "r", "resolved": 1, "messages": "x"}', "row 2: `messages` is no list"),
        ('{"instance_id": 1, "resolved": 1, "messages": []}', "row 2: `instance_id` is no text"),
    ],
)
def test_what_is_no_run_is_refused_with_file_and_row(row, why, tmp_path):
    file = tmp_path / "runs.jsonl.gz"
    file.write_bytes(gzip.compress(f"{json.dumps(record(0))}\n{row}\n".encode()))
    ran = CliRunner().invoke(app, ["bench", "setbacks", "--runs", str(file)])
    assert isinstance(ran.exception, Misconfigured)
    assert str(ran.exception).startswith(str(file))
    assert why in str(ran.exception)


def test_a_file_of_no_runs_is_refused(tmp_path):
    text, empty = tmp_path / "text.jsonl.gz", tmp_path / "empty.jsonl"
    text.write_text("no run\n")
    empty.write_text("")
    torn = tmp_path / "torn.gz"
    torn.write_bytes(gzip.compress(json.dumps(record(0)).encode())[:-12] + b"\xff" * 12)
    for path in (text, empty, torn, tmp_path, tmp_path / "none.gz"):
        with pytest.raises(BenchmarkError, match=r"cannot be read|has no run") as refused:
            load(path)
        assert str(path) in str(refused.value)


def test_a_policy_that_is_not_there_is_told_before_the_runs_are_read(tmp_path):
    words = ["bench", "setbacks", "--runs", str(tmp_path / "none.gz"), "--policy", "none.yaml"]
    ran = CliRunner().invoke(app, words)
    assert isinstance(ran.exception, Misconfigured)
    assert "none.yaml" in str(ran.exception)
    assert "none.gz" not in str(ran.exception)


def test_precision_and_recall_count_runs():
    runs = [_run(record(1, 1, resolved=resolved)) for resolved in (0, 0, 1, 1)]
    moved = [Moved(calls=2, tokens=1.0), NEVER, Moved(calls=15, tokens=1.0), NEVER]
    early, later, *_, whole = predict(runs, {"mine": moved})
    assert (early.cut, early.fired, early.failed, early.unresolved) == (10, 1, 1, 2)
    assert (later.fired, later.failed) == (2, 1)
    assert (whole.precision.point, whole.recall.point) == (0.5, 0.5)


def test_moves_are_put_in_the_order_of_the_recorded_facts():
    names = [(row["task"], row["resolved"] == "1") for row in read("runs.csv").rows]
    runs = [
        _run(record(0, resolved=int(resolved)) | {"instance_id": name}) for name, resolved in reversed(names)
    ]
    moved = [Moved(calls=at, tokens=at) for at in range(len(runs))]
    limit = handover(runs, moved)
    last = len(runs) - 1
    assert limit.passed == tuple(last - at for at, (_, resolved) in enumerate(names) if resolved)
    assert limit.failed_tokens == tuple(last - at for at, (_, resolved) in enumerate(names) if not resolved)
    with pytest.raises(BenchmarkError, match="not the runs"):
        handover(runs[1:], moved[1:])


def test_a_handover_moves_each_recorded_run_at_its_own_call():
    runs = Runs(passed=(10.0, 20.0), failed=(30.0, 40.0), mean=25.0, share=0.5, first=1_000.0, grows=100.0)
    limit = Handover(
        passed=(inf, 5.0), failed=(6.0, 8.0), passed_tokens=(0.0, 500.0), failed_tokens=(600.0, 800.0)
    )
    passed, failed = runs.ends(limit, 50, np.random.default_rng(0))
    assert (passed.moved[0], failed.moved[0]) == (0.5, 1.0)
    assert (passed.calls[0], passed.given_up[0], passed.tokens[0]) == (7.5, 2.5, 250.0)
    assert (failed.calls[0], failed.given_up[0], failed.tokens[0]) == (7.0, 7.0, 700.0)
    assert set(failed.moved) == {1.0}
    assert len(passed.tokens) == 51


def interval(point: float) -> Interval:
    return Interval(point=point, low=point, high=point)


def row(name: str, kept: float, saved: float, coin: float | None = None) -> Row:
    one = interval(1.0)
    coin_kept = None if coin is None else interval(coin)
    return Row(
        name=name,
        starts=one,
        stays=one,
        quality=one,
        kept=interval(kept),
        usd=one,
        saved=interval(saved),
        coin_kept=coin_kept,
        coin_usd=coin_kept and one,
    )


def test_the_page_says_what_tells_and_what_is_worth_it():
    def result(failed: int, kept: float) -> Result:
        prediction = Prediction(name="mine: 2", cut=inf, fired=20, failed=failed, unresolved=22)
        rows = (row("always cloud", 1.0, 0.0), row("all setbacks", kept, 0.1, coin=0.5))
        return Result(runs=59, unresolved=22, predictions=(prediction,), pairs=(("a and b", rows),))

    nothing = " ".join(conclusions(result(8, 0.9)))
    assert "None does" in nothing
    assert "nothing that was tried" in nothing
    telling = " ".join(conclusions(result(19, 0.99)))
    assert "So does: `mine: 2`." in telling
    assert "saves anything: all setbacks." in telling
    assert markdown(result(8, 0.9)).count("\n## ") == 3
