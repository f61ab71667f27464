"""Where jobs run: the sequences of the cache, who may take which, and whose cells go when they run out.

Completions (what an editor asks for while one types) have sequences of their own and spare cells, so that
chats never hold all places, and a completion's prefix stays cached between two keystrokes. Rules: chats
share the cells of the window; a completion takes spare cells first, then those of kept prefixes, and never
those of a running chat; it goes back to the queue itself where no others are left.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from router.engine.jobs import Job
from router.engine.slots import SlotState


@dataclass(slots=True, kw_only=True, eq=False)
class Slot:
    """A sequence of the cache, and the job that extends it."""

    sequence: int
    completes: bool = False
    """Kept for completions."""
    tokens: list[int] = field(default_factory=list)
    """Those whose keys and values are in the cache."""
    job: Job | None = None
    last_used: int = 0
    prompt: str = ""
    """The name of the prompt that it is of."""

    @property
    def state(self) -> SlotState:
        """As others see it."""
        return SlotState(
            prompt=self.prompt, tokens=len(self.tokens), busy=self.job is not None, last_used=self.last_used
        )


class Places:
    """The slots of chats and of completions, and how many cells each may fill."""

    def __init__(self, *, slots: int, parallel: int, completions: int, context: int, cells: int) -> None:
        """Take how many of each there are.

        Args:
            slots: prefixes of chats that are kept.
            parallel: chats generated at once, at most.
            completions: slots kept for completions, all of which may run at once; 0: they run as chats do.
            context: tokens of all chats together, at most.
            cells: tokens of all slots together, at most.
        """
        self.chats = [Slot(sequence=at) for at in range(slots)]
        self.completions = [Slot(sequence=slots + at, completes=True) for at in range(completions)]
        self.all = [*self.chats, *self.completions]
        self.parallel = min(parallel, slots)
        self._context = context
        self._cells = cells

    @property
    def running(self) -> list[Slot]:
        """Slots with a job."""
        return [slot for slot in self.all if slot.job]

    def of(self, job: Job) -> list[Slot]:
        """The slots that a job may take."""
        return self.completions if job.completes and self.completions else self.chats

    def free(self, job: Job) -> list[Slot]:
        """The slots that a job can take now; none where it has to wait."""
        slots = self.of(job)
        running = [slot for slot in slots if slot.job]
        most = self.parallel if slots is self.chats else len(slots)
        if len(running) >= most or not self._fits(job, running):
            return []
        return [slot for slot in slots if slot.job is None]

    def _fits(self, job: Job, beside: Iterable[Slot]) -> bool:
        """Whether a prompt fits beside those that run; alone it always does."""
        size = len(job.tokens)
        others = _wanted(self.running)
        within = _wanted(beside)
        return (not within or within + size < self._context) and (not others or others + size < self._cells)

    def to_empty(self, taker: Slot, *, chats: int, completions: int) -> Slot | None:
        """Choose whose cells are given up, so that a slot can go on.

        Args:
            taker: the slot.
            chats: tokens that the next batch adds to chats.
            completions: tokens that it adds to completions.

        Returns:
            None where there are enough; `taker` itself where it has to wait.
        """
        of_chats = _filled(self.chats) + chats
        if not taker.completes and of_chats > self._context:
            return _unused(self.chats) or _youngest(self.chats)
        if of_chats + _filled(self.completions) + completions > self._cells:
            return _unused(self.completions) or _unused(self.chats) or _youngest(self.completions)
        return None


def _wanted(slots: Iterable[Slot]) -> int:
    return sum(len(slot.job.tokens) for slot in slots if slot.job)


def _filled(slots: Iterable[Slot]) -> int:
    return sum(len(slot.tokens) for slot in slots)


def _unused(slots: Iterable[Slot]) -> Slot | None:
    """The slot whose prefix was unused for longest."""
    idle = (slot for slot in slots if slot.job is None and slot.tokens)
    return min(idle, key=lambda slot: slot.last_used, default=None)


def _youngest(slots: Iterable[Slot]) -> Slot | None:
    """The slot whose job came last."""
    busy = (slot for slot in slots if slot.job)
    return max(busy, key=lambda slot: slot.job.number if slot.job else 0, default=None)
