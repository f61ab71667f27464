"""What a check is asked and what it finds: frozen values that do nothing. What has no meaning is nan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.evaluation.cases import LOCAL_CONTEXT, PRICE_MODEL, SuiteName
from benchmarks.evaluation.stats import RESAMPLES, Interval
from benchmarks.evaluation.traffic import MIX
from classifiers.choose import DEFAULT, ClassifierName

POOL = "pool"
CONTESTED = 0.1
"""Pass rates that are so far apart are contested; less is the noise of 100 samples."""
Compared = Mapping[str, Mapping[str, bool]]
"""Other routers: by name, by task, whether it starts on the local track."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a policy is checked."""

    mix: Mapping[SuiteName, float] = field(default_factory=lambda: MIX)
    """Share of the tasks by suite; adds up to 1."""
    client: str = "bare"
    classifier: ClassifierName = DEFAULT
    classifier_file: str = ""
    """A team's own numbers for `sufficiency`."""
    local_context: int = LOCAL_CONTEXT
    price_model: str = PRICE_MODEL
    local_usd_per_mtok: float = 0.0
    seed: int = 0
    resamples: int = RESAMPLES
    local: Mapping[SuiteName, str] = field(default_factory=dict)
    """The local system by suite; the suite's default where it is not named."""
    cloud: Mapping[SuiteName, str] = field(default_factory=dict)
    outcomes: Path | None = None
    """The user's own outcomes."""
    suite: Path | None = None
    """Tasks of the user's own, a suite more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterFigures:
    """The figures of one router, a row of a table."""

    router: str
    local_share: Interval
    quality: Interval
    quality_kept: Interval
    pgr: Interval
    usd_per_task: Interval
    saving: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Contested:
    """What the policy did where the systems differ: everywhere else the track makes no difference."""

    tasks: int
    local_better: int
    cloud_better: int
    missed: int
    """Sent to the cloud, though the local system is better."""
    lost: int
    """Kept local, though the cloud is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """How the policy decides asks that say whether the message alone suffices; intervals are Wilson's."""

    self_contained: int
    """Asks."""
    repository: int
    right: Interval
    """Share decided as labelled."""
    self_contained_local: Interval
    repository_cloud: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One suite, or the pool."""

    name: str
    title: str
    tasks: int
    outcomes: int
    """Tasks with outcomes of both systems."""
    standings: tuple[RouterFigures, ...]
    test: str
    """Of the null hypothesis that the policy passes as often as always-cloud."""
    p_value: float
    detectable: float
    """The smallest difference in quality that so many tasks show in 80% of samples."""
    contested: Contested | None
    labelled: Labelled | None
    """Of a suite whose asks have labels."""
    local: str
    cloud: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """What `p_local` is worth as a score that ranks the mixed tasks; of the classifier, not the policy."""

    apgr: Interval
    cpt_50: Interval
    cpt_80: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class BarResult:
    """A bar, and what was measured."""

    metric: str
    bar: str
    value: float
    held: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a check measured, and whether all bars hold."""

    policy: str
    description: str
    digest: str
    data: str
    """Digest of the cases."""
    passed: bool
    """No bar fell."""
    bars: tuple[BarResult, ...]
    parts: tuple[Part, ...]
    """The suites, then the pool."""
    ranking: Ranking
    ci: float
    mix: Mapping[SuiteName, float]
    client: str
    classifier: str
    reading: str
    """Digest of how requests are read."""
    local_context: int
    price_model: str
    local_usd_per_mtok: float
    seed: int
    resamples: int
    notes: tuple[str, ...]
    sources: Mapping[str, str]
    version: str
    checked: str
    seconds: float
