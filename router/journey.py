"""One request under way: what was tried, how long it took, and how it ended.

A journey only remembers; `pipeline` decides what happens next.
"""

import asyncio
import time
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Literal

from policies.decision import Decision
from router.errors import Cause, TrackError, TurnoutError
from router.reading.tokens import estimate
from router.types import Attempt, Outcome, Plan, Reply, Usage
from router.worktime import WorkTime

HUNG_UP = 499
"""The row's status where the client left before there was one; nginx's number."""


@dataclass(slots=True)
class Journey:
    """From the decision to the end; times are seconds since the request was decided."""

    plan: Plan
    decision: Decision
    """The one that is being tried, or served."""
    work: WorkTime
    attempts: list[Attempt] = field(default_factory=list)
    _started: float = field(default_factory=time.perf_counter)
    _tried_at: float = 0.0
    _first_byte_s: float | None = None
    _mark: float | None = None
    """Of `work`, while the local model is at it."""
    _engine_s: float = 0.0

    def tries(self) -> None:
        """An attempt at the decided track begins."""
        self._tried_at = self._seconds
        if self.decision.track == "local":
            self._mark = self.work.begin()

    def failed(self, failure: TrackError) -> None:
        """The attempt came to nothing."""
        worked = self._rest()
        self.attempts.append(self._attempt(self.decision.model, failure.status, failure.cause, worked))

    def opened(self, reply: Reply) -> None:
        """The attempt's first useful unit is there."""
        self._first_byte_s = self._seconds
        self.attempts.append(self._attempt(reply.model, reply.status))

    def ended(self, reply: Reply, error: str) -> Outcome:
        """The reply was relayed, or was cut off for the reason `error`."""
        return self._outcome(
            status=reply.status,
            model=reply.tap.model or reply.model,
            usage=_usage(self.plan, reply),
            error=error,
        )

    def counted(self, error: str) -> Outcome:
        """The prompt was counted; `error` tells why that is an estimate."""
        return self._outcome(status=HTTPStatus.OK, model=self.decision.model, usage=Usage(), error=error)

    def gave_up(self, failure: BaseException) -> Outcome:
        """No reply could be opened, or the client left before there was one."""
        gone = isinstance(failure, asyncio.CancelledError)
        status = HUNG_UP if gone else getattr(failure, "status", HTTPStatus.INTERNAL_SERVER_ERROR)
        # A provider bills the prompt that it was reading when the client left.
        billed = gone and self.decision.track == "cloud" and self.plan.request.operation == "generate"
        return self._outcome(
            status=status,
            model=self.decision.model,
            usage=_prompt_alone(self.plan) if billed else Usage(),
            error=words(failure),
        )

    @property
    def _seconds(self) -> float:
        return time.perf_counter() - self._started

    def _rest(self) -> float | None:
        """The local model has done with this attempt; returns its share of seconds, None of the cloud's."""
        if self._mark is None:
            return None
        worked = self.work.end(self._mark)
        self._mark = None
        self._engine_s += worked
        return worked

    def _attempt(
        self, model: str, status: int, cause: Cause | Literal[""] = "", engine_s: float | None = None
    ) -> Attempt:
        return Attempt(
            track=self.decision.track,
            model=model,
            cause=cause,
            status=status,
            seconds=self._seconds - self._tried_at,
            engine_s=engine_s,
        )

    def _outcome(self, *, status: int, model: str, usage: Usage, error: str) -> Outcome:
        self._rest()
        return Outcome(
            track=self.decision.track,
            model=model,
            status=status,
            usage=usage,
            first_byte_s=self._first_byte_s,
            seconds=self._seconds,
            attempts=tuple(self.attempts),
            error=error,
            engine_s=self._engine_s,
        )


def words(failure: BaseException) -> str:
    """Say what ended a request, in our words alone: a message may quote the prompt.

    A cancellation is the client's, unless a server that stops says so.
    """
    match failure:
        case asyncio.CancelledError():
            return str(failure) or "the client hung up"
        case TurnoutError():
            return failure.record
        case TimeoutError():
            return "the upstream took too long"
        case OSError():
            return "the upstream dropped the connection"
    return type(failure).__name__


def _usage(plan: Plan, reply: Reply) -> Usage:
    """What was reported; marked as estimated where nothing was, or the reply was cut off.

    A stream tells its output's tokens at its end: of one that was cut, what passed is measured.
    """
    if reply.status != HTTPStatus.OK:
        return Usage()
    tap = reply.tap
    if tap.usage is not None and tap.complete:
        return tap.usage
    told = tap.usage or _prompt_alone(plan)
    return replace(told, output=max(told.output, estimate(tap.written)), estimated=True)


def _prompt_alone(plan: Plan) -> Usage:
    return Usage(input=plan.features.context_tokens, estimated=True)
