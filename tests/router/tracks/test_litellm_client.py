# ruff: noqa: E501 - bodies read best a message a line
"""Other dialects and providers: what litellm makes of a request, and what the client gets back."""

import json

import pytest

from policies.decide import Decision
from router.errors import BadRequest
from router.types import TrackError, Usage

CLOUD = Decision(track="cloud", rule="asked", why="for the test")
B_THEIRS = ("authorization", "Bearer sk-ant-oat01-theirs")
PIXEL = "iVBORw0KGgo="
READ = {
    "type": "function",
    "function": {
        "name": "read",
        "description": "Read a file",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    },
}
LOOP = {
    "tools": [READ],
    "messages": [
        {"role": "system", "content": "be brief"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what is this"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "read", "arguments": '{"path": "a"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "text of a"},
    ],
}


def events(body: bytes) -> list[dict]:
    """The chunks of a Chat Completions stream, which must be well formed and ended."""
    blocks = body.decode().split("\n\n")
    assert blocks[-2:] == ["data: [DONE]", ""]
    return [json.loads(block.removeprefix("data: ")) for block in blocks[:-2]]


async def test_a_tool_loop_with_an_image(cloud, upstream, plan, whole) -> None:
    await upstream.script({"text": "a pixel"})
    reply = await cloud().open(plan(LOOP | {"stream": True}, dialect="openai_chat"), CLOUD)
    chunks = events(await whole(reply))
    sent = await upstream.last_json()
    row = await upstream.last()
    assert row["path"] == "/v1/messages"
    assert ("x-api-key", "sk-ant-api03-ours") in await upstream.last_headers()
    assert sent["model"] == "claude-sonnet-5-5"
    assert sent["stream"] is True
    assert sent["system"][0]["text"] == "be brief"
    assert sent["messages"][0]["content"][1]["source"] == {
        "type": "base64",
        "media_type": "image/png",
        "data": PIXEL,
    }
    assert sent["messages"][1]["content"] == [
        {"type": "tool_use", "id": "call_1", "name": "read", "input": {"path": "a"}}
    ]
    assert sent["messages"][2]["content"][0]["tool_use_id"] == "call_1"
    assert sent["tools"][0]["input_schema"]["required"] == ["path"]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "a pixel"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks][-1] == "stop"
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert not any("usage" in chunk for chunk in chunks)
    assert reply.tap.complete
    assert reply.tap.usage.output > 0


async def test_what_claude_can_do_in_its_own_way_is_carried(cloud, upstream, plan, whole) -> None:
    await upstream.script({"text": "{}"})
    stops = ["a", "b", "c", "d", "e", "f"]
    fields = {"stop": stops, "response_format": {"type": "json_object"}}
    await whole(await cloud().open(plan(LOOP | fields, dialect="openai_chat"), CLOUD))
    sent = await upstream.last_json()
    assert sent["stop_sequences"] == stops
    assert "JSON object" in sent["system"][0]["text"]
    assert sent["system"][1]["text"] == "be brief"


async def test_a_tool_call_comes_with_id_and_index(cloud, upstream, plan, whole) -> None:
    calls = [{"name": "read", "input": {"path": "a"}}, {"name": "read", "input": {"path": "b"}}]
    await upstream.script({"text": "so", "tools": calls})
    reply = await cloud().open(plan(LOOP | {"stream": True}, dialect="openai_chat"), CLOUD)
    chunks = events(await whole(reply))
    pieces = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert {piece["index"] for piece in pieces} == {0, 1}
    for index, path in enumerate("ab"):
        mine = [piece for piece in pieces if piece["index"] == index]
        assert mine[0]["id"].startswith("toolu_")
        assert mine[0]["function"]["name"] == "read"
        assert json.loads("".join(piece["function"]["arguments"] for piece in mine)) == {"path": path}
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_usage_is_shown_to_who_asked_and_kept_for_the_bill(cloud, plan, whole) -> None:
    system = [{"type": "text", "text": "rules " * 500, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    body = {
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    track = cloud()
    first = await track.open(plan(body, dialect="openai_chat"), CLOUD)
    written = events(await whole(first))[-1]
    second = await track.open(plan(body, dialect="openai_chat"), CLOUD)
    cached = events(await whole(second))[-1]
    assert written["choices"] == cached["choices"] == []
    assert first.tap.usage.cache_write_1h > 500
    assert first.tap.usage.cache_write_5m == first.tap.usage.cache_read == 0
    assert second.tap.usage.cache_read == first.tap.usage.cache_write_1h
    assert second.tap.usage.input == first.tap.usage.input > 0
    assert cached["usage"]["prompt_tokens"] == second.tap.usage.prompt
    assert cached["usage"]["prompt_tokens_details"] == {"cached_tokens": second.tap.usage.cache_read}


async def test_a_whole_answer(cloud, upstream, plan, whole) -> None:
    await upstream.script({"text": "so", "tools": [{"name": "read", "input": {"path": "a"}}]})
    reply = await cloud().open(plan(LOOP, dialect="openai_chat"), CLOUD)
    answer = json.loads(await whole(reply))
    choice = answer["choices"][0]
    assert answer["object"] == "chat.completion"
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "so"
    assert json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"]) == {"path": "a"}
    assert answer["usage"]["completion_tokens"] == reply.tap.usage.output > 0
    assert reply.tap.usage != Usage()


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"max_tokens": None}, {"max_tokens": 128000}),
        ({"model": "claude-opus-99", "max_tokens": None}, {"max_tokens": 32000, "model": "claude-opus-99"}),
        ({"max_tokens": None, "max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"stop": ["END"]}, {"stop_sequences": ["END"]}),
        ({"model": "claude-sonnet-4-5", "top_k": 5}, {"top_k": 5}),
        ({"user": "u1"}, {"metadata": {"user_id": "u1"}}),
        (
            {"model": "claude-sonnet-4-5", "tools": [READ], "tool_choice": "required"},
            {"tool_choice": {"type": "any"}},
        ),
        ({"frequency_penalty": 0}, {}),
        ({"api_base": "http://127.0.0.1:1", "mock_response": "no", "api_key": "x", "fallbacks": ["x"]}, {}),
    ],
)
async def test_fields(cloud, upstream, plan, whole, given, sent) -> None:
    reply = await cloud().open(plan(given, dialect="openai_chat"), CLOUD)
    assert b"Scripted" in await whole(reply) or "tools" in given
    arrived = await upstream.last_json()
    assert {name: arrived.get(name) for name in sent} == sent
    assert not {"frequency_penalty", "seed", "api_base", "mock_response", "fallbacks"} & arrived.keys()
    assert ("x-api-key", "sk-ant-api03-ours") in await upstream.last_headers()


async def test_a_schema_is_asked_for(cloud, upstream, plan, whole) -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "title", "schema": schema, "strict": True}}
    reply = await cloud().open(plan({"response_format": wanted}, dialect="openai_chat"), CLOUD)
    content = json.loads(await whole(reply))["choices"][0]["message"]["content"]
    assert "title" in json.loads(content)
    assert b'"title"' in (await upstream.last())["body"]


async def test_reasoning_effort_becomes_thinking(cloud, upstream, plan, whole) -> None:
    body = {"reasoning_effort": "high", "max_tokens": 32000}
    await whole(await cloud().open(plan(body, dialect="openai_chat"), CLOUD))
    arrived = await upstream.last_json()
    assert {"thinking", "output_config"} & arrived.keys()


async def test_a_subscriptions_token_goes_as_bearer(cloud, upstream, plan, whole) -> None:
    await whole(await cloud().open(plan(dialect="openai_chat", headers=(B_THEIRS,)), CLOUD))
    headers = await upstream.last_headers()
    assert B_THEIRS in headers
    assert not any(name == "x-api-key" for name, _ in headers)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("status", [429, 500, 529])
async def test_the_providers_failures(cloud, upstream, plan, whole, stream, status) -> None:
    await upstream.script({"fault": "status", "status": status, "message": "not now", "retry_after": 7})
    with pytest.raises(TrackError) as caught:
        await cloud().open(plan({"stream": stream}, dialect="openai_chat"), CLOUD)
    error = caught.value
    assert (error.cause, error.status, error.retry_after) == ("cloud_error", status, 7)
    assert dict(error.reply.headers)["retry-after"] == "7"
    told = json.loads(await whole(error.reply))["error"]
    assert told["message"] == "not now"
    assert told["type"] != "x"
    assert len(await upstream.requests()) == 1


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_what_a_client_did_wrong_comes_in_its_own_words(
    cloud, upstream, plan, whole, stream, status
) -> None:
    await upstream.script({"fault": "status", "status": status, "message": "your fault"})
    reply = await cloud().open(plan({"stream": stream}, dialect="openai_chat"), CLOUD)
    assert reply.status == status
    assert json.loads(await whole(reply))["error"]["message"] == "your fault"


async def test_overflow_in_words_the_client_acts_on(cloud, upstream, plan, whole) -> None:
    message = "prompt is too long: 300000 tokens > 200000 maximum"
    await upstream.script({"fault": "status", "status": 400, "message": message})
    reply = await cloud().open(plan({"stream": True}, dialect="openai_chat"), CLOUD)
    told = json.loads(await whole(reply))["error"]
    assert reply.status == 400
    assert told["code"] == "context_length_exceeded"
    assert "300000" in told["message"]


FAULTS = [
    ({"fault": "close", "times": 2}, 502),
    ({"text": "never", "fault": "cut", "after_events": 1}, 502),
    ({"text": "never", "fault": "error_event", "after_events": 1}, 529),
    ({"fault": "slow", "first_byte_s": 30}, 504),
]


@pytest.mark.parametrize(("step", "status"), FAULTS)
async def test_faults_before_anything_useful(cloud, upstream, plan, step, status) -> None:
    await upstream.script(step)
    with pytest.raises(TrackError) as caught:
        await cloud(first_byte_s=8).open(plan({"stream": True}, dialect="openai_chat"), CLOUD)
    assert (caught.value.cause, caught.value.status) == ("cloud_error", status)


async def test_a_stream_that_breaks_later_raises(cloud, upstream, plan, broken) -> None:
    await upstream.script({"text": "one two three four", "fault": "cut", "after_events": 6})
    reply = await cloud().open(plan({"stream": True}, dialect="openai_chat"), CLOUD)
    told = await broken(reply)
    assert b"one" in told
    assert b"[DONE]" not in told
    assert not reply.tap.complete


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
@pytest.mark.parametrize("taken", [0, 2])
@pytest.mark.parametrize("native", [True, False])
async def test_closing_the_chunks_hangs_up_at_once(cloud, upstream, plan, dialect, taken, native) -> None:
    await upstream.script({"text": "word " * 300, "chunk_delay_s": 0.1})
    provider = "anthropic" if dialect == "openai_chat" else "openai"
    at = {"model": "openai/gpt-5", "base_url": f"{upstream.url}/v1", "api_key_env": "OPENAI_API_KEY"}
    track = cloud(dialect=provider) if native else cloud(dialect="litellm", **at)
    reply = await track.open(plan({"stream": True}, dialect=dialect), CLOUD)
    for _ in range(taken):
        await anext(reply.chunks)
    await reply.chunks.aclose()
    await upstream.ended("hung_up")


async def test_messages_to_an_openai_provider(cloud, upstream, plan, whole) -> None:
    used = {"type": "tool_use", "id": "t1", "name": "read", "input": {"path": "a"}}
    body = {
        "stream": True,
        "system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "read", "input_schema": READ["function"]["parameters"]}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "what"}]},
            {"role": "assistant", "content": [used]},
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "text of a"}],
            },
        ],
    }
    await upstream.script({"text": "so", "tools": [{"name": "read", "input": {"path": "b"}}]})
    track = cloud(dialect="openai", model="gpt-5")
    told = await whole(reply := await track.open(plan(body), CLOUD))
    arrived = await upstream.last_json()
    assert (await upstream.last())["path"] == "/v1/chat/completions"
    assert ("authorization", "Bearer sk-ours") in await upstream.last_headers()
    assert arrived["model"] == "gpt-5"
    assert arrived["messages"][-1] == {"role": "tool", "tool_call_id": "t1", "content": "text of a"}
    assert arrived["tools"][0]["function"]["name"] == "read"
    assert told.startswith(b"event: message_start\n")
    assert b'"name":"read"' in told
    assert b'"stop_reason":"tool_use"' in told
    assert told.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    assert reply.tap.usage.output > 0


async def test_messages_whole_and_refused(cloud, upstream, plan, whole) -> None:
    track = cloud(dialect="openai", model="gpt-5")
    await upstream.script({"text": "so"}, {"fault": "status", "status": 401, "message": "your fault"})
    assert json.loads(await whole(await track.open(plan(), CLOUD)))["content"] == [
        {"type": "text", "text": "so"}
    ]
    reply = await track.open(plan(), CLOUD)
    told = json.loads(await whole(reply))
    assert reply.status == 401
    assert told["error"] == {"type": "authentication_error", "message": "your fault"}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
@pytest.mark.parametrize("model", ["openai/gpt-5", "groq/qwen"])
async def test_any_provider_by_prefix(cloud, upstream, plan, whole, dialect, model, stream) -> None:
    await upstream.script({"text": "so"})
    track = cloud(dialect="litellm", model=model, base_url=f"{upstream.url}/v1", api_key_env="OPENAI_API_KEY")
    told = await whole(reply := await track.open(plan({"stream": stream}, dialect=dialect), CLOUD))
    assert b"so" in told
    assert (await upstream.last_json())["model"] == model.partition("/")[2]
    assert ("authorization", "Bearer sk-ours") in await upstream.last_headers()
    assert reply.tap.complete


def called(arguments, content=None):
    """A conversation with one past call."""
    made = {"id": "c1", "type": "function", "function": {"name": "read", "arguments": arguments}}
    return {
        "tools": [READ],
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": content, "tool_calls": [made]},
            {"role": "tool", "tool_call_id": "c1", "content": "no such file"},
            {"role": "user", "content": "go on"},
        ],
    }


@pytest.mark.parametrize(
    ("arguments", "reached"),
    [
        ('{"path": "a', {"_raw": '{"path": "a'}),
        (None, {}),
        ("", {}),
        ("[1]", {"_raw": [1]}),
        ({"path": "a"}, {"path": "a"}),
    ],
)
@pytest.mark.parametrize("content", [None, "", " ", [{"type": "text", "text": ""}]])
async def test_a_past_call_reaches_claude_alone_and_readable(
    cloud, upstream, plan, whole, arguments, reached, content
) -> None:
    reply = await cloud().open(plan(called(arguments, content), dialect="openai_chat"), CLOUD)
    assert reply.status == 200, await whole(reply)
    (block,) = (await upstream.last_json())["messages"][1]["content"]
    assert (block["type"], block["input"]) == ("tool_use", reached)


@pytest.mark.parametrize("fields", [{"n": 2}, {"logprobs": True}, {"modalities": ["audio"]}])
async def test_what_claude_cannot_do_is_refused_unsent(cloud, upstream, plan, fields) -> None:
    with pytest.raises(BadRequest, match=next(iter(fields))):
        await cloud().open(plan(fields, dialect="openai_chat"), CLOUD)
    assert await upstream.requests() == []


@pytest.mark.parametrize("fields", [{"n": 2}, {"logprobs": True}, {"logprobs": True, "top_logprobs": 2}])
async def test_one_plain_answer_is_all_that_a_custom_tool_allows(
    cloud, upstream, plan, whole, fields
) -> None:
    """Its calls are translated back, and in that several choices or probabilities would be lost."""
    tool = {"type": "custom", "custom": {"name": "apply_patch"}}
    track = cloud(base_url=f"{upstream.url}/v1", dialect="litellm", model="openai/gpt-4o")
    with pytest.raises(BadRequest, match=rf"^{next(iter(fields))}: cannot be had beside a `custom` tool"):
        await track.open(plan({"tools": [tool]} | fields, dialect="openai_chat"), CLOUD)
    assert await upstream.requests() == []
    plain = plan({"tools": [READ]} | fields, dialect="openai_chat")
    await whole(await track.open(plain, CLOUD))
    assert fields.items() <= (await upstream.last_json()).items()


CLAUDE_BY_LITELLM = {
    "dialect": "litellm",
    "model": "anthropic/claude-sonnet-4-5",
    "api_key_env": "ANTHROPIC_API_KEY",
}
PREFILLED = [{"role": "user", "content": "a name"}, {"role": "assistant", "content": '{"name":'}]


async def test_messages_reach_claude_through_litellm(cloud, upstream, plan, whole) -> None:
    """Marks of the prompt's cache arrive; thinking, whose signature would not come back, is not asked for."""
    marked = {"type": "text", "text": "what", "cache_control": {"type": "ephemeral"}}
    body = {
        "stream": True,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "max_tokens": 4096,
        "system": [{"type": "text", "text": "be brief"}, {"type": "text", "text": "and kind", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "so"}, marked]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "tool_use", "id": "t1", "name": "read", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "x"}]},
        ],
        "tools": [{"name": "read", "input_schema": READ["function"]["parameters"]}],
    }  # fmt: skip
    await upstream.script({"text": "done"})
    reply = await cloud(base_url=upstream.url, **CLAUDE_BY_LITELLM).open(plan(body), CLOUD)
    assert b'"text":"done"' in await whole(reply)
    sent = await upstream.last_json()
    assert "thinking" not in sent
    assert sent["system"][0]["cache_control"] == sent["messages"][0]["content"][-1]["cache_control"]
    assert sent["messages"][0]["content"][-1]["text"] == "so\n\nwhat"
    assert [block["type"] for block in sent["messages"][1]["content"]] == ["tool_use"]


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
@pytest.mark.parametrize("fields", [{"n": 2}, {"verbosity": "low", "api_base": "http://127.0.0.1:1"}])
async def test_what_claude_lacks_behind_litellm_is_refused_or_named(
    cloud, upstream, plan, whole, dialect, fields
) -> None:
    track = cloud(base_url=upstream.url, **CLAUDE_BY_LITELLM)
    if "n" in fields and dialect == "openai_chat":
        with pytest.raises(BadRequest, match="n"):
            await track.open(plan(fields, dialect=dialect), CLOUD)
        return
    reply = await track.open(plan(fields, dialect=dialect), CLOUD)
    await whole(reply)
    assert reply.dropped == tuple(fields)
    assert not fields.keys() & (await upstream.last_json()).keys()


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
@pytest.mark.parametrize("body", [b'{"choices": []}', b"{}", b"[]", b'{"choices": [{}]}'])
async def test_an_answer_that_nobody_can_read_is_the_providers_failure(cloud, plan, raw, read, dialect, body):
    async def answer(reader, writer):
        await read(reader)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        writer.write(head + body)
        await writer.drain()

    url, _ = await raw(answer)
    for settings in ({"dialect": "litellm", "model": "groq/qwen"}, {"dialect": "openai", "model": "qwen"}):
        track = cloud(base_url=f"{url}/v1", api_key_env="OPENAI_API_KEY", **settings)
        if dialect == "openai_chat" and settings["dialect"] == "openai":
            continue  # relayed as it is
        with pytest.raises(TrackError) as caught:
            await track.open(plan(dialect=dialect), CLOUD)
        assert (caught.value.cause, caught.value.status) == ("cloud_error", 502)


async def test_a_last_turn_is_continued_where_the_provider_can(cloud, upstream, plan, whole) -> None:
    track = cloud(dialect="openai", model="qwen", api_key_env="OPENAI_API_KEY")
    refusal = "Unrecognized request argument supplied: add_generation_prompt"
    await upstream.script(
        {"text": "1"}, {"fault": "status", "status": 400, "message": refusal}, {"text": "2"}
    )
    reply = await track.open(plan({"messages": PREFILLED}), CLOUD)
    assert (await upstream.last_json())["continue_final_message"] is True
    assert (json.loads(await whole(reply))["content"][0]["text"], reply.dropped) == ("1", ())
    reply = await track.open(plan({"messages": PREFILLED}), CLOUD)
    assert "continue_final_message" not in await upstream.last_json()
    assert (json.loads(await whole(reply))["content"][0]["text"], reply.dropped) == ("2", ("prefill",))
    await upstream.script({"fault": "status", "status": 400, "message": "no"})
    reply = await track.open(plan({"messages": PREFILLED}), CLOUD)
    assert json.loads(await whole(reply))["error"]["message"] == "no"


@pytest.mark.parametrize(
    ("model", "field"),
    [("gpt-5", "max_completion_tokens"), ("o3", "max_completion_tokens"), ("gpt-oss-120b", "max_tokens"), ("qwen", "max_tokens")],
)  # fmt: skip
async def test_the_limit_has_the_name_that_the_model_takes(
    cloud, upstream, plan, whole, model, field
) -> None:
    track = cloud(dialect="openai", model=model, api_key_env="OPENAI_API_KEY")
    await whole(await track.open(plan({"max_tokens": 9}), CLOUD))
    sent = await upstream.last_json()
    assert {name: sent[name] for name in sent if name.startswith("max_")} == {field: 9}
