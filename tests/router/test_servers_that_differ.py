"""Local servers that do not answer as the reference does, through the real endpoint and every dialect."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

READ = {"name": "read", "description": "Read a file.", "parameters": {"type": "object", "properties": {}}}
CHAT_TOOLS = [{"type": "function", "function": READ}]
MESSAGES_TOOLS = [{"name": "read", "input_schema": {"type": "object", "properties": {}}}]
HI = [{"role": "user", "content": "hi"}]
ASKS = {
    "/v1/chat/completions": {"messages": HI, "tools": CHAT_TOOLS, "stream_options": {"include_usage": True}},
    "/v1/messages": {"messages": HI, "max_tokens": 99, "tools": MESSAGES_TOOLS},
    "/v1/responses": {"input": "hi", "tools": [{"type": "function", **READ}]},
    "/api/chat": {"messages": HI, "tools": CHAT_TOOLS},
}
ENDS = {
    "/v1/chat/completions": "data: [DONE]",
    "/v1/messages": "message_stop",
    "/v1/responses": '"response.completed"',
    "/api/chat": '"done":true',
}
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


class Server(BaseHTTPRequestHandler):
    """Answers every request with the bytes put in."""

    protocol_version = "HTTP/1.1"
    kind, answer = "application/json", b""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", self.kind)
        self.send_header("content-length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def endpoint(start_endpoint) -> Iterator[object]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        yield start_endpoint(
            LOCAL__URL=url, LOCAL__NAME="odd", LOCAL__CONTEXT="8000", CLOUD__BASE_URL="http://127.0.0.1:9"
        )
        server.shutdown()


def whole(message, finish="stop") -> bytes:
    return json.dumps({
        "id": "c1", "object": "chat.completion", "created": 1, "model": "odd", "usage": USAGE,
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
    }).encode()  # fmt: skip


def streamed(*deltas, finish="tool_calls") -> bytes:
    chunks = [
        *({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
        {"choices": [], "usage": USAGE},
    ]
    told = (b"data: " + json.dumps({"id": "c1", "model": "odd", **chunk}).encode() for chunk in chunks)
    return b"\n\n".join([*told, b"data: [DONE]", b""])


def ask(endpoint, path, kind, answer) -> httpx.Response:
    Server.kind, Server.answer = kind, answer
    return endpoint.post(path, {"model": "local", "stream": True} | ASKS[path])


@pytest.mark.parametrize("path", ASKS)
def test_a_document_in_the_place_of_a_stream_is_put_as_one(endpoint, path):
    answer = ask(endpoint, path, "application/json; charset=utf-8", whole({"content": "Good morning."}))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] in ("text/event-stream", "application/x-ndjson")
    assert "Good morning." in answer.text
    assert ENDS[path] in answer.text
    row = endpoint.row(answer)
    assert (row["input"], row["output"], row["usage_estimated"], row["end"]) == (11, 7, 0, "complete")


@pytest.mark.parametrize("path", ASKS)
def test_so_are_its_calls(endpoint, path):
    calls = [
        {"id": f"call_{name}_{'x' * 20}", "type": "function",
         "function": {"name": "read", "arguments": json.dumps({"path": name})}}
        for name in ("first", "second")
    ]  # fmt: skip
    answer = ask(
        endpoint, path, "application/json", whole({"content": None, "tool_calls": calls}, "tool_calls")
    )
    assert answer.status_code == 200, answer.text
    assert answer.text.index("first") < answer.text.index("second")
    assert ENDS[path] in answer.text
    if path == "/v1/chat/completions":
        deltas = [
            call
            for line in answer.text.splitlines()
            if line.startswith("data: {")
            for choice in json.loads(line[6:])["choices"]
            for call in choice["delta"].get("tool_calls", ())
        ]
        assert [(call["index"], call["function"]["name"]) for call in deltas] == [(0, "read"), (1, "read")]


@pytest.mark.parametrize(
    "body", [b'{"error": {"message": "no such model"}}', b"{}", b'{"choices": []}', b"{"]
)
def test_what_is_no_answer_stays_none(endpoint, body):
    answer = ask(endpoint, "/v1/chat/completions", "application/json", body)
    assert answer.status_code == 502, answer.text


def test_a_bare_completion_is_put_as_a_stream(endpoint):
    Server.kind = "application/json"
    Server.answer = json.dumps({
        "id": "c1", "object": "text_completion", "model": "odd", "usage": USAGE,
        "choices": [{"index": 0, "text": "return a", "finish_reason": "stop"}],
    }).encode()  # fmt: skip
    answer = endpoint.post("/v1/completions", {"model": "local", "prompt": "def f(a):", "stream": True})
    assert answer.status_code == 200, answer.text
    assert "return a" in answer.text
    assert answer.text.rstrip().endswith("data: [DONE]")


BEGUN = {"index": 0, "id": "call_aaaaaaaaaaaaaaaaaaaa", "type": "function"}


@pytest.mark.parametrize("path", ASKS)
def test_a_call_that_a_filter_cuts_off_is_an_end(endpoint, path):
    cut = {"tool_calls": [BEGUN | {"function": {"name": "read", "arguments": '{"path": "a'}}]}
    answer = ask(endpoint, path, "text/event-stream", streamed(cut, finish="content_filter"))
    assert answer.status_code == 200, answer.text
    assert endpoint.row(answer)["end"] == "complete"
    whole_call = [BEGUN | {"function": {"name": "read", "arguments": '{"path": "a'}}]
    body = ASKS[path] | {"model": "local", "stream": False}
    body.pop("stream_options", None)
    Server.kind = "application/json"
    Server.answer = whole({"content": None, "tool_calls": whole_call}, "content_filter")
    answer = endpoint.post(path, body)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", ASKS)
def test_arguments_that_come_from_their_beginning_each_time(endpoint, path):
    text = '{"path": "src/a.py", "lines": [1, 2]}'
    pieces = [text[:at] for at in (1, 2, 7, 9, 20, 30, len(text))]
    deltas = [{"tool_calls": [BEGUN | {"function": {"name": "read", "arguments": ""}}]}]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
    answer = ask(endpoint, path, "text/event-stream", streamed(*deltas))
    assert answer.status_code == 200, answer.text
    lines = [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if "{" in line[:7]]
    if path == "/v1/chat/completions":
        calls = [
            c for line in lines for choice in line["choices"] for c in choice["delta"].get("tool_calls", ())
        ]
        assert "".join(call["function"].get("arguments", "") for call in calls) == text
    elif path == "/v1/messages":
        deltas = [line["delta"] for line in lines if line["type"] == "content_block_delta"]
        assert "".join(delta.get("partial_json", "") for delta in deltas) == text
    elif path == "/v1/responses":
        (done,) = [line for line in lines if line["type"] == "response.function_call_arguments.done"]
        assert done["arguments"] == text
    else:
        (call,) = [c for line in lines for c in line["message"].get("tool_calls", ())]
        assert call["function"]["arguments"] == json.loads(text)
