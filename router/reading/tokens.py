"""How many tokens: counted with tiktoken, bounded from bytes, corrected by what came back.

The encoding file is the one inside the litellm package; litellm itself is not imported
and nothing is downloaded. Without that file every count is an estimate from bytes.
"""

import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
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


def total(sizes: Iterable[Size]) -> Size:
    """Their sum; exact where each is."""
    tokens, exact = 0, True
    for size in sizes:
        tokens += size.tokens
        exact = exact and size.exact
    return Size(tokens=tokens, exact=exact)


def estimate(length: int) -> int:
    """Tokens of `length` bytes of text, by the usual ratio."""
    return -(-length // BYTES_PER_TOKEN)


class Counter:
    """Counts tokens; loads its encoding (about 0.3 s) on first use or on `warm`."""

    def __init__(self) -> None:
        """Load nothing yet."""
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
    """Per model: how its own token counts relate to ours, as a moving average."""

    _WEIGHT = 0.2
    _LOWEST, _HIGHEST = 0.5, 2.0
    _SHORTEST = 256
    """Below this the chat template outweighs the text, and the ratio says little."""
    _MODELS = 256

    def __init__(self) -> None:
        """Know no model yet."""
        self._ratios: dict[str, float] = {}

    def ratio(self, model: str) -> float:
        """What to multiply an own count by; 1.0 for a model never heard of."""
        return self._ratios.get(model, 1.0)

    def learn(self, model: str, estimated: int, actual: int) -> None:
        """Move the ratio of `model` towards `actual / estimated`.

        `estimated` is what was told for the request (`Features.context_tokens`), so it
        already holds the ratio known so far.
        """
        if estimated < self._SHORTEST or actual <= 0:
            return
        if model not in self._ratios and len(self._ratios) >= self._MODELS:
            del self._ratios[next(iter(self._ratios))]
        known = self.ratio(model)
        moved = known * (1 + self._WEIGHT * (actual / estimated - 1))
        self._ratios[model] = min(max(moved, self._LOWEST), self._HIGHEST)
