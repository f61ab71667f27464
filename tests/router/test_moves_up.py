"""A local turn that does not go well goes on in the cloud: through the endpoint, as Claude Code sends it."""

import httpx
import pytest

pytestmark = pytest.mark.usefixtures("nearby", "upstream")
POLICY = """
name: evidence
rules:
  - {name: easy, when: "kind in ['ask', 'agent']", to: local, why: local first}
otherwise: {to: local, why: local first}
escalate: {on: [same_call_failed], max_usd: MAX}
NEVER
"""
EASY = "Write a function that reverses a list of numbers."
OTHER = "Write a function that counts the vowels of a word."
DONE = {"role": "assistant", "content": [{"type": "text", "text": "Done."}]}


def ask(text):
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def step(at, answer, *, failed=True, calls=1, answered=None):
    """Calls of one step, each of which runs the same script, and their answers."""
    use = [
        {"type": "tool_use", "id": f"toolu_{at}_{n}", "name": "Bash", "input": {"command": "python repro.py"}}
        for n in range(calls)
    ]
    result = [
        {"type": "tool_result", "tool_use_id": f"toolu_{at}_{n}", "content": answer, "is_error": failed}
        for n in range(calls)
    ]
    return [{"role": "assistant", "content": use}, {"role": "user", "content": result[:answered]}]


FAILED = "Exit code 1\nTraceback (most recent call last):\nValueError: week"


@pytest.fixture(scope="module")
def start(start_between, tmp_path_factory):
    def start(max_usd="0.5", never="", **settings):
        path = tmp_path_factory.mktemp("policy") / "evidence.yaml"
        path.write_text(POLICY.replace("MAX", max_usd).replace("NEVER", never))
        return start_between(POLICY=str(path), **settings)

    return start


@pytest.fixture(scope="module")
def endpoint(start):
    return start()


@pytest.fixture
def send(request):
    def send(endpoint, *messages, credential="sk-ant-mine"):
        sent = []
        for message in messages:
            sent += message if isinstance(message, list) else [message]
        body = {
            "model": "claude-sonnet-4-5",
            "max_tokens": 50,
            "system": [
                {
                    "type": "text",
                    "text": "You are Claude Code, Anthropic's official CLI for Claude.",
                    "cache_control": {"type": "ephemeral"},
                }
            ],
            "tools": [{"name": "Bash", "description": "Run.", "input_schema": {"type": "object"}}],
            "messages": sent,
        }
        headers = {"user-agent": "claude-cli/2.1", "x-session-id": request.node.name}
        if credential:
            headers["x-api-key"] = credential
        answer = endpoint.post("/v1/messages", body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer

    return send


def track(answer):
    return answer.headers["x-turnout-track"], answer.headers["x-turnout-rule"]


def test_the_same_call_fails_twice_and_the_rest_of_the_turn_is_the_clouds(endpoint, send):
    turn = [ask(EASY)]
    assert track(send(endpoint, *turn)) == ("local", "easy")
    turn += step(1, FAILED)
    assert track(send(endpoint, *turn)) == ("local", "easy")
    turn += step(2, FAILED)
    moved = send(endpoint, *turn)
    assert track(moved) == ("cloud", "escalate")
    assert moved.headers["x-turnout-why"].startswith("the same tool call failed again; a move costs $0.0")
    assert moved.headers["x-turnout-escalated"] == moved.headers["x-turnout-why"]
    assert moved.headers["x-turnout-model"] == "claude-sonnet-4-5"
    row = endpoint.row(moved)
    assert (row["rule"], row["held"], row["escalated"]) == ("escalate", 0, "same_call_failed")
    assert row["same_call_failed"] == 2
    # All of the prompt at the price of writing the cache, for the client marks what to cache.
    assert row["move_usd"] == pytest.approx(row["context_tokens"] * 3.75 / 1e6)
    assert row["cost_usd"] > 0

    metrics = httpx.get(endpoint.url + "/metrics", timeout=60, verify=False).text
    assert 'turnout_escalations_total{cause="same_call_failed"} 1' in metrics

    turn += step(3, "42", failed=False)
    later = send(endpoint, *turn)
    assert track(later) == ("cloud", "escalate")
    kept = endpoint.row(later)
    assert (kept["held"], kept["move_usd"], kept["escalated"]) == (1, None, "")

    anew = send(endpoint, *turn, DONE, ask(OTHER))
    assert track(anew) == ("local", "easy")
    assert endpoint.row(anew)["held"] == 0


def test_not_while_a_call_is_open(endpoint, send):
    turn = [ask(EASY), *step(1, FAILED)]
    send(endpoint, ask(EASY))
    assert track(send(endpoint, *turn, *step(2, FAILED, calls=3, answered=2)))[0] == "local"
    assert track(send(endpoint, *turn, *step(2, FAILED, calls=3)))[0] == "cloud"


def test_not_without_a_credential(endpoint, send):
    turn = [ask(EASY), *step(1, FAILED), *step(2, FAILED)]
    send(endpoint, ask(EASY), credential="")
    assert track(send(endpoint, *turn, credential="")) == ("local", "easy")


def test_not_what_must_stay(start, send):
    endpoint = start(never='never_cloud: {match: ["ValueError: week"]}')
    send(endpoint, ask(EASY))
    answer = send(endpoint, ask(EASY), *step(1, FAILED), *step(2, FAILED))
    assert track(answer) == ("local", "never_cloud")


def test_not_for_more_than_the_policy_says(start, send):
    endpoint = start(max_usd="0.0000001")
    send(endpoint, ask(EASY))
    answer = send(endpoint, ask(EASY), *step(1, FAILED), *step(2, FAILED))
    # The turn is young: its two calls have saved less than a cold prompt costs.
    assert track(answer) == ("local", "easy")
    assert ", but a move costs $" in answer.headers["x-turnout-why"]
    assert endpoint.row(answer)["move_usd"] is None


def test_not_for_more_than_the_team_has_left(start, send):
    endpoint = start(never="budget: {team_month_usd: 0.0001, over: error}")
    turn = [ask(EASY)]
    send(endpoint, *turn)
    turn += [*step(1, FAILED), *step(2, FAILED)]
    assert track(send(endpoint, *turn))[0] == "local"
    turn += step(3, FAILED)
    assert track(send(endpoint, *turn)) == ("local", "easy")  # now the budget is known
