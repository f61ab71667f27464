"""What the figures of a check rest on, in sentences that are printed with them."""

from collections.abc import Iterator, Mapping

import numpy as np

from benchmarks.evaluation.cases import PRICE_MODEL, SUITES, Suite, SuiteName
from benchmarks.evaluation.check.result import Options
from benchmarks.evaluation.cost import PUBLISHED_USD, Rates
from benchmarks.evaluation.route import handover_limit
from policies.policy import Policy
from router.billing.prices import Prices


def notes(policy: Policy, suites: Mapping[SuiteName, Suite], options: Options) -> Iterator[str]:
    """Say how the cases were asked, what the costs are, and what is not in the figures."""
    window = (
        f"a local window of {options.local_context:,} tokens" if options.local_context else "no known window"
    )
    yield (
        f"Each task's first request, asked as {options.client} sends it; both tracks up and idle, {window}, "
        f"verdicts of the classifier `{options.classifier}`."
    )
    limit = handover_limit(policy)
    if limit is not None:
        yield (
            f"An agent's task that starts local is handed over after {limit:g} calls, as the policy says, "
            "and both runs are paid. Where a local run's calls were not measured, they are taken from 59 "
            "recorded runs, scaled to a published mean. Failures that escalate and later turns are not in "
            "these figures."
        )
    if policy.observe:
        yield "The policy only observes: every request goes where the client asked, here to the cloud."
    if policy.never_cloud.watches_content:
        yield "`never_cloud` by paths or text is not tested: recorded cases hold no text."
    yield (
        f"Costs are of whole tasks with a warm prompt cache, at the prices of {options.price_model}; "
        f"{_local(options)}."
    )
    yield from _published(suites, options)
    for name in suites:
        if name not in SUITES and not options.mix.get(name):
            yield (
                f"{name} has a weight of 0 in the mixed traffic, for --mix gives it no share; bars of {name} "
                f"hold all the same. Name it there to count it, e.g. --mix humaneval=1,{name}=1."
            )
    yield (
        "Outcomes are resampled with one task more that is thought of, a quarter in each corner (both pass, "
        "neither, only one): without it, intervals of so few tasks are too narrow."
    )


def _local(options: Options) -> str:
    if not options.local_usd_per_mtok:
        return "local work is taken as free"
    return (
        f"local work at ${options.local_usd_per_mtok:g} per million tokens computed "
        "(each prompt token once, and the output)"
    )


def _published(suites: Mapping[SuiteName, Suite], options: Options) -> Iterator[str]:
    if options.outcomes is None and "swebench" in suites:
        usd = published_check(suites["swebench"])
        yield (
            f"The cost model, held to the ${PUBLISHED_USD} published for one SWE-bench Verified instance at "
            f"the prices of {PRICE_MODEL}: ${usd:.3f}, {usd / PUBLISHED_USD - 1:+.0%}."
        )


def published_check(suite: Suite) -> float:
    """What the cost model says of one SWE-bench Verified instance at the published prices, in US dollars."""
    rates = Rates(model=PRICE_MODEL, prices=Prices())
    return float(np.mean([rates.cloud(case.cloud_effort) for case in suite.cases]))
