"""The cloud track: what reaches the provider, what comes back, and what a failure looks like."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from dataclasses import replace

import pytest

from policies.decide import Decision
from router.types import Progress, TrackError

CLOUD = Decision(track="cloud", rule="asked", why="for the test")
OURS = ("x-api-key", "sk-ant-api03-ours")

ODD = (
    b'{ "model" : "claude-sonnet-4-5",\n\t"max_tokens":64, "messages" : [ {"role":"user",'
    b'"content":"caf\\u00e9 \\ud83d\\ude00"} ],"thinking":{"type":"adaptive"},'
    b'"context_management":{"edits":[]},'
    b'"from_next_year":{"model":"x","n":1.0e2} , "stream":true }\n'
)
THEIRS = (
    ("content-type", "application/json"),
    ("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14"),
    ("anthropic-version", "2099-01-01"),
    ("x-claude-code-session-id", "3f1c"),
    ("x-from-next-year", "kept"),
    ("user-agent", "claude-cli/2.1.330"),
    ("authorization", "Bearer sk-ant-oat01-theirs"),
)


async def test_a_request_arrives_as_it_was_sent(cloud, upstream, plan, whole) -> None:
    await whole(await cloud().open(plan(ODD, headers=THEIRS, query="beta=true"), CLOUD))
    row = await upstream.last()
    assert row["body"] == ODD
    assert row["query"] == "beta=true"
    headers = await upstream.last_headers()
    own = {"host", "content-length", "accept-encoding"}
    assert [pair for pair in headers if pair[0] not in own] == list(THEIRS)
    assert ("accept-encoding", "identity") in headers
    assert ("content-length", str(len(ODD))) in headers


async def test_a_body_of_megabytes_arrives_whole(cloud, upstream, plan, whole) -> None:
    body = ODD.replace(b"caf", b"c" * 3_000_000)
    await whole(await cloud().open(plan(body), CLOUD))
    assert (await upstream.last())["body"] == body


@pytest.mark.parametrize(
    ("asked", "decided", "sent"),
    [
        ("auto", "", "claude-sonnet-5-5"),
        ("cloud", "", "claude-sonnet-5-5"),
        ("gpt-5", "", "claude-sonnet-5-5"),
        ("", "", "claude-sonnet-5-5"),
        ("claude-opus-9", "", "claude-opus-9"),
        ("auto", "claude-haiku-5-5", "claude-haiku-5-5"),
        ("claude-opus-9", "claude-haiku-5-5", "claude-haiku-5-5"),
    ],
)
async def test_only_the_models_name_is_changed(cloud, upstream, plan, whole, asked, decided, sent) -> None:
    body = ODD.replace(b'"claude-sonnet-4-5"', b'"%b"' % asked.encode())
    reply = await cloud().open(plan(body), replace(CLOUD, model=decided))
    await whole(reply)
    assert (await upstream.last())["body"] == ODD.replace(b"claude-sonnet-4-5", sent.encode())
    assert reply.model == sent


X_THEIRS = ("x-api-key", "sk-ant-api03-theirs")
B_THEIRS = ("authorization", "Bearer sk-ant-oat01-theirs")
B_OTHER = ("authorization", "Bearer placeholder")


@pytest.mark.parametrize(
    ("forward", "received", "sent"),
    [
        ("auto", (B_THEIRS,), [B_THEIRS]),
        ("auto", (X_THEIRS,), [X_THEIRS]),
        ("auto", (B_OTHER,), [OURS]),
        ("auto", (B_OTHER, X_THEIRS), [X_THEIRS]),
        ("auto", (), [OURS]),
        ("always", (B_OTHER,), [B_OTHER]),
        ("always", (), [OURS]),
        ("never", (B_THEIRS, X_THEIRS), [OURS]),
    ],
)
async def test_credentials(cloud, upstream, plan, whole, forward, received, sent) -> None:
    await whole(await cloud(forward_credentials=forward).open(plan(headers=received), CLOUD))
    headers = await upstream.last_headers()
    assert [pair for pair in headers if pair[0] in {"authorization", "x-api-key"}] == sent
    assert ("anthropic-version", "2023-06-01") in headers


async def test_a_token_in_the_environment_is_sent_as_bearer(
    cloud, upstream, plan, whole, monkeypatch
) -> None:
    track = cloud()
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "t0ken")
    await whole(await track.open(plan(), CLOUD))
    assert ("authorization", "Bearer t0ken") in await upstream.last_headers()


@pytest.mark.parametrize("dialect", ["anthropic_messages", "openai_chat"])
async def test_without_a_credential_the_answer_says_what_to_set(
    cloud, upstream, plan, monkeypatch, dialect
) -> None:
    track = cloud()
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(TrackError) as caught:
        await track.open(plan(dialect=dialect), CLOUD)
    error = caught.value
    assert (error.cause, error.status, error.kind) == ("no_credential", 400, "invalid_request_error")
    assert "ANTHROPIC_API_KEY" in error.message
    assert 'model "local"' in error.message
    assert await upstream.requests() == []
    assert track.breaker.up


async def test_one_providers_key_never_reaches_another(cloud, upstream, plan, whole, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
    track = cloud(dialect="openai", model="gpt-5")
    await whole(await track.open(plan(dialect="openai_chat", headers=(B_THEIRS,)), CLOUD))
    assert ("authorization", "Bearer sk-ours") in await upstream.last_headers()
    assert (await upstream.last_json())["model"] == "gpt-5"


@pytest.mark.parametrize("stream", [True, False])
async def test_the_answer_is_the_providers(cloud, upstream, plan, whole, stream) -> None:
    await upstream.script({"text": "one two three"})
    reply = await cloud().open(plan({"stream": stream}), CLOUD)
    names = {name for name, _ in reply.headers}
    body = await whole(reply)
    assert reply.status == 200
    assert {"request-id", "anthropic-ratelimit-tokens-remaining", "content-type"} <= names
    assert not names & {"transfer-encoding", "connection", "content-encoding"}
    assert ("content-length" in names) is not stream
    assert b"three" in body
    assert reply.tap.complete
    assert reply.tap.usage is not None
    assert reply.tap.usage.output > 0
    assert reply.tap.model == "claude-sonnet-5-5"


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENTS = [
    (
        b'event: message_start\r\ndata: {"type":"message_start","message":{"model":"m",'
        b'"usage":{"input_tokens":5}}}\r\n\r\n'
    ),
    b": ping\n\n",
    b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"H',
    b'i"}}\n\nevent: from_next_year\ndata: {"x": 1 }\n\n',
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
]


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def test_the_bytes_of_a_stream_pass_unchanged(cloud, raw, read, plan, whole) -> None:
    received = []

    async def behave(reader, writer) -> None:
        received.append(await read(reader))
        writer.write(STREAM_HEAD)
        for event in EVENTS:
            writer.write(chunked(event))
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write(b"0\r\n\r\n")

    url, _ = await raw(behave)
    reply = await cloud(base_url=url).open(plan({"stream": True}, query="a=%2F&b=1+2&beta"), CLOUD)
    assert received[0].startswith(b"POST /v1/messages?a=%2F&b=1+2&beta HTTP/1.1\r\n")
    assert reply.tap.started
    assert not reply.tap.complete
    assert await whole(reply) == b"".join(EVENTS)
    assert reply.tap.complete


async def test_the_reply_is_open_once_something_useful_is_there(cloud, raw, read, plan) -> None:
    more = asyncio.Event()

    async def behave(reader, writer) -> None:
        await read(reader)
        writer.write(STREAM_HEAD + b"".join(chunked(event) for event in EVENTS[:4]))
        await more.wait()
        writer.write(chunked(EVENTS[4]) + b"0\r\n\r\n")

    url, _ = await raw(behave)
    reply = await cloud(base_url=url).open(plan({"stream": True}), CLOUD)
    assert await anext(reply.chunks) == b"".join(EVENTS[:4])
    more.set()
    assert [chunk async for chunk in reply.chunks] == [EVENTS[4]]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("status", "told", "retry_after", "kind"),
    [
        (429, 7, 7, "rate_limit_error"),
        (429, None, 5, "rate_limit_error"),
        (500, None, 2, "api_error"),
        (503, 1, 1, "overloaded_error"),
        (529, None, 5, "overloaded_error"),
    ],
)
async def test_the_providers_failures(
    cloud, upstream, plan, whole, stream, status, told, retry_after, kind
) -> None:
    await upstream.script({"fault": "status", "status": status, "message": "not now", "retry_after": told})
    with pytest.raises(TrackError) as caught:
        await cloud().open(plan({"stream": stream}), CLOUD)
    error = caught.value
    assert (error.cause, error.status, error.kind, error.retry_after) == (
        "cloud_error",
        status,
        kind,
        retry_after,
    )
    assert "not now" in error.message
    assert error.reply is not None
    assert error.reply.status == status
    assert dict(error.reply.headers)["retry-after"] == str(retry_after)
    assert dict(error.reply.headers)["request-id"].startswith("req_")
    body = await whole(error.reply)
    assert b"".join(body.split()).startswith(b'{"type":"error"')
    assert b"not now" in body
    assert len(await upstream.requests()) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_what_a_client_did_wrong_passes_unchanged(cloud, upstream, plan, whole, status) -> None:
    track = cloud()
    for _ in range(4):
        await upstream.script({"fault": "status", "status": status, "message": "your fault"})
        reply = await track.open(plan({"stream": True}), CLOUD)
        assert reply.status == status
        assert b"your fault" in await whole(reply)
        assert reply.tap.error == "your fault"
    assert track.breaker.up


async def test_an_error_event_before_anything_useful(cloud, upstream, plan, whole) -> None:
    await upstream.script({"text": "never", "fault": "error_event", "after_events": 1})
    with pytest.raises(TrackError) as caught:
        await cloud().open(plan({"stream": True}), CLOUD)
    error = caught.value
    assert (error.cause, error.status, error.kind) == ("cloud_error", 529, "overloaded_error")
    body = await whole(error.reply)
    assert error.reply.status == 200
    assert body.startswith(b"event: message_start\n")
    assert b"event: error\n" in body


async def test_an_error_event_after_something_useful_passes(cloud, upstream, plan, whole) -> None:
    await upstream.script({"text": "one two three", "fault": "error_event", "after_events": 5})
    reply = await cloud().open(plan({"stream": True}), CLOUD)
    assert b"event: error\n" in await whole(reply)
    assert reply.tap.error == "Overloaded"
    assert not reply.tap.complete


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", ["close", "close_after_head", "empty", "garbage"])
async def test_what_was_sent_once_is_not_sent_again(cloud, upstream, plan, whole, stream, fault) -> None:
    """Nobody but the provider knows whether it was processed."""
    track = cloud()
    await whole(await track.open(plan(), CLOUD))  # a connection is in the pool
    await upstream.script({"fault": fault}, {"text": "never"})
    progress = Progress()
    with contextlib.suppress(TrackError, ConnectionError):
        assert b"never" not in await whole(await track.open(plan({"stream": stream}), CLOUD, progress))
    assert progress.sent
    assert len(await upstream.requests()) == 2


ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n"


@pytest.mark.parametrize("more", [b"", b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"])
async def test_a_pooled_connection_that_ended_while_idle_is_not_used(cloud, plan, whole, more) -> None:
    """The request goes out once, over another, also where the loop has not yet read the end."""
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        for body in (b"{}", b"[]"):
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(65536)
                connection.sendall(ANSWER + body)
                time.sleep(0.1)  # the answer is read before what follows
                connection.sendall(more)
            ended.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        track = cloud(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert await whole(await track.open(plan(), CLOUD)) == b"{}"
        ended.wait()  # the loop stands still meanwhile
        assert await whole(await track.open(plan(), CLOUD)) == b"[]"
        server.join()


async def test_a_pooled_connection_that_ends_on_the_request_is_a_failure(
    cloud, raw, read, plan, whole
) -> None:
    async def answers_once_then_ends_on_the_next(reader, writer) -> None:
        await read(reader)
        writer.write(ANSWER + b"{}")
        await reader.readexactly(1)  # the next request begins

    url, seen = await raw(answers_once_then_ends_on_the_next)
    track = cloud(base_url=url)
    assert await whole(await track.open(plan(), CLOUD)) == b"{}"
    with pytest.raises(TrackError) as caught:
        await track.open(plan(), CLOUD)
    assert (caught.value.cause, caught.value.status, caught.value.reply) == ("cloud_error", 502, None)
    assert seen.count(b"accepted") == 1


async def test_what_is_not_sent_is_known(cloud, plan) -> None:
    progress = Progress()
    with pytest.raises(TrackError):
        await cloud(base_url="http://127.0.0.1:1").open(plan(), CLOUD, progress)
    assert not progress.sent


@pytest.mark.parametrize("size", [1, 2**20, 2**20 + 1, 3 * 2**20 + 7])
async def test_a_body_arrives_as_it_is(cloud, upstream, plan, whole, size) -> None:
    sent = plan({"model": "claude-sonnet-5-5", "metadata": {"padding": "x" * size}})
    await whole(await cloud().open(sent, CLOUD))
    assert (await upstream.last())["body"] == sent.request.body


async def test_refused(cloud, plan) -> None:
    with pytest.raises(TrackError) as caught:
        await cloud(base_url="http://127.0.0.1:1").open(plan(), CLOUD)
    assert (caught.value.cause, caught.value.status, caught.value.kind) == ("cloud_error", 502, "api_error")


async def test_a_stream_that_breaks_before_anything_useful(cloud, upstream, plan) -> None:
    await upstream.script({"text": "never", "fault": "cut", "after_events": 1})
    with pytest.raises(TrackError) as caught:
        await cloud().open(plan({"stream": True}), CLOUD)
    assert (caught.value.cause, caught.value.status) == ("cloud_error", 502)
    assert len(await upstream.requests()) == 1


async def test_an_empty_stream_is_a_failure(cloud, raw, read, plan) -> None:
    async def behave(reader, writer) -> None:
        await read(reader)
        writer.write(STREAM_HEAD + b"0\r\n\r\n")

    url, _ = await raw(behave)
    with pytest.raises(TrackError, match="before anything useful"):
        await cloud(base_url=url).open(plan({"stream": True}), CLOUD)


async def test_a_document_that_breaks_off_is_a_failure_too(cloud, upstream, plan) -> None:
    await upstream.script({"text": "x " * 4000, "fault": "cut"})
    with pytest.raises(TrackError) as caught:
        await cloud().open(plan(), CLOUD)
    assert (caught.value.cause, caught.value.status) == ("cloud_error", 502)


async def test_a_stream_that_breaks_later_is_not_tried_again(cloud, upstream, plan, broken) -> None:
    await upstream.script({"text": "one two three four", "fault": "cut", "after_events": 6})
    reply = await cloud().open(plan({"stream": True}), CLOUD)
    assert b"one" in await broken(reply)
    assert len(await upstream.requests()) == 1


@pytest.mark.parametrize("stream", [True, False])
async def test_too_late(cloud, upstream, plan, stream) -> None:
    await upstream.script({"fault": "slow", "first_byte_s": 30})
    with pytest.raises(TrackError) as caught:
        await cloud(first_byte_s=0.2).open(plan({"stream": stream}), CLOUD)
    assert (caught.value.cause, caught.value.status, caught.value.kind) == (
        "cloud_error",
        504,
        "timeout_error",
    )
    await upstream.ended("hung_up")


async def test_a_stream_has_an_end(cloud, upstream, plan) -> None:
    await upstream.script({"text": "word " * 100, "chunk_delay_s": 0.1})
    reply = await cloud(total_s=1).open(plan({"stream": True}), CLOUD)
    with pytest.raises(TimeoutError):
        async for _ in reply.chunks:
            pass
    await upstream.ended("hung_up")


@pytest.mark.parametrize("taken", [0, 1, 2])
async def test_closing_the_chunks_hangs_up_at_once(cloud, upstream, plan, taken) -> None:
    await upstream.script({"text": "word " * 200, "chunk_delay_s": 0.1})
    reply = await cloud().open(plan({"stream": True}), CLOUD)
    for _ in range(taken):
        await anext(reply.chunks)
    await reply.chunks.aclose()
    await upstream.ended("hung_up")


async def test_giving_up_before_the_reply_hangs_up_at_once(cloud, upstream, plan, eventually) -> None:
    await upstream.script({"fault": "slow", "first_byte_s": 60})
    task = asyncio.ensure_future(cloud().open(plan({"stream": True}), CLOUD))
    await eventually(upstream.requests)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await upstream.ended("hung_up")


async def test_connections_are_kept(cloud, raw, read, plan, whole) -> None:
    async def behave(reader, writer) -> None:
        while True:
            await read(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")

    url, seen = await raw(behave)
    track = cloud(base_url=url)
    for _ in range(5):
        assert await whole(await track.open(plan(), CLOUD)) == b"{}"
    assert seen == [b"accepted"]


async def test_a_redirect_is_not_followed(cloud, raw, read, upstream, plan, whole) -> None:
    async def behave(reader, writer) -> None:
        await read(reader)
        where = f"{upstream.url}/v1/messages".encode()
        writer.write(b"HTTP/1.1 307 Moved\r\nlocation: %b\r\ncontent-length: 0\r\n\r\n" % where)

    url, _ = await raw(behave)
    reply = await cloud(base_url=url).open(plan(), CLOUD)
    assert reply.status == 307
    assert await whole(reply) == b""
    assert await upstream.requests() == []


async def test_down_after_failures_in_a_row(cloud, upstream, plan, whole) -> None:
    track = cloud()
    await upstream.script({"fault": "status", "status": 529, "times": 3})
    for tokens in (1, 2, 3):
        assert track.breaker.up
        with pytest.raises(TrackError):
            await track.open(plan({"max_tokens": tokens}), CLOUD)
    assert not track.breaker.up
    await whole(await track.open(plan(), CLOUD))
    assert track.breaker.up


async def test_rate_limits_are_one_keys_own(cloud, upstream, plan) -> None:
    track = cloud()
    await upstream.script({"fault": "status", "status": 429, "times": 5})
    for _ in range(5):
        with pytest.raises(TrackError):
            await track.open(plan(), CLOUD)
    assert track.breaker.up


async def test_counting(cloud, upstream, plan) -> None:
    assert await cloud().count(plan(headers=THEIRS)) > 0
    row = await upstream.last()
    assert row["path"] == "/v1/messages/count_tokens"
    with pytest.raises(TrackError) as caught:
        await cloud().count(plan(dialect="openai_chat"))
    assert caught.value.cause == "unsupported"


async def test_openai_to_openai(cloud, upstream, plan, whole) -> None:
    body = b'{"model":"gpt-5" , "messages":[{"role":"user","content":"hi"}],"stream":true,"new":1}'
    reply = await cloud(dialect="openai").open(plan(body, dialect="openai_chat"), CLOUD)
    told = await whole(reply)
    assert (await upstream.last())["body"] == body
    assert (await upstream.last())["path"] == "/v1/chat/completions"
    assert told.endswith(b"data: [DONE]\n\n")
    assert ("anthropic-version", "2023-06-01") not in await upstream.last_headers()


async def test_a_model_that_was_put_in_gets_nothing_that_it_refuses(cloud, upstream, plan) -> None:
    asked = {"temperature": 0.2, "tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "any"}}
    reply = await cloud().open(plan({"model": "auto"} | asked), CLOUD)
    arrived = await upstream.last_json()
    assert arrived["model"] == "claude-sonnet-5-5"
    assert reply.dropped == ("temperature", "tool_choice")
    assert "temperature" not in arrived
    assert arrived["tool_choice"] == {"type": "auto"}


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "anthropic/claude-sonnet-5-5"])
async def test_the_clients_own_model_gets_what_it_asked_for(cloud, upstream, plan, model) -> None:
    asked = {"temperature": 0.2, "tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "any"}}
    await cloud().open(plan({"model": model} | asked), CLOUD)
    arrived = await upstream.last_json()
    assert arrived["model"] == "claude-sonnet-5-5"
    assert {name: arrived[name] for name in asked} == asked


ONE_OFF = {"kind": "housekeeping"}


@pytest.mark.parametrize(("features", "marks"), [({}, 4), (ONE_OFF, 0)])
async def test_a_prompt_of_a_chat_client_is_marked_for_the_cache(
    cloud, upstream, plan, whole, features, marks
) -> None:
    tool = {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}
    call = {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": "{}"}}
    body = {
        "tools": [tool],
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "what"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "x"},
        ],
    }
    made = plan(body, dialect="openai_chat")
    made = replace(made, features=replace(made.features, **features))
    await whole(await cloud().open(made, CLOUD))
    sent = await upstream.last_json()
    assert json.dumps(sent).count('"cache_control"') == marks
    assert [block["type"] for block in sent["messages"][1]["content"]] == ["tool_use"]
    assert [tool["name"] for tool in sent["tools"]] == ["read"]
