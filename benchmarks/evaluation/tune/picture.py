"""The cost-quality curve as a picture that is read without any other page.

Left is cheaper, up is better. Everything is named where it stands. Colours are of the Okabe-Ito set, which
people with any colour vision can tell apart; shapes differ too. Written without a display, and the same
every time: no date, no random ids; text stays text.
"""

from math import isfinite, isnan
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.evaluation.tune.report import verdict
from benchmarks.evaluation.tune.result import Point, Result
from benchmarks.evaluation.tune.rewrite import format_number
from benchmarks.evaluation.wording import percent
from router.errors import Misconfigured

BLUE, ORANGE, GREEN, GREY, BLACK = "#0072B2", "#D55E00", "#009E73", "#8C8C8C", "#222222"
SUFFIXES = (".svg", ".png")
_SHOWN = (130.0, 220.0)
"""Where the picture ends at least and at most, in % of the cloud's cost."""
_NEARLY = 100.5
"""Up to where a setting counts as no dearer than the cloud."""
_BOX: Any = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1}
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "turnout",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica", "sans-serif"],
    "font.size": 10,
}


def check(path: Path) -> None:
    """Refuse a file that cannot be written, before any work is done.

    Raises:
        Misconfigured: it says why.
    """
    if path.suffix not in SUFFIXES:
        raise Misconfigured(f"--picture: {path.name} must end in {' or '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise Misconfigured(f"--picture: there is no folder {path.parent}; make it first")


def draw(result: Result, path: Path) -> None:
    """Draw to an SVG or a PNG file, as its name ends."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10, 7.2), layout=None)
        axes = figure.add_axes((0.08, 0.2, 0.89, 0.64))
        _frame(axes, result)
        _settings(axes, result)
        _always(axes, result)
        _policy(axes, result)
        title, subtitle = _title(result)
        figure.text(0.02, 0.975, fill(title, 88), ha="left", va="top", size=14, weight="bold")
        figure.text(0.02, 0.92, fill(subtitle, 120), ha="left", va="top", size=10.5, color="#444444")
        figure.text(0.02, 0.012, fill(_caption(result), 158), ha="left", va="bottom", size=8, color="#444444")
        if path.suffix == ".svg":
            figure.savefig(path, format="svg", metadata={"Date": None, "Creator": "Turnout"})
        else:
            figure.savefig(path, format="png", dpi=130, metadata={"Software": "Turnout"})


def _frame(axes: Any, result: Result) -> None:
    """Axes, what is asked for, and where a setting costs more than the cloud alone."""
    low, high = _range(result)
    right = _right(result)
    axes.set_xlim(-4, right)
    axes.set_ylim(low, high)
    axes.set_xlabel("Cost of a task, in % of sending everything to the cloud   (left is cheaper)")
    axes.set_ylabel("Quality kept, in % of the cloud's   (up is better)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#EEEEEE", zorder=0)
    axes.set_axisbelow(True)
    axes.axvspan(100, right, color="#F4F4F4", zorder=0)
    axes.text(101, low + 0.02 * (high - low), "dearer than\nthe cloud alone", color="#6B6B6B", va="bottom")
    if result.goal.by_loss:
        bound = 100 * (1 - result.max_loss)
        axes.axhline(bound, color=GREEN, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
        axes.annotate(
            f"allowed: loses at most {100 * result.max_loss:g}%", (-4, bound), (5, -4),
            textcoords="offset points", color=GREEN, ha="left", va="top", bbox=_BOX, zorder=6,
        )  # fmt: skip
    if result.goal.budget_usd is not None:
        cloud = _always_of(result)["always-cloud"].usd
        most = 100 * result.goal.budget_usd / cloud if cloud else 0.0
        if most <= right:
            axes.axvline(most, color=GREEN, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
            axes.annotate(
                f"budget: ${result.goal.budget_usd:g} a task", (most, low), (4, 4), color=GREEN,
                textcoords="offset points", ha="left", va="bottom", rotation=90, bbox=_BOX, zorder=6,
            )  # fmt: skip


def _settings(axes: Any, result: Result) -> None:
    """Every setting, and the line of the best: none that is cheaper keeps more."""
    always = _always_of(result)
    points = [(100 * (1 - saving), 100 * quality) for _, quality, saving in result.others]
    points += [(_x(point), _y(point)) for point in (*result.curve, result.own)]
    axes.scatter(*zip(*points, strict=True), s=10, color="#C4C4C4", linewidth=0, zorder=1)
    best, highest = [], float("-inf")
    for x, y in sorted([*points, (_x(always["always-local"]), _y(always["always-local"]))]):
        if y > highest and x <= _NEARLY:
            best.append((x, y))
            highest = y
    if len(best) > 1:
        axes.plot(*zip(*best, strict=True), color=BLUE, linewidth=2, zorder=2, drawstyle="steps-post")
        x, y = best[len(best) // 2]
        axes.annotate(
            "the best settings, as measured", (x, y), (-14, 34), textcoords="offset points", ha="right",
            color=BLUE, arrowprops={"arrowstyle": "-", "color": BLUE}, bbox=_BOX, zorder=6,
        )  # fmt: skip


def _always(axes: Any, result: Result) -> None:
    """What anyone has for free, and the coin between the two."""
    always = _always_of(result)
    local, cloud = always["always-local"], always["always-cloud"]
    ends = [_x(local), _x(cloud)], [_y(local), _y(cloud)]
    axes.plot(*ends, color=GREY, linestyle=(0, (1, 2)), linewidth=1.4, zorder=1)
    middle = (sum(ends[0]) / 2, sum(ends[1]) / 2)
    for text, at, offset, align in (
        ("everything local", (_x(local), _y(local)), (4, -18), "left"),
        ("everything to the cloud", (_x(cloud), _y(cloud)), (8, 12), "left"),
        ("tossing a coin", middle, (6, -16), "left"),
    ):
        axes.annotate(text, at, offset, textcoords="offset points", ha=align, bbox=_BOX, zorder=6)
    axes.scatter([_x(local)], [_y(local)], s=80, marker="s", color=GREY, zorder=5)
    axes.scatter([_x(cloud)], [_y(cloud)], s=80, marker="s", color=BLACK, zorder=5)


def _policy(axes: Any, result: Result) -> None:
    """The policy as it is, and the chosen setting with its interval."""
    own, chosen, right = result.own, result.chosen, _right(result)
    if chosen is None or chosen != own:
        x = min(_x(own), right - 1)
        axes.scatter(
            [x], [_y(own)], s=90, marker="o", facecolor="white", edgecolor=BLACK, zorder=6, linewidth=2
        )
        off = "" if x == _x(own) else f", at {_x(own):.0f}% of the cloud's cost"
        above = _y(own) >= _y(_always_of(result)["always-cloud"])
        axes.annotate(
            f"{result.policy} as it is{off}", (x, _y(own)), (-12, 44 if above else -44),
            textcoords="offset points",
            ha="right", arrowprops={"arrowstyle": "-", "color": BLACK, "shrinkB": 5}, bbox=_BOX, zorder=6,
        )  # fmt: skip
    if chosen is None:
        return
    x = min(_x(chosen), right - 1)
    axes.plot([x] * 2, [100 * chosen.kept.low, 100 * chosen.kept.high], color=ORANGE, linewidth=2.4, zorder=6)
    axes.scatter([x], [_y(chosen)], s=130, marker="o", color=ORANGE, zorder=7)
    axes.annotate(
        _facts(result, chosen), (x, _y(chosen)), (0.02, 0.97), textcoords="axes fraction", ha="left",
        va="top", color=ORANGE, weight="bold", bbox={"facecolor": "white", "edgecolor": ORANGE, "pad": 5},
        arrowprops={"arrowstyle": "-", "color": ORANGE, "shrinkB": 8}, zorder=8,
    )  # fmt: skip


def _facts(result: Result, chosen: Point) -> str:
    interval = f"{100 * chosen.kept.low:.0f} to {100 * chosen.kept.high:.0f}%"
    named = "Chosen" if chosen != result.own else "Chosen: as it is"
    loss = result.picked_loss
    certified = "nothing" if loss is None else f"loses at most {percent(loss)}"
    numbers = "\n".join(f"{name} {format_number(value)}" for name, value in chosen.params.items())
    return (
        f"{named}\n{percent(chosen.local_share)} of the tasks start local\n"
        f"measured: keeps {percent(chosen.kept.point)} (95%: {interval})\n"
        f"certified: {certified}\n{numbers}"
    )


def _title(result: Result) -> tuple[str, str]:
    point = result.chosen or result.own
    cost = (
        "as much as the cloud alone"
        if round(100 * point.saving) == 0
        else f"{percent(abs(point.saving))} {'less' if point.saving > 0 else 'more'} than the cloud alone"
    )
    kept = (
        "unknown quality"
        if isnan(point.kept.point)
        else f"{percent(point.kept.point)} of the cloud's quality"
    )
    title = f"{result.policy}: {kept}, for {cost}"
    first, _, certified = verdict(result)
    if result.chosen is None:
        return f"{title}, as it is", first
    return title, f"As measured on recorded tasks. {certified}"


def _caption(result: Result) -> str:
    tasks = "; ".join(
        f"{sample.title} {100 * sample.share:.0f}% "
        f"(outcomes known for {sample.outcomes} of {sample.tasks} tasks)"
        for sample in result.samples
    )
    calls = (
        " Tasks handed over after so many calls: both runs are paid; where calls were not measured, they are "
        "as 59 recorded runs, scaled to a published mean."
        if any("max_turn_calls" in point.params for point in (result.own, *result.curve))
        else ""
    )
    return (
        f"Grey: all {result.settings} settings of the policy's numbers; those that cost more than "
        f"{_right(result):.0f}% are not shown. Orange bar: 95% interval over tasks. Traffic by tasks: "
        f"{tasks}. Cost: whole tasks at list prices with a warm prompt cache; local work as you price it, "
        f"free by default.{calls} "
        "Outcomes are of recorded systems, perhaps not yours."
    )


def _range(result: Result) -> tuple[float, float]:
    """Of quality: all settings that are shown, what was chosen with its interval, and room for words."""
    quality = [100 * share for _, share, saving in result.others if 100 * (1 - saving) <= _right(result)]
    quality += [_y(point) for point in (*result.curve, result.own)]
    quality += [_y(point) for name, point in _always_of(result).items() if name != "oracle"]
    if result.chosen:
        quality += [100 * result.chosen.kept.low, 100 * result.chosen.kept.high]
    quality = [figure for figure in quality if isfinite(figure)]
    quality.append(100 * (1 - result.max_loss))
    room = max(max(quality) - min(quality), 5)
    return min(quality) - 0.15 * room, max(quality) + 0.6 * room


def _right(result: Result) -> float:
    least, most = _SHOWN
    return min(most, max(least, *(_x(point) + 10 for point in (result.chosen, result.own) if point)))


def _always_of(result: Result) -> dict[str, Point]:
    return {point.name: point for point in result.baselines}


def _x(point: Point) -> float:
    return 100 * (1 - point.saving)


def _y(point: Point) -> float:
    return 100 * point.kept.point
