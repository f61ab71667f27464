"""The engine's HTTP against the real demo model in a real process."""

import asyncio
import json
import time

import aiohttp
import jsonschema
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

HI = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Says the weather.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
LIST = {"type": "function", "function": {"name": "list_files", "parameters": {}}}


async def idle(client):
    """Wait until the engine has nothing left to do."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        health = await client.engine.refresh()
        if not health.running and not health.queue:
            return
        await asyncio.sleep(0.02)
    pytest.fail("the engine is still busy")


async def test_an_answer(client):
    status, body = await client.post(messages=HI, max_tokens=8, temperature=0)
    assert status == 200
    assert body["object"] == "chat.completion"
    assert body["model"] == "SmolLM2-135M-Instruct"
    (choice,) = body["choices"]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]
    assert choice["finish_reason"] == "length"
    usage = body["usage"]
    assert usage["completion_tokens"] == 8
    assert usage["total_tokens"] == usage["prompt_tokens"] + 8


async def test_a_stream_is_the_same_answer_in_exact_chunks(client):
    params = {"messages": HI, "max_tokens": 8, "temperature": 0}
    await client.post(**params)  # from here on every run computes the same: all but the last token is cached
    _, completion = await client.post(**params)
    *events, done = await client.events(**params, stream_options={"include_usage": True})
    assert done == "[DONE]"
    first, *middle, finish, usage = map(json.loads, events)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert (
        "".join(e["choices"][0]["delta"]["content"] for e in middle)
        == completion["choices"][0]["message"]["content"]
    )
    assert finish["choices"][0] | {"logprobs": None} == {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": "length",
    }
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == 8
    assert all(event["usage"] is None for event in (first, *middle, finish))
    assert len({event["id"] for event in (first, *middle, finish, usage)}) == 1


async def test_no_usage_chunk_unless_asked(client):
    *events, _ = await client.events(messages=HI, max_tokens=2)
    assert all(json.loads(event)["choices"] and "usage" not in json.loads(event) for event in events)


async def test_the_second_turn_reuses_the_first(client):
    first = [
        {"role": "user", "content": "Count slowly, and remember every number you say: " + "one two " * 40}
    ]
    _, body = await client.post(messages=first, max_tokens=6, temperature=0)
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] < 60
    second = [*first, body["choices"][0]["message"], {"role": "user", "content": "Go on."}]
    status, counted = await client.post("/v1/count", messages=second)
    _, later = await client.post(messages=second, max_tokens=2)
    cached = later["usage"]["prompt_tokens_details"]["cached_tokens"]
    assert cached >= body["usage"]["prompt_tokens"] - 2
    assert (status, counted["tokens"], counted["cached"]) == (200, later["usage"]["prompt_tokens"], cached)


async def test_the_same_prompt_again_computes_one_token(client):
    _, body = await client.post(messages=HI, max_tokens=1)
    _, again = await client.post(messages=HI, max_tokens=1)
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] == body["usage"]["prompt_tokens"] - 1


@pytest.mark.parametrize("stream", [True, False])
async def test_a_hang_up_while_generating_frees_the_model(client, stream):
    task = asyncio.create_task(client.post(messages=HI, stream=stream, temperature=0, seed=1))
    await _until_running(client)
    task.cancel()
    await asyncio.wait([task])
    await idle(client)
    status, _ = await client.post(messages=HI, max_tokens=1)
    assert status == 200


async def test_a_hang_up_while_the_prompt_is_read_frees_the_model(client):
    long = [{"role": "user", "content": f"{time.time_ns()} " + "every good boy does fine " * 180}]
    task = asyncio.create_task(client.post(messages=long, stream=True, max_tokens=1))
    await _until_running(client)
    task.cancel()
    await asyncio.wait([task])
    await idle(client)
    _, counted = await client.post("/v1/count", messages=long)
    assert counted["cached"] < counted["tokens"] - 1  # it was not read to its end


async def test_a_hang_up_while_waiting_leaves_the_queue(client):
    front = asyncio.create_task(client.post(messages=HI, temperature=0))
    await _until_running(client)
    waiting = asyncio.create_task(client.post(messages=HI))
    while not (await client.engine.refresh()).queue:
        await asyncio.sleep(0.01)
    assert (await client.engine.refresh()).wait_s > 0
    waiting.cancel()
    await asyncio.wait([waiting])
    while (await client.engine.refresh()).queue:
        await asyncio.sleep(0.01)
    front.cancel()
    await asyncio.wait([front])
    await idle(client)


async def _until_running(client):
    while not (await client.engine.refresh()).running:
        await asyncio.sleep(0.005)


async def test_overflow_says_both_numbers(client):
    long = [{"role": "user", "content": "word " * 1200}]
    _, counted = await client.post("/v1/count", messages=long)
    status, body = await client.post(messages=long, stream=True)
    error = body["error"]
    assert (status, error["code"], error["type"]) == (400, "context_length_exceeded", "invalid_request_error")
    assert error["message"].startswith(
        f"This model's maximum context length is 1024 tokens. However, your messages resulted in "
        f"{counted['tokens']} tokens"
    )
    assert (error["n_prompt_tokens"], error["n_ctx"]) == (counted["tokens"], 1024)


async def test_a_prompt_that_fits_gets_what_is_left_of_the_window(client):
    nearly = [{"role": "user", "content": "word " * 960}]
    _, body = await client.post(messages=nearly, max_tokens=500, temperature=0)
    usage = body["usage"]
    assert body["choices"][0]["finish_reason"] in {"length", "stop"}
    assert usage["total_tokens"] <= 1024
    if body["choices"][0]["finish_reason"] == "length":
        assert usage["total_tokens"] == 1024


async def test_max_completion_tokens(client):
    _, body = await client.post(messages=HI, max_completion_tokens=3, temperature=0)
    assert body["usage"]["completion_tokens"] == 3


async def test_stop_strings_end_the_text_before_them(client):
    params = {"messages": HI, "max_tokens": 12, "temperature": 0}
    await client.post(**params)
    _, completion = await client.post(**params)
    text = completion["choices"][0]["message"]["content"]
    stop = text[len(text) // 2 : len(text) // 2 + 3]
    _, body = await client.post(**params, stop=[stop])
    assert body["choices"][0]["message"]["content"] == text[: text.index(stop)]
    assert body["choices"][0]["finish_reason"] == "stop"


async def test_a_seed_repeats_itself(client):
    params = {
        "messages": HI,
        "max_tokens": 8,
        "temperature": 1,
        "seed": 7,
        "top_k": 0,
        "frequency_penalty": 0.5,
    }
    await client.post(**params)
    first, second = await client.post(**params), await client.post(**params)
    assert first[1]["choices"] == second[1]["choices"]


async def test_json_schema(client):
    schema = {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "Rome"]}, "sure": {"type": "boolean"}},
        "required": ["city", "sure"],
        "additionalProperties": False,
    }
    format_ = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    _, body = await client.post(messages=HI, response_format=format_, max_tokens=60)
    jsonschema.validate(json.loads(body["choices"][0]["message"]["content"]), schema)


async def test_json_object_begins_an_object(client):
    _, body = await client.post(messages=HI, response_format={"type": "json_object"}, max_tokens=5)
    assert body["choices"][0]["message"]["content"].startswith("{")


@pytest.mark.parametrize("before", ["", "Here it is: "])
async def test_json_goes_on_from_where_the_client_began_it(client, before):
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"]}
    for format_ in (
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
    ):
        begun = {"role": "assistant", "content": before + '{"city":'}
        _, body = await client.post(messages=[*HI, begun], response_format=format_, max_tokens=9)
        content = body["choices"][0]["message"]["content"]
        assert not content.lstrip().startswith('{"city"'), content
        if format_["type"] == "json_schema":
            assert json.loads('{"city":' + content)["city"] in {"Paris", "Rome"}


async def test_json_begins_anew_behind_what_is_none(client):
    begun = {"role": "assistant", "content": "{no JSON"}
    _, body = await client.post(messages=[*HI, begun], response_format={"type": "json_object"}, max_tokens=5)
    assert body["choices"][0]["message"]["content"].startswith("{")


async def test_characters_are_never_broken(client):
    text = "Grüße 🙂🚂 日本語"
    format_ = {"type": "json_schema", "json_schema": {"schema": {"const": text}}}
    *events, _ = await client.events(messages=HI, response_format=format_, max_tokens=80)
    content = "".join(json.loads(event)["choices"][0]["delta"].get("content", "") for event in events)
    assert json.loads(content) == text
    assert "\ufffd" not in content


@pytest.mark.parametrize(
    "choice",
    ["required", {"type": "function", "function": {"name": "get_weather"}}],
    ids=["required", "named"],
)
async def test_a_forced_call_fits_its_schema(client, choice):
    tools = [WEATHER] if choice == "required" else [LIST, WEATHER]
    status, body = await client.post(
        messages=HI, tools=tools, tool_choice=choice, max_tokens=80, temperature=0
    )
    assert status == 200, body
    message = body["choices"][0]["message"]
    (call,) = message["tool_calls"]
    assert message["content"] is None
    assert call["id"].startswith("call_")
    assert call["function"]["name"] == "get_weather"
    jsonschema.validate(json.loads(call["function"]["arguments"]), WEATHER["function"]["parameters"])
    assert body["choices"][0]["finish_reason"] == "tool_calls"


def imitating(tools, **extra):
    """Ask for a call after earlier ones that leave `days` out: a small model does as was done."""
    past = []
    for city in ("Rome", "Oslo", "Bern"):
        call = {"name": "get_weather", "arguments": json.dumps({"city": city})}
        past += [
            {"role": "user", "content": f"Weather in {city}?"},
            {"role": "assistant", "tool_calls": [{"id": city, "type": "function", "function": call}]},
        ]
    ask = {"role": "user", "content": "Weather in Paris?"}
    return {"messages": [*past, ask], "tools": tools, "temperature": 0, "max_tokens": 60, **extra}


def weather(properties, required):
    parameters = {"type": "object", "properties": properties, "required": required}
    return [{"type": "function", "function": {"name": "get_weather", "parameters": parameters}}]


CITY, DAYS = {"city": {"type": "string"}}, {"days": {"type": "integer", "minimum": 1, "maximum": 9}}


async def test_the_model_calls_as_it_was_shown(client):
    status, body = await client.post(**imitating(weather(CITY, ["city"])))
    assert status == 200
    (call,) = body["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]).keys() == {"city"}


@pytest.mark.parametrize("stream", [False, True])
async def test_an_invalid_call_is_tried_again_under_a_grammar(client, stream):
    """The same conversation, but the schema now demands what the model leaves out."""
    params = imitating(weather(CITY | DAYS, ["city", "days"]))
    if stream:
        *events, _ = await client.events(**params)
        deltas = [json.loads(event)["choices"][0]["delta"] for event in events]
        arguments = "".join(
            call["function"]["arguments"] for delta in deltas for call in delta.get("tool_calls", [])
        )
    else:
        _, body = await client.post(**params)
        arguments = body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    jsonschema.validate(
        json.loads(arguments), weather(CITY | DAYS, ["city", "days"])[0]["function"]["parameters"]
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_that_stays_invalid_is_an_error_before_any_byte(client, stream):
    """No grammar spells out so long a text, and no model guesses it."""
    tools = weather(CITY | {"code": {"type": "string", "minLength": 5000}}, ["city", "code"])
    status, body = await client.post(**imitating(tools, stream=stream))
    assert (status, body["error"]["code"]) == (422, "bad_tool_call")
    assert "get_weather" in body["error"]["message"]


async def test_a_streamed_call_comes_whole(client):
    *events, done = await client.events(
        messages=HI, tools=[WEATHER], tool_choice="required", max_tokens=80, temperature=0
    )
    assert done == "[DONE]"
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events]
    assert deltas[0] == {"role": "assistant", "content": None}
    (head,), (arguments,) = deltas[1]["tool_calls"], deltas[2]["tool_calls"]
    assert (head["index"], head["type"], head["function"]) == (
        0,
        "function",
        {"name": "get_weather", "arguments": ""},
    )
    json.loads(arguments["function"]["arguments"])
    assert deltas[3] == {}
    assert json.loads(events[-1])["choices"][0]["finish_reason"] == "tool_calls"


async def test_a_conversation_with_calls_and_late_system_messages_is_taken(client):
    call = {"id": "call_1", "type": "function", "function": {"name": "list_files", "arguments": "{}"}}
    status, _ = await client.post(
        messages=[
            {"role": "system", "content": "Be brief."},
            *HI,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "a.py"}]},
            {"role": "system", "content": "Now answer."},
        ],
        tools=[LIST],
        max_tokens=4,
    )
    assert status == 200


async def test_control_tokens_in_a_message_are_plain_text(client):
    _, plain = await client.post("/v1/count", messages=[{"role": "user", "content": ""}])
    _, sly = await client.post("/v1/count", messages=[{"role": "user", "content": "<|im_end|>"}])
    assert sly["tokens"] - plain["tokens"] > 1


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 1e9}, "temperature"),
        ({"top_k": -5}, "top_k"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": [""]}, "stop"),
        ({"messages": []}, "messages"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "oops"}}}},
            "response_format",
        ),
    ],
)
async def test_values_that_could_crash_are_refused(client, fields, param):
    status, body = await client.post(**{"messages": HI, "max_tokens": 2, **fields})
    assert (status, body["error"]["param"]) == (400, param)
    status, _ = await client.post(messages=HI, max_tokens=1)
    assert status == 200


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "maxLength": 100_000},
        {"type": "array", "items": {"type": "string"}, "maxItems": 100_000},
        {"type": "string", "pattern": "^a{0,100000}$"},
    ],
)
async def test_large_bounds_in_a_schema_do_no_harm(client, schema):
    format_ = {"type": "json_schema", "json_schema": {"schema": schema}}
    status, _ = await client.post(messages=HI, response_format=format_, max_tokens=2)
    assert status == 200


async def test_images_are_refused_by_code(client):
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    status, body = await client.post(messages=[{"role": "user", "content": [part]}])
    assert (status, body["error"]["code"]) == (400, "unsupported_content")


async def test_the_token_is_demanded(client):
    async with (
        aiohttp.ClientSession() as stranger,
        stranger.get(client.engine.url + "/health") as response,
    ):
        assert response.status == 401


async def test_health(client):
    await client.post(messages=HI, max_tokens=4)
    await idle(client)
    health = client.engine.health
    assert (health.state, health.model, health.context) == ("ready", "SmolLM2-135M-Instruct", 1024)
    assert (health.queue, health.running, health.wait_s) == (0, 0, 0)
    assert health.prefill_tps > 0
    assert health.decode_tps > 0


ODD = [
    {"type": "string", "pattern": "[a-z]+"},
    {"type": "string", "pattern": "^\\d{3}$"},
    {"type": "string", "pattern": "^(?=a)[a-z]+$"},
    {"type": "string", "pattern": "^[[:alnum:]]{2}$"},
    {"type": "string", "pattern": "^]$"},
    {"type": "string", "pattern": f"^{'(' * 500}a{')' * 500}$"},
    {"not": {"type": "object"}},
    {"enum": []},
    {"type": "oops"},
    {"$ref": "#/$defs/none"},
    {"$ref": "https://localhost:1/schema.json"},
    {"oneOf": [{"required": ["x"]}]},
    {"anyOf": []},
    True,
    False,
    None,
]


@pytest.mark.parametrize("schema", ODD, ids=range(len(ODD)))
async def test_an_odd_schema_of_a_forced_tool_is_left_to_the_model(client, schema):
    parameters = {"type": "object", "properties": {"ns": schema}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
    status, body = await client.post(messages=HI, tools=tools, tool_choice="required", max_tokens=40)
    if status == 200:
        choice = body["choices"][0]
        calls = choice["message"].get("tool_calls")
        assert calls[0]["function"]["name"] == "f" if calls else choice["finish_reason"] == "length"
    else:  # the call was made, and did not hold when it was checked
        assert (status, body["error"]["code"]) == (422, "bad_tool_call")


async def test_a_forced_call_that_the_limit_cuts_off_is_no_bad_call(client):
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    status, body = await client.post(messages=HI, tools=tools, tool_choice="required", max_tokens=3)
    choice = body["choices"][0]
    assert (status, choice["finish_reason"]) == (200, "length")
    assert not choice["message"].get("tool_calls")


async def test_a_schema_of_an_answer_that_no_grammar_can_say_is_unsupported(client):
    shape = {"type": "json_schema", "json_schema": {"schema": {"type": "oops"}}}
    status, body = await client.post(messages=HI, response_format=shape, max_tokens=4)
    assert (status, body["error"]["code"]) == (400, "unsupported_schema")


async def test_an_answer_that_was_begun_goes_on(client):
    ask = {"role": "user", "content": "Give a JSON object with the key name."}
    begun = {"role": "assistant", "content": '{"name":'}
    _, alone = await client.post("/v1/count", messages=[ask])
    _, counted = await client.post("/v1/count", messages=[ask, begun])
    assert 0 < counted["tokens"] - alone["tokens"] < 8  # its text alone: no turn was closed, none opened
    status, body = await client.post(messages=[ask, begun], max_tokens=12, temperature=0)
    assert status == 200
    assert not body["choices"][0]["message"]["content"].lstrip().startswith("{")


async def test_the_stop_string_is_named(client):
    messages = [{"role": "user", "content": "Count: one two three four five six"}]
    _, completion = await client.post(messages=messages, max_tokens=12, temperature=0)
    text = completion["choices"][0]["message"]["content"]
    stop = text.split()[1]
    _, body = await client.post(messages=messages, max_tokens=12, temperature=0, stop=["never said", stop])
    assert (body["choices"][0]["finish_reason"], body["choices"][0]["stop_reason"]) == ("stop", stop)
    *events, _ = await client.events(messages=messages, max_tokens=12, temperature=0, stop=[stop])
    assert json.loads(events[-1])["choices"][0]["stop_reason"] == stop
    assert "stop_reason" not in completion["choices"][0]
