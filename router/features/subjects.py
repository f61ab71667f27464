"""To which of the earlier subjects an ask comes back.

It names it: with a word that was said there, and not in what was just left. Words are compared by how they
begin, since endings change, and one may be a part of another, as where words are written together.
"""

import re
from collections.abc import Sequence

from router.features import relation_words
from router.features.relation_text import READ_CHARS, ends, fold
from router.features.relation_words import RETURNS, WORD, YES, Phrases

_NAMING_LETTERS = 4
"""Letters of a word that may name a subject."""
_STEM_LETTERS = 5
_PAIR = re.compile(r"[\u30a0-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]{2}")
"""Of writing without spaces, or with changing endings, what may name a subject."""
_PARTED = re.compile(r"[-/_.`'«»]")
"""What parts the words of a compound."""
_TABLES = [table for table in vars(relation_words).values() if isinstance(table, Phrases)]
_TELLS_NOTHING = frozenset(word for table in _TABLES for phrase in table.spaced for word in phrase.split())
"""Words of the tables: they are in asks about anything."""
_PAIRS_TELL_NOTHING = frozenset(
    phrase[at : at + 2] for table in _TABLES for phrase in table.unspaced for at in range(len(phrase) - 1)
)


def subject_of(ask: str, subjects: Sequence[str]) -> str:
    """Find the earlier subject that an ask comes back to; empty for an ask that names none.

    Args:
        ask: The user's own words.
        subjects: What was asked before, oldest first, the last being what was just left.
    """
    if not subjects[:-1] or len(ask) > READ_CHARS:
        return ""
    text, left = fold(ask), fold(ends(subjects[-1]))
    just_left = _shared(text, left)
    earlier = [_shared(text, fold(ends(subject))) for subject in subjects[:-1]]
    named = [len(words - just_left) for words in earlier]
    if not any(named) and _says_so(text):
        named = [len(words) for words in earlier]
    newest = max(range(len(named)), key=lambda at: (named[at], at))
    return subjects[newest] if named[newest] else ""


def _says_so(text: str) -> bool:
    """Whether an ask opens like "back to …"."""
    yes = YES.start.match(text)
    return bool(RETURNS.start.match(text) or RETURNS.start.match(text, yes.end() if yes else 0))


def _shared(text: str, subject: str) -> frozenset[str]:
    """What names a subject and is in both texts."""
    compounds = {stem for stem in _stems(subject) if len(stem) == _STEM_LETTERS and stem in text}
    return frozenset({stem for stem in _stems(text) if stem in subject} | compounds)


def _stems(text: str) -> set[str]:
    words = (word for word in WORD.findall(_PARTED.sub(" ", text)) if len(word) >= _NAMING_LETTERS)
    stems = {word[:_STEM_LETTERS] for word in words if word not in _TELLS_NOTHING}
    pairs = {text[at : at + 2] for at in range(len(text) - 1) if _PAIR.fullmatch(text[at : at + 2])}
    return stems | (pairs - _PAIRS_TELL_NOTHING)
