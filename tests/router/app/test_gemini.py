"""Gemini's paths over HTTP: how a stream is sent, where a key stands, and what is refused."""

import base64
import json

import httpx
import pytest

from router.billing.prices import Prices
from router.ledger.store import LedgerStore

MINE = {"x-api-key": "sk-ant-mine"}
ASK = {"contents": [{"role": "user", "parts": [{"text": "Say something."}]}]}
TRACKS = ["local", "cloud"]
WHOLE, STREAM = "/v1beta/models/{}:generateContent", "/v1beta/models/{}:streamGenerateContent"


@pytest.fixture(scope="module")
def endpoint(start_between):
    return start_between(KEEPALIVE_S="0.2", LOCAL__CONTEXT="4096")


def pieces(answer):
    """The objects of a stream, in either form."""
    if answer.headers["content-type"].startswith("application/json"):
        return answer.json()
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line]


def text(objects):
    return "".join(part["text"] for one in objects for part in one["candidates"][0]["content"]["parts"])


@pytest.mark.parametrize("start", ["/v1beta", "/v1"])
@pytest.mark.parametrize("model", TRACKS)
def test_a_whole_answer(endpoint, upstream, nearby, play, start, model):
    play(nearby if model == "local" else upstream, {"text": "Fine."})
    answer = endpoint.post(f"{start}/models/{model}:generateContent", ASK, headers=MINE)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (text([body]), body["candidates"][0]["finishReason"]) == ("Fine.", "STOP")
    assert body["usageMetadata"]["totalTokenCount"] > 1
    row = endpoint.row(answer)
    assert (row["dialect"], row["served_track"]) == ("gemini", model)


@pytest.mark.parametrize("query", ["?alt=sse", "?alt=proto&alt=sse", ""])
@pytest.mark.parametrize("model", TRACKS)
def test_a_client_that_waits_is_sent_what_says_nothing(endpoint, upstream, nearby, play, model, query):
    play(nearby if model == "local" else upstream, {"fault": "slow", "first_byte_s": 1, "text": "One two."})
    answer = endpoint.post(STREAM.format(model) + query, ASK, headers=MINE)
    kind = "text/event-stream" if query else "application/json"
    assert answer.headers["content-type"].startswith(kind)
    assert answer.text.startswith("\n\n")
    objects = pieces(answer)
    assert text(objects) == "One two."
    assert [one["candidates"][0].get("finishReason") for one in objects][-1] == "STOP"
    assert endpoint.row(answer)["status"] == 200


@pytest.mark.parametrize("query", ["?alt=sse", ""])
@pytest.mark.parametrize("model", TRACKS)
def test_a_stream_ends_whole_behind_an_error(endpoint, upstream, nearby, play, model, query):
    """Google's JavaScript package drops what it has not read when the connection breaks."""
    fault = {"fault": "error_event", "message": "The orchard is closed.", "after_events": 4}
    play(nearby if model == "local" else upstream, {"text": "one two three four five", **fault})
    answer = endpoint.post(STREAM.format(model) + query, ASK, headers=MINE)
    assert answer.text.startswith("data: " if query else "[{")
    last = pieces(answer)[-1]
    assert last["error"]["message"].endswith("The orchard is closed.")
    assert endpoint.row(answer)["end"] == "failed"


@pytest.mark.parametrize("model", TRACKS)
def test_a_count(endpoint, model):
    body = {"generateContentRequest": ASK | {"model": f"models/{model}"}}
    for asked in (ASK, body):
        answer = endpoint.post(f"/v1beta/models/{model}:countTokens", asked, headers=MINE)
        assert answer.json().keys() == {"totalTokens"}
        assert answer.json()["totalTokens"] > 1


def test_a_body_in_the_other_spelling_is_the_same(endpoint, nearby, play):
    play(nearby, {"text": "Fine."}, {"text": "Fine."})
    one = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {"maxOutputTokens": 9},
    }
    other = {
        "system_instruction": {"parts": {"text": "Be brief."}},
        "generation_config": {"max_output_tokens": 9},
    }
    for fields in (one, other):
        assert endpoint.post(WHOLE.format("local"), ASK | fields, headers=MINE).status_code == 200
    first, second = (json.loads(base64.b64decode(row["body"])) for row in nearby.get("/_requests"))
    assert first == second
    assert (first["max_tokens"], first["messages"][0]["content"]) == (9, "Be brief.")


def test_what_is_left_out_is_named(endpoint, nearby, play):
    play(nearby, {"text": "Fine."})
    body = ASK | {"safetySettings": [{"category": "A", "threshold": "B"}]}
    answer = endpoint.post(WHOLE.format("local"), body, headers=MINE)
    assert answer.headers["x-turnout-degraded"] == "without safetySettings"


def test_a_prompt_that_does_not_fit(endpoint, nearby, play):
    play(
        nearby,
        {"fault": "status", "status": 400, "message": "maximum context length is 10 tokens, it has 20"},
    )
    answer = endpoint.post(WHOLE.format("local"), ASK, headers=MINE)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert "exceeds the maximum number of tokens allowed" in answer.json()["error"]["message"]


def test_a_body_is_explained_in_its_dialect(endpoint):
    answer = endpoint.post("/v1/route", ASK)
    assert answer.status_code == 200, answer.text
    assert answer.json()["features"]["kind"] == "ask"


REFUSED = [
    (WHOLE.format("local"), {"contents": "x"}, 400, "contents: must be a non-empty array"),
    (
        WHOLE.format("cloud"),
        ASK | {"generationConfig": {"maxOutputTokens": -1}},
        400,
        "generationConfig.maxOutputTokens: must be a number of tokens",
    ),
    (WHOLE.format("local"), ASK | {"stream": True}, 400, "stream: is no field of a body"),
    (WHOLE.format("local"), ASK | {"cachedContent": "cachedContents/a"}, 400, "cachedContent: nothing is"),
    (WHOLE.format("local"), ASK | {"tools": [{"codeExecution": {}}]}, 400, "tools[0].codeExecution: is run"),
    (WHOLE.format("cloud"), ASK | {"tools": [{"urlContext": {}}]}, 400, "tools[0].urlContext: is run"),
]


@pytest.mark.parametrize(("path", "body", "status", "words"), REFUSED)
def test_refusals_are_in_googles_form(endpoint, path, body, status, words):
    answer = endpoint.post(path, body, headers=MINE)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == status
    assert words in answer.json()["error"]["message"]


def test_a_key_in_the_head_or_the_query(start_between, upstream, play, tmp_path):
    ledger = LedgerStore.open(tmp_path / "ledger.db", prices=Prices(), write=False)
    secret = ledger.accounts.create_key(team="web").secret
    ledger.close()
    locked = start_between(LEDGER=str(tmp_path / "ledger.db"))
    path = WHOLE.format("cloud")
    refused = locked.post(path, ASK)
    assert (refused.status_code, refused.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert locked.post(path, ASK, headers={"x-goog-api-key": "AIzaSomebody"}).status_code == 401
    play(upstream, {"text": "Fine."}, {"text": "Fine."}, {"text": "Fine."})
    for url, headers in (
        (path, {"x-goog-api-key": secret}),
        (f"{path}?key={secret}", {}),
        (f"{path}?key={secret}&alt=json", {"x-goog-api-key": "AIzaSomebody"}),
    ):
        answer = httpx.post(locked.url + url, json=ASK, headers={**headers, **MINE}, timeout=20)
        assert answer.status_code == 200, answer.text
    sent = json.dumps(upstream.get("/_requests"))
    assert secret not in sent
    assert "AIza" not in sent


GOOGLE = {"x-goog-api-key": "AIzaSomebody"}
GEMINI_NAMES = ["models/auto", "models/local", "models/cloud", "models/claude-sonnet-5-5", "models/nearby"]


def listed(endpoint, url, **headers):
    answer = httpx.get(endpoint.url + url, headers={**GOOGLE, **headers}, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("start", ["/v1beta", "/v1"])
def test_models_are_listed_page_by_page(endpoint, start):
    whole = listed(endpoint, f"{start}/models")
    assert [row["name"] for row in whole["models"]] == GEMINI_NAMES
    assert "nextPageToken" not in whole
    local, cloud = whole["models"][1:3]
    assert (local["displayName"], local["inputTokenLimit"]) == ("local", 4096)
    assert (cloud["inputTokenLimit"], cloud["outputTokenLimit"]) == (1_000_000, 128_000)
    assert cloud["thinking"]
    assert local["supportedGenerationMethods"] == ["generateContent", "streamGenerateContent", "countTokens"]
    names, token = [], ""
    while True:
        page = listed(endpoint, f"{start}/models?pageSize=2&pageToken={token}")
        assert len(page["models"]) <= 2
        names += [row["name"] for row in page["models"]]
        if not (token := page.get("nextPageToken", "")):
            break
    assert names == GEMINI_NAMES
    assert listed(endpoint, f"{start}/models?pageSize=100000")["models"] == whole["models"]


@pytest.mark.parametrize("start", ["/v1beta", "/v1"])
@pytest.mark.parametrize("name", ["local", "gemini-2.5-pro", "openai/local", "local:8b"])
def test_one_model(endpoint, start, name):
    model = listed(endpoint, f"{start}/models/{name}")
    assert model["name"] == f"models/{name}"
    assert model["inputTokenLimit"] == (4096 if "local" in name else 1_000_000)


def test_a_client_of_googles_is_told_apart_at_a_path_of_others(endpoint):
    for url, headers in (
        ("/v1/models?key=AIzaSomebody", {}),
        ("/v1/models", {"x-goog-api-client": "google-genai-sdk/2.13.0"}),
    ):
        answer = httpx.get(endpoint.url + url, headers=headers, timeout=20)
        assert [row["name"] for row in answer.json()["models"]] == GEMINI_NAMES
    assert "data" in httpx.get(f"{endpoint.url}/v1/models", timeout=20).json()
    anthropics = {**GOOGLE, "anthropic-version": "2023-06-01"}
    assert "first_id" in httpx.get(f"{endpoint.url}/v1/models", headers=anthropics, timeout=20).json()


UNSERVED = [
    ("POST", "/v1beta/models/local:embedContent", 400, "texts are embedded in OpenAI's form"),
    ("POST", "/v1/models/local:batchEmbedContents", 400, "texts are embedded in OpenAI's form"),
    ("POST", "/v1beta/models/imagen-4.0-generate-001:predict", 400, "no model here makes images"),
    ("POST", "/v1/models/imagen-4.0-generate-001:predict", 400, "no model here makes images"),
    ("POST", "/v1beta/models/veo-3.0:predictLongRunning", 400, "no model here makes images"),
    ("POST", "/v1beta/models/local:batchGenerateContent", 400, "send each request to `:generateContent`"),
    ("POST", "/v1beta/models/local:sing", 404, "a model is asked for `:generateContent`, `:stream"),
    ("POST", "/v1beta/files", 400, "send the bytes as `inlineData`"),
    ("GET", "/v1beta/files/abc", 400, "send the bytes as `inlineData`"),
    ("POST", "/v1beta/files:register", 400, "send the bytes as `inlineData`"),
    ("POST", "/upload/v1beta/files", 400, "send the bytes as `inlineData`"),
    ("DELETE", "/v1beta/cachedContents/abc", 400, "send the whole prompt each time"),
    ("POST", "/v1beta/interactions", 400, "send the whole conversation to `:generateContent`"),
    ("GET", "/v1beta/tunedModels", 400, "models are not tuned here"),
    ("PATCH", "/v1beta/fileSearchStores/a", 400, "documents are not indexed here"),
    ("POST", "/v1beta/openai/chat/completions", 400, "OpenAI's API is at /v1"),
    ("GET", "/v1beta/somethingElse", 404, "of Gemini's API /v1beta/models is served"),
    ("POST", "/upload/v1/files", 400, "send the bytes as `inlineData`"),
    ("GET", "/v1/files/abc", 400, "send the bytes as `inlineData`"),
    ("POST", "/v1/cachedContents", 400, "send the whole prompt each time"),
    ("POST", "/v1/interactions", 400, "send the whole conversation to `:generateContent`"),
    ("POST", "/v1/batches", 400, "batches are not run here"),
    ("GET", "/v1beta/models/", 404, "no model is named; leave the slash out"),
    (
        "POST",
        "/v1beta/models/:generateContent",
        404,
        "no model is named; ask for models/auto:generateContent",
    ),
    ("POST", "/v1beta/models/local:generateContent/", 404, "a model is asked for `:generateContent`"),
    ("POST", "/v1/v1beta/models/local:generateContent", 400, "set the base URL without it"),
    ("GET", "/v1/somethingElse", 404, "of Gemini's API /v1beta/models is served"),
    ("POST", "/v1alpha/models/local:generateContent", 400, "set the version to `v1beta`"),
    ("POST", "/v1beta1/publishers/google/models/gemini:generateContent", 400, "leave `vertexai`"),
    ("POST", "/v1/projects/a/publishers/google/models/c:generateContent", 400, "leave `vertexai`"),
    ("GET", "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", 400, "live ses"),
    ("GET", "/v1beta/models?pageToken=nobody", 400, "pageToken: no page ended with it"),
    ("GET", "/v1/models?pageToken=nobody", 400, "pageToken: no page ended with it"),
    ("GET", "/v1beta/models?pageSize=many", 400, "query.pageSize: "),
    ("GET", "/v1beta/models/local:generateContent", 405, "takes POST, not GET"),
    ("DELETE", "/v1beta/models/local", 405, "does not take DELETE"),
    ("POST", "/v1/models/local:sing", 404, "a model is asked for `:generateContent`, `:stream"),
]


@pytest.mark.parametrize(("method", "path", "status", "words"), UNSERVED)
def test_what_is_not_served_is_refused_with_the_remedy(endpoint, method, path, status, words):
    answer = httpx.request(method, endpoint.url + path, json={}, headers=GOOGLE, timeout=20)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert (error["code"], words in error["message"]) == (status, True), error
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches", "/v1/models/local:8b"])
def test_another_client_is_told_of_its_own_api(endpoint, path):
    error = endpoint.post(path, {}).json()["error"]
    assert "Google" not in error["message"]
    assert "inlineData" not in error["message"]
    assert "type" in error
