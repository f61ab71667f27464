"""The shipped policies on one page: each checked on all suites, as it serves and in other clients' words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isnan

from benchmarks.evaluation.baselines import CLOUD, LOCAL, ORACLE, POLICY, RANDOM
from benchmarks.evaluation.check.measure import check
from benchmarks.evaluation.check.report import markdown as full
from benchmarks.evaluation.check.report import summary
from benchmarks.evaluation.check.result import POOL, Options, Part, Result, RouterFigures
from benchmarks.evaluation.stats import RESAMPLES, Interval
from benchmarks.evaluation.suites.problem import CLIENTS
from benchmarks.render import Sheet, table
from classifiers.choose import CLASSIFIERS, DEFAULT, ClassifierName
from policies.load import SHIPPED, load

IN_FULL = ("balanced", "local-first")
_MAIN = SHIPPED[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedResults:
    """What checks of the shipped policies measured."""

    policies: dict[str, Result]
    clients: dict[str, Result]
    """Of the first policy, by the client in whose words it was asked."""
    classifiers: dict[str, Result]
    """Of the first policy, by the classifier that judged, those beside the default."""


def run(progress: Callable[[str], None] = lambda _: None, *, resamples: int = RESAMPLES) -> ShippedResults:
    """Check all of them; `progress` is called with each step.

    Args:
        progress: Is told each step.
        resamples: How many times tasks are drawn.
    """

    def measured(name: str, client: str = "bare", classifier: ClassifierName = DEFAULT) -> Result:
        progress(f"{name}, asked by {client}, judged by {classifier}")
        return check(load(name), Options(client=client, classifier=classifier, resamples=resamples))

    return ShippedResults(
        policies={name: measured(name) for name in SHIPPED},
        clients={client: measured(_MAIN, client) for client in CLIENTS},
        classifiers={name: measured(_MAIN, classifier=name) for name in CLASSIFIERS if name != DEFAULT},
    )


def markdown(results: ShippedResults) -> str:
    """Return the page."""
    parts = [
        "# The shipped policies, checked",
        _about(results.policies[_MAIN]),
        *(f"- {summary(result)}" for result in results.policies.values()),
        *map(table, _sheets(results)),
        *(f"## In full\n\n{full(results.policies[name], level=3).strip()}" for name in IN_FULL[:1]),
        *(full(results.policies[name], level=3).strip() for name in IN_FULL[1:]),
    ]
    return "\n\n".join(parts).replace(".\n\n- ", ".\n- ") + "\n"


def _about(result: Result) -> str:
    return (
        f"Made with `turnout bench policies --markdown FILE` (seed {result.seed}, {result.resamples:,} "
        f"resamples, {result.ci:.0%} intervals), {result.checked}, version {result.version}: classifier "
        f"`{result.classifier}`, reading `{result.reading}`. No model was run: each task is read, judged and "
        "decided, and counts as the recorded outcome of the track it is sent to. "
        "[What is measured and how](../../docs/check.md), and "
        "[what the suites do not show](../../docs/suites.md#what-these-numbers-do-not-show)."
    )


def _sheets(results: ShippedResults) -> Iterator[Sheet]:
    yield _suites("Share of tasks that start local, %", results.policies, lambda row: row.local_share)
    yield _suites(
        "Quality kept: tasks passed, % of always-cloud's", results.policies, lambda row: row.quality_kept
    )
    yield _suites("Cost saved, % of always-cloud's", results.policies, lambda row: row.saving)
    yield _labelled("Everyday asks that go where their label says, %", results.policies)
    yield _suites(
        f"`{_MAIN}`, in the words of other clients: tasks that start local, %",
        results.clients,
        lambda row: row.local_share,
    )
    for name, result in results.classifiers.items():
        title = f"`{_MAIN}` with the classifier `{name}` ({'passes' if result.passed else 'falls'})"
        yield _suites(f"{title}: tasks that start local, %", {name: result}, lambda row: row.local_share)


def _suites(title: str, results: dict[str, Result], of: Callable[[RouterFigures], Interval]) -> Sheet:
    parts = next(iter(results.values())).parts
    names = (LOCAL, CLOUD, RANDOM, ORACLE) if _MAIN in results else ()
    return Sheet(
        title=title,
        columns=("", *(_heading(part) for part in parts)),
        rows=(
            *(_line(f"`{name}`", result.parts, POLICY, of) for name, result in results.items()),
            *(_line(name.replace("-", " "), parts, name, of) for name in names),
        ),
    )


def _labelled(title: str, results: dict[str, Result]) -> Sheet:
    labelled = {
        name: part.labelled for name, result in results.items() for part in result.parts if part.labelled
    }
    return Sheet(
        title=title,
        columns=("", "all", "self-contained, stay local", "need the repository, go to the cloud"),
        rows=tuple(
            (f"`{name}`", *map(_words, (item.right, item.self_contained_local, item.repository_cloud)))
            for name, item in labelled.items()
        ),
    )


def _heading(part: Part) -> str:
    title = part.title.partition(":")[0] if part.name == POOL else part.title
    return f"{title} ({part.outcomes} of {part.tasks} with outcomes)"


def _line(
    name: str, parts: tuple[Part, ...], router: str, of: Callable[[RouterFigures], Interval]
) -> tuple[str, ...]:
    rows = (row for part in parts for row in part.standings if row.router == router)
    return (name, *(_words(of(row)) for row in rows))


def _words(figure: Interval) -> str:
    if isnan(figure.point):
        return "-"
    point, low, high = (f"{100 * value:.1f}" for value in (figure.point, figure.low, figure.high))
    return point if low == high else f"{point} ({low} to {high})"
