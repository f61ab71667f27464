"""Deciding: a case for every line of it and for every shipped rule, and what can never happen."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.decide import Decision, LastDecision, State, decide, escalate, sets_hold
from policies.load import SHIPPED, load, parse
from policies.policy import Policy
from policies.privacy import Clearance
from policies.routing_input import RoutingInput

FREE = Clearance(allowed=True)
BOUND = Clearance(allowed=False, why="never_cloud: the conversation touches 'secrets/**'")
STATE = State(local_context=8192)
EASY = Verdict(p_local=0.9, kind="self-contained", why="")
HARD = Verdict(p_local=0.2, kind="issue-report", why="")
POLICIES = {name: load(name) for name in SHIPPED}
BALANCED = POLICIES["balanced"]
ON_LOCAL = LastDecision(track="local", model="", rule="self-contained", why="it was easy", turn=2)
ON_CLOUD = replace(ON_LOCAL, track="cloud", rule="crosses-files", why="it was hard")


def ask(**fields: Any) -> Features:
    return Features(**{"context_tokens": 500, "turns": 2, "ask": "x", **fields})


def decided(
    policy: Policy,
    features: Features | None = None,
    verdict: Verdict | None = EASY,
    state: State = STATE,
    *,
    requested: str = "auto",
    clearance: Clearance = FREE,
) -> Decision:
    return decide_any(policy, features or ask(), verdict, state, requested, clearance)


def decide_any(
    policy: Policy,
    features: Features | None,
    verdict: Verdict | None,
    state: State,
    requested: str = "auto",
    clearance: Clearance = FREE,
) -> Decision:
    """As `decided`, also where nothing could be read."""
    return decide(
        RoutingInput(
            policy=policy,
            features=features,
            verdict=verdict,
            state=state,
            requested_model=requested,
            clearance=clearance,
        )
    )


def policy(*lines: str, to: str = "cloud") -> Policy:
    text = "\n".join(
        ["name: mine", "params: {max_turn_calls: 40}", f"otherwise: {{to: {to}, why: other}}", *lines]
    )
    return parse(text, source="mine.yaml")


UP = replace(STATE, last=ON_LOCAL)
RULES = [
    # policy, features, verdict, state, track, rule
    ("balanced", ask(), EASY, STATE, "local", "self-contained"),
    ("balanced", ask(), HARD, STATE, "cloud", "otherwise"),
    ("balanced", ask(), replace(HARD, p_local=0.62), STATE, "local", "self-contained"),
    ("balanced", ask(server_tools=True), EASY, STATE, "cloud", "server-tools"),
    ("balanced", ask(images=1), EASY, STATE, "cloud", "images"),
    ("balanced", ask(), EASY, replace(STATE, local_up=False), "cloud", "local-down"),
    ("balanced", ask(context_tokens=6963), EASY, STATE, "local", "self-contained"),
    ("balanced", ask(context_tokens=6964), EASY, STATE, "cloud", "too-large"),
    ("balanced", ask(context_tokens=10**6), EASY, State(), "local", "self-contained"),
    ("balanced", ask(kind="autocomplete"), HARD, STATE, "local", "side-request"),
    ("balanced", ask(kind="housekeeping", files=30), HARD, STATE, "local", "side-request"),
    ("balanced", ask(kind="housekeeping", context_tokens=9000), HARD, STATE, "cloud", "too-large"),
    ("balanced", ask(kind="count"), HARD, STATE, "cloud", "otherwise"),
    ("balanced", ask(kind="count"), EASY, STATE, "local", "self-contained"),
    ("balanced", ask(kind="subagent"), EASY, STATE, "local", "self-contained"),
    ("balanced", ask(kind="summary", turns=3), EASY, replace(STATE, last=ON_CLOUD), "cloud", "summary-cloud"),
    ("balanced", ask(kind="summary", turns=3), HARD, replace(STATE, last=ON_LOCAL), "local", "summary-local"),
    (
        "balanced",
        ask(kind="summary", turns=3, context_tokens=9000),
        EASY,
        replace(STATE, last=ON_LOCAL),
        "cloud",
        "too-large",
    ),
    ("balanced", ask(kind="summary", files=9), HARD, STATE, "cloud", "crosses-files"),
    (
        "quality-first",
        ask(kind="summary", turns=3),
        EASY,
        replace(STATE, last=ON_CLOUD),
        "cloud",
        "summary-cloud",
    ),
    ("balanced", ask(files=3), EASY, STATE, "local", "self-contained"),
    ("balanced", ask(files=4), EASY, STATE, "cloud", "crosses-files"),
    ("balanced", ask(files_named=4), EASY, STATE, "cloud", "crosses-files"),
    ("balanced", ask(turn_calls=40), EASY, STATE, "cloud", "long-turn"),
    ("balanced", ask(), EASY, replace(STATE, local_wait_s=8.5), "cloud", "busy"),
    ("balanced", ask(turns=3, follow_up=True), EASY, replace(STATE, last=ON_CLOUD), "cloud", "goes-on-cloud"),
    ("balanced", ask(turns=3, follow_up=True), HARD, replace(STATE, last=ON_LOCAL), "local", "goes-on-local"),
    ("balanced", ask(follow_up=True), HARD, STATE, "cloud", "otherwise"),
    ("balanced", ask(tools_offered=40), EASY, STATE, "local", "self-contained"),
    ("local-first", ask(files=40), HARD, STATE, "local", "otherwise"),
    ("local-first", ask(server_tools=True), EASY, STATE, "cloud", "server-tools"),
    ("local-first", ask(images=1), EASY, STATE, "cloud", "images"),
    ("local-first", ask(), EASY, replace(STATE, local_up=False), "cloud", "local-down"),
    ("local-first", ask(context_tokens=8000), EASY, STATE, "cloud", "too-large"),
    ("local-first", ask(context_tokens=7000), EASY, STATE, "local", "otherwise"),
    ("quality-first", ask(), EASY, STATE, "local", "self-contained"),
    ("quality-first", ask(), replace(EASY, p_local=0.8), STATE, "cloud", "otherwise"),
    ("quality-first", ask(), replace(EASY, kind="question"), STATE, "cloud", "otherwise"),
    ("quality-first", ask(kind="housekeeping"), HARD, STATE, "local", "side-request"),
    ("quality-first", ask(files=2), EASY, STATE, "cloud", "crosses-files"),
    ("quality-first", ask(context_tokens=5000), EASY, STATE, "cloud", "too-large"),
    ("quality-first", ask(server_tools=True), EASY, STATE, "cloud", "server-tools"),
    ("quality-first", ask(images=1), EASY, STATE, "cloud", "images"),
    ("quality-first", ask(), EASY, replace(STATE, local_up=False), "cloud", "local-down"),
    ("quality-first", ask(), EASY, replace(STATE, local_wait_s=4), "cloud", "busy"),
    (
        "quality-first",
        ask(turns=3, follow_up=True),
        EASY,
        replace(STATE, last=ON_CLOUD),
        "cloud",
        "goes-on-cloud",
    ),
    ("private", ask(files=40), HARD, STATE, "local", "otherwise"),
]


@pytest.mark.parametrize("case", RULES, ids=lambda case: f"{case[0]}-{case[-1]}")
def test_shipped_rules(case):
    name, features, verdict, state, track, rule = case
    decision = decided(POLICIES[name], features, verdict, state)
    assert (decision.track, decision.rule) == (track, rule)
    assert decision.why
    assert decision.p_local == verdict.p_local
    assert not decision.held


def test_every_shipped_rule_has_a_case():
    tried = {(name, rule) for name, _, _, _, _, rule in RULES}
    shipped = {(name, rule.name) for name in SHIPPED if name != "observe" for rule in POLICIES[name].rules}
    assert shipped <= tried


@pytest.mark.parametrize("requested", ["auto", "cloud", "local", "claude-opus-5-5", ""])
@pytest.mark.parametrize("features", [ask(), ask(files=40), None])
def test_no_clearance_is_local_and_nowhere_else(requested, features):
    for policy in POLICIES.values():
        decision = decide_any(policy, features, HARD, replace(STATE, last=ON_CLOUD), requested, BOUND)
        assert (decision.track, decision.rule, decision.why) == ("local", "never_cloud", BOUND.why)
        assert decision.alternatives == ()
        assert decision.model == ""


@pytest.mark.parametrize(
    ("requested", "track"),
    [
        ("local", "local"),
        ("cloud", "cloud"),
        ("Local ", "local"),
        ("turnout/local", "local"),
        ("turnout-local", "local"),
        ("turnout/cloud", "cloud"),
        ("turnout-cloud", "cloud"),
    ],
)
@pytest.mark.parametrize("name", SHIPPED)
def test_a_track_that_the_client_names_wins(name, requested, track):
    state = replace(STATE, last=ON_CLOUD if track == "local" else ON_LOCAL, local_up=False)
    decision = decide_any(POLICIES[name], None, None, state, requested)
    assert (decision.track, decision.rule, decision.alternatives) == (track, "asked", ())


@pytest.mark.parametrize(
    ("requested", "model"),
    [
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("anthropic/claude-haiku-5-5", "claude-haiku-5-5"),
        ("auto", ""),
        ("turnout/auto", ""),
        ("gpt-6", ""),
        ("localhost", ""),
        ("", ""),
    ],
)
def test_any_other_name_lets_the_policy_decide_and_claude_keeps_its_model(requested, model):
    hard, easy = (
        decided(BALANCED, verdict=HARD, requested=requested),
        decided(BALANCED, verdict=EASY, requested=requested),
    )
    assert (hard.track, hard.model) == ("cloud", model)
    assert (easy.track, easy.model) == ("local", "")


class TestObserve:
    def test_requests_go_where_the_client_asked_and_the_rules_are_recorded(self):
        decision = decided(POLICIES["observe"], verdict=EASY, requested="claude-opus-5-5")
        assert (decision.track, decision.model, decision.rule) == ("cloud", "claude-opus-5-5", "observe")
        assert decision.would == "local"
        assert decision.why == "only observing; the rules say local: self-contained"

    def test_a_hard_one_would_be_cloud(self):
        assert decided(POLICIES["observe"], verdict=HARD).would == "cloud"

    def test_nothing_is_held(self):
        assert not decided(POLICIES["observe"], state=UP).held

    def test_other_policies_have_no_would(self):
        assert decided(BALANCED).would == ""


class TestHold:
    @pytest.mark.parametrize(("last", "verdict"), [(ON_LOCAL, HARD), (ON_CLOUD, EASY)])
    @pytest.mark.parametrize("kind", ["ask", "agent", "subagent", "count"])
    def test_a_turn_keeps_its_track(self, last, verdict, kind):
        decision = decided(BALANCED, ask(kind=kind, files=30), verdict, replace(STATE, last=last))
        assert decision.held
        assert (decision.track, decision.rule, decision.why) == (last.track, last.rule, last.why)

    def test_a_summary_takes_the_hold_where_no_rule_speaks_of_summaries(self):
        summary = ask(kind="summary")
        small = 'rules: [{when: "p_local > 0.5", to: local, why: small}]'
        assert decided(policy(small), summary, EASY, replace(STATE, last=ON_CLOUD)).held
        own = """rules: [{when: 'kind == "summary"', to: local, why: small}]"""
        decision = decided(policy(own), summary, EASY, replace(STATE, last=ON_CLOUD))
        assert (decision.held, decision.track) == (False, "local")

    def test_the_next_turn_is_decided_anew(self):
        decision = decided(BALANCED, ask(turns=3), HARD, UP)
        assert (decision.held, decision.track) == (False, "cloud")

    @pytest.mark.parametrize("kind", ["housekeeping", "autocomplete"])
    def test_what_runs_beside_the_main_loop_takes_no_hold(self, kind):
        assert not decided(BALANCED, ask(kind=kind), EASY, replace(STATE, last=ON_CLOUD)).held

    @pytest.mark.parametrize(
        ("kind", "sets"),
        [
            ("ask", True),
            ("agent", True),
            ("count", False),
            ("housekeeping", False),
            ("autocomplete", False),
            ("summary", False),
            ("subagent", True),
        ],
    )
    def test_only_the_main_loop_sets_one(self, kind, sets):
        assert sets_hold(ask(kind=kind)) is sets

    @pytest.mark.parametrize(
        ("features", "state", "why"),
        [
            (ask(context_tokens=8193), UP, "the prompt does not fit the local window"),
            (ask(turn_calls=40), UP, "the turn has gone on too long for the local model"),
            (ask(), replace(UP, local_up=False), "the local model is down or failed"),
        ],
    )
    def test_a_local_turn_moves_as_escalation_allows(self, features, state, why):
        decision = decided(BALANCED, features, EASY, state, requested="claude-opus-5-5")
        assert (decision.track, decision.rule, decision.why) == ("cloud", "escalate", why)
        assert decision.model == "claude-opus-5-5"
        assert not decision.held

    @pytest.mark.parametrize(
        ("features", "state"),
        [
            (ask(context_tokens=8192), UP),
            (ask(context_tokens=10**6), replace(UP, local_context=0)),
            (ask(turn_calls=39), UP),
            (ask(images=3, files=30), UP),
            (ask(turn_calls=40), replace(UP, budget_left_usd=0)),
        ],
    )
    def test_and_for_nothing_else(self, features, state):
        assert decided(BALANCED, features, HARD, state).track == "local"

    def test_another_ask_of_the_same_turn_is_decided_anew(self):
        last = replace(ON_LOCAL, ask_key="rewound")
        decision = decided(BALANCED, ask(ask_key="edited"), HARD, replace(STATE, last=last))
        assert (decision.held, decision.track) == (False, "cloud")

    @pytest.mark.parametrize(
        ("features", "held"),
        [
            (ask(turns=2, ask_key="k"), True),
            (ask(turns=1, ask_key="k", turn_calls=3), True),  # old messages were dropped
            (ask(turns=1, ask_key="k"), False),  # the same words, in another turn
            (ask(turns=2, ask_key="other", turn_calls=3), False),
            (ask(turns=0, ask_key="", turn_calls=3), True),  # compacted in the middle of the turn
            (ask(turns=2, ask_key="k.other", turn_calls=3), True),  # an old image was dropped
            (ask(turns=1, ask_key="k.other", turn_calls=3), True),  # so was what it goes on from
            (ask(turns=2, ask_key="k.other"), False),  # asked anew with an image
        ],
    )
    def test_a_hold_belongs_to_its_ask(self, features, held):
        last = replace(ON_CLOUD, ask_key="k")
        assert decided(BALANCED, features, EASY, replace(STATE, last=last)).held is held

    @pytest.mark.parametrize("hold", ["turn", "conversation"])
    @pytest.mark.parametrize(("age_s", "held"), [(0.0, True), (59.0, True), (61.0, False)])
    def test_a_hold_ages(self, hold, age_s, held):
        mine = policy(f"hold: {hold}", "hold_s: 60")
        state = replace(STATE, last=replace(ON_LOCAL, age_s=age_s))
        assert decided(mine, ask(), HARD, state).held is held

    def test_by_default_it_ages_an_hour_after_the_last_call(self):
        assert BALANCED.hold_s == 3600

    @pytest.mark.parametrize(
        ("change", "state", "rule"),
        [
            ({"images": 1}, {}, "images"),
            ({"server_tools": True}, {}, "server-tools"),
            ({"context_tokens": 7000}, {}, "too-large"),
            ({}, {"local_context": 499}, "escalate"),
            ({}, {"local_up": False}, "escalate"),
            ({"safeguards": True}, {}, "safeguards"),
        ],
    )
    def test_a_held_local_turn_moves_once_the_local_model_cannot_serve_it(self, change, state, rule):
        first = ask()
        last = replace(ON_LOCAL, features=first, verdict=EASY)
        later = replace(first, kind="agent", files=30, turn_calls=2, **change)
        decision = decided(BALANCED, later, HARD, replace(STATE, last=last, **state))
        assert (decision.track, decision.rule, decision.held) == ("cloud", rule, False)

    @pytest.mark.parametrize(
        "later",
        [
            ask(kind="agent", files=30, turn_calls=2),
            ask(kind="agent", files_named=9, tool_errors=9, repeats=9, turn_calls=39),
            ask(kind="agent", context_tokens=6900, turn_calls=2),
        ],
    )
    def test_and_not_because_the_work_looks_harder_than_it_did(self, later):
        last = replace(ON_LOCAL, features=ask(), verdict=EASY)
        decision = decided(BALANCED, later, HARD, replace(STATE, last=last, local_wait_s=60))
        assert (decision.track, decision.held) == ("local", True)

    def test_a_limit_within_a_rule_that_keeps_local_counts_as_well(self):
        mine = policy(
            'rules: [{name: small, when: "p_local > 0.5 && context_tokens < 1000", to: local, why: small}]'
        )
        last = replace(ON_LOCAL, features=ask(), verdict=EASY)
        state = replace(STATE, last=last)
        assert decided(mine, ask(context_tokens=900, turn_calls=1), HARD, state).held
        assert decided(mine, ask(context_tokens=1100, turn_calls=1), EASY, state).rule == "otherwise"

    def test_a_rule_that_kept_an_image_local_goes_on_doing_so(self):
        mine = policy(
            "rules:",
            "  - {name: mine, when: \"kind == 'ask'\", to: local, why: mine}",
            '  - {name: images, when: "images > 0", to: cloud, why: sees}',
        )
        last = replace(ON_LOCAL, features=ask(images=1), verdict=EASY)
        later = ask(kind="agent", images=1, turn_calls=1)
        assert decided(mine, later, EASY, replace(STATE, last=last)).held

    @pytest.mark.parametrize("later", [ask(turn_calls=3), ask(turn_calls=3, images=0, context_tokens=10)])
    def test_a_held_cloud_turn_never_comes_down(self, later):
        first = ask(images=1, context_tokens=90_000)
        last = replace(ON_CLOUD, rule="images", features=first, verdict=EASY)
        assert decided(BALANCED, later, EASY, replace(STATE, last=last)).held

    def test_while_nothing_is_left_to_spend_a_held_turn_stays(self):
        last = replace(ON_LOCAL, features=ask(), verdict=EASY)
        state = replace(STATE, last=last, budget_left_usd=0)
        assert decided(BALANCED, ask(images=1, turn_calls=1), EASY, state).track == "local"

    def test_a_policy_without_escalation_keeps_the_turn_local(self):
        decision = decided(policy(), ask(context_tokens=9000, turn_calls=90), HARD, UP)
        assert (decision.held, decision.track) == (True, "local")

    def test_a_cause_that_is_not_named_moves_nothing(self):
        mine = policy("escalate: {on: [local_error]}")
        assert decided(mine, ask(context_tokens=9000, turn_calls=90), HARD, UP).track == "local"

    def test_hold_none_decides_each_request(self):
        assert not decided(policy("hold: none"), ask(), EASY, UP).held

    def test_hold_conversation_keeps_later_turns_too(self):
        assert decided(policy("hold: conversation"), ask(turns=9), HARD, UP).held

    def test_a_held_local_turn_may_still_escalate(self):
        assert decided(BALANCED, ask(), HARD, UP).alternatives == ("cloud",)


class TestOutage:
    """What only the tracks' present state decided ends with the turn."""

    DOWN = replace(STATE, local_up=False)
    LAST = replace(ON_CLOUD, rule="local-down", temporary=True)

    @pytest.mark.parametrize(
        ("features", "verdict", "state", "temporary"),
        [
            (ask(), EASY, DOWN, True),
            (ask(), EASY, replace(STATE, local_wait_s=60), True),
            (ask(), HARD, DOWN, False),  # it belongs there anyway
            (ask(files=30), EASY, DOWN, False),
            (ask(), EASY, STATE, False),
            (ask(), HARD, STATE, False),
        ],
    )
    def test_a_decision_says_so(self, features, verdict, state, temporary):
        assert decided(BALANCED, features, verdict, state).temporary is temporary

    def test_whether_a_rule_names_the_outage_or_only_needs_the_track(self):
        mine = policy('rules: [{when: "local.up && p_local > 0.5", to: local, why: up and easy}]')
        decision = decided(mine, ask(), EASY, self.DOWN)
        assert (decision.rule, decision.temporary) == ("otherwise", True)

    def test_the_tool_loop_is_finished_where_it_began(self):
        decision = decided(BALANCED, ask(turn_calls=1), EASY, replace(STATE, last=self.LAST))
        assert (decision.track, decision.held, decision.temporary) == ("cloud", True, True)

    def test_the_same_prompt_again_is_decided_anew(self):
        decision = decided(BALANCED, ask(), EASY, replace(STATE, last=self.LAST))
        assert (decision.track, decision.held) == ("local", False)

    def test_so_is_what_goes_on_from_it(self):
        decision = decided(BALANCED, ask(turns=3, follow_up=True), EASY, replace(STATE, last=self.LAST))
        assert (decision.track, decision.rule) == ("local", "self-contained")

    def test_hold_conversation_holds_no_outage(self):
        mine = policy("hold: conversation", to="local")
        assert decided(mine, ask(turns=3), EASY, replace(STATE, last=self.LAST)).track == "local"

    def test_what_stayed_local_while_the_cloud_was_down_is_free_at_once(self):
        last = replace(ON_LOCAL, temporary=True)
        decision = decided(BALANCED, ask(turn_calls=3), HARD, replace(STATE, last=last))
        assert (decision.track, decision.held) == ("cloud", False)

    @pytest.mark.parametrize(
        ("cause", "temporary"),
        [("local_error", True), ("slow", True), ("overflow", False), ("bad_tool_call", False)],
    )
    def test_a_failure_of_the_local_model_is_no_property_of_the_work(self, cause, temporary):
        after = escalate(BALANCED, decided(BALANCED), cause, FREE, 1)
        assert after is not None
        assert after.temporary is temporary

    def test_a_held_turn_that_loses_its_model_is_one_too(self):
        decision = decided(BALANCED, ask(turn_calls=1), EASY, replace(UP, local_up=False))
        assert (decision.track, decision.rule, decision.temporary) == ("cloud", "escalate", True)


class TestBudget:
    MINE = policy(
        'rules: [{name: files, when: "files > 3", to: cloud, why: many}]',
        "budget: {team_month_usd: 200, over: local}",
        "escalate: {on: [overflow]}",
    )

    @pytest.mark.parametrize("features", [ask(files=9), ask(), None])
    def test_over_budget_is_local_and_does_not_escalate(self, features):
        decision = decide_any(self.MINE, features, HARD, replace(STATE, budget_left_usd=0))
        assert (decision.track, decision.rule, decision.alternatives) == ("local", "budget", ())

    def test_within_budget_the_rules_decide(self):
        assert decided(self.MINE, ask(files=9), HARD, replace(STATE, budget_left_usd=0.01)).rule == "files"

    def test_a_turn_already_on_the_cloud_goes_on_locally(self):
        state = replace(STATE, last=ON_CLOUD, budget_left_usd=-1)
        assert (
            decided(self.MINE, ask(), HARD, STATE).track,
            decided(self.MINE, ask(), HARD, state).rule,
        ) == (
            "cloud",
            "budget",
        )

    @pytest.mark.parametrize("name", SHIPPED)
    @pytest.mark.parametrize("requested", ["cloud", "turnout/cloud", "claude-opus-5-5", "auto"])
    def test_used_up_is_used_up_whatever_the_client_or_the_policy_says(self, name, requested):
        state = replace(STATE, last=ON_CLOUD, budget_left_usd=0, budget_why="nothing is left")
        decision = decide_any(POLICIES[name], None, None, state, requested)
        assert (decision.track, decision.alternatives) == ("local", ())
        if requested == "cloud":
            assert (decision.rule, decision.why) == ("budget", "nothing is left")

    def test_the_local_track_needs_no_money(self):
        state = replace(STATE, budget_left_usd=0)
        assert decide_any(self.MINE, None, None, state, "local").rule == "asked"


class TestUnreadable:
    def test_without_features_otherwise_serves(self):
        decision = decide_any(BALANCED, None, None, STATE, "claude-x")
        assert (decision.track, decision.model, decision.rule) == ("cloud", "claude-x", "unreadable")
        assert decision.why == "the request could not be read"

    def test_without_a_verdict_too(self):
        decision = decided(policy(to="local"), ask(), None)
        assert (decision.track, decision.rule, decision.p_local) == ("local", "unreadable", 0)

    def test_a_held_turn_stays_held_without_a_verdict(self):
        assert decided(BALANCED, ask(), None, UP).held

    def test_a_condition_that_fails_on_these_values_does_too(self):
        mine = policy('rules: [{name: bad, when: "int(local.wait_s) > 3", to: local, why: a}]')
        decision = decided(mine, ask(), EASY, replace(STATE, local_wait_s=float("inf")))
        assert (decision.track, decision.rule) == ("cloud", "unreadable")
        assert decision.why.startswith("a condition failed")


class TestAlternatives:
    @pytest.mark.parametrize(
        ("mine", "verdict", "expected"),
        [
            (BALANCED, EASY, ("cloud",)),
            (BALANCED, HARD, ()),
            (POLICIES["local-first"], EASY, ("cloud",)),
            (POLICIES["private"], EASY, ()),
            (policy("escalate: {on: [overflow], at_most: 0}", to="local"), EASY, ()),
            (policy("degrade: {on: [cloud_error]}"), HARD, ("local",)),
            (policy(), HARD, ()),
        ],
    )
    def test_they_come_from_escalate_and_degrade(self, mine, verdict, expected):
        assert decided(mine, verdict=verdict).alternatives == expected


class TestEscalate:
    @pytest.mark.parametrize(
        ("cause", "why"),
        [
            ("overflow", "the prompt does not fit the local window"),
            ("bad_tool_call", "the local model's tool call stayed invalid"),
            ("local_error", "the local model is down or failed"),
            ("slow", "the local model gave nothing useful in time"),
            ("unsupported", "the local model cannot do what this needs"),
        ],
    )
    def test_a_failed_local_attempt_goes_to_the_cloud(self, cause, why):
        first = decided(BALANCED, requested="claude-opus-5-5")
        after = escalate(BALANCED, first, cause, FREE, 1, requested_model="claude-opus-5-5")
        assert after is not None
        assert (after.track, after.rule, after.why) == ("cloud", "escalate", why)
        assert after.model == "claude-opus-5-5"
        assert after.alternatives == ()
        assert after.p_local == first.p_local

    @pytest.mark.parametrize("cause", ["private", "no_credential", "cloud_error", "anything"])
    def test_other_causes_do_not(self, cause):
        assert escalate(BALANCED, decided(BALANCED), cause, FREE, 1) is None

    def test_not_more_often_than_the_policy_says(self):
        assert escalate(BALANCED, decided(BALANCED), "overflow", FREE, 2) is None

    def test_not_without_clearance(self):
        assert escalate(BALANCED, decided(BALANCED), "overflow", BOUND, 1) is None

    def test_not_for_a_cause_the_policy_does_not_name(self):
        mine = policy("escalate: {on: [overflow]}", to="local")
        assert escalate(mine, decided(mine), "bad_tool_call", FREE, 1) is None

    def test_not_from_a_track_the_client_named(self):
        assert escalate(BALANCED, decided(BALANCED, requested="local"), "overflow", FREE, 1) is None

    @pytest.mark.parametrize(
        ("cause", "why"),
        [
            ("no_credential", "there is no credential for the cloud"),
            ("cloud_error", "the cloud failed"),
        ],
    )
    def test_a_failed_cloud_attempt_degrades_where_the_policy_says(self, cause, why):
        mine = policy("degrade: {on: [no_credential, cloud_error]}")
        after = escalate(mine, decided(mine), cause, FREE, 1)
        assert after is not None
        assert (after.track, after.rule, after.why) == ("local", "degrade", why)

    def test_and_nowhere_else(self):
        assert escalate(BALANCED, decided(BALANCED, verdict=HARD), "cloud_error", FREE, 1) is None
        mine = policy("degrade: {on: [no_credential]}")
        assert escalate(mine, decided(mine), "cloud_error", FREE, 1) is None

    def test_a_request_moves_once(self):
        mine = POLICIES["local-first"]
        after = escalate(mine, decided(mine), "overflow", FREE, 1)
        assert after is not None
        assert escalate(mine, after, "cloud_error", FREE, 2) is None


COUNTS = st.integers(0, 10**9)
FEATURES = st.none() | st.builds(
    Features,
    kind=st.sampled_from(["ask", "agent", "autocomplete", "housekeeping", "summary", "subagent", "count"]),
    context_tokens=COUNTS,
    files=COUNTS,
    files_named=COUNTS,
    turns=st.integers(0, 3),
    turn_calls=COUNTS,
    ask_key=st.sampled_from(["", "k"]),
    images=st.integers(0, 2),
    server_tools=st.booleans(),
    follow_up=st.booleans(),
    ask=st.text(max_size=30),
)
VERDICTS = st.none() | st.builds(Verdict, p_local=st.floats(0, 1), kind=st.text(max_size=9), why=st.just(""))
LAST = st.none() | st.builds(
    replace,
    st.sampled_from([ON_LOCAL, ON_CLOUD]),
    temporary=st.booleans(),
    age_s=st.sampled_from([0.0, 1e9]),
    features=st.none() | st.just(ask()),
    verdict=st.just(EASY),
)
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
STATES = st.builds(
    State,
    local_context=COUNTS,
    local_wait_s=NUMBERS,
    local_up=st.booleans(),
    cloud_up=st.booleans(),
    budget_left_usd=NUMBERS,
    last=LAST,
)
NAMES = st.sampled_from(["auto", "local", "cloud", "claude-sonnet-5-5", ""]) | st.text(max_size=12)
CAUSES = st.sampled_from(
    ["overflow", "bad_tool_call", "local_error", "cloud_error", "no_credential", "slow", "?"]
)
MINE = [
    *POLICIES.values(),
    policy(
        "degrade: {on: [cloud_error, no_credential]}", "budget: {team_month_usd: 1}", "hold: conversation"
    ),
    policy("escalate: {on: [overflow, turn_too_long, slow], first_byte_s: 1, at_most: 3}", to="local"),
]


@given(
    mine=st.sampled_from(MINE),
    read=st.tuples(FEATURES, VERDICTS),
    state=STATES,
    requested=NAMES,
    failure=st.tuples(CAUSES, st.integers(1, 4)),
)
@settings(max_examples=400, deadline=None)
@pytest.mark.parametrize("allowed", [True, False])
def test_whatever_comes_it_is_decided_and_nothing_leaves_without_clearance(
    *, mine, read, state, requested, failure, allowed
):
    (features, verdict), (cause, attempts) = read, failure
    clearance = FREE if allowed else BOUND
    decision = decide_any(mine, features, verdict, state, requested, clearance)
    assert decision.track in {"local", "cloud"}
    assert decision.rule
    assert decision.why
    assert decision.track not in decision.alternatives
    after = escalate(mine, decision, cause, clearance, attempts, requested_model=requested)
    if not allowed:
        assert decision.track == "local"
        assert decision.alternatives == ()
        assert after is None
    if after is not None:
        assert after.track != decision.track


@given(FEATURES, VERDICTS, STATES, NAMES)
@settings(max_examples=100, deadline=None)
def test_deciding_twice_gives_the_same(features, verdict, state, requested):
    first = decide_any(BALANCED, features, verdict, state, requested)
    assert decide_any(BALANCED, features, verdict, state, requested) == first


GUARD, REVIEWED = ask(kind="guard"), ask(safeguards=True)


class TestGuard:
    @pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
    @pytest.mark.parametrize("verdict", [EASY, HARD, None])
    @pytest.mark.parametrize("state", [STATE, UP, replace(STATE, cloud_up=False, local_up=False)])
    @pytest.mark.parametrize(
        ("requested", "model"),
        [
            ("claude-haiku-9", "claude-haiku-9"),
            ("anthropic/claude-haiku-9", "claude-haiku-9"),
            ("gpt-9-mini", "gpt-9-mini"),
            ("some/Judge-1", "some/Judge-1"),
            ("auto", ""),
            ("", ""),
        ],
    )
    def test_it_goes_to_the_model_that_was_named(self, policy, verdict, state, requested, model):
        decision = decided(policy, GUARD, verdict, state, requested=requested)
        assert (decision.track, decision.rule, decision.model) == ("cloud", "guard", model)
        assert (decision.held, decision.alternatives, decision.refusal) == (False, (), "")

    @pytest.mark.parametrize("requested", ["local", "openai/local", "small", "openai/Small"])
    @pytest.mark.parametrize("clearance", [FREE, BOUND])
    def test_one_that_names_the_local_model_gets_it(self, requested, clearance):
        state = replace(STATE, local_model="small", budget_left_usd=0)
        decision = decided(BALANCED, GUARD, HARD, state, requested=requested, clearance=clearance)
        assert (decision.track, decision.alternatives, decision.refusal) == ("local", (), "")

    @pytest.mark.parametrize("features", [GUARD, REVIEWED])
    @pytest.mark.parametrize("requested", ["claude-haiku-9", "auto", "cloud", "gpt-9"])
    @pytest.mark.parametrize(
        ("state", "clearance", "rule", "reason"),
        [
            (STATE, BOUND, "never_cloud", BOUND.why),
            (replace(UP, budget_left_usd=0), FREE, "budget", STATE.budget_why),
        ],
    )
    def test_where_it_may_not_go_it_is_refused(self, features, requested, state, clearance, rule, reason):
        decision = decided(BALANCED, features, EASY, state, requested=requested, clearance=clearance)
        assert decision.rule == rule
        assert decision.refusal.startswith(reason)
        assert decision.alternatives == ()

    def test_a_failed_judge_is_replaced_by_none(self):
        mine = policy("degrade: {on: [no_credential, cloud_error], to: local}")
        decision = decided(mine, GUARD, requested="claude-haiku-9")
        for cause in ("cloud_error", "no_credential", "slow"):
            assert escalate(mine, decision, cause, FREE, 1, requested_model="claude-haiku-9") is None

    def test_no_rule_moves_it(self):
        mine = policy("rules: [{name: mine, when: \"kind == 'guard'\", to: local, why: mine}]", to="local")
        assert decided(mine, GUARD, requested="claude-haiku-9").rule == "guard"

    def test_it_neither_sets_nor_takes_a_hold(self):
        assert not sets_hold(GUARD)
        assert not decided(policy("hold: conversation", to="local"), GUARD, state=UP).held


class TestWhatTheProviderAloneCanServe:
    @staticmethod
    def decided(requested="auto", state=UP, clearance=FREE, to="local"):
        return decide(
            RoutingInput(
                policy=policy(to=to),
                features=ask(),
                verdict=EASY,
                state=state,
                requested_model=requested,
                clearance=clearance,
                provider_field="previous_response_id",
            )
        )

    def test_it_goes_to_the_cloud_and_nowhere_else(self):
        decision = self.decided()
        assert (decision.track, decision.rule) == ("cloud", "provider_only")
        assert decision.why == "only the provider can serve `previous_response_id`"
        assert decision.alternatives == ()

    def test_money_and_privacy_come_first(self):
        used_up = replace(UP, budget_left_usd=0.0)
        assert self.decided(state=used_up).rule == "budget"
        assert self.decided(clearance=Clearance(allowed=False, why="no")).rule == "never_cloud"

    @pytest.mark.parametrize("track", ["local", "cloud"])
    def test_who_names_a_track_gets_it(self, track):
        decision = self.decided(requested=track)
        assert (decision.track, decision.rule) == (track, "asked")


class TestSafeguards:
    @pytest.mark.parametrize(
        ("requested", "model"), [("claude-opus-9", "claude-opus-9"), ("auto", ""), ("gpt-9", "")]
    )
    @pytest.mark.parametrize("state", [STATE, UP])
    def test_they_need_the_cloud(self, state, requested, model):
        for each in (BALANCED, policy(to="local")):
            decision = decided(each, REVIEWED, EASY, state, requested=requested)
            assert (decision.track, decision.rule, decision.model) == ("cloud", "safeguards", model)
            assert decision.alternatives == ()

    def test_the_local_model_has_none(self):
        decision = decided(BALANCED, REVIEWED, requested="local")
        assert "`safeguards`" in decision.refusal

    def test_counting_needs_none(self):
        assert decided(BALANCED, ask(kind="count", safeguards=True), EASY).refusal == ""


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "openai/",
        "litellm_proxy/",
        "custom_openai/",
        "turnout/",
        "openrouter/",
        "openai:",
        "a/b/",
        "ollama/",
        "anthropic/",
        "ollama_chat/",
    ],
)
@pytest.mark.parametrize(
    ("name", "track"),
    [
        ("local", "local"), ("cloud", "cloud"), ("LOCAL", "local"), ("local:latest", "local"),
        ("local[1m]", "local"), ("cloud[1M]", "cloud"), ("cloud[1m]:latest", "cloud"),
        ("local:8b", "local"), ("local:q4_K_M", "local"), ("local:latest[1m]", "local"),
        ("local:cloud", "local"),
    ],
)  # fmt: skip
def test_a_providers_prefix_hides_no_name(prefix, name, track):
    decision = decided(BALANCED, ask(files=9), HARD, requested=prefix + name)
    assert (decision.track, decision.rule) == (track, "asked")


@pytest.mark.parametrize(
    "requested",
    [
        "anthropic/claude-opus-9",
        "openrouter/anthropic/claude-opus-9",
        "litellm_proxy/claude-opus-9",
        "anthropic:claude-opus-9",
        "claude-opus-9:latest",
        "ollama/claude-opus-9:latest",
        "CLAUDE-OPUS-9",
        "claude-opus-9:7B",
        "us.anthropic.claude-opus-9",
    ],
)
def test_nor_a_claude_models(requested):
    assert decided(BALANCED, verdict=HARD, requested=requested).model == "claude-opus-9"


def test_the_window_of_a_claude_model_is_the_providers_to_read():
    assert decided(BALANCED, verdict=HARD, requested="a/claude-opus-9[1m]").model == "claude-opus-9[1m]"


@pytest.mark.parametrize("requested", ["auto[1m]", "auto:latest", "auto:8b", "turnout/auto[1m]"])
def test_auto_is_the_policys_in_any_spelling(requested):
    decision = decided(BALANCED, ask(files=9), HARD, requested=requested)
    assert (decision.rule == "asked", decision.model) == (False, "")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_bare_prompt_is_completed_here_and_nowhere_else(name):
    decision = decide_any(
        POLICIES[name], ask(kind="autocomplete", context_tokens=9_999_999), HARD, STATE, "auto"
    )
    assert (decision.track, decision.alternatives) == ("local", ())


def test_what_a_policy_says_of_it_is_told_apart():
    eager = policy("rules: [{when: \"kind == 'autocomplete'\", to: cloud, why: try}]")
    decision = decided(eager, ask(kind="autocomplete"), HARD)
    assert (decision.track, decision.rule, decision.model) == ("local", "completion", "")
    named = decided(eager, ask(kind="autocomplete"), HARD, requested="cloud")
    assert (named.track, named.rule) == ("cloud", "asked")  # and is refused there


@pytest.mark.parametrize(("named", "requested"), [("coder:latest", "coder"), ("coder", "coder:latest")])
def test_a_tag_makes_no_other_model_of_the_local_one(named, requested):
    state = replace(STATE, local_model=named)
    assert decided(BALANCED, verdict=HARD, state=state, requested=requested).rule == "asked"


def test_the_local_models_own_name_is_its_track():
    state = replace(STATE, local_model="Qwen/Coder-7B")
    for requested in ("Qwen/Coder-7B", "qwen/coder-7b", "hosted_vllm/Qwen/Coder-7B"):
        assert decided(BALANCED, verdict=HARD, state=state, requested=requested).rule == "asked"
    assert decided(BALANCED, verdict=HARD, state=state, requested="Coder-7B").rule == "otherwise"
