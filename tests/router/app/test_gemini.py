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


@pytest.mark.parametrize("query", ["?alt=sse", ""])
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
