"""Ollama's paths over HTTP: how a stream is sent, what clients ask before they start, and what is refused."""

import base64
import json

import httpx
import pytest
from fastapi import FastAPI

from router.accounts.keys import Keyring
from router.accounts.rate_limit import RateLimiter
from router.app.asgi import Endpoint
from router.app.body import Uploads
from router.app.request import read_outline
from router.billing.prices import Prices
from router.ledger.store import LedgerStore
from router.routing.admission import Limits
from router.settings import Settings
from router.system.time_slices import LARGE_BODY, Pacing
from router.wire import DIALECTS

MINE = {"x-api-key": "sk-ant-mine"}
ASK = [{"role": "user", "content": "Say something."}]


@pytest.fixture(scope="module")
def endpoint(start_between):
    return start_between(KEEPALIVE_S="0.2", LOCAL__CONTEXT="4096")


def lines(answer):
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.parametrize("model", ["local", "cloud"])
def test_a_client_that_waits_is_sent_lines_that_say_nothing(endpoint, upstream, nearby, play, model):
    play(nearby if model == "local" else upstream, {"fault": "slow", "first_byte_s": 1, "text": "One two."})
    answer = endpoint.post("/api/chat", {"model": model, "messages": ASK}, headers=MINE)
    assert answer.headers["content-type"] == "application/x-ndjson"
    pieces = lines(answer)
    assert [piece["message"]["content"] for piece in pieces[:2]] == ["", ""]
    assert "".join(piece["message"]["content"] for piece in pieces) == "One two."
    assert [piece["done"] for piece in pieces].count(True) == 1
    row = endpoint.row(answer)
    assert (row["status"], row["served_track"], row["usage_estimated"]) == (200, model, 0)


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_an_error_after_the_head_is_a_line(endpoint, nearby, play, path):
    play(nearby, {"fault": "status", "status": 500, "message": "no memory", "first_byte_s": 1})
    body = {"model": "local"} | ({"messages": ASK} if path == "/api/chat" else {"prompt": "Say something."})
    answer = endpoint.post(path, body, headers=MINE)
    assert "no memory" in lines(answer)[-1]["error"]


def test_a_prompt_that_does_not_fit(endpoint, nearby, play):
    play(
        nearby,
        {"fault": "status", "status": 400, "message": "maximum context length is 10 tokens, it has 20"},
    )
    answer = endpoint.post("/api/chat", {"model": "local", "messages": ASK, "stream": False}, headers=MINE)
    assert answer.status_code == 400
    assert "exceeds the context length" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_a_model_that_is_only_to_be_loaded(endpoint, upstream, nearby, path):
    answer = endpoint.post(path, {"model": "local", "keep_alive": "5m"})
    assert (answer.json()["done"], answer.json()["done_reason"]) == (True, "load")
    assert upstream.get("/_requests") == nearby.get("/_requests") == []


async def test_a_large_body_is_decoded_apart_each_time():
    """That a model is loaded is answered before the pipeline and the budgets are asked."""
    made = []

    async def apart(function, *arguments):
        made.append(function)
        return function(*arguments)

    settings = Settings()
    limits = Limits(budgets=None, rates=RateLimiter(), prices=Prices({}), model_for=None)
    place = Endpoint(
        pipeline=None, embeddings=None, keyring=Keyring(), limits=limits, settings=settings,
        uploads=Uploads.of(settings), pacing=Pacing(apart), api=FastAPI(),
    )  # fmt: skip
    body = b'{"model":"local"' + b" " * LARGE_BODY + b"}"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(place), base_url="http://local") as client:
        answer = await client.post("/api/generate", content=body)
    assert answer.json()["done_reason"] == "load"
    assert made == [read_outline, DIALECTS["ollama"].load_reply]


@pytest.mark.parametrize("model", ["auto", "local", "cloud"])
@pytest.mark.parametrize("path", ["/api/generate", "/v1/responses"])
def test_a_null_conversation_beside_a_prompt_is_none(endpoint, upstream, nearby, play, path, model):
    play(upstream if model == "cloud" else nearby, {"text": "Fine."})
    body = {"model": model, "prompt" if "api" in path else "input": "hi", "messages": None, "stream": False}
    answer = endpoint.post(path, body, headers=MINE)
    assert answer.status_code == 200, answer.text
    assert "Fine." in answer.text


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/v1/messages", "/v1/responses"])
def test_an_answer_without_usage_is_counted(endpoint, nearby, play, path):
    play(nearby, {"fault": "no_usage", "text": "One two three four five."})
    body = {
        "/api/chat": {"messages": ASK},
        "/api/generate": {"prompt": "Say something."},
        "/v1/messages": {"messages": ASK, "max_tokens": 20},
        "/v1/responses": {"input": "Say something."},
    }[path]
    answer = endpoint.post(path, body | {"model": "local", "stream": False}, headers=MINE).json()
    counts = answer.get("usage") or {"output_tokens": answer.get("eval_count")}
    assert counts["output_tokens"] == 6


def test_paths_without_a_body_take_what_clients_send(endpoint):
    for path in ("/api/tags", "/api/version"):
        assert httpx.head(endpoint.url + path, headers=MINE).status_code == 200
        refused = httpx.put(endpoint.url + path, headers=MINE)
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    refused = httpx.get(endpoint.url + "/api/chat", headers=MINE)
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


def test_what_clients_look_for(endpoint):
    assert httpx.head(endpoint.url + "/").status_code == 200
    answer = httpx.get(endpoint.url + "/", headers={"user-agent": "ollama-python/0.6.3"})
    assert answer.text == "Ollama is running"
    assert endpoint.get("/")["service"] == "turnout"
    assert endpoint.get("/api/version")["version"].count(".") == 2
    assert endpoint.get("/api/ps")["models"][0]["name"] == "nearby:latest"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("given", [{"raw": True}, {"suffix": "return c"}])
def test_a_prompt_completed_as_it_is(endpoint, upstream, nearby, play, given, stream):
    play(nearby, {"text": "return a"})
    options = {"num_predict": 9, "stop": ["END"], "min_p": 0.1}
    body = {"model": "auto", "prompt": "def f(a):", "options": options, "stream": stream, **given}
    answer = endpoint.post("/api/generate", body, headers=MINE)
    pieces = lines(answer)
    assert "".join(piece["response"] for piece in pieces) == "return a"
    assert (pieces[-1]["done"], pieces[-1]["done_reason"], pieces[-1]["eval_count"] > 0) == (
        True,
        "stop",
        True,
    )
    assert answer.headers["x-turnout-degraded"] == "without options.min_p"
    (row,) = nearby.get("/_requests")
    sent = json.loads(base64.b64decode(row["body"]))
    assert (row["path"], sent["prompt"], sent.get("suffix")) == (
        "/v1/completions", "def f(a):", given.get("suffix"),
    )  # fmt: skip
    assert (sent["max_tokens"], sent["stop"], "messages" in sent) == (9, ["END"], False)
    assert upstream.get("/_requests") == []
    assert endpoint.row(answer)["kind"] == "autocomplete"


REFUSED = [
    ("POST", "/api/pull", {"model": "qwen3"}, 400, "models are not managed here"),
    ("POST", "/api/push", {"model": "qwen3"}, 400, "models are not managed here"),
    ("POST", "/api/create", {"model": "mine", "from": "qwen3"}, 400, "models are not managed here"),
    ("POST", "/api/copy", {"source": "a", "destination": "b"}, 400, "models are not managed here"),
    ("DELETE", "/api/delete", {"model": "qwen3"}, 400, "models are not managed here"),
    ("POST", "/api/embed", {"model": "m", "input": "x"}, 400, "`m` makes no embeddings here"),
    ("POST", "/api/embeddings", {"model": "m", "prompt": "x"}, 400, "`m` makes no embeddings here"),
    ("GET", "/api/chat", None, 405, "takes POST"),
    ("POST", "/api/nothing", {}, 404, "there is nothing at /api/nothing"),
    ("POST", "/api/show", [1], 400, "the body must be a JSON object"),
    ("POST", "/api/chat", {"messages": "x"}, 400, "messages: must be a non-empty array"),
    ("POST", "/api/generate", {"prompt": "x", "suffix": "y", "model": "cloud"}, 400, "suffix: "),
    ("POST", "/api/generate", {"prompt": "x", "raw": True, "model": "cloud"}, 400, "raw: "),
    ("POST", "/api/generate", {"prompt": "x", "raw": True, "system": "s"}, 400, "system: cannot stand"),
    ("POST", "/api/generate", {"prompt": "x", "suffix": "y", "format": "json"}, 400, "format: cannot"),
    ("POST", "/api/generate", {"prompt": "x", "suffix": "y", "template": "t"}, 400, "template: "),
    ("POST", "/api/chat", {"messages": ASK, "raw": True}, 400, "messages: cannot stand"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "words"), REFUSED)
def test_refusals_are_in_ollamas_form(endpoint, method, path, body, status, words):
    answer = httpx.request(method, endpoint.url + path, json=body, timeout=20)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert words in answer.json()["error"]


def test_keys_are_asked_for(start_between, tmp_path):
    ledger = LedgerStore.open(tmp_path / "ledger.db", prices=Prices(), write=False)
    secret = ledger.accounts.create_key(team="web").secret
    ledger.close()
    locked = start_between(LEDGER=str(tmp_path / "ledger.db"))
    for path in ("/api/tags", "/api/ps"):
        assert httpx.get(locked.url + path).status_code == 401
        opened = httpx.get(locked.url + path, headers={"authorization": f"Bearer {secret}"})
        assert opened.status_code == 200
    assert "error" in locked.post("/api/chat", {"model": "local"}).json()
