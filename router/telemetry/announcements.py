"""What the log says of the endpoint itself: a policy, a track or a budget that changed. Each change once."""

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from router.errors import OverBudget
from router.types import Outcome, Plan

log = structlog.get_logger("turnout")

AGAIN_S = 3600.0
"""A team whose budget is used up is named once in so long."""
MOST_TEAMS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackReport:
    """How a track is now."""

    up: bool
    why: str = ""
    """What is wrong with one that is down, and the remedy."""


class Announcements:
    """Compares what is with what was said last; an observer of requests, for budgets."""

    def __init__(self) -> None:
        self._tracks: dict[str, TrackReport] = {}
        self._server: dict[str, object] = {}
        self._provider: dict[str, object] = {}
        self._policy_error = ""
        self._budgets: OrderedDict[str, float] = OrderedDict()

    def tracks(self, **reports: TrackReport) -> None:
        """Say which tracks went down or came up since the last call."""
        for name, report in reports.items():
            before = self._tracks.get(name, TrackReport(up=True))
            self._tracks[name] = report
            if report.up and not before.up:
                log.info("track up", track=name)
            elif not report.up and (before.up or report.why != before.why):
                log.warning("track down", track=name, why=report.why)

    def server(self, server: Mapping[str, object]) -> None:
        """Say what answers at `local.url`, or what is wrong there, where that has changed."""
        if server == self._server:
            return
        self._server = dict(server)
        facts = {name: server[name] for name in ("url", "model", "context", "abilities") if server[name]}
        if problem := server["problem"]:
            log.warning("local server", **facts, problem=problem)
        else:
            log.info("local server", **facts)

    def provider(self, provider: Mapping[str, object]) -> None:
        """Say what answers at `cloud.base_url`, or what is wrong there, where that has changed."""
        if provider == self._provider:
            return
        self._provider = dict(provider)
        facts = {name: provider[name] for name in ("url", "credential", "proxy") if provider[name]}
        if problem := provider["problem"]:
            log.warning("cloud provider", **facts, problem=problem)
        else:
            log.info("cloud provider", **facts)

    def policy(self, name: str, error: str, *, reloaded: bool) -> None:
        """Say that a policy was loaded again, or that it was refused and the last good one stays."""
        if reloaded:
            log.info("policy reloaded", policy=name)
        elif error and error != self._policy_error:
            log.error("policy refused, the last good one stays", policy=name, why=error)
        self._policy_error = error

    def began(self, plan: Plan) -> None:
        """See `router.telemetry.observers.Observer`."""
        if plan.decision.rule == "budget":
            self._budget(plan, plan.decision.why)

    def finished(self, plan: Plan, outcome: Outcome) -> None:
        """See `router.telemetry.observers.Observer`."""
        if outcome.error == OverBudget.record:
            self._budget(plan, "the request was refused")

    def _budget(self, plan: Plan, why: str) -> None:
        team, now = plan.request.account.team, time.monotonic()
        if now - self._budgets.get(team, -AGAIN_S) < AGAIN_S:
            return
        self._budgets[team] = now
        if len(self._budgets) > MOST_TEAMS:
            self._budgets.popitem(last=False)
        log.warning("budget reached", team=team, why=why)
