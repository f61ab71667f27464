"""What it cost, what it saved and against what, and when the card has paid for itself."""

from collections.abc import Iterator

from router.billing.break_even import Economics
from router.ledger.queries import Totals
from router.reports import formats, totals
from router.reports.charts import Chart, Series
from router.reports.components import Drawn, Section, Table, saving, spent
from router.reports.figures import Facts


def money(facts: Facts) -> Section:
    """Tell the cost, and the saving with its baseline, its range and what it leaves out."""
    whole = facts.whole
    return Section(
        title="What it cost, and what it saved",
        says=tuple(_says(whole)),
        drawn=(_drawn(facts),) if whole["compared"] and len(facts.days) > 1 else (),
        tables=tuple(_tables(whole)),
        notes=tuple(_notes(whole)),
    )


def economics(found: Economics) -> Section:
    """Tell when the card is paid for, at the traffic there was."""
    rows = [
        ("price of the card", formats.usd(found.card_usd)),
        ("energy in a month", formats.usd(found.energy_usd_month)),
        ("saved in such a month, at least", _gained(found.saved_usd_month_low)),
        ("saved in such a month, at most", _gained(found.saved_usd_month_high)),
        ("paid for after, at the latest", _paid(found.months_low_saving)),
        ("paid for after, at the earliest", _paid(found.months_high_saving)),
        ("part of the time in which the model worked", formats.share(found.utilisation, 1)),
    ]
    return Section(
        title="When the card has paid for itself",
        says=(_verdict(found),),
        tables=(Table(caption="At the traffic there was", columns=("what", "figure"), rows=rows),),
        notes=(
            (
                f"A month is scaled up from {found.days:.3g} days of traffic. Energy is taken off what is "
                "saved; the card's wear is not, since its price is what is to be earned. The range is that "
                "of the baseline, and the card is reckoned with as though these requests were its only work."
            ),
        ),
    )


def _says(whole: Totals) -> Iterator[str]:
    saved = totals.saved(whole)
    if saved is None:
        yield (
            "What was saved is not known: no request has a price on both sides, what it cost and what the "
            "model asked for would have cost. `prices` in the settings gives a model its price."
        )
        return
    baseline = whole["compared_baseline_usd"]
    if saved >= 0:
        of = f" ({formats.share(saved, baseline)})" if baseline else ""
        yield f"Routing saved {formats.usd(saved)}{of} against what each client asked for."
    else:
        yield (
            f"Routing was a loss of {formats.usd(-saved)}: {formats.usd(whole['compared_cost_usd'])} was "
            f"spent, and what clients asked for would have cost {formats.usd(baseline)}."
        )


def _tables(whole: Totals) -> Iterator[Table]:
    if whole["compared"]:
        warm, cold = whole["compared_baseline_usd"], whole["compared_cold_usd"]
        cost = whole["compared_cost_usd"]
        yield Table(
            caption=f"The comparison, over the {formats.counted(whole['compared'], 'request')} priced on "
            "both sides",
            columns=("what", "with a warm cache (counted)", "with nothing cached"),
            rows=[
                ("what clients asked for would have cost", formats.usd(warm), formats.usd(cold)),
                ("what was spent in its place", formats.usd(cost), formats.usd(cost)),
                ("saved", saving(whole), _gained(cold - cost)),
            ],
        )
    local = whole["local_usd"]
    rows = [("spent in all", spent(whole))]
    if whole["cost_known"]:
        rows += [
            (
                "of it, energy and wear of your own machine",
                formats.usd(local) if local else "none counted",
            ),
            ("of it, on attempts that failed or were given up", formats.usd(whole["wasted_usd"])),
        ]
    yield Table(caption="What was spent", columns=("what", "dollars"), rows=rows)


def _notes(whole: Totals) -> Iterator[str]:
    if whole["compared"]:
        yield (
            "The baseline is the model each client asked for, on the same tokens, at the prices of the day. "
            "Counted is a warm cache: what came before in a conversation would have been read from the "
            "provider's cache. With nothing cached the same would have cost more; the truth lies between."
        )
    left_out = whole["requests"] - whole["compared"]
    if whole["compared"] and left_out:
        yield (
            f"{formats.counted(left_out, 'request')} of {formats.whole(whole['requests'])} "
            f"{'is' if left_out == 1 else 'are'} left out of the comparison: under way, or without a known "
            "price or token count."
        )
    if not whole["local_usd"]:
        yield (
            "Energy and wear of your own machine are not counted: `local.watts`, `local.usd_per_kwh` and "
            "`local.card_usd` in the settings tell what they cost."
        )


def _drawn(facts: Facts) -> Drawn:
    whole = facts.whole
    days = [totals.merge(day.values()).get(()) for day in facts.days]
    return Drawn(
        how="lines",
        chart=Chart(
            title="Dollars a day: spent, and what was asked for",
            summary=(
                f"In all {formats.usd(whole['compared_cost_usd'])} were spent where what was asked for would "
                f"have cost {formats.usd(whole['compared_baseline_usd'])}."
            ),
            labels=[formats.day(day) for day in facts.scope.days],
            series=[
                Series(name=name, values=[_priced(day, measure) for day in days], style=style)
                for name, measure, style in (
                    ("asked for", "compared_baseline_usd", "two"),
                    ("spent", "compared_cost_usd", "one"),
                )
            ],
            words=formats.usd,
            heading="day",
        ),
    )


def _priced(day: Totals | None, measure: str) -> float | None:
    """Nothing for a day without requests, not known for one without a price."""
    if day is None:
        return 0.0
    return day[measure] if day["compared"] else None


def _gained(usd: float) -> str:
    return formats.usd(usd) if usd >= 0 else f"a loss of {formats.usd(-usd)}"


def _paid(months: float | None) -> str:
    return formats.months(months) if months is not None else "never, at this traffic"


def _verdict(found: Economics) -> str:
    if found.months_low_saving is None and found.months_high_saving is None:
        return "At this traffic the card never pays for itself: it saves less than its running costs."
    if found.months_low_saving is None:
        return (
            f"At best the card is paid for after {_paid(found.months_high_saving)}; by the careful figure it "
            "never is, at this traffic."
        )
    within = "" if found.pays_in_its_life else ", which is longer than it is used for"
    return (
        f"At this traffic the card is paid for after {_paid(found.months_low_saving)}, at the latest{within}."
    )
