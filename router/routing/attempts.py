"""One request under way: what was tried, how long it took, and how it ended.

It only remembers; `pipeline` decides what happens next.
"""

import asyncio
import time
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Literal

from policies.causes import Cause
from policies.decision import Decision
from router.billing.gpu_time import WorkTime
from router.billing.prices import COLUMNS
from router.errors import TurnoutError
from router.features.tokens import estimate
from router.tracks.streaming import StalledStream
from router.types import Attempt, End, Outcome, Plan, Progress, Reply, Tap, TrackError, Usage

MOST_TOKENS = 100_000_000
"""No provider serves a request with more: a report beyond it is an error."""
SUPERSEDED = "the client's next keystroke took its place"
"""Why a completion is cancelled that nobody waits for any more."""
CLIENT_CLOSED_REQUEST = 499
"""The row's status where the client left before there was one; nginx's number."""


@dataclass(slots=True)
class RequestAttempts:
    """From the decision to the end; times are seconds since the request was decided."""

    plan: Plan
    decision: Decision
    """The one that is being tried, or served."""
    work: WorkTime
    done: list[Attempt] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    """Of the attempt that is under way."""
    _started: float = field(default_factory=time.perf_counter)
    _attempting: bool = False
    _attempt_began: float = 0.0
    _first_byte_s: float | None = None
    _work_began: float | None = None
    """Of `work`, while the local model is at it."""
    _engine_s: float = 0.0

    def start_attempt(self) -> None:
        """An attempt at the decided track begins."""
        self._attempting = True
        self._attempt_began = self._seconds
        self.progress = Progress()
        if self.decision.track == "local":
            self._work_began = self.work.begin()

    def fail_attempt(self, failure: TrackError) -> None:
        """The attempt came to nothing."""
        self.done.append(
            self._attempt(
                self.progress.model or self.decision.model,
                failure.status,
                failure.cause,
                engine_s=self._stop_work(),
                usage=self._billed(),
            )
        )

    def succeed(self, reply: Reply) -> None:
        """The attempt's first useful unit is there."""
        self._first_byte_s = self._seconds
        self.done.append(self._attempt(reply.model, reply.status))

    def finish_reply(self, reply: Reply, failure: BaseException | None) -> Outcome:
        """The reply was relayed, or was cut off by `failure`."""
        if failure is not None:
            end, error = end_of(failure), describe(failure)
        else:
            error = "the answer told of an error" if reply.tap.error else ""
            end = "failed" if error or reply.status >= HTTPStatus.BAD_REQUEST else "complete"
        return self._outcome(
            status=reply.status,
            model=reply.tap.model or reply.model,
            usage=Usage() if self._last_failed else _reply_usage(self.plan, reply),
            end=end,
            error=error,
        )

    def finish_count(self, error: str) -> Outcome:
        """The prompt was counted; `error` tells why that is an estimate."""
        model = self.decision.model
        return self._outcome(status=HTTPStatus.OK, model=model, usage=Usage(), end="complete", error=error)

    def abort(self, failure: BaseException) -> Outcome:
        """No reply could be opened, or the client left before there was one."""
        end, status = end_of(failure), _status(failure)
        model = self.progress.model or self.decision.model
        billed = None
        if self._attempting:  # what failed before has its bill already
            billed = self._billed()
            self.done.append(self._attempt(model, status))
        return self._outcome(
            status=status, model=model, usage=billed or Usage(), end=end, error=describe(failure)
        )

    @property
    def _last_failed(self) -> bool:
        """The attempt that was made last has failed already."""
        return bool(self.done and self.done[-1].cause)

    @property
    def _seconds(self) -> float:
        return time.perf_counter() - self._started

    def _stop_work(self) -> float | None:
        """The local model has done with this attempt; returns its share of seconds, None of the cloud's."""
        if self._work_began is None:
            return None
        worked = self.work.end(self._work_began)
        self._work_began = None
        self._engine_s += worked
        return worked

    def _billed(self) -> Usage | None:
        """What the provider bills for an attempt that came to nothing; None where that is nothing.

        One that answers with an error bills nothing, one that was cut off bills the prompt it was
        reading and what it had written. Nobody bills a local model's tokens.
        """
        progress = self.progress
        if self.decision.track == "local" or not progress.sent or progress.status >= HTTPStatus.BAD_REQUEST:
            return None
        return _tap_usage(self.plan, progress.tap)

    def _attempt(
        self,
        model: str,
        status: int,
        cause: Cause | Literal[""] = "",
        *,
        engine_s: float | None = None,
        usage: Usage | None = None,
    ) -> Attempt:
        self._attempting = False
        return Attempt(
            track=self.decision.track,
            model=model,
            cause=cause,
            status=status,
            seconds=self._seconds - self._attempt_began,
            sent=self.progress.sent,
            engine_s=engine_s,
            usage=usage,
        )

    def _outcome(self, *, status: int, model: str, usage: Usage, end: End, error: str) -> Outcome:
        seconds = self._seconds
        self._stop_work()
        return Outcome(
            track=self.decision.track,
            model=model,
            status=status,
            usage=usage,
            first_byte_s=self._first_byte_s,
            seconds=seconds,
            attempts=tuple(self.done),
            end=end,
            error=error,
            engine_s=self._engine_s,
            moved=self.decision.cause,
        )


def end_of(failure: BaseException) -> End:
    """Tell a client that left from what failed.

    A relay that nobody reads on is closed, a request whose client left is cancelled. A server that
    stops cancels requests, too, and gives a reason. One whose client typed on was left, too.
    """
    left = isinstance(failure, GeneratorExit) or (
        isinstance(failure, asyncio.CancelledError) and str(failure) in {"", SUPERSEDED}
    )
    return "client_left" if left else "failed"


def describe(failure: BaseException) -> str:
    """Say what ended a request, in our words alone: a message may quote the prompt."""
    if end_of(failure) == "client_left":
        return str(failure) or "the client hung up"
    match failure:
        case asyncio.CancelledError():
            return str(failure)
        case TurnoutError():
            return failure.record
    broken = (words for kind, words in _BROKEN if isinstance(failure, kind))
    return next(broken, type(failure).__name__)


_BROKEN: tuple[tuple[type[BaseException], str], ...] = (
    (StalledStream, "the upstream fell silent"),
    (TimeoutError, "the upstream took too long"),
    (OSError, "the upstream dropped the connection"),
)


def _status(failure: BaseException) -> int:
    """The status of a request that got no answer."""
    if end_of(failure) == "client_left":
        return CLIENT_CLOSED_REQUEST
    if isinstance(failure, asyncio.CancelledError):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return int(getattr(failure, "status", HTTPStatus.INTERNAL_SERVER_ERROR))


def _reply_usage(plan: Plan, reply: Reply) -> Usage:
    """What was reported; marked as estimated where nothing was, or the reply was cut off.

    A stream tells its output's tokens at its end: of one that was cut, what passed is measured.
    """
    return _tap_usage(plan, reply.tap) if reply.status == HTTPStatus.OK else Usage()


def _tap_usage(plan: Plan, tap: Tap | None) -> Usage:
    """What the reply reported; an estimate where it did not, or did not come to its end.

    A report without a prompt, or without output where some has passed, is none.
    """
    if tap is None:
        return Usage(input=plan.features.context_tokens, estimated=True)
    usage = tap.usage if tap.usage is not None and _credible(tap.usage) else Usage(estimated=True)
    silent = not usage.prompt or (tap.written and not usage.output)
    if tap.complete and not usage.estimated and not silent:
        return usage
    if not usage.prompt:
        usage = replace(usage, input=plan.features.context_tokens)
    return replace(usage, output=max(usage.output, estimate(tap.written)), estimated=True)


def _credible(usage: Usage) -> bool:
    return all(0 <= getattr(usage, column) <= MOST_TOKENS for column in COLUMNS)
