"""Engines beside one another: streams, first tokens while a long prompt is read, second turns, completions.

All are started once and then take turns, case by case and round by round, so that whatever else the machine
does meets all of them; a peer is compared with `REFERENCE` within a round. The model is the demo model with
three of its tokens named as those around a gap: what it completes is nonsense, and takes as long as sense.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import aiohttp

from benchmarks.errors import BenchmarkError
from benchmarks.machine import Machine, machine
from benchmarks.speed.completions import write_model
from benchmarks.speed.engine_peers import PEERS, REFERENCE, Missing, Target, authorization, started
from router.engine import catalog
from router.engine.build import find_build

T = TypeVar("T")
Unit = Literal["tokens/s", "s"]
Measure = Callable[[aiohttp.ClientSession, Target], Awaitable[float]]
_ANSWER = 64
"""Tokens of an answer that is timed."""
_WORDS = "one two three four five six seven eight nine ten "
_WORD_TOKENS = 10
_CONVERSATION = 900
"""Tokens of a first message."""
_TURN = 16
_AHEAD_S = 0.5
"""A long prompt's start before the short request."""
_LINE = "    total = total + values[{}] * weights[{}]  # the weighted sum so far\n"
_BEFORE = "def mean(values, weights):\n" + "".join(_LINE.format(at, at) for at in range(40)) + "    return "
_AFTER = "\n\n\nprint(mean([1, 2], [3, 4]))\n"
_KEYSTROKES = 4
_numbers = count(1)
"""No two prompts are alike but where a case wants it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is measured."""

    unit: Unit
    measure: Measure

    def ratio(self, value: float, reference: float) -> float:
        """How much better than the reference: above 1 where it is."""
        return value / reference if self.unit == "tokens/s" else reference / value


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One peer in one case: a value for each round; none where it cannot do that."""

    case: str
    unit: Unit
    peer: str
    values: tuple[float, ...]
    ratios: tuple[float, ...]
    """Against `REFERENCE` in the same round, above 1 where it is better; empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run measured."""

    measured: str
    machine: Machine
    llama: str
    model: str
    threads: int
    rounds: int
    peers: tuple[str, ...]
    missing: tuple[str, ...]
    """Why peers were left out."""
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured."""

    environment: Path
    """Where peers are installed."""
    threads: int
    rounds: int = 5
    cases: tuple[str, ...] = ()
    """All unless given."""
    peers: tuple[str, ...] = ()
    """All unless given."""


def run(options: Options, progress: Callable[[str], None] = lambda _: None) -> Result:
    """Measure.

    Raises:
        BenchmarkError: no such case or peer, or one did not start.
    """
    cases = _chosen(CASES, options.cases, "case")
    names = _chosen(PEERS, options.peers, "peer")
    missing = []
    with TemporaryDirectory(prefix="turnout-bench-") as folder, ExitStack() as running:
        model = write_model(Path(folder) / "engine.gguf")
        targets = []
        for at, name in enumerate(names):
            progress(f"starting {name}")
            (place := Path(folder) / str(at)).mkdir()
            peer = started(
                name, model=model, threads=options.threads, peers=options.environment, folder=place
            )
            try:
                targets.append(running.enter_context(peer))
            except Missing as error:
                missing.append(str(error))
        measured = asyncio.run(_measure(cases, targets, options.rounds, progress))
    return Result(
        measured=datetime.now(UTC).date().isoformat(),
        machine=machine(),
        llama=find_build().llama,
        model=catalog.resolve("").name,
        threads=options.threads,
        rounds=options.rounds,
        peers=tuple(target.name for target in targets),
        missing=tuple(missing),
        figures=tuple(_figures(cases, targets, measured)),
    )


def _chosen(choices: Mapping[str, T], names: tuple[str, ...], what: str) -> dict[str, T]:
    if unknown := [name for name in names if name not in choices]:
        raise BenchmarkError(f"there is no {what} {unknown[0]!r}; there are: {', '.join(choices)}")
    return {name: value for name, value in choices.items() if not names or name in names}


async def _measure(
    cases: Mapping[str, Case], targets: list[Target], rounds: int, progress: Callable[[str], None]
) -> dict[tuple[str, str], list[float]]:
    """The values of each case and peer; a case that a peer refuses once has none."""
    values: dict[tuple[str, str], list[float]] = {}
    refused: set[tuple[str, str]] = set()
    # A connection each, for all: llama.cpp's server closes one after a stream.
    connector = aiohttp.TCPConnector(force_close=True)
    timeout = aiohttp.ClientTimeout(total=900)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, headers=authorization()
    ) as session:
        for number in range(rounds):
            # Whoever was first is last in the next round.
            shift = number % len(targets)
            for name, case in cases.items():
                for target in targets[shift:] + targets[:shift]:
                    key = name, target.name
                    if key in refused:
                        continue
                    try:
                        value = await case.measure(session, target)
                    except (aiohttp.ClientResponseError, _NoAnswer) as error:
                        progress(f"{target.name} does not do this: {name} ({error})")
                        refused.add(key)
                        values.pop(key, None)
                        continue
                    values.setdefault(key, []).append(value)
                    progress(f"round {number + 1}, {name}, {target.name}: {value:.3g} {case.unit}")
    return values


def _figures(
    cases: Mapping[str, Case], targets: list[Target], measured: Mapping[tuple[str, str], list[float]]
) -> list[Figure]:
    figures = []
    for name, case in cases.items():
        references = measured.get((name, REFERENCE), [])
        for target in targets:
            values = measured.get((name, target.name), [])
            ratios = [case.ratio(*pair) for pair in zip(values, references, strict=False)]
            figures.append(
                Figure(
                    case=name, unit=case.unit, peer=target.name, values=tuple(values), ratios=tuple(ratios)
                )
            )
    return figures


class _NoAnswer(Exception):
    """A stream ended before its first token."""


async def _stream(session: aiohttp.ClientSession, url: str, body: Mapping[str, Any]) -> AsyncIterator[str]:
    """The pieces of text that are streamed, as they come."""
    async with session.post(url, json={"stream": True, "temperature": 0, **body}) as answer:
        answer.raise_for_status()
        async for line in answer.content:
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line.removeprefix(b"data: "))
            choice = (event.get("choices") or [event])[0]
            if piece := choice.get("delta", {}).get("content") or choice.get("text") or choice.get("content"):
                yield piece


async def _chat(
    session: aiohttp.ClientSession, target: Target, messages: list[dict[str, str]], limit: int
) -> tuple[float, list[str]]:
    """Ask, and return the seconds until the first token and all pieces.

    Raises:
        _NoAnswer: nothing came.
    """
    began, first, pieces = time.perf_counter(), 0.0, []
    body = {"model": "local", "messages": messages, "max_tokens": limit}
    async for piece in _stream(session, f"{target.url}/v1/chat/completions", body):
        first = first or time.perf_counter() - began
        pieces.append(piece)
    if not pieces:
        raise _NoAnswer("no token came")
    return first, pieces


def _asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"{next(_numbers)}. {text}"}]


def _long(tokens: int) -> list[dict[str, str]]:
    return _asked(_WORDS * (tokens // _WORD_TOKENS) + "Which word came most often?")


def _streams(number: int) -> Measure:
    """So many answers at once; all their tokens by the time until the last is done."""

    async def measure(session: aiohttp.ClientSession, target: Target) -> float:
        began = time.perf_counter()
        story = "Write a long story about a railway, with many details of the landscape."
        answers = await asyncio.gather(
            *(_chat(session, target, _asked(story), _ANSWER) for _ in range(number))
        )
        return sum(len(pieces) for _, pieces in answers) / (time.perf_counter() - began)

    return measure


def _beside(tokens: int) -> Measure:
    """The first token of a short request while a long prompt is read."""

    async def measure(session: aiohttp.ClientSession, target: Target) -> float:
        reading = asyncio.ensure_future(_chat(session, target, _long(tokens), 1))
        await asyncio.wait({reading}, timeout=_AHEAD_S)
        first, _ = await _chat(session, target, _asked("Say hello."), 4)
        with suppress(_NoAnswer):  # what it would have said is of no interest
            await reading
        return first

    return measure


def _second_turn(conversations: int) -> Measure:
    """The first token of second turns, each conversation after the others."""

    async def measure(session: aiohttp.ClientSession, target: Target) -> float:
        talks = [_long(_CONVERSATION) for _ in range(conversations)]
        for talk in talks:
            _, pieces = await _chat(session, target, talk, _TURN)
            talk.append({"role": "assistant", "content": "".join(pieces)})
        firsts = []
        for talk in talks:
            first, _ = await _chat(session, target, [*talk, *_asked("And least often?")], 2)
            firsts.append(first)
        return median(firsts)

    return measure


async def _completion(session: aiohttp.ClientSession, target: Target) -> float:
    """The first token between two texts, as somebody types."""
    before = _BEFORE.replace("mean", f"mean_{next(_numbers)}")
    typed = "total / sum(weights)"
    firsts = []
    for at in range(_KEYSTROKES + 1):
        prompt = before + typed[:at]
        if target.completes == "/infill":
            body: dict[str, Any] = {"input_prefix": prompt, "input_suffix": _AFTER, "n_predict": 8}
        else:
            body = {"model": "local", "prompt": prompt, "suffix": _AFTER, "max_tokens": 8}
        began, first = time.perf_counter(), 0.0
        async for _ in _stream(session, f"{target.url}{target.completes}", body):
            first = first or time.perf_counter() - began
        if not first:
            raise _NoAnswer("no token came")
        firsts.append(first)
    return median(firsts[1:])  # before the first keystroke nothing of the file was read


CASES: MappingProxyType[str, Case] = MappingProxyType(
    {
        **{
            f"{number} stream{'s' * (number > 1)}": Case(unit="tokens/s", measure=_streams(number))
            for number in (1, 2, 4, 8)
        },
        "second turn": Case(unit="s", measure=_second_turn(1)),
        "second turn of three": Case(unit="s", measure=_second_turn(3)),
        "completion": Case(unit="s", measure=_completion),
        "beside 4,600 tokens": Case(unit="s", measure=_beside(4600)),
        "beside 6,000 tokens": Case(unit="s", measure=_beside(6000)),
    }
)
