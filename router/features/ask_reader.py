"""`AskReader`: whether an ask stands alone, and whether it is self-contained; each ask is judged once.

An agent sends the same ask with every call of a turn, so that what was judged is kept. A new ask takes
some milliseconds in another thread, which leaves the interpreter free for most of them.
"""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import structlog
import xxhash

from classifiers.ask_model import Reading, shipped
from classifiers.features import Features
from router.system.lru import Cache
from router.system.time_slices import Aside, Turns

log = structlog.get_logger(__name__)

KEPT = 20_000
"""Asks whose judgement is kept; a few bytes each."""
_ONE_CORE = ("OPENBLAS_NUM_THREADS", "1")
"""Set before NumPy is loaded: with so little to do, a second core is only waited for."""
_DECIMALS = 4
"""Of a probability; below that, machines differ."""
_GOES_ON = 0.5
"""The probability from which an ask is taken to go on from the one before it."""
_SIDE_KINDS = frozenset({"autocomplete", "housekeeping", "guard"})
"""Kinds of requests that are not a person's work."""


class Model(Protocol):
    """What judges an ask."""

    def predict(self, ask: str, earlier: Sequence[str] = ()) -> Reading:
        """Judge an ask, of which `earlier` is what was asked before it, oldest first."""
        ...


class AskReader:
    """Fills in `Features.self_contained` and corrects `Features.follow_up`. One per process.

    Args:
        load: Loads the model; called once, at the first ask or by `warm`. Where it is refused, no ask
            is judged, and the log says why.
    """

    def __init__(self, load: Callable[[], Model] = shipped) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._model: Model | None = None
        self._loaded = False
        self._judged: Cache[Reading] = Cache(entries=KEPT, size=KEPT * 64)

    def warm(self) -> bool:
        """Load the model now; False where it is refused. Safe in another thread."""
        with self._lock:
            if not self._loaded:
                os.environ.setdefault(*_ONE_CORE)
                try:
                    self._model = self._load()
                except Exception as refused:  # whatever is wrong with it, requests are routed
                    log.warning("asks are judged by the rules alone", why=str(refused))
                finally:
                    self._loaded = True
        return self._model is not None

    def reading(self, features: Features) -> Turns[Features]:
        """Judge the ask of one request, unless it was judged before."""
        if not features.ask or features.kind in _SIDE_KINDS or (self._loaded and self._model is None):
            return features
        # An image alone is read by what it came after.
        ask, earlier = (
            (features.newest_ask, features.earlier_asks) if features.newest_ask else (features.ask, ())
        )
        key = _key([ask, *earlier])
        reading = self._judged.get(key)
        if reading is None:
            reading = yield Aside(self._judge, (ask, earlier))
            if reading is None:
                return features
            self._judged.put(key, reading, len(key))
        follow_up = reading.goes_on >= _GOES_ON if earlier else features.follow_up
        return replace(features, self_contained=reading.self_contained, follow_up=follow_up)

    def _judge(self, ask: str, earlier: Sequence[str]) -> Reading | None:
        if not self.warm() or self._model is None:
            return None
        try:
            return Reading(*[round(value, _DECIMALS) for value in self._model.predict(ask, earlier)])
        except Exception:  # the rules judge, and the request is routed
            log.warning("an ask could not be judged", exc_info=True)
            return None


def _key(asks: Sequence[str]) -> bytes:
    """Name asks in their order; no text within one can look like two."""
    digests = (xxhash.xxh3_128_digest(ask.encode(errors="surrogatepass")) for ask in asks)
    return xxhash.xxh3_128_digest(b"".join(digests))
