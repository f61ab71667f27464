"""Drawings are well-formed, say what they show, and show exactly the table behind them."""

import re
from xml.etree import ElementTree as ET

import pytest

from router.reports import charts
from router.reports.charts import Chart, Series

HOSTILE = '<script>alert(1)</script>" onload="x'


def chart(values=(3.0, None, 0.0), more=(1.0, 2.0, 0.0), name="local"):
    return Chart(
        title="Requests a day",
        summary="Six in all.",
        labels=[f"Nov {n}" for n in range(1, len(values) + 1)],
        series=[
            Series(name=name, values=values, style="local"),
            Series(name="cloud", values=more, style="cloud"),
        ],
        format_value=lambda value: f"{value:.0f}",
    )


@pytest.mark.parametrize("width", [charts.WIDTH, 400])
@pytest.mark.parametrize("render", [charts.render_stacked_columns, charts.render_lines, charts.render_bars])
def test_a_drawing_is_an_image_with_a_description(render, width):
    root = ET.fromstring(render(chart(), width=width))
    assert root.get("role") == "img"
    assert root.get("aria-label") == "Requests a day. Six in all."
    assert root.get("viewBox").startswith(f"0 0 {width} ")
    for rectangle in root.iter("rect"):
        assert float(rectangle.get("width")) >= 0
        assert float(rectangle.get("x")) + float(rectangle.get("width")) <= width


@pytest.mark.parametrize("render", [charts.render_stacked_columns, charts.render_bars])
def test_every_part_tells_its_number(render):
    tooltips = [part.text for part in ET.fromstring(render(chart())).iter("title")]
    assert tooltips == ["Nov 1, local: 3", "Nov 1, cloud: 1", "Nov 2, cloud: 2"]


def test_what_is_not_known_is_a_gap_and_no_zero():
    root = ET.fromstring(charts.render_lines(chart(values=(3.0, None, 0.0, 1.0), more=(None,) * 4)))
    assert [len(line.get("points").split()) for line in root.iter("polyline")] == [1, 2]
    assert chart().rows[1] == ("Nov 2", "not known", "2")


@pytest.mark.parametrize("values", [(), (0.0,), (None,), (1e-9,), (1e12, 1.0)])
@pytest.mark.parametrize("render", [charts.render_stacked_columns, charts.render_lines, charts.render_bars])
def test_odd_values_are_drawn(render, values):
    root = render(chart(values=values, more=(None,) * len(values)))
    ET.fromstring(root)
    assert not re.search(r"nan|inf", root, re.IGNORECASE)


@pytest.mark.parametrize("render", [charts.render_stacked_columns, charts.render_lines, charts.render_bars])
def test_names_are_only_names(render):
    hostile = chart(name=HOSTILE)
    root = render(
        Chart(title=HOSTILE, summary=HOSTILE, labels=[HOSTILE] * 3, series=hostile.series, format_value=str)
    )
    assert {element.tag for element in ET.fromstring(root).iter()} <= {
        "svg", "rect", "line", "text", "title", "polyline", "circle",
    }  # fmt: skip
    assert "<script" not in root


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (1.0, ["0", "1"]),
        (3.0, ["0", "1", "2", "3"]),
        (10.0, ["0", "5", "10"]),
        (100.0, ["0", "25", "50", "75", "100"]),
    ],
)
def test_an_axis_of_counts_has_no_mark_between_two_of_them(highest, ticks):
    drawing = ET.fromstring(charts.render_stacked_columns(chart(values=(highest,), more=(0.0,))))
    assert [part.text for part in drawing.iter("text") if part.get("text-anchor") == "end"] == ticks
