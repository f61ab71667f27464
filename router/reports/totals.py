"""Sums of sums: the parts of a report are regrouped from the same few groups, so that they add up."""

from collections.abc import Callable, Iterable, Mapping

from router.ledger.queries import Totals
from router.ledger.rollups import MEASURES


def zero(since: float, until: float) -> Totals:
    """Nothing at all."""
    return Totals(key=(), since=since, until=until, sums=dict.fromkeys(MEASURES, 0))


def merge(
    groups: Iterable[Totals], key: Callable[[Totals], tuple[str, ...]] = lambda _: ()
) -> dict[tuple[str, ...], Totals]:
    """Add up groups whose `key` is the same; the one with most requests first."""
    sums: dict[tuple[str, ...], dict[str, float]] = {}
    ends: dict[tuple[str, ...], tuple[float, float]] = {}
    for one in groups:
        name = key(one)
        held = sums.setdefault(name, dict.fromkeys(MEASURES, 0))
        for measure, value in one.sums.items():
            held[measure] += value
        since, until = ends.get(name, (one.since, one.until))
        ends[name] = min(since, one.since), max(until, one.until)
    order = sorted(sums, key=lambda name: (-sums[name]["requests"], name))
    return {
        name: Totals(key=name, since=ends[name][0], until=ends[name][1], sums=sums[name]) for name in order
    }


def by(groups: Iterable[Totals], *places: int) -> dict[tuple[str, ...], Totals]:
    """Add up groups that agree in the values at these places of their keys."""
    return merge(groups, lambda one: tuple(one.key[place] for place in places))


def nested(groups: Iterable[Totals]) -> dict[tuple[str, ...], Mapping[str, Totals]]:
    """By all of the key but its last value, then by that one; the most requested first."""
    found: dict[tuple[str, ...], dict[str, Totals]] = {}
    for one in groups:
        found.setdefault(one.key[:-1], {})[one.key[-1]] = one
    return dict(sorted(found.items(), key=lambda item: (-_requests(item[1].values()), item[0])))


def total(groups: Iterable[Totals], measure: str) -> float:
    """One measure over all groups."""
    return sum(one[measure] for one in groups)


def saved(one: Totals) -> float | None:
    """Dollars saved, the low end: of what is priced on both sides. None where nothing is; below 0 a loss."""
    return one["compared_baseline_usd"] - one["compared_cost_usd"] if one["compared"] else None


def saved_high(one: Totals) -> float | None:
    """The same, had nothing been cached."""
    return one["compared_cold_usd"] - one["compared_cost_usd"] if one["compared"] else None


def unpriced(one: Totals) -> float:
    """How many finished requests have no known cost."""
    return one["requests"] - one["unfinished"] - one["cost_known"]


def cost(one: Totals) -> float | None:
    """Dollars spent, as far as they are known; None where none of it is."""
    return one["cost_usd"] if one["cost_known"] or not one["requests"] else None


def prompt(one: Totals) -> float:
    """Tokens read, from the cache or not."""
    return one["input"] + one["cache_read"] + one["cache_write_5m"] + one["cache_write_1h"]


def _requests(groups: Iterable[Totals]) -> float:
    return total(groups, "requests")
