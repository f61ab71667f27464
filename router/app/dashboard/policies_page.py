"""The policies in use: their rules, their files, and the figures of their checks."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policies import proof
from policies.bars import Bar
from policies.load import PolicyError, PolicyHolder, find
from policies.policy import Policy
from router.app.dashboard.context import DashboardOptions
from router.ledger import queries

DAYS = 7
"""Period of the requests counted by rule."""
RESERVED_RULES: Mapping[str, str] = {
    "asked": "the client named a track",
    "budget": "no money was left, so it stayed local",
    "completion": "a bare prompt, which the local model alone completes",
    "degrade": "the cloud could not serve",
    "escalate": "the turn had outgrown the local model",
    "guard": "a safety check, judged by the model that the client named",
    "never_cloud": "it must not leave this machine",
    "observe": "only watched; it went where the client asked",
    "provider_only": "a field that the provider alone can serve",
    "safeguards": "a safety review that only Claude's servers run",
    "unreadable": "the request could not be read",
}
"""Reserved names in place of a rule's, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarResult:
    """A bar, and the figure that the check measured."""

    bar: Bar
    figure: proof.Figure | None
    """None if the check did not measure it."""

    @property
    def holds(self) -> bool:
        """Whether the figure meets the bar."""
        return self.figure is not None and self.figure.point is not None and self.bar.holds(self.figure.point)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyView:
    """A policy in use, with its check and its recent decisions."""

    policy: Policy
    is_default: bool
    """The endpoint's policy; else one of a team or key."""
    path: str
    error: str
    """Error in the file as it is now; the last valid version serves."""
    proof: proof.ProofStatus
    bars: Sequence[BarResult]
    requests_by_rule: Mapping[str, float]
    """Requests of the last `DAYS` days by rule."""
    command: str
    """Command line that checks it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoliciesView:
    """All policies in use, and those that failed to load."""

    policies: Sequence[PolicyView]
    failed: Mapping[str, str]
    """Errors by the name that a team or key uses for the policy."""


def load_policies(options: DashboardOptions) -> PoliciesView:
    """Query the ledger and read the proofs from their files. May block."""
    now = time.time()
    with options.engine.connect() as connection:
        groups = queries.totals(connection, now - DAYS * 86_400, now + 3600, by=("policy", "rule"))
    counts = {group.key: group["requests"] for group in groups}
    views = [
        _in_use(
            options,
            name,
            holder,
            {rule: n for (policy, rule), n in counts.items() if policy == holder.policy.name},
        )
        for name, holder in options.registry.holders.items()
    ]
    loaded = options.registry.holders
    return PoliciesView(
        policies=views,
        failed={name: why for name, why in options.registry.errors.items() if name not in loaded},
    )


def _in_use(
    options: DashboardOptions, name: str, holder: PolicyHolder, requests_by_rule: Mapping[str, float]
) -> PolicyView:
    policy = holder.policy
    state = proof.state(holder.name_or_path, policy, options.serving)
    figures = state.proof.figures if state.proof else {}
    return PolicyView(
        policy=policy,
        is_default=not name,
        path=_path(holder),
        error=holder.error,
        proof=state,
        bars=[BarResult(bar=bar, figure=_figure(figures, bar.metric)) for bar in policy.check.bars],
        requests_by_rule=requests_by_rule,
        command=f"turnout policy check {holder.name_or_path} --publish",
    )


def _figure(figures: Mapping[str, proof.Figure], metric: str) -> proof.Figure | None:
    """Return the figure of a metric; for `NAME_low`, the lower end of the interval of `NAME`."""
    if metric in figures or not metric.endswith("_low"):
        return figures.get(metric)
    base = figures.get(metric.removesuffix("_low"))
    return proof.Figure(point=base.low, low=None, high=None) if base else None


def _path(holder: PolicyHolder) -> str:
    try:
        return str(find(holder.name_or_path)[0])
    except PolicyError:
        return f"{holder.name_or_path} (gone)"
