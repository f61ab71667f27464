"""The page of the completions' first tokens says medians, their spread, and the ratio."""

import pytest

from benchmarks.machine import machine
from benchmarks.speed.completions import Result, Timing, markdown


def test_the_page():
    timing = Timing(case="alone", turnout_ms=(150.0, 160.0, 300.0), llama_ms=(90.0, 100.0, 5000.0))
    assert timing.ratio == pytest.approx(1.6)
    page = markdown(
        Result(
            measured="2026-11-30",
            machine=machine(),
            peer="a server",
            model="m",
            keystrokes=3,
            timings=(timing,),
        )
    )
    assert "| alone | 160 (150 to 300) | 100 (90 to 5000) | 1.60 |" in page
