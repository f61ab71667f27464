# ruff: noqa: RUF001 - punctuation of many writings
"""Whether an ask goes on from the one before it, or stands alone.

A rule for short asks, in the languages of the tables in `relation_words`. Signs speak for it and against it,
each with points. It is careful: an ask wrongly taken to go on is decided by what came before it, so the
user's own code where none was spoken of, and a question that names what it is about, weigh most.

    goes on      "why?", "继续", "ja, mach das", "and in French?", "the header is missing now", "sort by size"
    stands alone "different question: …", "what is a mutex?", "now look at our deploy script"
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from router.features.relation_text import (
    READ_CHARS,
    begins,
    ends,
    fold,
    is_greeting,
    is_question,
    only,
    opens,
    words,
)
from router.features.relation_words import (
    ASIDES,
    CHANGES,
    EDITS,
    LOOKS,
    NEW_QUESTIONS,
    NEW_WORK,
    OPENERS,
    OURS,
    REFERENCES,
    REPORTS,
    SAYS,
    THE,
    YES,
)

_LONG_WORDS = 16
"""Words of a report that more may follow."""
_A_FEW, _TINY = 6, 3
"""Words of an ask that an opener makes one that goes on, and of one that has no room for a subject."""
_SAYS_CHARS = 40
"""Where the output of a program begins at the latest."""
_FILE = re.compile(
    r"(?<![\w./-])(?:\.{0,2}/)?(?:[\w.-]+/){0,9}[\w.-]+\.(?:py|pyi|ipynb|[cm]?[jt]sx?|go|rs|java|kts?|rb|php|c|h|cc|cpp|hpp|cs|sql"
    r"|sh|ps1|md|rst|txt|toml|ya?ml|json|xml|html|s?css|vue|svelte|swift|conf|cfg|ini|env|lock|csv|tf|gradle)\b"
    r"|(?<![\w./:-])(?:[\w.-]+/){2,9}|(?<![\w./:-])[\w.-]{2,}/(?=\W|$)"
    r"|(?<!\w)#\d{1,6}\b"
)
"""A file, a folder, an issue."""
_OUTPUT = re.compile(
    r"(?:[\w.]*(?:error|exception)\b(?:\[\w+\])?:|npm err!|fatal:|panic:|error response from|err_\w+|warning:"
    r"|failed\b|caused by:|`[^`]{1,200}`\W{0,3}$"
    r"|[\w.\-/]+: (?:\*\*\*|\(\d+\)|[^:]{0,60}\b(?:no such|not found|cannot|denied|undefined)))"
)
"""What a program said, pasted with no word beside it."""
_HEADING = re.compile(r"[^:：]{3,40}[:：]\s")
"""What an ask is about, before all else."""


@dataclass(frozen=True)
class _Read:
    """An ask's first paragraph, folded, and what came before it."""

    text: str
    before: str

    @cached_property
    def words(self) -> float:
        return words(self.text)

    @cached_property
    def opener(self) -> bool:
        return begins(self.text, OPENERS)

    @cached_property
    def refers(self) -> bool:
        return REFERENCES.within(self.text)

    @cached_property
    def question(self) -> bool:
        return is_question(self.text)

    @cached_property
    def edit(self) -> bool:
        return opens(self.text, EDITS) and not self.work

    @cached_property
    def look(self) -> bool:
        return opens(self.text, LOOKS) or any(phrase in self.text for phrase in LOOKS.unspaced)

    @cached_property
    def work(self) -> bool:
        return opens(self.text, NEW_WORK)

    @cached_property
    def general(self) -> bool:
        return opens(self.text, NEW_QUESTIONS) or NEW_QUESTIONS.within(self.text)

    @cached_property
    def new_file(self) -> bool:
        return bool(_FILE.search(self.text)) and not _FILE.search(self.before)

    @cached_property
    def pasted(self) -> bool:
        return bool(_OUTPUT.match(self.text)) and "?" not in self.text

    @cached_property
    def output(self) -> bool:
        return self.pasted or (not self.question and SAYS.within(self.text[:_SAYS_CHARS]))

    @cached_property
    def reports(self) -> bool:
        return (begins(self.text, REPORTS) or self.output) and self.words <= _LONG_WORDS


_POINTS: tuple[tuple[int, Callable[[_Read], bool]], ...] = (
    (4, lambda ask: not (ask.question or ask.edit or ask.look or ask.work)),
    (3, lambda ask: ask.edit),
    (-1, lambda ask: ask.look),
    (-2, lambda ask: begins(ask.text, NEW_WORK)),
    (3, lambda ask: ask.output),
    (2, lambda ask: begins(ask.text, REPORTS)),
    (2, lambda ask: begins(ask.text, THE)),
    (1, lambda ask: ask.opener and ask.words <= _A_FEW),
    (-3, lambda ask: ask.question),
    (3, lambda ask: ask.question and ask.refers),
    (2, lambda ask: ask.question and ask.opener),
    (1, lambda ask: ask.question and THE.within(ask.text)),
    (-4, lambda ask: ask.question and ask.words > _TINY and ASIDES.within(ask.text)),
    (-6, lambda ask: ask.general),
    (3, lambda ask: ask.general and ask.refers),
    (-2, lambda ask: is_question(ask.before)),
    (2, lambda ask: ask.question and is_question(ask.before)),
    (-7, lambda ask: OURS.within(ask.text) and not OURS.within(ask.before)),
    (-3, lambda ask: ask.new_file),
    (-3, lambda ask: ask.new_file and (ask.look or ask.work)),
    (-3, lambda ask: bool(_HEADING.match(ask.text))),
)
"""For going on, and against it; fitted to labelled sessions, and rounded."""
_SHORT = ((2, 3), (4, 3), (6, 2), (9, 2), (13, 1))
"""Up to so many words, so many points more: the shorter, the less can an ask be read alone."""
_ENOUGH = 2
"""More points than this."""


def goes_on(ask: str, previous: str) -> bool:
    """Whether an ask only goes on from what was asked before, and cannot be read without it.

    Args:
        ask: The user's own words; empty for an image alone.
        previous: The ask before it, with what that one goes on from; empty where there is none.
    """
    before = fold(ends(previous))
    if not before or is_greeting(before):
        return False
    first, _, remainder = ask.strip().partition("\n\n")
    read = _Read(fold(first), before)
    if not read.text or len(first) > READ_CHARS:
        return not (read.text or remainder)
    if remainder:
        return read.reports and _points(read) > _ENOUGH
    return read.pasted or only(read.text, YES) or _points(read) > _ENOUGH


def _points(read: _Read) -> int:
    if opens(read.text, CHANGES) or is_greeting(read.text):
        return 0
    short = sum(points for most, points in _SHORT if read.words <= most)
    return short + sum(points for points, shows in _POINTS if shows(read))


def may_come_back(ask: str, subject: str) -> bool:
    """Whether an ask that goes on from `subject` may as well come back to what was asked before that.

    So it is with something to do after a question in between: "rename the model everywhere", "by the way,
    what is the plural of index?", "ok, use that".
    """
    previous, read = fold(subject), _Read(fold(ask), "")
    own = OURS.within(previous) or _FILE.search(previous)
    to_do = (read.edit or read.refers or read.opener) and not (read.question or read.output)
    return to_do and is_question(previous) and not own
