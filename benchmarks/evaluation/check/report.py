"""How a check reads: in a terminal and as Markdown. Figures never stand without their sample sizes."""

from collections.abc import Callable, Iterator
from math import isnan

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from benchmarks.evaluation.baselines import POLICY
from benchmarks.evaluation.cases import SUITES
from benchmarks.evaluation.check.result import POOL, Labelled, Part, Result, RouterFigures
from benchmarks.evaluation.stats import Interval
from benchmarks.evaluation.wording import between, comes_to, percent

WIDE = 116
"""Columns from which an interval stands beside its figure, in full; below that, under it and rounded."""
_CENT, _MILL = 0.1, 0.01
"""Dollars below which two, and three, decimals are too coarse."""
_ROUNDED_FROM = 10
_SMALLEST_P = 0.001
_LABELS_ALONE = frozenset({"everyday"})
"""Suites with too few outcomes beside their labels for a verdict on quality; the table has them."""

Worded = Callable[[float], str]


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _round(value: float) -> str:
    return f"{100 * value:.0f}" if 100 * value >= _ROUNDED_FROM else _percent(value)


def _gap(value: float) -> str:
    return f"{value:.2f}"


def _dollars(value: float) -> str:
    return "0" if value == 0 else f"{value:.{4 if abs(value) < _MILL else 3}f}"


def _cents(value: float) -> str:
    return _dollars(value) if abs(value) < _CENT else f"{value:.2f}"


COLUMNS: tuple[tuple[str, Callable[[RouterFigures], Interval], Worded, Worded], ...] = (
    ("local %", lambda row: row.local_share, _percent, _round),
    ("quality %", lambda row: row.quality, _percent, _round),
    ("kept %", lambda row: row.quality_kept, _percent, _round),
    ("PGR", lambda row: row.pgr, _gap, _gap),
    ("$ a task", lambda row: row.usd_per_task, _dollars, _cents),
    ("saved %", lambda row: row.saving, _percent, _round),
)
"""Heading, figure, its words, and the words of an interval's ends where room is short."""


def render(result: Result, console: Console) -> None:
    """Print bars, parts, tables and notes."""
    for sentence in verdict(result):
        console.print(escape(sentence), highlight=False, style="bold", soft_wrap=True)
    for bar in result.bars:
        sign = "[green]holds[/green]" if bar.held else "[red]fell [/red]"
        console.print(f"{sign}  {escape(bar.words)}", highlight=False)
    if result.description:
        console.print()
        console.print(escape(result.description), highlight=False)
    for part in result.parts:
        console.print()
        console.print(f"[bold]{escape(part.title)}[/bold]", highlight=False)
        for line in _facts(part, result.ci):
            console.print(escape(line), highlight=False, style="dim")
        console.print(_table(part, result.policy, wide=console.width >= WIDE))
        for line in _findings(part):
            console.print(escape(line), highlight=False)
    console.print()
    for line in (*_ranking(result), *_small(result)):
        console.print(escape(f"- {line}"), highlight=False, style="dim")


def summary(result: Result) -> str:
    """One sentence on how it ended."""
    fallen = [bar.words for bar in result.bars if not bar.held]
    if not result.bars:
        return f"{result.policy} has no bars (`check:`), so nothing was held to anything."
    if fallen:
        return f"{result.policy} fell: {'; '.join(fallen)}."
    verdict = "its bar holds" if len(result.bars) == 1 else f"all {len(result.bars)} bars hold"
    return f"{result.policy} passed: {verdict}."


def verdict(result: Result) -> tuple[str, str, str]:
    """Say what came out, in three sentences: the bars, the mixed traffic, each suite."""
    *suites, pool = result.parts
    own = pool.standings[0]
    measured = comes_to(
        local_share=own.local_share.point,
        quality_kept=own.quality_kept,
        usd=own.usd_per_task.point,
        saving=own.saving.point,
    )
    each = "; ".join(f"{part.title}: {_suite_verdict(part)}{_unweighted(part, result)}" for part in suites)
    return summary(result), f"Measured: {measured} ({pool.title.partition(' (')[0]}).", f"{each}."


def _unweighted(part: Part, result: Result) -> str:
    """That a suite of the user's own has no part in the mixed traffic."""
    return "" if part.name in SUITES or result.mix.get(part.name) else ", weight 0 in the mix"


def _suite_verdict(part: Part) -> str:
    own = part.standings[0]
    clauses = [f"{percent(own.local_share.point)} start local"]
    if not isnan(own.quality_kept.point) and part.name not in _LABELS_ALONE:
        clauses.append(f"quality kept {between(own.quality_kept)}")
    if part.labelled:
        clauses.append(f"{between(part.labelled.right)} decided as labelled")
    return ", ".join(clauses)


def _table(part: Part, policy: str, *, wide: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column("", no_wrap=True, min_width=12, max_width=24)
    for name, *_ in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for row in part.standings:
        cells = [_cell(of(row), *words, wide=wide) for _, of, *words in COLUMNS]
        own = row.router == POLICY
        table.add_row(escape(_name(row, policy)), *cells, style="bold" if own else None)
    return table


def _name(row: RouterFigures, policy: str) -> str:
    return policy if row.router == POLICY else row.router.replace("-", " ")


def _cell(figure: Interval, worded: Worded, short: Worded, *, wide: bool) -> Text:
    if isnan(figure.point):
        return Text("-", style="dim")
    text = Text(worded(figure.point))
    ends = worded if wide else short
    low, high = ends(figure.low), ends(figure.high)
    if low != high:
        text.append(" " if wide else "\n")
        text.append(f"{low}..{high}", style="dim not bold")
    return text


def _facts(part: Part, ci: float) -> Iterator[str]:
    yield f"{part.outcomes} of {part.tasks} tasks have outcomes of both systems; {ci:.0%} intervals, paired"
    if part.name != POOL:
        yield f"local: {part.local}"
        yield f"cloud: {part.cloud}"


def _findings(part: Part) -> Iterator[str]:
    if part.labelled:
        yield _decided(part.labelled)
    p_value = f"p < {_SMALLEST_P}" if part.p_value < _SMALLEST_P else f"p = {part.p_value:.3f}"
    yield (
        f"Against always-cloud: {p_value} ({part.test}). A difference in quality below "
        f"{100 * part.detectable:.1f} points would likely go unseen here (80% power, local against cloud)."
    )
    if contested := part.contested:
        yield (
            f"Contested, where the two differ: {contested.tasks} tasks. "
            f"Cloud better on {contested.cloud_better}, of which {contested.lost} started local; "
            f"local better on {contested.local_better}, of which {contested.missed} went to the cloud."
        )


def _decided(labelled: Labelled) -> str:
    shares = (
        f"{_percent(figure.point)}% ({_percent(figure.low)} to {_percent(figure.high)})"
        for figure in (labelled.right, labelled.self_contained_local, labelled.repository_cloud)
    )
    right, local, cloud = shares
    asks = labelled.self_contained + labelled.repository
    return (
        f"Decided as labelled: {right} of {asks} asks. Of {labelled.self_contained} that the message alone "
        f"suffices for, {local} stay local; of {labelled.repository} that need the repository, {cloud} go to "
        "the cloud."
    )


def _ranking(result: Result) -> Iterator[str]:
    ranking = result.ranking
    if isnan(ranking.apgr.point):
        return
    yield (
        f"As a score, p_local ranks the mixed tasks with APGR {ranking.apgr.point:.2f} "
        f"({ranking.apgr.low:.2f} to {ranking.apgr.high:.2f}; a coin has 0.50); half of the gap to the cloud "
        f"takes {_share(ranking.cpt_50)} of the tasks to the cloud, 80% of it {_share(ranking.cpt_80)}."
    )


def _share(figure: Interval) -> str:
    return "no share" if isnan(figure.point) else f"{figure.point:.0%}"


def _small(result: Result) -> Iterator[str]:
    yield (
        "kept: quality as a share of always-cloud's. PGR: share of the gap from always-local to "
        "always-cloud, left out where the two cannot be told apart. always local: to the end. best single: "
        "the better of the two. random: as many tasks started local, by lot, under the policy's limit on "
        "calls. oracle: knows each outcome beforehand."
    )
    yield from result.notes
    for note in dict.fromkeys(note for part in result.parts for note in part.notes):
        titles = [part.title for part in result.parts if note in part.notes]
        yield f"{', '.join(titles)}: {note}"


def markdown(result: Result, *, level: int = 1) -> str:
    """Return everything as a page, its title of the level given."""
    title, under = "#" * level, "#" * (level + 1)
    headline, *measured = verdict(result)
    parts = [f"{title} {result.policy}", f"**{headline}**", *measured, f"{result.description}".strip()]
    parts = [part for part in parts if part]
    if result.bars:
        lines = [
            f"| {bar.metric} | {bar.bar} | {'yes' if bar.held else '**no**'} | {bar.words} |"
            for bar in result.bars
        ]
        parts.append("\n".join(["| bar | | holds | |", "|---|---|---|---|", *lines]))
    for part in result.parts:
        parts.append(f"{under} {part.title}")
        parts.append("\n".join(f"{line}  " for line in _facts(part, result.ci)).rstrip())
        parts.append(_grid(part, result.policy))
        parts.append(" ".join(_findings(part)))
    parts.append(f"{under} What these figures are, and what they do not show")
    parts.append("\n".join(f"- {line}" for line in (*_ranking(result), *_small(result))))
    parts.append("\n".join(f"- `{file}`: {source}" for file, source in result.sources.items()))
    return "\n\n".join(parts) + "\n"


def _grid(part: Part, policy: str) -> str:
    lines = [("", *(name for name, *_ in COLUMNS)), ("---",) + ("---:",) * len(COLUMNS)]
    for row in part.standings:
        cells = (_cell(of(row), *words, wide=True).plain.strip() for _, of, *words in COLUMNS)
        lines.append((_name(row, policy), *cells))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
