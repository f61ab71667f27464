"""A tuning in words and tables: for a terminal, and as Markdown. What is found comes first."""

from collections.abc import Iterator, Mapping

from benchmarks.evaluation.stats import Interval
from benchmarks.evaluation.tune.rewrite import Change, format_number
from benchmarks.evaluation.tune.tuner import Point, Requirement, Result
from benchmarks.render import Sheet, table

NAMES: Mapping[str, str] = {
    "always-local": "all local",
    "always-cloud": "all to the cloud",
    "oracle": "an oracle",
}


def finding(result: Result) -> str:
    """Say what came out, in a sentence or two."""
    bound = f"{_percent(result.max_loss)} quality loss with {_percent(result.confidence)} confidence"
    if result.chosen is None:
        return (
            f"Nothing that keeps a task local can be certified to stay within {bound}. "
            "The policy's numbers stay as they are."
        )
    chosen = result.chosen
    same = "The policy's own numbers are the cheapest" if chosen == result.own else "The cheapest setting"
    return (
        f"{same} that is certified to stay within {bound}: {_params(chosen.params)}. "
        f"{_percent(chosen.local_share)} of the tasks start local; quality kept "
        f"{_interval(chosen.kept)}, {_cost(chosen)}."
    )


def paragraphs(result: Result) -> Iterator[str]:
    """Say what the finding rests on."""
    yield finding(result)
    for needed in result.needed:
        yield _needed(needed, result)
    if not result.needed and result.chosen is None:
        yield (
            "No setting keeps a task local with a measured loss within the bound, so no number of tasks like "
            "these would certify one. Allow more with --max-quality-loss, or measure other models."
        )
    held_out = result.held_out
    if held_out:
        yield (
            f"Chosen anew without each of {held_out.folds} folds ({held_out.groups} repositories and "
            f"benchmarks, each in one fold) and measured on it: quality loss {_interval(held_out.loss)}, "
            f"{_percent(held_out.local_share)} of the tasks local."
        )
    samples = "; ".join(
        f"{sample.title} {_percent(sample.share)} "
        f"({sample.outcomes} of {sample.tasks} tasks have known outcomes)"
        for sample in result.samples
    )
    yield f"Traffic{', ' + result.mix_words if result.mix_words else ''}: {samples}."
    yield (
        f"{result.settings} settings decide differently, tried along {result.chains} "
        f"{'chain' if result.chains == 1 else 'chains'} from the least local work to the most; "
        "no outcome has a part in which are tried or in what order."
    )
    for param in result.swept:
        low, high = format_number(param.values[0]), format_number(param.values[-1])
        yield f"Swept: {param.name}, {len(param.values)} values from {low} to {high} ({param.why})."
    for name, why in result.not_swept.items():
        yield f"Not swept: {name}: {why}."


def sheets(result: Result) -> Iterator[Sheet]:
    """The settings along the policy's own other numbers, and what anyone has for free."""
    yield Sheet(
        title="Tasks that start local, quality kept, US$ of 100 tasks; ok: certified",
        columns=("", "local", "quality kept (95%)", "cost", "saving", "ok"),
        rows=tuple(
            (
                _mark(point, result),
                _percent(point.local_share),
                _interval(point.kept),
                f"${100 * point.usd:.2f}",
                _percent(point.saving),
                "yes" if point.certified else "no",
            )
            for point in _points(result)
        ),
    )


def changes(result: Result) -> tuple[Change, ...]:
    """What the chosen setting changes in the policy, each with its reason."""
    chosen = result.chosen
    if chosen is None:
        return ()
    tasks = ", ".join(f"{sample.outcomes} {sample.title}" for sample in result.samples)
    return tuple(
        Change(
            name=name,
            old=result.own.params[name],
            new=new,
            why=(
                f"Cheapest setting certified to lose at most {_percent(result.max_loss)} of quality with "
                f"{_percent(result.confidence)} confidence: {_percent(chosen.local_share)} of tasks start "
                f"local, quality kept {_interval(chosen.kept)}, {_cost(chosen)} (by {tasks} tasks; "
                f"traffic {_mix(result)})."
            ),
        )
        for name, new in chosen.params.items()
        if name in result.own.params and new != result.own.params[name]
    )


def markdown(result: Result) -> str:
    """All of it, as Markdown."""
    text = "\n\n".join(paragraphs(result))
    tables = "\n\n".join(table(sheet) for sheet in sheets(result))
    notes = "\n".join(f"- {note}" for note in result.notes)
    sources = "\n".join(f"- `{file}`: {source}" for file, source in result.sources.items())
    return (
        f"# Tuning `{result.policy}`\n\n{text}\n\n{tables}\n\n"
        f"## What this does not show\n\n{notes}\n\n## Made from\n\n{sources}\n"
    )


def _points(result: Result) -> list[Point]:
    always = {point.name: point for point in result.baselines}
    points = list(result.curve)
    if result.chosen and result.chosen not in points:
        points.append(result.chosen)
    points.sort(key=lambda point: point.local_share)
    return [always["always-cloud"], *points, always["always-local"], always["oracle"]]


def _mark(point: Point, result: Result) -> str:
    """Name a row by the numbers that are not the policy's own."""
    if point.name in NAMES:
        return NAMES[point.name]
    own = result.own.params
    differs = {name: value for name, value in point.params.items() if value != own.get(name)}
    name = _params(differs) or "the policy's own"
    return f"chosen: {name}" if point == result.chosen else name


def _needed(needed: Requirement, result: Result) -> str:
    what = (
        "The policy's own numbers"
        if needed.own
        else f"The cheapest within it as measured ({_params(needed.params)})"
    )
    start = f"{_percent(needed.local_share)} of the tasks start local"
    loss = f"measured quality loss {_percent(needed.loss)}, {start}"
    if needed.outcomes is None:
        over = needed.loss > result.max_loss
        why = "that is more than allowed" if over else "the outcomes scatter too much"
        return f"{what}: {loss}; {why}, so no number of tasks that come out like these would certify them."
    tasks = " and ".join(f"{count} {title} tasks" for title, count in needed.outcomes.items())
    return f"{what}: {loss}; {tasks} with outcomes like these would be needed."


def _cost(point: Point) -> str:
    if round(100 * point.saving, 1) == 0:
        return "costs about the same as everything to the cloud"
    change = "less" if point.saving >= 0 else "more"
    return f"costs {_percent(abs(point.saving))} {change} than everything to the cloud"


def _mix(result: Result) -> str:
    return ", ".join(f"{name} {_percent(share)}" for name, share in result.mix.items())


def _params(params: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {format_number(value)}" for name, value in params.items())


def _interval(figure: Interval) -> str:
    return f"{_percent(figure.point)} ({_percent(figure.low)} to {_percent(figure.high)})"


def _percent(share: float) -> str:
    return f"{round(100 * share, 1):g}%"
