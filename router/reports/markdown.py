"""A report as Markdown, for chats, terminals and e-mail: sentences and tables, no charts.

Everything is escaped, so that a user's name cannot become a link, an image or markup. Text between
backticks is kept as code; it can hold only word characters, `/`, `.`, `-` and spaces.
"""

import re
from collections.abc import Iterator, Sequence

from router.reports import formats
from router.reports.components import Report, Table

_MARKUP = re.compile(r"[\\`*\[\]<>#|~&]|(?<!\w)_|_(?!\w)|(?<!\w)@|(?<=:)/(?=/)|(?<=\bwww)\.", re.IGNORECASE)
_GAPS = re.compile(r"\s+")


def render_markdown(report: Report) -> str:
    """Render the report, with a final newline."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield from (f"# {_safe(report.title)}", "", _safe(report.period), "", f"**{_safe(report.lead)}**", "")
    for warning in report.warnings:
        yield from (f"> **{_safe(warning)}**", "")
    for card in report.cards:
        yield f"- {card.name}: **{_safe(card.value)}**{f' ({_safe(card.note)})' if card.note else ''}"
    for section in report.sections:
        yield from ("", f"## {section.title}", "")
        for sentence in section.paragraphs:
            yield from (_safe(sentence), "")
        for table in section.tables:
            yield from (*_table(table), "")
        for note in section.notes:
            yield from (_safe(note), "")
    yield from ("---", "", _safe(report.footer))


def _table(table: Table) -> Iterator[str]:
    left_aligned = [index == 0 or column in table.text_columns for index, column in enumerate(table.columns)]
    yield from (f"{_safe(table.caption)}:", "")
    yield _row(table.columns)
    yield _row([":--" if is_left else "--:" for is_left in left_aligned], safe=True)
    for row in table.rows:
        yield _row(row)


def _row(cells: Sequence[str], *, safe: bool = False) -> str:
    return f"| {' | '.join(cell if safe else _safe(cell) for cell in cells)} |"


def _safe(text: str) -> str:
    plain = _GAPS.sub(" ", text).strip()
    return "".join(
        f"`{part}`" if code else _MARKUP.sub(r"\\\g<0>", part) for part, code in formats.split_code(plain)
    )
