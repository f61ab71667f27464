"""Who computes next: one thread owns the model and runs every request in turn.

Rules: every batch holds one token of each request that is generating and, in the room
left, a chunk of the prompts being read, so a long prompt does not stall a stream.
A cancelled request leaves before the next batch. A finished request's tokens stay in
the cache; the next request continues from the kept prefix that fits it best. Cells are
shared: when they run out, the prefix unused for longest goes, then the youngest request
goes back to the queue with what it has, to be read again later.
"""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from router.engine.model import DecodeFailed, Entry, Model
from router.engine.sampler import Sampler

Priority = Literal["autocomplete", "chat"]
PRIORITIES: dict[Priority, int] = {"autocomplete": 0, "chat": 1}

_CHUNK_S = 0.8
"""A chunk of prompt should take about so long: a hang-up is noticed between chunks."""
_LEAST_CHUNK = 16
_WARM_TOKENS = 64
_WEIGHT = 0.3
"""Of the newest measurement in the moving averages."""


class QueueFull(Exception):
    """More requests wait than may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The first token is about to come; `cached` prompt tokens were not computed again."""

    cached: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One more token, as bytes that may end inside a character."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Nothing more comes. `error` says why where the engine failed."""

    finish: Literal["stop", "length"] = "stop"
    error: str = ""


Event = Begun | Piece | Ended


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """A prompt to continue. `emit` is called from the scheduler's thread and must not block."""

    tokens: list[int]
    """The prompt, and then what was generated: reading and writing are the same step."""
    limit: int
    """Tokens to generate at most; prompt and limit together fit the window."""
    sampler: Sampler
    emit: Callable[[Event], None]
    priority: int = PRIORITIES["chat"]
    special: bool = False
    """Whether control tokens show in the text (they mark tool calls)."""
    cancelled: bool = False
    produced: int = 0
    begun: bool = False
    cached: int = 0
    number: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class _Slot:
    """A sequence of the cache: what it holds, and the request that extends it."""

    sequence: int
    held: list[int] = field(default_factory=list)
    job: Job | None = None
    used: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the scheduler is doing. Rates are tokens per second, 0 until measured."""

    queue: int
    running: int
    wait_s: float
    prefill_tps: float
    decode_tps: float
    prefixes: tuple[int, ...]
    """Tokens held per slot."""
    steps: int
    """Batches computed so far: it grows while anything is read or generated."""


class Scheduler:
    """Runs jobs. `parallel` at most generate at once; `slots` prefixes are kept."""

    def __init__(self, model: Model, *, slots: int, parallel: int, queue_limit: int) -> None:
        """Set up; `start` begins to work."""
        self._model = model
        self._slots = [_Slot(sequence=i) for i in range(slots)]
        self._parallel = min(parallel, slots)
        self._queue_limit = queue_limit
        self._queue: list[Job] = []
        self._wake = threading.Condition()
        self._numbers = itertools.count(1)
        self._clock = itertools.count(1)
        self._prefill_tps = self._decode_tps = 0.0
        self._mean_answer = 200.0
        self._steps = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def warm(self) -> None:
        """Touch the weights, then measure both rates, so that the first request is foreseen too."""
        for size in (1, min(_WARM_TOKENS, self._model.batch), 1):
            began = time.perf_counter()
            self._model.decode([Entry(token=0, position=i, sequence=0, output=False) for i in range(size)])
            rate = size / (time.perf_counter() - began)
            self._model.keep(0, 0)
            self._prefill_tps, self._decode_tps = (
                (rate, self._decode_tps) if size > 1 else (self._prefill_tps, rate)
            )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after its current batch, and leave the model empty."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()
        for slot in self._slots:
            self._release(slot)
            self._empty(slot)

    def submit(self, job: Job) -> None:
        """Queue a job.

        Raises:
            QueueFull: try again later.
        """
        with self._wake:
            if len(self._queue) >= self._queue_limit:
                raise QueueFull
            job.number = next(self._numbers)
            self._queue.append(job)
            self._wake.notify()

    def cancel(self, job: Job) -> None:
        """Drop a job, waiting or running; it emits nothing more. Harmless when it has ended."""
        with self._wake:
            job.cancelled = True
            self._wake.notify()

    def load(self) -> Load:
        """Look at the queue and the measured rates."""
        with self._wake:
            return Load(
                queue=len(self._queue),
                running=sum(slot.job is not None for slot in self._slots),
                wait_s=self._wait_s(),
                prefill_tps=self._prefill_tps,
                decode_tps=self._decode_tps,
                prefixes=tuple(len(slot.held) for slot in self._slots),
                steps=self._steps,
            )

    def predict(self, prompt: Sequence[int]) -> tuple[int, float]:
        """Foresee a prompt: tokens that are cached, and seconds until its first token."""
        with self._wake:
            cached = max(_common(slot.held, prompt) for slot in self._slots)
            read = (len(prompt) - cached) / self._prefill_tps if self._prefill_tps else 0.0
            return cached, self._wait_s() + read

    def _wait_s(self) -> float:
        """Seconds until a place is free, if answers are as long as they were lately."""
        running = [slot for slot in self._slots if slot.job]
        if not self._queue and len(running) < self._parallel:
            return 0.0
        work = sum(self._work_s(slot.job, len(slot.held)) for slot in running if slot.job)
        work += sum(self._work_s(job, 0) for job in self._queue)
        return work / self._parallel

    def _work_s(self, job: Job, held: int) -> float:
        read = max(0, len(job.tokens) - held) / self._prefill_tps if self._prefill_tps else 0.0
        write = max(1.0, min(job.limit, self._mean_answer) - job.produced)
        return read + (write / self._decode_tps if self._decode_tps else 0.0)

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._stopping:
                    return
                self._drop_cancelled()
                self._admit()
                if not any(slot.job for slot in self._slots):
                    self._wake.wait()
                    continue
            self._step()

    def _drop_cancelled(self) -> None:
        for job in [job for job in self._queue if job.cancelled]:
            self._queue.remove(job)
            job.sampler.close()
        for slot in self._slots:
            if slot.job and slot.job.cancelled:
                self._release(slot)

    def _admit(self) -> None:
        """Give free places to the queue: by priority, then by age."""
        while self._queue:
            free = [slot for slot in self._slots if slot.job is None]
            running = [slot.job for slot in self._slots if slot.job]
            job = min(self._queue, key=lambda job: (job.priority, job.number))
            together = sum(len(each.tokens) for each in (*running, job))
            if len(running) >= self._parallel or (running and together >= self._model.context):
                return
            self._queue.remove(job)
            self._seat(job, free)

    def _seat(self, job: Job, free: list[_Slot]) -> None:
        """Choose the kept prefix that fits best, else the slot unused for longest."""
        # The last token is computed again: its logits choose the first one of the answer.
        fits = {slot.sequence: min(_common(slot.held, job.tokens), len(job.tokens) - 1) for slot in free}
        # A shared system prompt alone is no reason to overwrite a long conversation.
        worth = {s.sequence: fits[s.sequence] * (2 * fits[s.sequence] >= len(s.held)) for s in free}
        slot = max(free, key=lambda slot: (worth[slot.sequence], -slot.used))
        kept = fits[slot.sequence]
        if not self._model.keep(slot.sequence, kept):
            kept = 0
        slot.held = slot.held[:kept]
        slot.job = job
        slot.used = next(self._clock)
        job.cached = job.cached if job.begun else kept

    def _step(self) -> None:
        """Compute one batch and hand out what it gave."""
        running = [slot for slot in self._slots if slot.job]
        entries, takes = self._batch(running)
        began = time.perf_counter()
        try:
            self._model.decode(entries)
        except DecodeFailed as error:
            for slot in running:
                self._fail(slot, str(error))
            return
        finally:
            self._steps += 1
        self._measure(takes, time.perf_counter() - began)
        last = -1
        for slot, take in takes:
            last += len(take)
            slot.held.extend(take)
            if slot.job and len(slot.held) == len(slot.job.tokens):
                self._extend(slot, slot.job, last)

    def _batch(self, running: list[_Slot]) -> tuple[list[Entry], list[tuple[_Slot, list[int]]]]:
        """Fill a batch: slots with least left to read first, so streams are served before prompts."""
        room, planned = self._chunk(), 0
        takes: list[tuple[_Slot, list[int]]] = []
        for slot in sorted(running, key=_left):
            if slot.job is None or room <= 0:
                continue
            take = slot.job.tokens[len(slot.held) : len(slot.held) + room]
            if not self._make_room(planned + len(take), slot):
                continue
            room -= len(take)
            planned += len(take)
            takes.append((slot, take))
        takes = [(slot, take) for slot, take in takes if slot.job]
        entries = [
            Entry(
                token=token,
                position=position,
                sequence=slot.sequence,
                output=slot.job is not None and position == len(slot.job.tokens) - 1,
            )
            for slot, take in takes
            for position, token in enumerate(take, len(slot.held))
        ]
        return entries, takes

    def _chunk(self) -> int:
        """Tokens of one batch: as many as take about `_CHUNK_S`."""
        if not self._prefill_tps:
            return self._model.batch
        return min(self._model.batch, max(_LEAST_CHUNK, int(self._prefill_tps * _CHUNK_S)))

    def _make_room(self, size: int, wanting: _Slot) -> bool:
        """Free cells for `size` more tokens; False where `wanting` itself had to go back."""
        while sum(len(slot.held) for slot in self._slots) + size > self._model.context:
            idle = [slot for slot in self._slots if slot.job is None and slot.held]
            if idle:
                self._empty(min(idle, key=lambda slot: slot.used))
                continue
            youngest = max((slot for slot in self._slots if slot.job), key=_age)
            with self._wake:
                if youngest.job:
                    self._queue.append(youngest.job)
                youngest.job = None
            self._empty(youngest)
            if youngest is wanting:
                return False
        return True

    def _extend(self, slot: _Slot, job: Job, index: int) -> None:
        """Choose the next token of a slot whose tokens are all read."""
        token = job.sampler.pick(index)
        if token is None:
            self._finish(slot, Ended(error="the grammar allows no token here"))
            return
        if not job.begun:
            job.begun = True
            job.emit(Begun(cached=job.cached))
        if self._model.is_end(token):
            self._finish(slot, Ended())
            return
        job.produced += 1
        job.tokens.append(token)
        job.emit(Piece(data=self._model.piece(token, special=job.special)))
        if job.produced >= job.limit:
            self._finish(slot, Ended(finish="length"))

    def _finish(self, slot: _Slot, event: Ended) -> None:
        job = slot.job
        self._release(slot)
        if job:
            self._mean_answer += _WEIGHT * (job.produced - self._mean_answer)
            job.emit(event)

    def _fail(self, slot: _Slot, error: str) -> None:
        self._finish(slot, Ended(error=error))
        self._empty(slot)

    def _release(self, slot: _Slot) -> None:
        """Free the place; what it computed stays for the next turn."""
        if slot.job:
            slot.job.sampler.close()
        slot.job = None

    def _empty(self, slot: _Slot) -> None:
        self._model.keep(slot.sequence, 0)
        slot.held = []

    def _measure(self, takes: list[tuple[_Slot, list[int]]], seconds: float) -> None:
        """Update a rate where the batch was all reading or all writing."""
        total = sum(len(take) for _, take in takes)
        if total == len(takes):
            self._decode_tps = _average(self._decode_tps, 1 / seconds)
        elif len(takes) == 1 and total >= _LEAST_CHUNK:
            self._prefill_tps = _average(self._prefill_tps, total / seconds)


def _average(mean: float, value: float) -> float:
    return mean + _WEIGHT * (value - mean) if mean else value


def _left(slot: _Slot) -> tuple[int, int]:
    """Tokens still to read, streams first; then by priority."""
    job = slot.job
    return (len(job.tokens) - len(slot.held) > 1, job.priority) if job else (False, 0)


def _age(slot: _Slot) -> int:
    return slot.job.number if slot.job else 0


def _common(held: Sequence[int], prompt: Sequence[int]) -> int:
    """Length of the common prefix, by halving: slices compare in C."""
    low, high = 0, min(len(held), len(prompt))
    while low < high:
        middle = (low + high + 1) // 2
        if held[low:middle] == prompt[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
