"""Who asked, with which assistant, and what their budgets have left."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from router.ledger.queries import Totals
from router.reports import formats, totals
from router.reports.components import Section, Table, saving, spent
from router.reports.figures import Facts, Standing

TOP = 10
"""Rows of a table of people, clients or teams."""


def people(facts: Facts) -> Section:
    """Tell the teams, people and assistants with most requests."""
    return Section(title="Who asked", tables=tuple(_tables(facts)))


def budgets(facts: Facts) -> Section:
    """Tell how the budgets stand now, whatever days the report is of."""
    rows = [
        (
            _whose(one, facts),
            one.per,
            formats.usd(one.balance.limit_usd),
            formats.usd(one.balance.spent_usd),
            formats.share(one.balance.spent_usd, one.balance.limit_usd),
            formats.long_day(_last_day(one, facts)),
            "goes local" if one.over == "local" else "is refused",
        )
        for one in facts.budgets
    ]
    table = Table(
        caption="As of now, not of the days above",
        columns=("of", "each", "budget", "spent so far", "share", "until", "beyond it a request"),
        rows=rows,
        words=("each", "until", "beyond it a request"),
    )
    used_up = [_whose(one, facts) for one in facts.budgets if one.balance.spent_usd >= one.balance.limit_usd]
    says = [f"Used up: {', '.join(used_up)}." if used_up else "No budget is used up."]
    moved = sum(one["requests"] for one in facts.rows if one.key[1:] == ("local", "budget"))
    if moved:
        says.append(
            f"In these days {formats.counted(moved, 'request')} went to the local model because a budget was "
            "used up."
        )
    return Section(
        title="Budgets",
        says=tuple(says),
        tables=(table,),
        notes=(
            "A budget counts what providers billed; energy and wear of your own machine are no part of it.",
        ),
    )


def _tables(facts: Facts) -> Iterator[Table]:
    if facts.scope.team is None:
        teams = totals.nested(totals.by(facts.rows, 0, 1).values())
        yield _table("Teams", "team", teams, lambda key: key[0] or "none")
    everyone = facts.scope.team is None
    yield _table(
        "People",
        "user",
        totals.nested(facts.by["user"]),
        lambda key: (key[1] or "no name") + (f" ({key[0]})" if everyone else ""),
    )
    yield _table(
        "Assistants", "client", totals.nested(facts.by["client"]), lambda key: key[0] or "not recognised"
    )
    yield _table("Kinds of request", "kind", totals.nested(facts.by["kind"]), lambda key: key[0] or "none")
    yield Table(
        caption="Models that answered",
        columns=("model", "requests", "tokens read", "tokens written", "spent"),
        rows=[
            (
                one.key[0] or "none",
                formats.whole(one["requests"]),
                formats.tokens(totals.prompt(one)),
                formats.tokens(one["output"]),
                spent(one),
            )
            for one in facts.by["model"][:TOP]
        ],
    )


def _table(
    caption: str,
    column: str,
    groups: Mapping[tuple[str, ...], Mapping[str, Totals]],
    name: Callable[[Sequence[str]], str],
) -> Table:
    more = len(groups) - TOP
    rows = []
    for key, tracks in list(groups.items())[:TOP]:
        one = totals.merge(tracks.values())[()]
        local = tracks["local"]["requests"] if "local" in tracks else 0
        rows.append(
            (
                name(key),
                formats.whole(one["requests"]),
                formats.share(local, one["requests"]),
                spent(one),
                saving(one),
            )
        )
    told = f"{caption}, by requests" + (f"; {formats.whole(more)} more are not shown" if more > 0 else "")
    return Table(caption=told, columns=(column, "requests", "local", "spent", "saved"), rows=rows)


def _whose(one: Standing, facts: Facts) -> str:
    team = f"team {one.team}"
    if not one.key:
        return team
    return f"key {one.key}" if facts.scope.team else f"key {one.key} ({team})"


def _last_day(one: Standing, facts: Facts) -> datetime:
    return datetime.fromtimestamp(one.balance.until - 1, facts.scope.zone)
