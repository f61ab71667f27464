"""The cost-quality curve as a picture that is read without any other page.

Left is cheaper, up is better. Everything is named where it stands. Colours are of the Okabe-Ito set, which
people with any colour vision can tell apart; shapes differ too. Written without a display, and the same
every time: no date, no random ids; text stays text.
"""

from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.evaluation.tune.report import NAMES
from benchmarks.evaluation.tune.result import Point, Result
from benchmarks.evaluation.tune.rewrite import format_number
from router.errors import Misconfigured

BLUE, ORANGE, GREEN, GREY, BLACK = "#0072B2", "#D55E00", "#009E73", "#8C8C8C", "#222222"
SUFFIXES = (".svg", ".png")
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
        axes = figure.add_axes((0.08, 0.225, 0.89, 0.665))
        _points(axes, result)
        _label(figure, axes, result)
        if path.suffix == ".svg":
            figure.savefig(path, format="svg", metadata={"Date": None, "Creator": "Turnout"})
        else:
            figure.savefig(path, format="png", dpi=130, metadata={"Software": "Turnout"})


def _points(axes: Any, result: Result) -> None:
    always = {point.name: point for point in result.baselines}
    local, cloud, oracle = (always[name] for name in ("always-local", "always-cloud", "oracle"))
    axes.plot(*_line(local, cloud), color=GREY, linestyle=(0, (4, 3)), linewidth=1.2, zorder=1)
    axes.scatter(
        [100 * (1 - saving) for _, _, saving in result.others],
        [100 * quality for _, quality, _ in result.others],
        s=9, color="#C9C9C9", linewidth=0, zorder=1,
    )  # fmt: skip
    curve = list(result.curve)
    x, y = [_x(point) for point in curve], [_y(point) for point in curve]
    axes.plot(x, y, color=BLUE, linewidth=1.6, zorder=3)
    for point in curve:
        axes.plot([_x(point)] * 2, _ends(point), color=BLUE, alpha=0.25, linewidth=1.2, zorder=2)
    axes.scatter(x, y, s=20, color=BLUE, zorder=4)
    for point, shape, colour in ((local, "s", GREY), (cloud, "s", BLACK), (oracle, "^", GREEN)):
        axes.scatter([_x(point)], [_y(point)], s=64, marker=shape, color=colour, zorder=5)
    bound = 100 * (1 - result.max_loss)
    axes.axhline(bound, color=ORANGE, linewidth=1.2, zorder=1)
    marked = result.chosen or result.own
    axes.plot([_x(marked)] * 2, _ends(marked), color=ORANGE, linewidth=2.4, zorder=6)
    ring = {"facecolor": "none", "edgecolor": ORANGE, "linewidth": 2.6}
    axes.scatter([_x(marked)], [_y(marked)], s=170, marker="o", zorder=6, **ring)


def _label(figure: Any, axes: Any, result: Result) -> None:
    points = [*result.curve, *result.baselines]
    right = max(100.0, *(_x(point) for point in points))
    low = 100 * min(*(point.kept.low for point in points), 1 - result.max_loss)
    high = max(100 * point.kept.high for point in points)
    axes.set_xlim(-0.03 * right, 1.12 * right)
    axes.set_ylim(low - 0.05 * (high - low), high + 0.25 * (high - low))
    axes.set_xlabel("Cost of a task, in % of sending everything to the cloud   (left is cheaper)")
    axes.set_ylabel("Quality kept, in % of the cloud's   (up is better)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#EEEEEE", zorder=0)
    axes.set_axisbelow(True)
    always = {point.name: point for point in result.baselines}
    local, cloud = always["always-local"], always["always-cloud"]
    middle = ((_x(local) + _x(cloud)) / 2, (_y(local) + _y(cloud)) / 2)
    bound, dearest = 100 * (1 - result.max_loss), max(result.curve, key=_x)
    for text, at, offset, align, colour in (
        (NAMES["always-local"], (_x(local), _y(local)), (10, -14), "left", BLACK),
        (NAMES["always-cloud"], (_x(cloud), _y(cloud)), (-12, 8), "right", BLACK),
        (
            "an oracle, which knows every outcome",
            (_x(always["oracle"]), _y(always["oracle"])),
            (-4, 10),
            "left",
            GREEN,
        ),
        ("a coin between the two", middle, (-8, 10), "right", "#6B6B6B"),
        (f"no more than {100 * result.max_loss:g}% lost", (1.12 * right, bound), (0, -13), "right", ORANGE),
        (_moved(result), (_x(dearest), _y(dearest)), (16, 24), "right", BLUE),
    ):
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
        axes.annotate(
            text, at, offset, textcoords="offset points", ha=align, color=colour, bbox=box, zorder=6
        )
    marked = result.chosen or result.own
    kind = "Chosen" if result.chosen else "The policy's own numbers, not certified"
    numbers = "\n".join(f"{name} {format_number(value)}" for name, value in marked.params.items())
    axes.annotate(
        f"{kind}:\n{numbers}\n{100 * marked.local_share:.0f}% of tasks start local",
        (_x(marked), _y(marked)),
        (0.33, 0.985),
        textcoords="axes fraction",
        ha="center",
        va="top",
        color=ORANGE,
        weight="bold",
        arrowprops={"arrowstyle": "-", "color": ORANGE, "shrinkB": 8, "relpos": (1, 0.5)},
        zorder=7,
    )
    figure.text(0.02, 0.98, fill(_title(result), 96), ha="left", va="top", size=12, weight="bold")
    figure.text(0.02, 0.012, fill(_caption(result), 158), ha="left", va="bottom", size=8, color="#444444")


def _moved(result: Result) -> str:
    """Say which number the curve moves."""
    names = [
        name
        for name in result.own.params
        if len({point.params[name] for point in result.curve if name in point.params}) > 1
    ]
    if not names:
        return "blue: the policy"
    values = [point.params[names[0]] for point in result.curve if names[0] in point.params]
    others = "" if len(result.own.params) == 1 else ",\nall else as in the policy"
    return f"blue: {names[0]} from {format_number(values[0])} to {format_number(values[-1])}{others}"


def _title(result: Result) -> str:
    bound = f"within {100 * result.max_loss:g}% quality loss ({100 * result.confidence:g}% confidence)"
    point = result.chosen or result.own
    cost = f"{100 * point.kept.point:.1f}% of the cloud's quality at {_x(point):.1f}% of its cost"
    if result.chosen is None:
        return (
            f"{result.policy}: no setting that keeps tasks local is certified to stay {bound}; "
            f"its own numbers keep {cost}"
        )
    return f"{result.policy}: the chosen numbers keep {cost}, certified to stay {bound}"


def _caption(result: Result) -> str:
    tasks = "; ".join(
        f"{sample.title} {100 * sample.share:.0f}% "
        f"(outcomes known for {sample.outcomes} of {sample.tasks} tasks)"
        for sample in result.samples
    )
    calls = (
        " Tasks handed over after so many calls are modelled by 59 recorded runs, scaled to a published "
        "mean; all local work that failed is charged, and the cloud's full run after it."
        if result.hand_over is not None
        else ""
    )
    return (
        f"Blue and orange bars: 95% intervals over tasks. Grey dots: all other settings, {result.settings} "
        f"in all. Traffic by tasks: {tasks}. Cost: whole tasks at list prices with a warm prompt cache; "
        f"local work as you price it, free by default.{calls} Outcomes are of published models, not yours, "
        "and on SWE-bench of one run per task."
    )


def _line(start: Point, end: Point) -> tuple[list[float], list[float]]:
    return [_x(start), _x(end)], [_y(start), _y(end)]


def _x(point: Point) -> float:
    return 100 * (1 - point.saving)


def _y(point: Point) -> float:
    return 100 * point.kept.point


def _ends(point: Point) -> list[float]:
    return [100 * point.kept.low, 100 * point.kept.high]
