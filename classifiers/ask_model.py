"""A learned reading of an ask: whether everything that it refers to stands in the message.

A small transformer of the BERT form (Devlin et al. 2018), its first layers taken from
`intfloat/multilingual-e5-small` (MIT; Wang et al. 2024, arXiv 2402.05672) and trained further on
`classifiers.corpus`; over its tokens attention pooling, and with the signs of `ask_text` one
hidden layer. What was asked earlier in the conversation is read with the ask, in short: "why?" says
nothing alone. Trained with torch (`classifiers.train_asks`), served with numpy from plain numbers.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any, NamedTuple

from classifiers.ask_text import condense, signs
from classifiers.unigram import Unigram

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.floating[Any]]

FORMAT = 3
LAYERS = 4
"""Of the encoder's twelve, that are trained; what serves says its own number."""
SHIPPED = "artifacts/ask_model.npz"
"""In this package."""
TOKENS = 88
"""Most tokens that are read, the ask's beginning and end: time grows with them."""
TAIL = 24
"""Of those, from the end: there stands what is wanted where code was pasted first."""
EARLIER_TOKENS, EARLIER_TAIL = 16, 5
"""Most that are read of each earlier ask, and of those from its end."""
EARLIER_ROOM = 40
"""Kept for all of them, however long the ask is: the newest come first. A short ask leaves them more."""
SUBJECT_FIRST, SUBJECT_LAST = 64, 24
"""Pieces by which an ask's subject is compared with an earlier one's, from its beginning and its end."""
RETURNS = 0.08
"""By how much an earlier ask's subject must be nearer than the last one's, in cosine, to be returned to.

Any value from 0.05 to 0.1 does as well on the sessions held out.
"""
_COMMON = 7.0
"""Nats by which a piece is likelier than it is rare: such pieces, "the" or "function", name no subject."""
BEGIN, END, UNKNOWN = 0, 2, 3
"""Numbers of the pieces that stand for these."""
PREFIX = "query: "
"""What the encoder was trained to see before a question."""
_VOCABULARY = ("pieces", "scores", "table", "table.scale")
_WIDTH = 384
_HEADS = 12
_TINY = 1e-12


class AskModelRefused(Exception):
    """The file cannot serve here; the message says why and what to do."""


class Reading(NamedTuple):
    """What the model says of an ask, as probabilities, 0..1."""

    self_contained: float
    """That everything it refers to stands in the message, or in what it goes on from."""
    goes_on: float
    """That it goes on from the ask before it; 0 where there is none."""


class Pieces(NamedTuple):
    """An ask, cut as the model takes it."""

    numbers: list[int]
    own: int
    """How many of them are the ask's; the others are of what was asked earlier."""


class AskModel:
    """Judges asks one at a time, in about 0.2 ms a token on one core.

    Args:
        arrays: As `classifiers.train_asks.export` writes them.

    Raises:
        AskModelRefused: They are of another version.
    """

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self.card: Mapping[str, Any] = json.loads(bytes(arrays["card"]))
        if self.card.get("format") != FORMAT:
            raise AskModelRefused(
                f"format {self.card.get('format')}, and this version reads {FORMAT}; train it anew with "
                "`turnout classifier train-asks`"
            )
        self._arrays = {name: arrays[name] for name in _VOCABULARY}
        self._layers = [_Layer(arrays, number) for number in range(self.card["layers"])]
        self._position = _floats(arrays["position"])
        self._earlier = _floats(arrays["earlier"])
        self._norm = _floats(arrays["norm"])
        self._head = {
            name: _floats(arrays[f"head.{name}"])
            for name in ("query", "mean", "scale", "w1", "b1", "w2", "b2")
        }

        if self._head["b2"].shape != (len(Reading._fields),):
            raise AskModelRefused("its last layer says another number of things; install the package anew")

    @cached_property
    def tokenizer(self) -> Unigram:
        """Cuts text into the vocabulary's pieces."""
        return vocabulary(self._arrays)

    def predict(self, ask: str, earlier: Sequence[str] = ()) -> Reading:
        """Judge one ask.

        Args:
            ask: In the user's own words.
            earlier: What was asked before it in the conversation, oldest first.
        """
        import numpy as np

        head = self._head
        its_own = self.of_its_subject(ask, earlier)
        form = (np.asarray(signs(ask), dtype=np.float32) - head["mean"]) * head["scale"]
        inner = _gelu(np.concatenate([self.embed(ask, its_own), form]) @ head["w1"] + head["b1"])
        here, goes_on = (1 / (1 + math.exp(-float(odds))) for odds in inner @ head["w2"] + head["b2"])
        return Reading(here, goes_on if earlier and len(its_own) == len(earlier) else 0.0)

    def of_its_subject(self, ask: str, earlier: Sequence[str]) -> Sequence[str]:
        """Leave out what came after the earlier ask to which `ask` returns; nothing where it returns to none.

        Of 115 asks in sessions held out that return, 86 are judged as labelled with the subject between
        them read, and 99 without it.
        """
        if not earlier:
            return earlier
        subject = self._subject(ask)
        near = [float(subject @ self._subject(text)) for text in earlier]
        nearest = near.index(max(near))
        return earlier[: nearest + 1] if near[nearest] - near[-1] >= RETURNS else earlier

    def _subject(self, ask: str) -> "Numbers":
        """The mean of its pieces' vectors, the rarer the heavier; of length 1, shape (384,)."""
        import numpy as np

        numbers = np.array(
            self.tokenizer.encode_ends(condense(ask), SUBJECT_FIRST, SUBJECT_LAST), dtype=np.intp
        )
        numbers = numbers[numbers > UNKNOWN]
        rarity = np.maximum(-self._arrays["scores"][numbers] - _COMMON, 0)
        vectors = _embed(self._arrays, numbers)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + _TINY
        mean = rarity @ vectors
        return mean / (np.linalg.norm(mean) + _TINY)  # type: ignore[no-any-return]

    def embed(self, ask: str, earlier: Sequence[str] = ()) -> "Numbers":
        """Pool the vectors of an ask's tokens: by each query's attention, then their mean; (1920,)."""
        import numpy as np

        hidden = self._encode(tokens(self.tokenizer, ask, earlier))
        weights = _softmax(hidden @ self._head["query"], axis=0)
        return np.concatenate([(weights.T @ hidden).ravel(), hidden.mean(axis=0)])

    def _encode(self, pieces: Pieces) -> "Numbers":
        """Vectors of the tokens, of shape (tokens, 384)."""
        numbers = pieces.numbers
        hidden: Numbers = _embed(self._arrays, numbers) + self._position[: len(numbers)]
        hidden[pieces.own :] += self._earlier
        hidden = _normalize(hidden, self._norm)
        for layer in self._layers:
            hidden = layer.apply(hidden)
        return hidden


class _Layer:
    """One layer: attention over the tokens, then two dense layers, each added and normalised."""

    def __init__(self, arrays: Mapping[str, Any], number: int) -> None:
        def of(name: str) -> "Numbers":
            return _floats(arrays[f"{number}.{name}"])

        def dense(name: str) -> tuple["Numbers", "Numbers"]:
            weights = arrays[f"{number}.{name}"].astype("float32", order="C")  # a tenth faster so
            return weights * of(f"{name}.scale"), of(f"{name}.bias")

        self._attend, self._project, self._widen, self._narrow = map(
            dense, ("attend", "project", "widen", "narrow")
        )
        self._norms = of("norm1"), of("norm2")

    def apply(self, hidden: "Numbers") -> "Numbers":
        count = len(hidden)
        mixed = hidden @ self._attend[0] + self._attend[1]
        query, key, value = mixed.reshape(count, 3, _HEADS, -1).transpose(1, 2, 0, 3)
        weights = _softmax(query @ key.transpose(0, 2, 1) / math.sqrt(_WIDTH / _HEADS), axis=-1)
        attended = (weights @ value).transpose(1, 0, 2).reshape(count, _WIDTH)
        hidden = _normalize(hidden + attended @ self._project[0] + self._project[1], self._norms[0])
        wide = _gelu(hidden @ self._widen[0] + self._widen[1])
        return _normalize(hidden + wide @ self._narrow[0] + self._narrow[1], self._norms[1])


def shipped() -> AskModel:
    """Load the numbers of this package.

    Raises:
        AskModelRefused: They are missing, or of another version.
    """
    return load(files("classifiers").joinpath(SHIPPED))


def load(source: Traversable) -> AskModel:
    """Load a model's numbers.

    Args:
        source: The file; a `Path` will do.

    Raises:
        AskModelRefused: They are missing, damaged, or of another version.
    """
    import numpy as np

    try:
        with source.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            model = AskModel({name: archive[name] for name in archive.files})
        model.predict("word " * TOKENS, ["word"])
    except AskModelRefused:
        raise
    except Exception as error:  # a damaged archive fails in many ways, some only where it is used
        raise AskModelRefused(f"the ask model cannot be read ({error}); install the package anew") from error
    return model


def vocabulary(arrays: Mapping[str, Any]) -> Unigram:
    """Make the tokenizer of a model's vocabulary."""
    pieces = bytes(arrays["pieces"]).decode().split("\n")
    scores = arrays["scores"].tolist()
    numbered = {
        piece: (number, score) for number, (piece, score) in enumerate(zip(pieces, scores, strict=True))
    }
    return Unigram(numbered, unknown=UNKNOWN)


def tokens(tokenizer: Unigram, ask: str, earlier: Sequence[str] = ()) -> Pieces:
    """Cut an ask, in short, and what was asked earlier, in shorter, into at most `TOKENS` pieces."""
    before = [_short(tokenizer, text) for text in reversed(earlier)]
    first, last = TOKENS - TAIL - 1 - len(_fitting(before, EARLIER_ROOM)), TAIL - 1
    own = [BEGIN, *tokenizer.encode_ends(PREFIX + condense(ask), first, last), END]
    return Pieces(own + _fitting(before, TOKENS - len(own)), len(own))


def _short(tokenizer: Unigram, ask: str) -> list[int]:
    """The ends of an earlier ask, closed."""
    return [*tokenizer.encode_ends(condense(ask), EARLIER_TOKENS - EARLIER_TAIL, EARLIER_TAIL), END]


def _fitting(asks: Iterable[list[int]], room: int) -> list[int]:
    """One after the other, up to the first for which there is no room."""
    numbers: list[int] = []
    for ask in asks:
        if len(numbers) + len(ask) > room:
            break
        numbers += ask
    return numbers


def _embed(arrays: Mapping[str, Any], numbers: "Sequence[int] | NDArray[np.intp]") -> "Numbers":
    """Vectors of pieces, kept in 4 bits: blocks of 32 values, each with a scale."""
    import numpy as np

    packed = arrays["table"][numbers]
    values = np.concatenate([packed & 15, packed >> 4], axis=-1).astype(np.float32) - 8
    values *= arrays["table.scale"][numbers].astype(np.float32)[..., None]
    return values.reshape(len(numbers), _WIDTH)


def _floats(array: Any) -> "Numbers":
    return array.astype("float32")  # type: ignore[no-any-return]


def _normalize(hidden: "Numbers", norm: "Numbers") -> "Numbers":
    import numpy as np

    hidden = hidden - hidden.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((hidden * hidden).mean(axis=-1, keepdims=True) + _TINY)
    return hidden / deviation * norm[0] + norm[1]  # type: ignore[no-any-return]


def _softmax(scores: "Numbers", *, axis: int) -> "Numbers":
    import numpy as np

    raised = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return raised / raised.sum(axis=axis, keepdims=True)  # type: ignore[no-any-return]


def _gelu(values: "Numbers") -> "Numbers":
    """By its approximation with tanh (Hendrycks and Gimpel, arXiv 1606.08415), as it was trained."""
    import numpy as np

    cubic = values * (1 + 0.044715 * values * values)
    return 0.5 * values * (1 + np.tanh(math.sqrt(2 / math.pi) * cubic))  # type: ignore[no-any-return]
