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
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from http import HTTPStatus
from typing import Protocol

from policies.decide import escalate
from policies.decision import Decision, TrackName
from policies.policy import Policy
from router.billing.gpu_time import WorkTime
from router.errors import BadRequest, NotAllowed, OverBudget, TurnoutError
from router.routing.admission import Limits
from router.routing.attempts import RequestAttempts
from router.system.time_slices import Pacing, Pauses, Turns, pauses_for
from router.types import Ledger, ModelRequest, Outcome, Plan, Reply, Track, TrackError, Usage


class Planning(Protocol):
    """Decides on requests; `router.routing.planner` has the one of conversations."""

    def planning(self, request: ModelRequest, pauses: Pauses) -> Turns[Plan]:
        """Decide, in turns with other requests; raises `BadRequest` alone."""
        ...

    def policy_of(self, request: ModelRequest) -> Policy:
        """Return the policy that a request is under."""
        ...

    def keep(self, plan: Plan, decision: Decision) -> None:
        """Take what served."""
        ...

    def learn(self, plan: Plan, served: str, usage: Usage) -> None:
        """Take what was used."""
        ...


class Pipeline:
    """Carries requests; its collaborators are passed in and wired where the program starts."""

    def __init__(
        self,
        *,
        planner: Planning,
        tracks: Mapping[TrackName, Track],
        ledger: Ledger,
        limits: Limits | None = None,
        work: WorkTime | None = None,
        pacing: Pacing | None = None,
    ) -> None:
        self._planner = planner
        self._pacing = pacing or Pacing()
        self._tracks = tracks
        self._ledger = ledger
        self._limits = limits
        self._work = work or WorkTime()

    async def plan(self, request: ModelRequest) -> Plan:
        """Read, classify and decide, in turns with other requests.

        Sends nothing, and never raises for what a client sent.
        """
        return await self._pacing.drive(self._planner.planning(request, pauses_for(len(request.body))))

    async def check_account(self, plan: Plan) -> Plan:
        """Hold the plan to what its account may do; it comes back local where the money is used up.

        Raises:
            RateLimited: nothing is written down of it.
            NotAllowed: this model is not for this account; the row is finished.
            OverBudget: the client is to be told; the row is finished.
        """
        if self._limits is None or plan.request.operation == "count" or plan.decision.refusal:
            return plan
        try:
            decision = await self._limits.reserve(plan, self._planner.policy_of(plan.request))
        except (NotAllowed, OverBudget) as refusal:
            attempts = self._begin(plan)
            self._finish(attempts, attempts.abort(refusal))
            raise
        return plan if decision is plan.decision else replace(plan, decision=decision)

    async def open(self, plan: Plan) -> tuple[Reply, RequestAttempts]:
        """Begin the row and open a reply, on another track where the policy allows it.

        Raises:
            TrackError: no track could answer; the row is finished.
            TurnoutError: no track may answer, since the decision carries a refusal; the row is finished.
        """
        attempts = self._begin(plan)
        try:
            _refuse(plan.decision)
            reply = await self._first_unit(attempts)
        except BaseException as failure:
            if isinstance(failure, TrackError) or (
                attempts.decision.remedy and isinstance(failure, BadRequest)
            ):
                failure.decision = attempts.decision
            self._finish(attempts, attempts.abort(failure))
            raise
        self._planner.keep(plan, attempts.decision)
        relay = self._relay(attempts, reply)
        await anext(relay)  # a generator that never started would skip its `finally`, and the row its end
        return replace(reply, chunks=relay), attempts

    async def count(self, plan: Plan) -> tuple[int, RequestAttempts]:
        """Count the prompt as the decided track would; an estimate where it cannot tell."""
        attempts = self._begin(plan)
        error = ""
        try:
            tokens = await self._tracks[plan.decision.track].count(plan)
        except TrackError as failure:
            tokens, error = plan.features.context_tokens, f"estimated ({failure.record})"
        except BaseException as failure:
            self._finish(attempts, attempts.abort(failure))
            raise
        self._finish(attempts, attempts.finish_count(error))
        return tokens, attempts

    def _begin(self, plan: Plan) -> RequestAttempts:
        self._ledger.begin(plan)
        return RequestAttempts(plan, plan.decision, self._work)

    async def _first_unit(self, attempts: RequestAttempts) -> Reply:
        """Try the decided track, then what the policy allows; return at the first useful unit."""
        plan = attempts.plan
        while True:
            patience_s = self._patience(plan, attempts.decision)
            attempts.start_attempt()
            try:
                async with asyncio.timeout(patience_s):
                    reply = await self._tracks[attempts.decision.track].open(
                        plan, attempts.decision, attempts.progress
                    )
            except TimeoutError:
                message = f"the {attempts.decision.track} model gave nothing useful in time"
                failure = TrackError(message, cause="slow", status=HTTPStatus.GATEWAY_TIMEOUT)
            except TrackError as error:
                failure = error
            else:
                attempts.succeed(reply)
                return reply
            attempts.fail_attempt(failure)
            after = await self._after(attempts, failure)
            if after is None:
                if failure.reply is not None:
                    return failure.reply
                raise failure
            attempts.decision = after

    async def _after(self, attempts: RequestAttempts, failure: TrackError) -> Decision | None:
        """Which track is tried next; None where the failure is the answer."""
        plan = attempts.plan
        policy = self._planner.policy_of(plan.request)
        after = escalate(
            policy,
            attempts.decision,
            failure.cause,
            plan.clearance,
            len(attempts.done),
            requested_model=plan.request.model,
        )
        if after is None or after.track == "local":
            return after
        if self._limits is not None and not await self._limits.may_escalate(plan, after, policy):
            return None
        self._ledger.move(plan.request.id)
        return after

    def _patience(self, plan: Plan, decision: Decision) -> float | None:
        """Seconds to wait for a local first unit where another track could serve instead.

        Without a credential none could: the local model is then waited for as long as its own
        `first_byte_s` allows, rather than failed for being slow.
        """
        if decision.track != "local":
            return None
        if not any(self._tracks[name].usable(plan.request) for name in decision.alternatives):
            return None
        return self._planner.policy_of(plan.request).first_byte_s

    async def _relay(self, attempts: RequestAttempts, reply: Reply) -> AsyncGenerator[bytes]:
        failure: BaseException | None = None
        try:
            async with aclosing(reply.chunks) as chunks:
                yield b""
                async for chunk in chunks:
                    yield chunk
        except BaseException as error:  # GeneratorExit, too: the client reads no more
            failure = error
            raise
        finally:
            self._finish(attempts, attempts.finish_reply(reply, failure))

    def _finish(self, attempts: RequestAttempts, outcome: Outcome) -> None:
        plan = attempts.plan
        self._ledger.finish(plan.request.id, outcome)
        if self._limits:
            self._limits.count_tokens(plan, outcome.usage)
        self._planner.learn(plan, outcome.model, outcome.usage)


_REFUSALS: Mapping[str, type[TurnoutError]] = {"never_cloud": NotAllowed, "budget": OverBudget}


def _refuse(decision: Decision) -> None:
    """Tell the client why nothing may serve its request, by the rule that forbids it.

    Raises:
        TurnoutError: the decision carries a refusal.
    """
    if decision.refusal:
        raise _REFUSALS.get(decision.rule, BadRequest)(decision.refusal)
