"""OpenAI Responses to a provider that speaks it: passed on as it came, both ways."""

import base64
import contextlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import httpx
import openai
import pytest

HEADERS = {
    "authorization": "Bearer sk-client",
    "content-type": "application/json",
    "openai-beta": "responses=experimental",
    "openai-organization": "org-1",
    "session_id": "0199-abc",
    "x-codex-turn-metadata": '{"turn":1}',
    "x-unknown": "stays",
}
ODD = (
    b'{ "model" : "gpt-5.5","input":[{"role":"user",\n'
    b'"content":[{"type":"input_text","text":"caf\\u00e9 %s"}]}],\n'
    b'  "store":false, "include":["reasoning.encrypted_content"], "unknown":{"b":1,"a":[ ]}, "stream": %s }'
)
EVENTS = (
    b"event: response.created\r\n"
    b'data: {"type":"response.created", "response":{"id":"resp_1","model":"gpt-5.5"}}\r\n\r\n'
    b": a comment\n\n"
    b'data: {"type":"response.output_text.delta","delta":"caf\xc3\xa9 \\u00e9","new_field":{"z":1,"a":2}}\n\n'
    b'event: response.of_tomorrow\ndata: {"type":"response.of_tomorrow","x":[1 , 2]}\n\n'
    b'data: {"type":"response.completed","response":{"status":"completed","output":[],'
    b'"usage":{"input_tokens":11,"output_tokens":7}}}\n\n'
)
WHOLE = (
    b'{"id":"resp_1", "object":"response","status":"completed","model":"gpt-5.5","unknown":1.50,\n'
    b'"output":[{"type":"message","content":[{"type":"output_text","text":"caf\xc3\xa9"}]},{"type":"of_tomorrow"}],'
    b'"usage":{"input_tokens":11,"output_tokens":7}}'
)
ASK = {"model": "gpt-5.5", "input": "What is a turnout?"}
LONG = "one two three four five six seven eight nine ten"
SPEAKS = {
    "CLOUD__DIALECT": "openai",
    "CLOUD__MODEL": "gpt-5.5",
    "CLOUD__RESPONSES": "always",
    "POLICY": "observe",
    "KEEPALIVE_S": "30",
}


@pytest.fixture(scope="module")
def endpoint(start_between, shared_upstream):
    return start_between(CLOUD__BASE_URL=shared_upstream.url + "/v1", **SPEAKS)


class Server(BaseHTTPRequestHandler):
    """Answers every request with the same bytes, in pieces of odd sizes, and keeps what came in."""

    protocol_version = "HTTP/1.1"
    received: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.received.append((self.path, headers, body))
        streamed = b'"stream": true' in body
        answer = EVENTS if streamed else WHOLE
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if streamed else "application/json")
        self.send_header("x-ratelimit-remaining-tokens", "9")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        for at in range(0, len(answer), 37):
            self.wfile.write(answer[at : at + 37])
            self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def bytewise(start_endpoint) -> Iterator[object]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        yield start_endpoint(
            CLOUD__BASE_URL=url, LOCAL__URL=url, LOCAL__NAME="m", LOCAL__CONTEXT="8000", **SPEAKS
        )
        server.shutdown()


def post(endpoint, body, path="/v1/responses", **more):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(endpoint.url + path, content=content, headers=HEADERS | more, timeout=60)


def take(endpoint, body) -> tuple[httpx.Response, str, bool]:
    """The answer, all that came of it, and whether it broke off."""
    received, broken = b"", False
    with httpx.stream(
        "POST", endpoint.url + "/v1/responses", json=body, headers=HEADERS, timeout=60
    ) as answer:
        try:
            for chunk in answer.iter_raw():
                received += chunk
        except httpx.RemoteProtocolError:
            broken = True
    return answer, received.decode(), broken


def seen(upstream):
    (row,) = upstream.get("/_requests")
    return row, base64.b64decode(row["body"])


@pytest.mark.parametrize("stream", [b"true", b"false"])
@pytest.mark.parametrize("path", ["/v1/responses", "/responses", "/v1/responses?beta=1"])
def test_bytes_pass_both_ways(bytewise, stream, path):
    body = ODD % ("é".encode(), stream)
    answer = post(bytewise, body, path)
    received_path, headers, received = Server.received.pop()
    assert received_path == path.replace("/v1", "").replace("/responses", "/v1/responses")
    assert received == body
    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    assert answer.content == (EVENTS if stream == b"true" else WHOLE)
    assert answer.headers["x-ratelimit-remaining-tokens"] == "9"
    assert answer.headers["x-turnout-track"] == "cloud"
    assert "x-turnout-degraded" not in answer.headers
    row = bytewise.row(answer)
    assert [row[name] for name in ("input", "output", "usage_estimated", "end")] == [11, 7, 0, "complete"]


@pytest.mark.parametrize("stream", [True, False])
def test_the_model_alone_is_replaced_and_usage_is_read(endpoint, upstream, stream):
    body = json.dumps({"model": "cloud", "input": "hi", "stream": stream}).encode()
    answer = post(endpoint, body)
    recorded, sent = seen(upstream)
    assert sent == body.replace(b'"cloud"', b'"gpt-5.5"')
    row = endpoint.row(answer)
    assert (row["served_model"], row["end"], row["usage_estimated"]) == ("gpt-5.5", "complete", 0)
    bill = recorded["bill"]
    assert [row[name] for name in ("input", "output", "cache_read")] == [
        bill["input"], bill["output"], bill["cache_read"],
    ]  # fmt: skip
    assert row["cost_usd"] > 0


@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
@pytest.mark.parametrize("stream", [True, False])
def test_a_refusal_passes(endpoint, upstream, play, status, stream):
    play(upstream, {"fault": "status", "status": status, "message": "not today", "retry_after": 7})
    answer = post(endpoint, ASK | {"stream": stream, "model": "cloud"})
    assert answer.status_code == status
    assert answer.json()["error"]["message"] == "not today"
    assert answer.headers["retry-after"] == "7"
    row = endpoint.row(answer)
    assert (row["end"], row["status"], len(upstream.get("/_requests"))) == ("failed", status, 1)


@pytest.mark.parametrize("fault", ["close", "close_after_head", "garbage", "empty"])
def test_nothing_useful_is_an_error(endpoint, upstream, play, fault):
    play(upstream, {"fault": fault})
    answer = post(endpoint, ASK | {"stream": True, "model": "cloud"})
    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "server_error"
    assert endpoint.row(answer)["end"] == "failed"


TWO = {"text": LONG, "tools": [{"name": "exec", "input": {"cmd": "ls -la /tmp and more of it"}}]}
"""A text and a call: 29 events."""
PLACES = {"created": 1, "announced": 2, "reasoning": 4, "text": 9, "arguments": 23, "all but the end": 28}


@pytest.mark.parametrize("place", PLACES)
def test_a_cut_stream_breaks_off(endpoint, upstream, play, place):
    play(upstream, TWO | {"fault": "cut", "after_events": PLACES[place], "chunk_delay_s": 0.01})
    answer, text, broken = take(endpoint, ASK | {"stream": True, "model": "cloud"})
    if PLACES[place] < 3:  # nothing useful has come yet
        assert (answer.status_code, broken) == (502, False)
    else:
        assert (answer.status_code, broken) == (200, True)
        assert text.startswith("event: response.created")
    assert "response.completed" not in text
    row = endpoint.row(answer)
    assert row["end"] == "failed"
    assert row["usage_estimated"] == (answer.status_code == 200)
    assert row["error"]
    assert len(upstream.get("/_requests")) == 1


@pytest.mark.parametrize("place", PLACES)
def test_an_error_event_passes_as_it_came(endpoint, upstream, play, place):
    play(upstream, TWO | {"fault": "error_event", "after_events": PLACES[place], "message": "oh no"})
    answer, text, broken = take(endpoint, ASK | {"stream": True, "model": "cloud"})
    assert (answer.status_code, broken) == (200, False)
    assert text.startswith("event: response.created")
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert len(events) == PLACES[place] + 1
    assert (events[-1]["type"], events[-1]["message"]) == ("error", "oh no")
    assert endpoint.row(answer)["end"] == "failed"


@pytest.mark.parametrize("stream", [True, False])
def test_a_failed_response_passes_and_is_marked(endpoint, upstream, play, stream):
    play(upstream, {"text": LONG, "fault": "failed", "message": "oh no"})
    answer = post(endpoint, ASK | {"stream": stream, "model": "cloud"})
    assert answer.status_code == 200
    last = json.loads(answer.text.rstrip().rpartition("data: ")[2]) if stream else answer.json()
    response = last["response"] if stream else last
    assert (response["status"], response["error"]["message"]) == ("failed", "oh no")
    assert endpoint.row(answer)["end"] == "failed"


@pytest.mark.parametrize("stream", [True, False])
def test_an_incomplete_response_is_an_answer(endpoint, upstream, play, stream):
    play(upstream, {"text": LONG, "fault": "limit"})
    answer = post(endpoint, ASK | {"stream": stream, "model": "cloud"})
    assert '"incomplete_details":{"reason":"max_output_tokens"}' in answer.text
    row = endpoint.row(answer)
    assert (row["end"], row["usage_estimated"]) == ("complete", 0)


@pytest.fixture(scope="module")
def degrading(start_between, shared_upstream, tmp_path_factory):
    policy = tmp_path_factory.mktemp("policy") / "p.yaml"
    policy.write_text(
        "{name: p, hold: none, otherwise: {to: cloud, why: always}, degrade: {on: [cloud_error], to: local}}"
    )
    return start_between(CLOUD__BASE_URL=shared_upstream.url + "/v1", **SPEAKS | {"POLICY": str(policy)})


FAILURES = [
    *(({"fault": "status", "status": 503}, stream) for stream in (True, False)),
    *(({"fault": "close"}, stream) for stream in (True, False)),
    ({"fault": "error_event", "after_events": 2}, True),
    ({"fault": "failed", "text": "Too late."}, False),
]


@pytest.mark.parametrize(("failure", "stream"), FAILURES, ids=str)
def test_another_track_takes_over_before_anything_useful(degrading, upstream, nearby, play, failure, stream):
    play(upstream, failure)
    answer = post(degrading, ASK | {"model": "auto", "stream": stream})
    assert answer.status_code == 200, answer.text
    assert "Scripted answer" in answer.text
    row = degrading.row(answer)
    assert (row["served_track"], row["degraded"], row["end"]) == ("local", "cloud_error", "complete")
    assert len(nearby.get("/_requests")) == 1


GOES_ON = [
    {"conversation": "conv_1"},
    {"prompt": {"id": "pmpt_1"}},
    {"top_logprobs": 3},
    {"moderation": {"model": "m"}},
    {"include": ["message.output_text.logprobs"]},
    {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
    {"tools": [{"type": "shell", "environment": {"type": "container_auto"}}]},
    {"input": [{"role": "user", "content": "hi"}, {"type": "mcp_approval_response", "approve": True}]},
]


@pytest.fixture(scope="module")
def balanced(start_between, shared_upstream):
    return start_between(CLOUD__BASE_URL=shared_upstream.url + "/v1", **SPEAKS | {"POLICY": "local-first"})


@pytest.mark.parametrize("fields", GOES_ON, ids=str)
def test_what_the_provider_alone_can_serve_goes_there(balanced, upstream, nearby, fields):
    answer = post(balanced, {"model": "auto", "input": "Rename x to y.", "store": True} | fields)
    assert answer.status_code == 200, answer.text
    _, sent = seen(upstream)
    assert json.loads(sent).items() >= fields.items()
    row = balanced.row(answer)
    assert (row["rule"], row["served_track"]) == ("provider_only", "cloud")
    assert next(iter(fields)) in answer.headers["x-turnout-why"]
    assert nearby.get("/_requests") == []


@pytest.mark.parametrize("fields", GOES_ON, ids=str)
def test_the_local_model_says_that_it_cannot(endpoint, upstream, nearby, fields):
    answer = post(endpoint, {"model": "local", "input": "hi"} | fields)
    assert answer.status_code == 400
    assert next(iter(fields)) in answer.json()["error"]["message"]
    assert upstream.get("/_requests") == nearby.get("/_requests") == []


def test_an_answer_that_was_stored_is_gone_on_from(balanced, upstream, nearby, play):
    play(upstream, {"text": "First."}, {"text": "Second."})
    first = post(balanced, ASK | {"model": "cloud"}).json()
    second = post(balanced, {"model": "auto", "input": "Go on.", "previous_response_id": first["id"]})
    assert second.json()["previous_response_id"] == first["id"]
    item = first["output"][0]["id"]
    referred = [{"type": "item_reference", "id": item}, {"role": "user", "content": "?"}]
    assert post(balanced, {"model": "auto", "input": referred}).status_code == 200
    unknown = post(balanced, {"model": "auto", "input": "Go on.", "previous_response_id": "resp_x"})
    assert unknown.json()["error"]["code"] == "previous_response_not_found"
    assert nearby.get("/_requests") == []


def test_an_answer_of_the_local_model_is_not(balanced, upstream):
    here = post(balanced, {"model": "local", "input": "hi", "store": True})
    assert "store" in here.headers["x-turnout-degraded"]
    answer = post(balanced, {"model": "auto", "input": "?", "previous_response_id": here.json()["id"]})
    assert answer.status_code == 400
    assert "previous_response_id: this answer was written here" in answer.json()["error"]["message"]
    assert upstream.get("/_requests") == []


def test_background_is_refused_everywhere(endpoint, upstream):
    answer = post(endpoint, ASK | {"background": True})
    assert (answer.status_code, upstream.get("/_requests")) == (400, [])
    assert "background: an answer is given in the request" in answer.text


ENCRYPTED = {"include": ["reasoning.encrypted_content"], "store": False}


def test_reasoning_goes_back_to_its_maker_alone(endpoint, upstream, nearby, play):
    """A turn of the local model between two of the provider's: each is sent what it can read."""
    ask = {"role": "user", "content": "Go on."}
    first = post(endpoint, ENCRYPTED | {"model": "gpt-5.5", "input": [ask]}).json()["output"]
    assert first[0]["encrypted_content"].startswith("gAAAA")
    play(nearby, {"text": "<think>Hm.</think>Here."})
    local = post(endpoint, ENCRYPTED | {"model": "local", "input": [ask, *first, ask]})
    assert "reasoning.encrypted_content" in local.headers["x-turnout-degraded"]
    assert b"gAAAA" not in seen(nearby)[1]
    thought = {
        "type": "reasoning",
        "id": "rs_turnout_1",
        "summary": [{"type": "summary_text", "text": "Hm."}],
    }
    claudes = thought | {"id": "rs_2", "encrypted_content": "claude.0123456789abcdef.s"}
    unsigned = thought | {"id": "rs_3", "encrypted_content": "unsigned."}
    spoken = [item for item in local.json()["output"] if item["type"] == "message"]
    upstream.get("/_requests")
    httpx.delete(upstream.url + "/_requests")
    history = [ask, *first, ask, thought, unsigned, claudes, *spoken, ask]
    answer = post(endpoint, ENCRYPTED | {"model": "gpt-5.5", "input": history})
    assert answer.status_code == 200, answer.text
    assert json.loads(seen(upstream)[1])["input"] == [ask, *first, ask, *spoken, ask]


def test_reasoning_in_plain_text_stays_where_it_has_no_mark_of_ours(bytewise):
    """Servers other than OpenAI's send it so, and take it back."""
    items = [
        {"type": "reasoning", "id": "rs_" + "a" * 32, "content": [{"type": "reasoning_text", "text": "Hm."}]}
    ]
    body = json.dumps(
        ASK | {"input": [*items, {"role": "user", "content": '"unsigned." "rs_turnout_'}]}
    ).encode()
    post(bytewise, body)
    assert Server.received.pop()[2] == body


def test_a_conversation_is_compacted_by_the_provider(balanced, upstream, nearby):
    body = ENCRYPTED | {"model": "cloud", "input": [{"role": "user", "content": "Long story."}]}
    del body["include"], body["store"]
    compacted = post(balanced, body, "/v1/responses/compact")
    recorded, sent = seen(upstream)
    assert recorded["path"] == "/v1/responses/compact"
    assert json.loads(sent) == body | {"model": "gpt-5.5"}
    row = balanced.row(compacted)
    assert (row["rule"], row["served_track"], row["kind"], row["end"]) == (
        "asked",
        "cloud",
        "summary",
        "complete",
    )
    assert row["input"] == recorded["bill"]["input"] > 0
    assert row["cost_usd"] > 0
    # What goes on from there can be read by the provider alone.
    items = [*compacted.json()["output"], {"role": "user", "content": "Rename x to y."}]
    answer = post(balanced, {"model": "auto", "input": items})
    assert (answer.status_code, answer.headers["x-turnout-rule"]) == (200, "provider_only")
    assert nearby.get("/_requests") == []
    refused = post(balanced, {"model": "local", "input": items})
    assert "input[1].type: `compaction`" in refused.json()["error"]["message"]
    assert (
        "summary"
        in post(balanced, body | {"model": "local"}, "/responses/compact").json()["error"]["message"]
    )


def test_tokens_are_counted_by_the_provider(endpoint, upstream):
    body = {"model": "cloud", "input": "How many are these?"}
    counted = post(endpoint, body, "/v1/responses/input_tokens")
    recorded, sent = seen(upstream)
    assert (recorded["path"], json.loads(sent)) == ("/v1/responses/input_tokens", body | {"model": "gpt-5.5"})
    direct = httpx.post(upstream.url + "/v1/responses/input_tokens", json=body).json()
    assert counted.json() == direct
    assert direct["input_tokens"] > 0


def test_a_websocket_is_refused_in_the_status_that_codex_knows(endpoint):
    offer = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-key": "dGhlIHNhbXBsZQ=="}
    headers = HEADERS | offer
    answer = httpx.get(endpoint.url + "/v1/responses", headers=headers)
    assert (answer.status_code, answer.headers["upgrade"]) == (426, "HTTP/1.1")
    assert httpx.get(endpoint.url + "/v1/responses").status_code == 405


def test_others_are_asked_in_chat_completions(start_between, shared_upstream, upstream):
    plain = start_between(
        CLOUD__DIALECT="openai",
        CLOUD__BASE_URL=shared_upstream.url + "/v1",
        CLOUD__MODEL="gpt-5.5",
        POLICY="observe",
    )
    assert post(plain, ASK).status_code == 200
    assert seen(upstream)[0]["path"] == "/v1/chat/completions"
    refused = post(plain, ASK | {"previous_response_id": "resp_1"})
    assert refused.status_code == 400
    assert "previous_response_id: nothing is kept here" in refused.json()["error"]["message"]
    compacted = post(plain, ASK, "/v1/responses/compact")
    assert compacted.status_code == 404
    assert "ask for a summary" in compacted.json()["error"]["message"]


NEVER = "{name: n, hold: none, otherwise: {to: cloud, why: always}, never_cloud: {match: [sesame]}}"
HIDDEN = [
    {"metadata": {"a": "sesame"}},
    {"instructions": "sesame"},
    {"prompt_cache_key": "sesame"},
    {"prompt": {"id": "p", "variables": {"v": "sesame"}}},
    {"client_metadata": {"x": "sesame"}},
    {"of_tomorrow": [{"deep": ["sesame"]}]},
    {"previous_response_id": "sesame"},
    {"tools": [{"type": "function", "name": "f", "parameters": {"description": "sesame"}}]},
    {"input": [{"type": "function_call_output", "call_id": "c", "output": "\\u0073esame"}]},
    {"input": [{"type": "of_tomorrow", "x": "sesame"}]},
    {"input": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "sesame"}]}]},
]


@pytest.fixture(scope="module")
def guarded(start_between, shared_upstream, tmp_path_factory):
    policy = tmp_path_factory.mktemp("policy") / "n.yaml"
    policy.write_text(NEVER)
    return start_between(CLOUD__BASE_URL=shared_upstream.url + "/v1", **SPEAKS | {"POLICY": str(policy)})


@pytest.mark.parametrize("fields", HIDDEN, ids=str)
@pytest.mark.parametrize("path", ["/v1/responses", "/v1/responses/compact", "/v1/responses/input_tokens"])
def test_what_must_stay_stays(guarded, upstream, fields, path):
    body = json.dumps({"model": "cloud", "input": "hi"} | fields).replace("\\\\u", "\\u").encode()
    post(guarded, body, path, session_id=f"{path}{fields}")
    assert upstream.get("/_requests") == []
    assert post(guarded, ASK, path, session_id="another").status_code == 200
    assert len(upstream.get("/_requests")) == 1


def test_openais_sdk_goes_on_from_its_answer(endpoint, upstream, play):
    play(upstream, {"text": "First."}, {"text": "Second."})
    with contextlib.closing(
        openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key="sk-client", max_retries=0)
    ) as client:
        first = client.responses.create(model="gpt-5.5", input="Hi.")
        with client.responses.stream(
            model="gpt-5.5", input="And then?", previous_response_id=first.id
        ) as events:
            second = events.get_final_response()
        compacted = client.responses.compact(model="gpt-5.5", input="Hi.")
        counted = client.responses.input_tokens.count(model="gpt-5.5", input="Hi.")
    assert (first.output_text, second.output_text) == ("First.", "Second.")
    assert second.previous_response_id == first.id
    assert compacted.object == "response.compaction"
    assert counted.input_tokens > 0
