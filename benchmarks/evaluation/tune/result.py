"""What a tuning is asked and what it finds: frozen values that do nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.evaluation.cases import LOCAL_CONTEXT, PRICE_MODEL, SuiteName
from benchmarks.evaluation.stats import RESAMPLES, Interval
from benchmarks.evaluation.traffic import MIX
from benchmarks.evaluation.tune.candidates import SweptParam
from benchmarks.evaluation.tune.risk import Bound

MAX_LOSS = 0.01
"""The most quality that may be lost, where nothing else is asked for."""
Basis = Literal["certified", "measured", "share"]
"""What a setting was chosen by: its certificate, its measured figures, or its local share."""

By = Literal["any", "certified", "measured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What the setting is to do; what is None is not asked for."""

    max_loss: float | None = None
    """The most quality that may be lost, 0..1 of the cloud's: the cheapest setting within it."""
    local_share: float | None = None
    """The least share of the tasks that start local: the setting that goes no further than that."""
    budget_usd: float | None = None
    """US dollars a task at most, in the mean: the setting that loses least within it."""
    by: By = "any"
    """What a loss may be held to: its certificate, its measurement, or the first of them that is there."""

    @property
    def by_loss(self) -> bool:
        """Whether the cheapest within a loss is asked for."""
        return self.max_loss is not None or (self.local_share is None and self.budget_usd is None)

    @property
    def by_share(self) -> bool:
        """Whether the local share alone decides, in which no outcome has a part."""
        return not self.by_loss and self.budget_usd is None


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneOptions:
    """How a policy is tuned."""

    goal: Goal = field(default_factory=Goal)
    confidence: float = 0.95
    mix: Mapping[SuiteName, float] = field(default_factory=lambda: MIX)
    mix_words: str = ""
    """Where the mix comes from, for people."""
    only: tuple[str, ...] = ()
    classifier: str = "rules"
    """Whose verdicts the cases carry."""
    local_context: int = LOCAL_CONTEXT
    price_model: str = PRICE_MODEL
    local_usd_per_mtok: float = 0.0
    seed: int = 0
    resamples: int = RESAMPLES

    @property
    def bound(self) -> Bound:
        """What is certified or not."""
        loss = self.goal.max_loss
        return Bound(max_loss=MAX_LOSS if loss is None else loss, confidence=self.confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One setting, or one way to route that needs no policy."""

    name: str
    params: Mapping[str, float]
    local_share: float
    """Of the tasks, how many start on the local track."""
    kept: Interval
    """Quality kept, of the cloud's, as measured."""
    usd: float
    """US dollars per task."""
    saving: float
    """Share of always-cloud's cost that is not spent."""
    certified: bool
    """Whether it is certified to lose no more than is allowed."""
    certified_loss: float | None
    """The least loss that it, taken alone, is certified to stay within; None: no loss below all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How many tasks of a suite there are, and of how many the outcomes are known."""

    title: str
    share: float
    tasks: int
    outcomes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What it would take to certify a setting."""

    own: bool
    """The policy's own numbers."""
    params: Mapping[str, float]
    local_share: float
    loss: float
    """As measured, 0..1 of the cloud's quality."""
    outcomes: Mapping[str, int] | None
    """By suite: tasks with known outcomes that would do, if they came out as these did; None: no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """What the same choice gives on groups that had no part in it."""

    folds: int
    groups: int
    """Repositories and benchmarks; each is in one fold."""
    loss: Interval
    local_share: float


NearestBy = Literal["local_share", "usd", "loss"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """Where no setting does what is asked: the one that comes nearest."""

    what: NearestBy
    """Which limit it is measured by."""
    params: Mapping[str, float]
    local_share: float
    usd: float
    loss: float
    alone: bool = True
    """It keeps every other limit, so that easing this one is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The chosen setting, and the curve that it was chosen from."""

    policy: str
    source: str
    goal: Goal
    max_loss: float
    confidence: float
    mix: Mapping[str, float]
    mix_words: str
    samples: tuple[Sample, ...]
    swept: tuple[SweptParam, ...]
    not_swept: Mapping[str, str]
    settings: int
    """Settings that decide differently."""
    chains: int
    hand_over: float | None
    """Calls after which the policy's own numbers hand a local turn over; None where they never do."""
    chosen: Point | None
    basis: Basis
    """What `chosen` was chosen by."""
    picked_loss: float | None
    """The least loss that `chosen` is certified to stay within, having been picked as it was."""
    picked_among: int
    """Settings among which outcomes picked it; 1 where they had no part in that, or all are certified."""
    own: Point
    """The policy's own numbers."""
    own_loss: float | None
    """The least loss that they are certified to stay within, beside `picked_loss`."""
    curve: tuple[Point, ...]
    """From the least local work to the most, the policy's other numbers as they are."""
    others: tuple[tuple[float, float, float], ...]
    """Of every other setting: local share, quality kept, saving."""
    baselines: tuple[Point, ...]
    nearest: Nearest | None
    """Where nothing was chosen."""
    needed: tuple[Requirement, ...]
    """Where a loss is asked for that nothing is certified to stay within: what it would take."""
    held_out: HeldOut | None
    notes: tuple[str, ...]
    sources: Mapping[str, str]
    seed: int
