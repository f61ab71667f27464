"""The path of one request, from bytes to a reply. Four rules hold here.

    Request ─ read ▶ Features ─ classify ▶ Verdict ─ decide ▶ Decision ─ track.open ▶ Reply ─ relay ▶ bytes
              └────────────── plan ─────────────────────────┘ └────── open ──────┘

1. Relay, don't translate: a track answers in the client's dialect.
2. Failover and escalation live entirely before the first useful unit; `open`
   returns when that unit is there, and after it nothing is tried again.
3. The ledger row is begun before anything is sent, and finished whatever happens:
   a generator that never started skips its `finally`, so `open` itself finishes
   the row until the relay has taken over.
4. Routing never fails a request: where reading or classifying raises, the policy's
   `otherwise` decides and the row says so.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from classifiers.features import Features
from classifiers.verdict import Classifier, Verdict
from policies.decide import decide, escalate
from policies.decision import Decision, State, TrackName
from policies.load import PolicyHolder
from policies.privacy import clear
from router.errors import TrackError
from router.holds import Holds
from router.types import Attempt, Ledger, Outcome, Plan, Reply, Request, Track, Usage

log = structlog.get_logger(__name__)

UNKNOWN = Verdict(p_local=0.0, kind="unknown", why="the request could not be read")


class Reads(Protocol):
    """Reads a request's features, and learns from the usage that comes back."""

    def read(self, request: Request) -> Features:
        """Read one request."""
        ...

    def correct(self, model: str, estimated: int, actual: int) -> None:
        """Learn how far the token estimate was off for `model`."""
        ...


class Weather(Protocol):
    """What the tracks are like right now."""

    def state(self, features: Features) -> State:
        """The state a policy may know, for this prompt."""
        ...


@dataclass(slots=True)
class Journey:
    """One request under way: what was tried, since when."""

    plan: Plan
    decision: Decision
    started: float = field(default_factory=time.perf_counter)
    attempts: list[Attempt] = field(default_factory=list)
    first_byte_s: float | None = None

    @property
    def seconds(self) -> float:
        """Since the request was decided."""
        return time.perf_counter() - self.started


class Pipeline:
    """Carries requests; its collaborators are passed in and wired where the program starts."""

    def __init__(
        self,
        *,
        reader: Reads,
        classifier: Classifier,
        policies: PolicyHolder,
        tracks: Mapping[TrackName, Track],
        weather: Weather,
        ledger: Ledger,
        holds: Holds,
    ) -> None:
        self._reader = reader
        self._classifier = classifier
        self._policies = policies
        self._tracks = tracks
        self._weather = weather
        self._ledger = ledger
        self._holds = holds

    def plan(self, request: Request) -> Plan:
        """Read, classify and decide; sends nothing and never raises for what a client sent."""
        started = time.perf_counter()
        policy = self._policies.policy
        features, verdict, notes = self._understand(request)
        clearance = clear(policy, features, request.team)
        known = features or Features(client=request.client)
        state = replace(self._weather.state(known), last=self._holds.last(request.team, known.conversation))
        decision = decide(
            policy,
            features,
            verdict,
            state,
            asked=request.model,
            clearance=clearance,
            team=request.team,
            user=request.user,
        )
        return Plan(
            request=request,
            features=known,
            verdict=verdict or UNKNOWN,
            decision=decision,
            clearance=clearance,
            policy=policy.name,
            overhead_s=time.perf_counter() - started,
            notes=notes,
        )

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
            self._finish(journey, status=getattr(failure, "status", 499), error=_words(failure))
            raise
        self._holds.keep(plan.request.team, plan.features, journey.decision)
        return replace(reply, chunks=self._relay(journey, reply)), journey

    async def count(self, plan: Plan) -> tuple[int, Journey]:
        """Count the prompt as the decided track would; an estimate where it cannot tell."""
        journey = Journey(plan, plan.decision)
        self._ledger.begin(plan)
        error = ""
        try:
            tokens = await self._tracks[plan.decision.track].count(plan)
        except TrackError as failure:
            tokens, error = plan.features.context_tokens, f"estimated: {failure.message}"
        self._finish(journey, status=200, error=error)
        return tokens, journey

    def _understand(self, request: Request) -> tuple[Features | None, Verdict | None, tuple[str, ...]]:
        try:
            features = self._reader.read(request)
            return features, self._classifier.classify(features), ()
        except Exception as failure:  # rule 4: whatever a client sent, it is served
            log.warning("unreadable", request=request.id, error=type(failure).__name__, exc_info=True)
            return None, None, (f"reading failed: {type(failure).__name__}",)

    async def _first_unit(self, journey: Journey) -> Reply:
        """Try the decided track, then what the policy allows; return at the first useful unit."""
        plan = journey.plan
        while True:
            began = journey.seconds
            try:
                async with asyncio.timeout(self._patience(journey.decision)):
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
            journey.attempts.append(_attempt(journey, journey.decision.model, failure.status, began, failure))
            after = escalate(
                self._policies.policy, journey.decision, failure.cause, plan.clearance, len(journey.attempts)
            )
            if after is None:
                if failure.reply is not None:
                    return failure.reply
                raise failure
            journey.decision = after

    def _patience(self, decision: Decision) -> float | None:
        """Seconds to wait for a local first unit where another track could serve instead."""
        if decision.track != "local" or not decision.alternatives:
            return None
        return self._policies.policy.first_byte_s

    async def _relay(self, journey: Journey, reply: Reply) -> AsyncGenerator[bytes]:
        error = "the client hung up"
        try:
            async with aclosing(reply.chunks) as chunks:
                async for chunk in chunks:
                    yield chunk
            error = reply.tap.error
        except (TrackError, OSError, TimeoutError) as failure:
            error = _words(failure)
            raise
        finally:
            self._finish(journey, status=reply.status, error=error, reply=reply)

    def _finish(self, journey: Journey, *, status: int, error: str, reply: Reply | None = None) -> None:
        plan = journey.plan
        usage = (reply.tap.usage if reply else None) or Usage(estimated=reply is not None)
        served = reply.model if reply else journey.decision.model
        self._ledger.finish(
            plan.request.id,
            Outcome(
                track=journey.decision.track,
                model=(reply.tap.model if reply else "") or served,
                status=status,
                usage=usage,
                first_byte_s=journey.first_byte_s,
                seconds=journey.seconds,
                attempts=tuple(journey.attempts),
                error=error,
            ),
        )
        if usage.prompt and not usage.estimated:
            self._reader.correct(served, plan.features.context_tokens, usage.prompt)


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
        return "the client hung up"
    return str(failure) or type(failure).__name__
