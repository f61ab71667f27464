"""Ordinary requests are not held: at most one in 200."""

import gzip
import json
import random

import httpx
import pytest
from bodies import CHAT, MESSAGES, Request, request, user
from ordinary import ordinary
from targets import POLICY

from classifiers.rules import RuleClassifier
from policies.decision import State
from policies.load import PolicyHolder
from router.accounts.teams import Account
from router.features.extractor import FeatureExtractor
from router.routing.planner import Planner
from router.routing.sticky_sessions import StickySessions
from router.types import ModelRequest as Accepted

SHARE = 1 / 200


def held(fence, requests):
    """Ask where each would go; the names and reasons of those that were held."""
    reasons = []
    with httpx.Client(timeout=60, verify=False) as client:
        for name, item in requests:
            endpoint = fence.endpoints["chat" if item.path == CHAT else "messages"]
            dialect = "openai_chat" if item.path == CHAT else "anthropic_messages"
            answer = client.post(
                f"{endpoint.url}/v1/route?dialect={dialect}",
                content=item.content,
                headers=fence.headers(item, fence.keys[0]),
            )
            assert answer.status_code == 200, (name, answer.text)
            decision = answer.json()["decision"]
            if decision["rule"] == "never_cloud":
                reasons.append(f"{name}: {decision['why']}")
    print("\n".join(reasons))
    return reasons


def prefixes(run):
    """The body of each model call of a recorded run: all messages before it."""
    messages = [json.dumps({k: v for k, v in message.items() if k != "usage"}) for message in run["messages"]]
    for at, message in enumerate(run["messages"]):
        if message["role"] == "assistant":
            body = f'{{"model":"auto","messages":[{",".join(messages[:at])}]}}'
            yield f"{run['instance_id']} {at}", Request(path=CHAT, body=body.encode())


@pytest.fixture(scope="module")
def recorded(shared_data):
    with gzip.open(shared_data / "agent_trajectories" / "mini_swe_agent.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def asks(shared_data):
    """First asks of three collections, in both dialects."""
    files = {
        "everyday/asks.jsonl.gz": "ask",
        "hybrid_arena/tasks.jsonl.gz": "prompt",
        "self_contained/mbpp.jsonl.gz": "text",
    }
    texts = []
    for file, field in files.items():
        with gzip.open(shared_data / file, "rt") as lines:
            texts += [(f"{file} {number}", json.loads(line)[field]) for number, line in enumerate(lines)]
    return [
        (f"{name} {path}", request(path, [user(text)])) for name, text in texts for path in (MESSAGES, CHAT)
    ]


def test_a_sample_of_sessions_in_a_repository_with_a_secrets_folder(fence):
    assert held(fence, random.Random(23).sample(list(ordinary(random.Random(21))), 40)) == []


@pytest.mark.slow
def test_sessions_in_a_repository_with_a_secrets_folder(fence):
    requests = list(ordinary(random.Random(21)))
    assert len(held(fence, requests)) <= len(requests) * SHARE


def test_a_sample_of_recorded_runs_and_asks(fence, recorded, asks):
    rng = random.Random(22)
    steps = [rng.choice(list(prefixes(run))) for run in rng.sample(recorded, 5)]
    assert held(fence, steps + rng.sample(asks, 30)) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_recorded_runs_and_asks(recorded, asks, tmp_path):
    """In this process: 7,000 requests, half a gigabyte."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    decide = Planner(
        extractor=FeatureExtractor(count_bytes=0),
        classifier=RuleClassifier(),
        policies=PolicyHolder(str(tmp_path / "policy.yaml")),
        tracks=TrackStatus(),
        sessions=StickySessions(),
    )
    for requests in ([step for run in recorded for step in prefixes(run)], asks):
        plans = [(name, decide.plan(accepted(item)).decision) for name, item in requests]
        reasons = [f"{name}: {decision.why}" for name, decision in plans if decision.rule == "never_cloud"]
        print("\n".join(reasons))
        assert len(reasons) <= len(requests) * SHARE


class TrackStatus:
    def state(self, features):
        return State(local_context=65_536)


def accepted(item):
    return Accepted(
        id="r",
        account=Account(team="t", user="u"),
        dialect="openai_chat" if item.path == CHAT else "anthropic_messages",
        operation="generate",
        client="",
        model="auto",
        stream=False,
        body=item.content,
        headers=(),
    )
