r"""The second look at raw JSON: are all words of a pattern in it, as near as its own are?

`internal` alone is in every other file, `internal only` is not. Between the words of one run of
literal characters stands what `prose_forms` folds or removes: space, marks, markup, line numbers,
and all of it in the escapes of JSON, URLs and HTML; or one string ends and another begins.
"""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import re2

from router.privacy.needles import OPTIONS, spelled

_SHORT = 3
_OPEN = rb"(?:<|\\+u003[cC]|\\+x3[cC]|%(?:25)*3[cC]|&(?:amp;)*(?:lt|LT|#60|#[xX]3[cC]);)"
_CLOSE = rb"(?:>|\\+u003[eE]|\\+x3[eE]|%(?:25)*3[eE]|&(?:amp;)*(?:gt|GT|#62|#[xX]3[eE]);)"
_GAP = (
    rb"(?:[^A-Za-z]|\\+[nrtbfv0]|\\+u[0-9A-Fa-f]{4}|\\+u\{[0-9A-Fa-f]{1,6}\}|\\+x[0-9A-Fa-f]{2}"
    rb"|%(?:25)*[0-9A-Fa-f]{2}|(?:&|\\+u0026|%(?:25)*26)(?:amp;)*(?:#?[A-Za-z0-9]{1,30})(?:;|%(?:25)*3[bB])"
    rb"|(?:\x1b|\\+u001[bB]|\\+x1[bB]|\\+0?33|\\+e)\[[0-9;?]*[A-Za-z]|"
    + _OPEN
    + rb"[^<>]*?"
    + _CLOSE
    + rb")*?"
)
MARKUP = (
    _OPEN + rb"!--|(?:\]|\\+u005[dD]|%(?:25)*5[dD]|&#93;)(?:\(|\\+u0028|%(?:25)*28|&#40;)|\\[A-Za-z]{2,20}\{"
)
"""What is read across other words: a comment, a link, a command of TeX."""


class Phrase:
    """The words that every match of one pattern holds.

    Args:
        runs: of literal characters, in order.
    """

    def __init__(self, runs: Sequence[str]) -> None:
        word_lists = (re.findall(r"[A-Za-z0-9]+", run) for run in runs)
        self._runs = tuple(_Run(words) for words in word_lists if any(len(word) >= _SHORT for word in words))

    def may_be_in(self, raw: bytes) -> bool:
        """Whether raw JSON, or a string, may hold a match."""
        return bool(_MARKUP(raw)) or all(run.may_be_in(raw) for run in self._runs)

    @property
    def expression(self) -> bytes:
        """Finds where the longest run may be; what it does not find, `may_be_in` does not either."""
        return max((run.expression for run in self._runs), key=len, default=b"")


class _Run:
    """Words that follow each other."""

    def __init__(self, words: list[str]) -> None:
        forms = list(map(spelled, words))
        self._together = _compile(_GAP.join(forms))
        self._words = [_compile(form) for form, word in zip(forms, words, strict=True) if len(word) >= _SHORT]
        self.expression = b"|".join((_GAP.join(forms), *(form + _GAP + rb'"' for form in forms[:-1])))
        self._apart = [
            (_compile(before + _GAP + rb'"'), _compile(rb'"' + _GAP + after))
            for before, after in pairwise(forms)
        ]

    def may_be_in(self, raw: bytes) -> bool:
        if not all(word(raw) for word in self._words):
            return False
        return bool(self._together(raw)) or any(end(raw) and start(raw) for end, start in self._apart)


def _compile(expression: bytes) -> Callable[[bytes], Any]:
    return re2.compile(expression, OPTIONS).search  # type: ignore[no-any-return]


_MARKUP = _compile(MARKUP)
