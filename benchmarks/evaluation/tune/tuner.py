"""From outcomes to a policy's numbers: the setting that does what is asked.

Everything that is shown is measured on the tasks with recorded outcomes, weighted as the traffic is
mixed, by the model of whole tasks that `check` uses. What is certified, and what that rests on, is in
`tune.risk`; what is chosen, in `tune.choice`. Nothing is chosen that keeps no task local.
"""

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.evaluation.cases import Suite
from benchmarks.evaluation.route import handover_limit, route
from benchmarks.evaluation.tune.certificate import certificate
from benchmarks.evaluation.tune.choice import Chooser
from benchmarks.evaluation.tune.measured import Tasks, of_traffic
from benchmarks.evaluation.tune.result import Result, Sample, TuneOptions
from benchmarks.evaluation.tune.sweep import Sweep, numbers, sweep
from policies.policy import Policy

SHOWN = 25
"""Settings of the curve that get an interval."""
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
        BenchmarkError: a price is not known, or a recorded file is missing.
    """
    tasks = of_traffic(suites, options)
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
    progress("certifying")
    everything = np.ones(len(tasks.local), dtype=np.bool_)
    proof = certificate(grid, tasks, options.bound)
    certified = proof.certified(everything)
    shares = np.array([float(tasks.weights @ setting.local) for setting in grid.settings])
    usd = tasks.usd(grid.settings)
    chooser = Chooser(
        goal=options.goal, max_loss=options.bound.max_loss, certificate=proof, usd=usd, shares=shares
    )
    at, basis = chooser.choose(everything)
    progress("measuring")
    line = _line(grid)
    picked = sorted(
        {*line, grid.own, *([] if at is None else [at])}, key=lambda index: (shares[index], index)
    )
    alone = {index: proof.loss_within(index) if proof.risky[index] else 0.0 for index in picked}
    points, baselines = tasks.points(grid, picked, certified, alone)
    qualities = 1 - proof.losses(everything)
    among = 1 if basis == "share" else len(grid.settings)
    return Result(
        policy=policy.name,
        source=policy.source,
        goal=options.goal,
        max_loss=options.bound.max_loss,
        confidence=options.confidence,
        mix={name: share for name, share in options.mix.items() if share > 0},
        mix_words=options.mix_words,
        samples=_samples(tasks),
        swept=swept,
        not_swept=left,
        settings=len(grid.settings),
        chains=len(grid.chains),
        hand_over=handover_limit(policy),
        chosen=None if at is None else points[at],
        basis=basis,
        picked_loss=None if at is None else proof.loss_within(at, 1 if at == grid.own else among),
        own=points[grid.own],
        curve=tuple(points[index] for index in line),
        others=tuple(
            (float(shares[index]), float(qualities[index]), float(1 - usd[index] / tasks.usd_cloud))
            for index in range(len(grid.settings))
            if index not in points
        ),
        baselines=baselines,
        nearest=chooser.nearest() if at is None else None,
        needed=tuple(chooser.needed())
        if options.goal.by_loss and (at is None or basis != "certified")
        else (),
        held_out=None if at is None else chooser.held_out(),
        notes=(
            f"Verdicts of the classifier `{options.classifier}`.",
            *dict.fromkeys(f"{suite.title}: {note}" for suite in suites for note in suite.notes),
        ),
        sources={file: source for suite in suites for file, source in suite.sources.items()},
        seed=options.seed,
    )


def _samples(tasks: Tasks) -> tuple[Sample, ...]:
    return tuple(
        Sample(
            title=part.suite.title,
            share=tasks.mix[name],
            tasks=len(part.paired),
            outcomes=int(part.paired.sum()),
        )
        for name, part in tasks.suites.items()
    )


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
