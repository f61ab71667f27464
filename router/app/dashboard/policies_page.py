"""The policies in use: what they say, where they come from, and what their check measured."""

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
"""Of so many days it is told what each rule decided."""


RESERVED: Mapping[str, str] = {
    "asked": "the client named a track",
    "budget": "no money was left, so it stayed local",
    "degrade": "the cloud could not serve",
    "escalate": "the turn had outgrown the local model",
    "guard": "a safety check, judged by the model that the client named",
    "never_cloud": "it must not leave this machine",
    "observe": "only watched; it went where the client asked",
    "safeguards": "a safety review that only Claude's servers run",
    "unreadable": "the request could not be read",
}
"""What decides in a rule's place, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One bar, and what the check came to."""

    bar: Bar
    figure: proof.Figure | None
    """None where the check did not measure it."""

    @property
    def holds(self) -> bool:
        """Whether the figure is on the right side."""
        return self.figure is not None and self.figure.point is not None and self.bar.holds(self.figure.point)


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """One policy."""

    policy: Policy
    own: bool
    """The endpoint's own; else that of a team or a key."""
    path: str
    error: str
    """What is wrong with the file as it is now; the last good one serves."""
    proof: proof.ProofStatus
    bars: Sequence[Held]
    decided: Mapping[str, float]
    """Requests of the last days, by rule."""
    command: str
    """What checks it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """All of them."""

    used: Sequence[InUse]
    failed: Mapping[str, str]
    """What is wrong, by the name of what a team or key names and cannot be loaded."""


def look(options: DashboardOptions) -> Policies:
    """Ask. May block: proofs are read from files."""
    now = time.time()
    with options.engine.connect() as connection:
        groups = queries.totals(connection, now - DAYS * 86_400, now + 3600, by=("policy", "rule"))
    counts = {one.key: one["requests"] for one in groups}
    used = [
        _in_use(
            options,
            name,
            holder,
            {rule: n for (policy, rule), n in counts.items() if policy == holder.policy.name},
        )
        for name, holder in options.registry.holders.items()
    ]
    loaded = options.registry.holders
    return Policies(
        used=used, failed={name: why for name, why in options.registry.errors.items() if name not in loaded}
    )


def _in_use(
    options: DashboardOptions, name: str, holder: PolicyHolder, decided: Mapping[str, float]
) -> InUse:
    policy = holder.policy
    state = proof.state(holder.name_or_path, policy, options.classifier)
    figures = state.proof.figures if state.proof else {}
    return InUse(
        policy=policy,
        own=not name,
        path=_path(holder),
        error=holder.error,
        proof=state,
        bars=[Held(bar=bar, figure=_figure(figures, bar.metric)) for bar in policy.check.bars],
        decided=decided,
        command=f"turnout policy check {holder.name_or_path} --publish",
    )


def _figure(figures: Mapping[str, proof.Figure], metric: str) -> proof.Figure | None:
    """What was measured of a metric; of one that ends in `_low`, the lower end of the other's interval."""
    if metric in figures or not metric.endswith("_low"):
        return figures.get(metric)
    whole = figures.get(metric.removesuffix("_low"))
    return proof.Figure(point=whole.low, low=None, high=None) if whole else None


def _path(holder: PolicyHolder) -> str:
    try:
        return str(find(holder.name_or_path)[0])
    except PolicyError:
        return f"{holder.name_or_path} (gone)"
