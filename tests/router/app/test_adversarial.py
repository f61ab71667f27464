"""Hostile and broken requests over HTTP: answered or refused in their dialect, never a 500, never a hang."""

import base64
import json

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ANTHROPIC = "/v1/messages"
OPENAI = "/v1/chat/completions"
PATHS = (ANTHROPIC, OPENAI)
DEADLINE_S = 60
PLAIN = False
"""For httpx's `verify`: all is plain HTTP here, and to load certificates costs 30 ms a call."""


@pytest.fixture(scope="module")
def endpoint(start_between):
    return start_between(also={"ANTHROPIC_API_KEY": "sk-ant-test"})


def send(endpoint, path, raw):
    headers = {"content-type": "application/json", "x-api-key": "k", "authorization": "Bearer k"}
    url = endpoint.url + path
    return httpx.post(url, content=raw, headers=headers, timeout=DEADLINE_S, verify=PLAIN)


def is_sound(path, answer):
    """An answer of a model, or a refusal in the dialect's words."""
    body = answer.json()
    if answer.status_code == 200:
        assert body["content" if path == ANTHROPIC else "choices"] is not None
        return
    assert 400 <= answer.status_code < 500, answer.text
    assert body["error"]["message"]
    if path == ANTHROPIC:
        assert body["type"] == "error"
        assert body["error"]["type"]
    else:
        assert {"message", "type", "param", "code"} <= set(body["error"])


def body_with(content, model="auto", **fields):
    messages = [{"role": "user", "content": content}]
    return json.dumps({"model": model, "max_tokens": 9, "messages": messages} | fields).encode()


def nested(depth):
    return b'{"a":[' * depth + b"1" + b"]}" * depth


TWENTY_THOUSAND = [{"role": ("user", "assistant")[n % 2], "content": f"message {n}"} for n in range(20_000)]
TOOLS = {
    ANTHROPIC: [{"name": f"t{n}", "input_schema": {"type": "object"}} for n in range(5_000)],
    OPENAI: [{"type": "function", "function": {"name": f"t{n}", "parameters": {}}} for n in range(5_000)],
}
BODIES = {
    "one line of 5 MB": body_with("x" * 5_000_000),
    "20,000 messages": body_with("", messages=[*TWENTY_THOUSAND, {"role": "user", "content": "go on"}]),
    "tags never closed": body_with("<system-reminder>" * 100_000),
    "right to left": body_with("اكتب دالة \u202eapp.py\u202c"),
    "zeros": body_with("a\x00b"),
    "not utf-8": body_with("typo").replace(b"typo", b"\xff"),
    "number out of range": body_with("hi").replace(b'"max_tokens"', b'"x":1e400,"max_tokens"'),
    "endless number": body_with("hi").replace(b'"max_tokens"', b'"x":' + b"9" * 100_000 + b',"max_tokens"'),
    "nested 200 deep": body_with("hi").replace(b'"max_tokens"', b'"x":' + nested(200) + b',"max_tokens"'),
    "nested 480 deep": body_with("hi").replace(b'"max_tokens"', b'"x":' + nested(480) + b',"max_tokens"'),
    "nested 50,000 deep": body_with("hi").replace(
        b'"max_tokens"', b'"x":' + nested(50_000) + b',"max_tokens"'
    ),
    "odd metadata": body_with("hi", metadata=[3], tool_choice=7, thinking="yes", response_format=[]),
    "odd blocks": body_with([{"type": 5}, {"type": "text"}, {"type": "image"}, {"type": "tool_result"}]),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("model", ["local", "cloud"])
@pytest.mark.parametrize("name", BODIES)
def test_it_is_answered_or_refused(endpoint, path, model, name):
    raw = BODIES[name].replace(b'"model": "auto"', b'"model": "%s"' % model.encode(), 1)
    is_sound(path, send(endpoint, path, raw))


@pytest.mark.parametrize("path", PATHS)
def test_5000_tools_are_carried(endpoint, path):
    answer = send(endpoint, path, body_with("Explain `x = 1`", tools=TOOLS[path]))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("model", ["local", "cloud"])
@pytest.mark.parametrize("path", PATHS)
def test_half_a_surrogate_pair_is_served(endpoint, path, model, upstream, nearby):
    answer = send(endpoint, path, body_with("cut \ud83d here, whole \U0001f600 there", model=model))
    assert (answer.status_code, answer.headers["x-turnout-track"]) == (200, model), answer.text
    server = upstream if model == "cloud" else nearby
    got = json.loads(base64.b64decode(server.get("/_requests")[-1]["body"]))
    assert "cut \ufffd here, whole \U0001f600 there" in json.dumps(got, ensure_ascii=False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "role", "content", "id", "name", "input"]), inner)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(["messages", "system", "tools", "stop", "temperature", "metadata", "stream"])
MODELS = st.sampled_from(["auto", "local", "cloud"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    blocks=st.lists(JSON, min_size=1, max_size=3),
    fields=st.dictionaries(FIELDS, JSON, max_size=2),
    model=MODELS,
    path=st.sampled_from(PATHS),
)
def test_any_json_is_answered_or_refused(endpoint, blocks, fields, model, path):
    fields.pop("stream", None)
    is_sound(path, send(endpoint, path, body_with(blocks, model=model, **fields)))


def test_the_endpoint_is_well_afterwards(endpoint):
    assert endpoint.get("/health")["status"] == "ok"
    assert "defect" not in endpoint.log.read_text()
