# ruff: noqa: RUF001 - punctuation of many writings
"""An ask's text as its relation to earlier ones is read from it: folded, at most so long, in words."""

import re

from router.features.relation_words import ASKING, GREETINGS, NEW_QUESTIONS, OPENERS, QUESTIONS, WORD, Phrases

READ_CHARS = 400
"""Of each ask, its beginning, and of what came before it both ends."""
_CHARS_A_WORD = 2.5
"""Of writing without spaces between words."""
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")


def fold(text: str) -> str:
    """The beginning in lower case, one space between words, without what may stand before the first."""
    return " ".join(text[: 2 * READ_CHARS + 1].casefold().replace("’", "'").split()).lstrip("¿¡-*>\"'“„«(… ")


def ends(text: str) -> str:
    """As much of both ends as is read of what came before."""
    return text if len(text) <= 2 * READ_CHARS else f"{text[:READ_CHARS]} {text[-READ_CHARS:]}"


def words(text: str) -> float:
    """How many words a text has; of writing without spaces, by its characters."""
    unspaced = len(_UNSPACED.findall(text))
    return len(WORD.findall(_UNSPACED.sub(" ", text))) + unspaced / _CHARS_A_WORD


def body(text: str) -> str:
    """An ask without the word that it opens with, if one like "and" or "now"."""
    opening = OPENERS.start.match(text)
    return text[opening.end() :] if opening and opening.end() < len(text) else text


def begins(text: str, phrases: Phrases) -> bool:
    """Whether a text opens with such a phrase."""
    return bool(phrases.start.match(text))


def opens(text: str, phrases: Phrases) -> bool:
    """The same, also after a word like "and" or "now"."""
    return begins(text, phrases) or begins(body(text), phrases)


def only(text: str, phrases: Phrases) -> bool:
    """Whether a text is nothing but such phrases, one after another."""
    at = 0
    while at < len(text):
        match = phrases.start.match(text, at)
        if match is None:
            return False
        at = match.end()
    return at > 0


def is_question(text: str) -> bool:
    """Whether a folded text asks something, with a mark or without."""
    return (
        text.endswith(("?", "？", "؟"))
        or opens(text, QUESTIONS)
        or opens(text, NEW_QUESTIONS)
        or ASKING.within(text)
    )


def is_greeting(text: str) -> bool:
    """Whether a folded text only says hello."""
    return only(text, GREETINGS)
