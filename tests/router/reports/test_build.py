"""What a report says in words: losses by name, gaps in sentences, nothing unknown as zero."""

import pytest
from report_traffic import DAY, NOON, RequestSpec, post_requests

from router.accounts.teams import Budget, Team, Terms
from router.reports.build import build_report
from router.settings import LocalSettings

CARD = LocalSettings(card_usd=900, watts=300, usd_per_kwh=0.3)


def section(report, title):
    (match,) = [candidate for candidate in report.sections if candidate.title == title]
    return match


def cells(block):
    return {row[0]: row[1:] for table in block.tables for row in table.rows}


def card(report, name):
    return next((block for block in report.cards if block.name == name), None)


def everything(report):
    """Every sentence and cell."""
    yield from (report.title, report.period, report.lead, report.footer, *report.warnings)
    for block in report.cards:
        yield from (block.name, block.value, block.note)
    for part in report.sections:
        yield from (part.title, *part.paragraphs, *part.notes)
        for table in part.tables:
            yield from (table.caption, *table.columns)
            for row in table.rows:
                assert len(row) == len(table.columns)
                yield from row


def test_a_saving_is_told_with_its_baseline_and_range(build_facts):
    report = build_report(
        build_facts([RequestSpec(), RequestSpec(conversation="c", at=NOON + 60), RequestSpec(track="cloud")])
    )
    assert report.lead.startswith("67% of 3 requests stayed on your own machine. Routing saved $")
    money = cells(section(report, "What it cost, and what it saved"))
    warm, cold = money["what clients asked for would have cost"]
    assert warm != cold
    assert money["saved"][0] == card(report, "Saved").value
    assert card(report, "Saved").tone == "good"


def test_negative_savings_are_a_loss(build_facts):
    # it asked for the local model, which is free, and the cloud had to answer
    report = build_report(
        build_facts([RequestSpec(requested_model="local", track="cloud", moved="overflow")])
    )
    assert "That was a loss: routing cost $0.03 more" in report.lead
    assert card(report, "Lost").value == "$0.03"
    assert card(report, "Lost").tone == "bad"
    assert card(report, "Saved") is None
    money = section(report, "What it cost, and what it saved")
    assert money.paragraphs[0].startswith("Routing was a loss of $0.03")
    assert cells(money)["saved"] == ("a loss of $0.03", "a loss of $0.03")
    assert not any("-$" in text or "$-" in text for text in everything(report))


def test_unknown_prices_are_not_known(build_facts):
    report = build_report(
        build_facts([RequestSpec(track="cloud", model="mystery", requested_model="mystery", rule="files")])
    )
    assert card(report, "Spent").value == "not known"
    assert card(report, "Saved").value == "not known"
    assert "what that saved is not known" in report.lead
    assert cells(section(report, "Why"))["files"][-2:] == ("not known", "not known")
    assert "1 request has no known cost." in section(report, "What this report does not know").paragraphs


def test_what_is_known_in_part_is_at_least(build_facts):
    priced = RequestSpec(track="cloud")
    report = build_report(
        build_facts([priced, RequestSpec(track="cloud", model="mystery", requested_model="mystery")])
    )
    assert card(report, "Spent").value == "at least $0.03"
    assert card(report, "Spent").note == "1 request of unknown price"


def test_a_request_under_way_costs_nobody_knows_what(build_facts):
    report = build_report(build_facts([RequestSpec(ended=False)]))
    assert card(report, "Spent").value == "not known"
    says = section(report, "What this report does not know").paragraphs
    assert "1 request is under way or cut off by a crash." in says


def test_nothing_happened(build_facts, ledger):
    report = build_report(build_facts())
    assert report.lead == "No request was made in these days."
    assert [block.title for block in report.sections] == ["Nothing to report"]
    assert "turnout serve" in report.sections[0].paragraphs[0]
    assert not report.cards
    post_requests(ledger, [RequestSpec(at=NOON + 5 * DAY)])
    assert (
        "The ledger begins later, on 6 November 2026." in build_report(build_facts()).sections[0].paragraphs
    )


def test_moves_are_told_by_cause(build_facts):
    report = build_report(
        build_facts(
            [
                RequestSpec(track="cloud", moved="bad_tool_call"),
                RequestSpec(track="local", moved="no_credential"),
            ]
        )
    )
    rows = {row[1]: row[0] for row in section(report, "Moved to the other track").tables[0].rows}
    assert rows == {
        "its tool call stayed invalid after a second try": "escalated: local to cloud",
        "there was no key for the provider": "failed over: cloud to local",
    }


def test_what_had_to_stay_is_proven_or_cried_out(build_facts, ledger):
    report = build_report(build_facts([RequestSpec(private="never_cloud: secrets", rule="never_cloud")]))
    proof = cells(section(report, "What had to stay"))
    assert proof["held back by never_cloud"] == ("1",)
    assert proof["of these, with any attempt at the cloud"] == ("0",)
    assert report.warnings == ()
    assert card(report, "Had to stay").note == "and none left"

    post_requests(ledger, [RequestSpec(private="never_cloud: secrets", leaked=True)], first=1)
    report = build_report(build_facts())
    assert cells(section(report, "What had to stay"))["of these, with any attempt at the cloud"] == ("1",)
    assert "1 request that had to stay on this machine has an attempt at the cloud" in report.warnings[0]
    assert card(report, "Had to stay").tone == "bad"
    assert "This must not happen" in section(report, "What had to stay").paragraphs[0]


def test_budgets_of_the_team_and_its_keys(build_facts, ledger):
    budget = Budget(usd=0.02, per="month")
    ledger.accounts.add_team(Team(name="core", terms=Terms(budget=budget)))
    ledger.accounts.add_team(Team(name="docs", terms=Terms(budget=Budget(usd=5))))
    ledger.accounts.create_key(
        team="core", user="ada", name="laptop", terms=Terms(budget=Budget(usd=1, per="day", over="error"))
    )
    facts = build_facts([RequestSpec(track="cloud"), RequestSpec(rule="budget")], now=NOON + 3600)
    part = section(build_report(facts), "Budgets")
    assert cells(part)["team core"] == (
        "month", "$0.02", "$0.03", "150%", "30 November 2026", "goes local",
    )  # fmt: skip
    assert cells(part)["key laptop of ada (team core)"][-1] == "is refused"
    assert part.paragraphs == (
        "Used up: team core.",
        "In these days 1 request went to the local model because a budget was used up.",
    )
    own = section(build_report(build_facts(now=NOON + 3600, team="docs")), "Budgets")
    assert list(cells(own)) == ["team docs"]


def test_the_card_pays_for_itself_or_never(build_facts):
    busy = [RequestSpec(at=NOON + n, input=100_000, conversation=f"c{n}") for n in range(30)]
    part = section(build_report(build_facts(busy, machine=CARD)), "When the card has paid for itself")
    assert part.paragraphs[0].startswith("At this traffic the card is paid for after ")
    assert cells(part)["price of the card"] == ("$900.00",)

    idle = LocalSettings(card_usd=900, watts=300, idle_watts=200, usd_per_kwh=5)
    part = section(build_report(build_facts(machine=idle)), "When the card has paid for itself")
    assert "never pays for itself" in part.paragraphs[0]
    assert cells(part)["paid for after, at the latest"] == ("never, at this traffic",)
    assert cells(part)["saved in such a month, at least"][0].startswith("a loss of $")


def test_the_trend_is_told(build_facts):
    current = [RequestSpec(track="cloud"), RequestSpec(at=NOON + DAY), RequestSpec(at=NOON + 2 * DAY)]
    previous = [RequestSpec(at=NOON - DAY), RequestSpec(at=NOON - DAY, track="cloud")]
    report = build_report(build_facts([*current, *previous]))
    assert card(report, "Requests").note == "+50% on as many days before"
    assert card(report, "Stayed local").note == "50% in as many days before"
    assert section(report, "Where requests went").paragraphs == (
        "0% of requests stayed local in the first half of these days, 100% in the second.",
    )


def test_days_of_which_only_sums_are_kept_are_named(build_facts, ledger):
    from router.ledger.retention import prune

    post_requests(ledger, [RequestSpec(), RequestSpec(at=NOON + 2 * DAY)])
    prune(ledger.engine, NOON + DAY)
    report = build_report(build_facts())
    assert report.lead.startswith("100% of 2 requests")
    (sentence,) = [
        sentence
        for sentence in section(report, "What this report does not know").paragraphs
        if "kept from" in sentence
    ]
    assert sentence.startswith("Single requests are kept from 3 November 2026 on")


def test_latencies_need_enough_requests_for_a_tail(build_facts):
    few = section(build_report(build_facts([RequestSpec(track="cloud", seconds=4)])), "How fast answers came")
    assert few.tables[0].rows[0][2:] == ("1.0 s", "too few to tell", "1")
    many = [RequestSpec(seconds=4, conversation=f"c{n}") for n in range(40)]
    rows = section(build_report(build_facts(many)), "How fast answers came").tables[0].rows
    assert [row[:2] for row in rows[:2]] == [("local", "to the first token"), ("cloud", "to the first token")]
    assert rows[0][3] != "too few to tell"


def test_completions_are_counted_apart(build_facts):
    chats = [
        RequestSpec(track="cloud", rule="crosses files", seconds=8, conversation=f"c{n}") for n in range(2)
    ]
    chats.append(RequestSpec(seconds=8))
    typed = [
        RequestSpec(
            kind="autocomplete", rule="side-request", seconds=0.4, status=499 if n % 3 else 200, output=9
        )
        for n in range(30)
    ]
    alone, beside = build_report(build_facts(chats)), build_report(build_facts([*chats, *typed]))
    part = section(beside, "Autocomplete")
    assert part.paragraphs[0].startswith("Editors asked for 30 completions while somebody typed. 67% of them")
    assert part.tables[0].rows[0][:4] == ("local", "30", "10", "20")
    times = {row[:2]: row[2:] for row in part.tables[1].rows}
    assert times["local", "to the first token"][::2] == ("97 ms", "30")
    assert times["local", "to the end of the answer"][-1] == "10"
    for title in ("Where requests went", "How fast answers came", "Why requests went where they went"):
        if title in {each.title for each in alone.sections}:
            ours, theirs = section(alone, title), section(beside, title)
            for before, after in zip(ours.tables, theirs.tables, strict=True):
                assert [row for row in before.rows if "routing" not in row[1]] == [
                    row for row in after.rows if "routing" not in row[1]
                ]
    kinds = next(table for table in section(beside, "Who asked").tables if "Kinds" in table.caption)
    assert {row[0] for row in kinds.rows} == {"agent", "autocomplete"}


def test_nothing_but_completions_are_a_report(build_facts):
    report = build_report(build_facts([RequestSpec(kind="autocomplete")]))
    assert section(report, "Autocomplete")


def test_more_people_than_are_shown_are_counted(build_facts):
    report = build_report(build_facts([RequestSpec(user=f"u{n}") for n in range(14)]))
    captions = [table.caption for table in section(report, "Who asked").tables]
    assert "People, by requests; 4 more are not shown" in captions


@pytest.mark.parametrize(("team", "named"), [(None, "ada (core)"), ("core", "ada")])
def test_people_of_different_teams_are_told_apart(build_facts, team, named):
    report = build_report(build_facts([RequestSpec(), RequestSpec(team="docs")], team=team))
    assert named in cells(section(report, "Who asked"))
