"""Regroups and adds up sums, so that all parts of a report agree."""

from collections.abc import Callable, Iterable, Mapping

from router.ledger.queries import Totals
from router.ledger.rollups import MEASURES


def empty(since: float, until: float) -> Totals:
    """Return sums of zero over a period."""
    return Totals(key=(), since=since, until=until, sums=dict.fromkeys(MEASURES, 0))


def merge(
    groups: Iterable[Totals], key: Callable[[Totals], tuple[str, ...]] = lambda _: ()
) -> dict[tuple[str, ...], Totals]:
    """Add up groups with the same `key`; the one with most requests comes first."""
    sums: dict[tuple[str, ...], dict[str, float]] = {}
    ends: dict[tuple[str, ...], tuple[float, float]] = {}
    for group in groups:
        name = key(group)
        measures = sums.setdefault(name, dict.fromkeys(MEASURES, 0))
        for measure, value in group.sums.items():
            measures[measure] += value
        since, until = ends.get(name, (group.since, group.until))
        ends[name] = min(since, group.since), max(until, group.until)
    order = sorted(sums, key=lambda name: (-sums[name]["requests"], name))
    return {
        name: Totals(key=name, since=ends[name][0], until=ends[name][1], sums=sums[name]) for name in order
    }


def group_by(groups: Iterable[Totals], *positions: int) -> dict[tuple[str, ...], Totals]:
    """Add up groups whose keys agree at these positions."""
    return merge(groups, lambda group: tuple(group.key[place] for place in positions))


def nest_by_last_key(groups: Iterable[Totals]) -> dict[tuple[str, ...], Mapping[str, Totals]]:
    """Group by the key without its last part, then by the last part; most requests first."""
    nested_groups: dict[tuple[str, ...], dict[str, Totals]] = {}
    for group in groups:
        nested_groups.setdefault(group.key[:-1], {})[group.key[-1]] = group
    return dict(sorted(nested_groups.items(), key=lambda item: (-_requests(item[1].values()), item[0])))


def sum_measure(groups: Iterable[Totals], measure: str) -> float:
    """Add up one measure over all groups."""
    return sum(group[measure] for group in groups)


def saved_usd(group: Totals) -> float | None:
    """Return the low end of the saving, over requests priced on both sides; None without any."""
    return group["compared_baseline_usd"] - group["compared_cost_usd"] if group["compared"] else None


def saved_high_usd(group: Totals) -> float | None:
    """Return the high end of the saving: the baseline without a cache."""
    return group["compared_cold_usd"] - group["compared_cost_usd"] if group["compared"] else None


def unpriced_requests(group: Totals) -> float:
    """Count finished requests without a known cost."""
    return group["requests"] - group["unfinished"] - group["cost_known"]


def known_cost_usd(group: Totals) -> float | None:
    """Return the dollars spent on priced requests; None if no request is priced."""
    return group["cost_usd"] if group["cost_known"] or not group["requests"] else None


def prompt_tokens(group: Totals) -> float:
    """Count prompt tokens, cached or not."""
    return group["input"] + group["cache_read"] + group["cache_write_5m"] + group["cache_write_1h"]


def _requests(groups: Iterable[Totals]) -> float:
    return sum_measure(groups, "requests")
