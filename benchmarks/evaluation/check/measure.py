"""Was that the right choice? A policy on the recorded suites, beside what anyone has for free.

Each task's first request is decided as it would be served (`benchmarks.evaluation.route`), and joined with
what a local and a cloud system are recorded to have made of that task, hand-over included
(`benchmarks.evaluation.whole_task`). What is measured is held to the bars in the policy; everything else is
there to judge the figures by.
"""

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from math import hypot, isnan, nan

import msgspec
import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation import baselines
from benchmarks.evaluation.baselines import CLOUD, LOCAL, POLICY, Figures
from benchmarks.evaluation.cases import SUITES, Suite, SuiteName
from benchmarks.evaluation.check.curve import curve
from benchmarks.evaluation.check.notes import notes
from benchmarks.evaluation.check.result import (
    CONTESTED,
    POOL,
    BarResult,
    Compared,
    Contested,
    Labelled,
    Options,
    Part,
    Ranking,
    Result,
    RouterFigures,
)
from benchmarks.evaluation.cost import Rates
from benchmarks.evaluation.route import handover_limit, starts_local
from benchmarks.evaluation.runs import local_runs
from benchmarks.evaluation.selection import Selection, load_suites
from benchmarks.evaluation.stats import (
    Floats,
    Interval,
    detectable,
    interval,
    mcnemar,
    sign_flip,
    stream,
    wilson,
)
from benchmarks.evaluation.suites.recorded import load_suite
from benchmarks.evaluation.verdicts import classifier_name
from benchmarks.evaluation.whole_task import Flags, Start, WholeTasks, whole_tasks
from policies.bars import DECIDED, Bar, split
from policies.policy import Policy
from policies.proof import digest
from router.billing.prices import Prices
from router.features.fingerprint import reading_digest

Suites = Mapping[SuiteName, Suite]


def check(policy: Policy, options: Options | None = None, compared: Compared | None = None) -> Result:
    """Measure a policy and hold it to its bars.

    Raises:
        BenchmarkError: a suite, a system, a price or a compared router is not known or not whole.
    """
    started = time.perf_counter()
    chosen = options or Options()
    selection = _selection(chosen)
    suites = load_suites((*SUITES, *filter(None, [selection.own_suite])), selection)
    return measure(policy, suites, chosen, compared or {}, started=started)


def tasks() -> frozenset[str]:
    """The names of all recorded tasks."""
    return frozenset(case.id for name in SUITES for case in load_suite(name).cases)


def measure(
    policy: Policy, suites: Suites, options: Options, compared: Compared, *, started: float
) -> Result:
    """Measure a policy on the suites given; `started` is when, by `time.perf_counter`."""
    rates = Rates(model=options.price_model, prices=Prices(), local_usd_per_mtok=options.local_usd_per_mtok)
    tasks = whole_tasks(suites, rates, local_runs(), seed=options.seed, resamples=options.resamples)
    routed = {name: _routers(policy, suite, options, compared) for name, suite in suites.items()}
    limit = handover_limit(policy)
    measured = {name: baselines.sample(tasks[name], routed[name], {POLICY: limit}) for name in suites}
    pooled = baselines.mix(measured, options.mix)
    ci = policy.check.ci
    outcomes = {
        name: _outcomes(tasks[name], Start(local=flags[POLICY], limit=limit))
        for name, flags in routed.items()
    }
    parts = (
        *(_part(suite, measured[name], outcomes[name], ci, options.seed) for name, suite in suites.items()),
        _pool(suites, pooled, outcomes, options.mix, ci=ci, seed=options.seed),
    )
    metrics = dict(_figures(parts))
    bars = tuple(_hold_bar(bar, metrics, _unjudged(bar, suites, policy)) for bar in policy.check.bars)
    return Result(
        policy=policy.name,
        description=policy.description,
        digest=digest(policy),
        data=data_digest(suites),
        passed=all(bar.held for bar in bars),
        bars=bars,
        parts=parts,
        ranking=_ranking(suites, options, ci),
        ci=ci,
        mix=dict(options.mix),
        client=options.client,
        classifier=classifier_name(options.classifier, options.classifier_file),
        reading=reading_digest(),
        local_context=options.local_context,
        price_model=options.price_model,
        local_usd_per_mtok=options.local_usd_per_mtok,
        seed=options.seed,
        resamples=options.resamples,
        notes=tuple(notes(policy, suites, options)),
        sources={file: source for suite in suites.values() for file, source in suite.sources.items()},
        version=version("turnout"),
        checked=datetime.now(UTC).date().isoformat(),
        seconds=round(time.perf_counter() - started, 1),
    )


def data_digest(suites: Suites) -> str:
    """Return a digest of the cases: features, verdicts, outcomes and efforts."""
    hashed = hashlib.sha256()
    for name in sorted(suites):
        hashed.update(msgspec.json.encode(suites[name].cases, order="deterministic"))
    return hashed.hexdigest()


def figures(result: Result) -> dict[str, Interval]:
    """What was measured of the policy, by metric as bars name them; lower ends are in the intervals."""
    return dict(_figures(result.parts))


def _figures(parts: Iterable[Part]) -> Iterator[tuple[str, Interval]]:
    for part in parts:
        row = part.standings[0]
        before = "" if part.name == POOL else f"{part.name}_"
        yield f"{before}local_share", row.local_share
        yield f"{before}quality", row.quality
        yield f"{before}quality_kept", row.quality_kept
        yield f"{before}pgr", row.pgr
        yield f"{before}saving", row.saving
        if labelled := part.labelled:
            yield f"{before}right", labelled.right
            yield f"{before}self_contained_local", labelled.self_contained_local
            yield f"{before}repository_cloud", labelled.repository_cloud


def _value(bar: Bar, metrics: Mapping[str, Interval]) -> float:
    """What a bar is held to; nan where nothing was measured by this name."""
    figure = metrics.get(bar.metric.removesuffix("_low"))
    if figure is None:
        return nan
    return figure.low if bar.metric.endswith("_low") else figure.point


def _unjudged(bar: Bar, suites: Suites, policy: Policy) -> str:
    """Why nothing can be measured for a bar of a suite of the user's own; empty where something can."""
    if not bar.own:
        return ""
    suite, name = bar.suite, split(bar.metric)[1]
    if suite not in suites:
        return (
            f"no suite {suite} was given; give its tasks with "
            f"`turnout policy check {policy.source} --suite {suite}.jsonl`"
        )
    if name in DECIDED and not any(case.label for case in suites[suite].cases):
        return f"no task of {suite} has a label; give each its `label`, self-contained or repository"
    return ""


def _hold_bar(bar: Bar, metrics: Mapping[str, Interval], unjudged: str) -> BarResult:
    value = _value(bar, metrics)
    holds = bar.holds(value)
    if unjudged:
        words = f"{bar.metric} cannot be judged: {unjudged}"
    elif isnan(value):
        words = f"{bar.metric} has no value: {_no_value(bar, metrics)}, the bar is {bar.text}"
    else:
        short = f"{value:.4g}"
        figure = short if bar.holds(float(short)) == holds else repr(value)
        words = f"{bar.metric} is {figure}, the bar is {bar.text}"
    return BarResult(metric=bar.metric, bar=bar.text, value=value, held=holds, words=words)


def _no_value(bar: Bar, metrics: Mapping[str, Interval]) -> str:
    part, name = split(bar.metric.removesuffix("_low"))
    if name in DECIDED:
        return "no task has that label"
    quality = metrics.get(f"{part}_quality" if part else "quality")
    if quality is None or isnan(quality.point):
        return "no task has outcomes of both systems"
    if name == "pgr":
        return "the two systems cannot be told apart"
    return "always-cloud costs nothing" if name == "saving" else "always-cloud passes none of the tasks"


def _selection(options: Options) -> Selection:
    return Selection(
        client=options.client,
        classifier=options.classifier,
        classifier_file=options.classifier_file,
        local=options.local,
        cloud=options.cloud,
        outcomes=options.outcomes,
        suite=options.suite,
    )


def _routers(policy: Policy, suite: Suite, options: Options, compared: Compared) -> dict[str, Flags]:
    own = starts_local(policy, suite, local_context=options.local_context)
    routers = {POLICY: own}
    for name, decisions in compared.items():
        tracks = [decisions.get(case.id) for case in suite.cases]
        missing = tracks.count(None)
        if missing == len(tracks):
            continue
        if missing:
            raise BenchmarkError(
                f"--compare: {name} decides {len(tracks) - missing} of {len(tracks)} tasks of {suite.title}; "
                "it must decide all of a suite, or none"
            )
        routers[name] = np.array(tracks, dtype=np.bool_)
    return routers


def _standings(measured: Mapping[str, Figures], ci: float) -> Iterator[RouterFigures]:
    local, cloud = measured[LOCAL], measured[CLOUD]
    for name, figures in baselines.standings(measured).items():
        yield RouterFigures(
            router=name,
            local_share=interval(figures.share, ci),
            quality=interval(figures.quality, ci),
            quality_kept=interval(baselines.quality_kept(figures, cloud), ci),
            pgr=interval(baselines.recovered_gap(figures, local, cloud, ci), ci),
            usd_per_task=interval(figures.usd, ci),
            saving=interval(baselines.saving(figures, cloud), ci),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcomes:
    """Of the tasks with both outcomes: how often each passes; arrays of (paired,) but for the last."""

    local: Floats
    cloud: Floats
    policy: Floats
    started_local: Flags
    every_local: Flags
    """Of all tasks, which the policy starts locally."""


def _outcomes(tasks: WholeTasks, start: Start) -> _Outcomes:
    paired = tasks.paired
    local = tasks.expected("quality", start.limit)
    return _Outcomes(
        local=tasks.local[paired],
        cloud=tasks.cloud[paired],
        policy=np.where(start.local, local, tasks.cloud)[paired],
        started_local=start.local[paired],
        every_local=start.local,
    )


def _part(suite: Suite, measured: Mapping[str, Figures], outcomes: _Outcomes, ci: float, seed: int) -> Part:
    gaps = outcomes.policy - outcomes.cloud
    binary = bool(np.isin([outcomes.policy, outcomes.cloud], (0, 1)).all())
    return Part(
        name=suite.name,
        title=suite.title,
        tasks=len(suite.cases),
        outcomes=len(outcomes.cloud),
        standings=tuple(_standings(measured, ci)),
        test="McNemar, exact" if binary else "paired sign flips",
        p_value=mcnemar(outcomes.policy, outcomes.cloud)
        if binary
        else sign_flip(gaps, stream(seed, suite.name, "sign flips")),
        detectable=detectable(outcomes.local - outcomes.cloud, confidence=ci),
        contested=_contested(outcomes),
        labelled=_labelled(suite, outcomes.every_local, ci),
        local=suite.local.name,
        cloud=suite.cloud.name,
        notes=suite.notes,
    )


def _contested(outcomes: _Outcomes) -> Contested:
    better = outcomes.local - outcomes.cloud
    # Rates are hundredths: 1 - 0.9 must count as a tenth.
    local, cloud = better > CONTESTED - 1e-9, better < -CONTESTED + 1e-9
    return Contested(
        tasks=int((local | cloud).sum()),
        local_better=int(local.sum()),
        cloud_better=int(cloud.sum()),
        missed=int((local & ~outcomes.started_local).sum()),
        lost=int((cloud & outcomes.started_local).sum()),
    )


def _labelled(suite: Suite, local: Flags, ci: float) -> Labelled | None:
    """Count which labelled asks go where their label says; None where none has one."""
    stays = [sent for case, sent in zip(suite.cases, local, strict=True) if case.label == "self-contained"]
    leaves = [not sent for case, sent in zip(suite.cases, local, strict=True) if case.label == "repository"]
    if not stays and not leaves:
        return None
    return Labelled(
        self_contained=len(stays),
        repository=len(leaves),
        right=_counted([*stays, *leaves], ci),
        self_contained_local=_counted(stays, ci),
        repository_cloud=_counted(leaves, ci),
    )


def _counted(flags: Sequence[bool], ci: float) -> Interval:
    """The share that is true; nan of nothing."""
    if not flags:
        return Interval(point=nan, low=nan, high=nan)
    share = sum(flags) / len(flags)
    low, high = wilson(share, len(flags), ci)
    return Interval(point=share, low=low, high=high)


def _pool(
    suites: Suites,
    pooled: Mapping[str, Figures],
    outcomes: Mapping[SuiteName, _Outcomes],
    mix: Mapping[SuiteName, float],
    *,
    ci: float,
    seed: int,
) -> Part:
    used = {name: weight for name, weight in mix.items() if weight > 0}
    moved, least = [], 0.0
    for name, weight in used.items():
        pass_rates = outcomes[name]
        moved.append((pass_rates.policy - pass_rates.cloud) * weight / max(len(pass_rates.cloud), 1))
        least = hypot(least, weight * detectable(pass_rates.local - pass_rates.cloud, confidence=ci))
    shares = " + ".join(f"{weight:.0%} {suites[name].title}" for name, weight in used.items())
    return Part(
        name=POOL,
        title=f"Mixed traffic: {shares} (share of tasks)",
        tasks=sum(len(suites[name].cases) for name in used),
        outcomes=sum(len(outcomes[name].cloud) for name in used),
        standings=tuple(_standings(pooled, ci)),
        test="paired sign flips",
        p_value=sign_flip(np.concatenate(moved), stream(seed, POOL, "sign flips")),
        detectable=least,
        contested=None,
        labelled=None,
        local="each suite's own",
        cloud="each suite's own",
        notes=(),
    )


def _ranking(suites: Suites, options: Options, ci: float) -> Ranking:
    scores = {
        name: np.array([case.judged.p_local for case in baselines.paired_cases(suite)], dtype=np.float64)
        for name, suite in suites.items()
    }
    if not any(len(scores[name]) for name, weight in options.mix.items() if weight > 0):
        unknown = Interval(point=nan, low=nan, high=nan)
        return Ranking(apgr=unknown, cpt_50=unknown, cpt_80=unknown)
    drawn = curve(suites, scores, options.mix, stream(options.seed, "ranking"), resamples=options.resamples)
    return Ranking(
        apgr=interval(drawn.apgr, ci),
        cpt_50=interval(drawn.cpt(0.5), ci),
        cpt_80=interval(drawn.cpt(0.8), ci),
    )
