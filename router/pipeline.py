"""The second half of the path: from the decision to the last byte. Three rules hold here.

    Plan ─ ledger.begin ─ track.open ▶ Reply (its first useful unit is there) ─ relay ▶ bytes ─ ledger.finish

1. Relay, don't translate: a track answers in the client's dialect.
2. Failover and escalation live entirely before the first useful unit; `open`
   returns when that unit is there, and after it nothing is tried again.
3. The ledger row is begun before anything is sent, and finished whatever happens:
   a generator that never started skips its `finally`, so `open` itself finishes
   the row until the relay has taken over.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from policies.decide import escalate
from policies.decision import Decision, TrackName
from router.errors import NotAllowed, OverBudget, TrackError
from router.limits import Limits
from router.planner import Planner
from router.reading.tokens import estimate
from router.types import Attempt, Ledger, Outcome, Plan, Reply, Request, Track, Usage
from router.worktime import WorkTime

HUNG_UP = 499
"""The row's status where the client left before there was one; nginx's number."""


@dataclass(slots=True)
class Journey:
    """One request under way: what was tried, since when."""

    plan: Plan
    decision: Decision
    started: float = field(default_factory=time.perf_counter)
    attempts: list[Attempt] = field(default_factory=list)
    first_byte_s: float | None = None
    working: float | None = None
    """The mark of `WorkTime` while the local model is at it."""
    engine_s: float = 0.0

    @property
    def seconds(self) -> float:
        """Since the request was decided."""
        return time.perf_counter() - self.started


class Pipeline:
    """Carries requests; its collaborators are passed in and wired where the program starts."""

    def __init__(
        self,
        *,
        planner: Planner,
        tracks: Mapping[TrackName, Track],
        ledger: Ledger,
        limits: Limits | None = None,
        work: WorkTime | None = None,
    ) -> None:
        self._planner = planner
        self._tracks = tracks
        self._ledger = ledger
        self._limits = limits
        self._work = work or WorkTime()

    def plan(self, request: Request) -> Plan:
        """Read, classify and decide; sends nothing and never raises for what a client sent."""
        return self._planner.plan(request)

    async def admit(self, plan: Plan) -> Plan:
        """Hold the plan to what its account may do; it comes back local where the money is used up.

        Raises:
            RateLimited: nothing is written down of it.
            NotAllowed: this model is not for this account; the row is finished.
            OverBudget: the client is to be told; the row is finished.
        """
        if self._limits is None or plan.request.operation != "generate":
            return plan
        try:
            decision = await self._limits.admit(plan, self._planner.policy_of(plan.request))
        except (NotAllowed, OverBudget) as refusal:
            self._ledger.begin(plan)
            self._failed(Journey(plan, plan.decision), refusal)
            raise
        return plan if decision is plan.decision else replace(plan, decision=decision)

    async def open(self, plan: Plan) -> tuple[Reply, Journey]:
        """Begin the row and open a reply, on another track where the policy allows it.

        Raises:
            TrackError: no track could answer; the row is finished.
        """
        journey = Journey(plan, plan.decision)
        self._ledger.begin(plan)
        try:
            reply = await self._first_unit(journey)
        except BaseException as failure:
            self._failed(journey, failure)
            raise
        self._planner.keep(plan, journey.decision)
        relay = self._relay(journey, reply)
        await anext(relay)  # a generator that never started would skip its `finally`, and the row its end
        return replace(reply, chunks=relay), journey

    async def count(self, plan: Plan) -> tuple[int, Journey]:
        """Count the prompt as the decided track would; an estimate where it cannot tell."""
        journey = Journey(plan, plan.decision)
        self._ledger.begin(plan)
        error = ""
        try:
            tokens = await self._tracks[plan.decision.track].count(plan)
        except TrackError as failure:
            tokens, error = plan.features.context_tokens, f"estimated: {failure.message}"
        except BaseException as failure:
            self._failed(journey, failure)
            raise
        self._finish(journey, status=200, error=error)
        return tokens, journey

    async def _first_unit(self, journey: Journey) -> Reply:
        """Try the decided track, then what the policy allows; return at the first useful unit."""
        plan = journey.plan
        while True:
            began = journey.seconds
            if journey.decision.track == "local":
                journey.working = self._work.begin()
            try:
                async with asyncio.timeout(self._patience(plan, journey.decision)):
                    reply = await self._tracks[journey.decision.track].open(plan, journey.decision)
            except TimeoutError:
                message = f"the {journey.decision.track} model gave nothing useful in time"
                failure = TrackError(message, cause="slow", status=504)
            except TrackError as error:
                failure = error
            else:
                journey.first_byte_s = journey.seconds
                journey.attempts.append(_attempt(journey, reply.model, reply.status, began))
                return reply
            worked = self._rest(journey)
            failed = _attempt(journey, journey.decision.model, failure.status, began, failure)
            journey.attempts.append(replace(failed, engine_s=worked))
            policy = self._planner.policy_of(plan.request)
            after = escalate(
                policy,
                journey.decision,
                failure.cause,
                plan.clearance,
                len(journey.attempts),
                asked=plan.request.model,
            )
            if after and after.track == "cloud" and self._limits:
                after = after if await self._limits.may_escalate(plan, after, policy) else None
            if after is None:
                if failure.reply is not None:
                    return failure.reply
                raise failure
            journey.decision = after

    def _rest(self, journey: Journey) -> float | None:
        """The local model has done with this attempt; returns its share of seconds, None of the cloud's."""
        if journey.working is None:
            return None
        worked = self._work.end(journey.working)
        journey.working = None
        journey.engine_s += worked
        return worked

    def _patience(self, plan: Plan, decision: Decision) -> float | None:
        """Seconds to wait for a local first unit where another track could serve instead."""
        if decision.track != "local" or not decision.alternatives:
            return None
        return self._planner.policy_of(plan.request).first_byte_s

    async def _relay(self, journey: Journey, reply: Reply) -> AsyncGenerator[bytes]:
        error = "the client hung up"
        try:
            async with aclosing(reply.chunks) as chunks:
                yield b""
                async for chunk in chunks:
                    yield chunk
            error = f"the answer told of an error: {reply.tap.error}" if reply.tap.error else ""
        except (Exception, asyncio.CancelledError) as failure:  # the row tells why, whatever it was
            error = _words(failure)
            raise
        finally:
            self._finish(journey, status=reply.status, error=error, reply=reply)

    def _failed(self, journey: Journey, failure: BaseException) -> None:
        gone = isinstance(failure, asyncio.CancelledError)
        status = HUNG_UP if gone else getattr(failure, "status", HTTPStatus.INTERNAL_SERVER_ERROR)
        # A provider bills the prompt that it was reading when the client left.
        reading = gone and journey.decision.track == "cloud" and journey.plan.request.operation == "generate"
        self._finish(journey, status=status, error=_words(failure), reading=reading)

    def _finish(
        self, journey: Journey, *, status: int, error: str, reply: Reply | None = None, reading: bool = False
    ) -> None:
        self._rest(journey)
        usage = _prompt_alone(journey.plan) if reading else _usage(journey.plan, reply)
        served = (reply.tap.model or reply.model) if reply else journey.decision.model
        self._ledger.finish(
            journey.plan.request.id,
            Outcome(
                track=journey.decision.track,
                model=served,
                status=status,
                usage=usage,
                first_byte_s=journey.first_byte_s,
                seconds=journey.seconds,
                attempts=tuple(journey.attempts),
                error=error,
                engine_s=journey.engine_s,
            ),
        )
        if self._limits:
            self._limits.done(journey.plan, usage)
        if usage.prompt and not usage.estimated:
            self._planner.learn(journey.plan, served, usage.prompt)


def _usage(plan: Plan, reply: Reply | None) -> Usage:
    """What was reported; marked as estimated where nothing was, or the reply was cut off.

    A stream tells its output's tokens at its end: of one that was cut, what passed is measured.
    """
    if reply is None or reply.status != HTTPStatus.OK:
        return Usage()
    tap = reply.tap
    if tap.usage is not None and tap.complete:
        return tap.usage
    told = tap.usage or _prompt_alone(plan)
    return replace(told, output=max(told.output, estimate(tap.written)), estimated=True)


def _prompt_alone(plan: Plan) -> Usage:
    return Usage(input=plan.features.context_tokens, estimated=True)


def _attempt(
    journey: Journey, model: str, status: int, began: float, failure: TrackError | None = None
) -> Attempt:
    return Attempt(
        track=journey.decision.track,
        model=model,
        cause=failure.cause if failure else "",
        status=status,
        seconds=journey.seconds - began,
    )


def _words(failure: BaseException) -> str:
    if isinstance(failure, asyncio.CancelledError):
        return str(failure) or "the client hung up"  # a server that stops says so
    return str(failure) or type(failure).__name__
