# ruff: noqa: E501 - tables read best a row a line
"""Chat requests as conversations and back: a table, refusals, and the identity on what both can say."""

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import ConfigDict, TypeAdapter

from router.errors import BadRequest
from router.wire.chat_request import decode_request
from router.wire.chat_request_encoder import encode_request
from router.wire.conversation import (
    Conversation,
    Document,
    Image,
    Opaque,
    Reasoning,
    Refusal,
    ResponseFormat,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from router.wire.target import LOCAL, OPENAI, PROVIDER

FAITHFUL = replace(PROVIDER, side="claude", alternating=False, prefill="native")
"""litellm with Claude behind it: takes all that the dialect and litellm's additions can say."""
HI = {"role": "user", "content": "hi"}
USER = Turn(role="user", parts=(Text(text="hi"),))
FUNCTION = {"name": "read", "arguments": '{"path": "a"}'}
CALL = ToolCall(id="c1", name="read", arguments='{"path": "a"}')


def decode(*messages, **fields):
    return decode_request(json.dumps({"model": "m", "messages": list(messages or [HI])} | fields).encode())


def encode(conversation, target=FAITHFUL):
    return json.loads(encode_request(conversation, model="m", target=target))


def user(*parts):
    return Turn(role="user", parts=parts)


def assistant(*parts):
    return Turn(role="assistant", parts=parts)


def called(arguments, **more):
    return {
        "role": "assistant",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": FUNCTION | {"arguments": arguments}} | more
        ],
    }


def content(*parts, role="user"):
    return {"role": role, "content": list(parts)}


def result(*parts):
    return user(ToolResult(call_id="c1", parts=parts))


MESSAGES = [
    # a message, the turn that it becomes (None: no turn at all)
    (HI, USER),
    (content({"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": {"type": "ephemeral", "ttl": "1h"}}), user(Text(text="a"), Text(text="b", cache="1h"))),
    (content({"type": "text", "text": ""}), user()),
    (HI | {"name": "bob"}, replace(USER, name="bob")),
    (HI | {"cache_control": {"type": "ephemeral"}}, user(Text(text="hi", cache="5m"))),
    (content({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}), user(Image(data="AAAA", media_type="image/png", detail="low"))),
    (content({"type": "image_url", "image_url": "https://x/y.png"}), user(Image(url="https://x/y.png"))),
    (content({"type": "image_url", "image_url": {"url": "data:image/svg+xml,<svg/>"}}), user(Image(url="data:image/svg+xml,<svg/>"))),
    (content({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}}), user(Document(title="a.pdf", data="JVBE", media_type="application/pdf"))),
    (content({"type": "file", "file": {"file_id": "file-1"}}), user(Document(file_id="file-1"))),
    (content({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}), user(Opaque(dialect="openai_chat", kind="input_audio", value={"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}))),
    (content({"type": "note", "text": "kept", "more": 1}), user(Opaque(dialect="openai_chat", kind="note", value={"type": "note", "text": "kept", "more": 1}, text="kept"))),
    ({"role": "assistant", "content": "yo"}, assistant(Text(text="yo"))),
    ({"role": "assistant", "content": "yo", "reasoning_content": "hm"}, assistant(Thinking(text="hm"), Text(text="yo"))),
    ({"role": "assistant", "content": "yo", "reasoning_content": "hm", "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "redacted_thinking", "data": "x"}]}, assistant(Thinking(text="hm", signature="s"), Thinking(redacted="x"), Text(text="yo"))),
    ({"role": "assistant", "content": None, "refusal": "no"}, assistant(Refusal(text="no"))),
    (content({"type": "refusal", "refusal": "no"}, role="assistant"), assistant(Refusal(text="no"))),
    (called('{"path": "a"}'), assistant(CALL)),
    (called('{"path": "a"}', id=None), assistant(replace(CALL, id="call_1_0"))),
    (called('{"path": "a') | {"content": ""}, assistant(replace(CALL, arguments='{"path": "a'))),
    (called(None) | {"content": " \n"}, assistant(replace(CALL, arguments=""))),
    (called({"path": "a"}) | {"content": []}, assistant(replace(CALL, arguments='{"path":"a"}'))),
    (called([1]) | {"content": [{"type": "text", "text": ""}, {"type": "text", "text": "so"}]}, assistant(Text(text="so"), replace(CALL, arguments="[1]"))),
    ({"role": "assistant", "content": None, "function_call": FUNCTION}, assistant(replace(CALL, id="call_read"))),
    ({"role": "function", "name": "read", "content": "x"}, user(ToolResult(call_id="call_read", parts=(Text(text="x"),)))),
    ({"role": "tool", "tool_call_id": "c1", "content": "x"}, result(Text(text="x"))),
    ({"role": "tool", "tool_call_id": "c1", "content": ""}, result()),
    (content({"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, role="tool") | {"tool_call_id": "c1"}, result(Text(text="x"), Image(data="AAAA", media_type="image/png"))),
    ({"role": "system", "content": "S"}, Turn(role="system", parts=(Text(text="S"),))),
    ({"role": "developer", "content": "S"}, Turn(role="system", parts=(Text(text="S"),))),
    ({"role": "assistant", "content": ""}, None),
    ({"role": "assistant", "content": None}, None),
    (content({"type": "text", "text": " "}, role="assistant"), None),
]  # fmt: skip


@pytest.mark.parametrize(("message", "turn"), MESSAGES)
def test_a_message(message, turn):
    assert decode(HI, message).turns == ((USER, turn) if turn else (USER,))


def test_leading_system_messages_stand_apart():
    system, later = {"role": "system", "content": "A"}, {"role": "developer", "content": "B"}
    conversation = decode(system, later, HI, later)
    assert conversation.system == (Text(text="A"), Text(text="B"))
    assert conversation.turns == (USER, Turn(role="system", parts=(Text(text="B"),)))
    assert encode(conversation)["messages"][0] == content(
        {"type": "text", "text": "A"}, {"type": "text", "text": "B"}, role="system"
    )


TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
}
TEXT_SCHEMA = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
GRAMMAR = {
    "type": "custom",
    "custom": {"name": "p", "format": {"type": "grammar", "grammar": {"syntax": "lark"}}},
}
FIELDS = [
    ({"max_tokens": 9}, {"output_limit": 9}),
    ({"max_tokens": 9, "max_completion_tokens": 8}, {"output_limit": 8}),
    ({"stop": "x"}, {"stop": ("x",)}),
    ({"stop": ["x", "y"]}, {"stop": ("x", "y")}),
    ({"stream": True}, {"stream": True}),
    ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True, "stream_usage": True}),
    ({"temperature": 0, "top_p": 0.5, "top_k": 3, "seed": 1, "frequency_penalty": 1, "presence_penalty": 0}, {"sampling": Sampling(temperature=0, top_p=0.5, top_k=3, seed=1, frequency_penalty=1, presence_penalty=0)}),
    ({"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False}, {"tools": (Tool(name="f", description="d", schema={"type": "object"}, strict=True),), "tool_choice": ToolChoice(mode="required"), "parallel_tool_calls": False}),
    ({"tools": [TOOL | {"cache_control": {"type": "ephemeral"}}], "tool_choice": {"type": "function", "function": {"name": "f"}}}, {"tools": (Tool(name="f", description="d", schema={"type": "object"}, strict=True, cache="5m"),), "tool_choice": ToolChoice(mode="tool", name="f")}),
    ({"tools": [{"type": "custom", "custom": {"name": "p", "description": "d"}}], "tool_choice": {"type": "custom", "custom": {"name": "p"}}}, {"tools": (Tool(name="p", description="d", schema=TEXT_SCHEMA, free_text=True),), "tool_choice": ToolChoice(mode="tool", name="p")}),
    ({"tools": [{"type": "custom", "custom": {"name": "p", "format": {"type": "text"}}}]}, {"tools": (Tool(name="p", schema=TEXT_SCHEMA, free_text=True),)}),
    ({"tools": [GRAMMAR]}, {"tools": (Opaque(dialect="openai_chat", kind="custom", value=GRAMMAR),)}),
    ({"response_format": {"type": "text"}}, {}),
    ({"response_format": {"type": "json_object"}}, {"response_format": ResponseFormat(kind="json_object")}),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}, "strict": True}}}, {"response_format": ResponseFormat(kind="json_schema", name="a", schema={"type": "object"}, strict=True)}),
    ({"reasoning_effort": "high"}, {"reasoning": Reasoning(effort="high")}),
    ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {"reasoning": Reasoning(budget_tokens=2048)}),
    ({"thinking": {"type": "disabled"}}, {"reasoning": Reasoning(effort="none")}),
    ({"thinking": {"type": "adaptive"}, "reasoning_effort": "low"}, {"reasoning": Reasoning(effort="low", adaptive=True)}),
    ({"user": "u1"}, {"user": "u1"}),
    ({"n": 2, "logit_bias": {"5": 1}, "new_thing": [1], "verbosity": None}, {"extras": {"n": 2, "logit_bias": {"5": 1}, "new_thing": [1]}}),
    ({"temperature": None, "tools": None, "stop": None, "tool_choice": None, "stream": None}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "neutral"), FIELDS)
def test_fields(fields, neutral):
    plain = Conversation(dialect="openai_chat", model="m", turns=(USER,), stream_usage=False)
    assert decode(**fields) == replace(plain, **neutral)


def test_a_past_call_with_free_text():
    call = {"id": "c1", "type": "custom", "custom": {"name": "p", "input": 'say "hi"'}}
    (turn,) = decode({"role": "assistant", "tool_calls": [call]}).turns
    assert turn.parts == (ToolCall(id="c1", name="p", arguments='{"input":"say \\"hi\\""}'),)


WRONG = [
    ({"messages": [{"role": "user"}]}, r"^messages\[0\]\.content: must be a string or an array"),
    ({"messages": [content({"type": "text"})]}, r"^messages\[0\]\.content\[0\]\.text: is missing"),
    ({"messages": [content({"type": "image_url"})]}, r"^messages\[0\]\.content\[0\]\.image_url: is missing"),
    ({"messages": [{"role": "tool", "content": "x"}]}, r"^messages\[0\]\.tool_call_id: must name the call"),
    ({"messages": [{"role": "function", "content": "x"}]}, r"^messages\[0\]\.name: must name the function"),
    ({"messages": [{"role": "alien", "content": "x"}]}, r"messages\[0\]\.role"),
    ({"messages": [called(5)]}, r"messages\[0\]\.tool_calls\[0\]\.function\.arguments"),
    ({"tools": [{"type": "function"}]}, r"^tools\[0\]\.function: it is missing"),
    ({"tools": [{"type": "function", "function": {}}]}, r"^tools\[0\]\.function\.name: it is missing"),
    ({"tool_choice": {"type": "function"}}, r"^tool_choice\.function: it is missing"),
    ({"tools": [{"type": "custom"}]}, r"^tools\[0\]\.custom: it is missing"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "type": "custom"}]}]}, r"^messages\[0\]\.tool_calls\[0\]\.custom: it is missing"),
    ({"temperature": "hot"}, "temperature"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"response_format": {"type": "xml"}}, "response_format.type"),
    ({"new_thing": 1e999}, "new_thing"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "words"), WRONG)
def test_a_wrong_shape_is_named(fields, words):
    body = json.dumps({"messages": [HI]} | fields).replace("Infinity", "1e999").encode()
    with pytest.raises(BadRequest, match=words):
        decode_request(body)


SETTLED = [
    ('{"a": 1}', '{"a": 1}'),
    ("", "{}"),
    ('{"a', '{"_raw":"{\\"a"}'),
    ("[1]", '{"_raw":[1]}'),
    ('"{\\"a\\": 1}"', '{"a": 1}'),
]


@pytest.mark.parametrize(("arguments", "sent"), SETTLED)
@pytest.mark.parametrize("target", [FAITHFUL, LOCAL, PROVIDER])
def test_arguments_go_out_as_an_object(arguments, sent, target):
    conversation = Conversation(
        dialect="openai_chat", turns=(USER, assistant(replace(CALL, arguments=arguments)))
    )
    message = encode(conversation, target)["messages"][1]
    assert message["tool_calls"][0]["function"]["arguments"] == sent
    assert message["content"] == ("" if target.alternating else None)


TARGETS = [
    (LOCAL, {"max_tokens": 9, "add_generation_prompt": False, "continue_final_message": True}),
    (PROVIDER, {"max_tokens": 9, "add_generation_prompt": False, "continue_final_message": True}),
    (OPENAI, {"max_completion_tokens": 9}),
    (FAITHFUL, {"max_tokens": 9}),
]


@pytest.mark.parametrize(("target", "fields"), TARGETS)
def test_what_depends_on_the_target(target, fields):
    conversation = Conversation(
        dialect="anthropic_messages", turns=(USER, assistant(Text(text="{"))), output_limit=9
    )
    sent = encode(conversation, target)
    assert sent == {"model": "m", "messages": [HI, {"role": "assistant", "content": "{"}]} | fields


@pytest.mark.parametrize("target", [LOCAL, PROVIDER, OPENAI])
def test_blocks_of_a_begun_answer_are_one_text(target):
    begun, said = assistant(Text(text="1. "), Text(text="2")), assistant(Text(text="a"), Text(text="b"))
    conversation = Conversation(dialect="anthropic_messages", turns=(USER, said, USER, begun))
    messages = encode(conversation, target)["messages"]
    assert [message["content"] for message in messages[1::2]] == ["a\n\nb", "1. 2"]


def test_cache_marks_reach_claude_alone():
    conversation = Conversation(
        dialect="anthropic_messages",
        turns=(user(Text(text="hi", cache="1h")),),
        tools=(Tool(name="f", cache="5m"),),
    )
    assert "cache_control" in encode(conversation)["messages"][0]["content"][0]
    assert encode(conversation)["tools"][0]["cache_control"] == {"type": "ephemeral"}
    assert b"cache_control" not in encode_request(conversation, model="m", target=PROVIDER)


TEXTS = st.text(min_size=1, max_size=4).filter(lambda text: text.strip())
MARKS = st.sampled_from([None, "5m", "1h"])
SPOKEN = st.one_of(
    st.builds(Text, text=TEXTS, cache=MARKS),
    st.builds(
        Image,
        data=st.just("AAAA"),
        media_type=st.just("image/png"),
        detail=st.sampled_from(["", "low"]),
        cache=MARKS,
    ),
    st.builds(Image, url=st.just("https://x/y.png")),
    st.builds(Document, title=st.just("a.pdf"), data=st.just("JVBE"), media_type=st.just("application/pdf")),
    st.builds(Document, file_id=st.just("file-1")),
)
ANSWERED = st.builds(
    lambda thinking, texts, refusal, calls: Turn(
        role="assistant", parts=(*thinking, *texts, *refusal, *calls)
    ),
    st.lists(st.builds(Thinking, text=TEXTS, signature=TEXTS), max_size=2),
    st.lists(st.builds(Text, text=TEXTS), max_size=2),
    st.lists(st.builds(Refusal, text=TEXTS), max_size=1),
    st.lists(
        st.builds(ToolCall, id=TEXTS, name=TEXTS, arguments=st.sampled_from(["{}", '{"a": [1]}'])), max_size=2
    ),
).filter(lambda turn: turn.parts)
TURNS = st.one_of(
    st.builds(
        lambda parts, name: Turn(role="user", parts=tuple(parts), name=name),
        st.lists(SPOKEN, min_size=1, max_size=3),
        st.sampled_from(["", "bob"]),
    ),
    st.builds(
        lambda parts, mark: user(ToolResult(call_id="c1", parts=tuple(parts), cache=mark)),
        st.lists(SPOKEN, max_size=2),
        MARKS,
    ),
    st.builds(
        lambda texts: Turn(role="system", parts=tuple(texts)),
        st.lists(st.builds(Text, text=TEXTS, cache=MARKS), min_size=1, max_size=2),
    ),
    ANSWERED,
)
NUMBERS = st.none() | st.integers(0, 5)
CONVERSATIONS = st.builds(
    Conversation,
    dialect=st.just("openai_chat"),
    model=st.just("m"),
    system=st.lists(st.builds(Text, text=TEXTS, cache=MARKS), max_size=2).map(tuple),
    turns=st.lists(TURNS, max_size=5).map(lambda turns: (USER, *turns)),
    tools=st.lists(st.builds(Tool, name=TEXTS, description=st.sampled_from(["", "d"]), schema=st.just({"type": "object"}), strict=st.sampled_from([None, True]), cache=MARKS), min_size=1, max_size=2).map(tuple),
    tool_choice=st.none() | st.builds(ToolChoice, mode=st.sampled_from(["auto", "required", "none"])) | st.builds(ToolChoice, mode=st.just("tool"), name=TEXTS),
    parallel_tool_calls=st.sampled_from([None, True, False]),
    sampling=st.builds(Sampling, temperature=NUMBERS, top_p=NUMBERS, top_k=NUMBERS, seed=NUMBERS, frequency_penalty=NUMBERS, presence_penalty=NUMBERS),
    response_format=st.sampled_from([None, ResponseFormat(kind="json_object"), ResponseFormat(kind="json_schema", name="a", schema={"type": "object"}, strict=False)]),
    reasoning=st.sampled_from([None, Reasoning(effort="low"), Reasoning(budget_tokens=1024), Reasoning(adaptive=True, effort="high")]),
    stop=st.lists(TEXTS, max_size=2).map(tuple),
    output_limit=NUMBERS,
    stream=st.just(True),
    user=st.sampled_from(["", "u"]),
    extras=st.sampled_from([{}, {"n": 1, "new_thing": {"a": [1]}}]),
)  # fmt: skip
ANY_MESSAGES = TypeAdapter(list[ChatCompletionMessageParam], config=ConfigDict(strict=False))
ANY_TOOLS = TypeAdapter(list[ChatCompletionToolParam])


@given(conversation=CONVERSATIONS)
def test_what_is_written_is_read_as_it_was(conversation):
    body = encode_request(conversation, model="m", target=FAITHFUL)
    assert decode_request(body) == conversation
    assert encode_request(decode_request(body), model="m", target=FAITHFUL) == body


@given(conversation=CONVERSATIONS)
def test_strict_templates_take_it(conversation):
    sent = encode(conversation, LOCAL)
    ANY_MESSAGES.validate_python(sent["messages"])
    ANY_TOOLS.validate_python(sent["tools"])
    roles = [message["role"] for message in sent["messages"]]
    assert "system" not in roles[1:]
    assert all(not first == second == "user" for first, second in itertools.pairwise(roles))
