"""Messages requests in neutral form and back: tables, and the identity on what both can say."""

import json

import pytest
from anthropic.types import MessageParam, ToolParam
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ConfigDict, TypeAdapter

from router.errors import BadRequest
from router.wire.anthropic_request import decode_request
from router.wire.anthropic_request_encoder import EMPTY, encode_request
from router.wire.claude_models import ClaudeModel
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
from router.wire.target import CLAUDE

HI = {"role": "user", "content": "hi"}
CACHE = {"cache_control": {"type": "ephemeral"}}
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"path": "a.py"}}
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "additionalProperties": False}


def text(words, **more):
    return {"type": "text", "text": words, **more}


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def decoded(messages=(HI,), **fields):
    return decode_request(json.dumps({"messages": messages, **fields}).encode())


def turn(role, *parts):
    return Turn(role=role, parts=parts)


BLOCKS = [
    (text("a"), Text(text="a")),
    (text("a", **CACHE), Text(text="a", cache="5m")),
    (text("a", **HOUR), Text(text="a", cache="1h")),
    (text("a", cache_control=None, citations=[]), Text(text="a")),
    (CALL, ToolCall(id="toolu_1", name="Read", arguments='{"path":"a.py"}')),
    ({**CALL, "input": None}, ToolCall(id="toolu_1", name="Read", arguments="{}")),
    ({**CALL, "input": [1]}, ToolCall(id="toolu_1", name="Read", arguments='{"_raw":[1]}')),
    (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}, **CACHE},
        Image(data="AAAA", media_type="image/png", cache="5m"),
    ),
    ({"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}, Image(url="https://x/y.png")),
    (
        {"type": "document", "title": "t", "context": "c", "source": {"type": "text", "data": "plain"}},
        Document(title="t", context="c", text="plain"),
    ),
    (
        {"type": "document", "source": {"type": "content", "content": [text("a"), text("b")]}},
        Document(text="a\n\nb"),
    ),
    ({"type": "document", "source": {"type": "content", "content": "a"}}, Document(text="a")),
    (
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}},
        Document(data="JVBE", media_type="application/pdf"),
    ),
    (
        {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}},
        Document(url="https://x/y.pdf"),
    ),
    ({"type": "document", "source": {"type": "file", "file_id": "f_1"}}, Document(file_id="f_1")),
    (
        {"type": "search_result", "source": "https://x", "title": "t", "content": [text("match")]},
        Document(title="t", url="https://x", text="match"),
    ),
    ({"type": "thinking", "thinking": "hm", "signature": "s"}, Thinking(text="hm", signature="s")),
    ({"type": "redacted_thinking", "data": "x"}, Thinking(redacted="x")),
    (
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok", **CACHE},
        ToolResult(call_id="toolu_1", parts=(Text(text="ok"),), cache="5m"),
    ),
    (
        {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True},
        ToolResult(call_id="toolu_1", parts=(), error=True),
    ),
    (
        {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "content": [
                text("a"),
                {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lG"}},
                {"type": "tool_reference", "tool_name": "Grep"},
                {"type": "note", "text": "b"},
                {"type": "hologram"},
            ],
        },
        ToolResult(
            call_id="toolu_1",
            parts=(
                Text(text="a"),
                Image(data="R0lG", media_type="image/gif"),
                Text(text="Tool found: Grep"),
                Text(text="b"),
            ),
        ),
    ),
    (
        {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}},
        Opaque(
            dialect="anthropic_messages",
            kind="server_tool_use",
            value={"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}},
        ),
    ),
    (
        {"type": "note", "text": "n"},
        Opaque(dialect="anthropic_messages", kind="note", value={"type": "note", "text": "n"}, text="n"),
    ),
]


@pytest.mark.parametrize(("block", "part"), BLOCKS)
def test_a_block_is_a_part(block, part):
    assert decoded([user(text("before"), block)]).turns == (turn("user", Text(text="before"), part),)


def test_turns_keep_their_order_and_those_that_say_nothing_are_left_out():
    messages = [
        {"role": "developer", "content": "A"},
        HI,
        {"role": "assistant", "content": []},
        {"role": "assistant", "content": [text("")]},
        {"role": "system", "content": [text("S")]},
        {"role": "assistant", "content": "yo"},
        {"role": "alien", "content": "?"},
    ]
    conversation = decoded(messages, system=[text("x-anthropic-billing-header: 1"), text("B", **CACHE)])
    assert conversation.system == (
        Text(text="x-anthropic-billing-header: 1"),
        Text(text="B", cache="5m"),
        Text(text="A"),
    )
    assert conversation.turns == (
        turn("user", Text(text="hi")),
        turn("system", Text(text="S")),
        turn("assistant", Text(text="yo")),
        turn("user", Text(text="?")),
    )


FIELDS = [
    ({}, {}),
    ({"model": None, "system": None, "tools": None, "temperature": None, "stop_sequences": None}, {}),
    (
        {"model": "claude", "stream": True, "max_tokens": 9},
        {"model": "claude", "stream": True, "output_limit": 9},
    ),
    (
        {"temperature": 0, "top_p": 0.5, "top_k": 3},
        {"sampling": Sampling(temperature=0, top_p=0.5, top_k=3)},
    ),
    ({"stop_sequences": ["x", " "]}, {"stop": ("x", " ")}),
    ({"metadata": {"user_id": "u"}}, {"user": "u"}),
    (
        {"metadata": {}, "safeguards": [], "service_tier": "auto"},
        {"extras": {"safeguards": [], "service_tier": "auto"}},
    ),
    ({"thinking": {"type": "disabled"}}, {"reasoning": Reasoning(effort="none")}),
    ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {"reasoning": Reasoning(budget_tokens=2048)}),
    (
        {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "max"}},
        {"reasoning": Reasoning(adaptive=True, effort="max")},
    ),
    ({"output_config": {"effort": "low"}}, {"reasoning": Reasoning(effort="low")}),
    (
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        {"response_format": ResponseFormat(kind="json_schema", schema=SCHEMA, strict=True)},
    ),
    (
        {"output_format": {"type": "json_schema", "schema": SCHEMA}},
        {"response_format": ResponseFormat(kind="json_schema", schema=SCHEMA, strict=True)},
    ),
    ({"output_config": {"format": {"type": "text"}}}, {}),
    (
        {
            "tools": [
                {
                    "name": "Read",
                    "description": "Read a file",
                    "input_schema": SCHEMA,
                    "strict": True,
                    **CACHE,
                }
            ]
        },
        {"tools": (Tool(name="Read", description="Read a file", schema=SCHEMA, strict=True, cache="5m"),)},
    ),
    (
        {"tools": [{"type": "custom", "name": "a"}, {"type": "web_search_20250305", "name": "web_search"}]},
        {
            "tools": (
                Tool(name="a"),
                Opaque(
                    dialect="anthropic_messages",
                    kind="web_search_20250305",
                    value={"type": "web_search_20250305", "name": "web_search"},
                ),
            )
        },
    ),
    ({"tool_choice": {"type": "any"}}, {"tool_choice": ToolChoice(mode="required")}),
    ({"tool_choice": {"type": "none"}}, {"tool_choice": ToolChoice(mode="none")}),
    ({"tool_choice": {"type": "tool", "name": "a"}}, {"tool_choice": ToolChoice(mode="tool", name="a")}),
    (
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        {"tool_choice": ToolChoice(mode="auto"), "parallel_tool_calls": False},
    ),
]


@pytest.mark.parametrize(("fields", "expected"), FIELDS)
def test_a_field_has_its_place(fields, expected):
    hi = (turn("user", Text(text="hi")),)
    assert decoded(**fields) == Conversation(dialect="anthropic_messages", turns=hi, **expected)


WRONG = [
    ({"messages": 3}, "messages: "),
    ({"messages": [3]}, r"messages\[0\]: "),
    ({"messages": [user(3)]}, r"messages\[0\]\.content\[0\]: must be an object"),
    ({"messages": [user(text(3))]}, r"messages\[0\]\.content\[0\]\.text: "),
    ({"messages": [HI, user({"type": "image", "source": 4})]}, r"messages\[1\]\.content\[0\]\.source: "),
    (
        {"messages": [user({"type": "image", "source": {}})]},
        r"messages\[0\]\.content\[0\]\.source: must have",
    ),
    ({"messages": [user({"type": "tool_result"})]}, r"messages\[0\]\.content\[0\]: .*tool_use_id"),
    (
        {"messages": [user({"type": "tool_result", "tool_use_id": "a", "content": [text("a"), 3]})]},
        r"messages\[0\]\.content\[0\]\.content\[1\]: ",
    ),
    ({"system": [3]}, r"system\[0\]: "),
    ({"tools": [{"name": "ok"}, {}]}, r"tools\[1\]: .*name"),
    ({"tools": [{"name": ""}]}, r"tools\[0\]\.name: "),
    ({"tools": [{"name": "f", "input_schema": True}]}, r"tools\[0\]\.input_schema: "),
    ({"tool_choice": "auto"}, "tool_choice: "),
    ({"output_config": 3}, "output_config: "),
    ({"temperature": "warm"}, "temperature: "),
    ({"top_k": 2**64}, "top_k: "),
    ({"stop_sequences": "x"}, "stop_sequences: "),
]


@pytest.mark.parametrize(("fields", "message"), WRONG)
def test_a_refusal_names_the_field(fields, message):
    with pytest.raises(BadRequest, match="^" + message):
        decoded(**{"messages": [HI]} | fields)


def conversation(*turns, **fields):
    return Conversation(dialect="openai_chat", turns=turns, **fields)


def encoded(*turns, target=CLAUDE, **fields):
    return json.loads(encode_request(conversation(*turns, **fields), model="claude", target=target))


def ask(words="hi"):
    return turn("user", Text(text=words))


def call(id="call_1", name="Read", arguments='{"path": "a.py"}'):  # noqa: A002 - as the API calls it
    return ToolCall(id=id, name=name, arguments=arguments)


def result(*parts, id="call_1", **more):  # noqa: A002 - as the API calls it
    return ToolResult(call_id=id, parts=parts, **more)


def use(id="call_1", name="Read", arguments=None):  # noqa: A002 - as the API calls it
    return {"type": "tool_use", "id": id, "name": name, "input": arguments or {"path": "a.py"}}


def answer(words, id="call_1", **more):  # noqa: A002 - as the API calls it
    return {"type": "tool_result", "tool_use_id": id, "content": words, **more}


ASK = {"role": "user", "content": [text("hi")]}
READ = {"role": "assistant", "content": [use()]}
MESSAGES = [
    ("text", [ask()], [ASK]),
    (
        "blank texts are left out",
        [turn("user", Text(text=" \n"), Text(text="hi")), turn("assistant", Text(text=""))],
        [ASK],
    ),
    (
        "neighbours join",
        [
            ask(),
            ask("b"),
            turn("assistant", Text(text="x")),
            turn("assistant", call()),
            turn("user", result(Text(text="ok"))),
        ],
        [
            {"role": "user", "content": [text("hi"), text("b")]},
            {"role": "assistant", "content": [text("x"), use()]},
            {"role": "user", "content": [answer("ok")]},
        ],
    ),
    (
        "results of parallel calls come in one message, first of all",
        [
            ask(),
            turn("assistant", call(), call("call_2")),
            turn("user", result(Text(text="1"))),
            turn("user", Text(text="and?")),
            turn("user", result(Text(text="2"), id="call_2", error=True)),
        ],
        [
            ASK,
            {"role": "assistant", "content": [use(), use("call_2")]},
            {"role": "user", "content": [answer("1"), answer("2", "call_2", is_error=True), text("and?")]},
        ],
    ),
    (
        "a result with an image",
        [ask(), turn("assistant", call()), turn("user", result(Text(text="shot"), Image(data="/9j/4AAQ")))],
        [
            ASK,
            READ,
            {
                "role": "user",
                "content": [
                    answer(
                        [
                            text("shot"),
                            {
                                "type": "image",
                                "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/4AAQ"},
                            },
                        ]
                    )
                ],
            },
        ],
    ),
    (
        "a result that says nothing",
        [ask(), turn("assistant", call()), turn("user", result(Text(text="")))],
        [ASK, READ, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1"}]}],
    ),
    (
        "ids that come again, or in letters that are refused",
        [
            ask(),
            turn("assistant", call("call_0"), call("call_0")),
            turn("user", result(Text(text="1"), id="call_0"), result(Text(text="2"), id="call_0")),
            turn("assistant", call("call_0"), call("functions.Read:3")),
            turn("user", result(Text(text="3"), id="call_0"), result(Text(text="4"), id="functions.Read:3")),
        ],
        [
            ASK,
            {"role": "assistant", "content": [use("call_0"), use("call_0_2")]},
            {"role": "user", "content": [answer("1", "call_0"), answer("2", "call_0_2")]},
            {"role": "assistant", "content": [use("call_0_3"), use("functions_Read_3")]},
            {"role": "user", "content": [answer("3", "call_0_3"), answer("4", "functions_Read_3")]},
        ],
    ),
    (
        "broken arguments",
        [ask(), turn("assistant", call(arguments='{"path": "a.p')), turn("user", result(Text(text="bad")))],
        [
            ASK,
            {"role": "assistant", "content": [use(arguments={"_raw": '{"path": "a.p'})]},
            {"role": "user", "content": [answer("bad")]},
        ],
    ),
    (
        "thinking goes back with its signature only",
        [
            ask(),
            turn(
                "assistant",
                Thinking(text="hm"),
                Thinking(text="so", signature="s"),
                Thinking(redacted="r"),
                Text(text="x"),
            ),
            ask("b"),
        ],
        [
            ASK,
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "so", "signature": "s"},
                    {"type": "redacted_thinking", "data": "r"},
                    text("x"),
                ],
            },
            {"role": "user", "content": [text("b")]},
        ],
    ),
    (
        "a refusal is text",
        [ask(), turn("assistant", Refusal(text="No.")), ask("b")],
        [ASK, {"role": "assistant", "content": [text("No.")]}, {"role": "user", "content": [text("b")]}],
    ),
    (
        "a system message in the middle",
        [
            ask(),
            turn("assistant", Text(text="x")),
            turn("system", Text(text="S")),
            ask("b"),
            turn("system", Text(text="T")),
        ],
        [
            ASK,
            {"role": "assistant", "content": [text("x")]},
            {
                "role": "user",
                "content": [
                    text("<system-reminder>\nS\n</system-reminder>"),
                    text("b"),
                    text("<system-reminder>\nT\n</system-reminder>"),
                ],
            },
        ],
    ),
    (
        "a system message between a call and its result",
        [
            ask(),
            turn("assistant", call()),
            turn("system", Text(text="S")),
            turn("user", result(Text(text="ok"))),
        ],
        [
            ASK,
            READ,
            {"role": "user", "content": [answer("ok"), text("<system-reminder>\nS\n</system-reminder>")]},
        ],
    ),
    (
        "an answer to go on from",
        [ask(), turn("assistant", Text(text='{"a": \n'))],
        [ASK, {"role": "assistant", "content": [text('{"a":')]}],
    ),
    (
        "the assistant first",
        [turn("assistant", Text(text="Hello!")), ask()],
        [
            {"role": "user", "content": [text("(The conversation begins with the assistant.)")]},
            {"role": "assistant", "content": [text("Hello!")]},
            ASK,
        ],
    ),
    (
        "files",
        [
            turn(
                "user",
                Document(title="a.pdf", data="JVBE", media_type="application/pdf"),
                Document(title="a.txt", data="aGk=", media_type="text/plain"),
                Document(text="t", cache="1h"),
                Document(url="https://x/y.pdf"),
                Image(url="https://x/y.png", detail="low"),
                Image(data="iVBORw0"),
            )
        ],
        [
            user(
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
                    "title": "a.pdf",
                },
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "hi"},
                    "title": "a.txt",
                },
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "t"},
                    **HOUR,
                },
                {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}},
                {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0"}},
            )
        ],
    ),
]
ANY_MESSAGES = TypeAdapter(list[MessageParam], config=ConfigDict(strict=False))


@pytest.mark.parametrize(
    ("turns", "messages"), [row[1:] for row in MESSAGES], ids=[row[0] for row in MESSAGES]
)
def test_turns_are_messages(turns, messages):
    body = encoded(*turns)
    assert body["messages"] == messages
    ANY_MESSAGES.validate_python(body["messages"])


def test_a_model_that_takes_system_messages_gets_them_where_they_may_stand():
    target = ClaudeModel(system_turns=True)
    body = encoded(
        ask(),
        turn("system", Text(text="A")),
        turn("assistant", Text(text="x")),
        turn("system", Text(text="B")),
        ask("b"),
        turn("system", Text(text="C")),
        target=CLAUDE.__class__(dialect="anthropic_messages", side="claude", model=target),
    )
    assert body["messages"] == [
        ASK,
        {"role": "system", "content": [text("A")]},
        {"role": "assistant", "content": [text("x")]},
        {"role": "user", "content": [text("<system-reminder>\nB\n</system-reminder>"), text("b")]},
        {"role": "system", "content": [text("C")]},
    ]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("list_dir", "list_dir"),
        ("list_dir<|channel|>json", "list_dir__channel__json"),
        ("fs.list", "fs_list"),
        ("", "unknown"),
        ("x" * 300, "x" * 128),
    ],
)
def test_a_past_call_has_a_name_that_the_api_takes(name, kept):
    call = Turn(role="assistant", parts=(ToolCall(id="call_1", name=name, arguments="{}"),))
    body = encoded(ask(), call, ask("go on"))
    assert body["messages"][1]["content"][0]["name"] == kept
    assert [tool["name"] for tool in body["tools"]] == [kept]


def test_a_last_turn_of_the_users_that_says_nothing_is_said_to_be_empty():
    empty = {"role": "user", "content": [{"type": "text", "text": EMPTY}]}
    nothing = Turn(role="user", parts=())
    assert encoded(nothing)["messages"] == [empty]
    said = Turn(role="assistant", parts=(Text(text="Done."),))
    assert encoded(ask(), said, nothing)["messages"][2:] == [empty]
    assert len(encoded(ask(), nothing)["messages"]) == 1
    assert encoded(ask(), said)["messages"][-1]["role"] == "assistant"


def test_a_system_message_alone_is_the_users():
    assert encoded(system=(Text(text="A"),)) == {
        "model": "claude",
        "max_tokens": 32_000,
        "messages": [{"role": "user", "content": [text("A")]}],
    }


BODY = [
    ({"output_limit": 9, "stream": True}, {"max_tokens": 9, "stream": True}),
    ({"system": (Text(text="A", cache="5m"), Text(text=" "))}, {"system": [text("A", **CACHE)]}),
    ({"stop": ("x",), "user": "u"}, {"stop_sequences": ["x"], "metadata": {"user_id": "u"}}),
    (
        {"sampling": Sampling(temperature=0, top_p=0.5, top_k=3)},
        {"temperature": 0, "top_p": 0.5, "top_k": 3},
    ),
    ({"reasoning": Reasoning(effort="none")}, {"thinking": {"type": "disabled"}}),
    ({"reasoning": Reasoning(effort="low")}, {"output_config": {"effort": "low"}}),
    (
        {"reasoning": Reasoning(adaptive=True, effort="low")},
        {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}},
    ),
    ({"reasoning": Reasoning(budget_tokens=2048)}, {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
    (
        {
            "response_format": ResponseFormat(
                kind="json_schema", schema={"type": "object", "minProperties": 1}
            )
        },
        {
            "output_config": {
                "format": {
                    "type": "json_schema",
                    "schema": {
                        "type": "object",
                        "additionalProperties": False,
                        "description": "(minProperties: 1)",
                    },
                }
            }
        },
    ),
    (
        {"parallel_tool_calls": False, "tools": (Tool(name="a"),)},
        {
            "tools": [{"name": "a", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        },
    ),
    (
        {
            "tools": (Tool(name="a", schema={"properties": {}}, strict=False),),
            "tool_choice": ToolChoice(mode="tool", name="a"),
        },
        {
            "tools": [{"name": "a", "input_schema": {"properties": {}, "type": "object"}, "strict": False}],
            "tool_choice": {"type": "tool", "name": "a"},
        },
    ),
    ({"tool_choice": ToolChoice(mode="required")}, {}),
]
ANY_TOOLS = TypeAdapter(list[ToolParam])


@pytest.mark.parametrize(("fields", "expected"), BODY)
def test_a_field_is_written(fields, expected):
    body = encoded(ask(), **fields)
    assert body == {"model": "claude", "max_tokens": 32_000, "messages": [ASK]} | expected
    ANY_TOOLS.validate_python(body.get("tools", []))


def test_tools_that_were_called_and_are_offered_no_more_are_declared_and_not_called():
    turns = (ask(), turn("assistant", call(), call("b")), turn("user", result(), result(id="b")))
    body = encoded(*turns)
    assert body["tools"] == [{"name": "Read", "input_schema": {"type": "object"}}]
    assert body["tool_choice"] == {"type": "none"}


WORDS = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=8)
MARK = st.sampled_from([None, "5m", "1h"])
DATA = st.sampled_from(["iVBORw0K", "AAAA"])
TEXTS = st.builds(Text, text=WORDS, cache=MARK)
IMAGES = st.builds(Image, data=DATA, media_type=st.just("image/png"), cache=MARK) | st.builds(
    Image, url=st.just("https://x/y.png"), cache=MARK
)
DOCUMENTS = (
    st.builds(Document, title=WORDS, text=WORDS, context=WORDS, cache=MARK)
    | st.builds(Document, data=DATA, media_type=st.just("application/pdf"))
    | st.builds(Document, url=st.just("https://x/y.pdf"), title=st.just(""))
    | st.builds(Document, file_id=WORDS, title=st.just(""))
)
THOUGHTS = st.builds(Thinking, text=WORDS, signature=WORDS) | st.builds(Thinking, redacted=WORDS)
ARGUMENTS = st.dictionaries(WORDS, st.none() | st.integers(-9, 9) | WORDS, max_size=2).map(
    lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False)
)
IN_RESULTS = st.lists(TEXTS.filter(lambda part: part.cache is None) | IMAGES | DOCUMENTS, max_size=3).map(
    tuple
)


NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)


@st.composite
def conversations(draw):
    """An agent's conversation: asks, calls, all of their results, an answer."""
    turns, ids = [], iter(range(99))
    for _ in range(draw(st.integers(1, 3))):
        turns.append(
            Turn(role="user", parts=tuple(draw(st.lists(TEXTS | IMAGES | DOCUMENTS, min_size=1, max_size=3))))
        )
        thoughts = tuple(draw(st.lists(THOUGHTS, max_size=1)))
        calls = tuple(
            draw(
                st.builds(
                    ToolCall, id=st.just(f"toolu_{next(ids)}"), name=NAMES, arguments=ARGUMENTS, cache=MARK
                )
            )
            for _ in range(draw(st.integers(0, 2)))
        )
        if calls:
            turns.append(Turn(role="assistant", parts=(*thoughts, *calls)))
            results = tuple(
                draw(
                    st.builds(
                        ToolResult,
                        call_id=st.just(part.id),
                        parts=IN_RESULTS,
                        error=st.booleans(),
                        cache=MARK,
                    )
                )
                for part in calls
            )
            turns.append(Turn(role="user", parts=results + tuple(draw(st.lists(TEXTS, max_size=1)))))
        turns.append(Turn(role="assistant", parts=(*thoughts, draw(TEXTS))))
    turns.append(Turn(role="user", parts=(draw(TEXTS),)))
    tools = draw(
        st.lists(
            st.builds(
                Tool,
                name=WORDS,
                description=st.just("") | WORDS,
                schema=st.just(SCHEMA),
                strict=st.sampled_from([None, True, False]),
                cache=MARK,
            ),
            min_size=1,
            max_size=2,
        )
    )
    return Conversation(
        dialect="anthropic_messages",
        model="claude",
        system=tuple(draw(st.lists(TEXTS, max_size=2))),
        turns=tuple(turns),
        tools=tuple(tools),
        tool_choice=draw(
            st.sampled_from(
                [None, ToolChoice(), ToolChoice(mode="required"), ToolChoice(mode="tool", name="a")]
            )
        ),
        sampling=draw(
            st.builds(
                Sampling,
                temperature=st.none() | st.integers(0, 1),
                top_p=st.none() | st.just(0.5),
                top_k=st.none() | st.integers(0, 9),
            )
        ),
        response_format=draw(
            st.none() | st.just(ResponseFormat(kind="json_schema", schema=SCHEMA, strict=True))
        ),
        reasoning=draw(
            st.sampled_from(
                [
                    None,
                    Reasoning(effort="none"),
                    Reasoning(effort="low"),
                    Reasoning(budget_tokens=2048),
                    Reasoning(adaptive=True, effort="high"),
                ]
            )
        ),
        stop=tuple(draw(st.lists(WORDS, max_size=2))),
        output_limit=draw(st.integers(1, 9999)),
        stream=draw(st.booleans()),
        user=draw(st.just("") | WORDS),
        extras=draw(st.sampled_from([{}, {"service_tier": "auto"}])),
    )


@given(conversation=conversations())
@settings(max_examples=30)
def test_decoding_what_was_encoded_is_the_identity(conversation):
    assert decode_request(encode_request(conversation, model="claude", target=CLAUDE)) == conversation


@given(conversation=conversations(), more=st.lists(TEXTS, min_size=1, max_size=2))
@settings(max_examples=15)
def test_the_prefix_of_a_prompt_stays_the_same(conversation, more):
    longer = (*conversation.turns, Turn(role="assistant", parts=tuple(more)), ask("more"))
    first = encoded(*conversation.turns)["messages"]
    assert encoded(*longer)["messages"][: len(first)] == first
