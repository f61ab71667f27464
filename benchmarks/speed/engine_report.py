"""The figures of `turnout bench engine`, as tables."""

from statistics import median

from rich.console import Console

from benchmarks.render import Sheet, report, table, where
from benchmarks.speed.engine import Figure, Result
from benchmarks.speed.engine_peers import PLACES, REFERENCE, WINDOW


def render(result: Result, console: Console) -> None:
    """Print the tables."""
    report(console, _sheets(result), _notes(result))


def markdown(result: Result) -> str:
    """Return the tables as a page."""
    parts = ("# Engines beside one another", *_notes(result), *map(table, _sheets(result)))
    return "\n\n".join(parts) + "\n"


def _notes(result: Result) -> list[str]:
    how = (
        f"Measured {result.measured} on {where(result.machine)}, llama.cpp {result.llama}: {result.model} on "
        f"{result.threads} threads, {result.rounds} rounds, all taking turns, windows of {WINDOW} tokens, "
        f"{PLACES} places where there are any. Medians, and in brackets the least and the most."
    )
    return [how, *(f"Left out: {why}." for why in result.missing)]


def _sheets(result: Result) -> list[Sheet]:
    cases = list(dict.fromkeys(figure.case for figure in result.figures))
    by_key = {(figure.case, figure.peer): figure for figure in result.figures}
    rows = [(case, [by_key[case, peer] for peer in result.peers]) for case in cases]
    columns = ("", *result.peers)
    values = Sheet(
        title="Tokens a second, or seconds until the first token",
        columns=columns,
        rows=tuple(
            (f"{case}, {figures[0].unit}", *(_spread(each.values) for each in figures))
            for case, figures in rows
        ),
    )
    ratios = Sheet(
        title=f"How much better than {REFERENCE}: medians of the rounds' ratios, 1 is as good",
        columns=columns,
        rows=tuple((case, *map(_ratio, figures)) for case, figures in rows),
    )
    return [values, ratios] if any(figure.ratios for figure in result.figures) else [values]


def _spread(values: tuple[float, ...]) -> str:
    if not values:
        return "-"
    return f"{_number(median(values))} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:.3g}"


def _ratio(figure: Figure) -> str:
    return f"{median(figure.ratios):.2f}" if figure.ratios else "-"
