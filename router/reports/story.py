"""From numbers to sentences: the sections of a report, the same for every format.

Three rules hold here. A saving is said with its baseline, its range and what it leaves out, and
where it is a loss, it is called one. A gap is a sentence, never a silence. A section with
nothing to tell says that in one line.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from router.ledger.reading import Dimension, Rare, Row, Totals
from router.reports import words
from router.reports.charts import Chart, Series
from router.reports.facts import Facts

TOP = 10
"""Rows of a table of people, clients or teams."""
TRACKS = ("local", "cloud")
NAMES = {"local": "local", "cloud": "cloud", "": "nowhere"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One figure at the top."""

    name: str
    figure: str
    note: str = ""
    mood: Literal["", "good", "bad"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows with their captions; the first column names the row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A chart and how it is drawn."""

    chart: Chart
    how: Literal["stacked", "lines", "share", "bars"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One question, answered."""

    title: str
    says: Sequence[str]
    drawn: Sequence[Drawn] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a team or a key may spend in a period, and has."""

    name: str
    period: str
    limit_usd: float
    spent_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A whole report."""

    title: str
    lead: str
    """The one sentence that a reader must not miss."""
    cards: Sequence[Card]
    sections: Sequence[Section]
    made: str


def tell(facts: Facts, budgets: Sequence[Budget] = ()) -> Story:
    """Word a report."""
    scope = facts.scope
    whose = f"team {scope.team}" if scope.team else "all teams"
    made = datetime.fromtimestamp(facts.made_at, scope.zone)
    return Story(
        title=f"Routing report: {whose}, {words.long_day(scope.first)} to {words.long_day(scope.last)}",
        lead=_lead(facts),
        cards=tuple(_cards(facts)),
        sections=tuple(_sections(facts, budgets)),
        made=f"Made on {words.long_day(made.date())} at {made:%H:%M} ({scope.zone.key}), from the ledger alone.",
    )


def _sections(facts: Facts, budgets: Sequence[Budget]) -> Iterator[Section]:
    if facts.whole["requests"]:
        yield _where(facts)
        yield _money(facts)
        yield _speed(facts)
        yield _why(facts)
        yield _moved(facts)
        yield _misrouted(facts)
    yield _privacy(facts)
    if budgets:
        yield _budgets(budgets)
    if facts.whole["requests"]:
        yield _who(facts)
    yield _gaps(facts)


def _lead(facts: Facts) -> str:
    whole = facts.whole
    if not whole["requests"]:
        return "No request was made in these days."
    local = words.share(_of(facts, "local"), whole["requests"])
    stayed = f"{local} of {words.counted(whole['requests'], 'request')} stayed on your own machine"
    if not whole["compared"]:
        return f"{stayed}; what that saved is not known, since no request has a price on both sides."
    saved = _saved(whole)
    baseline = whole["compared_baseline_usd"]
    if saved >= 0:
        return (
            f"{stayed}, which saved {words.usd(saved)} of {words.usd(baseline)} "
            f"({words.share(saved, baseline)}) that the models asked for would have cost."
        )
    return (
        f"{stayed}, but routing cost {words.usd(-saved)} more than the {words.usd(baseline)} that the models "
        "asked for would have cost."
    )


def _cards(facts: Facts) -> Iterator[Card]:
    whole, before = facts.whole, facts.before
    requests = whole["requests"]
    yield Card(name="Requests", figure=words.whole(requests), note=_trend(requests, before["requests"]))
    yield Card(
        name="Stayed local",
        figure=words.share(_of(facts, "local"), requests),
        note=f"{words.counted(_of(facts, 'local'), 'request')}",
    )
    yield Card(name="Spent", figure=words.usd(whole["cost_usd"]), note=_unpriced(whole, "cost_known"))
    saved = _saved(whole)
    if whole["compared"]:
        high = whole["compared_cold_usd"] - whole["compared_cost_usd"]
        yield Card(
            name="Saved" if saved >= 0 else "Lost",
            figure=words.usd(abs(saved)),
            note=f"up to {words.usd(high)} had nothing been cached" if high > saved + words.CENT else "",
            mood="good" if saved > 0 else "bad" if saved < 0 else "",
        )
    else:
        yield Card(name="Saved", figure=words.NOT_KNOWN, note="no request has a price on both sides")
    yield Card(
        name="Kept private",
        figure=words.whole(whole["private"]),
        note="none left this machine" if not whole["private_left"] else "SOME LEFT: see below",
        mood="bad" if whole["private_left"] else "",
    )


def _where(facts: Facts) -> Section:
    days = _days(facts)
    split = [
        Series(name=one, values=[day.get(one, 0.0) for day in days.values()], style=one) for one in TRACKS
    ]
    local = [
        day["local"] / total
        if (total := sum(day.get(one, 0.0) for one in TRACKS)) and "local" in day
        else 0.0
        if total
        else None
        for day in days.values()
    ]
    labels = list(days)
    drawn = (
        Drawn(
            how="stacked",
            chart=Chart(
                title="Requests a day, by the track that served them",
                summary=_lead(facts),
                labels=labels, series=split, words=words.whole, heading="day",
            ),
        ),
        Drawn(
            how="share",
            chart=Chart(
                title="Share of each day's requests that stayed local",
                summary=_share_trend(facts),
                labels=labels,
                series=[Series(name="local", values=local, style="local")],
                words=lambda value: f"{value:.0%}",
                heading="day",
            ),
        ),
    )  # fmt: skip
    rows = [
        (
            NAMES.get(one.key[0], one.key[0]),
            words.whole(one["requests"]),
            words.share(one["requests"], facts.whole["requests"]),
            words.tokens(_prompt(one)),
            words.tokens(one["output"]),
            words.usd(one["cost_usd"]),
        )
        for one in facts.by["track"]
    ]
    table = Table(
        caption="By the track that served",
        columns=("track", "requests", "share", "tokens read", "tokens written", "cost"),
        rows=rows,
    )
    return Section(title="Where requests went", says=(_share_trend(facts),), drawn=drawn, tables=(table,))


def _money(facts: Facts) -> Section:
    whole = facts.whole
    labels, cost, baseline = [], [], []
    for day, sums in _per_day(facts, ("compared_cost_usd", "compared_baseline_usd")).items():
        labels.append(day)
        cost.append(sums[0])
        baseline.append(sums[1])
    drawn = Drawn(
        how="lines",
        chart=Chart(
            title="Dollars a day: spent, and what was asked for",
            summary=f"In all {words.usd(sum(cost))} were spent where {words.usd(sum(baseline))} were asked for.",
            labels=labels,
            series=[
                Series(name="spent", values=cost, style="one"),
                Series(name="asked for", values=baseline, style="two"),
            ],
            words=words.usd,
            heading="day",
        ),
    )
    says = [
        (
            "The baseline is the model each client asked for, on the same tokens, with a warm cache: what came before "
            "in a conversation would have been read from the provider's cache. That is the low end; had nothing been "
            f"cached, it would have been {words.usd(whole['compared_cold_usd'])} instead of "
            f"{words.usd(whole['compared_baseline_usd'])}."
        ),
        f"Spent includes {words.usd(whole['wasted_usd'])} on attempts that failed or were given up, and "
        + (
            f"{words.usd(whole['local_usd'])} of energy and wear of your own machine."
            if whole["local_usd"]
            else "nothing for your own machine, whose energy and wear are not set or cost nothing."
        ),
    ]
    left_out = whole["requests"] - whole["compared"]
    if left_out:
        says.append(
            f"{words.counted(left_out, 'request')} of {words.whole(whole['requests'])} are left out of the "
            "comparison, since a price or a token count is not known for them."
        )
    return Section(title="What it cost, and what it saved", says=tuple(says), drawn=(drawn,))


def _speed(facts: Facts) -> Section:
    tracks = sorted({*facts.first_byte, *facts.seconds, *facts.overhead}, reverse=True)
    rows = []
    for track in tracks:
        first, total, added = (one.get(track) for one in (facts.first_byte, facts.seconds, facts.overhead))
        quantiles = [
            words.seconds(held.quantile(q) if held else None)
            for held in (first, total, added)
            for q in (0.5, 0.95)
        ]
        rows.append((NAMES.get(track[0], track[0]), *quantiles))
    table = Table(
        caption="Half of all requests were as fast as the median, 95 of 100 as the 95th percentile; 5% off at most",
        columns=(
            "track", "first token, median", "95th", "whole answer, median", "95th", "routing added, median", "95th",
        ),
        rows=rows,
    )  # fmt: skip
    return Section(title="How fast answers came", says=(), tables=(table,))


def _why(facts: Facts) -> Section:
    by_rule = _nested(facts.by["rule"])
    drawn = Drawn(
        how="bars",
        chart=Chart(
            title="Requests by the rule that decided",
            summary=_first_rule(by_rule),
            labels=list(by_rule),
            series=[
                Series(
                    name=track,
                    values=[_sum(by_rule[rule], track, "requests") for rule in by_rule],
                    style=track,
                )
                for track in TRACKS
            ],
            words=words.whole,
            heading="rule",
        ),
    )
    held = facts.whole["held"]
    says = [_first_rule(by_rule)]
    if held:
        says.append(
            f"{words.counted(held, 'request')} went on where their turn had begun, by the rule that decided it."
        )
    if facts.whole["would_local"]:
        says.append(
            f"While the policy only observed, {words.counted(facts.whole['would_local'], 'request')} would have "
            "gone to the local model."
        )
    return Section(title="Why", says=tuple(says), drawn=(drawn,))


def _moved(facts: Facts) -> Section:
    causes = [
        *_causes(facts, "escalated", "local to cloud"),
        *_causes(facts, "degraded", "cloud to local"),
    ]
    if not causes:
        return Section(title="Moved to the other track", says=("No request had to.",))
    table = Table(
        caption="Moved before the client saw a byte; what the first try cost is part of what was spent",
        columns=("from, to", "cause", "requests", "share", "of which wasted"),
        rows=causes,
    )
    return Section(title="Moved to the other track", says=(), tables=(table,))


def _misrouted(facts: Facts) -> Section:
    whole = facts.whole
    local = _of(facts, "local")
    escalated = sum(one["requests"] for one in facts.by["escalated"] if one.key[0])
    rows = [
        ("escalated", words.whole(escalated), "the local model could not, and the cloud answered"),
        ("asked again", words.whole(facts.asked_again), "the same ask within ten minutes of a local answer"),
        ("stuck", words.whole(whole["stuck"]), "a local turn made the same tool call three times in a row"),
    ]
    sure = escalated + facts.asked_again + whole["stuck"]
    says = (
        (
            f"{words.counted(sure, 'sign')} that local work belonged to the cloud, beside "
            f"{words.counted(local, 'request')} served locally. A request may show more than one."
        ),
        (
            "Nothing here proves that the other requests were answered well: that takes verdicts "
            "(`POST /v1/feedback`) or `turnout bench run`."
        ),
    )
    table = Table(caption="Signs", columns=("sign", "requests", "what it means"), rows=rows)
    return Section(
        title="Probably on the wrong track",
        says=says,
        tables=(table, *_examples(facts, "escalated", "The newest that were escalated")),
    )


def _privacy(facts: Facts) -> Section:
    whole = facts.whole
    if not whole["private"]:
        return Section(title="What had to stay", says=("No request was held back by `never_cloud`.",))
    if whole["private_left"]:
        says = (
            (
                f"{words.counted(whole['private_left'], 'request')} of {words.whole(whole['private'])} that "
                "`never_cloud` held back have an attempt at the cloud on record. This must not happen: keep the "
                "ledger, and report it."
            ),
        )
    else:
        says = (
            (
                f"{words.counted(whole['private'], 'request')} were held back by `never_cloud`, and not one of them "
                "has an attempt at the cloud on record: none was served there, retried there or counted there. "
                "The check stands in the one function that can open a connection to the provider."
            ),
        )
    return Section(
        title="What had to stay", says=says, tables=tuple(_examples(facts, "private", "The newest of them"))
    )


def _budgets(budgets: Sequence[Budget]) -> Section:
    rows = [
        (
            one.name,
            one.period,
            words.usd(one.limit_usd),
            words.usd(one.spent_usd),
            words.share(one.spent_usd, one.limit_usd),
        )
        for one in budgets
    ]
    table = Table(
        caption="As of now, not of the days above",
        columns=("of", "period", "budget", "spent so far", "share"),
        rows=rows,
    )
    over = [one.name for one in budgets if one.spent_usd >= one.limit_usd]
    says = (f"Used up: {', '.join(over)}.",) if over else ("No budget is used up.",)
    return Section(title="Budgets", says=says, tables=(table,))


def _who(facts: Facts) -> Section:
    wanted: tuple[tuple[Dimension, str, str], ...] = (
        ("user", "People", "no name"),
        ("client", "Assistants", "unknown"),
    )
    if facts.scope.team is None:
        wanted = (("team", "Teams", "none"), *wanted)
    tables = []
    for dimension, caption, unnamed in wanted:
        nested = _nested(facts.by[dimension])
        rows = [
            (
                name or unnamed,
                words.whole(sum(one["requests"] for one in inner.values())),
                words.share(_sum(inner, "local", "requests"), sum(one["requests"] for one in inner.values())),
                words.usd(sum(one["cost_usd"] for one in inner.values())),
                words.usd(sum(_saved(one) for one in inner.values())),
            )
            for name, inner in list(nested.items())[:TOP]
        ]
        more = len(nested) - TOP
        told = f"{caption}, by requests" + (f"; {more} more are not shown" if more > 0 else "")
        tables.append(
            Table(caption=told, columns=(dimension, "requests", "local", "cost", "saved"), rows=rows)
        )
    return Section(title="Who", says=(), tables=tuple(tables))


def _gaps(facts: Facts) -> Section:
    whole = facts.whole
    found = [
        (whole["unfinished"], "is under way or was cut off by a crash", "are under way or were cut off by a crash"),
        (whole["requests"] - whole["unfinished"] - whole["cost_known"], "has no known cost", "have no known cost"),
        (whole["estimated"], "was cut off, so its tokens are estimated", "were cut off, so their tokens are estimated"),
        (whole["failed"], "ended in an error", "ended in an error"),
        (whole["hung_up"], "was given up by its client", "were given up by their clients"),
    ]  # fmt: skip
    says = [
        f"{words.counted(number, 'request')} {one if number == 1 else many}."
        for number, one, many in found
        if number > 0
    ]
    since = facts.kept_since
    if since is not None and since > facts.scope.edges[0]:
        first = datetime.fromtimestamp(since, facts.scope.zone).date()
        says.append(
            f"Single requests are on record from {words.long_day(first)} on; earlier days are known by their "
            "hourly sums only, if at all."
        )
    return Section(
        title="What this report does not know",
        says=tuple(says) or ("Every request of these days is finished, priced and counted.",),
        tables=tuple(_examples(facts, "failed", "The newest that failed")),
    )


def _examples(facts: Facts, rare: Rare, caption: str) -> Iterator[Table]:
    rows = [_example(row, facts) for row in facts.examples.get(rare, ())]
    if rows:
        yield Table(caption=caption, columns=("request", "when", "who", "rule", "why"), rows=rows)


def _example(row: Row, facts: Facts) -> tuple[str, ...]:
    when = datetime.fromtimestamp(row["begun_at"], facts.scope.zone)
    why = row["error"] or row["private_why"] or row["escalated"] or row["degraded"] or row["why"] or ""
    return row["id"], f"{when:%Y-%m-%d %H:%M}", row["user"] or row["team"], row["rule"] or "", why


def _causes(facts: Facts, dimension: Dimension, way: str) -> Iterator[tuple[str, ...]]:
    for one in facts.by[dimension]:
        if one.key[0]:
            yield (
                way,
                one.key[0].replace("_", " "),
                words.whole(one["requests"]),
                words.share(one["requests"], facts.whole["requests"]),
                words.usd(one["wasted_usd"]),
            )


def _share_trend(facts: Facts) -> str:
    halves = len(facts.scope.edges) // 2
    middle = facts.scope.edges[halves]
    sums = {True: [0.0, 0.0], False: [0.0, 0.0]}
    for one in facts.days:
        half = sums[one.since < middle]
        half[0] += one["requests"] if one.key == ("local",) else 0.0
        half[1] += one["requests"]
    if not (sums[True][1] and sums[False][1]):
        return f"{words.share(_of(facts, 'local'), facts.whole['requests'])} of all requests stayed local."
    early, late = (words.share(*sums[first]) for first in (True, False))
    return f"{early} of requests stayed local in the first half of these days, {late} in the second."


def _trend(now: float, before: float) -> str:
    if not before:
        return "none in as many days before"
    change = now / before - 1
    return f"{change:+.0%} on as many days before"


def _unpriced(whole: Totals, known: str) -> str:
    missing = whole["requests"] - whole["unfinished"] - whole[known]
    return f"without {words.counted(missing, 'request')} of unknown price" if missing > 0 else ""


def _saved(one: Totals) -> float:
    return one["compared_baseline_usd"] - one["compared_cost_usd"]


def _prompt(one: Totals) -> float:
    return one["input"] + one["cache_read"] + one["cache_write_5m"] + one["cache_write_1h"]


def _of(facts: Facts, track: str) -> float:
    one = facts.of_track(track)
    return one["requests"] if one else 0.0


def _days(facts: Facts) -> dict[str, dict[str, float]]:
    """Requests by day and track; every day is there, also one without requests."""
    return {
        label: {one.key[0]: one["requests"] for one in found}
        for label, found in _by_day(facts, lambda one: True)
    }


def _per_day(facts: Facts, measures: Sequence[str]) -> dict[str, list[float]]:
    return {
        label: [sum(one[name] for one in found) for name in measures]
        for label, found in _by_day(facts, lambda one: True)
    }


def _by_day(facts: Facts, wanted: Callable[[Totals], bool]) -> Iterator[tuple[str, list[Totals]]]:
    zone = facts.scope.zone
    for since in facts.scope.edges[:-1]:
        label = words.day(datetime.fromtimestamp(since, zone).date())
        yield label, [one for one in facts.days if one.since == since and wanted(one)]


def _nested(found: Sequence[Totals]) -> Mapping[str, dict[str, Totals]]:
    """By the first value of the key, then by the second; the most requested first."""
    nested: dict[str, dict[str, Totals]] = {}
    for one in found:
        nested.setdefault(one.key[0], {})[one.key[1]] = one
    return dict(sorted(nested.items(), key=lambda item: -sum(one["requests"] for one in item[1].values())))


def _sum(inner: Mapping[str, Totals], track: str, measure: str) -> float:
    return inner[track][measure] if track in inner else 0.0


def _first_rule(by_rule: Mapping[str, Mapping[str, Totals]]) -> str:
    name, inner = next(iter(by_rule.items()))
    requests = sum(one["requests"] for one in inner.values())
    return f"The rule that decided most often is {name or 'none'}: {words.counted(requests, 'request')}."
