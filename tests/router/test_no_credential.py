"""A fresh machine has no key for the cloud: what can be served locally is, and never silently."""

import pytest

from tests.router.test_failover import CHAT, DEGRADE, MESSAGES, MINE, attempts, request_body

REPOSITORY = [{"role": "user", "content": "Why do the tests of our repository fail since the last merge?"}]
WHY = "not known to be self-contained"
NONE = "there is no credential for the cloud (set ANTHROPIC_API_KEY)"
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
OVERFLOW = (
    "This model's maximum context length is 4096 tokens. However, your messages resulted in 9999 tokens."
)
TOOL = {
    "type": "function",
    "function": {
        "name": "read",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
    },
}


@pytest.fixture(scope="module")
def fresh(start_between):
    return start_between()


@pytest.fixture
def balanced(fresh, nearby, upstream):  # noqa: ARG001 - with nothing recorded and nothing scripted
    return fresh


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (MESSAGES, {}),
        (CHAT, {}),
        ("/v1/responses", {"input": REPOSITORY, "messages": None}),
        ("/api/chat", {}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_belongs_on_the_cloud_is_served_here_and_says_so(
    balanced, upstream, play, nearby, path, fields, stream
):
    play(nearby, {"text": "Local words."})
    fields = {"messages": REPOSITORY, "stream": stream} | fields
    body = {name: value for name, value in request_body(**fields).items() if value is not None}
    if path == "/v1/responses":
        body["max_output_tokens"] = body.pop("max_tokens")
    answer = balanced.post(path, body)
    assert answer.status_code == 200, answer.text
    assert "Local" in answer.text
    degraded = answer.headers["x-turnout-degraded"]
    assert degraded.startswith(WHY)
    assert NONE in degraded
    assert (answer.headers["x-turnout-track"], answer.headers["x-turnout-rule"]) == ("local", "degrade")
    row = balanced.row(answer)
    assert (row["track"], row["served_track"], row["degraded"]) == ("local", "local", "no_credential")
    assert row["why"].endswith(NONE)
    assert attempts(row) == [("local", "")]
    assert upstream.get("/_requests") == []


def test_what_is_local_anyway_is_not_degraded(balanced):
    task = [{"role": "user", "content": "Write a Python function that returns the n-th Fibonacci number."}]
    answer = balanced.post(CHAT, request_body(messages=task))
    assert answer.headers["x-turnout-rule"] == "self-contained"
    assert "x-turnout-degraded" not in answer.headers


def test_tools_work(balanced, nearby, play):
    play(nearby, {"tools": [{"name": "read", "input": {"path": "a.py"}}]})
    answer = balanced.post(CHAT, request_body(messages=REPOSITORY, tools=[TOOL]))
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "read"
    assert NONE in answer.headers["x-turnout-degraded"]


@pytest.mark.parametrize("model", ["cloud", "claude-opus-5-5", "openai/cloud", "anthropic/claude-sonnet-5-5"])
@pytest.mark.parametrize("path", [MESSAGES, CHAT])
def test_who_names_the_cloud_is_refused(balanced, nearby, path, model):
    answer = balanced.post(path, request_body(model, messages=REPOSITORY))
    assert answer.status_code == 400
    assert "set ANTHROPIC_API_KEY where `turnout serve` runs" in answer.json()["error"]["message"]
    assert nearby.get("/_requests") == []


def test_a_clients_own_key_is_a_credential(balanced, upstream, play):
    play(upstream, {"text": "From above."})
    answer = balanced.post(MESSAGES, request_body(messages=REPOSITORY), headers=MINE)
    assert answer.headers["x-turnout-track"] == "cloud"
    assert "x-turnout-degraded" not in answer.headers


def test_an_image_is_refused_with_the_remedy(balanced, nearby, play):
    play(nearby, {"fault": "status", "status": 400, "message": "image input is not supported"})
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, IMAGE]}]
    answer = balanced.post(CHAT, request_body(messages=messages))
    assert answer.status_code == 400, answer.text
    message = answer.json()["error"]["message"]
    assert "image input is not supported" in message
    assert message.endswith(f"The cloud might serve it, but {NONE}")


@pytest.mark.parametrize("task", [REPOSITORY[0]["content"], "Write a Python function that adds two numbers."])
def test_what_does_not_fit_names_the_remedy(balanced, nearby, play, task):
    play(nearby, {"fault": "status", "status": 400, "message": OVERFLOW})
    answer = balanced.post(MESSAGES, request_body(messages=[{"role": "user", "content": task}]))
    assert answer.status_code == 400, answer.text
    message = answer.json()["error"]["message"]
    assert NONE in message
    assert "its window of 4096 tokens is too small" in message


def test_a_conversation_that_can_be_compacted_is_told_so_in_its_clients_words(balanced, nearby, play):
    play(nearby, {"fault": "status", "status": 400, "message": OVERFLOW})
    messages = [*REPOSITORY, {"role": "assistant", "content": "So."}, {"role": "user", "content": "And now?"}]
    answer = balanced.post(MESSAGES, request_body(messages=messages))
    assert answer.json()["error"]["message"].startswith("prompt is too long: ")
    assert NONE in answer.headers["x-turnout-why"]


def test_a_count_is_counted_here(balanced):
    answer = balanced.post(MESSAGES + "/count_tokens", {"model": "auto", "messages": REPOSITORY})
    assert answer.json()["input_tokens"] > 0
    assert answer.headers["x-turnout-track"] == "local"


def test_route_and_health_say_so(balanced):
    decision = balanced.post("/v1/route", request_body(messages=REPOSITORY)).json()["decision"]
    assert (decision["track"], decision["rule"], decision["cause"]) == ("local", "degrade", "no_credential")
    cloud = balanced.get("/health")["cloud"]
    assert cloud["credential"] is False
    assert cloud["remedy"].startswith("set ANTHROPIC_API_KEY; until then")


OTHERS = {
    "the setting": {"CLOUD__WITHOUT_CREDENTIAL": "refuse"},
    "a policy that watches": {"POLICY": "observe"},
    "a policy's own word": {"POLICY": DEGRADE.replace("no_credential, ", "")},
}


@pytest.mark.parametrize("settings", OTHERS.values(), ids=OTHERS)
def test_who_decides_otherwise_is_followed(start_between, nearby, tmp_path, settings):
    if "\n" in settings.get("POLICY", ""):
        (tmp_path / "policy.yaml").write_text(settings["POLICY"])
        settings = {"POLICY": str(tmp_path / "policy.yaml")}
    endpoint = start_between(**settings)
    answer = endpoint.post(CHAT, request_body(messages=REPOSITORY))
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["message"].startswith("No credential for the cloud track")
    assert nearby.get("/_requests") == []


def test_a_key_of_the_endpoint_is_a_credential(start_between):
    endpoint = start_between(CLOUD__API_KEY_ENV="TURNOUT_TEST_CLOUD_KEY", TEST_CLOUD_KEY="sk-ant-ours")
    answer = endpoint.post(CHAT, request_body(messages=REPOSITORY))
    assert answer.headers["x-turnout-track"] == "cloud"
    assert endpoint.get("/health")["cloud"]["credential"] is True
