"""Who computes next: one thread owns the model and runs every request in turn.

Rules: every batch holds one token of each request that is generating and, in the room
left, a chunk of the prompts being read, so a long prompt does not stall a stream.
A cancelled request leaves before the next batch. A finished request's tokens stay in
the cache; the next request continues from the cached prefix that fits it best. Cells are
shared: when they run out, the prefix unused for longest goes, then the youngest request
goes back to the queue with what it has, to be read again later.
"""

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from router.engine.errors import QueueFull
from router.engine.jobs import Finished, Job, Piece, Started
from router.engine.model import DecodeFailed, Entry, Model

_CHUNK_S = 0.8
"""A chunk of prompt should take about so long: a hang-up is noticed between chunks."""
_LEAST_CHUNK = 16
_WARM_TOKENS = 64
_WEIGHT = 0.3
"""Of the newest measurement in the moving averages."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Slot:
    """A sequence of the cache, and the job that extends it."""

    sequence: int
    tokens: list[int] = field(default_factory=list)
    """Those whose keys and values are in the cache."""
    job: Job | None = None
    last_used: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How busy the scheduler is. Rates are tokens per second, 0 until measured."""

    queue: int
    running: int
    wait_s: float
    prefill_tps: float
    decode_tps: float
    prefixes: tuple[int, ...]
    """Cached tokens per slot."""
    steps: int
    """Batches computed so far: it grows while anything is read or generated."""


class Scheduler:
    """Runs jobs: at most `parallel` generate at once; `slots` prefixes stay in the cache."""

    def __init__(self, model: Model, *, slots: int, parallel: int, queue_limit: int) -> None:
        """Nothing runs before `start`."""
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
        """Load the weights and measure both rates, so that the first wait can be predicted."""
        for size in (1, min(_WARM_TOKENS, self._model.batch), 1):
            began = time.perf_counter()
            self._model.decode([Entry(token=0, position=i, sequence=0, output=False) for i in range(size)])
            rate = size / (time.perf_counter() - began)
            self._model.keep(0, 0)
            self._prefill_tps, self._decode_tps = (
                (rate, self._decode_tps) if size > 1 else (self._prefill_tps, rate)
            )

    def start(self) -> None:
        """Start the thread that computes."""
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
                raise QueueFull("too many requests wait for the local model; try again later")
            job.number = next(self._numbers)
            self._queue.append(job)
            self._wake.notify()

    def cancel(self, job: Job) -> None:
        """Drop a job, waiting or running; it emits nothing more. Harmless when it has ended."""
        with self._wake:
            job.cancelled = True
            self._wake.notify()

    def load(self) -> Load:
        """Return the current load. Safe in any thread."""
        with self._wake:
            return Load(
                queue=len(self._queue),
                running=sum(slot.job is not None for slot in self._slots),
                wait_s=self._wait_s(),
                prefill_tps=self._prefill_tps,
                decode_tps=self._decode_tps,
                prefixes=tuple(len(slot.tokens) for slot in self._slots),
                steps=self._steps,
            )

    def predict(self, prompt: Sequence[int]) -> tuple[int, float]:
        """Predict for a prompt how many tokens are cached, and the seconds until its first token."""
        with self._wake:
            cached = max(_common(slot.tokens, prompt) for slot in self._slots)
            read = (len(prompt) - cached) / self._prefill_tps if self._prefill_tps else 0.0
            return cached, self._wait_s() + read

    def _wait_s(self) -> float:
        """Seconds until a place is free, if answers are as long as they were lately."""
        running = [slot for slot in self._slots if slot.job]
        if not self._queue and len(running) < self._parallel:
            return 0.0
        work = sum(self._work_s(slot.job, len(slot.tokens)) for slot in running if slot.job)
        work += sum(self._work_s(job, 0) for job in self._queue)
        return work / self._parallel

    def _work_s(self, job: Job, cached: int) -> float:
        read = max(0, len(job.tokens) - cached) / self._prefill_tps if self._prefill_tps else 0.0
        write = max(1.0, min(job.limit, self._mean_answer) - job.produced)
        return read + (write / self._decode_tps if self._decode_tps else 0.0)

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._stopping:
                    return
                self._drop_cancelled()
                self._start_queued()
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

    def _start_queued(self) -> None:
        """Start waiting jobs while places are free: by priority, then by age."""
        while self._queue:
            free = [slot for slot in self._slots if slot.job is None]
            running = [slot.job for slot in self._slots if slot.job]
            job = min(self._queue, key=lambda job: (job.priority, job.number))
            together = sum(len(each.tokens) for each in (*running, job))
            if len(running) >= self._parallel or (running and together >= self._model.context):
                return
            self._queue.remove(job)
            self._assign(job, free)

    def _assign(self, job: Job, free: list[_Slot]) -> None:
        """Start a job in the free slot whose cached prefix fits best, else the one unused for longest."""
        # The last token is computed again: its logits choose the first one of the answer.
        fits = {slot.sequence: min(_common(slot.tokens, job.tokens), len(job.tokens) - 1) for slot in free}
        # A shared system prompt alone is no reason to overwrite a long conversation.
        worth = {s.sequence: fits[s.sequence] * (2 * fits[s.sequence] >= len(s.tokens)) for s in free}
        slot = max(free, key=lambda slot: (worth[slot.sequence], -slot.last_used))
        cached = fits[slot.sequence]
        if not self._model.keep(slot.sequence, cached):
            cached = 0
        slot.tokens = slot.tokens[:cached]
        slot.job = job
        slot.last_used = next(self._clock)
        job.cached = job.cached if job.started else cached

    def _step(self) -> None:
        """Compute one batch, and emit the tokens that it yields."""
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
            slot.tokens.extend(take)
            if slot.job and len(slot.tokens) == len(slot.job.tokens):
                self._extend(slot, slot.job, last)

    def _batch(self, running: list[_Slot]) -> tuple[list[Entry], list[tuple[_Slot, list[int]]]]:
        """Fill a batch: slots with least left to read first, so streams are served before prompts."""
        room, planned = self._chunk(), 0
        takes: list[tuple[_Slot, list[int]]] = []
        for slot in sorted(running, key=_remaining):
            if slot.job is None or room <= 0:
                continue
            take = slot.job.tokens[len(slot.tokens) : len(slot.tokens) + room]
            if not self._free_cells(planned + len(take), slot):
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
            for position, token in enumerate(take, len(slot.tokens))
        ]
        return entries, takes

    def _chunk(self) -> int:
        """Tokens of one batch: as many as take about `_CHUNK_S`."""
        if not self._prefill_tps:
            return self._model.batch
        return min(self._model.batch, max(_LEAST_CHUNK, int(self._prefill_tps * _CHUNK_S)))

    def _free_cells(self, size: int, taker: _Slot) -> bool:
        """Free cells for `size` more tokens; False where `taker` itself had to go back to the queue."""
        while sum(len(slot.tokens) for slot in self._slots) + size > self._model.context:
            idle = [slot for slot in self._slots if slot.job is None and slot.tokens]
            if idle:
                self._empty(min(idle, key=lambda slot: slot.last_used))
                continue
            youngest = max((slot for slot in self._slots if slot.job), key=_age)
            with self._wake:
                if youngest.job:
                    self._queue.append(youngest.job)
                youngest.job = None
            self._empty(youngest)
            if youngest is taker:
                return False
        return True

    def _extend(self, slot: _Slot, job: Job, index: int) -> None:
        """Choose the next token of a slot whose tokens are all read."""
        token = job.sampler.pick(index)
        if token is None:
            self._finish(slot, Finished(error="the grammar allows no token here"))
            return
        if not job.started:
            job.started = True
            job.emit(Started(cached=job.cached))
        if self._model.is_end(token):
            self._finish(slot, Finished())
            return
        job.produced += 1
        job.tokens.append(token)
        job.emit(Piece(data=self._model.piece(token, special=job.special)))
        if job.produced >= job.limit:
            self._finish(slot, Finished(finish="length"))

    def _finish(self, slot: _Slot, event: Finished) -> None:
        job = slot.job
        self._release(slot)
        if job:
            self._mean_answer += _WEIGHT * (job.produced - self._mean_answer)
            job.emit(event)

    def _fail(self, slot: _Slot, error: str) -> None:
        self._finish(slot, Finished(error=error))
        self._empty(slot)

    def _release(self, slot: _Slot) -> None:
        """End a slot's job; the computed tokens stay cached for the next one."""
        if slot.job:
            slot.job.sampler.close()
        slot.job = None

    def _empty(self, slot: _Slot) -> None:
        self._model.keep(slot.sequence, 0)
        slot.tokens = []

    def _measure(self, takes: list[tuple[_Slot, list[int]]], seconds: float) -> None:
        """Update a rate where the batch was all reading or all writing."""
        total = sum(len(take) for _, take in takes)
        if total == len(takes):
            self._decode_tps = _average(self._decode_tps, 1 / seconds)
        elif len(takes) == 1 and total >= _LEAST_CHUNK:
            self._prefill_tps = _average(self._prefill_tps, total / seconds)


def _average(mean: float, value: float) -> float:
    return mean + _WEIGHT * (value - mean) if mean else value


def _remaining(slot: _Slot) -> tuple[int, int]:
    """Tokens still to read, streams first; then by priority."""
    job = slot.job
    return (len(job.tokens) - len(slot.tokens) > 1, job.priority) if job else (False, 0)


def _age(slot: _Slot) -> int:
    return slot.job.number if slot.job else 0


def _common(cached: Sequence[int], prompt: Sequence[int]) -> int:
    """Length of the common prefix, by halving: slices compare in C."""
    low, high = 0, min(len(cached), len(prompt))
    while low < high:
        middle = (low + high + 1) // 2
        if cached[low:middle] == prompt[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
