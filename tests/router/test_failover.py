"""Another track serves before the first useful unit, where the policy allows it, and the row tells both."""

import json

import pytest

MESSAGES = "/v1/messages"
CHAT = "/v1/chat/completions"
MINE = {"x-api-key": "sk-ant-mine"}
DEGRADE = """\
name: degrading
hold: none
otherwise: {to: cloud, why: the cloud first}
degrade: {on: [no_credential, cloud_error], to: local}
"""
ESCALATE = """\
name: escalating
hold: none
otherwise: {to: local, why: the local model first}
escalate: {on: [overflow, local_error, slow, unsupported], first_byte_s: 1, to: cloud, at_most: 1}
"""


def request_body(model: str = "auto", **fields) -> dict:
    return {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "Say it."}], **fields}


def attempts(row: dict) -> list[tuple[str, str]]:
    return [(attempt["track"], attempt["cause"]) for attempt in json.loads(row["attempts"])]


@pytest.fixture(scope="module")
def write(tmp_path_factory):
    def policy(text: str) -> str:
        file = tmp_path_factory.mktemp("policy") / "policy.yaml"
        file.write_text(text)
        return str(file)

    return policy


@pytest.fixture(scope="module")
def degrading(start_between, write):
    return start_between(POLICY=write(DEGRADE))


@pytest.fixture(scope="module")
def escalating(start_between, write):
    return start_between(POLICY=write(ESCALATE))


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
@pytest.mark.parametrize("stream", [False, True])
def test_without_a_credential_the_local_model_serves(degrading, upstream, nearby, play, path, stream):
    play(nearby, {"text": "Local words."})
    answer = degrading.post(path, request_body(stream=stream))
    assert answer.status_code == 200, answer.text
    assert "Local" in answer.text
    assert answer.headers["x-turnout-track"] == "local"
    assert answer.headers["x-turnout-rule"] == "degrade"
    why = "the cloud first, but there is no credential for the cloud (set ANTHROPIC_API_KEY)"
    assert answer.headers["x-turnout-degraded"] == answer.headers["x-turnout-why"] == why
    assert upstream.get("/_requests") == []
    row = degrading.row(answer)
    assert (row["track"], row["served_track"], row["degraded"]) == ("local", "local", "no_credential")
    assert (row["why"], attempts(row)) == (why, [("local", "")])


FAILURES = [
    {"fault": "status", "status": 529},
    {"fault": "status", "status": 500},
    {"fault": "status", "status": 429, "retry_after": 60},
    {"fault": "close", "times": 2},
    {"fault": "error_event", "after_events": 2},
    {"fault": "cut", "after_events": 2},
]


@pytest.mark.parametrize("step", FAILURES, ids=lambda step: f"{step['fault']} {step.get('status', '')}")
def test_where_the_cloud_fails_the_local_model_serves(degrading, nearby, upstream, play, step):
    play(upstream, step)
    answer = degrading.post(MESSAGES, request_body(stream=True), headers=MINE)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-turnout-degraded"] == "the cloud failed"
    assert "event: message_stop" in answer.text
    assert answer.text.count("event: message_start") == 1
    row = degrading.row(answer)
    assert row["degraded"] == "cloud_error"
    assert attempts(row) == [("cloud", "cloud_error"), ("local", "")]
    assert len(nearby.get("/_requests")) == 1


def test_a_refused_connection_too(start_between, write, nearby):
    endpoint = start_between(POLICY=write(DEGRADE), CLOUD__BASE_URL="http://127.0.0.1:9")
    answer = endpoint.post(MESSAGES, request_body(), headers=MINE)
    assert answer.headers["x-turnout-degraded"] == "the cloud failed"
    assert len(nearby.get("/_requests")) == 1


def test_a_clients_own_mistake_is_its_own(degrading, upstream, nearby, play):
    play(upstream, {"fault": "status", "status": 400, "message": "max_tokens: too many"})
    answer = degrading.post(MESSAGES, request_body(), headers=MINE)
    assert answer.status_code == 400
    assert nearby.get("/_requests") == []


def test_where_both_fail_the_last_failure_is_told(degrading, upstream, nearby, play):
    play(upstream, {"fault": "status", "status": 529})
    play(nearby, {"fault": "status", "status": 500, "message": "no memory"})
    answer = degrading.post(MESSAGES, request_body(), headers=MINE)
    assert answer.status_code == 500
    assert "no memory" in answer.json()["error"]["message"]
    assert attempts(degrading.row(answer)) == [("cloud", "cloud_error"), ("local", "local_error")]


OVERFLOW = (
    "This model's maximum context length is 4096 tokens. However, your messages resulted in 9999 tokens."
)
CAUSES = [
    ({"fault": "status", "status": 400, "message": OVERFLOW}, "overflow", "does not fit the local window"),
    ({"fault": "status", "status": 500}, "local_error", "the local model is down or failed"),
    ({"fault": "close"}, "local_error", "the local model is down or failed"),
    ({"fault": "slow", "first_byte_s": 20}, "slow", "nothing useful in time"),
    ({"fault": "status", "status": 400, "message": "no image here"}, "unsupported", "cannot do what this"),
]


@pytest.mark.parametrize(("step", "cause", "why"), CAUSES, ids=range(len(CAUSES)))
@pytest.mark.parametrize("model", ["auto", "claude-opus-5-5"])
def test_what_the_local_model_cannot_do_goes_to_the_cloud(
    escalating, upstream, nearby, play, step, cause, why, model
):
    play(nearby, step)
    play(upstream, {"text": "From above."})
    answer = escalating.post(MESSAGES, request_body(model), headers=MINE)
    assert answer.status_code == 200, answer.text
    assert answer.json()["content"][0]["text"] == "From above."
    assert answer.headers["x-turnout-track"] == "cloud"
    assert why in answer.headers["x-turnout-escalated"]
    assert answer.headers["x-turnout-model"] == ("claude-sonnet-5-5" if model == "auto" else model)
    row = escalating.row(answer)
    assert (row["track"], row["served_track"], row["escalated"]) == ("local", "cloud", cause)
    assert attempts(row) == [("local", cause), ("cloud", "")]


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
def test_a_slow_local_model_is_waited_for_where_no_credential_leads_further(escalating, nearby, play, path):
    play(nearby, {"fault": "slow", "first_byte_s": 1.5, "text": "At last."})
    answer = escalating.post(path, request_body())
    assert answer.status_code == 200, answer.text
    assert "At last." in answer.text
    assert attempts(escalating.row(answer)) == [("local", "")]


def test_a_named_track_is_never_left(escalating, upstream, nearby, play):
    play(nearby, {"fault": "status", "status": 400, "message": OVERFLOW})
    answer = escalating.post(CHAT, request_body("local"), headers=MINE)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"
    assert upstream.get("/_requests") == []
    assert attempts(escalating.row(answer)) == [("local", "overflow")]


def test_observing_goes_where_it_was_asked_and_records_the_rest(start_between, upstream, nearby):
    endpoint = start_between(POLICY="observe")
    task = "Write a Python function that returns the n-th Fibonacci number."
    for model, served, would in (("auto", "cloud", "local"), ("claude-opus-5-5", "cloud", "local")):
        body = request_body(model, messages=[{"role": "user", "content": task}])
        answer = endpoint.post(MESSAGES, body, headers=MINE)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-turnout-rule"] == "observe"
        row = endpoint.row(answer)
        assert (row["served_track"], row["would"]) == (served, would)
    assert len(upstream.get("/_requests")) == 2
    assert endpoint.post(MESSAGES, request_body("local"), headers=MINE).headers["x-turnout-track"] == "local"
    assert len(nearby.get("/_requests")) == 1


def test_a_conversation_that_moved_stays_where_it_is_served(start_between, nearby, play):
    """The rest of the turn goes on where the first call was served; a named track turns nothing."""
    endpoint = start_between(POLICY="local-first")
    use = {"type": "tool_use", "id": "c", "name": "bash", "input": {}}
    ask = [{"role": "user", "content": "Go on."}]
    loop = [
        *ask,
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "ok"}]},
    ]
    play(nearby, {"fault": "status", "status": 400, "message": OVERFLOW})

    def served(messages, model="auto") -> tuple[str, str]:
        answer = endpoint.post(MESSAGES, request_body(model, messages=messages), headers=MINE)
        return answer.headers["x-turnout-track"], answer.headers["x-turnout-rule"]

    assert served(ask) == ("cloud", "escalate")
    assert served(loop) == ("cloud", "escalate")
    assert served(loop, "local") == ("local", "asked")
    assert served(loop) == ("cloud", "escalate")


SEARCH = {"type": "web_search_20250305", "name": "web_search"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "model", "fields", "left_out"),
    [
        (CHAT, "cloud", {"verbosity": "low"}, "without verbosity"),
        (CHAT, "local", {"web_search_options": {"search_context_size": "low"}}, "without web_search_options"),
        (CHAT, "local", {"metadata": {"a": "b"}}, None),
        (MESSAGES, "local", {"tools": [SEARCH]}, "without web_search_20250305"),
        (MESSAGES, "cloud", {"tools": [SEARCH]}, None),
    ],
)
def test_what_the_answering_model_lacks_is_named(degrading, path, model, fields, left_out, stream):
    answer = degrading.post(path, request_body(model, stream=stream, **fields), headers=MINE)
    assert answer.status_code == 200, answer.text
    assert answer.headers.get("x-turnout-degraded") == left_out


def test_both_causes_stand_in_one_header(degrading):
    answer = degrading.post(MESSAGES, request_body(tools=[SEARCH]))
    assert answer.headers["x-turnout-degraded"] == (
        "the cloud first, but there is no credential for the cloud (set ANTHROPIC_API_KEY); "
        "without web_search_20250305"
    )
