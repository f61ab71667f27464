"""SVG charts for pages that may be dark, printed, narrow, or read aloud.

- Colours are CSS classes (`templates/page.css`), so the same SVG serves light, dark and print.
- Every number is also in a table: `Chart.rows`. The summary sentence is the image's description.
- An unknown value (None) is a gap, never a zero.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

WIDTH = 720
"""Width of a chart in SVG units, unless the page is narrow."""
HEIGHT = 240
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 28
BAR_HEIGHT = 26
"""Height of a horizontal bar with its spacing."""
LABEL_SHARE = 0.27
"""Fraction of the width for the labels beside horizontal bars."""
SUM_WIDTH = 80
"""Width of the sums at the ends of the bars."""
TICK_WIDTH = 80
"""Width of a label under the time axis."""
CHARACTER_WIDTH = 6.6
"""Average width of a label's character."""

ValueFormat = Callable[[float], str]
"""Formats a number with its unit."""
Value = float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One value per label, in one colour."""

    name: str
    values: Sequence[Value]
    style: str
    """CSS class that colours it: `local`, `cloud`, `one`, `two`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The data of a chart, and its description for readers who cannot see it."""

    title: str
    summary: str
    """One sentence that describes the chart."""
    labels: Sequence[str]
    series: Sequence[Series]
    format_value: ValueFormat
    label_heading: str = "when"
    """Heading of the table's first column."""

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The values as a table, one row per label."""
        return [
            (
                label,
                *(
                    "not known"
                    if series.values[index] is None
                    else self.format_value(series.values[index] or 0.0)
                    for series in self.series
                ),
            )
            for index, label in enumerate(self.labels)
        ]


def render_stacked_columns(chart: Chart, *, width: int = WIDTH) -> Markup:
    """Render a column per label, with the series stacked."""
    sums = [sum(series.values[index] or 0.0 for series in chart.series) for index in range(len(chart.labels))]
    scale = _Scale.of(sums, whole=all(value.is_integer() for value in map(float, sums)))
    step = (width - LEFT - RIGHT) / max(len(sums), 1)
    parts = list(_render_axes(chart, scale, width))
    for index in range(len(sums)):
        base = 0.0
        for series in chart.series:
            value = series.values[index] or 0.0
            if value > 0:
                parts.append(
                    _render_rect(
                        series.style,
                        (LEFT + index * step + step * 0.12, scale.y(base + value)),
                        step * 0.76,
                        scale.y(base) - scale.y(base + value),
                        f"{chart.labels[index]}, {series.name}: {chart.format_value(value)}",
                    )
                )
            base += value
    return _render_svg(chart, parts, (width, HEIGHT))


def render_lines(chart: Chart, *, maximum: float | None = None, width: int = WIDTH) -> Markup:
    """Draw a line for each series, broken at unknown values. `maximum` fixes the end of the axis."""
    values = [value for series in chart.series for value in series.values if value is not None]
    scale = _Scale.of(values, maximum)
    step = (width - LEFT - RIGHT) / max(len(chart.labels), 1)
    parts = list(_render_axes(chart, scale, width))
    for series in chart.series:
        points = [(LEFT + (index + 0.5) * step, value) for index, value in enumerate(series.values)]
        for is_known, run in groupby(points, key=lambda point: point[1] is not None):
            if is_known:
                path = " ".join(f"{x:.1f},{scale.y(value or 0.0):.1f}" for x, value in run)
                parts.append(Markup('<polyline class="line {}" points="{}"/>').format(series.style, path))
        for index, (x, value) in enumerate(points):
            if value is not None:
                tooltip = f"{chart.labels[index]}, {series.name}: {chart.format_value(value)}"
                parts.append(
                    Markup(
                        '<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="3"><title>{}</title></circle>'
                    ).format(series.style, x, scale.y(value), tooltip)
                )
    return _render_svg(chart, parts, (width, HEIGHT))


def render_bars(chart: Chart, *, width: int = WIDTH) -> Markup:
    """Render a horizontal bar per label, with the series stacked and the sum at its end."""
    sums = [sum(series.values[index] or 0.0 for series in chart.series) for index in range(len(chart.labels))]
    label_width = LABEL_SHARE * width
    bar_width = width - label_width - RIGHT - SUM_WIDTH
    longest = max(sums, default=0.0) or 1.0
    parts = []
    for index, label in enumerate(chart.labels):
        y, x = 4 + index * BAR_HEIGHT, label_width
        parts.append(
            _render_text("end", label_width - 8, y + BAR_HEIGHT * 0.62, _truncate(label, label_width - 12))
        )
        for series in chart.series:
            value = series.values[index] or 0.0
            length = bar_width * value / longest
            if value > 0:
                tooltip = f"{label}, {series.name}: {chart.format_value(value)}"
                parts.append(
                    _render_rect(series.style, (x, y + 3), max(length, 1.0), BAR_HEIGHT - 8, tooltip)
                )
            x += length
        parts.append(_render_text("start", x + 6, y + BAR_HEIGHT * 0.62, chart.format_value(sums[index])))
    return _render_svg(chart, parts, (width, BAR_HEIGHT * len(chart.labels) + 8))


@dataclass(frozen=True, slots=True)
class _Scale:
    """The vertical axis: from 0 to a round number."""

    maximum: float
    step: float

    @classmethod
    def of(cls, values: Sequence[float], maximum: float | None = None, *, whole: bool = False) -> "_Scale":
        """Find the scale; `whole` numbers, such as counts, get no steps between them."""
        highest = maximum or max(values, default=0.0) or 1.0
        rough = max(highest / 4, 1.0) if whole else highest / 4
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(
            power * n
            for n in (1, 2, 2.5, 5, 10)
            if power * n >= rough * 0.999 and not (whole and power * n % 1)
        )
        return cls(maximum or step * math.ceil(highest / step - 1e-9), step)

    def y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / self.maximum)

    def ticks(self) -> Iterator[float]:
        for n in range(math.floor(self.maximum / self.step + 1e-9) + 1):
            yield n * self.step


def _render_axes(chart: Chart, scale: _Scale, width: int) -> Iterator[Markup]:
    for tick in scale.ticks():
        y = scale.y(tick)
        yield Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
            LEFT, width - RIGHT, y, y
        )
        yield _render_text("end", LEFT - 8, y + 4, chart.format_value(tick))
    axis_width = width - LEFT - RIGHT
    step = axis_width / max(len(chart.labels), 1)
    label_step = -(-len(chart.labels) // max(axis_width // TICK_WIDTH, 1))
    for index in range(0, len(chart.labels), max(label_step, 1)):
        yield _render_text("middle", LEFT + (index + 0.5) * step, HEIGHT - 8, chart.labels[index])


def _render_svg(chart: Chart, parts: Sequence[Markup], size: tuple[int, float]) -> Markup:
    return Markup(
        '<svg class="chart" role="img" viewBox="0 0 {} {:.0f}" aria-label="{}. {}">{}</svg>'
    ).format(*size, chart.title, chart.summary, Markup("").join(parts))


def _render_rect(
    style: str, corner: tuple[float, float], width: float, height: float, tooltip: str
) -> Markup:
    return Markup(
        '<rect class="bar {}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
    ).format(style, *corner, width, height, tooltip)


def _render_text(anchor: str, x: float, y: float, text: str) -> Markup:
    return Markup('<text class="label" text-anchor="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(
        anchor, x, y, text
    )


def _truncate(text: str, width: float) -> str:
    length = int(width / CHARACTER_WIDTH)
    return text if len(text) <= length else text[: length - 1] + "…"
