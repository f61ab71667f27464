"""A unigram tokenizer: the most likely way to cut text into pieces of a vocabulary.

Kudo, "Subword Regularization" (ACL 2018), as SentencePiece cuts with such a vocabulary: text is
brought to NFKC, white space becomes one mark before each word, and each word is cut by Viterbi.
"""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache

_MARK = "\u2581"
_WORDS_KEPT = 4_096
_WORST = -30.0
"""Log-probability of a character that no piece holds, below that of any piece."""
_LONGEST_WORD = 400
"""Characters of a word that are cut; the rest of one such word says nothing."""


class Unigram:
    """Cuts text into the pieces of one vocabulary.

    Args:
        pieces: Each piece's number and log-probability.
        unknown: The number of what no piece holds.
    """

    def __init__(self, pieces: Mapping[str, tuple[int, float]], *, unknown: int) -> None:
        self._pieces = pieces
        self._unknown = unknown
        self._longest = max(map(len, pieces), default=1)
        self._cut_kept = lru_cache(maxsize=_WORDS_KEPT)(self._cut)

    def encode(self, text: str) -> list[int]:
        """Cut text into pieces; return their numbers."""
        numbers: list[int] = []
        for word in unicodedata.normalize("NFKC", text).split():
            numbers += self._cut_kept(_MARK + word[:_LONGEST_WORD])
        return numbers

    def _cut(self, word: str) -> tuple[int, ...]:
        length = len(word)
        best = [0.0, *[-1e9] * length]
        back: list[tuple[int, int]] = [(0, self._unknown)] * (length + 1)
        for start in range(length):
            for end in range(start + 1, min(start + self._longest, length) + 1):
                piece = self._pieces.get(word[start:end])
                if piece is None and end > start + 1:
                    continue
                number, score = piece or (self._unknown, _WORST)
                if best[start] + score > best[end]:
                    best[end], back[end] = best[start] + score, (start, number)
        numbers: list[int] = []
        at = length
        while at:
            at, number = back[at]
            if not (number == self._unknown and numbers[-1:] == [number]):
                numbers.append(number)
        return tuple(reversed(numbers))
