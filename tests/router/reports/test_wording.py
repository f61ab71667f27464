"""What a report says in words: losses by name, gaps in sentences, nothing unknown as zero."""

import pytest
from happenings import DAY, NOON, Happened, happen

from router.accounts.teams import Budget, Team, Terms
from router.reports.wording import tell
from router.settings import LocalSettings

CARD = LocalSettings(card_usd=900, watts=300, usd_per_kwh=0.3)


def section(story, title):
    (found,) = [one for one in story.sections if one.title == title]
    return found


def cells(one):
    return {row[0]: row[1:] for table in one.tables for row in table.rows}


def card(story, name):
    return next((one for one in story.cards if one.name == name), None)


def everything(story):
    """Every sentence and cell."""
    yield from (story.title, story.period, story.lead, story.made, *story.warnings)
    for one in story.cards:
        yield from (one.name, one.figure, one.note)
    for part in story.sections:
        yield from (part.title, *part.says, *part.notes)
        for table in part.tables:
            yield from (table.caption, *table.columns)
            for row in table.rows:
                assert len(row) == len(table.columns)
                yield from row


def test_a_saving_is_told_with_its_baseline_and_range(reported):
    story = tell(reported([Happened(), Happened(conversation="c", at=NOON + 60), Happened(track="cloud")]))
    assert story.lead.startswith("67% of 3 requests stayed on your own machine. Routing saved $")
    money = cells(section(story, "What it cost, and what it saved"))
    warm, cold = money["what clients asked for would have cost"]
    assert warm != cold
    assert money["saved"][0] == card(story, "Saved").figure
    assert card(story, "Saved").mood == "good"


def test_negative_savings_are_a_loss(reported):
    # it asked for the local model, which is free, and the cloud had to answer
    story = tell(reported([Happened(asked="local", track="cloud", moved="overflow")]))
    assert "That was a loss: routing cost $0.03 more" in story.lead
    assert card(story, "Lost").figure == "$0.03"
    assert card(story, "Lost").mood == "bad"
    assert card(story, "Saved") is None
    money = section(story, "What it cost, and what it saved")
    assert money.says[0].startswith("Routing was a loss of $0.03")
    assert cells(money)["saved"] == ("a loss of $0.03", "a loss of $0.03")
    assert not any("-$" in text or "$-" in text for text in everything(story))


def test_unknown_prices_are_not_known(reported):
    story = tell(reported([Happened(track="cloud", model="mystery", asked="mystery", rule="files")]))
    assert card(story, "Spent").figure == "not known"
    assert card(story, "Saved").figure == "not known"
    assert "what that saved is not known" in story.lead
    assert cells(section(story, "Why"))["files"][-2:] == ("not known", "not known")
    assert "1 request has no known cost." in section(story, "What this report does not know").says


def test_what_is_known_in_part_is_at_least(reported):
    known = Happened(track="cloud")
    story = tell(reported([known, Happened(track="cloud", model="mystery", asked="mystery")]))
    assert card(story, "Spent").figure == "at least $0.03"
    assert card(story, "Spent").note == "1 request of unknown price"


def test_a_request_under_way_costs_nobody_knows_what(reported):
    story = tell(reported([Happened(ended=False)]))
    assert card(story, "Spent").figure == "not known"
    says = section(story, "What this report does not know").says
    assert "1 request is under way or cut off by a crash." in says


def test_nothing_happened(reported, ledger):
    story = tell(reported())
    assert story.lead == "No request was made in these days."
    assert [one.title for one in story.sections] == ["Nothing to report"]
    assert "turnout serve" in story.sections[0].says[0]
    assert not story.cards
    happen(ledger, [Happened(at=NOON + 5 * DAY)])
    assert "The ledger begins later, on 6 November 2026." in tell(reported()).sections[0].says


def test_moves_are_told_by_cause(reported):
    story = tell(
        reported(
            [
                Happened(track="cloud", moved="bad_tool_call"),
                Happened(track="local", moved="no_credential"),
            ]
        )
    )
    rows = {row[1]: row[0] for row in section(story, "Moved to the other track").tables[0].rows}
    assert rows == {
        "its tool call stayed invalid after a second try": "escalated: local to cloud",
        "there was no key for the provider": "failed over: cloud to local",
    }


def test_what_had_to_stay_is_proven_or_cried_out(reported, ledger):
    story = tell(reported([Happened(private="never_cloud: secrets", rule="never_cloud")]))
    proof = cells(section(story, "What had to stay"))
    assert proof["held back by never_cloud"] == ("1",)
    assert proof["of these, with any attempt at the cloud"] == ("0",)
    assert story.warnings == ()
    assert card(story, "Had to stay").note == "and none left"

    happen(ledger, [Happened(private="never_cloud: secrets", leaked=True)], first=1)
    story = tell(reported())
    assert cells(section(story, "What had to stay"))["of these, with any attempt at the cloud"] == ("1",)
    assert "1 request that had to stay on this machine has an attempt at the cloud" in story.warnings[0]
    assert card(story, "Had to stay").mood == "bad"
    assert "This must not happen" in section(story, "What had to stay").says[0]


def test_budgets_of_the_team_and_its_keys(reported, ledger):
    budget = Budget(usd=0.02, per="month")
    ledger.accounts.add_team(Team(name="core", terms=Terms(budget=budget)))
    ledger.accounts.add_team(Team(name="docs", terms=Terms(budget=Budget(usd=5))))
    ledger.accounts.create_key(
        team="core", user="ada", name="laptop", terms=Terms(budget=Budget(usd=1, per="day", over="error"))
    )
    facts = reported([Happened(track="cloud"), Happened(rule="budget")], now=NOON + 3600)
    told = section(tell(facts), "Budgets")
    assert cells(told)["team core"] == (
        "month", "$0.02", "$0.03", "150%", "30 November 2026", "goes local",
    )  # fmt: skip
    assert cells(told)["key laptop of ada (team core)"][-1] == "is refused"
    assert told.says == (
        "Used up: team core.",
        "In these days 1 request went to the local model because a budget was used up.",
    )
    own = section(tell(reported(now=NOON + 3600, team="docs")), "Budgets")
    assert list(cells(own)) == ["team docs"]


def test_the_card_pays_for_itself_or_never(reported):
    busy = [Happened(at=NOON + n, input=100_000, conversation=f"c{n}") for n in range(30)]
    told = section(tell(reported(busy, machine=CARD)), "When the card has paid for itself")
    assert told.says[0].startswith("At this traffic the card is paid for after ")
    assert cells(told)["price of the card"] == ("$900.00",)

    idle = LocalSettings(card_usd=900, watts=300, idle_watts=200, usd_per_kwh=5)
    told = section(tell(reported(machine=idle)), "When the card has paid for itself")
    assert "never pays for itself" in told.says[0]
    assert cells(told)["paid for after, at the latest"] == ("never, at this traffic",)
    assert cells(told)["saved in such a month, at least"][0].startswith("a loss of $")


def test_the_trend_is_told(reported):
    told = [Happened(track="cloud"), Happened(at=NOON + DAY), Happened(at=NOON + 2 * DAY)]
    before = [Happened(at=NOON - DAY), Happened(at=NOON - DAY, track="cloud")]
    story = tell(reported([*told, *before]))
    assert card(story, "Requests").note == "+50% on as many days before"
    assert card(story, "Stayed local").note == "50% in as many days before"
    assert section(story, "Where requests went").says == (
        "0% of requests stayed local in the first half of these days, 100% in the second.",
    )


def test_days_of_which_only_sums_are_kept_are_named(reported, ledger):
    from router.ledger.retention import prune

    happen(ledger, [Happened(), Happened(at=NOON + 2 * DAY)])
    prune(ledger.engine, NOON + DAY)
    story = tell(reported())
    assert story.lead.startswith("100% of 2 requests")
    (told,) = [one for one in section(story, "What this report does not know").says if "kept from" in one]
    assert told.startswith("Single requests are kept from 3 November 2026 on")


def test_latencies_need_enough_requests_for_a_tail(reported):
    few = section(tell(reported([Happened(track="cloud", seconds=4)])), "How fast answers came")
    assert few.tables[0].rows[0][2:] == ("1.0 s", "too few to tell", "1")
    many = [Happened(seconds=4, conversation=f"c{n}") for n in range(40)]
    rows = section(tell(reported(many)), "How fast answers came").tables[0].rows
    assert [row[:2] for row in rows[:2]] == [("local", "to the first token"), ("cloud", "to the first token")]
    assert rows[0][3] != "too few to tell"


def test_more_people_than_are_shown_are_counted(reported):
    story = tell(reported([Happened(user=f"u{n}") for n in range(14)]))
    captions = [table.caption for table in section(story, "Who asked").tables]
    assert "People, by requests; 4 more are not shown" in captions


@pytest.mark.parametrize(("team", "named"), [(None, "ada (core)"), ("core", "ada")])
def test_people_of_different_teams_are_told_apart(reported, team, named):
    story = tell(reported([Happened(), Happened(team="docs")], team=team))
    assert named in cells(section(story, "Who asked"))
