"""Charts as SVG, drawn for a page that may be dark, printed, narrow, or read aloud.

- Colours are CSS classes (`templates/page.css`), so one drawing serves light, dark and print.
- A chart is never the only way to a number: `Chart.rows` is the table that goes behind it, and
  its summary, a whole sentence, is the drawing's description.
- What is not known (None) is a gap, never a zero.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

WIDTH = 720
"""Of a drawing, unless its page is narrow; a unit is a pixel where it is shown that wide."""
HEIGHT = 240
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 28
BAR = 26
"""Height of one horizontal bar with its space."""
NAMES = 0.27
"""Of the width, for the names beside horizontal bars."""
SUMS = 80
"""Width of the sums at their ends."""
LABEL = 80
"""Width of a label under the time axis."""
CHARACTER = 6.6
"""About how wide a character of a label is."""

Words = Callable[[float], str]
"""How a number is written, with its unit."""
Value = float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One kind of thing over all labels."""

    name: str
    values: Sequence[Value]
    style: str
    """CSS class that colours it: `local`, `cloud`, `one`, `two`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What is drawn, and what a reader is told who cannot see it."""

    title: str
    summary: str
    """One sentence that says what the drawing shows."""
    labels: Sequence[str]
    series: Sequence[Series]
    words: Words
    heading: str = "when"
    """What the labels are, over the table's first column."""

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The same as a table, a row for each label."""
        return [
            (
                label,
                *(
                    "not known" if one.values[at] is None else self.words(one.values[at] or 0.0)
                    for one in self.series
                ),
            )
            for at, label in enumerate(self.labels)
        ]


def stacked(chart: Chart, *, width: int = WIDTH) -> Markup:
    """Draw a column for each label, its parts on top of each other."""
    sums = [sum(one.values[at] or 0.0 for one in chart.series) for at in range(len(chart.labels))]
    scale = _Scale.of(sums)
    step = (width - LEFT - RIGHT) / max(len(sums), 1)
    parts = list(_axes(chart, scale, width))
    for at in range(len(sums)):
        base = 0.0
        for one in chart.series:
            value = one.values[at] or 0.0
            if value > 0:
                parts.append(
                    _rect(
                        one.style,
                        (LEFT + at * step + step * 0.12, scale.y(base + value)),
                        step * 0.76,
                        scale.y(base) - scale.y(base + value),
                        f"{chart.labels[at]}, {one.name}: {chart.words(value)}",
                    )
                )
            base += value
    return _svg(chart, parts, (width, HEIGHT))


def lines(chart: Chart, *, most: float | None = None, width: int = WIDTH) -> Markup:
    """Draw a line for each series, broken where a value is not known; `most` is the axis's end."""
    known = [value for one in chart.series for value in one.values if value is not None]
    scale = _Scale.of(known, most)
    step = (width - LEFT - RIGHT) / max(len(chart.labels), 1)
    parts = list(_axes(chart, scale, width))
    for one in chart.series:
        points = [(LEFT + (at + 0.5) * step, value) for at, value in enumerate(one.values)]
        for there, run in groupby(points, key=lambda point: point[1] is not None):
            if there:
                path = " ".join(f"{x:.1f},{scale.y(value or 0.0):.1f}" for x, value in run)
                parts.append(Markup('<polyline class="line {}" points="{}"/>').format(one.style, path))
        for at, (x, value) in enumerate(points):
            if value is not None:
                told = f"{chart.labels[at]}, {one.name}: {chart.words(value)}"
                parts.append(
                    Markup(
                        '<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="3"><title>{}</title></circle>'
                    ).format(one.style, x, scale.y(value), told)
                )
    return _svg(chart, parts, (width, HEIGHT))


def bars(chart: Chart, *, width: int = WIDTH) -> Markup:
    """Draw a horizontal bar for each label, the series of each one behind the other, the sum at its end."""
    sums = [sum(one.values[at] or 0.0 for one in chart.series) for at in range(len(chart.labels))]
    names = NAMES * width
    room = width - names - RIGHT - SUMS
    longest = max(sums, default=0.0) or 1.0
    parts = []
    for at, label in enumerate(chart.labels):
        y, x = 4 + at * BAR, names
        parts.append(_text("end", names - 8, y + BAR * 0.62, _cut(label, names - 12)))
        for one in chart.series:
            value = one.values[at] or 0.0
            length = room * value / longest
            if value > 0:
                told = f"{label}, {one.name}: {chart.words(value)}"
                parts.append(_rect(one.style, (x, y + 3), max(length, 1.0), BAR - 8, told))
            x += length
        parts.append(_text("start", x + 6, y + BAR * 0.62, chart.words(sums[at])))
    return _svg(chart, parts, (width, BAR * len(chart.labels) + 8))


@dataclass(frozen=True, slots=True)
class _Scale:
    """The vertical axis: from 0 to a round number."""

    most: float
    step: float

    @classmethod
    def of(cls, values: Sequence[float], most: float | None = None) -> "_Scale":
        highest = most or max(values, default=0.0) or 1.0
        rough = highest / 4
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * n for n in (1, 2, 2.5, 5, 10) if power * n >= rough * 0.999)
        return cls(most or step * math.ceil(highest / step - 1e-9), step)

    def y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / self.most)

    def ticks(self) -> Iterator[float]:
        for n in range(math.floor(self.most / self.step + 1e-9) + 1):
            yield n * self.step


def _axes(chart: Chart, scale: _Scale, width: int) -> Iterator[Markup]:
    for tick in scale.ticks():
        y = scale.y(tick)
        yield Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
            LEFT, width - RIGHT, y, y
        )
        yield _text("end", LEFT - 8, y + 4, chart.words(tick))
    room = width - LEFT - RIGHT
    step = room / max(len(chart.labels), 1)
    every = -(-len(chart.labels) // max(room // LABEL, 1))
    for at in range(0, len(chart.labels), max(every, 1)):
        yield _text("middle", LEFT + (at + 0.5) * step, HEIGHT - 8, chart.labels[at])


def _svg(chart: Chart, parts: Sequence[Markup], size: tuple[int, float]) -> Markup:
    return Markup(
        '<svg class="chart" role="img" viewBox="0 0 {} {:.0f}" aria-label="{}. {}">{}</svg>'
    ).format(*size, chart.title, chart.summary, Markup("").join(parts))


def _rect(style: str, corner: tuple[float, float], width: float, height: float, told: str) -> Markup:
    return Markup(
        '<rect class="bar {}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
    ).format(style, *corner, width, height, told)


def _text(anchor: str, x: float, y: float, words: str) -> Markup:
    return Markup('<text class="label" text-anchor="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(
        anchor, x, y, words
    )


def _cut(words: str, width: float) -> str:
    room = int(width / CHARACTER)
    return words if len(words) <= room else words[: room - 1] + "…"
