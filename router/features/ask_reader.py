"""`AskReader`: how likely everything that an ask refers to stands in the message; each ask is judged once.

An agent sends the same ask with every call of a turn, so that what was judged is kept. A new ask takes
some milliseconds in another thread, which leaves the interpreter free for most of them.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import structlog
import xxhash

from classifiers.ask_model import shipped
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
_SIDE_KINDS = frozenset({"autocomplete", "housekeeping", "guard"})
"""Kinds of requests that are not a person's work."""


class Model(Protocol):
    """What judges an ask."""

    def predict(self, ask: str) -> float:
        """Return the probability that the ask is self-contained, 0..1."""
        ...


class AskReader:
    """Fills in `Features.self_contained`. One per process.

    Args:
        load: Loads the model; called once, at the first ask or by `warm`. Where it is refused, no ask
            is judged, and the log says why.
    """

    def __init__(self, load: Callable[[], Model] = shipped) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._model: Model | None = None
        self._loaded = False
        self._judged: Cache[float] = Cache(entries=KEPT, size=KEPT * 64)

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
        key = xxhash.xxh3_128_digest(features.ask.encode(errors="replace"))
        probability = self._judged.get(key)
        if probability is None:
            probability = yield Aside(self._judge, (features.ask,))
            if probability is None:
                return features
            self._judged.put(key, probability, len(key))
        return replace(features, self_contained=probability)

    def _judge(self, ask: str) -> float | None:
        if not self.warm() or self._model is None:
            return None
        try:
            return round(self._model.predict(ask), _DECIMALS)
        except Exception:  # the rules judge, and the request is routed
            log.warning("an ask could not be judged", exc_info=True)
            return None
