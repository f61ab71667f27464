# ruff: noqa: E501 - one row per answer reads best
"""Answers that no server should give: a broken track, told as one, and no error or lost row of ours."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.conftest import wait_for

JSON, EVENTS = "application/json", "text/event-stream"
DEEP = b"[" * 5_000
CLAUDE = (
    b'event: message_start\ndata: {"type":"message_start","message":{"model":5,"usage":{"input_tokens":"x"}}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"\xff"}}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":-7}}\n\n'
)
NUMBERS = (
    b'data: {"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":"x"}}\n\n'
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1e400,"completion_tokens":-4}}'
    b"\n\ndata: [DONE]\n\n"
)
ANSWERS = [
    (200, JSON, b'{"id":"x","choices":[{"message":{"content":"\xff"}}],"content":[{"type":"text","text":"\xff"}]}'),
    (200, JSON, b'{"id":"x","model":"m","choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":1e400}}'),
    (200, JSON, b'{"id":5,"model":7,"choices":"x","usage":[]}'),
    (200, JSON, b'{"choices":[{"message":{"tool_calls":[{"function":{"name":5,"arguments":6}}]}}]}'),
    (200, JSON, b"no json"),
    (200, JSON, b""),
    (200, JSON, DEEP),
    (200, EVENTS, b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n'),
    (200, EVENTS, b"event: \xff\ndata: \xff\n\n"),
    (200, EVENTS, b"data: " + DEEP + b"\n\n"),
    (200, EVENTS, b'data: {"choices":[{"delta":{"tool_calls":[{"index":9223372036854775808}]}}]}\n\n'),
    (200, EVENTS, NUMBERS),
    (200, EVENTS, CLAUDE),
    (429, JSON, b'{"error":"\xff"}'),
    (400, JSON, b'{"error":{"message":"maximum context length is %b tokens in %b tokens"}}' % (b"9" * 5_000, b"9" * 5_000)),
    (400, JSON, b'{"error":{"message":5,"code":[]}}'),
    (600, JSON, b"{}"),
    (999, JSON, b'{"error":{"message":"no status"}}'),
    (204, JSON, b""),
    (200, f"{JSON}\r\nx-note: a\x01b\x7f", b"{}"),
    (429, f"{JSON}\r\nretry-after: 5\x7f\r\nx@y: 1\r\nrequest-id: r\x01", b"{}"),
]  # fmt: skip


class Odd:
    """A server that answers everything with the answer put in."""

    def __init__(self) -> None:
        self.answer = ANSWERS[0]
        self.open: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0))
                status, kind, body = self.answer
                length = "" if status == 204 else f"content-length: {len(body)}\r\n"
                fields = f"content-type: {kind}\r\nretry-after: nan\r\n{length}\r\n"
                writer.write(f"HTTP/1.1 {status} X\r\n{fields}".encode("latin-1") + body)
                await writer.drain()
        writer.close()


@pytest.fixture
async def odd() -> AsyncIterator[tuple[Odd, str]]:
    server = Odd()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    yield server, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    listening.close()
    for writer in server.open:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_what_no_server_should_answer_is_the_track_s_failure(odd, start_endpoint):
    server, url = odd
    settings = {"CLOUD__BASE_URL": url, "LOCAL__URL": f"{url}/v1", "LOCAL__NAME": "odd"}
    endpoint = await asyncio.to_thread(start_endpoint, also={"ANTHROPIC_API_KEY": "sk-ant-test"}, **settings)
    sent = 0
    async with aiohttp.ClientSession() as session:
        for server.answer in ANSWERS:
            for path in ("/v1/messages", "/v1/chat/completions"):
                for model, stream in (("cloud", False), ("cloud", True), ("local", False), ("local", True)):
                    messages = [{"role": "user", "content": f"hi {sent}"}]
                    body = {"model": model, "max_tokens": 9, "stream": stream, "messages": messages}
                    sent += 1
                    with contextlib.suppress(aiohttp.ClientPayloadError):  # a stream that broke off
                        async with session.post(endpoint.url + path, json=body) as answer:
                            text = await answer.read()
                            assert answer.status != 500, (server.answer, path, model, text)
                            assert b"litellm" not in text.lower(), (server.answer, path, model, text)
    assert "defect" not in endpoint.log.read_text()

    def finished() -> bool:
        rows = endpoint.rows("finished_at is not null")
        assert all(0 <= row["input"] < 10_000 and row["output"] >= 0 for row in rows)
        return len(rows) == sent

    await asyncio.to_thread(wait_for, finished, f"{sent} rows", 30)
    assert endpoint.get("/health")["ledger"]["lost"] == 0
