"""One attempt at a track, under its circuit breaker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b

from policies.causes import Cause
from policies.decide import Decision
from router.tracks.circuit_breaker import CircuitBreaker, CircuitOpen
from router.types import ModelRequest, Plan, TrackError


class StreamCharge:
    """Charges the breaker for how a stream ended that had begun well; see `streaming.StreamHealth`."""

    def __init__(self, breaker: CircuitBreaker, request: ModelRequest) -> None:
        """See the class."""
        self._breaker = breaker
        self._request = request

    def completed(self) -> None:
        """It came to its end."""
        self._breaker.completed()

    def stalled(self) -> None:
        """The upstream fell silent."""
        self._breaker.stalled(client=client_of(self._request), body=digest(self._request.body))


@asynccontextmanager
async def guarded(
    breaker: CircuitBreaker, plan: Plan, decision: Decision, cause: Cause
) -> AsyncIterator[StreamCharge]:
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
        permit = await breaker.enter(optional=bool(decision.alternatives))
    except CircuitOpen as circuit:
        raise TrackError(
            f"the {decision.track} model is down ({circuit.cause})",
            cause=cause,
            status=503,
            retry_after=circuit.retry_after,
        ) from circuit
    try:
        yield StreamCharge(breaker, plan.request)
        permit.succeeded()
    except TrackError as failure:
        if failure.fault:
            request = plan.request
            permit.failed(failure.fault, client=client_of(request), body=digest(request.body))
        raise
    finally:
        permit.release()


def client_of(request: ModelRequest) -> str:
    """Name who sent a request: its key, its user, else its assistant."""
    return request.account.key_id or request.account.user or request.client


def digest(body: bytes) -> bytes:
    """Tell one body from another."""
    return blake2b(body, digest_size=16).digest()
