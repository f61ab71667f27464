"""Whether a track is down: judged by failures of its own, never by what one request's body causes.

Evidence by kind of failure, all of it within `WITHIN_S` and since the last success of anybody:

- `connection`: nothing of the request was read, so each one counts.
- `unavailable` (502, 503, 529): the server speaks of itself. A repeated body counts once.
- `server_error`, `dropped`, `timeout`: a body may cause these. They count only where different
  bodies of different clients met them; three bad bodies of one client open nothing.
- A stream that stalls after its first useful unit is a `timeout`, too. A first unit is no proof against
  it: only a stream that came to its end takes it off the list.

Open, the track is routed around for a pause. Then one request probes it: its success closes the
circuit, its failure doubles the pause. Others wait for the probe or are routed as if it were down.
A probe that fails by what its own body may have caused proves little: the pause stays as it was.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from http import HTTPStatus
from typing import Literal, TypedDict

from policies.causes import Cause
from policies.decide import Decision
from router.types import Fault, ModelRequest, Plan, TrackError

FAILURES = 3
"""Pieces of evidence until a track counts as down."""
CLIENTS = 2
"""Different clients that must have met failures which a body may cause."""
WITHIN_S = 30.0
"""Older failures are no evidence."""
PAUSE_S = 10.0
"""From opening to the first probe."""
LONGEST_PAUSE_S = 120.0
"""Each failed probe doubles the pause up to here."""
REMEMBERED = 64
"""Failures kept; more of them change no verdict."""

SURE: frozenset[Fault] = frozenset({"connection", "unavailable"})
"""No body causes these."""

CircuitState = Literal["closed", "open", "half-open"]


class CircuitOpen(Exception):
    """The track is not tried now; `retry_after` seconds from now it may be probed."""

    def __init__(self, cause: Fault, retry_after: float) -> None:
        """See the class."""
        super().__init__(cause)
        self.cause = cause
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """A snapshot for `/health`; times are ISO 8601 in UTC, empty while closed."""

    state: CircuitState
    cause: Fault | Literal[""] = ""
    since: str = ""
    next_probe: str = ""


@dataclass(frozen=True, slots=True)
class _Failure:
    at: float
    fault: Fault
    client: str
    body: bytes
    stalled: bool = False
    """It came after the first useful unit."""


class CircuitBreaker:
    """Opens on evidence, probes with one request at a time, backs off."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        """Take a monotonic clock, and one for dates."""
        self._clock = clock
        self._wall = wall
        self._failures: deque[_Failure] = deque(maxlen=REMEMBERED)
        self._cause: Fault | None = None
        self._since = 0.0
        self._pause_s = PAUSE_S
        self._probe_at = 0.0
        self._probe: asyncio.Future[None] | None = None

    @property
    def up(self) -> bool:
        """Whether the next request should go to this track: closed, or it would be the probe."""
        return self._cause is None or (self._due and self._probe is None)

    @property
    def circuit(self) -> Circuit:
        """What is known now."""
        if self._cause is None:
            return Circuit(state="closed")
        return Circuit(
            state="half-open" if self._due else "open",
            cause=self._cause,
            since=self._date(self._since),
            next_probe=self._date(self._probe_at),
        )

    async def enter(self, *, optional: bool) -> bool:
        """Ask for leave to try the track; it must be given back with `release`.

        Args:
            optional: another track can serve, so there is no need to wait.

        Returns:
            Whether this request is the probe.

        Raises:
            CircuitOpen: only where it is optional.
        """
        if self._cause is None:
            return False
        if self._due and self._probe is None:
            self._probe = asyncio.get_running_loop().create_future()
            return True
        if optional:
            raise CircuitOpen(self._cause, max(self._probe_at - self._clock(), 1.0))
        if self._probe is not None:
            await asyncio.wait({self._probe})
        return False  # with nothing else to go to, the upstream itself says why not

    def succeeded(self) -> None:
        """A request got its first useful unit: the track works."""
        self._keep(stalled=True)
        self._cause = None
        self._pause_s = PAUSE_S

    def completed(self) -> None:
        """A stream came to its end."""
        self._keep(stalled=False)

    def stalled(self, *, client: str, body: bytes) -> None:
        """A stream fell silent after its first useful unit; see `failed`."""
        self._note(_Failure(self._clock(), "timeout", client, body, stalled=True), probe=False)

    def failed(self, fault: Fault, *, client: str, body: bytes, probe: bool = False) -> None:
        """Take a failure of the track as evidence.

        Args:
            fault: what failed.
            client: names who sent the request.
            body: a digest of what was sent.
            probe: it was the probe's.
        """
        self._note(_Failure(self._clock(), fault, client, body), probe=probe)

    def release(self, *, probe: bool) -> None:
        """A request is over; the place of a probe without a verdict is free for the next one."""
        if probe and self._probe is not None:
            self._probe.set_result(None)
            self._probe = None

    def _note(self, failure: _Failure, *, probe: bool) -> None:
        self._failures.append(failure)
        now, fault = failure.at, failure.fault
        if self._cause is None:
            if self._proven(now):
                self._cause, self._since = fault, now
                self._probe_at = now + self._pause_s
        elif probe and self._cause == "connection" and fault == "server_error":
            self.succeeded()  # it can be reached again; the failure may be this body's alone
        elif probe:
            if fault in SURE:
                self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
            self._probe_at = now + self._pause_s

    def _keep(self, *, stalled: bool) -> None:
        """Keep the failures from after the first unit (True), or those from before it (False)."""
        if self._failures:
            remaining = [failure for failure in self._failures if failure.stalled == stalled]
            self._failures = deque(remaining, maxlen=REMEMBERED)

    @property
    def _due(self) -> bool:
        return self._clock() >= self._probe_at

    def _proven(self, now: float) -> bool:
        recent = [failure for failure in self._failures if now - failure.at <= WITHIN_S]
        connections = sum(failure.fault == "connection" for failure in recent)
        unavailable = {failure.body for failure in recent if failure.fault == "unavailable"}
        if connections + len(unavailable) >= FAILURES:
            return True
        bodies = {failure.body for failure in recent}
        clients = {failure.client for failure in recent}
        return len(bodies) >= FAILURES and len(clients) >= CLIENTS

    def _date(self, moment: float) -> str:
        at = self._wall() + moment - self._clock()
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


class StreamHealth:
    """Reports to the breaker how a stream ended that had begun well."""

    def __init__(self, breaker: CircuitBreaker, request: ModelRequest) -> None:
        """See the class."""
        self._breaker = breaker
        self._request = request

    def completed(self) -> None:
        """It came to its end."""
        self._breaker.completed()

    def stalled(self) -> None:
        """The upstream fell silent."""
        self._breaker.stalled(**_source(self._request))


@asynccontextmanager
async def guarded(
    breaker: CircuitBreaker, plan: Plan, decision: Decision, cause: Cause
) -> AsyncIterator[StreamHealth]:
    """Let the block try the track; a `TrackError` with a `fault` that leaves it is evidence.

    Yields:
        What takes the end of a stream that outlives the block.

    Args:
        breaker: the track's.
        plan: what is sent.
        decision: with alternatives, an open circuit is not waited for.
        cause: what an open circuit is called.

    Raises:
        TrackError: status 503, the circuit is open and another track can serve.
    """
    try:
        probe = await breaker.enter(optional=bool(decision.alternatives))
    except CircuitOpen as circuit:
        raise TrackError(
            f"the {decision.track} model is down ({circuit.cause})",
            cause=cause,
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            retry_after=circuit.retry_after,
        ) from circuit
    try:
        yield StreamHealth(breaker, plan.request)
        breaker.succeeded()
    except TrackError as failure:
        if failure.fault:
            breaker.failed(failure.fault, **_source(plan.request), probe=probe)
        raise
    finally:
        breaker.release(probe=probe)


class _Source(TypedDict):
    client: str
    body: bytes


def _source(request: ModelRequest) -> _Source:
    """Who sent a request: its key, its user, else its assistant; and a digest of its body."""
    return {
        "client": request.account.key_id or request.account.user or request.client,
        "body": blake2b(request.body, digest_size=16).digest(),
    }
