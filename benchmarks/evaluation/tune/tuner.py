"""From outcomes to a policy's numbers: the cheapest setting that is certified to lose little enough.

Everything that is shown is measured on the tasks with recorded outcomes, weighted as the traffic is
mixed. What is certified, and what that rests on, is in `tune.risk`; how an agent's task is handed
over after so many calls, in `cascade`. Where settings of an agent's calls are certified, a tenth of
the allowed error goes to what the recorded calls leave open.

Nothing is chosen that keeps no task local, and nothing where nothing can be certified.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.baselines import is_paired
from benchmarks.evaluation.cascade import Runs, Tariff, expected_usd, local_runs, quality, tariff
from benchmarks.evaluation.cases import LOCAL_CONTEXT, PRICE_MODEL, Case, Suite, SuiteName
from benchmarks.evaluation.cost import Rates
from benchmarks.evaluation.route import route
from benchmarks.evaluation.stats import CORNERS, RESAMPLES, Floats, Interval, interval, ratio, resample
from benchmarks.evaluation.traffic import MIX
from benchmarks.evaluation.tune.risk import (
    Bound,
    branches,
    certify,
    evidence,
    growth,
    shortfall,
    tasks_needed,
    times_needed,
)
from benchmarks.evaluation.tune.sweep import LIMIT, Sweep, SweptParam, escalates_long_turns, numbers, sweep
from policies.policy import Policy
from router.billing.prices import Prices

FOLDS = 5
SHOWN = 25
"""Settings of the curve that get an interval."""
_FOR_CALLS = 0.05
"""Shares of the allowed error that go to each of the two bands of recorded calls."""

Progress = Callable[[str], None]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneOptions:
    """How a policy is tuned."""

    bound: Bound
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One setting, or one way to route that needs no policy."""

    name: str
    params: Mapping[str, float]
    local_share: float
    """Of the tasks, how many start on the local track."""
    kept: Interval
    """Quality kept: of the cloud's."""
    usd: float
    """US dollars per task."""
    saving: float
    """Share of always-cloud's cost that is not spent."""
    certified: bool


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The chosen setting, and the curve that it was chosen from."""

    policy: str
    source: str
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
    own: Point
    """The policy's own numbers."""
    curve: tuple[Point, ...]
    """From the least local work to the most, the policy's other numbers as they are."""
    others: tuple[tuple[float, float, float], ...]
    """Of every other setting: local share, quality kept, saving."""
    baselines: tuple[Point, ...]
    needed: tuple[Requirement, ...]
    """Where nothing is certified: what it would take, for the policy's own numbers and for the cheapest."""
    held_out: HeldOut | None
    notes: tuple[str, ...]
    sources: Mapping[str, str]
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    """All cases, and what is known of them; arrays of (cases,)."""

    suites: tuple[Suite, ...]
    cases: tuple[Case, ...]
    paired: Flags
    weights: Floats
    """Each case's share of the traffic."""
    measured: Floats
    """Each known case's share, where only those count; (known,)."""
    local: Floats
    """Outcomes of the known, 0..1; (known,)."""
    cloud: Floats
    agents: Flags
    """Which of the known take more than one call."""
    runs: Runs
    usd_local: Floats
    usd_cloud: Floats
    local_tariff: Tariff
    cloud_tariff: Tariff


def tune(
    policy: Policy, suites: Sequence[Suite], options: TuneOptions, progress: Progress = lambda _: None
) -> Result:
    """Sweep the policy's numbers, measure every setting, and choose.

    Args:
        policy: Whose `params` are tuned.
        suites: Those of `asked.mix` with a share above 0.
        options: The bound, the traffic and the rest.
        progress: Called with what is being done.

    Raises:
        BenchmarkError: a price is not known, or a recorded file is missing.
    """
    data = _data(tuple(suites), options)
    swept, left = numbers(
        policy,
        data.cases,
        data.weights,
        data.runs.limits(),
        local_context=options.local_context,
        only=options.only,
    )
    grid = sweep(
        policy,
        data.cases,
        swept,
        data.weights,
        lambda candidate, case: route(candidate, case, local_context=options.local_context).track == "local",
        local_context=options.local_context,
        progress=lambda done, of: progress(f"setting {done + 1} of {of}"),
    )
    progress("certifying")
    certification = _certification(grid, data, options.bound)
    certified = certification.certified(np.ones(len(data.local), dtype=np.bool_))
    usd = _usd(grid, data)
    shares = np.array([float(data.weights @ setting.local) for setting in grid.settings])
    at = _cheapest(certified & certification.at_risk.any(axis=1), usd, shares)
    progress("measuring")
    line = _line(grid)
    picked = sorted(
        {*line, grid.own, *([] if at is None else [at])}, key=lambda index: (shares[index], index)
    )
    measured = _measure_points(grid, data, options, picked)
    always = float(data.weights @ data.usd_cloud)
    points = {
        index: Point(
            name="own" if index == grid.own else "setting",
            params=grid.settings[index].params,
            local_share=float(shares[index]),
            kept=measured[index],
            usd=float(usd[index]),
            saving=float(1 - usd[index] / always),
            certified=bool(certified[index]),
        )
        for index in picked
    }
    qualities = 1 - _losses(certification.expected, data)
    return Result(
        policy=policy.name,
        source=policy.source,
        max_loss=options.bound.max_loss,
        confidence=options.bound.confidence,
        mix={name: share for name, share in options.mix.items() if share > 0},
        mix_words=options.mix_words,
        samples=tuple(
            Sample(
                title=suite.title,
                share=options.mix[suite.name],
                tasks=len(suite.cases),
                outcomes=int(is_paired(suite).sum()),
            )
            for suite in suites
        ),
        swept=swept,
        not_swept=left,
        settings=len(grid.settings),
        chains=len(grid.chains),
        hand_over=policy.params[LIMIT] if escalates_long_turns(policy) else None,
        chosen=None if at is None else points[at],
        own=points[grid.own],
        curve=tuple(points[index] for index in line),
        others=tuple(
            (float(shares[index]), float(qualities[index]), float(1 - usd[index] / always))
            for index in range(len(grid.settings))
            if index not in points
        ),
        baselines=_baselines(data, options),
        needed=tuple(_needed(grid, certification, data, usd=usd, shares=shares, bound=options.bound))
        if at is None
        else (),
        held_out=_held_out(certification, data, usd, shares, options),
        notes=(
            f"Verdicts of the classifier `{options.classifier}`.",
            *dict.fromkeys(f"{suite.title}: {note}" for suite in suites for note in suite.notes),
        ),
        sources={file: source for suite in suites for file, source in suite.sources.items()},
        seed=options.seed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Certification:
    """What the test of all settings needs; arrays of (settings, known)."""

    grid: Sweep
    data: _Data
    bound: Bound
    """What is left of the allowed error after the recorded calls."""
    expected: Floats
    """How often each task passes, as far as is known."""
    cautious: Floats
    """The same, with the recorded calls taken as they harm most."""
    at_risk: Flags

    def grown(self, within: Flags) -> Floats:
        """The stakes' growth on some of the known tasks."""
        data = self.data
        lacks = shortfall(self.cautious, data.cloud, self.bound)[:, within]
        return growth(lacks, data.measured[within], self.at_risk[:, within], self.bound)

    def certified(self, within: Flags) -> Flags:
        """Which settings those tasks certify."""
        return certify(evidence(self.grown(within)), self.grid.chains, self.bound)


def _data(suites: tuple[Suite, ...], options: TuneOptions) -> _Data:
    rates = Rates(model=options.price_model, prices=Prices(), local_usd_per_mtok=options.local_usd_per_mtok)
    cases = tuple(case for suite in suites for case in suite.cases)
    paired = np.concatenate([is_paired(suite) for suite in suites])
    names = np.array([case.suite for case in cases])
    share = np.array([options.mix[case.suite] for case in cases]) / sum(
        options.mix[suite.name] for suite in suites
    )
    tasks = {suite.name: len(suite.cases) for suite in suites}
    measured = {suite.name: int(is_paired(suite).sum()) for suite in suites}
    both = [case for case, complete in zip(cases, paired, strict=True) if complete]
    return _Data(
        suites=suites,
        cases=cases,
        paired=paired,
        weights=share / np.array([tasks[name] for name in names]),
        measured=share[paired] / np.array([measured[case.suite] for case in both]),
        local=np.array([case.local for case in both], dtype=np.float64),
        cloud=np.array([case.cloud for case in both], dtype=np.float64),
        agents=np.array([case.local_effort.calls > 1 for case in both]),
        runs=local_runs(),
        usd_local=np.array([rates.local(case.local_effort) for case in cases]),
        usd_cloud=np.array([rates.cloud(case.cloud_effort) for case in cases]),
        local_tariff=tariff(rates.local),
        cloud_tariff=tariff(rates.cloud),
    )


def _certification(grid: Sweep, data: _Data, bound: Bound) -> _Certification:
    error = 1 - bound.confidence
    at_risk = np.array([setting.local[data.paired] for setting in grid.settings])
    expected = np.where(at_risk, data.local, data.cloud)
    cautious = expected.copy()
    handing = [at for at, setting in enumerate(grid.settings) if setting.limit is not None]
    for at in handing:
        limit = grid.settings[at].limit or 0.0
        there = at_risk[at] & data.agents
        for table, moved in (
            (expected, data.runs.moved(limit)),
            (cautious, data.runs.cautious(limit, _FOR_CALLS * error)),
        ):
            table[at, there] = quality(data.local, data.cloud, moved)[there]
    spent = 2 * _FOR_CALLS if handing else 0.0
    left = Bound(max_loss=bound.max_loss, confidence=1 - error * (1 - spent))
    return _Certification(
        grid=grid, data=data, bound=left, expected=expected, cautious=cautious, at_risk=at_risk
    )


def _usd(grid: Sweep, data: _Data) -> Floats:
    """US dollars per task, by setting."""
    agents = np.array([case.local_effort.calls > 1 for case in data.cases])
    handed: dict[float, Floats] = {}
    usd = []
    for setting in grid.settings:
        local = data.usd_local
        if setting.limit is not None:
            if setting.limit not in handed:
                handed[setting.limit] = _handed_usd(data, setting.limit)
            local = np.where(agents, handed[setting.limit], local)
        usd.append(float(data.weights @ np.where(setting.local, local, data.usd_cloud)))
    return np.array(usd)


def _handed_usd(data: _Data, limit: float) -> Floats:
    """US dollars of each case, were it an agent's that starts locally; (cases,)."""
    efforts = dict.fromkeys(case.cloud_effort for case in data.cases if case.local_effort.calls > 1)
    ends = {
        effort: expected_usd(data.runs, limit, effort, local=data.local_tariff, cloud=data.cloud_tariff)
        for effort in efforts
    }
    nothing = (0.0, 0.0)
    passes = np.array([data.runs.share if case.local is None else case.local for case in data.cases])
    passed, failed = np.array([ends.get(case.cloud_effort, nothing) for case in data.cases]).T
    spent: Floats = passes * passed + (1 - passes) * failed
    return spent


def _cheapest(eligible: Flags, usd: Floats, shares: Floats) -> int | None:
    """The cheapest; of equals the one that keeps most local, then the nearest to the policy's own."""
    at = np.flatnonzero(eligible)
    return min(
        at.tolist(), key=lambda index: (round(float(usd[index]), 9), -shares[index], index), default=None
    )


def _losses(passes: Floats, data: _Data) -> Floats:
    """Share of the cloud's quality that is lost, per setting."""
    lost: Floats = 1 - passes @ data.measured / (data.cloud @ data.measured)
    return lost


def _line(grid: Sweep) -> list[int]:
    """The settings along the chain of the policy's own other numbers, thinned evenly."""
    own = grid.settings[grid.own].params

    def near(at: int) -> bool:
        params = grid.settings[at].params
        return sum(value != own.get(name, value) for name, value in params.items()) <= 1

    through = [chain for chain in grid.chains if grid.own in chain]
    chain = list(max((sum(map(near, chain)), chain) for chain in through)[1])
    if len(chain) <= SHOWN:
        return chain
    at = np.unique(np.linspace(0, len(chain) - 1, SHOWN).round().astype(int))
    return [chain[index] for index in at]


def _measure_points(
    grid: Sweep, data: _Data, options: TuneOptions, picked: Sequence[int]
) -> dict[int, Interval]:
    """Quality kept of some settings, with intervals: tasks and recorded calls are drawn anew."""
    rng = np.random.default_rng(options.seed)
    local = np.array([grid.settings[at].local[data.paired] for at in picked])
    limits = [grid.settings[at].limit for at in picked]
    handed = local & data.agents & np.array([limit is not None for limit in limits])[:, None]
    base = np.where(local, data.local, data.cloud)
    harmed = handed * (data.local * (1 - data.cloud))
    gained = handed * ((1 - data.local) * data.cloud)
    drawn = _resampled_means(data, np.vstack([base, harmed, gained, data.cloud[None]]), local, options, rng)
    count, qualities = len(picked), {}
    for row, at in enumerate(picked):
        passes = drawn[:, row]
        limit = limits[row]
        if limit is not None:
            passed, failed = data.runs.moved_drawn(limit, options.resamples, rng)
            passes = passes - passed * drawn[:, count + row] + failed * drawn[:, 2 * count + row]
        qualities[at] = interval(ratio(passes, drawn[:, -1]))
    return qualities


def _resampled_means(
    data: _Data, rows: Floats, local: Flags, options: TuneOptions, rng: np.random.Generator
) -> Floats:
    """Weighted means of rows over the known tasks, and over each resample: (1 + resamples, rows)."""
    total = np.zeros((1 + options.resamples, len(rows)))
    suite_of = np.array([case.suite for case, paired in zip(data.cases, data.paired, strict=True) if paired])
    for suite in data.suites:
        here = suite_of == suite.name
        share = local[:, here].mean(axis=1)
        corners = np.zeros((len(CORNERS), len(rows)))
        corners[:, : len(share)] = CORNERS[:, [0]] * share + CORNERS[:, [1]] * (1 - share)
        corners[:, -1] = CORNERS[:, 1]
        total += data.measured[here].sum() * resample(
            rows[:, here].T, rng, resamples=options.resamples, corners=corners
        )
    return total


def _baselines(data: _Data, options: TuneOptions) -> tuple[Point, ...]:
    """Always local, always the cloud, and one that knows every outcome beforehand."""
    best = data.local >= data.cloud
    local = np.array([np.ones_like(best), np.zeros_like(best), best])
    rows = np.vstack([data.local, data.cloud, np.maximum(data.local, data.cloud), data.cloud])
    drawn = _resampled_means(data, rows, local, options, np.random.default_rng(options.seed))
    always = float(data.weights @ data.usd_cloud)
    everywhere = np.zeros(len(data.cases), dtype=np.bool_)
    points = []
    for row, name in enumerate(("always-local", "always-cloud", "oracle")):
        is_local = everywhere.copy()
        is_local[data.paired] = local[row]
        # The oracle's share and cost are of the known: of the others it knows nothing.
        weights = data.measured if name == "oracle" else data.weights
        where = (
            is_local[data.paired] if name == "oracle" else np.full(len(data.cases), name == "always-local")
        )
        usd_local = data.usd_local[data.paired] if name == "oracle" else data.usd_local
        usd_cloud = data.usd_cloud[data.paired] if name == "oracle" else data.usd_cloud
        usd = float(weights @ np.where(where, usd_local, usd_cloud))
        total = float(weights @ usd_cloud) if name == "oracle" else always
        points.append(
            Point(
                name=name,
                params={},
                local_share=float(weights @ where),
                kept=interval(ratio(drawn[:, row], drawn[:, -1])),
                usd=usd,
                saving=1 - usd / total,
                certified=name == "always-cloud",
            )
        )
    return tuple(points)


def _needed(
    grid: Sweep, certification: _Certification, data: _Data, *, usd: Floats, shares: Floats, bound: Bound
) -> Iterator[Requirement]:
    """Say it of the policy's own numbers, and of the cheapest that lose little enough as measured."""
    everything = np.ones(len(data.local), dtype=np.bool_)
    grown, losses = certification.grown(everything), _losses(certification.expected, data)
    risky: Flags = np.asarray(certification.at_risk.any(axis=1))
    part: dict[int, float] = {}
    for path, share in branches(grid.chains):
        part[path[-1]] = max(share, part.get(path[-1], 0.0))
    best = _cheapest(risky & (losses <= bound.max_loss), usd, shares)
    for at in dict.fromkeys(index for index in (grid.own, best) if index is not None and risky[index]):
        times = times_needed(grown[at], part[at], certification.bound)
        yield Requirement(
            own=at == grid.own,
            params=grid.settings[at].params,
            local_share=float(shares[at]),
            loss=float(losses[at]),
            outcomes=None
            if times is None
            else {suite.title: tasks_needed(int(is_paired(suite).sum()), times) for suite in data.suites},
        )


def _held_out(
    certification: _Certification, data: _Data, usd: Floats, shares: Floats, options: TuneOptions
) -> HeldOut | None:
    """Choose anew without each fold's groups, and measure that choice on them."""
    groups = [case.group for case, paired in zip(data.cases, data.paired, strict=True) if paired]
    folds = _folds(groups)
    if len(folds) <= 1:
        return None
    passes, local = data.cloud.copy(), np.zeros(len(groups), dtype=np.bool_)
    for fold in folds:
        out = np.array([group in fold for group in groups])
        certified = certification.certified(~out) & certification.at_risk.any(axis=1)
        at = _cheapest(certified, usd, shares)
        if at is not None:
            passes[out], local[out] = certification.expected[at, out], certification.at_risk[at, out]
    drawn = _resampled_means(
        data, np.vstack([passes, data.cloud]), local[None], options, np.random.default_rng(options.seed)
    )
    return HeldOut(
        folds=len(folds),
        groups=len(set(groups)),
        loss=interval(1 - ratio(drawn[:, 0], drawn[:, 1])),
        local_share=float(data.measured @ local),
    )


def _folds(groups: Sequence[str]) -> list[set[str]]:
    """Put whole groups into folds of tasks as equal as can be: the largest first, each into the smallest."""
    sizes = {group: groups.count(group) for group in dict.fromkeys(groups)}
    folds: list[set[str]] = [set() for _ in range(min(FOLDS, len(sizes)))]
    for group in sorted(sizes, key=lambda name: -sizes[name]):
        min(folds, key=lambda fold: sum(sizes[name] for name in fold)).add(group)
    return folds
