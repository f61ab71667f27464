"""The ledger's rule: a row that was begun is finished, whatever happens to its request."""

import asyncio
import json
from contextlib import aclosing

import pytest

from classifiers.rules import RuleClassifier
from policies.decision import State
from policies.load import PolicyHolder
from router.accounts.teams import NOBODY
from router.features.extractor import FeatureExtractor
from router.routing.pipeline import Pipeline
from router.routing.planner import Planner
from router.routing.sticky_sessions import StickySessions
from router.tracks.streaming import StalledStream
from router.tracks.transforms import Document
from router.types import ModelRequest, Reply, TrackError
from router.wire import DIALECTS
from router.wire.usage_observer import UsageObserver

ANSWER = b'{"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}'


class Book:
    """A ledger on paper."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.moved: list[str] = []
        self.finished: list[tuple[str, object]] = []

    def begin(self, plan):
        self.begun.append(plan.request.id)

    def move(self, request_id):
        self.moved.append(request_id)

    def finish(self, request_id, outcome):
        self.finished.append((request_id, outcome))

    @property
    def outcome(self):
        """Of the one request there was: begun once, finished once."""
        ((request_id, outcome),) = self.finished
        assert self.begun == [request_id]
        return outcome


class Answering:
    """A track that answers in two chunks, or does what it is told before or between them."""

    def __init__(self, *, before=None, between=None, usable=True) -> None:
        self.closed = 0
        self.usable = lambda _: usable
        self._before = before
        self._between = between

    async def open(self, plan, decision, progress=None):
        if self._before:
            await self._before()
        document = Document(DIALECTS["openai_chat"].decode_reply, UsageObserver())
        chunks = self._chunks(document)
        return Reply(
            track=decision.track, model="m", status=200, headers=(), chunks=chunks, tap=document.observer
        )

    async def _chunks(self, document):
        try:
            for chunk in (ANSWER[:20], ANSWER[20:]):
                yield document.feed(chunk)
                if self._between:
                    await self._between()
            document.end()
        finally:
            self.closed += 1

    async def count(self, plan):
        if self._before:
            await self._before()
        return 7


class Calm:
    def state(self, features):
        return State(local_context=8192)


@pytest.fixture
def book():
    return Book()


@pytest.fixture
def pipeline(book):
    def make(track, *, cloud=None) -> Pipeline:
        planner = Planner(
            extractor=FeatureExtractor(),
            classifier=RuleClassifier(),
            policies=PolicyHolder("local-first"),
            tracks=Calm(),
            sessions=StickySessions(),
        )
        return Pipeline(planner=planner, tracks={"local": track, "cloud": cloud or track}, ledger=book)

    return make


async def plan(pipeline, model: str = "local"):
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode()
    return await pipeline.plan(
        ModelRequest(
            id="r1",
            account=NOBODY,
            dialect="openai_chat",
            operation="generate",
            client="",
            model=model,
            stream=False,
            body=body,
            headers=(),
        )
    )


def failing(error):
    async def fail():
        raise error

    return fail


async def for_ever():
    await asyncio.Event().wait()


async def test_a_whole_answer(book, pipeline):
    carried = pipeline(track := Answering())
    reply, _ = await carried.open(await plan(carried))
    assert book.finished == []
    assert b"".join([chunk async for chunk in reply.chunks]) == ANSWER
    outcome = book.outcome
    assert (outcome.end, outcome.status, outcome.error, outcome.usage.prompt) == ("complete", 200, "", 3)
    assert (outcome.first_byte_s is not None, track.closed) == (True, 1)


FAILURES = [
    (
        TrackError("too long", cause="overflow", status=400),
        400,
        "the prompt does not fit the model's window (400)",
    ),
    (TrackError("no", cause="no_credential"), 502, "no credential for the provider (502)"),
    (RuntimeError("a defect"), 500, "RuntimeError"),
    (KeyError(), 500, "KeyError"),
]


@pytest.mark.parametrize(("error", "status", "words"), FAILURES, ids=range(len(FAILURES)))
async def test_a_failure_to_open(book, pipeline, error, status, words):
    carried = pipeline(Answering(before=failing(error)))
    with pytest.raises(type(error)):
        await carried.open(await plan(carried))
    assert (book.outcome.end, book.outcome.status, book.outcome.error) == ("failed", status, words)
    assert book.outcome.first_byte_s is None


@pytest.mark.parametrize("verb", ["open", "count"])
@pytest.mark.parametrize(
    ("reason", "end", "status", "error"),
    [(None, "client_left", 499, "the client hung up"), ("stopping", "failed", 503, "stopping")],
)
async def test_a_cancellation_before_the_first_byte(book, pipeline, verb, reason, end, status, error):
    carried = pipeline(Answering(before=for_ever))
    task = asyncio.create_task(getattr(carried, verb)(await plan(carried)))
    while not book.begun:
        await asyncio.sleep(0)
    task.cancel(reason)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (book.outcome.end, book.outcome.status, book.outcome.error) == (end, status, error)


async def test_an_answer_that_nobody_takes(book, pipeline):
    carried = pipeline(track := Answering())
    reply, _ = await carried.open(await plan(carried))
    await reply.chunks.aclose()
    assert (book.outcome.end, book.outcome.status) == ("client_left", 200)
    assert book.outcome.usage.estimated
    assert track.closed == 0  # it was never begun, so there was nothing to close


async def test_an_answer_that_is_left_half_way(book, pipeline):
    carried = pipeline(track := Answering())
    reply, _ = await carried.open(await plan(carried))
    async with aclosing(reply.chunks) as chunks:
        await anext(chunks)
    assert book.outcome.end == "client_left"
    assert track.closed == 1


async def test_a_cancellation_half_way(book, pipeline):
    carried = pipeline(track := Answering(between=for_ever))

    async def take():
        reply, _ = await carried.open(await plan(carried))
        async with aclosing(reply.chunks) as chunks:
            async for _ in chunks:
                taken.set()

    taken = asyncio.Event()
    task = asyncio.create_task(take())
    await taken.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (book.outcome.end, book.outcome.status) == ("client_left", 200)
    assert track.closed == 1


BREAKS = [
    (ConnectionResetError("it said: the prompt"), "the upstream dropped the connection"),
    (StalledStream("after the prompt"), "the upstream fell silent"),
    (TimeoutError("of the prompt"), "the upstream took too long"),
    (ValueError("a defect in the prompt"), "ValueError"),
]


@pytest.mark.parametrize(("error", "words"), BREAKS, ids=range(len(BREAKS)))
async def test_a_break_half_way(book, pipeline, error, words):
    carried = pipeline(Answering(between=failing(error)))
    reply, _ = await carried.open(await plan(carried))
    with pytest.raises(type(error)):
        async for _ in reply.chunks:
            pass
    assert (book.outcome.end, book.outcome.status, book.outcome.error) == ("failed", 200, words)
    assert book.outcome.usage.estimated


async def test_two_attempts_are_one_row(book, pipeline):
    overflow = TrackError("too long", cause="overflow", status=400)
    carried = pipeline(Answering(before=failing(overflow)), cloud=Answering())
    reply, attempts = await carried.open(await plan(carried, "auto"))
    assert b"".join([chunk async for chunk in reply.chunks]) == ANSWER
    assert (attempts.decision.track, attempts.decision.rule) == ("cloud", "escalate")
    assert [(one.track, one.cause) for one in book.outcome.attempts] == [("local", "overflow"), ("cloud", "")]
    assert book.outcome.track == "cloud"


async def test_a_count(book, pipeline):
    carried = pipeline(Answering())
    assert (await carried.count(await plan(carried)))[0] == 7
    assert (book.outcome.end, book.outcome.status, book.outcome.error) == ("complete", 200, "")


async def test_a_count_that_a_track_cannot_tell_is_estimated(book, pipeline):
    carried = pipeline(Answering(before=failing(TrackError("not here", cause="unsupported"))))
    asked = await plan(carried)
    assert (await carried.count(asked))[0] == asked.features.context_tokens > 0
    assert (book.outcome.end, book.outcome.error) == (
        "complete",
        "estimated (the track cannot do what the request needs (502))",
    )


async def test_a_count_with_a_defect_is_finished_too(book, pipeline):
    carried = pipeline(Answering(before=failing(ValueError("a defect"))))
    with pytest.raises(ValueError, match="a defect"):
        await carried.count(await plan(carried))
    assert (book.outcome.status, book.outcome.error) == (500, "ValueError")
