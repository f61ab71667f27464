"""What went wrong in a turn, and went wrong again: calls, tests, edits. A new ask begins anew."""

from collections.abc import Sequence
from copy import copy
from typing import NamedTuple, Self

from router.features.message_facts import Outcome
from router.features.open_calls import OpenCall


class FailingTest(NamedTuple):
    """A test that failed in this turn."""

    times: int
    """The first time, and each time after another edit."""
    edits: int
    """Edits that had been made when it failed last."""


class Setbacks:
    """Counts of one turn. `same_call` and `same_test` are of what failed just now."""

    def __init__(self) -> None:
        self.same_call = 0
        """How often a call that failed just now has failed with the same arguments."""
        self.same_test = 0
        """How often a test that failed just now has failed, with an edit before each time but the first."""
        self.edits = 0
        """Edits that were made."""
        self.edits_rejected = 0
        """Edits in a row, up to now, that did not apply."""
        self._calls: dict[bytes, int] = {}
        self._failed_now: set[bytes] = set()
        """Calls that failed in this step: one that is sent twice in it fails once."""
        self._tests: dict[int | bytes, FailingTest] = {}
        self._in_text = False
        """The newest answer of the model holds edits in its text, of which nothing is known yet."""

    def copy(self) -> Self:
        """The same counts, to be taken on apart."""
        same = copy(self)
        for name in ("_calls", "_failed_now", "_tests"):
            setattr(same, name, getattr(self, name).copy())
        return same

    def begin_step(self, *, edits_in_text: bool) -> None:
        """The model answered: what failed before that did not fail just now."""
        self.same_call = self.same_test = 0
        self._failed_now.clear()
        self._in_text = edits_in_text

    def take(self, call: OpenCall, outcomes: Sequence[Outcome]) -> None:
        """Take the answer to a call. One that the user declined says nothing."""
        allowed = [outcome for outcome in outcomes if not outcome.declined]
        if not allowed:
            return
        failed = any(outcome.marked if call.looks else outcome.failed for outcome in allowed)
        if call.same:
            self._count_call(call.same, failed=failed)
        rejected = any(outcome.rejected for outcome in allowed)
        if call.edits or (rejected and not call.same):
            self._count_edit(
                rejected=rejected or (call.fails_whole and all(outcome.failed for outcome in allowed))
            )
        if not call.looks:
            for outcome in allowed:
                self._count_tests(outcome, call)

    def end_step(self) -> None:
        """All answers of this message were taken: edits in the model's text of which none tells applied."""
        if self._in_text:
            self._count_edit(rejected=False)

    def _count_call(self, call: bytes, *, failed: bool) -> None:
        if not failed:
            self._calls.pop(call, None)
            return
        if call in self._failed_now:  # sent twice in one step
            return
        self._failed_now.add(call)
        self._calls[call] = self._calls.get(call, 0) + 1
        self.same_call = max(self.same_call, self._calls[call])

    def _count_edit(self, *, rejected: bool) -> None:
        self._in_text = False
        if rejected:
            self.edits_rejected += 1
        else:
            self.edits += 1
            self.edits_rejected = 0

    def _count_tests(self, outcome: Outcome, call: OpenCall) -> None:
        """Count failing tests by name; where none is named, the command that ran them stands for them."""
        if not outcome.tested or not outcome.tested[0]:
            return
        for name in outcome.failing or (call.same,):
            before = self._tests.get(name)
            if before is None:
                now = FailingTest(1, self.edits)
            elif self.edits > before.edits:
                now = FailingTest(before.times + 1, self.edits)
            else:
                now = before
            self._tests[name] = now
            self.same_test = max(self.same_test, now.times)
