"""Engines beside one another: a run with real processes, its page, and what is refused."""

import dataclasses
from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.machine import machine
from benchmarks.speed.engine import CASES, Figure, Options, Result, run
from benchmarks.speed.engine_report import markdown
from router.engine.build import find_server

NOWHERE = Path("/nowhere/.venv-engines")


def test_the_page_says_medians_their_spread_and_the_ratio():
    figures = (
        Figure(
            case="1 stream", unit="tokens/s", peer="turnout", values=(9.0, 30.0, 10.0), ratios=(0.9, 1.5, 0.5)
        ),
        Figure(case="1 stream", unit="tokens/s", peer="other", values=(), ratios=()),
    )
    page = markdown(
        Result(
            measured="2026-11-30",
            machine=machine(),
            llama="1.2.3",
            model="m",
            threads=2,
            rounds=3,
            peers=("turnout", "other"),
            missing=("another is not installed",),
            figures=figures,
        )
    )
    assert "| 1 stream, tokens/s | 10 (9 to 30) | - |" in page
    assert "| 1 stream | 0.90 | - |" in page
    assert "Left out: another is not installed." in page


@pytest.mark.parametrize(("case", "ratio"), [("1 stream", 2.0), ("second turn", 0.5)])
def test_more_tokens_and_fewer_seconds_are_better(case, ratio):
    assert CASES[case].ratio(4.0, 2.0) == ratio


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cases": ("9 streams",)}, "there is no case '9 streams'; there are: 1 stream, "),
        ({"peers": ("ollama",)}, "there is no peer 'ollama'; there are: turnout, "),
    ],
)
def test_an_unknown_name_is_refused(changed, message):
    options = dataclasses.replace(Options(environment=NOWHERE, threads=1), **changed)
    with pytest.raises(BenchmarkError, match=message):
        run(options)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_engines_take_turns_and_one_that_is_not_installed_is_left_out():
    names = ("turnout", "llama-server", "xllamacpp")
    cases = ("2 streams", "second turn", "completion")
    result = run(Options(environment=NOWHERE, threads=1, rounds=2, cases=cases, peers=names))
    built = find_server() is not None
    assert result.peers == (names[:2] if built else names[:1])
    assert (
        "xllamacpp is not installed in .venv-engines; `make .venv-engines/.ready` makes it" in result.missing
    )
    assert [(figure.case, figure.peer) for figure in result.figures] == [
        (case, peer) for case in cases for peer in result.peers
    ]
    for figure in result.figures:
        assert len(figure.values) == 2
        assert all(value > 0 for value in figure.values)
        assert len(figure.ratios) == (2 if built else 0)
