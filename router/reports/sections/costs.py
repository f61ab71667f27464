"""The cost, the saving against its baseline, and when the GPU has paid for itself."""

from collections.abc import Iterator

from router.billing.break_even import Economics
from router.ledger.queries import Totals
from router.reports import formats, totals
from router.reports.charts import Chart, Series
from router.reports.components import Figure, Section, Table, format_cost, format_saving
from router.reports.facts import Facts


def build_cost_section(facts: Facts) -> Section:
    """State the cost and the saving, with its baseline, its range and what it leaves out."""
    total = facts.total
    return Section(
        title="What it cost, and what it saved",
        paragraphs=tuple(_paragraphs(total)),
        figures=(_build_figure(facts),) if total["compared"] and len(facts.days) > 1 else (),
        tables=tuple(_tables(total)),
        notes=tuple(_notes(total)),
    )


def build_economics_section(estimate: Economics) -> Section:
    """State when the GPU is paid for, at the period's traffic."""
    rows = [
        ("price of the card", formats.usd(estimate.card_usd)),
        ("energy in a month", formats.usd(estimate.energy_usd_month)),
        ("saved in such a month, at least", _format_gain(estimate.saved_usd_month_low)),
        ("saved in such a month, at most", _format_gain(estimate.saved_usd_month_high)),
        ("paid for after, at the latest", _format_payback(estimate.months_low_saving)),
        ("paid for after, at the earliest", _format_payback(estimate.months_high_saving)),
        ("part of the time in which the model worked", formats.share(estimate.utilisation, 1)),
    ]
    return Section(
        title="When the card has paid for itself",
        paragraphs=(_describe_payback(estimate),),
        tables=(Table(caption="At the traffic there was", columns=("what", "figure"), rows=rows),),
        notes=(
            (
                f"A month is scaled up from {estimate.days:.3g} days of traffic. Energy is taken off what is "
                "saved; the card's wear is not, since its price is what is to be earned. The range is that "
                "of the baseline, and the card is reckoned with as though these requests were its only work."
            ),
        ),
    )


def _paragraphs(total: Totals) -> Iterator[str]:
    saved = totals.saved_usd(total)
    if saved is None:
        yield (
            "What was saved is not known: no request has a price on both sides, what it cost and what the "
            "model asked for would have cost. `prices` in the settings gives a model its price."
        )
        return
    baseline = total["compared_baseline_usd"]
    if saved >= 0:
        percentage = f" ({formats.share(saved, baseline)})" if baseline else ""
        yield f"Routing saved {formats.usd(saved)}{percentage} against what each client asked for."
    else:
        yield (
            f"Routing was a loss of {formats.usd(-saved)}: {formats.usd(total['compared_cost_usd'])} was "
            f"spent, and what clients asked for would have cost {formats.usd(baseline)}."
        )


def _tables(total: Totals) -> Iterator[Table]:
    if total["compared"]:
        warm_usd, cold_usd = total["compared_baseline_usd"], total["compared_cold_usd"]
        cost_usd = total["compared_cost_usd"]
        yield Table(
            caption=f"The comparison, over the {formats.quantity(total['compared'], 'request')} priced on "
            "both sides",
            columns=("what", "with a warm cache (counted)", "with nothing cached"),
            rows=[
                ("what clients asked for would have cost", formats.usd(warm_usd), formats.usd(cold_usd)),
                ("what was spent in its place", formats.usd(cost_usd), formats.usd(cost_usd)),
                ("saved", format_saving(total), _format_gain(cold_usd - cost_usd)),
            ],
        )
    local_usd = total["local_usd"]
    rows = [("spent in all", format_cost(total))]
    if total["cost_known"]:
        rows += [
            (
                "of it, energy and wear of your own machine",
                formats.usd(local_usd) if local_usd else "none counted",
            ),
            ("of it, on attempts that failed or were given up", formats.usd(total["wasted_usd"])),
        ]
    yield Table(caption="What was spent", columns=("what", "dollars"), rows=rows)


def _notes(total: Totals) -> Iterator[str]:
    if total["compared"]:
        yield (
            "The baseline is the model each client asked for, on the same tokens, at the prices of the day. "
            "Counted is a warm cache: what came before in a conversation would have been read from the "
            "provider's cache. With nothing cached the same would have cost more; the truth lies between."
        )
    left_out = total["requests"] - total["compared"]
    if total["compared"] and left_out:
        yield (
            f"{formats.quantity(left_out, 'request')} of {formats.integer(total['requests'])} "
            f"{'is' if left_out == 1 else 'are'} left out of the comparison: under way, or without a known "
            "price or token count."
        )
    if not total["local_usd"]:
        yield (
            "Energy and wear of your own machine are not counted: `local.watts`, `local.usd_per_kwh` and "
            "`local.card_usd` in the settings tell what they cost."
        )


def _build_figure(facts: Facts) -> Figure:
    total = facts.total
    days = [totals.merge(day.values()).get(()) for day in facts.days]
    return Figure(
        kind="lines",
        chart=Chart(
            title="Dollars a day: spent, and what was asked for",
            summary=(
                f"In all {formats.usd(total['compared_cost_usd'])} were spent where what was asked for would "
                f"have cost {formats.usd(total['compared_baseline_usd'])}."
            ),
            labels=[formats.day(day) for day in facts.scope.days],
            series=[
                Series(name=name, values=[_priced(day, measure) for day in days], style=style)
                for name, measure, style in (
                    ("asked for", "compared_baseline_usd", "two"),
                    ("spent", "compared_cost_usd", "one"),
                )
            ],
            format_value=formats.usd,
            label_heading="day",
        ),
    )


def _priced(day: Totals | None, measure: str) -> float | None:
    """Return 0 for a day without requests, None for one without a price."""
    if day is None:
        return 0.0
    return day[measure] if day["compared"] else None


def _format_gain(usd: float) -> str:
    return formats.usd(usd) if usd >= 0 else f"a loss of {formats.usd(-usd)}"


def _format_payback(months: float | None) -> str:
    return formats.months(months) if months is not None else "never, at this traffic"


def _describe_payback(estimate: Economics) -> str:
    if estimate.months_low_saving is None and estimate.months_high_saving is None:
        return "At this traffic the card never pays for itself: it saves less than its running costs."
    if estimate.months_low_saving is None:
        return (
            f"At best the card is paid for after {_format_payback(estimate.months_high_saving)}; by the "
            "careful figure it never is, at this traffic."
        )
    lifetime_note = "" if estimate.pays_in_its_life else ", which is longer than it is used for"
    payback = _format_payback(estimate.months_low_saving)
    return f"At this traffic the card is paid for after {payback}, at the latest{lifetime_note}."
