"""A report as one HTML file without scripts, fonts, pictures or external links.

Names of users, teams, rules and models are untrusted. The templates escape all of them, and the
page's content security policy forbids loading or running anything.
"""

from collections.abc import Callable, Mapping
from functools import cache

import jinja2
from markupsafe import Markup

from router.reports import charts, formats
from router.reports.charts import Chart
from router.reports.components import Figure, Report, Table

NARROW = 400
"""Width in SVG units of the chart for phones, where labels stay readable."""

ChartRenderer = Callable[..., Markup]
RENDERERS: Mapping[str, ChartRenderer] = {
    "stacked": charts.render_stacked_columns,
    "lines": charts.render_lines,
    "share": lambda chart, width: charts.render_lines(chart, maximum=1.0, width=width),
    "bars": charts.render_bars,
}


def render_html(report: Report) -> str:
    """Render the page as one self-contained file."""
    return _templates().get_template("report.html").render(report=report)


def render_mail_html(report: Report) -> str:
    """Render the page for mail programs: tables only, since most show no SVG."""
    return _templates().get_template("mail.html").render(report=report)


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("router.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"render_figure": _render_figure, "style": _style(environment)}
    environment.filters |= {"chart_table": _chart_table, "inline_code": _render_inline_code}
    return environment


def _style(templates: jinja2.Environment) -> Markup:
    source, *_ = templates.loader.get_source(templates, "page.css")  # type: ignore[union-attr] # set above
    return Markup(source)  # noqa: S704 - a file of this package


def _render_inline_code(text: str) -> Markup:
    """Render a sentence with the parts between backticks as `<code>`."""
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if code else part for part, code in formats.split_code(text)
    )


def _chart_table(figure: Figure) -> Table:
    chart = figure.chart
    columns = (chart.label_heading, *(series.name or "none" for series in chart.series))
    return Table(caption=chart.title, columns=columns, rows=chart.rows)


def _render_figure(figure: Figure) -> Markup:
    """Render for wide and for narrow screens; the style sheet shows the fitting one."""
    return Markup('<div class="wide">{}</div><div class="narrow">{}</div>').format(
        _render_chart(figure.kind, figure.chart, charts.WIDTH),
        _render_chart(figure.kind, figure.chart, NARROW),
    )


def _render_chart(kind: str, chart: Chart, width: int) -> Markup:
    return RENDERERS[kind](chart, width=width)
