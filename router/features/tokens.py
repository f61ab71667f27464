"""How many tokens: counted with tiktoken, bounded from bytes, corrected by what came back.

The encoding file is the one inside the litellm package; litellm itself is not imported
and nothing is downloaded. Without that file every count is an estimate from bytes.
"""

import os
from collections import deque
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import tiktoken

ENCODING = "cl100k_base"
_ENCODING_FILE = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
"""tiktoken's cache name of cl100k_base: the SHA-1 of the address it is published at."""

BYTES_PER_TOKEN = 4
"""Code and English in cl100k; always within the bounds of 2 and 8."""
_AT_ONCE = 50_000
"""Characters encoded at once: the encoder panics on a run of a million. A cut is a token's error at most."""
PER_MESSAGE = 4
"""Role and delimiters around one message in a chat template."""
PER_IMAGE = 1_500
"""About what a screenshot costs; providers bill by pixels, which are not decoded here."""


class Size(msgspec.Struct, gc=False):
    """Tokens of one piece of a request: first an estimate, then counted, maybe by another thread."""

    tokens: int
    exact: bool

    def settle(self, tokens: int) -> None:
        """Take the counted number; the flag comes last, as another thread may be reading."""
        self.tokens = tokens
        self.exact = True


def estimate(length: int) -> int:
    """Tokens of `length` bytes of text, by the usual ratio."""
    return -(-length // BYTES_PER_TOKEN)


class Counter:
    """Counts tokens; loads its encoding (about 0.3 s) on first use or on `warm`."""

    def __init__(self) -> None:
        self._encoding: tiktoken.Encoding | None = None
        self._tried = False

    def warm(self) -> bool:
        """Load the encoding now. True where counts are exact from here on."""
        if not self._tried:
            self._tried = True
            self._encoding = _load()
        return self._encoding is not None

    def count(self, text: str) -> int:
        """Tokens of `text`; special-token text counts as plain text."""
        if not self.warm() or self._encoding is None:
            return estimate(len(text.encode()))
        encode = self._encoding.encode_ordinary
        return sum(len(encode(text[at : at + _AT_ONCE])) for at in range(0, len(text), _AT_ONCE))


def _load() -> "tiktoken.Encoding | None":
    """Find the encoding file beside litellm and load it; None where it is not there."""
    spec = find_spec("litellm")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "litellm_core_utils" / "tokenizers"
        if (folder / _ENCODING_FILE).is_file():
            os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
            import tiktoken

            encoding = tiktoken.get_encoding(ENCODING)
            # The compiled core keeps a copy of its own; this one is 15 MB that only pickling reads.
            encoding._mergeable_ranks.clear()  # noqa: SLF001 - there is no public way to let go of it
            return encoding
    return None


class Corrections:
    """How a model's own token counts relate to ours, for each team and model.

    A team's traffic moves its own ratio alone, slowly, and towards the median of what came
    lately: no single report, and no short run of odd ones, changes what others are told.
    """

    _STEP = 0.01
    """The furthest one report moves a ratio: ten per cent take ten reports."""
    _LATELY = 31
    _LOWEST, _HIGHEST = 0.5, 2.0
    """What a report must lie between to be believed: no tokeniser of code or English is as far from ours."""
    _SHORTEST = 256
    """Below this the chat template outweighs the text, and the ratio says little."""
    _PAIRS = 1024

    def __init__(self) -> None:
        self._learnt: dict[tuple[str, str], _Learnt] = {}

    def ratio(self, team: str, model: str) -> float:
        """What to multiply an own count by; 1.0 where nothing was learnt."""
        learnt = self._learnt.get((team, model))
        return learnt.ratio if learnt else 1.0

    def learn(self, team: str, model: str, estimated: int, actual: int) -> None:
        """Move the ratio of `model` for `team` a step.

        `estimated` is what was reported for the request (`Features.context_tokens`), so it
        already holds the ratio learnt so far.
        """
        if estimated < self._SHORTEST:
            return
        factor = actual / estimated * self.ratio(team, model)
        if not self._LOWEST <= factor <= self._HIGHEST:
            return
        learnt = self._learnt.pop((team, model), None) or _Learnt(deque(maxlen=self._LATELY))
        if len(self._learnt) >= self._PAIRS:
            del self._learnt[next(iter(self._learnt))]
        self._learnt[team, model] = learnt  # at the end: the longest unused goes first
        learnt.factors.append(factor)
        step = median(learnt.factors) / learnt.ratio
        learnt.ratio *= min(max(step, 1 - self._STEP), 1 + self._STEP)


@dataclass(slots=True)
class _Learnt:
    factors: deque[float]
    ratio: float = 1.0
