"""From outcomes to a policy's numbers: the setting that does what is asked.

Everything that is shown is measured on the tasks with recorded outcomes, weighted as the traffic is
mixed, by the model of whole tasks that `check` uses. What is certified, and what that rests on, is in
`tune.risk`; what each statement may cost, in `tune.error_shares`; what is chosen, in `tune.choice`.
Nothing is chosen that keeps no task local.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import Suite
from benchmarks.evaluation.route import handover_limit, route
from benchmarks.evaluation.tune.candidates import numbers
from benchmarks.evaluation.tune.certificate import certificate
from benchmarks.evaluation.tune.choice import Chooser
from benchmarks.evaluation.tune.claims import claims
from benchmarks.evaluation.tune.error_shares import error_shares
from benchmarks.evaluation.tune.line import line
from benchmarks.evaluation.tune.measured import Tasks, of_traffic
from benchmarks.evaluation.tune.result import Basis, Point, Result, TuneOptions
from benchmarks.evaluation.tune.sweep import Sweep, sweep
from policies.policy import Policy

Progress = Callable[[str], None]


def tune(
    policy: Policy, suites: Sequence[Suite], options: TuneOptions, progress: Progress = lambda _: None
) -> Result:
    """Sweep the policy's numbers, measure every setting, and choose.

    Args:
        policy: Whose `params` are tuned.
        suites: Those of `options.mix` with a share above 0.
        options: What is asked for, the traffic and the rest.
        progress: Called with what is being done.

    Raises:
        BenchmarkError: a price is not known, or a recorded file is missing, or a
            suite has no known outcomes where they are what is chosen by.
    """
    tasks = of_traffic(suites, options)
    if not options.goal.by_share:
        _check_outcomes(tasks)
    grid, left = _settings(policy, tasks, options, progress)
    progress("certifying")
    chooser = Chooser(
        goal=options.goal,
        max_loss=options.bound.max_loss,
        certificate=certificate(grid, tasks, options.bound, error_shares(options.goal)),
        usd=tasks.usd(grid.settings),
        shares=np.array([float(tasks.weights @ setting.local) for setting in grid.settings]),
    )
    at, basis = chooser.choose(np.ones(len(tasks.local), dtype=np.bool_))
    progress("measuring")
    return _result(policy, suites, options, chooser, at=at, basis=basis, left=left)


def _check_outcomes(tasks: Tasks) -> None:
    """Refuse suites of whose quality nothing is known."""
    lacking = [sample.title for sample in tasks.samples if not sample.outcomes]
    if lacking:
        raise BenchmarkError(
            f"{' and '.join(lacking)} {'has' if len(lacking) == 1 else 'have'} no task with outcomes of both "
            "systems, so no loss can be measured; give them with --outcomes, --local and --cloud"
        )


def _settings(
    policy: Policy, tasks: Tasks, options: TuneOptions, progress: Progress
) -> tuple[Sweep, Mapping[str, str]]:
    """All settings, and why the other numbers are not swept."""
    swept, left = numbers(
        policy,
        tasks.cases,
        tasks.weights,
        tasks.runs.limits(),
        local_context=options.local_context,
        only=options.only,
    )
    grid = sweep(
        policy,
        tasks.cases,
        swept,
        tasks.weights,
        lambda candidate, case: route(candidate, case, local_context=options.local_context).track == "local",
        local_context=options.local_context,
        progress=lambda done, of: progress(f"setting {done + 1} of {of}"),
    )
    return grid, left


def _result(
    policy: Policy,
    suites: Sequence[Suite],
    options: TuneOptions,
    chooser: Chooser,
    *,
    at: int | None,
    basis: Basis,
    left: Mapping[str, str],
) -> Result:
    proof = chooser.certificate
    grid, tasks = proof.grid, proof.tasks
    visible = line(grid)
    points, baselines = _points(chooser, [*visible, grid.own, *([] if at is None else [at])])
    stated = claims(proof, options.goal, at, basis)
    lacks_proof = options.goal.by_loss and (at is None or basis != "certified")
    return Result(
        policy=policy.name,
        source=policy.source,
        goal=options.goal,
        max_loss=options.bound.max_loss,
        confidence=options.confidence,
        mix={name: share for name, share in options.mix.items() if share > 0},
        mix_words=options.mix_words,
        samples=tasks.samples,
        swept=grid.swept,
        not_swept=left,
        settings=len(grid.settings),
        chains=len(grid.chains),
        hand_over=handover_limit(policy),
        chosen=None if at is None else points[at],
        basis=basis,
        picked_loss=stated.chosen,
        picked_among=stated.among,
        own=points[grid.own],
        own_loss=stated.own,
        curve=tuple(points[index] for index in visible),
        others=tuple(_others(chooser, points)),
        baselines=baselines,
        nearest=chooser.nearest() if at is None else None,
        needed=tuple(chooser.needed()) if lacks_proof else (),
        held_out=None if at is None else chooser.held_out(),
        notes=(
            f"Verdicts of the classifier `{options.classifier}`.",
            *dict.fromkeys(f"{suite.title}: {note}" for suite in suites for note in suite.notes),
        ),
        sources={file: source for suite in suites for file, source in suite.sources.items()},
        seed=options.seed,
    )


def _points(chooser: Chooser, picked: Iterable[int]) -> tuple[dict[int, Point], tuple[Point, ...]]:
    """Some settings, from the least local work to the most, and what anyone has for free."""
    proof = chooser.certificate
    certified = proof.certified(np.ones(len(proof.tasks.local), dtype=np.bool_))
    at = sorted(set(picked), key=lambda index: (chooser.shares[index], index))
    return proof.tasks.points(proof.grid, at, certified, {index: proof.loss_within(index) for index in at})


def _others(chooser: Chooser, points: Collection[int]) -> Iterator[tuple[float, float, float]]:
    """Local share, quality kept and saving of the settings that are not shown one by one."""
    proof = chooser.certificate
    tasks = proof.tasks
    qualities = 1 - proof.losses(np.ones(len(tasks.local), dtype=np.bool_))
    savings = 1 - chooser.usd / tasks.usd_cloud
    for index in range(len(proof.grid.settings)):
        if index not in points:
            yield float(chooser.shares[index]), float(qualities[index]), float(savings[index])
