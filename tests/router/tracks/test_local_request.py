"""Messages requests as chat requests: a table, and what must hold for every conversation."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import ConfigDict, TypeAdapter

from router.errors import BadRequest
from router.wire import DIALECTS
from router.wire.capabilities import adapt
from router.wire.target import LOCAL


def to_chat(body, *, model):
    """What a local model is sent."""
    conversation, _ = adapt(DIALECTS["anthropic_messages"].decode_request(body), LOCAL)
    return DIALECTS["openai_chat"].encode_request(conversation, model=model, target=LOCAL)


BILLING = "x-anthropic-billing-header: cc_version=2.1.330.a1b; cc_entrypoint=cli;"
HI = {"role": "user", "content": "hi"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"path": "a.py", "é": [1, None]}}
ARGUMENTS = '{"path":"a.py","é":[1,null]}'
CHAT_CALL = {"id": "toolu_1", "type": "function", "function": {"name": "Read", "arguments": ARGUMENTS}}
ASSISTANT = {"role": "assistant", "content": [CALL]}
CHAT_ASSISTANT = {"role": "assistant", "content": "", "tool_calls": [CHAT_CALL]}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
CHAT_PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def text(words, **more):
    return {"type": "text", "text": words, **more}


def result(content, **more):
    return {"type": "tool_result", "tool_use_id": "toolu_1", "content": content, **more}


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def said(words):
    return {"role": "user", "content": words}


def tool(words):
    return {"role": "tool", "tool_call_id": "toolu_1", "content": words}


def reminder(words):
    return f"<system-reminder>\n{words}\n</system-reminder>"


def system(words):
    return {"role": "system", "content": words}


CACHE = {"cache_control": {"type": "ephemeral"}}
MESSAGES = [
    # name, system, messages, chat messages
    ("text", None, [HI], [said("hi")]),
    ("system string", "Be brief.", [HI], [system("Be brief."), said("hi")]),
    ("system blocks", [text("A", **CACHE), text("B")], [HI], [system("A\n\nB"), said("hi")]),
    ("billing line", [text(BILLING), text("A")], [HI], [system("A"), said("hi")]),
    ("billing line alone", [text(BILLING)], [HI], [said("hi")]),
    ("billing line and more", BILLING + "\nA", [HI], [system("A"), said("hi")]),
    ("blocks join", None, [user(text("a", **CACHE), text("b"))], [said("a\n\nb")]),
    ("neighbours join", None, [said("a"), user(text("b"))], [said("a\n\nb")]),
    ("system in front of messages", "A", [system("B"), HI, system([])], [system("A\n\nB"), said("hi")]),
    ("system last", None, [HI, system([text("S")])], [said(f"hi\n\n{reminder('S')}")]),
    (
        "system in the middle",
        "A",
        [HI, {"role": "assistant", "content": "yo"}, system("S"), said("b")],
        [system("A"), said("hi"), {"role": "assistant", "content": "yo"}, said(f"{reminder('S')}\n\nb")],
    ),
    (
        "system between a call and its result",
        None,
        [HI, ASSISTANT, system("<system-reminder>S</system-reminder>"), user(result("ok"))],
        [said("hi"), CHAT_ASSISTANT, tool("ok"), said("<system-reminder>S</system-reminder>")],
    ),
    ("result string", None, [HI, ASSISTANT, user(result("ok"))], [said("hi"), CHAT_ASSISTANT, tool("ok")]),
    (
        "result blocks and text before and after",
        None,
        [HI, ASSISTANT, user(text("a"), result([text("x"), text("y")], **CACHE), text("b"))],
        [said("hi"), CHAT_ASSISTANT, tool("x\n\ny"), said("a\n\nb")],
    ),
    (
        "no result content",
        None,
        [HI, ASSISTANT, user({k: v for k, v in result("").items() if k != "content"})],
        [said("hi"), CHAT_ASSISTANT, tool("")],
    ),
    (
        "result of error",
        None,
        [ASSISTANT, user(result("no file", is_error=True))],
        [CHAT_ASSISTANT, tool("Error: no file")],
    ),
    (
        "result says it is an error",
        None,
        [ASSISTANT, user(result("<tool_use_error>no</tool_use_error>", is_error=True))],
        [CHAT_ASSISTANT, tool("<tool_use_error>no</tool_use_error>")],
    ),
    (
        "image in a result",
        None,
        [ASSISTANT, user(result([text("shot"), PNG]))],
        [
            CHAT_ASSISTANT,
            tool("shot\n\n(The image follows in the next message.)"),
            {"role": "user", "content": [CHAT_PNG]},
        ],
    ),
    (
        "found tools",
        None,
        [ASSISTANT, user(result([{"type": "tool_reference", "tool_name": "Grep"}]))],
        [CHAT_ASSISTANT, tool("Tool found: Grep")],
    ),
    ("image", None, [user(text("see"), PNG)], [{"role": "user", "content": [text("see"), CHAT_PNG]}]),
    (
        "image by url",
        None,
        [user({"type": "image", "source": {"type": "url", "url": "https://x/y.png"}})],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}],
    ),
    (
        "documents",
        None,
        [
            user(
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
                {"type": "document", "source": {"type": "content", "content": [text("inner")]}},
                {"type": "document", "title": "spec.pdf", "source": {"type": "base64", "data": "JVBE"}},
                {"type": "search_result", "source": "s", "title": "t", "content": [text("found")]},
            )
        ],
        [said("plain\n\ninner\n\n[spec.pdf: the user attached a file that this model cannot read]\n\nfound")],
    ),
    (
        "unknown blocks",
        None,
        [user({"type": "hologram", "x": 1}, {"type": "note", "text": "kept"}, text(""))],
        [said("kept")],
    ),
    (
        "thinking and server tools are left out",
        None,
        [
            HI,
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "redacted_thinking", "data": "x"},
                    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
                    text("a", **CACHE),
                    CALL,
                ],
            },
        ],
        [said("hi"), CHAT_ASSISTANT | {"content": "a"}],
    ),
    (
        "only thinking",
        None,
        [HI, {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}]}, said("go on")],
        [said("hi\n\ngo on")],
    ),
    (
        "empty content",
        None,
        [HI, {"role": "user", "content": []}, {"role": "assistant", "content": None}],
        [said("hi")],
    ),
]
ANY_MESSAGES = TypeAdapter(list[ChatCompletionMessageParam], config=ConfigDict(strict=False))


@pytest.mark.parametrize(
    ("leading", "messages", "chat"), [case[1:] for case in MESSAGES], ids=[c[0] for c in MESSAGES]
)
def test_messages(leading, messages, chat):
    asked = {"model": "claude", "messages": messages} | ({} if leading is None else {"system": leading})
    translated = json.loads(to_chat(json.dumps(asked).encode(), model="local"))
    assert translated == {"model": "local", "messages": chat}
    ANY_MESSAGES.validate_python(translated["messages"])


SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
TOOL = {"name": "Read", "description": "Read a file", "input_schema": SCHEMA, **CACHE, "defer_loading": True}
CHAT_TOOL = {
    "type": "function",
    "function": {"name": "Read", "description": "Read a file", "parameters": SCHEMA},
}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
FIELDS = [
    (
        {"max_tokens": 9, "temperature": 0, "top_p": 0.5, "top_k": 3},
        {"max_tokens": 9, "temperature": 0, "top_p": 0.5, "top_k": 3},
    ),
    ({"stop_sequences": ["x"]}, {"stop": ["x"]}),
    ({"temperature": None, "tools": None, "tool_choice": None, "system": None}, {}),
    ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
    ({"stream": False}, {}),
    (
        {
            "thinking": {"type": "adaptive"},
            "metadata": {"user_id": "u"},
            "context_management": {},
            "safeguards": [],
            "new_thing": 1,
            "output_config": {"effort": "high"},
        },
        {},
    ),
    ({"tools": [TOOL]}, {"tools": [CHAT_TOOL]}),
    ({"tools": [TOOL | {"type": "custom"}, SEARCH]}, {"tools": [CHAT_TOOL]}),
    ({"tools": [SEARCH], "tool_choice": {"type": "any"}}, {}),
    (
        {"tools": [{"name": "bare"}]},
        {"tools": [{"type": "function", "function": {"name": "bare", "parameters": {"type": "object"}}}]},
    ),
    ({"tools": [TOOL], "tool_choice": {"type": "auto"}}, {"tools": [CHAT_TOOL], "tool_choice": "auto"}),
    ({"tools": [TOOL], "tool_choice": {"type": "any"}}, {"tools": [CHAT_TOOL], "tool_choice": "required"}),
    ({"tools": [TOOL], "tool_choice": {"type": "none"}}, {"tools": [CHAT_TOOL], "tool_choice": "none"}),
    (
        {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "Read", "disable_parallel_tool_use": True}},
        {
            "tools": [CHAT_TOOL],
            "tool_choice": {"type": "function", "function": {"name": "Read"}},
            "parallel_tool_calls": False,
        },
    ),
    (
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
            }
        },
    ),
]
ANY_TOOLS = TypeAdapter(list[ChatCompletionToolParam])


@pytest.mark.parametrize(("fields", "chat"), FIELDS)
def test_fields(fields, chat):
    asked = {"model": "claude", "messages": [HI]} | fields
    translated = json.loads(to_chat(json.dumps(asked).encode(), model="local"))
    assert translated == {"model": "local", "messages": [said("hi")]} | chat
    ANY_TOOLS.validate_python(translated.get("tools", []))


TURNS = st.lists(
    st.sampled_from(
        [
            [HI],
            [HI, system("S")],
            [user(text("a", **CACHE), PNG)],
            [ASSISTANT, user(result("ok"))],
            [ASSISTANT, system("S"), user(result([PNG]), text("b"))],
            [ASSISTANT, user(result("ok")), system("S")],
            [{"role": "assistant", "content": "done"}],
        ]
    ),
    min_size=1,
    max_size=8,
)


@given(turns=TURNS)
def test_history_only_grows_and_calls_meet_their_results(turns):
    history = [HI]
    before = None
    for turn in (*turns, [{"role": "assistant", "content": "end"}]):
        history = history + turn
        chat = json.loads(to_chat(json.dumps({"system": "A", "messages": history}).encode(), model="m"))[
            "messages"
        ]
        assert [at for at, message in enumerate(chat) if message["role"] == "system"] == [0]
        for this, following in pairwise(chat):
            assert ("tool_calls" in this) == (following["role"] == "tool")
            assert not this["role"] == following["role"] == "user"
        if turn[-1]["role"] == "assistant":
            if before:
                assert chat[: len(before)] == before
            before = chat


WRONG = [
    {"tools": [{"name": "f"}], "tool_choice": "auto"},
    {"output_config": 3},
    {"messages": [{"role": "assistant", "content": [{"type": "text", "text": 3}]}]},
    {"messages": [user({"type": "image", "source": 4})]},
    {"messages": [user(result([3]))]},
]


@pytest.mark.parametrize("fields", WRONG)
def test_a_wrong_shape_is_a_bad_request(fields):
    body = json.dumps({"messages": [HI]} | fields).encode()
    DIALECTS["anthropic_messages"].read(body)
    with pytest.raises(BadRequest, match=r"wrong shape|must be an object"):
        to_chat(body, model="m")


NAMES = st.sampled_from(
    ["type", "text", "content", "source", "input", "format", "schema", "name", "id", "is_error"]
)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-1, 1)
    | st.sampled_from([*"ab", "text", "image", "tool_use", "tool_result", "document"])
)
ANY = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
BLOCKS = st.text(max_size=2) | st.lists(st.dictionaries(NAMES, ANY, max_size=4), max_size=2)


@given(
    content=BLOCKS,
    role=st.sampled_from(["user", "assistant", "system", "alien"]),
    more=st.dictionaries(st.sampled_from(["tool_choice", "output_config", "stop_sequences", "top_k"]), ANY),
    system=BLOCKS,
    tools=st.lists(st.dictionaries(NAMES, ANY, max_size=3), max_size=2),
)
def test_what_the_envelope_accepts_is_translated_or_refused(content, role, more, system, tools):
    asked = {"messages": [{"role": role, "content": content}], "system": system, "tools": tools} | more
    body = json.dumps(asked).encode()
    DIALECTS["anthropic_messages"].read(body)
    try:
        chat = json.loads(to_chat(body, model="m"))
    except BadRequest:
        return
    assert {message["role"] for message in chat["messages"]} <= {"system", "user", "assistant", "tool"}


@pytest.mark.parametrize(
    ("tool", "field"),
    [({}, "name"), ({"name": None}, "name"), ({"name": "f", "input_schema": True}, "input_schema")],
)
def test_a_tool_at_fault_is_named_as_its_client_knows_it(tool, field):
    body = {"messages": [{"role": "user", "content": "hi"}], "tools": [{"name": "ok"}, tool]}
    with pytest.raises(BadRequest, match=rf"^tools\[1\].*{field}"):
        to_chat(json.dumps(body).encode(), model="m")
