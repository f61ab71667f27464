"""A tuning in words and tables: for a terminal, and as Markdown. What was found comes first."""

from collections.abc import Iterator, Mapping
from math import isnan

from benchmarks.evaluation.stats import Interval
from benchmarks.evaluation.tune.result import Goal, HeldOut, Nearest, Point, Requirement, Result
from benchmarks.evaluation.tune.rewrite import Change, format_number
from benchmarks.evaluation.wording import between, comes_to, dollars, percent
from benchmarks.render import Sheet, table

NAMES: Mapping[str, str] = {
    "always-local": "all local",
    "always-cloud": "all to the cloud",
    "oracle": "an oracle",
}


def verdict(result: Result) -> tuple[str, str, str]:
    """Say what came out, in three sentences: what was chosen, what was measured of it, what is certified."""
    chosen = result.chosen
    if chosen is None:
        own = result.own
        return (
            f"{_none(result)} The policy's numbers stay as they are.",
            f"Measured of them: {_measured(own)}.",
            _certified(own, result.own_loss, result),
        )
    held_out = f" {_held_out(result.held_out)}" if result.held_out else ""
    return (
        f"Chosen: {_settings(chosen, result)}, {_reason(result)}.",
        f"Measured: {_measured(chosen)}.{held_out}",
        _certified(chosen, result.picked_loss, result, among=result.picked_among),
    )


def paragraphs(result: Result) -> Iterator[str]:
    """Say what the verdict rests on."""
    chosen = result.chosen
    if chosen and chosen != result.own:
        yield (
            f"The policy's own numbers ({_params(result.own.params)}). Measured: {_measured(result.own)}. "
            f"{_certified(result.own, result.own_loss, result)}"
        )
    if chosen and chosen.saving < 0 and chosen.kept.point < 1:
        yield (
            "It costs more than everything to the cloud and keeps less: local work that is handed over is "
            "paid twice."
        )
    for needed in result.needed:
        yield _needed(needed, result)
    samples = "; ".join(
        f"{sample.title} {percent(sample.share)} "
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
        title="Measured: local share, quality kept (95%), US$ a task. Certified: loses at most, row by row",
        columns=("", "local", "quality kept", "US$", "saving", "certified"),
        rows=tuple(
            (
                _mark(point, result),
                _known(point.local_share, percent(point.local_share)),
                _known(point.kept.point, between(point.kept)),
                _known(point.usd, f"{point.usd:.3f}"),
                _known(point.saving, percent(point.saving)),
                _at_most(point),
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
    why = (
        f"It is {_reason(result)}. Measured: {_measured(chosen)}. {verdict(result)[2]} "
        f"By {tasks} tasks; traffic {_mix(result)}."
    )
    return tuple(
        Change(name=name, old=result.own.params[name], new=new, why=why)
        for name, new in chosen.params.items()
        if name in result.own.params and new != result.own.params[name]
    )


def markdown(result: Result) -> str:
    """All of it, as Markdown."""
    conclusion = "\n\n".join(verdict(result))
    text = "\n\n".join(paragraphs(result))
    tables = "\n\n".join(table(sheet) for sheet in sheets(result))
    notes = "\n".join(f"- {note}" for note in result.notes)
    sources = "\n".join(f"- `{file}`: {source}" for file, source in result.sources.items())
    return (
        f"# Tuning `{result.policy}`\n\n{conclusion}\n\n{tables}\n\n## What that rests on\n\n{text}\n\n"
        f"## What this does not show\n\n{notes}\n\n## Made from\n\n{sources}\n"
    )


def sought(goal: Goal, max_loss: float) -> str:
    """What was asked for, as a clause on settings."""
    clauses = []
    if goal.local_share is not None:
        clauses.append(f"keeps at least {percent(goal.local_share)} of the tasks local")
    if goal.budget_usd is not None:
        clauses.append(f"costs at most ${format_number(goal.budget_usd)} a task")
    if goal.by_loss:
        clauses.append(f"loses at most {percent(max_loss)} of the cloud's quality")
    return " and ".join(clauses)


def _reason(result: Result) -> str:
    clause = sought(result.goal, result.max_loss)
    if result.basis == "certified":
        return f"the cheapest setting that {clause}, certified with {percent(result.confidence)} confidence"
    if result.basis == "share":
        return f"the setting that {clause} and goes little further than it must"
    if result.goal.by_loss:
        return f"the cheapest setting that {clause}, as measured and not as certified"
    return f"the setting that loses least, as measured, of those of which each {clause}"


def _none(result: Result) -> str:
    clause = sought(result.goal, result.max_loss)
    lacking = " and ".join(sample.title for sample in result.samples if not sample.outcomes)
    if lacking:
        return f"No task of {lacking} has outcomes of both systems, so there is nothing to choose by."
    if isnan(result.own.kept.point):
        return "The cloud passes none of the tasks, so no loss is defined and nothing is chosen."
    if result.nearest is None:
        return "No setting keeps a task local whose outcomes are known, so there is nothing to choose."
    if result.goal.by == "certified":
        confidence = f"{percent(result.confidence)} confidence"
        return f"No setting that keeps tasks local and {clause} is certified with {confidence}."
    return f"No setting {clause}. {_nearest(result.nearest)}"


def _nearest(nearest: Nearest) -> str:
    comes = {
        "local_share": f"The most is {percent(nearest.local_share)} local",
        "usd": f"The cheapest costs {dollars(nearest.usd)} a task",
        "loss": f"The least loss is {percent(nearest.loss)}, as measured",
    }[nearest.what]
    option = {
        "local_share": f"--local-share {_down(nearest.local_share)}",
        "usd": f"--budget-usd {_up(nearest.usd)}",
        "loss": f"--max-quality-loss {_up(nearest.loss)}",
    }[nearest.what]
    named = f" ({_params(nearest.params)})" if nearest.params else ""
    if not nearest.alone:
        return f"{comes}{named}, and the other limits do not go with it either: ease more than one."
    return f"{comes}{named}: {option} would choose it."


def _measured(point: Point) -> str:
    return comes_to(
        local_share=point.local_share, quality_kept=point.kept, usd=point.usd, saving=point.saving
    )


def _held_out(held_out: HeldOut) -> str:
    loss = held_out.loss
    interval = Interval(point=1 - loss.point, low=1 - loss.high, high=1 - loss.low)
    return (
        f"Chosen anew without each of {held_out.folds} folds and measured on it: quality kept "
        f"{between(interval)}."
    )


def _certified(point: Point, loss: float | None, result: Result, *, among: int = 1) -> str:
    confidence = f"Certified with {percent(result.confidence)} confidence"
    picked = f", picked as it was among {among} settings" if among > 1 else ""
    if loss is None:
        return f"{confidence}: nothing{picked}."
    if point.local_share == 0:
        return f"{confidence}: loses nothing, for nothing starts local."
    return f"{confidence}: loses at most {percent(loss)} of the cloud's quality{picked}."


def _settings(point: Point, result: Result) -> str:
    if not result.own.params:
        if result.not_swept:
            return "the policy as it is, for none of its numbers that could be tried changes anything here"
        return "the policy as it is, which has no numbers"
    same = "the policy's own numbers, " if point == result.own else ""
    return (
        f"{same}{_params(point.params)}"
        if point.params
        else f"{same}as they are".removesuffix(", as they are")
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


def _known(figure: float, words: str) -> str:
    return "unknown" if isnan(figure) else words


def _at_most(point: Point) -> str:
    if point.name in NAMES:
        return "0%" if point.name == "always-cloud" else ""
    return "nothing" if point.certified_loss is None else f"{percent(point.certified_loss)}"


def _needed(needed: Requirement, result: Result) -> str:
    what = (
        "The policy's own numbers"
        if needed.own
        else f"The cheapest within it as measured ({_params(needed.params)})"
    )
    start = f"{percent(needed.local_share)} of the tasks start local"
    loss = f"measured quality loss {percent(needed.loss)}, {start}"
    bound = f"to certify {percent(result.max_loss)}"
    if needed.outcomes is None:
        over = needed.loss > result.max_loss
        why = "that is more than allowed" if over else "the outcomes scatter too much"
        return (
            f"{what}: {loss}; {why}, so no number of tasks that come out like these would be enough {bound}."
        )
    tasks = " and ".join(f"{count} {title} tasks" for title, count in needed.outcomes.items())
    return f"{what}: {loss}; {bound}, {tasks} with outcomes like these would be needed."


def _mix(result: Result) -> str:
    return ", ".join(f"{name} {percent(share)}" for name, share in result.mix.items())


def _params(params: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {format_number(value)}" for name, value in params.items())


def _up(value: float) -> str:
    """The least number of three digits that is not below a value."""
    return format_number(round(value + 0.0005, 3))


def _down(value: float) -> str:
    return format_number(max(0.0, round(value - 0.0005, 3)))
