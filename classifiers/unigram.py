"""A unigram tokenizer: the most likely way to cut text into pieces of a vocabulary.

Kudo, "Subword Regularization" (ACL 2018), as SentencePiece cuts with such a vocabulary: text is
brought to NFKC, white space becomes one mark before each word, and each word is cut by Viterbi.
"""

import math
import unicodedata
from collections.abc import Mapping, Sequence
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
        words = text.split()
        return self._cut_words(words, math.inf)

    def encode_ends(self, text: str, first: int, last: int) -> list[int]:
        """Cut text; of more than `first + last` pieces return so many from its beginning and its end.

        Only as much is cut as is returned.
        """
        words = text.split()
        numbers = self._cut_words(words, first + last)
        if len(numbers) <= first + last:
            return numbers
        ending: list[int] = []
        for word in reversed(words):
            ending = [*self._cut_word(word), *ending]
            if len(ending) >= last:
                break
        return [*numbers[:first], *ending[-last:]]

    def _cut_words(self, words: Sequence[str], enough: float) -> list[int]:
        """Cut words until there are more than `enough` pieces."""
        numbers: list[int] = []
        for word in words:
            numbers += self._cut_word(word)
            if len(numbers) > enough:
                break
        return numbers

    def _cut_word(self, word: str) -> tuple[int, ...]:
        return self._cut_kept(word[:_LONGEST_WORD])

    def _cut(self, word: str) -> tuple[int, ...]:
        # A word at a time: to order a long run of accents takes the square of its length.
        plain = "".join(unicodedata.normalize("NFKC", word).split())
        word = _MARK + plain[:_LONGEST_WORD]
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
