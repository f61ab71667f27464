"""Every model call of the recorded runs under the shipped policy, with holds as the endpoint keeps them."""

import json
from collections import Counter

from classifiers.rules import RuleClassifier
from policies.decision import State
from policies.load import PolicyHolder
from router.accounts.teams import Account
from router.features.extractor import FeatureExtractor
from router.routing.planner import Planner
from router.routing.sticky_sessions import StickySessions
from router.types import ModelRequest


class TrackStatus:
    def state(self, features):
        return State(local_context=65_536)


def planner() -> Planner:
    return Planner(
        extractor=FeatureExtractor(count_bytes=0),
        classifier=RuleClassifier(),
        policies=PolicyHolder("balanced"),
        tracks=TrackStatus(),
        sessions=StickySessions(),
    )


def requests(run):
    """The body of each model call: all messages before it, as the client sends them."""
    messages = [
        {key: value for key, value in message.items() if key != "usage"} for message in run["messages"]
    ]
    encoded_messages = [json.dumps(message) for message in messages]
    for at, message in enumerate(messages):
        if message["role"] == "assistant":
            yield ModelRequest(
                id="r",
                account=Account(team="t", user=run["instance_id"]),
                dialect="openai_chat",
                operation="generate",
                client="",
                model="auto",
                stream=False,
                body=f'{{"model":"auto","messages":[{",".join(encoded_messages[:at])}]}}'.encode(),
                headers=(),
            )


def test_every_model_call_from_the_third_on_goes_to_the_cloud(runs):
    decide = planner()
    tracks: Counter[tuple[bool, str]] = Counter()
    served = []
    for run in runs:
        for number, request in enumerate(requests(run), start=1):
            plan = decide.plan(request)
            decide.keep(plan, plan.decision)
            tracks[number >= 3, plan.decision.track] += 1
            if number >= 3 and plan.decision.track != "cloud":
                served.append((run["instance_id"], number, plan.decision.rule))
    assert served == []
    assert tracks[True, "cloud"] == sum(
        message["role"] == "assistant" for run in runs for message in run["messages"]
    ) - 2 * len(runs)


def test_without_holds_each_call_decides_alone(runs):
    """What the hold adds: here each prefix is decided as if nothing had come before it."""
    for run in runs[::6]:
        for request in list(requests(run))[2::8]:
            assert planner().plan(request).decision.track == "cloud"
