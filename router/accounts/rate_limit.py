"""Limits per minute, as token buckets: a full minute's worth at once, then as it flows back.

Each process counts for itself; what two endpoints on one ledger let through is twice the limit.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from router.accounts.teams import Account, Rate
from router.errors import RateLimited

MINUTE_S = 60.0


@dataclass(slots=True)
class Bucket:
    """What may still be taken, as of `at`. Below zero where an answer was longer than there was room."""

    level: float
    at: float

    def fill(self, limit: int, now: float) -> None:
        """Let flow back what the time since `at` brings."""
        self.level = min(self.level + (now - self.at) * limit / MINUTE_S, float(limit))
        self.at = now


class RateLimiter:
    """Buckets of requests and of tokens, for each team and key that has a limit."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def take_request(self, account: Account) -> None:
        """Count one request.

        Raises:
            RateLimited: the limit is used up.
        """
        self._take("requests", ((rate, rate.requests) for rate in account.rates), 1)

    def take_tokens(self, account: Account, tokens: int) -> None:
        """Count a prompt; one that is longer than the limit waits until nothing else was taken.

        Raises:
            RateLimited: the limit is used up.
        """
        self._take("tokens", ((rate, rate.tokens) for rate in account.rates), tokens)

    def add_tokens(self, account: Account, tokens: int) -> None:
        """Count an answer, which is there whether or not there was room."""
        for rate in account.rates:
            if rate.tokens:
                self._bucket("tokens", rate, rate.tokens).level -= tokens

    def _take(self, what: str, rates: Iterable[tuple[Rate, int | None]], amount: int) -> None:
        buckets = []
        for rate, limit in rates:
            if not limit:
                continue
            bucket = self._bucket(what, rate, limit)
            missing = min(amount, limit) - bucket.level
            if missing > 0:
                whose = "this key" if rate.scope.startswith("key:") else "the team"
                raise RateLimited(
                    f"{whose} may use {limit} {what} per minute, and they are used up; try again after "
                    "`retry-after` seconds, or ask for a higher limit",
                    retry_after=missing * MINUTE_S / limit,
                )
            buckets.append(bucket)
        for bucket in buckets:
            bucket.level -= amount

    def _bucket(self, what: str, rate: Rate, limit: int) -> Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault((what, rate.scope), Bucket(float(limit), now))
        bucket.fill(limit, now)
        return bucket
