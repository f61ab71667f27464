"""A report as Markdown, for a chat or a mail's text: sentences and tables, no charts.

What comes from outside is escaped, so that a user's name is a name and no link, image or markup.
Between backticks stand words of ours, and what looks like them is as harmless.
"""

import re
from collections.abc import Iterator, Sequence

from router.reports import formats
from router.reports.components import Story, Table

_MARKUP = re.compile(r"[\\`*\[\]<>#|~&]|(?<!\w)_|_(?!\w)|(?<!\w)@|(?<=:)/(?=/)|(?<=\bwww)\.", re.IGNORECASE)
_GAPS = re.compile(r"\s+")


def markdown(story: Story) -> str:
    """Make the text; it ends with a line break."""
    return "\n".join(_lines(story)) + "\n"


def _lines(story: Story) -> Iterator[str]:
    yield from (f"# {_safe(story.title)}", "", _safe(story.period), "", f"**{_safe(story.lead)}**", "")
    for warning in story.warnings:
        yield from (f"> **{_safe(warning)}**", "")
    for card in story.cards:
        yield f"- {card.name}: **{_safe(card.figure)}**{f' ({_safe(card.note)})' if card.note else ''}"
    for section in story.sections:
        yield from ("", f"## {section.title}", "")
        for sentence in section.says:
            yield from (_safe(sentence), "")
        for table in section.tables:
            yield from (*_table(table), "")
        for note in section.notes:
            yield from (_safe(note), "")
    yield from ("---", "", _safe(story.made))


def _table(table: Table) -> Iterator[str]:
    left = [at == 0 or column in table.words for at, column in enumerate(table.columns)]
    yield from (f"{_safe(table.caption)}:", "")
    yield _row(table.columns)
    yield _row([":--" if one else "--:" for one in left], safe=True)
    for row in table.rows:
        yield _row(row)


def _row(cells: Sequence[str], *, safe: bool = False) -> str:
    return f"| {' | '.join(cell if safe else _safe(cell) for cell in cells)} |"


def _safe(text: str) -> str:
    plain = _GAPS.sub(" ", text).strip()
    return "".join(
        f"`{part}`" if code else _MARKUP.sub(r"\\\g<0>", part) for part, code in formats.codes(plain)
    )
