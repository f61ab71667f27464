"""Explaining: every rule with its values, and changes that are true when they are made."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from classifiers.features import TEXTS, Features
from classifiers.rules import RuleClassifier
from classifiers.verdict import Verdict
from policies.decide import LastDecision, State
from policies.explain import Explanation, explain, to_dict
from policies.load import load, parse
from policies.policy import Policy
from policies.privacy import Clearance
from policies.routing_input import RoutingInput

BALANCED = load("balanced")
EASY = Verdict(p_local=0.9, kind="self-contained", why="asks for one function")
FREE = Clearance(allowed=True)
STATE = State(local_context=8192)


def explained(
    features: Features | None, verdict: Verdict | None = EASY, state: State = STATE, **more: Any
) -> Explanation:
    classifier = more.pop("classifier", None)
    values = {"policy": BALANCED, "requested_model": "auto", "clearance": FREE, **more}
    return explain(RoutingInput(features=features, verdict=verdict, state=state, **values), classifier)


def one_rule(when: str) -> Policy:
    rules = f'rules: [{{when: "{when}", to: cloud, why: c}}]'
    return parse(f"name: a\notherwise: {{to: local, why: b}}\n{rules}\n", source="p.yaml")


def changes(explanation: Explanation) -> dict[str, str]:
    return {change.when: f"{change.track} ({change.rule})" for change in explanation.changes}


def test_every_rule_is_told_with_its_values():
    lines = {line.rule: line for line in explained(Features(files=12, context_tokens=700)).rules}
    assert list(lines) == [rule.name for rule in BALANCED.rules]
    crosses = lines["crosses-files"]
    assert crosses.because == "files = 12, params.max_files = 4, files_named = 0"
    assert crosses.matched
    assert crosses.decided
    easy = lines["self-contained"]
    assert easy.matched
    assert not easy.decided
    assert lines["side-request"].because == "kind = 'ask'"
    assert lines["local-down"].because == "local.up = true"
    assert lines["self-contained"].because == "p_local = 0.9, params.min_p_local = 0.62"


@pytest.mark.parametrize(
    ("features", "verdict", "expected"),
    [
        (Features(files=12), EASY, ["files < 4", "params.max_files >= 13"]),
        (Features(), replace(EASY, p_local=0.3), ["p_local >= 0.62", "params.min_p_local < 0.31"]),
        (
            Features(context_tokens=9000),
            EASY,
            ["local.context >= 10589", "context_tokens < 6964", "params.window >= 1.1"],
        ),
        (Features(server_tools=True), EASY, ["server_tools = false"]),
        (Features(images=2), EASY, ["images < 1", "local.vision = true"]),
        (Features(server_tools=True, images=1), EASY, []),
    ],
)
def test_what_would_have_made_it_local(features, verdict, expected):
    assert changes(explained(features, verdict)) == dict.fromkeys(expected, "local (self-contained)")


def test_what_would_have_made_it_cloud():
    flips = changes(explained(Features(context_tokens=700)))
    assert flips["files >= 4"] == "cloud (crosses-files)"
    assert flips["turn_calls >= 40"] == "cloud (long-turn)"
    assert flips["local.up = false"] == "cloud (local-down)"
    assert flips["p_local < 0.62"] == "cloud (otherwise)"
    assert flips["context_tokens >= 6964"] == "cloud (too-large)"
    assert flips["local.wait_s >= 8.01"] == "cloud (busy)"


def test_with_a_classifier_a_change_is_true_of_the_whole_path():
    """Many files lower p_local too: without classifying anew, no number of files seems to help."""
    features = Features(files=12, ask="Write a function to add two numbers", turns=1)
    verdict = RuleClassifier().classify(features)
    assert changes(explained(features, verdict)) == {}
    explanation = explained(features, verdict, classifier=RuleClassifier())
    assert changes(explanation) == {"files < 4": "local (self-contained)"}


def test_a_held_turn_tells_what_moves_it():
    last = LastDecision(track="local", model="", rule="self-contained", why="easy", turn=1)
    explanation = explained(Features(turns=1, files=30), EASY, replace(STATE, last=last))
    assert explanation.decision.held
    assert not any(line.decided for line in explanation.rules)
    flips = changes(explanation)
    assert flips["context_tokens >= 8193"] == "cloud (escalate)"
    assert flips["turn_calls >= 40"] == "cloud (escalate)"
    assert "files < 4" not in flips


def test_where_the_client_chose_nothing_changes_it():
    assert changes(explained(Features(), requested_model="local")) == {}
    refused = Clearance(allowed=False, why="never_cloud: team 'legal' stays")
    explanation = explained(Features(files=9), clearance=refused)
    assert explanation.decision.rule == "never_cloud"
    assert changes(explanation) == {}


def test_an_observing_policy_tells_what_its_rules_would_do():
    flips = changes(explained(Features(), policy=load("observe")))
    assert flips["files >= 4"] == "cloud (observe)"


@pytest.mark.parametrize(("features", "verdict"), [(None, None), (Features(), None)])
def test_without_reading_there_are_no_rules_to_tell(features, verdict):
    explanation = explained(features, verdict)
    assert explanation.decision.rule == "unreadable"
    assert explanation.rules == ()
    assert explanation.changes == ()
    json.dumps(to_dict(explanation))


def test_as_json_it_holds_no_text_and_no_path():
    features = Features(
        ask="the secret plan",
        newest_ask="the secret plan",
        earlier_asks=("the secret",),
        paths=frozenset({"secret/plan.md"}),
    )
    payload = to_dict(explained(features))
    assert "secret" not in json.dumps(payload)
    assert set(payload) == {"policy", "decision", "features", "verdict", "rules", "changes"}
    assert set(payload["features"]) == {field.name for field in fields(Features)} - TEXTS
    assert payload["decision"]["rule"] == "self-contained"
    assert payload["verdict"]["why"] == "asks for one function"
    assert set(payload["rules"][0]) == {"rule", "when", "to", "why", "matched", "decided", "because"}
    assert set(payload["changes"][0]) == {"when", "track", "rule"}


def test_a_condition_on_the_ask_does_not_show_it():
    explanation = explained(Features(ask="the x plan"), policy=one_rule("ask.contains('x')"))
    assert explanation.rules[0].because == "ask = (10 characters)"


def test_a_condition_that_fails_on_these_values_is_told_as_not_matched():
    state = replace(STATE, local_wait_s=float("inf"))
    explanation = explained(Features(), EASY, state, policy=one_rule("int(local.wait_s) > 1"))
    assert not explanation.rules[0].matched
    assert explanation.decision.rule == "unreadable"
