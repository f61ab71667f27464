"""What reading asks costs, by classifier: CPU of a decision, and how long others wait beside new asks.

- CPU of the one thread that decides and reads (`time.thread_time`). A new ask was never read, a known one
  was: an agent sends it again with every call.
- Others: a ticker on the event loop that wants to run every millisecond, as another client's stream would.
  Requests are decided on that loop as the service does it, an ask's reading in a thread beside it.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, cycle, islice

from benchmarks.evaluation.suites import everyday
from benchmarks.planner import make_planner
from benchmarks.speed.conversations import requests_of
from classifiers.choose import CLASSIFIERS, ClassifierName
from router.features.ask_reader import AskReader
from router.features.extractor import FeatureExtractor
from router.routing.planner import Planner
from router.system.time_slices import Pacing, pauses_for
from router.training.envelopes import model_request
from router.types import ModelRequest

COMPARED: tuple[ClassifierName, ...] = ("rules", "learned")
SIZES = (2, 25, 300, 6_000)
"""About how many tokens an ask has."""
_CHARACTERS = 4
"""Of a token, about."""
_TICK_S = 0.001
_REST_S = 0.003
"""Between two requests, so that the ticker is also seen while nothing happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskCost:
    """CPU of one decision, in milliseconds."""

    classifier: ClassifierName
    what: str
    decisions: int
    median_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """How late a ticker of one millisecond ran beside new asks, in milliseconds."""

    classifier: str
    """Empty beside nothing."""
    tokens: int
    """Of each ask, about; 0 beside nothing."""
    asks: int
    p99_ms: float
    longest_ms: float


def costs(decisions: int) -> Iterator[AskCost]:
    """Measure decisions on asks, and on the next message of a long conversation, `decisions` of each."""
    for classifier in COMPARED:
        planner, extractor = _planner(classifier)
        for tokens in SIZES:
            requests = islice(new_asks(tokens), decisions)
            yield _cost(planner, extractor, classifier, f"new ask of {tokens:,} tokens", requests)
        repeated = next(new_asks(SIZES[1]))
        planner.plan(repeated)
        yield _cost(planner, extractor, classifier, "known ask", [repeated] * decisions)
        growing = requests_of("anthropic_messages", cold=False)
        planner.plan(next(growing))
        extractor.settle()
        what = "200k-token conversation, one new message"
        yield _cost(planner, extractor, classifier, what, islice(growing, decisions))


def stalls(asks: int, progress: Callable[[str], None] = lambda _: None) -> Iterator[Stall]:
    """Let a ticker run beside nothing and beside `asks` new asks of each size."""
    yield _stall("", 0, [None] * asks, None)
    for classifier in COMPARED:
        planner, _ = _planner(classifier)
        for tokens in SIZES:
            progress(f"the event loop beside new asks of {tokens:,} tokens: {classifier}")
            yield _stall(classifier, tokens, list(islice(new_asks(tokens), asks)), planner)


def new_asks(tokens: int) -> Iterator[ModelRequest]:
    """Requests with an ask of about so many tokens, each another, of the everyday suite's words."""
    words = cycle(word for item in everyday.load() for word in item.ask.text.split())
    for number in count():
        text = str(number)
        while len(text) < tokens * _CHARACTERS:
            text = f"{text} {' '.join(islice(words, max(1, tokens // 8)))}"
        body = {"model": "auto", "messages": [{"role": "user", "content": text[: tokens * _CHARACTERS]}]}
        yield model_request(json.dumps(body).encode())


def _planner(classifier: ClassifierName) -> tuple[Planner, FeatureExtractor]:
    extractor = FeatureExtractor(asks=AskReader() if classifier == "learned" else None)
    extractor.warm()
    planner = make_planner(extractor, classifier=CLASSIFIERS[classifier]())
    for request in islice(new_asks(10), 5):
        planner.plan(request)
    return planner, extractor


def _cost(
    planner: Planner,
    extractor: FeatureExtractor,
    classifier: ClassifierName,
    what: str,
    requests: Iterator[ModelRequest] | list[ModelRequest],
) -> AskCost:
    spent = []
    for request in requests:
        began = time.thread_time()
        planner.plan(request)
        spent.append((time.thread_time() - began) * 1000)
        extractor.settle()
    return AskCost(
        classifier=classifier,
        what=what,
        decisions=len(spent),
        median_ms=statistics.median(spent),
        p95_ms=statistics.quantiles(spent, n=20)[-1],
    )


def _stall(
    classifier: str, tokens: int, requests: list[ModelRequest] | list[None], planner: Planner | None
) -> Stall:
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        late = sorted(runner.run(_tick_beside(requests, planner)))
    return Stall(
        classifier=classifier,
        tokens=tokens,
        asks=len(requests) if tokens else 0,
        p99_ms=late[int(len(late) * 0.99)] * 1000,
        longest_ms=late[-1] * 1000,
    )


async def _tick_beside(requests: list[ModelRequest] | list[None], planner: Planner | None) -> list[float]:
    """By how many seconds each tick was late."""
    late: list[float] = []

    async def tick() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_TICK_S)
            late.append(max(time.perf_counter() - began - _TICK_S, 0.0))

    ticking = asyncio.create_task(tick())
    pacing = Pacing()
    for request in requests:
        await asyncio.sleep(_REST_S)
        if planner and request:
            await pacing.drive(planner.planning(request, pauses_for(len(request.body))))
    await asyncio.sleep(_REST_S)
    ticking.cancel()
    return late


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The event loop that the service has."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
