"""Who asked, with which assistant, and what their budgets have left."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from router.ledger.budget_status import BudgetStatus
from router.ledger.queries import Totals
from router.reports import formats, totals
from router.reports.components import Section, Table, format_cost, format_saving
from router.reports.facts import Facts

MAX_ROWS = 10
"""Rows of a table of people, clients or teams."""


def build_people_section(facts: Facts) -> Section:
    """List the teams, people and assistants with most requests."""
    return Section(title="Who asked", tables=tuple(_tables(facts)))


def build_budgets_section(facts: Facts) -> Section:
    """List the budgets as of now, independent of the report's period."""
    rows = [
        (
            _owner(status, facts),
            status.budget.per,
            formats.usd(status.balance.limit_usd),
            formats.usd(status.balance.spent_usd),
            formats.share(status.balance.spent_usd, status.balance.limit_usd),
            formats.long_day(_last_day(status, facts)),
            "goes local" if status.budget.over == "local" else "is refused",
        )
        for status in facts.budgets
    ]
    table = Table(
        caption="As of now, not of the days above",
        columns=("of", "each", "budget", "spent so far", "share", "until", "beyond it a request"),
        rows=rows,
        text_columns=("each", "until", "beyond it a request"),
    )
    used_up = [
        _owner(status, facts)
        for status in facts.budgets
        if status.balance.spent_usd >= status.balance.limit_usd
    ]
    paragraphs = [f"Used up: {', '.join(used_up)}." if used_up else "No budget is used up."]
    moved_requests = sum(group["requests"] for group in facts.rows if group.key[1:] == ("local", "budget"))
    if moved_requests:
        paragraphs.append(
            f"In these days {formats.quantity(moved_requests, 'request')} went to the local model because "
            "a budget was used up."
        )
    return Section(
        title="Budgets",
        paragraphs=tuple(paragraphs),
        tables=(table,),
        notes=(
            "A budget counts what providers billed; energy and wear of your own machine are no part of it.",
        ),
    )


def _tables(facts: Facts) -> Iterator[Table]:
    if facts.scope.team is None:
        teams = totals.nest_by_last_key(totals.group_by(facts.rows, 0, 1).values())
        yield _table("Teams", "team", teams, lambda key: key[0] or "none")
    all_teams = facts.scope.team is None
    yield _table(
        "People",
        "user",
        totals.nest_by_last_key(facts.groups["user"]),
        lambda key: (key[1] or "no name") + (f" ({key[0]})" if all_teams else ""),
    )
    yield _table(
        "Assistants",
        "client",
        totals.nest_by_last_key(facts.groups["client"]),
        lambda key: key[0] or "not recognised",
    )
    yield _table(
        "Kinds of request",
        "kind",
        totals.nest_by_last_key(facts.groups["kind"]),
        lambda key: key[0] or "none",
    )
    yield Table(
        caption="Models that answered",
        columns=("model", "requests", "tokens read", "tokens written", "spent"),
        rows=[
            (
                group.key[0] or "none",
                formats.integer(group["requests"]),
                formats.tokens(totals.prompt_tokens(group)),
                formats.tokens(group["output"]),
                format_cost(group),
            )
            for group in facts.groups["model"][:MAX_ROWS]
        ],
    )


def _table(
    caption: str,
    column: str,
    groups: Mapping[tuple[str, ...], Mapping[str, Totals]],
    name: Callable[[Sequence[str]], str],
) -> Table:
    hidden = len(groups) - MAX_ROWS
    rows = []
    for key, tracks in list(groups.items())[:MAX_ROWS]:
        group = totals.merge(tracks.values())[()]
        local = tracks["local"]["requests"] if "local" in tracks else 0
        rows.append(
            (
                name(key),
                formats.integer(group["requests"]),
                formats.share(local, group["requests"]),
                format_cost(group),
                format_saving(group),
            )
        )
    full_caption = f"{caption}, by requests" + (
        f"; {formats.integer(hidden)} more are not shown" if hidden > 0 else ""
    )
    return Table(caption=full_caption, columns=(column, "requests", "local", "spent", "saved"), rows=rows)


def _owner(status: BudgetStatus, facts: Facts) -> str:
    team = f"team {status.team}"
    if status.policy:
        return f"{team}, by policy {status.policy}"
    if not status.key:
        return team
    return f"key {status.key_name}" if facts.scope.team else f"key {status.key_name} ({team})"


def _last_day(status: BudgetStatus, facts: Facts) -> datetime:
    return datetime.fromtimestamp(status.balance.until - 1, facts.scope.zone)
