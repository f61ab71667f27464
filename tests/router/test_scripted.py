"""The scripted upstream, as the providers' own SDKs see it, and as a bare socket sees it."""

import asyncio
import base64
import json
import os
import signal
import sys

import aiohttp
import anthropic
import openai
import pytest

from router.scripted import serve

READ = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "who": {"type": "string"}},
    "required": ["n"],
}
CLAUDE_TOOL = {"name": "lookup", "description": "Look up", "input_schema": READ}
OPENAI_TOOL = {"type": "function", "function": {"name": "lookup", "parameters": READ, "strict": True}}
HI = [{"role": "user", "content": "What is a turnout?"}]


@pytest.fixture
async def url():
    async with serve() as base:
        yield base


@pytest.fixture
async def http(url):
    async with aiohttp.ClientSession(url) as session:
        yield session


@pytest.fixture
async def claude(url):
    async with anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture
async def gpt(url):
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        yield client


async def play(http, *steps):
    async with http.post("/_script", json=list(steps)) as answer:
        assert answer.status == 200, await answer.text()


async def ask_claude(client, stream, messages=HI, **more):
    arguments = {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": messages, **more}
    if not stream:
        return await client.messages.create(**arguments)
    async with client.messages.stream(**arguments) as events:
        return await events.get_final_message()


async def ask_gpt(client, stream, messages=HI, **more):
    arguments = {"model": "gpt", "messages": messages, **more}
    if not stream:
        return await client.chat.completions.create(**arguments)
    async with client.chat.completions.stream(**arguments, stream_options={"include_usage": True}) as events:
        return await events.get_final_completion()


BOTH_WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@BOTH_WAYS
async def test_claude_answers_in_text(claude, stream):
    message = await ask_claude(claude, stream)
    assert message.content[0].text == "Scripted answer: What is a turnout?"
    assert message.stop_reason == "end_turn"
    assert message.model == "claude-sonnet-5-5"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (11, 8)


@BOTH_WAYS
async def test_openai_answers_in_text(gpt, stream):
    reply = await ask_gpt(gpt, stream)
    assert reply.choices[0].message.content == "Scripted answer: What is a turnout?"
    assert reply.choices[0].finish_reason == "stop"
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (11, 8)


async def test_a_step_waits_for_the_request_it_is_for(claude, http):
    steps = [{"text": "For the turnout.", "when": "turnout"}, {"text": "For anybody."}]
    await http.post("/_script", json=steps)
    other = await claude.messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "What is a siding?"}]
    )
    assert other.content[0].text == "For anybody."
    assert (await ask_claude(claude, False)).content[0].text == "For the turnout."


@BOTH_WAYS
async def test_claude_walks_the_tool_loop(claude, stream):
    first = await ask_claude(claude, stream, tools=[CLAUDE_TOOL])
    call = first.content[0]
    assert (first.stop_reason, call.name, call.input) == ("tool_use", "lookup", {"n": 1})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "42"}
    history = [*HI, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    last = await ask_claude(claude, stream, history, tools=[CLAUDE_TOOL])
    assert last.content[0].text == "Scripted answer: done. The tool said: 42"


@BOTH_WAYS
async def test_openai_walks_the_tool_loop(gpt, stream):
    first = await ask_gpt(gpt, stream, tools=[OPENAI_TOOL])
    message = first.choices[0].message
    (call,) = message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("lookup", {"n": 1})
    assert first.choices[0].finish_reason == "tool_calls"
    sent = {
        "id": call.id,
        "type": "function",
        "function": {"name": "lookup", "arguments": call.function.arguments},
    }
    history = [*HI, {"role": "assistant", "tool_calls": [sent]}]
    history.append({"role": "tool", "tool_call_id": call.id, "content": "42"})
    last = await ask_gpt(gpt, stream, history, tools=[OPENAI_TOOL])
    assert last.choices[0].message.content == "Scripted answer: done. The tool said: 42"


@BOTH_WAYS
async def test_scripted_text_and_calls_come_in_order(http, claude, gpt, stream):
    step = {
        "text": "I will look.",
        "tools": [{"name": "a", "input": {"x": [1, "é"]}}, {"name": "b"}],
        "times": 2,
    }
    await play(http, step)
    content = (await ask_claude(claude, stream)).content
    assert [block.type for block in content] == ["text", "tool_use", "tool_use"]
    assert [block.input for block in content[1:]] == [{"x": [1, "é"]}, {}]
    message = (await ask_gpt(gpt, stream)).choices[0].message
    assert message.content == "I will look."
    assert [call.function.name for call in message.tool_calls] == ["a", "b"]
    assert (await ask_claude(claude, stream)).content[0].text.startswith("Scripted answer")


SHELLS = [
    ([CLAUDE_TOOL, {"name": "Bash", "input_schema": {"required": ["command", "description"]}}], "Bash"),
    (
        [
            {"name": "Write", "input_schema": {}},
            {"name": "Read", "input_schema": {"required": ["file_path"]}},
        ],
        "Read",
    ),
    ([{"type": "web_search_20250305", "name": "web_search"}, CLAUDE_TOOL], "lookup"),
]


@pytest.mark.parametrize(("tools", "chosen"), SHELLS)
async def test_the_tool_a_coding_assistant_expects_is_chosen(claude, tools, chosen):
    for tool in tools:
        if "input_schema" in tool:
            properties = {key: {"type": "string"} for key in tool["input_schema"].get("required", [])}
            tool["input_schema"] = {"type": "object", "properties": properties} | tool["input_schema"]
    message = await ask_claude(claude, stream=False, tools=tools)
    assert message.content[0].name == chosen


SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "kind": {"enum": ["bug", "chore"]},
        "at": {"$ref": "#/$defs/at"},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "left": {"type": "string"},
    },
    "required": ["title", "kind", "at", "tags"],
    "$defs": {"at": {"anyOf": [{"type": "number", "minimum": 3}, {"type": "null"}]}},
}


async def test_a_schema_gets_json_that_follows_it(claude, gpt):
    expected = {"title": "Scripted title", "kind": "bug", "at": 3, "tags": ["scripted"]}
    output = {"format": {"type": "json_schema", "schema": SCHEMA}}
    message = await ask_claude(claude, stream=False, extra_body={"output_config": output})
    assert json.loads(message.content[0].text) == expected
    shape = {"type": "json_schema", "json_schema": {"name": "t", "schema": SCHEMA}}
    reply = await ask_gpt(gpt, stream=False, response_format=shape)
    assert json.loads(reply.choices[0].message.content) == expected


@BOTH_WAYS
async def test_the_cache_is_written_then_read(claude, http, stream):
    mark = {"type": "ephemeral"}
    system = [{"type": "text", "text": "s" * 400, "cache_control": mark | {"ttl": "1h"}}]
    turn = [{"role": "user", "content": [{"type": "text", "text": "u" * 400, "cache_control": mark}]}]
    first = (await ask_claude(claude, stream, turn, system=system)).usage
    assert first.cache_read_input_tokens == 0
    assert first.cache_creation.ephemeral_1h_input_tokens == 106
    assert first.cache_creation.ephemeral_5m_input_tokens == 107
    assert first.cache_creation_input_tokens == 213
    assert first.input_tokens == 0
    turn[0]["content"][0].pop("cache_control")
    later = [*turn, {"role": "assistant", "content": "ok"}, {"role": "user", "content": "v" * 400}]
    later[-1]["content"] = [{"type": "text", "text": "v" * 400, "cache_control": mark}]
    second = (await ask_claude(claude, stream, later, system=system)).usage
    assert second.cache_read_input_tokens == 213
    assert second.cache_creation_input_tokens > 100
    async with http.get("/_totals") as totals:
        row = (await totals.json())["claude-sonnet-5-5"]
    assert row["requests"] == 2
    assert row["cache_write_1h"] == 106
    assert row["cache_read"] == 213
    assert row["output"] == first.output_tokens + second.output_tokens


async def test_openai_reads_its_cache_without_marks(gpt):
    history = [{"role": "user", "content": "u" * 400}]
    first = (await ask_gpt(gpt, stream=False, messages=history)).usage
    assert first.prompt_tokens_details.cached_tokens == 0
    history += [{"role": "assistant", "content": "ok"}, {"role": "user", "content": "more"}]
    second = (await ask_gpt(gpt, stream=False, messages=history)).usage
    assert second.prompt_tokens_details.cached_tokens == first.prompt_tokens
    assert second.prompt_tokens > first.prompt_tokens


async def test_tokens_are_counted_as_they_are_billed(claude):
    counted = await claude.messages.count_tokens(model="claude-sonnet-5-5", messages=HI)
    assert counted.input_tokens == (await ask_claude(claude, stream=False)).usage.input_tokens


async def test_models_are_listed_in_both_forms(claude, gpt):
    assert "claude-sonnet-5-5" in [model.id async for model in claude.models.list()]
    assert "claude-sonnet-5-5" in [model.id async for model in gpt.models.list()]


STATUSES = [
    (400, "BadRequestError"),
    (401, "AuthenticationError"),
    (429, "RateLimitError"),
    (500, "InternalServerError"),
    (529, "InternalServerError"),
]


FAILED = {"fault": "status", "retry_after": 2, "message": "no"}


@BOTH_WAYS
@pytest.mark.parametrize(("status", "error"), STATUSES)
async def test_a_status_fault_of_claude(http, claude, stream, status, error):
    await play(http, FAILED | {"status": status})
    with pytest.raises(getattr(anthropic, error)) as failed:
        await ask_claude(claude, stream)
    assert failed.value.status_code == status
    assert failed.value.response.headers["retry-after"] == "2"
    assert failed.value.body["error"]["message"] == "no"
    await ask_claude(claude, stream)


@BOTH_WAYS
@pytest.mark.parametrize(("status", "error"), STATUSES)
async def test_a_status_fault_of_openai(http, gpt, stream, status, error):
    await play(http, FAILED | {"status": status})
    with pytest.raises(getattr(openai, error)) as failed:
        await ask_gpt(gpt, stream)
    assert failed.value.status_code == status
    assert failed.value.response.headers["retry-after"] == "2"
    assert failed.value.body["message"] == "no"
    await ask_gpt(gpt, stream)


@BOTH_WAYS
async def test_a_closed_connection(http, claude, gpt, stream):
    await play(http, {"fault": "close", "times": 2})
    with pytest.raises(anthropic.APIConnectionError):
        await ask_claude(claude, stream)
    with pytest.raises(openai.APIConnectionError):
        await ask_gpt(gpt, stream)


async def drain(answer, into):
    while chunk := await answer.content.readany():
        into += chunk


@BOTH_WAYS
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
async def test_a_cut_is_a_dropped_connection(http, path, stream):
    await play(http, {"fault": "cut", "after_events": 3})
    async with http.post(path, json={"model": "m", "stream": stream, "messages": HI}) as answer:
        assert answer.status == 200
        got = bytearray()
        with pytest.raises(aiohttp.ClientPayloadError):
            await drain(answer, got)
    assert got.count(b"\n\n") == (3 if stream else 0)
    async with http.get("/_requests") as listed:
        assert (await listed.json())[0]["end"] == "dropped"


async def test_an_error_event(http, claude, gpt):
    await play(http, {"fault": "error_event", "after_events": 4, "times": 2})
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        await ask_claude(claude, stream=True)
    with pytest.raises(openai.APIError, match="server had an error"):
        await ask_gpt(gpt, stream=True)


async def test_slow_replies_wait_for_the_first_byte(http, claude):
    await play(http, {"fault": "slow", "first_byte_s": 0.2}, {"text": "a b c", "chunk_delay_s": 0.02})
    clock = asyncio.get_running_loop().time
    for least in (0.2, 0.1):
        start = clock()
        await ask_claude(claude, stream=True)
        assert clock() - start >= least


async def test_requests_are_kept_exactly(http):
    body = b'{ "model": "m", "messages": [{"role":"user","content":"h\\u00e9"}] }'
    headers = {"X-Api-Key": "k", "anthropic-beta": "a,b", "Content-Type": "application/json"}
    async with http.post("/v1/messages?beta=true", data=body, headers=headers) as answer:
        assert answer.headers["request-id"].startswith("req_")
    async with http.get("/_requests") as listed:
        (recorded,) = await listed.json()
    assert (recorded["method"], recorded["path"], recorded["query"], recorded["end"]) == (
        "POST",
        "/v1/messages",
        "beta=true",
        "sent",
    )
    assert base64.b64decode(recorded["body"]) == body
    names = [name for name, _ in recorded["headers"]]
    assert names.index("X-Api-Key") < names.index("anthropic-beta")
    assert ["anthropic-beta", "a,b"] in recorded["headers"]
    async with http.delete("/_requests"), http.get("/_requests") as listed:
        assert await listed.json() == []


async def test_a_hang_up_is_seen(http):
    await play(http, {"text": "word " * 500, "chunk_delay_s": 0.02})
    async with http.post("/v1/messages", json={"model": "m", "stream": True, "messages": HI}) as answer:
        await answer.content.readany()
        answer.close()
    async with asyncio.timeout(10):
        while True:
            async with http.get("/_requests") as listed:
                if (await listed.json())[0]["end"] == "hung_up":
                    break
            await asyncio.sleep(0.02)


WRONG = [
    (b"{", "valid"),
    (b"[]", "valid"),
    (b"{}", "messages"),
    (b'{"messages":3}', "valid"),
    (b'{"messages":[{"role":"user"}],"tools":4}', "valid"),
]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
@pytest.mark.parametrize(("body", "word"), WRONG)
async def test_a_wrong_body_is_refused_in_the_providers_form(http, path, body, word):
    async with http.post(path, data=body) as answer:
        assert answer.status == 400
        error = (await answer.json())["error"]
    assert error["type"] == "invalid_request_error"
    assert word in error["message"]


async def test_a_wrong_script_is_refused(http):
    async with http.post("/_script", json=[{"fautl": "cut"}]) as answer:
        assert answer.status == 400
        assert "fautl" in (await answer.json())["error"]


async def test_it_runs_as_a_program():
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "router.scripted", "--port", "0", stdout=asyncio.subprocess.PIPE, env=os.environ
    )
    try:
        async with asyncio.timeout(30):
            url = (await program.stdout.readline()).decode().strip()
        async with aiohttp.ClientSession(url) as session, session.head("/") as answer:
            assert answer.status == 200
    finally:
        program.send_signal(signal.SIGINT)
        assert await program.wait() == 0
