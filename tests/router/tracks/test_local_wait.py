"""What is predicted for a prompt, held against what the real engine then says and does."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from policies.decide import Decision
from router.engine.process import Engine
from router.features.extractor import FeatureExtractor
from router.settings import LocalSettings
from router.tracks.local import LocalTrack
from router.tracks.local_wait import WaitPredictor
from router.types import ModelRequest, Plan, PromptParts, Usage

LOCAL = Decision(track="local", rule="asked", why="for the test")
SYSTEM = "You are a careful assistant for programmers. " + "Answer in one line. " * 60
LONG = "Explain this in one word: " + "red green blue yellow " * 60
NUMBERS = iter(range(10_000))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(LocalSettings(context=4096, threads=2, batch=64))
    await engine.start()
    await engine.ready(60)
    yield engine
    await engine.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def track(engine) -> AsyncIterator[LocalTrack]:
    track = LocalTrack(LocalSettings(context=4096), engine)
    yield track
    await track.close()


def planned(plan, messages: list[dict[str, Any]], *, stream: bool = True, **more: Any) -> Plan:
    made = plan({"messages": messages, "stream": stream, "max_tokens": 6, **more}, dialect="openai_chat")
    request = replace(made.request, id=f"request-{next(NUMBERS)}")
    return replace(made, request=request, prompt=parts_of(request))


def parts_of(request: ModelRequest) -> PromptParts:
    extractor = FeatureExtractor(count_bytes=1 << 20)
    extractor.warm()
    reading = extractor.reading(request)
    while True:
        try:
            next(reading)
        except StopIteration as ended:
            return ended.value[1]


async def answer(track: LocalTrack, plan: Plan, whole) -> tuple[str, Usage]:
    """The answer's text and usage, once the engine's account of its slots is as new."""
    reply = await track.open(plan, LOCAL)
    body = await whole(reply)
    await track._engine.refresh()
    events = [line.removeprefix(b"data: ") for line in body.split(b"\n\n") if line.startswith(b"data: {")]
    text = "".join(
        choice["delta"].get("content") or ""
        for event in events
        for choice in msgspec.json.decode(event)["choices"]
    )
    return text, reply.tap.usage


def tokens_ahead(track: LocalTrack, plan: Plan) -> float:
    """The wait in tokens to be read, so that it can be compared with what was read."""
    return track.wait_s(plan.prompt) * track._engine.health.prefill_tps


@pytest.mark.asyncio(loop_scope="module")
async def test_the_first_estimate_is_there_when_the_engine_is_ready(engine) -> None:
    assert engine.health.prefill_tps > 0
    assert engine.start_s == 0


@pytest.mark.asyncio(loop_scope="module")
async def test_a_conversation_that_goes_on_waits_for_its_new_part(track, plan, whole) -> None:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": LONG}]
    first = planned(plan, messages)
    before = tokens_ahead(track, first)
    text, usage = await answer(track, first, whole)
    assert before == pytest.approx(usage.prompt, rel=0.25)  # counted by another tokenizer

    again = planned(plan, messages)
    assert tokens_ahead(track, again) < 20
    _, usage = await answer(track, again, whole)
    assert usage.input < 20

    new = {"role": "user", "content": "And now in two words, about the sea and the sky, please?"}
    further = planned(plan, [*messages, {"role": "assistant", "content": text}, new])
    ahead = tokens_ahead(track, further)
    _, usage = await answer(track, further, whole)
    assert usage.cache_read > 300
    assert ahead == pytest.approx(usage.input, abs=30)


@pytest.mark.asyncio(loop_scope="module")
async def test_another_conversation_with_the_same_system_prompt(track, plan, whole) -> None:
    system = {"role": "system", "content": "Another one. " + SYSTEM}
    await answer(track, planned(plan, [system, {"role": "user", "content": "Say hi"}]), whole)
    other = planned(plan, [system, {"role": "user", "content": "Name a colour"}])
    ahead = tokens_ahead(track, other)
    _, usage = await answer(track, other, whole)
    assert usage.cache_read > 200
    assert ahead == pytest.approx(usage.input, abs=30)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_rewound_conversation_reads_what_was_put_in_its_place(track, plan, whole) -> None:
    opening = {"role": "user", "content": "Once more: " + LONG}
    await answer(
        track, planned(plan, [opening, {"role": "assistant", "content": "Colours."}, opening]), whole
    )
    changed = planned(plan, [{"role": "user", "content": "Something else: " + "one two three four " * 80}])
    ahead = tokens_ahead(track, changed)
    _, usage = await answer(track, changed, whole)
    assert ahead == pytest.approx(usage.input, rel=0.25)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_being_answered_is_waited_for_and_then_is_not(track, engine, plan, whole) -> None:
    small = planned(plan, [{"role": "user", "content": "Say hi"}])
    await answer(track, small, whole)
    idle = track.wait_s(small.prompt)
    asked = [planned(plan, [{"role": "user", "content": f"{at}: {LONG}"}], max_tokens=60) for at in range(3)]
    replies = [asyncio.create_task(track.open(each, LOCAL)) for each in asked]
    first = await replies[0]
    assert track.wait_s(small.prompt) > idle
    await engine.refresh()
    assert track.wait_s(small.prompt) > idle
    await whole(first)
    for reply in replies[1:]:
        await whole(await reply)
    await engine.refresh()
    assert (engine.health.queue, engine.health.running, engine.health.wait_s) == (0, 0, 0)
    assert tokens_ahead(track, small) < 40


async def test_a_model_that_is_loading_counts_the_rest_of_it() -> None:
    engine = Engine(LocalSettings(context=512))
    track = LocalTrack(LocalSettings(), engine)
    assert track.wait_s(PromptParts(tokens=(1000,))) == 0  # nothing is known of it yet
    await engine.start()
    assert track.wait_s(PromptParts(tokens=(1000,))) > 0
    await engine.ready(60)
    await engine.stop()
    await track.close()


async def test_a_model_that_was_unloaded_when_idle_is_not_waited_for(eventually) -> None:
    """A wait would send its prompts elsewhere, and only a prompt loads it again."""
    engine = Engine(LocalSettings(context=512, idle_unload_s=0.3))
    track = LocalTrack(LocalSettings(), engine)
    await engine.start()
    await engine.ready(60)

    async def unloaded() -> bool:
        return engine.health.state == "stopped"

    await eventually(unloaded)
    assert engine.start_s == 0
    reading_s = 1 / engine.health.prefill_tps
    assert track.wait_s(PromptParts(tokens=(1,))) == pytest.approx(reading_s)
    await engine.stop()
    await track.close()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Said:
    """What an answer has said so far."""

    model, started, complete, error, written = "", True, True, "", 0

    def __init__(self, usage: Usage) -> None:
        self.usage = usage


HUGE = LONG * 12
"""So long that the time of its first event tells how fast it was read."""


def served(waits: WaitPredictor, clock: Clock, plan: Plan, seconds: float, usage: Usage) -> None:
    """A streamed answer whose first event comes after so many seconds, and text ten later."""
    sent = waits.send(plan)
    clock.now += seconds
    waits.heard(sent)
    clock.now += 10.0
    waits.heard(sent)
    waits.began(sent, Said(usage))
    sent.ended = True


def asked(plan, text: str) -> Plan:
    return planned(plan, [{"role": "user", "content": text}])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def waits(clock, plan) -> WaitPredictor:
    """For a server that has just loaded its model for a first prompt, which took long."""
    waits = WaitPredictor(None, clock)
    first = asked(plan, HUGE)
    served(waits, clock, first, 60.0, Usage(input=first.prompt.total))
    assert waits.predict(first.prompt) == 0
    return waits


def test_of_a_server_only_the_answers_are_known(waits, clock, plan) -> None:
    first = asked(plan, HUGE)
    size = first.prompt.total
    served(waits, clock, first, 2.0, Usage(input=size))
    assert waits.predict(first.prompt) == pytest.approx(2.0)
    assert waits.predict(PromptParts(tokens=(2 * size,))) == pytest.approx(4.0)


def test_a_short_prompt_says_nothing_of_how_fast_a_server_reads(waits, clock, plan) -> None:
    short = asked(plan, LONG)
    assert 64 < short.prompt.total < 2_000
    served(waits, clock, short, 12.0, Usage(input=short.prompt.total))
    assert waits.predict(PromptParts(tokens=(20_000,))) == 0


def test_nor_does_a_long_one_that_was_cached_but_for_little(waits, clock, plan) -> None:
    served(waits, clock, asked(plan, HUGE), 12.0, Usage(input=1_000, cache_read=5_000))
    assert waits.predict(PromptParts(tokens=(20_000,))) == 0


def test_what_is_sent_while_a_server_loads_its_model_is_not_measured(clock, plan) -> None:
    waits = WaitPredictor(None, clock)
    together = [waits.send(asked(plan, HUGE)) for _ in range(3)]
    for sent in together:
        clock.now += 30.0
        waits.heard(sent)
        waits.began(sent, Said(Usage(input=sent.parts.total)))
        sent.ended = True
    assert waits.predict(together[0].parts) == 0


def test_a_server_that_says_what_it_caches_is_believed(waits, clock, plan) -> None:
    first = asked(plan, HUGE)
    size = first.prompt.total
    served(waits, clock, first, 2.0, Usage(input=size))
    served(waits, clock, asked(plan, HUGE), 0.1, Usage(cache_read=size))
    assert waits.predict(first.prompt) < 0.1
    other = asked(plan, "Something else: " + "one two three four " * 80)
    assert waits.predict(other.prompt) == pytest.approx(2.0 * other.prompt.total / size)


def test_of_several_conversations_the_one_that_goes_on_counts_as_cached(waits, clock, plan) -> None:
    system = {"role": "system", "content": HUGE}
    turns = [[system, {"role": "user", "content": f"{at}: {LONG}"}] for at in range(3)]
    for messages in turns:
        made = planned(plan, messages)
        served(waits, clock, made, 2.0, Usage(input=made.prompt.total - 100, cache_read=100))
    whole_s = waits.predict(PromptParts(tokens=(planned(plan, turns[0]).prompt.total,)))
    new = {"role": "user", "content": "And now in two words?"}
    for messages in turns:
        further = planned(plan, [*messages, {"role": "assistant", "content": "Colours."}, new])
        assert waits.predict(further.prompt) < 0.02 * whole_s
    another = planned(plan, [system, new])
    assert waits.predict(another.prompt) < 0.02 * whole_s


def test_a_server_that_was_busy_is_unknown_again_after_minutes(waits, clock, plan) -> None:
    prompt = asked(plan, HUGE)
    size = prompt.prompt.total
    beside = waits.send(asked(plan, "x"))  # so that nothing is ever measured alone
    for _ in range(5):
        served(waits, clock, asked(plan, HUGE), 43.0, Usage(input=size))
        assert waits.predict(prompt.prompt) == pytest.approx(43.0)
    beside.ended = True
    clock.now += 100
    assert waits.predict(prompt.prompt) == pytest.approx(43.0)
    for _ in range(3):
        clock.now += 600
        assert waits.predict(prompt.prompt) == 0


def test_an_answer_that_nobody_asked_about_for_long_is_not_news(waits, clock, plan) -> None:
    served(waits, clock, asked(plan, HUGE), 43.0, Usage(input=asked(plan, HUGE).prompt.total))
    clock.now += 600
    assert waits.predict(asked(plan, HUGE).prompt) == 0


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
async def test_thinking_is_an_event_of_the_stream(local, raw, read, plan, whole, eventually, dialect) -> None:
    """The server begins its text only once its thinking was heard."""

    async def heard() -> bool:
        return any(sent.heard_at for sent in track._waits._sent.values())

    async def think_first(reader, writer) -> None:
        await read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        writer.write(chunk({"reasoning_content": "Let me see"}))
        await eventually(heard)
        writer.write(chunk({"content": "Hi"}) + chunk({}, "stop") + b"data: [DONE]\n\n")

    url, _ = await raw(think_first)
    track = local(url=url, name="mine")
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True, "max_tokens": 9}
    assert b"Hi" in await whole(await track.open(plan(body, dialect=dialect), LOCAL))


def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: %b\n\n" % msgspec.json.encode({"choices": [choice]})
