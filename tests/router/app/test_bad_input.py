"""Whatever a client gets wrong, it is told what and how to mend it, in its own dialect."""

import gzip
import json
import socket

import brotli
import httpx
import pytest
from backports import zstd

ANTHROPIC = "/v1/messages"
OPENAI = "/v1/chat/completions"
ASK = '"messages":[{"role":"user","content":"hi"}]'


@pytest.fixture(scope="module")
def endpoint(start_endpoint, shared_upstream):
    return start_endpoint(CLOUD__BASE_URL=shared_upstream.url, MAX_BODY_MB="50")


BODIES = [
    (b"", "not valid JSON"),
    (b'{"messages": [', "not valid JSON"),
    (b"\xff\xfe{}", "not valid JSON"),
    (b"[]", "must be a JSON object"),
    (b"null", "must be a JSON object"),
    (b"{}", "messages: must be a non-empty array"),
    (b'{"messages":[]}', "messages: must be a non-empty array"),
    (b'{"messages":"hi"}', "messages: must be a non-empty array"),
    (b'{"messages":["hi"]}', "messages[0]"),
    (b'{"messages":[{"content":"hi"}]}', "role"),
    (b'{"messages":[{"role":7,"content":"hi"}]}', "messages[0].role: must be a string"),
    (b'{"messages":[{"role":"user","content":7}]}', "messages[0].content: must be a string or an array"),
    (b'{"messages":[{"role":"user","content":[7]}]}', "messages[0].content[0]"),
    (f'{{"model":7,{ASK}}}'.encode(), "model: must be a string"),
    (f'{{"stream":"yes",{ASK}}}'.encode(), "stream: must be true or false"),
    (f'{{"tools":{{}},{ASK}}}'.encode(), "tools: must be an array"),
    (f'{{"max_tokens":"many",{ASK}}}'.encode(), "max_tokens: must be an integer"),
    (b"[" * 100_000, ""),
    (b'{"a":' * 100_000, ""),
]


def message_of(path: str, answer: httpx.Response) -> str:
    error = answer.json()["error"]
    if path.startswith("/v1/messages"):
        assert answer.json()["type"] == "error"
        assert error["type"] in {"invalid_request_error", "not_found_error", "request_too_large"}
    else:
        assert {"message", "type", "param", "code"} <= set(error)
    assert answer.headers["x-turnout-request-id"]
    return error["message"]


RESPONSES = "/v1/responses"
RESPONSES_BODIES = [
    (b"", "not valid JSON"),
    (b"[]", "must be a JSON object"),
    (b"{}", "input: must be a string, or a non-empty array of items"),
    (b'{"messages":[{"role":"user","content":"hi"}]}', "input: must be a string"),
    (b'{"input":7}', "input: must be a string, or a non-empty array"),
    (b'{"input":"hi","stream":"yes"}', "stream: must be true or false"),
    (b'{"input":"hi","max_output_tokens":"many"}', "max_output_tokens: must be an integer"),
    (b'{"input":"hi","previous_response_id":"resp_1"}', "previous_response_id: nothing is kept here"),
    (b'{"input":"hi","conversation":{"id":"c"}}', "conversation: nothing is kept here"),
    (b'{"input":"hi","background":true}', "background: "),
    (b'{"input":"\xff"}', "not valid JSON"),
]


@pytest.mark.parametrize("path", [RESPONSES, "/responses", RESPONSES + "/input_tokens"])
@pytest.mark.parametrize(("body", "message"), RESPONSES_BODIES, ids=range(len(RESPONSES_BODIES)))
def test_a_wrong_responses_body_names_the_field(endpoint, path, body, message):
    answer = httpx.post(endpoint.url + path, content=body, timeout=20)
    assert answer.status_code == 400
    assert message in message_of(path, answer)


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC, ANTHROPIC + "/count_tokens"])
@pytest.mark.parametrize(("body", "message"), BODIES, ids=range(len(BODIES)))
def test_a_wrong_body_names_the_field(endpoint, path, body, message):
    answer = httpx.post(endpoint.url + path, content=body, timeout=20)
    assert answer.status_code == 400
    assert message in message_of(path, answer)


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_60_mb_are_too_many(endpoint, path):
    answer = httpx.post(endpoint.url + path, content=b" " * 60 * 2**20, timeout=60)
    assert answer.status_code == 413
    assert "max_body_mb" in message_of(path, answer)


def test_a_small_body_may_not_unpack_to_a_large_one(endpoint):
    bomb = gzip.compress(b" " * 60 * 2**20)
    answer = httpx.post(endpoint.url + OPENAI, content=bomb, headers={"content-encoding": "gzip"}, timeout=60)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("compress", b"x", 415),
        ("br", b"x", 400),
        ("zstd", b"x", 400),
        ("gzip", b"x", 400),
        ("gzip", gzip.compress(b"{", mtime=0), 400),
    ],
)
def test_an_encoding_that_cannot_be_read(endpoint, encoding, body, status):
    answer = httpx.post(endpoint.url + OPENAI, content=body, headers={"content-encoding": encoding})
    assert answer.status_code == status


UNKNOWN = [
    ("GET", OPENAI, 405, "takes POST"),
    ("PUT", ANTHROPIC, 405, "takes POST"),
    ("POST", "/v1/chat/completion", 404, "did you mean /v1/chat/completions"),
    ("POST", "/v1/message", 404, "did you mean /v1/messages"),
    ("GET", "/v1/responses", 405, "takes POST"),
    ("GET", "/v1/responses/resp_1", 404, "no response is kept here: send the whole conversation as `input`"),
    ("DELETE", "/v1/responses/resp_1", 404, "no response is kept here"),
    ("POST", "/v1/responses/", 404, "there is nothing at /v1/responses/; did you mean /v1/responses?"),
    ("POST", "/v1/chat/completions/", 404, "did you mean /v1/chat/completions?"),
    ("POST", "//v1/chat/completions", 404, "did you mean /v1/chat/completions?"),
    (
        "POST",
        "/v1/v1/messages",
        404,
        "stands there twice, once from the base URL; did you mean /v1/messages?",
    ),
    ("POST", "/embeddings", 404, "did you mean /v1/embeddings?"),
    ("GET", "/models", 404, "did you mean /v1/models?"),
    ("GET", "/v1/models/", 404, "/v1/models/: no model is named; leave the slash out for the list"),
    ("GET", "/api/v0/models/", 404, "/api/v0/models/: no model is named"),
    ("POST", "/v1/responses/resp_1/cancel", 404, "no response is kept here"),
    ("GET", "/v1/responses/resp_1/input_items", 404, "no response is kept here"),
    ("GET", "/nowhere/at/all", 404, "there is nothing at /nowhere/at/all"),
    ("GET", "/v1/%00", 404, "there is nothing at /v1/"),
    ("GET", "/%1b%5b31m%7f%0d%0aa:b%c2%85", 404, "there is nothing at /"),
    ("DELETE", "/v1/models", 405, "does not take DELETE"),
    ("POST", "/v1/route?dialect=klingon", 400, "dialect"),
]


@pytest.mark.parametrize(("method", "path", "status", "message"), UNKNOWN)
def test_an_unknown_path_or_method(endpoint, method, path, status, message):
    answer = httpx.request(method, endpoint.url + path, content=b"{}")
    assert answer.status_code == status
    assert message in message_of(path.replace("/v1/message", "/v1/x") if status == 404 else path, answer)


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/v1/models", "/v1beta/models/auto", "/docs"])
def test_a_head_is_asked_for_wherever_the_whole_is(endpoint, path):
    asked, whole = (httpx.request(method, endpoint.url + path) for method in ("HEAD", "GET"))
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-type"] == whole.headers["content-type"]


def test_a_head_is_not_asked_for_where_nothing_is_read(endpoint):
    asked = httpx.head(endpoint.url + "/v1/route")
    assert (asked.status_code, asked.headers["allow"]) == (405, "POST")
    assert httpx.put(endpoint.url + "/health").headers["allow"] == "GET, HEAD"


UNSUPPORTED = [
    (OPENAI, [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]),
    (ANTHROPIC, [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]),
]


@pytest.mark.parametrize(("path", "content"), UNSUPPORTED)
def test_content_the_local_model_cannot_see(endpoint, path, content):
    body = {"model": "local", "max_tokens": 5, "messages": [{"role": "user", "content": content}]}
    answer = endpoint.post(path, body)
    assert answer.status_code == 400
    assert "image" in message_of(path, answer)


def test_a_body_that_never_comes_holds_nobody_up(endpoint):
    host, port = endpoint.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as stuck:
        stuck.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{")
        assert endpoint.get("/health")["status"] == "ok"
    assert endpoint.get("/health")["status"] == "ok"


def test_broken_http_is_refused(endpoint):
    host, port = endpoint.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.settimeout(10)
        client.sendall(b"NONSENSE\r\n\r\n")
        assert b"400" in client.recv(200).split(b"\r\n")[0]


def test_lone_surrogates_and_odd_numbers_are_carried(endpoint):
    body = rb'{"model":"cloud","messages":[{"role":"user","content":"a\ud800b"}],"x":1e400,"max_tokens":5}'
    for path in (OPENAI, ANTHROPIC):
        answer = httpx.post(endpoint.url + path, content=body, timeout=20)
        assert answer.status_code in {200, 400}, answer.text


@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip, zstd"])
def test_an_encoded_body_is_served(endpoint, encoding):
    request = {"model": "local", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}
    body = json.dumps(request).encode()
    pack = {"zstd": zstd.compress, "br": brotli.compress, "gzip": gzip.compress}
    for name in encoding.split(", "):
        body = pack[name](body)
    headers = {"content-encoding": encoding, "content-type": "application/json"}
    answer = httpx.post(endpoint.url + "/v1/route", content=body, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.json()["decision"]["rule"] == "asked"


@pytest.mark.parametrize("many", [5_001, 20_001])
def test_many_small_messages_are_translated_apart(endpoint, many):
    messages = [{"role": ("user", "assistant")[n % 2], "content": "go on"} for n in range(many)]
    body = {"model": "cloud", "messages": messages}
    answer = httpx.post(
        endpoint.url + OPENAI, json=body, headers={"authorization": "Bearer sk-ant-x"}, timeout=60
    )
    assert answer.status_code == 200
    assert endpoint.get("/health")["status"]
