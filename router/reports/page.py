"""A report as one HTML file: no script, no font, no picture and no link that leads out of it.

Names of users, teams, rules and models come from outside and may be anything; the templates
escape all of them, and the page forbids itself to load or run whatever got through.
"""

from collections.abc import Callable, Mapping
from functools import cache

import jinja2
from markupsafe import Markup

from router.reports import charts, formats
from router.reports.charts import Chart
from router.reports.components import Drawn, Story, Table

NARROW = 400
"""Width of the drawing that phones show, in its own units: its labels stay readable there."""

Draw = Callable[..., Markup]
DRAW: Mapping[str, Draw] = {
    "stacked": charts.stacked,
    "lines": charts.lines,
    "share": lambda chart, width: charts.lines(chart, most=1.0, width=width),
    "bars": charts.bars,
}


def html(story: Story) -> str:
    """Make the page."""
    return _templates().get_template("report.html").render(story=story)


def mail_html(story: Story) -> str:
    """Make what a mail program shows: tables only, since most show no SVG."""
    return _templates().get_template("mail.html").render(story=story)


@cache
def _templates() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("router.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {"draw": _draw, "style": _style(found)}
    found.filters |= {"behind": _behind, "sentence": _sentence}
    return found


def _style(templates: jinja2.Environment) -> Markup:
    source, *_ = templates.loader.get_source(templates, "page.css")  # type: ignore[union-attr] # set above
    return Markup(source)  # noqa: S704 - a file of this package


def _sentence(text: str) -> Markup:
    """A sentence, with what stands between backticks as code."""
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if code else part for part, code in formats.codes(text)
    )


def _behind(drawn: Drawn) -> Table:
    """The table behind a chart."""
    chart = drawn.chart
    columns = (chart.heading, *(one.name or "none" for one in chart.series))
    return Table(caption=chart.title, columns=columns, rows=chart.rows)


def _draw(drawn: Drawn) -> Markup:
    """Draw twice, for wide and for narrow screens; the style sheet shows one."""
    return Markup('<div class="wide">{}</div><div class="narrow">{}</div>').format(
        _drawing(drawn.how, drawn.chart, charts.WIDTH), _drawing(drawn.how, drawn.chart, NARROW)
    )


def _drawing(how: str, chart: Chart, width: int) -> Markup:
    return DRAW[how](chart, width=width)
