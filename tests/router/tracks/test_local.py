"""The local track over any OpenAI-compatible server, and over our own engine with a real model."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from policies.decide import Decision
from router.engine.process import Engine
from router.settings import LocalSettings
from router.tracks.local import LocalTrack
from router.types import TrackError

LOCAL = Decision(track="local", rule="asked", why="for the test")
BOTH = ["openai_chat", "anthropic_messages"]
TOOL = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
TOOLS = {
    "openai_chat": [{"type": "function", "function": {"name": "read", "parameters": TOOL}}],
    "anthropic_messages": [{"name": "read", "input_schema": TOOL}],
}
END = {
    "openai_chat": b"data: [DONE]\n\n",
    "anthropic_messages": b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
}


def blocks(body: bytes) -> list[bytes]:
    return body.split(b"\n\n")[:-1]


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer(local, upstream, plan, whole, dialect, stream) -> None:
    await upstream.script({"text": "one two three"})
    reply = await local(name="mine").open(plan({"stream": stream}, dialect=dialect), LOCAL)
    told = await whole(reply)
    arrived = await upstream.last_json()
    assert (reply.track, reply.model, reply.status) == ("local", "mine", 200)
    assert dict(reply.headers)["content-type"].startswith(
        "text/event-stream" if stream else "application/json"
    )
    assert arrived["model"] == "mine"
    assert ("stream_options" in arrived) == stream
    assert b"three" in told
    assert not stream or told.endswith(END[dialect])
    assert reply.tap.complete
    assert reply.tap.usage.output > 0


async def test_the_usage_chunk_is_for_who_asked(local, plan, whole) -> None:
    track = local(name="mine")
    quiet = await whole(await track.open(plan({"stream": True}, dialect="openai_chat"), LOCAL))
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    full = await whole(await track.open(plan(asked, dialect="openai_chat"), LOCAL))
    assert len(blocks(full)) == len(blocks(quiet)) + 1
    assert b'"choices":[]' in blocks(full)[-2]
    assert b'"choices":[]' not in quiet


async def test_fields_of_a_providers_service_stay_here(local, upstream, plan, whole) -> None:
    body = (
        b'{"model":"auto","store":true,"metadata":{},"top_k":40,"max_completion_tokens":9,'
        b'"messages":[{"role":"user","content":"caf\\u00e9"}]}'
    )
    await whole(await local(name="mine").open(plan(body, dialect="openai_chat"), LOCAL))
    arrived = await upstream.last_json()
    assert arrived.keys() == {"model", "messages", "top_k", "max_tokens"}
    assert arrived["max_tokens"] == 9
    assert b"caf\\u00e9" in (await upstream.last())["body"]


async def test_no_header_of_the_clients_goes_along(local, upstream, plan, whole, monkeypatch) -> None:
    monkeypatch.setenv("MY_KEY", "k3y")
    secret = (("authorization", "Bearer sk-ant-theirs"), ("x-api-key", "sk-ant-theirs"), ("cookie", "a=b"))
    track = local(name="mine", api_key_env="MY_KEY")
    await whole(await track.open(plan(headers=secret), LOCAL))
    headers = await upstream.last_headers()
    assert ("authorization", "Bearer k3y") in headers
    assert not any("theirs" in value or name == "cookie" for name, value in headers)


async def test_without_a_name_the_servers_first_model_is_asked_for(local, upstream, plan, whole) -> None:
    reply = await local().open(plan(), LOCAL)
    await whole(reply)
    assert reply.model == (await upstream.last_json())["model"] == "claude-sonnet-5-5"  # of the scripted list


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_tool_call(local, upstream, plan, whole, dialect, stream) -> None:
    await upstream.script({"tools": [{"name": "read", "input": {"path": "README.md"}}]})
    body = {"stream": stream, "tools": TOOLS[dialect]}
    told = await whole(await local(name="mine").open(plan(body, dialect=dialect), LOCAL))
    assert b"README.md" in told
    assert (b"tool_calls" if dialect == "openai_chat" else b"tool_use") in told


def failure(status: int, **error: object) -> tuple[int, bytes]:
    return status, json.dumps({"error": error}).encode()


LLAMA = "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it"
OPENAI = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
VLLM = (
    "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens "
    "(8500 in the messages, 500 in the completion). Please reduce the length."
)
STUDIO = (
    "Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with "
    "context length of only 8192 tokens, which is not enough."
)


@pytest.mark.parametrize(
    ("answer", "cause", "status", "sizes"),
    [
        (failure(400, code="context_length_exceeded", message=OPENAI), "overflow", 400, (9000, 8192)),
        (failure(400, code=400, message=LLAMA), "overflow", 400, (9000, 8192)),
        (
            failure(400, type="exceed_context_size_error", message="x", n_prompt_tokens=9, n_ctx=8),
            "overflow", 400, (9, 8),
        ),
        (failure(400, message=VLLM, type="BadRequestError"), "overflow", 400, (9000, 8192)),
        (failure(400, message=STUDIO), "overflow", 400, (9000, 8192)),
        (failure(400, code="context_length_exceeded", message="?"), "overflow", 400, (0, 0)),
        (failure(422, code="bad_tool_call", message="no path"), "bad_tool_call", 422, (0, 0)),
        (failure(400, code="unsupported_content", message="text only"), "unsupported", 400, (0, 0)),
        (failure(500, message="image input is not supported - hint: mmproj"), "local_error", 500, (0, 0)),
        (failure(400, message="this model does not support image input"), "unsupported", 400, (0, 0)),
        (failure(404, message="model 'x' not found"), "local_error", 404, (0, 0)),
        (failure(503, message="Loading model"), "local_error", 503, (0, 0)),
        ((502, b"<html>bad gateway</html>"), "local_error", 502, (0, 0)),
        ((200, b"not json"), "local_error", 502, (0, 0)),
        ((307, b""), "local_error", 502, (0, 0)),
    ],
)  # fmt: skip
async def test_what_servers_say(local, raw, read, plan, answer, cause, status, sizes) -> None:
    code, body = answer

    async def behave(reader, writer) -> None:
        await read(reader)
        writer.write(
            b"HTTP/1.1 %d X\r\nretry-after: 3\r\ncontent-length: %d\r\n\r\n%b" % (code, len(body), body)
        )

    url, _ = await raw(behave)
    with pytest.raises(TrackError) as caught:
        await local(url=url, name="mine").open(plan(), LOCAL)
    error = caught.value
    assert (error.cause, error.status, (error.tokens, error.limit)) == (cause, status, sizes)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def delta(finish: str | None = None, **delta: object) -> bytes:
    return (
        b"data: %b\n\n"
        % json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode()
    )


def piece(index: int, arguments: str, **more: object) -> dict:
    return {"index": index, "type": "function", "function": {"arguments": arguments, **more}}


BEGUN = delta(tool_calls=[piece(0, "", name="read") | {"id": "c1"}])
CUT = delta(tool_calls=[piece(0, '{"path": "REA')])
DONE = b"data: [DONE]\n\n"


@pytest.fixture
def says(local, raw, read):
    """A local track whose server streams these bytes and closes."""

    async def start(*pieces: bytes) -> LocalTrack:
        async def behave(reader, writer) -> None:
            await read(reader)
            writer.write(STREAM_HEAD)
            for data in pieces:
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(0.01)

        url, _ = await raw(behave)
        return local(url=url, name="mine")

    return start


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("pieces", "cause"),
    [
        ([BEGUN, CUT, delta("tool_calls"), DONE], "bad_tool_call"),
        (
            [BEGUN, CUT, delta(tool_calls=[piece(1, "{}", name="read")]), delta("tool_calls"), DONE],
            "bad_tool_call",
        ),
        ([BEGUN, delta(tool_calls=[piece(0, "[1]")]), delta("tool_calls"), DONE], "bad_tool_call"),
        ([BEGUN, CUT], "local_error"),
        ([delta(role="assistant")], "local_error"),
        ([], "local_error"),
        ([b'data: {"error": {"message": "out of memory", "code": 500}}\n\n'], "local_error"),
    ],
)
async def test_streams_that_fail_before_anything_useful(says, plan, dialect, pieces, cause) -> None:
    track = await says(*pieces)
    with pytest.raises(TrackError) as caught:
        await track.open(plan({"stream": True, "tools": TOOLS[dialect]}, dialect=dialect), LOCAL)
    assert caught.value.cause == cause
    assert caught.value.status == 502


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("tail", [[], [BEGUN, CUT], [b'data: {"error": {"message": "out of memory"}}\n\n']])
async def test_streams_that_break_off_later_raise(says, plan, broken, dialect, tail) -> None:
    track = await says(delta(role="assistant"), delta(content="Hello"), *tail)
    reply = await track.open(plan({"stream": True}, dialect=dialect), LOCAL)
    told = await broken(reply)
    assert b"Hello" in told
    assert END[dialect] not in told
    assert not reply.tap.complete


@pytest.mark.parametrize("dialect", BOTH)
async def test_an_end_that_its_server_left_out(says, plan, whole, dialect) -> None:
    track = await says(delta(role="assistant"), delta(content="Hello"), delta("stop"))
    reply = await track.open(plan({"stream": True}, dialect=dialect), LOCAL)
    assert (await whole(reply)).endswith(END[dialect])
    assert reply.tap.complete


@pytest.mark.parametrize("dialect", BOTH)
async def test_a_bad_call_in_a_whole_answer(local, raw, read, plan, dialect) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "read", "arguments": '{"path'}}
    body = json.dumps({"choices": [{"message": {"content": None, "tool_calls": [call]}}]}).encode()

    async def behave(reader, writer) -> None:
        await read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    url, _ = await raw(behave)
    with pytest.raises(TrackError) as caught:
        await local(url=url, name="mine").open(plan(dialect=dialect), LOCAL)
    assert caught.value.cause == "bad_tool_call"


async def test_no_server(local, plan) -> None:
    track = local(url="http://127.0.0.1:1/v1", name="mine")
    for _ in range(3):
        assert track.up
        with pytest.raises(TrackError) as caught:
            await track.open(plan(), LOCAL)
        assert (caught.value.cause, caught.value.status) == ("local_error", 502)
    assert not track.up


@pytest.mark.parametrize("stream", [True, False])
async def test_too_slow(local, upstream, plan, stream) -> None:
    await upstream.script({"fault": "slow", "first_byte_s": 30})
    with pytest.raises(TrackError, match="first_byte_s") as caught:
        await local(name="mine", first_byte_s=0.2).open(plan({"stream": stream}), LOCAL)
    assert (caught.value.cause, caught.value.status) == ("slow", 504)
    await upstream.ended("hung_up")


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("taken", [0, 2])
async def test_closing_the_chunks_hangs_up_at_once(local, upstream, plan, dialect, taken) -> None:
    await upstream.script({"text": "word " * 300, "chunk_delay_s": 0.1})
    reply = await local(name="mine").open(plan({"stream": True}, dialect=dialect), LOCAL)
    for _ in range(taken):
        await anext(reply.chunks)
    await reply.chunks.aclose()
    await upstream.ended("hung_up")


async def test_a_private_request_is_served_here(local, plan, whole) -> None:
    assert await whole(await local(name="mine").open(plan(allowed=False), LOCAL))


async def test_a_url_counts_no_tokens(local, plan) -> None:
    with pytest.raises(TrackError) as caught:
        await local(name="mine").count(plan())
    assert caught.value.cause == "unsupported"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo() -> AsyncIterator[LocalTrack]:
    """Our engine with the demo model, on the CPU."""
    settings = LocalSettings(gpu_layers=0, threads=1, context=2048, first_byte_s=90)
    engine = Engine(settings)
    track = LocalTrack(settings, engine)
    await engine.start()
    yield track
    await track.close()
    await engine.stop()


@pytest.mark.asyncio(loop_scope="module")
class TestEngine:
    @pytest.mark.parametrize("dialect", BOTH)
    @pytest.mark.parametrize("stream", [True, False])
    async def test_an_answer(self, demo, plan, whole, dialect, stream) -> None:
        reply = await demo.open(plan({"stream": stream, "max_tokens": 12}, dialect=dialect), LOCAL)
        told = await whole(reply)
        assert reply.tap.complete
        assert 0 < reply.tap.usage.output <= 12
        assert reply.tap.usage.prompt > 5
        assert not stream or told.endswith(END[dialect])
        assert demo.up
        assert demo.context == 2048
        assert reply.model

    async def test_both_dialects_count_alike(self, demo, plan) -> None:
        counts = {await demo.count(plan(dialect=dialect)) for dialect in BOTH}
        assert len(counts) == 1
        assert counts.pop() > 5

    @pytest.mark.parametrize("dialect", BOTH)
    async def test_overflow(self, demo, plan, dialect) -> None:
        body = {"messages": [{"role": "user", "content": "word " * 4000}]}
        with pytest.raises(TrackError) as caught:
            await demo.open(plan(body, dialect=dialect), LOCAL)
        error = caught.value
        assert (error.cause, error.status, error.limit) == ("overflow", 400, 2048)
        assert error.tokens > 4000

    async def test_images_are_not_for_it(self, demo, plan) -> None:
        source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
        body = {"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]}
        with pytest.raises(TrackError) as caught:
            await demo.open(plan(body), LOCAL)
        assert caught.value.cause == "unsupported"

    async def test_a_hang_up_frees_the_model(self, demo, plan, eventually) -> None:
        reply = await demo.open(plan({"stream": True, "max_tokens": 1500}), LOCAL)
        await reply.chunks.aclose()

        async def idle() -> bool:
            return not (await demo._engine.refresh()).running

        await eventually(idle)


async def test_an_engine_that_is_not_there(plan) -> None:
    settings = LocalSettings(first_byte_s=0.2)
    track = LocalTrack(settings, Engine(settings))
    with pytest.raises(TrackError) as caught:
        await track.open(plan(), LOCAL)
    assert caught.value.cause == "local_error"
    await track.close()


TOO_MANY = (
    "'max_tokens' or 'max_completion_tokens' is too large: 128000. This model's maximum context length is "
    "4096 tokens and your request has 96 input tokens (128000 > 4096 - 96)."
)
CROWDED = (
    "This model's maximum context length is 4096 tokens. However, you requested 132000 tokens "
    "(4000 in the messages, 128000 in the completion)."
)
ANSWER = json.dumps({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}).encode()


@pytest.fixture
def strict(local, raw, read):
    """A local track whose server checks limits: it refuses once, then answers; and the limits it was sent."""

    async def start(message: str):
        limits = []

        async def behave(reader, writer) -> None:
            head, _, body = (await read(reader)).partition(b"\r\n\r\n")
            assert head.startswith(b"POST")
            limits.append(json.loads(body)["max_tokens"])
            status, body = (200, ANSWER) if len(limits) > 1 else failure(400, message=message, code=400)
            writer.write(
                b"HTTP/1.1 %d X\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b"
                % (status, len(body), body)
            )

        url, _ = await raw(behave)
        return local(url=url, name="mine"), limits

    return start


@pytest.mark.parametrize("dialect", BOTH)
async def test_an_answer_limit_that_does_not_fit_is_shortened(strict, plan, whole, dialect) -> None:
    track, limits = await strict(TOO_MANY)
    asked = plan({"max_tokens": 128_000}, dialect=dialect)
    assert b"hi" in await whole(await track.open(asked, LOCAL))
    assert limits == [128_000, 4000]
    assert track.context == 4096
    known = replace(asked, features=replace(asked.features, output_limit=128_000, context_tokens=100))
    assert b"hi" in await whole(await track.open(known, LOCAL))
    assert limits[2:] == [3986]  # what was learned is not asked for again


async def test_a_prompt_that_leaves_no_useful_answer_is_an_overflow(strict, plan) -> None:
    track, limits = await strict(CROWDED)
    with pytest.raises(TrackError) as caught:
        await track.open(plan({"max_tokens": 128_000}), LOCAL)
    assert (caught.value.cause, caught.value.tokens, caught.value.limit) == ("overflow", 4000, 4096)
    assert limits == [128_000]
    assert track.up


async def test_the_window_is_asked_for_before_a_large_limit_is_sent(local, raw, plan, whole) -> None:
    async def behave(reader, writer) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /v1/models"):
            body = json.dumps({"data": [{"id": "mine", "max_model_len": 4096}]}).encode()
        else:
            size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            limits.append(json.loads(await reader.readexactly(size))["max_tokens"])
            body = ANSWER
        writer.write(
            b"HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )

    limits: list[int] = []
    url, _ = await raw(behave)
    asked = plan({"max_tokens": 32_000})
    asked = replace(asked, features=replace(asked.features, output_limit=32_000, context_tokens=1000))
    assert b"hi" in await whole(await local(url=f"{url}/v1", name="mine").open(asked, LOCAL))
    assert limits == [2996]


PATCH = {"type": "custom", "custom": {"name": "apply_patch", "description": "Takes a patch as it is."}}
GRAMMAR = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a+/"}}
HISTORY = [
    {"role": "user", "content": "patch it"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "custom", "custom": {"name": "apply_patch", "input": 'a "b"'}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "done"},
    {"role": "user", "content": "once more"},
]


def custom_calls(told: bytes, *, stream: bool) -> list[tuple[str, str]]:
    """Name and text of each call of a custom tool, put together as a client does."""
    if not stream:
        calls = json.loads(told)["choices"][0]["message"]["tool_calls"]
        return [(call["custom"]["name"], call["custom"]["input"]) for call in calls]
    names, texts = [], []
    for block in blocks(told)[:-1]:
        for choice in json.loads(block.removeprefix(b"data: "))["choices"]:
            for call in choice["delta"].get("tool_calls", ()):
                names += [call["custom"]["name"]] if "name" in call["custom"] else []
                texts.append(call["custom"].get("input", ""))
    return [(name, "".join(texts)) for name in names]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_custom_tool_is_a_function_of_one_string_there(local, upstream, plan, whole, stream) -> None:
    await upstream.script({"tools": [{"name": "apply_patch", "input": {"input": 'x = "1"\n'}}]})
    body = {
        "messages": HISTORY,
        "tools": [PATCH, *TOOLS["openai_chat"]],
        "tool_choice": {"type": "custom", "custom": {"name": "apply_patch"}},
        "top_k": 40,
        "stream": stream,
    }
    told = await whole(await local(name="mine").open(plan(body, dialect="openai_chat"), LOCAL))
    arrived = await upstream.last_json()
    assert [tool["type"] for tool in arrived["tools"]] == ["function", "function"]
    assert arrived["tools"][0]["function"]["parameters"]["required"] == ["input"]
    assert arrived["tool_choice"] == {"type": "function", "function": {"name": "apply_patch"}}
    assert arrived["messages"][1]["tool_calls"][0]["function"] == {
        "name": "apply_patch",
        "arguments": '{"input":"a \\"b\\""}',
    }
    assert arrived["top_k"] == 40
    assert custom_calls(told, stream=stream) == [("apply_patch", 'x = "1"\n')]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"tools": [PATCH | {"custom": {"name": "p", "format": GRAMMAR}}]},
            "tools[0].custom.format: the local model cannot be held to a grammar",
        ),
        ({"n": 2}, "n: cannot be had beside a `custom` tool"),
        ({"logprobs": True}, "logprobs: cannot be had beside a `custom` tool"),
        ({"logprobs": True, "top_logprobs": 3}, "logprobs: cannot be had beside a `custom` tool"),
        ({"modalities": ["text", "audio"]}, "modalities: cannot be had beside a `custom` tool"),
    ],
)
async def test_what_cannot_be_had_with_a_custom_tool_is_named_before_anything_is_sent(
    local, upstream, plan, changed, message
) -> None:
    with pytest.raises(TrackError) as caught:
        await local(name="mine").open(plan({"tools": [PATCH]} | changed, dialect="openai_chat"), LOCAL)
    assert (caught.value.cause, caught.value.status) == ("unsupported", 400)
    assert caught.value.message.startswith(message)
    assert await upstream.requests() == []


async def test_one_choice_may_be_asked_for_beside_a_custom_tool(local, plan, whole) -> None:
    body = {"tools": [PATCH], "n": 1, "logprobs": False, "modalities": ["text"]}
    told = await whole(await local(name="mine").open(plan(body, dialect="openai_chat"), LOCAL))
    assert json.loads(told)["choices"][0]["index"] == 0


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("stream", [True, False])
async def test_the_engine_calls_a_custom_tool(demo, plan, whole, stream) -> None:
    body = {
        "tools": [PATCH],
        "tool_choice": {"type": "custom", "custom": {"name": "apply_patch"}},
        "max_tokens": 60,
        "stream": stream,
        "messages": [{"role": "user", "content": "Call apply_patch with the text: hello"}],
    }
    told = await whole(await demo.open(plan(body, dialect="openai_chat"), LOCAL))
    ((name, text),) = custom_calls(told, stream=stream)
    assert name == "apply_patch"
    assert not text.startswith("{")


async def test_a_word_in_a_message_makes_no_custom_tool(local, upstream, plan, whole) -> None:
    content = 'the type is "custom"'
    body = {"messages": [{"role": "user", "content": content, "anything": {"type": "custom"}}]}
    await whole(await local(name="mine").open(plan(body, dialect="openai_chat"), LOCAL))
    assert (await upstream.last_json())["messages"] == body["messages"]
