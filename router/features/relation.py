# ruff: noqa: RUF001 - punctuation of many writings
"""Whether an ask goes on from the one before it, or stands alone.

A rule for short asks, in the languages of the tables below. It is careful: an ask wrongly taken to go on
is decided by what came before it, so whatever names a subject of its own stands alone. What it says:

    goes on      "why?", "继续", "ja, mach das", "and in French?", "that didn't work", "make it faster"
    stands alone "different question: …", "what is a mutex?", "now look at our deploy script"
"""

import re
from collections.abc import Callable, Sequence

from router.features.relation_words import (
    CHANGES,
    GREETINGS,
    NEW_QUESTIONS,
    NEW_WORK,
    OPENERS,
    OURS,
    PREPOSITIONS,
    REFERENCES,
    REPORTS,
    RETURNS,
    WORD,
    YES,
    Phrases,
)

_READ_CHARS = 400
"""Of each ask, its beginning, and of what came before it both ends."""
_LONG_WORDS = 16
"""Words of an ask that opens like one that goes on; a longer one says what it is about."""
_FEW_WORDS = 9
"""Of one that only refers back somewhere."""
_PHRASE_WORDS = 6
"""Of one that opens with a preposition: "in French", "without a loop"."""
_TINY_WORDS = 4
"""So short that it cannot be read alone."""
_CHARS_A_WORD = 2.5
"""Of writing without spaces between words."""
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_KANJI = re.compile(r"[\u30a0-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]{2}")
_CONTENT_LETTERS = 4
"""Letters of a word that may name a subject."""
_CODE = re.compile(r"```|https?://|`")
"""Code or an address in an ask."""
_FILE = re.compile(
    r"(?<![\w./-])(?:\.{0,2}/)?(?:[\w.-]+/){0,9}[\w.-]+\.(?:py|pyi|ipynb|[cm]?[jt]sx?|go|rs|java|kts?|rb|php|c|h|cc|cpp|hpp|cs|sql"
    r"|sh|ps1|md|rst|txt|toml|ya?ml|json|xml|html|s?css|vue|svelte|swift|conf|cfg|ini|env|lock|csv|tf|gradle)\b"
    r"|(?<![\w./:-])(?:[\w.-]+/){2,9}|(?<![\w./:-])[\w.-]{2,}/(?=\W|$)"
    r"|(?<!\w)#\d{1,6}\b"
)
"""A file, a folder, an issue."""
_OWN: tuple[Callable[[str], object], ...] = (OURS.within, _FILE.search)
"""What finds the user's own code or files in a text."""
_OUTPUT = re.compile(
    r"(?:[\w.]*(?:error|exception)\b(?:\[\w+\])?:|npm err!|fatal:|panic:|error response from"
    r"|failed\b|caused by:"
    r"|[\w.\-/]+: (?:\*\*\*|\(\d+\)|[^:]{0,60}\b(?:no such|not found|cannot|denied|undefined)))"
)
"""What a program said, pasted with no word beside it."""


def goes_on(ask: str, previous: str) -> bool:
    """Whether an ask only goes on from what was asked before, and cannot be read without it.

    Args:
        ask: The user's own words; empty for an image alone.
        previous: The ask before it, with what that one goes on from; empty where there is none.
    """
    before = _fold(_ends(previous))
    if not before or _only(before, GREETINGS):
        return False
    first, _, remainder = ask.strip().partition("\n\n")
    text = _fold(first)
    if not text:
        return not remainder
    if not remainder and _only(text, YES):
        return True
    if not remainder and _OUTPUT.match(text) and len(first) <= _READ_CHARS and "?" not in text:
        return True
    reports = _begins(text, REPORTS) and _words(text) <= _LONG_WORDS
    if len(first) > _READ_CHARS or (remainder and not reports):
        return False
    return not _names_a_subject(text, before) and (reports or _refers_back(text, _words(text)))


def subject_of(ask: str, subjects: Sequence[str]) -> str:
    """Find the earlier subject that an ask says it comes back to; empty for an ask that says no such thing.

    Args:
        ask: One that does not go on from the ask before it.
        subjects: What was asked before, oldest first, the last being what was just left.
    """
    text = _fold(ask)
    if not subjects or len(ask) > _READ_CHARS:
        return ""
    opening = RETURNS.start.match(text) or RETURNS.start.match(text, _end_of_yes(text))
    if opening is None:
        return ""
    named = _content(text[opening.end() :])
    shared = [len(named & _content(_fold(subject))) for subject in subjects[:-1]]
    return subjects[shared.index(max(shared))] if max(shared, default=0) else ""


def may_come_back(ask: str, subject: str) -> bool:
    """Whether an ask that goes on from `subject` may as well come back to what was asked before that.

    So it is with something to do after a question in between: "rename the model everywhere", "by the way,
    what is the plural of index?", "ok, use that".
    """
    previous, text = _fold(subject), _fold(ask)
    return _is_question(previous) and not _is_question(text) and not any(own(previous) for own in _OWN)


def _is_question(text: str) -> bool:
    return text.endswith(("?", "？", "؟")) or any(
        _begins(part, NEW_QUESTIONS) for part in (text, _body(text))
    )


def _end_of_yes(text: str) -> int:
    match = YES.start.match(text)
    return match.end() if match else 0


def _content(text: str) -> frozenset[str]:
    """Words that may name a subject, by how they begin, since endings change; of unspaced writing, pairs."""
    words = {word[:5] for word in WORD.findall(text) if len(word) >= _CONTENT_LETTERS}
    unspaced = {text[at : at + 2] for at in range(len(text) - 1) if _KANJI.fullmatch(text[at : at + 2])}
    return frozenset(words | unspaced)


def _names_a_subject(text: str, before: str) -> bool:
    """Whether an ask says that its subject is new, or names one of which nothing before was said."""
    body = _body(text)
    if any(_begins(part, CHANGES) for part in (text, body)) or _only(text, GREETINGS):
        return True
    if _words(text) > _TINY_WORDS and any(_begins(part, NEW_QUESTIONS) for part in (text, body)):
        return True
    return any(own(text) and not own(before) for own in _OWN)


def _refers_back(text: str, words: float) -> bool:
    """Whether a short ask opens, refers or is cut like one that goes on."""
    refers = REFERENCES.within(text)
    names = bool(_CODE.search(text) or _FILE.search(text))
    if any(_begins(part, NEW_WORK) for part in (text, _body(text))):
        if refers and words <= _PHRASE_WORDS:
            return True
        if names or not _begins(text, OPENERS):
            return False
    if _begins(text, OPENERS):
        return words <= _LONG_WORDS
    if refers and words <= _FEW_WORDS:
        return True
    in_part = words <= _TINY_WORDS or (_begins(text, PREPOSITIONS) and words <= _PHRASE_WORDS)
    return in_part and not names


def _body(text: str) -> str:
    """An ask without the word that it opens with, if one like "and" or "now"."""
    opening = OPENERS.start.match(text)
    return text[opening.end() :] if opening and opening.end() < len(text) else text


def _ends(text: str) -> str:
    return text if len(text) <= 2 * _READ_CHARS else f"{text[:_READ_CHARS]} {text[-_READ_CHARS:]}"


def _fold(text: str) -> str:
    return " ".join(text[: 2 * _READ_CHARS + 1].casefold().replace("’", "'").split()).lstrip("¿¡-*>\"'“„«(… ")


def _words(text: str) -> float:
    """How many words a text has; of writing without spaces, by its characters."""
    unspaced = len(_UNSPACED.findall(text))
    return len(WORD.findall(_UNSPACED.sub(" ", text))) + unspaced / _CHARS_A_WORD


def _begins(text: str, phrases: Phrases) -> bool:
    return bool(phrases.start.match(text))


def _only(text: str, phrases: Phrases) -> bool:
    """Whether a text is nothing but such phrases, one after another."""
    at = 0
    while at < len(text):
        match = phrases.start.match(text, at)
        if match is None:
            return False
        at = match.end()
    return at > 0
