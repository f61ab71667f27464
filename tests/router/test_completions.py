"""Prompts completed as they are go to the local model alone, whatever a policy or a failure says."""

import base64
import json

import httpx
import openai
import pytest

MINE = {"x-api-key": "sk-ant-mine"}
PATHS = {
    "/v1/completions": {"prompt": "def add(a, b):", "max_tokens": 8},
    "/api/v0/completions": {"prompt": ["def add(a, b):"], "suffix": "return c", "max_tokens": 8},
    "/infill": {"input_prefix": "def add(a, b):", "input_suffix": "return c", "n_predict": 8},
}
SENT_TO = {"/api/v0/completions": "/v1/completions"}
POLICY = """\
name: eager
hold: none
otherwise: {to: cloud, why: the cloud first}
escalate: {on: [overflow, local_error, slow, unsupported], first_byte_s: 5, to: cloud, at_most: 1}
never_cloud: {paths: ["secrets/**"], match: ["(?i)internal only"]}
"""
POLICIES = ["balanced", "quality-first", "observe", "eager"]


@pytest.fixture(scope="module", params=POLICIES)
def endpoint(request, start_between, tmp_path_factory):
    policy = request.param
    if policy == "eager":
        file = tmp_path_factory.mktemp("eager") / "policy.yaml"
        file.write_text(POLICY)
        policy = str(file)
    return start_between(POLICY=policy)


def sent(program):
    return [json.loads(base64.b64decode(row["body"])) for row in program.get("/_requests")]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["auto", "local", "claude-opus-5-5", "gpt-9"])
@pytest.mark.parametrize("path", PATHS)
def test_the_local_model_completes_it(endpoint, upstream, nearby, play, path, model, stream):
    play(nearby, {"text": "    return a + b"})
    body = PATHS[path] | {"model": model, "stream": stream}
    answer = endpoint.post(path, body, headers=MINE)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-turnout-track"] == "local"
    assert upstream.get("/_requests") == []
    (row,) = nearby.get("/_requests")
    assert row["path"] == SENT_TO.get(path, path)
    (got,) = sent(nearby)
    assert {name: got[name] for name in PATHS[path]} == PATHS[path]  # as it is
    assert (got["model"], "messages" in got) == ("nearby", False)
    assert "return" in answer.text
    ledger = endpoint.row(answer)
    assert (ledger["kind"], ledger["served_track"], ledger["usage_estimated"]) == ("autocomplete", "local", 0)
    assert ledger["output"] > 0


@pytest.mark.parametrize("path", PATHS)
def test_the_cloud_is_refused_in_words(endpoint, upstream, nearby, path):
    answer = endpoint.post(path, PATHS[path] | {"model": "cloud"}, headers=MINE)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("model: the cloud model completes no prompt")
    assert upstream.get("/_requests") == nearby.get("/_requests") == []


FAULTS = [
    {"fault": "status", "status": 500, "message": "no memory"},
    {"fault": "close"},
    {"fault": "status", "status": 400, "message": "maximum context length is 10 tokens, it has 20"},
]


@pytest.mark.parametrize("step", FAULTS, ids=range(len(FAULTS)))
@pytest.mark.parametrize("path", PATHS)
def test_a_failure_is_told_and_moves_nothing(endpoint, upstream, nearby, play, path, step):
    play(nearby, step)
    answer = endpoint.post(path, PATHS[path], headers=MINE)
    assert answer.status_code == step.get("status", 502)
    assert upstream.get("/_requests") == []


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("path", PATHS)
def test_a_server_that_speaks_chat_alone_is_told_of(keyless, nearby, play, path, status):
    play(nearby, {"fault": "status", "status": status, "message": "Not Found."})
    answer = keyless.post(path, PATHS[path])
    assert answer.status_code == 400
    sent_to = SENT_TO.get(path, path)
    assert answer.json()["error"]["message"] == (
        f"the server at `local.url` completes no prompt at {sent_to} ({status}: Not Found); "
        "run one there that does, such as llama-server, or leave `local.url` out for our engine"
    )


@pytest.fixture(scope="module")
def keyless(start_between):
    """An endpoint whose provider would only refuse: what is said of that, nobody else could serve here."""
    return start_between()


@pytest.mark.parametrize("stream", [False, True])
def test_an_empty_completion_is_one(endpoint, nearby, play, stream):
    play(nearby, {"text": ""})
    answer = endpoint.post("/infill", PATHS["/infill"] | {"stream": stream}, headers=MINE)
    assert answer.status_code == 200, answer.text


PLACES = [
    ("/v1/completions", {"prompt": "{}"}),
    ("/v1/completions", {"prompt": ["{}"]}),
    ("/v1/completions", {"prompt": "a", "suffix": "{}"}),
    ("/v1/completions", {"prompt": "a", "stop": ["{}"]}),
    ("/v1/completions", {"prompt": "a", "user": "{}"}),
    ("/infill", {"input_prefix": "{}"}),
    ("/infill", {"input_suffix": "{}"}),
    ("/infill", {"input_prefix": "a", "prompt": "{}"}),
    ("/infill", {"input_prefix": "a", "input_extra": [{"filename": "{}", "text": "x"}]}),
    ("/infill", {"input_prefix": "a", "input_extra": [{"filename": "a.py", "text": "{}"}]}),
]


@pytest.fixture(scope="module")
def eager(start_between, tmp_path_factory):
    file = tmp_path_factory.mktemp("fenced") / "policy.yaml"
    file.write_text(POLICY)
    return start_between(POLICY=str(file))


@pytest.mark.parametrize("words", ["/repo/secrets/db.pem", "This is INTERNAL only"])
@pytest.mark.parametrize(("path", "body"), PLACES, ids=str)
def test_never_cloud_reads_every_field(eager, upstream, path, body, words):
    content = json.dumps(body | {"model": "cloud"}).replace("{}", words)
    answer = httpx.post(eager.url + path, content=content, headers=MINE, timeout=60)
    assert answer.headers["x-turnout-rule"] == "never_cloud", answer.text
    assert upstream.get("/_requests") == []


def test_openais_package(endpoint, nearby, play):
    with openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key="sk-ant-mine", max_retries=0) as client:
        play(nearby, {"text": "return a"})
        whole = client.completions.create(model="local", prompt="def f(a):", suffix="\n")
        assert (whole.choices[0].text, whole.choices[0].finish_reason) == ("return a", "stop")
        play(nearby, {"text": "return a"})
        pieces = list(client.completions.create(model="local", prompt="def f(a):", stream=True))
        assert "".join(piece.choices[0].text for piece in pieces) == "return a"
        assert pieces[-1].choices[0].finish_reason == "stop"
        play(nearby, {"text": "return a"})
        options = {"include_usage": True}
        *_, last = client.completions.create(model="local", prompt="x", stream=True, stream_options=options)
        assert last.usage.completion_tokens > 0
        with pytest.raises(openai.BadRequestError, match="send a request for each prompt"):
            client.completions.create(model="local", prompt=["a", "b"])
        with pytest.raises(openai.BadRequestError, match="makes no embeddings here"):
            client.embeddings.create(model="local", input="x")


def test_lm_studios_chat(endpoint, nearby):
    body = {"model": "local", "messages": [{"role": "user", "content": "Say something."}]}
    answer = endpoint.post("/api/v0/chat/completions", body, headers=MINE)
    assert answer.json()["object"] == "chat.completion"
    assert [row["path"] for row in nearby.get("/_requests")] == ["/v1/chat/completions"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"prompt": "def add(a, b):"}, "autocomplete"),
        ({"prompt": ["def add(a, b):"], "suffix": "x", "messages": None}, "autocomplete"),
        ({"input_prefix": "def add(a, b):"}, "autocomplete"),
        ({"prompt": "def add(a, b):", "raw": True}, "autocomplete"),
        ({"input": "hi"}, "ask"),
        ({"input": [{"role": "user", "content": "hi"}], "messages": None, "prompt": None}, "ask"),
    ],
    ids=str,
)
def test_explained(endpoint, body, kind):
    explanation = endpoint.post("/v1/route", {"model": "auto"} | body, headers=MINE).json()
    assert explanation["decision"]["track"] == "local" or kind == "ask"
    assert explanation["features"]["kind"] == kind
