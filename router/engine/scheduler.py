"""Who computes next: one thread owns the model and runs every request in turn.

Rules: every batch holds one token of each request that is generating and, in the room
left, a chunk of the prompts being read, so a long prompt does not stall a stream.
Completions go ahead of chats: they have places of their own, and while one runs, chats'
prompts are read only now and then. A cancelled request leaves before the next batch. A
finished request's tokens stay in the cache; the next request continues from the cached
prefix that fits it best. Cells are shared: when they run out, the prefix unused for longest
goes, then the youngest request goes back to the queue with what it has, to be read again later.
"""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from router.engine.errors import QueueFull
from router.engine.jobs import PRIORITIES, Finished, Job, Piece, Started
from router.engine.model import DecodeFailed, Entry, Model
from router.engine.places import Places, Slot
from router.engine.rates import Rate, average
from router.engine.slots import SlotState, choose_slot, common_prefix

_CHUNK_S = 0.8
"""A chunk of prompt should take about so long: a hang-up is noticed between chunks."""
_SHORT_CHUNK_S, _TYPING_S = 0.2, 60.0
"""So long where somebody types, which is for a minute after each completion: the next waits for a chunk."""
_PAUSE_S = 1.0
"""While completions run, a chunk of chats' prompts is read once in so long."""
_LEAST_CHUNK = 16
_WARM_TOKENS = 64
_WARM_S = 0.2
"""For so long a rate is measured again and again before anything is served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How busy the scheduler is. Rates are tokens per second, 0 until measured.

    Where completions have slots of their own, all but `completions` tells of chats.
    """

    queue: int
    running: int
    completions: tuple[SlotState, ...]
    """The slots that are kept for completions."""
    completions_queued: int
    wait_s: float
    prefill_tps: float
    decode_tps: float
    answer_s: float
    """How long an answer of the usual length takes to write."""
    parallel: int
    """Answers that are written at once."""
    slots: tuple[SlotState, ...]
    steps: int
    """Batches computed so far: it grows while anything is read or generated."""


class Scheduler:
    """Runs jobs: at most `parallel` chats generate at once; `slots` prefixes of theirs stay in the cache."""

    def __init__(
        self,
        model: Model,
        *,
        slots: int,
        parallel: int,
        queue_limit: int,
        completions: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing runs before `start`; rates age by `clock`.

        `completions` slots are kept for completions; without any they run as chats do, ahead in the queue.
        """
        self._model = model
        self._places = Places(
            slots=slots,
            parallel=parallel,
            completions=completions,
            context=model.context,
            cells=model.cells,
        )
        self._queue_limit = queue_limit
        self._queue: list[Job] = []
        self._wake = threading.Condition()
        self._numbers = itertools.count(1)
        self._uses = itertools.count(1)
        self._clock = clock
        self._completed_at = self._chat_read_at = -_TYPING_S
        self._prefill, self._decode = Rate(clock), Rate(clock)
        self._mean_answer = 200.0
        self._steps = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def warm(self) -> None:
        """Load the weights and measure both rates, so that the first wait can be predicted."""
        self._seconds_for(1)
        for rate, size in ((self._prefill, min(_WARM_TOKENS, self._model.batch)), (self._decode, 1)):
            began = time.perf_counter()
            fastest = self._seconds_for(size)
            # The fastest of a few: what else runs on the machine slows some of them.
            while time.perf_counter() - began < _WARM_S:
                fastest = min(fastest, self._seconds_for(size))
            rate.calibrate(size / fastest)

    def _seconds_for(self, size: int) -> float:
        """How long a batch of so many tokens takes, in the empty cache."""
        began = time.perf_counter()
        self._model.decode([Entry(token=0, position=i, sequence=0, output=False) for i in range(size)])
        seconds = time.perf_counter() - began
        self._model.keep(0, 0)
        return seconds

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
        for slot in self._places.all:
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
            if job.completes:
                self._completed_at = self._clock()
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
            places = self._places
            queued = len(self._waiting(places.chats))
            return Load(
                queue=queued,
                running=sum(slot.job is not None for slot in places.chats),
                completions=tuple(slot.state for slot in places.completions),
                completions_queued=len(self._queue) - queued,
                wait_s=self._wait_s(),
                prefill_tps=self._prefill.current,
                decode_tps=self._decode.current,
                answer_s=_seconds(self._mean_answer, self._decode),
                parallel=places.parallel,
                slots=tuple(slot.state for slot in places.chats),
                steps=self._steps,
            )

    def predict(self, prompt: Sequence[int]) -> tuple[int, float]:
        """Predict for a chat's prompt how many tokens are cached, and the seconds until its first token."""
        with self._wake:
            chats = self._places.chats
            free = [slot for slot in chats if slot.job is None] if self._place_free() else chats
            fits = [common_prefix(slot.tokens, prompt) for slot in free]
            cached = fits[choose_slot(fits, [slot.state for slot in free])]
            # The last token is computed again: its logits choose the first one of the answer.
            return cached, self._wait_s() + _seconds(max(len(prompt) - cached, 1), self._prefill)

    def _waiting(self, slots: Sequence[Slot]) -> list[Job]:
        """The queued jobs that such slots are for."""
        return [job for job in self._queue if self._places.of(job) is slots]

    def _place_free(self) -> bool:
        chats = self._places.chats
        running = sum(slot.job is not None for slot in chats)
        return not self._waiting(chats) and running < self._places.parallel

    def _wait_s(self) -> float:
        """Seconds until a chat's prompt would be read, if answers are as long as they were lately."""
        running = [slot for slot in self._places.chats if slot.job]
        if self._place_free():
            left = sum(max(0, len(slot.job.tokens) - len(slot.tokens) - 1) for slot in running if slot.job)
            return _seconds(left, self._prefill)
        work = sum(self._work_s(slot.job, len(slot.tokens)) for slot in running if slot.job)
        work += sum(self._work_s(job, 0) for job in self._waiting(self._places.chats))
        return work / self._places.parallel

    def _work_s(self, job: Job, cached: int) -> float:
        write = max(1.0, min(job.limit, self._mean_answer) - job.produced)
        return _seconds(max(0, len(job.tokens) - cached), self._prefill) + _seconds(write, self._decode)

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._stopping:
                    return
                self._drop_cancelled()
                self._start_queued()
                if not self._places.running:
                    self._wake.wait()
                    continue
            self._step()

    def _drop_cancelled(self) -> None:
        for job in [job for job in self._queue if job.cancelled]:
            self._queue.remove(job)
            job.sampler.close()
        for slot in self._places.running:
            if slot.job and slot.job.cancelled:
                self._release(slot)

    def _start_queued(self) -> None:
        """Start waiting jobs while places are free: by priority, then by age."""
        for priority in sorted(PRIORITIES.values()):
            while queued := [job for job in self._queue if job.priority == priority]:
                job = min(queued, key=lambda job: job.number)
                if not (free := self._places.free(job)):
                    break
                self._queue.remove(job)
                self._assign(job, free)

    def _assign(self, job: Job, free: Sequence[Slot]) -> None:
        """Start a job in the free slot whose cached prefix fits best, else the one unused for longest."""
        # The last token is computed again: its logits choose the first one of the answer.
        fits = [min(common_prefix(slot.tokens, job.tokens), len(job.tokens) - 1) for slot in free]
        chosen = choose_slot(fits, [slot.state for slot in free])
        slot, cached = free[chosen], fits[chosen]
        if not self._model.keep(slot.sequence, cached):
            cached = 0
        slot.tokens = slot.tokens[:cached]
        slot.job = job
        slot.prompt = job.prompt
        slot.last_used = next(self._uses)
        job.cached = job.cached if job.started else cached

    def _step(self) -> None:
        """Compute one batch, and emit the tokens that it yields."""
        running = self._places.running
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

    def _batch(self, running: Sequence[Slot]) -> tuple[list[Entry], list[tuple[Slot, list[int]]]]:
        """Fill a batch: slots with least left to read first, so streams are served before prompts."""
        room, planned = self._chunk(running), {False: 0, True: 0}
        takes: list[tuple[Slot, list[int]]] = []
        for slot in sorted(running, key=_remaining):
            if slot.job is None or room <= 0 or self._pauses(slot, running):
                continue
            take = slot.job.tokens[len(slot.tokens) : len(slot.tokens) + room]
            added = planned | {slot.completes: planned[slot.completes] + len(take)}
            if not self._free_cells(slot, chats=added[False], completions=added[True]):
                continue
            room -= len(take)
            planned = added
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

    def _pauses(self, slot: Slot, running: Sequence[Slot]) -> bool:
        """Whether a chat's prompt waits, since a completion runs; notes where it is read."""
        if not _reads_chat(slot):
            return False
        now = self._clock()
        if now - self._chat_read_at < _PAUSE_S and any(each.job and each.job.completes for each in running):
            return True
        self._chat_read_at = now
        return False

    def _chunk(self, running: Sequence[Slot]) -> int:
        """Tokens of one batch: as many as take about `_CHUNK_S`, or less where somebody types meanwhile."""
        if not self._prefill.current:
            return self._model.batch
        typing = self._clock() - self._completed_at < _TYPING_S
        seconds = _SHORT_CHUNK_S if typing and any(_reads_chat(slot) for slot in running) else _CHUNK_S
        return min(self._model.batch, max(_LEAST_CHUNK, int(self._prefill.current * seconds)))

    def _free_cells(self, taker: Slot, *, chats: int, completions: int) -> bool:
        """Free cells for more tokens; False where `taker` itself had to go back to the queue."""
        while slot := self._places.to_empty(taker, chats=chats, completions=completions):
            if slot.job:
                with self._wake:
                    self._queue.append(slot.job)
                    slot.job = None
            self._empty(slot)
            if slot is taker:
                return False
        return True

    def _extend(self, slot: Slot, job: Job, index: int) -> None:
        """Choose the next token of a slot whose tokens are all read."""
        if not job.limit:  # the prompt was to be read, and nothing more
            job.emit(Started(cached=job.cached))
            self._finish(slot, Finished(finish="length"))
            return
        token = job.sampler.pick(index)
        if token is None:
            self._finish(slot, Finished(error="the grammar allows no token here"))
            return
        if not job.started:
            job.started = True
            job.emit(Started(cached=job.cached))
        if self._model.is_end(token) or token in job.ends:
            self._finish(slot, Finished())
            return
        job.produced += 1
        job.tokens.append(token)
        job.emit(Piece(data=self._model.piece(token, special=job.special)))
        if job.produced >= job.limit:
            self._finish(slot, Finished(finish="length"))

    def _finish(self, slot: Slot, event: Finished) -> None:
        job = slot.job
        self._release(slot)
        if job:
            if not job.completes:
                self._mean_answer = average(self._mean_answer, job.produced)
            job.emit(event)

    def _fail(self, slot: Slot, error: str) -> None:
        self._finish(slot, Finished(error=error))
        self._empty(slot)

    def _release(self, slot: Slot) -> None:
        """End a slot's job; the computed tokens stay cached for the next one."""
        if slot.job:
            slot.job.sampler.close()
        slot.job = None

    def _empty(self, slot: Slot) -> None:
        self._model.keep(slot.sequence, 0)
        slot.tokens, slot.prompt = [], ""

    def _measure(self, takes: list[tuple[Slot, list[int]]], seconds: float) -> None:
        """Update a rate where the batch was all reading or all writing."""
        total = sum(len(take) for _, take in takes)
        if total == len(takes):
            self._decode.measure(1 / seconds, alone=len(takes) == 1)
        elif len(takes) == 1 and total >= min(_WARM_TOKENS, self._chunk([])):
            self._prefill.measure(total / seconds, alone=not self._queue)


def _seconds(tokens: float, rate: Rate) -> float:
    """How long tokens take; 0 while nothing was measured."""
    return tokens / rate.current if rate.current else 0.0


def _remaining(slot: Slot) -> tuple[int, int]:
    """Tokens still to read, streams first; then by priority."""
    job = slot.job
    return (len(job.tokens) - len(slot.tokens) > 1, job.priority) if job else (False, 0)


def _reads_chat(slot: Slot) -> bool:
    """Whether a chat's prompt is still being read."""
    job = slot.job
    return job is not None and not job.completes and len(job.tokens) - len(slot.tokens) > 1
