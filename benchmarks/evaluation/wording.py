"""Figures in words, the same in every command: shares, intervals, dollars, what a router comes to."""

from math import isnan

from benchmarks.evaluation.stats import Interval

_CENT = 0.01


def percent(share: float) -> str:
    """A share with at most one decimal, e.g. `50.4%`."""
    return f"{round(100 * share, 1) + 0:g}%"


def between(figure: Interval) -> str:
    """A share with its interval, e.g. `95.1% (88.4% to 103.1%)`."""
    return f"{percent(figure.point)} ({percent(figure.low)} to {percent(figure.high)})"


def dollars(usd: float) -> str:
    """US dollars of a task, with as many places as tell it from nothing."""
    return f"${usd:.3f}" if usd >= _CENT or usd == 0 else f"${usd:.5f}"


def comes_to(*, local_share: float, quality_kept: Interval, usd: float, saving: float) -> str:
    """What a router comes to as measured, in one clause."""
    quality = "of unknown quality" if isnan(quality_kept.point) else f"quality kept {between(quality_kept)}"
    return (
        f"{percent(local_share)} of the tasks start local, {quality}, {dollars(usd)} a task, {_cost(saving)}"
    )


def _cost(saving: float) -> str:
    if round(100 * saving, 1) == 0:
        return "about as much as everything to the cloud"
    change = "less" if saving >= 0 else "more"
    return f"{percent(abs(saving))} {change} than everything to the cloud"
