"""A held local turn that does not go well moves up: which setback, when, and at which price."""

from dataclasses import replace

import pytest

from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.decide import decide
from policies.decision import LastDecision, Move, State
from policies.load import parse
from policies.privacy import Clearance
from policies.routing_input import RoutingInput

LAST = LastDecision(track="local", model="", rule="easy", why="it was easy", turn=1)
PAYS = Move(tokens=8_000, usd=0.02, saved_usd=0.03)
DEAR = Move(tokens=80_000, usd=0.2, saved_usd=0.03)
STATE = State(local_context=32_768, last=LAST, move=PAYS)
CALL_FAILED = Features(turns=1, turn_calls=4, kind="agent", same_call_failed=2, context_tokens=8_000)
FREE = Clearance(allowed=True)
EASY = Verdict(p_local=0.9, kind="self-contained", why="")


def policy(escalate: str = "on: [same_call_failed]", more: str = ""):
    text = f"name: mine\notherwise: {{to: local, why: easy}}\nescalate: {{{escalate}}}\n{more}\n"
    return parse(text, source="p.yaml")


def decided(mine=None, features=CALL_FAILED, state=STATE, clearance=FREE, asked="auto"):
    return decide(
        RoutingInput(
            policy=mine or policy(),
            features=features,
            verdict=EASY,
            state=state,
            requested_model=asked,
            clearance=clearance,
        )
    )


def test_a_move_says_why_and_what_it_costs():
    decision = decided()
    assert (decision.track, decision.rule, decision.held) == ("cloud", "escalate", False)
    assert (decision.cause, decision.move_usd) == ("same_call_failed", 0.02)
    assert decision.why == (
        "the same tool call failed again; a move costs $0.0200 for 8,000 tokens that are cached nowhere"
    )


SETBACKS = {
    "on: [same_call_failed]": ({"same_call_failed": 1}, {"same_call_failed": 2}),
    "on: [overflow], same_call_failed: 3": ({"same_call_failed": 2}, {"same_call_failed": 3}),
    "on: [same_test_failed]": ({"same_test_failed": 1}, {"same_test_failed": 2}),
    "on: [edit_rejected]": ({"edits_rejected": 1}, {"edits_rejected": 2}),
    "on: [edit_rejected], edit_rejected: 1": ({"edits_rejected": 0}, {"edits_rejected": 1}),
    "on: [error_streak], error_streak: 4": ({"error_streak": 3}, {"error_streak": 4}),
    "on: [no_edit_after], no_edit_after: 12": ({"turn_calls": 11}, {"turn_calls": 12}),
    "on: [overflow], no_edit_after: 12": ({"turn_calls": 30, "turn_edits": 1}, {"turn_calls": 30}),
    "on: [overflow], window_filled: 0.9": ({"context_tokens": 29_490}, {"context_tokens": 29_492}),
}


@pytest.mark.parametrize("escalate", SETBACKS)
def test_each_setback_moves_from_its_number_on(escalate):
    before, after = (
        replace(CALL_FAILED, **{"same_call_failed": 0, **fields}) for fields in SETBACKS[escalate]
    )
    assert decided(policy(escalate), before).held
    assert decided(policy(escalate), after).track == "cloud"


STAYS = {
    "a call is open": ({"features": replace(CALL_FAILED, mid_step=True)}),
    "a summary is wanted": ({"features": replace(CALL_FAILED, kind="summary")}),
    "tokens are counted": ({"features": replace(CALL_FAILED, kind="count")}),
    "no turn may escalate": ({"mine": policy("on: [same_call_failed], at_most: 0")}),
    "the cloud is down": ({"state": replace(STATE, cloud_up=False)}),
    "the money is used up": ({"state": replace(STATE, budget_left_usd=0.0)}),
    "it cannot be moved": ({"state": replace(STATE, move=None)}),
    "it must not leave": ({"clearance": Clearance(allowed=False, why="never_cloud")}),
    "the client named the model": ({"asked": "local"}),
    "the policy names no setback": ({"mine": policy("on: [overflow]")}),
}


@pytest.mark.parametrize("case", STAYS)
def test_the_turn_stays_where(case):
    assert decided().track == "cloud"
    decision = decided(**STAYS[case])
    assert (decision.track, decision.move_usd, decision.cause) == ("local", None, "")


def test_a_turn_on_the_cloud_stays_there_and_a_new_ask_is_judged_anew():
    moved = replace(LAST, track="cloud", rule="escalate")
    assert decided(state=replace(STATE, last=moved)).held
    assert decided(state=replace(STATE, last=moved)).track == "cloud"
    anew = decided(features=Features(turns=2, ask_key="other"), state=replace(STATE, last=moved))
    assert (anew.track, anew.rule) == ("local", "otherwise")


def test_what_does_not_pay_is_not_moved_unless_the_policy_asks_for_it():
    dear = replace(STATE, move=DEAR)
    decision = decided(state=dear)
    assert (decision.track, decision.held) == ("local", True)
    assert decision.why == (
        "it was easy; the same tool call failed again, but a move costs $0.2000 for 80,000 tokens that are "
        "cached nowhere"
    )
    assert decided(policy("on: [same_call_failed], max_usd: 0.19"), state=dear).track == "local"
    assert decided(policy("on: [same_call_failed], max_usd: 0.2"), state=dear).track == "cloud"


def test_what_nobody_knows_the_price_of_is_not_moved():
    unknown = replace(STATE, move=Move(tokens=8_000, usd=None))
    decision = decided(policy("on: [same_call_failed], max_usd: 5"), state=unknown)
    assert decision.track == "local"
    assert decision.why.endswith("but the price of a move with 8,000 tokens is not known")
