"""The page stands alone, is readable for all, and takes every name for a name."""

import re
from html.parser import HTMLParser

import pytest
from report_traffic import DAY, NOON, RequestSpec

from router.reports.build import build_report
from router.reports.markdown import render_markdown
from router.reports.page import render_html, render_mail_html

SCRIPT = "<script>alert(1)</script>"
HOSTILE = (
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "`</code><b>`",
    "a\nb|c",
    "[x](http://evil.example)",
)
VOID = {"meta", "img", "link", "br"}


class Outline(HTMLParser):
    """What is in a page, and that every tag is closed where it should be."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.headings, self.text = [], [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def report(build_facts):
    specs = [RequestSpec(at=NOON + n * DAY, track=track) for n in range(3) for track in ("local", "cloud")]
    return build_report(
        build_facts([*specs, RequestSpec(private="secrets"), RequestSpec(track="cloud", moved="overflow")])
    )


def test_the_page_loads_nothing_and_runs_nothing(report):
    page = Outline(render_html(report))
    tags = [tag for tag, _ in page.tags]
    assert not {"script", "link", "img", "iframe", "object", "a", "form"} & set(tags)
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert not re.search(r"https?://|url\(|@import|src=", render_html(report))
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_headings_language_and_regions_are_in_order(report):
    page = Outline(render_html(report))
    assert dict(page.tags)["html"] == {"lang": "en"}
    assert page.headings[0] == 1
    assert set(page.headings[1:]) == {2}
    assert page.headings.count(1) == 1
    for tag, attrs in page.tags:
        if tag == "svg":
            assert attrs["role"] == "img"
            assert len(attrs["aria-label"]) > 20
        if tag == "th":
            assert attrs["scope"] in {"row", "col"}
        if attrs.get("role") == "region":
            assert attrs["tabindex"] == "0"
            assert attrs["aria-label"]


def test_every_chart_has_its_table(report):
    page = render_html(report)
    figures = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
    assert len(figures) == sum(len(section.figures) for section in report.sections) == 4
    for figure in figures:
        assert figure.count("<svg") == 2  # for wide and for narrow screens
        assert re.search(r"<details>.*<table>.*</table>.*</details>", figure, re.DOTALL)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_only_names(build_facts, name):
    spec = RequestSpec(
        team=name,
        user=name,
        client=name,
        rule=name,
        policy=name,
        model=name,
        requested_model=name,
        error=name,
    )
    stayed = RequestSpec(team=name, private=name, rule=name)
    failed = RequestSpec(track="cloud", status=500, error=f"no {name}", moved="overflow", rule=name)
    for team in (None, name):
        report = build_report(build_facts([spec, stayed, failed] if team is None else [], team=team))
        for page in (render_html(report), render_mail_html(report)):
            outline = Outline(page)
            assert not {"script", "img", "b"} & {tag for tag, _ in outline.tags}
            assert "49" not in "".join(outline.text) or "{{" not in name
            assert "".join(name.split()) in "".join("".join(outline.text).split())
        text = render_markdown(report)
        assert SCRIPT not in text
        assert "](http" not in text.replace("\\](", "")
        for line in text.splitlines():
            if line.startswith("|"):
                assert line.endswith("|")


def test_markdown_tables_have_as_many_cells_as_columns(report):
    tables = re.findall(r"(?:^\|.*\n)+", render_markdown(report), re.MULTILINE)
    assert len(tables) == sum(len(section.tables) for section in report.sections)
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_markdown_keeps_what_is_ours_as_code(report):
    text = render_markdown(report)
    assert "`POST /v1/feedback`" in text
    assert text.startswith("# Routing report: all teams\n")


def test_the_mail_has_the_same_figures(report):
    page = "".join(Outline(render_mail_html(report)).text)
    assert report.lead in page
    for card in report.cards:
        assert card.value in page
    assert "<svg" not in render_mail_html(report)
    assert "<style" not in render_mail_html(report)


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_contrast_suffices_in_light_and_dark(report, scheme):
    style = re.search(r"<style>(.*?)</style>", render_html(report), re.DOTALL)[1]
    roots = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", roots[scheme]))
    for ground in ("page", "card"):
        for text in ("ink", "soft", "good", "bad", "link"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for mark in ("local", "cloud", "one", "two"):
        assert contrast(colours[mark], colours["page"]) >= 3, mark
