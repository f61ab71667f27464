# ruff: noqa: E501 - tables read best a row a line
"""OpenAI Responses, the request: real bodies, what is refused, and what comes back as it went."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router.errors import BadRequest
from router.wire import DIALECTS, detect_dialect
from router.wire.capabilities import adapt
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
from router.wire.responses_shape import make_id
from router.wire.target import CLAUDE, LOCAL, OPENAI, PROVIDER, Target

RESPONSES = DIALECTS["openai_responses"]
OWN = Target(dialect="openai_responses", side="provider")
USER = {"role": "user", "content": "hi"}


def decode(*items, **fields) -> Conversation:
    return RESPONSES.decode_request(json.dumps({"input": [*(items or [USER])], **fields}).encode())


def parts(*items):
    return [part for turn in decode(*items).turns for part in turn.parts]


ITEMS = [
    ({"role": "user", "content": "hi"}, Text(text="hi")),
    ({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}, Text(text="hi")),
    ({"role": "assistant", "content": [{"type": "output_text", "text": "so", "annotations": []}]}, Text(text="so")),
    ({"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}, Refusal(text="no")),
    ({"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,aa==", "detail": "low"}]}, Image(data="aa==", media_type="image/png", detail="low")),
    ({"role": "user", "content": [{"type": "input_file", "file_url": "https://a.b/c.pdf"}]}, Document(url="https://a.b/c.pdf")),
    ({"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'}, ToolCall(id="c", name="f", arguments='{"a":1}')),
    ({"type": "function_call", "call_id": "c", "namespace": "n", "name": "f", "arguments": "{}"}, ToolCall(id="c", name="n__f", arguments="{}")),
    ({"type": "function_call", "call_id": "c", "namespace": "mcp__n__", "name": "f", "arguments": "{}"}, ToolCall(id="c", name="mcp__n__f", arguments="{}")),
    ({"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "a\nb"}, ToolCall(id="c", name="f", arguments='{"input":"a\\nb"}')),
    ({"type": "local_shell_call", "id": "i", "call_id": "c", "status": "completed", "action": {"type": "exec", "command": ["ls"], "env": {}}}, ToolCall(id="c", name="local_shell", arguments='{"command":["ls"],"env":{}}')),
    ({"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}}, ToolCall(id="c", name="shell", arguments='{"commands":["ls"]}')),
    ({"type": "apply_patch_call", "call_id": "c", "status": "completed", "operation": {"type": "delete_file", "path": "a"}}, ToolCall(id="c", name="apply_patch", arguments='{"type":"delete_file","path":"a"}')),
    ({"type": "function_call_output", "call_id": "c", "output": "text"}, ToolResult(call_id="c", parts=(Text(text="text"),))),
    ({"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "https://a.b/c.png"}]}, ToolResult(call_id="c", parts=(Text(text="a"), Image(url="https://a.b/c.png")))),
    ({"type": "custom_tool_call_output", "call_id": "c", "output": "text"}, ToolResult(call_id="c", parts=(Text(text="text"),))),
    ({"type": "local_shell_call_output", "id": "c", "output": "text"}, ToolResult(call_id="c", parts=(Text(text="text"),))),
    ({"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "a", "stderr": "b", "outcome": {"type": "exit", "exit_code": 2}}]}, ToolResult(call_id="c", parts=(Text(text="a\nb\nExit code: 2"),))),
    ({"type": "apply_patch_call_output", "call_id": "c", "status": "failed", "output": "no"}, ToolResult(call_id="c", parts=(Text(text="no"),), error=True)),
    ({"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}, Thinking(text="hm")),
]  # fmt: skip


@pytest.mark.parametrize(("item", "part"), ITEMS)
def test_an_item_is_read(item, part):
    assert parts(item) == [part]


def test_an_answer_of_several_items_is_one_turn():
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": "ok"}
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
    said = {"role": "assistant", "content": "so"}
    turns = decode(
        USER, thought, said, call, call | {"call_id": "d"}, output, output | {"call_id": "d"}, said
    ).turns
    assert [turn.role for turn in turns] == ["user", "assistant", "user", "user", "assistant"]
    assert [type(part) for part in turns[1].parts] == [Thinking, Text, ToolCall, ToolCall]


def test_what_comes_first_is_the_system_text():
    conversation = decode(
        {"role": "developer", "content": "b"}, USER, {"role": "system", "content": "later"}, instructions="a"
    )
    assert conversation.system == (Text(text="a"), Text(text="b"))
    assert [turn.role for turn in conversation.turns] == ["user", "system"]


def test_a_string_is_what_the_user_says():
    body = b'{"input":"hi","model":"m","max_output_tokens":5,"reasoning":{"effort":"low","summary":"auto"}}'
    conversation = RESPONSES.decode_request(body)
    assert conversation.turns == (Turn(role="user", parts=(Text(text="hi"),)),)
    assert (conversation.output_limit, conversation.reasoning) == (5, Reasoning(effort="low"))
    assert conversation.extras == {"reasoning.summary": "auto"}
    assert detect_dialect(body) == "openai_responses"


GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
TOOLS = {
    "function": ({"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}, "f"),
    "custom": ({"type": "custom", "name": "patch", "description": "d"}, "patch"),
    "custom, with a grammar": ({"type": "custom", "name": "patch", "format": GRAMMAR}, "patch"),
    "namespace": ({"type": "namespace", "name": "n", "description": "", "tools": [{"type": "function", "name": "f", "parameters": {}}]}, "n__f"),
    "local_shell": ({"type": "local_shell"}, "local_shell"),
    "shell": ({"type": "shell", "environment": {"type": "local"}}, "shell"),
    "apply_patch": ({"type": "apply_patch"}, "apply_patch"),
    "tool_search": ({"type": "tool_search", "execution": "client", "description": "d", "parameters": {"type": "object"}}, "tool_search"),
}  # fmt: skip


@pytest.mark.parametrize("target", [CLAUDE, LOCAL, OPENAI, PROVIDER])
@pytest.mark.parametrize("kind", TOOLS)
def test_every_tool_that_a_client_runs_is_a_function_for_others(kind, target):
    tool, name = TOOLS[kind]
    conversation, dropped = adapt(decode(tools=[tool]), target)
    assert dropped == (("patch.format",) if "grammar" in kind else ())
    sent = json.loads(DIALECTS[target.dialect].encode_request(conversation, model="m", target=target))
    (offered,) = sent["tools"]
    function = offered.get("function", offered)
    assert function["name"] == name
    assert function.get("parameters", function.get("input_schema"))["type"] == "object"
    assert ("start: /.+/" in json.dumps(sent)) is ("grammar" in kind)


def test_web_search_is_claudes_own_and_nobody_elses():
    asked = decode(
        tools=[
            {
                "type": "web_search",
                "external_web_access": True,
                "filters": {"allowed_domains": ["a.b"]},
                "user_location": {"type": "approximate", "city": "Oslo", "country": None},
            }
        ]
    )
    claude, dropped = adapt(asked, CLAUDE)
    assert dropped == ()
    (tool,) = claude.tools
    assert tool.value == {
        "type": "web_search_20250305",
        "name": "web_search",
        "max_uses": 5,
        "user_location": {"type": "approximate", "city": "Oslo"},
        "allowed_domains": ["a.b"],
    }
    for target in (LOCAL, OPENAI, PROVIDER):
        adapted, dropped = adapt(asked, target)
        assert (adapted.tools, dropped) == ((), ("web_search",))
        with pytest.raises(BadRequest, match=r"^tool_choice: .* has no `web_search`"):
            adapt(decode(tools=[{"type": "web_search"}], tool_choice={"type": "web_search"}), target)


def test_tools_that_items_offer_are_offered():
    found = {"type": "function", "name": "found", "parameters": {}}
    search = {"type": "tool_search_call", "call_id": "c", "execution": "client", "arguments": {"query": "x"}}
    output = {"type": "tool_search_output", "call_id": "c", "execution": "client", "tools": [found]}
    more = {"type": "additional_tools", "role": "developer", "tools": [found | {"name": "more"}]}
    conversation = decode(more, USER, search, output, tools=[{"type": "tool_search", "execution": "client"}])
    assert [tool.name for tool in conversation.tools] == ["tool_search", "more", "found"]
    assert conversation.turns[-1].parts == (
        ToolResult(call_id="c", parts=(Text(text="Tools found: found"),)),
    )


def test_only_allowed_tools_are_offered():
    tools = [{"type": "function", "name": name} for name in "abc"] + [{"type": "web_search"}]
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "b"}]}
    conversation = decode(tools=tools, tool_choice=choice)
    assert [tool.name for tool in conversation.tools] == ["b"]
    assert conversation.tool_choice == ToolChoice(mode="required")


REFUSED = [
    ({"input": [{"type": "item_reference", "id": "i"}]}, r"^input\[0\].type: `item_reference`: nothing is kept"),
    ({"input": [{"id": "i"}]}, r"^input\[0\].type: `item_reference`"),
    ({"input": [USER, {"type": "compaction", "encrypted_content": "x"}]}, r"^input\[1\].type: `compaction`: it is encrypted"),
    ({"input": [{"type": "compaction_trigger"}]}, r"^input\[0\].type: `compaction_trigger`"),
    ({"input": [{"type": "mcp_call"}]}, r"^input\[0\].type: `mcp_call`"),
    ({"input": [{"type": "function_call", "name": "f"}]}, r"^input\[0\]: has the wrong shape .*`call_id`"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, r"^input\[0\].content\[0\].image_url: is missing"),
    ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, r"^input\[0\].content\[0\].type: `input_audio`"),
    ({"tools": [{"type": "file_search"}]}, r"^tools\[0\].type: `file_search` is run by OpenAI's servers"),
    ({"tools": [{"type": "mcp", "server_label": "x"}]}, r"^tools\[0\].type: `mcp`"),
    ({"tools": [{"type": "shell", "environment": {"type": "container_auto"}}]}, r"^tools\[0\].type: `shell`"),
    ({"tools": [{"type": "function"}]}, r"^tools\[0\].name: is missing"),
    ({"tool_choice": {"type": "mcp", "server_label": "x"}}, "^tool_choice.type: `mcp`"),
    ({"temperature": "hot"}, "^temperature: "),
    ({"previous_response_id": "resp_1"}, r"^previous_response_id: nothing is kept here .* as `input`$"),
    ({"conversation": "conv_1"}, "^conversation: nothing is kept"),
    ({"prompt": {"id": "p"}}, "^prompt: "),
    ({"top_logprobs": 3}, "^top_logprobs: "),
    ({"include": ["message.output_text.logprobs"]}, "^include: "),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_what_nobody_here_has_is_refused_by_name(fields, message):
    with pytest.raises(BadRequest, match=message):
        RESPONSES.decode_request(json.dumps({"input": "hi"} | fields).encode())


ENVELOPES = [
    ({}, "^input: must be a string, or a non-empty array of items"),
    ({"input": []}, "^input: must be a string, or a non-empty array"),
    ({"input": ["hi"]}, r"^input\[0\]: must be an object with a `type`"),
    ({"input": "hi", "background": True}, "^background: "),
    ({"input": "hi", "messages": []}, "^messages: belongs to another API"),
    ({"input": "hi", "system": "s"}, "^system: belongs to another API"),
]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": {"id": "c"}}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"include": ["message.output_text.logprobs"]}, "include"),
        ({"input": [{"role": "user"}, {"type": "item_reference", "id": "i"}]}, "input[1]"),
        ({"input": [{"id": "i"}]}, "input[0]"),
        ({"input": [{"type": "compaction", "encrypted_content": "x"}]}, "input[0]"),
        ({"input": [{"type": "of_tomorrow"}]}, "input[0]"),
        ({"input": [{"type": 7}]}, "input[0]"),
        ({"tools": [{"type": "web_search"}, {"type": "mcp"}]}, "tools[1]"),
        ({"tools": [{"type": "shell", "environment": {"type": "container_auto"}}]}, "tools[0]"),
        ({"tools": [{"type": "shell"}, {"type": "image_generation"}, {"type": "namespace"}, {}]}, ""),
        ({"input": [{"role": "user"}, {"type": "reasoning"}, {"type": "web_search_call"}]}, ""),
        ({"top_logprobs": 0, "moderation": None, "include": ["reasoning.encrypted_content"]}, ""),
        ({"input": 'a "item_reference" in a text'}, ""),
        ({"previous_response_id": None}, ""),
    ],
)
def test_an_envelope_tells_what_the_provider_alone_can_serve(fields, field):
    assert RESPONSES.read(json.dumps({"input": "hi"} | fields).encode()).provider_field == field


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt"])
def test_what_is_kept_stands_for_the_input(name):
    assert RESPONSES.read(json.dumps({name: "x"}).encode()).provider_field == name


def test_an_answer_written_here_is_gone_on_from_by_nobody():
    body = {"input": "hi", "previous_response_id": make_id("resp")}
    with pytest.raises(BadRequest, match=r"^previous_response_id: this answer was written here"):
        RESPONSES.read(json.dumps(body).replace("turnout", "\\u0074urnout").encode())


def test_a_field_that_asks_for_nothing_is_no_loss():
    fields = {"previous_response_id": None, "background": False, "top_logprobs": 0, "conversation": None}
    assert RESPONSES.read(json.dumps({"input": "hi", **fields}).encode()).model == ""


@pytest.mark.parametrize(("fields", "message"), ENVELOPES)
def test_an_envelope_is_held_to_its_shape(fields, message):
    with pytest.raises(BadRequest, match=message):
        RESPONSES.read(json.dumps(fields).encode())


DROPPED = [
    ({"store": True}, "store"),
    ({"truncation": "auto"}, "truncation"),
    ({"text": {"verbosity": "low"}}, "text.verbosity"),
    ({"include": ["file_search_call.results"]}, "include"),
    ({"max_tool_calls": 3}, "max_tool_calls"),
    ({"context_management": [{"type": "compaction"}]}, "context_management"),
]


@pytest.mark.parametrize("target", [CLAUDE, LOCAL, OPENAI])
@pytest.mark.parametrize(("fields", "name"), DROPPED)
def test_what_no_side_has_is_named(fields, name, target):
    assert adapt(decode(**fields), target)[1] == (name,)


def test_what_codex_always_sends_is_no_loss():
    usual = {
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "k",
        "client_metadata": {"a": "b"},
        "reasoning": {"summary": "auto"},
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "stream": True,
    }
    for target in (CLAUDE, LOCAL, OPENAI, PROVIDER):
        assert adapt(decode(**usual), target)[1] == ()


def test_reasoning_that_another_provider_encrypted_goes_to_nobody():
    item = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "gAAAA-theirs",
    }
    for target in (CLAUDE, LOCAL, OPENAI, PROVIDER):
        conversation, dropped = adapt(
            decode(USER, item, {"role": "assistant", "content": "so"}, USER), target
        )
        assert dropped == ("reasoning.encrypted_content",)
        assert b"theirs" not in DIALECTS[target.dialect].encode_request(
            conversation, model="m", target=target
        )


def test_reasoning_that_claude_signed_goes_back_to_claude_alone():
    signed = Thinking(text="hm", signature="c2ln")
    asked = Conversation(
        dialect="openai_responses",
        turns=(
            Turn(role="assistant", parts=(signed, Text(text="so"))),
            Turn(role="user", parts=(Text(text="on"),)),
        ),
    )
    item = json.loads(RESPONSES.encode_request(asked, model="m", target=OWN))["input"][0]
    assert parts(item) == [signed]
    assert (
        parts(item | {"summary": [{"type": "summary_text", "text": "other"}]})[0].kind
        == "reasoning.encrypted_content"
    )
    for target, sent in ((CLAUDE, True), (LOCAL, False), (OPENAI, False), (PROVIDER, False)):
        conversation, dropped = adapt(asked, target)
        body = DIALECTS[target.dialect].encode_request(conversation, model="m", target=target)
        assert (b"c2ln" in body) is sent
        assert ("reasoning.encrypted_content" in dropped) is not sent


NAME = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
WORDS = st.text(min_size=1, max_size=20).filter(str.strip)
ARGUMENTS = st.dictionaries(NAME, WORDS, max_size=2).map(
    lambda value: json.dumps(value, separators=(",", ":"))
)
SAID = st.builds(Text, text=WORDS)
CALLED = st.builds(ToolCall, id=NAME, name=NAME, arguments=ARGUMENTS)
RESULT = st.builds(ToolResult, call_id=NAME, parts=st.tuples(SAID))
THOUGHT = st.one_of(
    st.builds(Thinking, text=WORDS),
    st.builds(Thinking, text=WORDS, signature=NAME),
    st.builds(Thinking, redacted=NAME),
)
ANSWER = st.builds(Turn, role=st.just("assistant"), parts=st.tuples(THOUGHT, SAID, CALLED))
ASKED = st.builds(Turn, role=st.just("user"), parts=st.tuples(SAID))
ANSWERED = st.builds(Turn, role=st.just("user"), parts=st.tuples(RESULT))
TOOL = st.one_of(
    st.builds(Tool, name=NAME, description=WORDS, schema=st.just({"type": "object"})),
    st.builds(lambda name: decode(tools=[{"type": "custom", "name": f"c_{name}"}]).tools[0], NAME),
)
CONVERSATION = st.builds(
    Conversation,
    dialect=st.just("openai_responses"),
    model=NAME,
    system=st.lists(SAID, max_size=1).map(tuple),
    turns=st.lists(st.tuples(ASKED, ANSWER, ANSWERED), min_size=1, max_size=3).map(lambda rows: tuple(turn for row in rows for turn in row)),
    tools=st.lists(TOOL, min_size=1, max_size=3, unique_by=lambda tool: tool.name).map(tuple),
    tool_choice=st.sampled_from([None, ToolChoice(mode="required")]),
    parallel_tool_calls=st.sampled_from([None, False]),
    sampling=st.builds(Sampling, temperature=st.sampled_from([None, 0.5])),
    response_format=st.sampled_from([None, ResponseFormat(kind="json_schema", schema={"type": "object"})]),
    reasoning=st.sampled_from([None, Reasoning(effort="high")]),
    output_limit=st.sampled_from([None, 7]),
    stream=st.booleans(),
    user=st.sampled_from(["", "u"]),
    extras=st.sampled_from([{}, {"text.verbosity": "low", "metadata": {"a": "b"}}]),
)  # fmt: skip


@given(CONVERSATION)
def test_what_is_written_is_read_again(conversation):
    again = RESPONSES.decode_request(
        RESPONSES.encode_request(conversation, model=conversation.model, target=OWN)
    )
    assert again == conversation


def test_an_opaque_item_comes_back_as_it_was():
    item = {
        "type": "web_search_call",
        "id": "w",
        "status": "completed",
        "action": {"type": "search", "query": "x"},
    }
    asked = decode(USER, item, {"role": "assistant", "content": "so"}, USER)
    assert isinstance(asked.turns[1].parts[0], Opaque)
    assert item in json.loads(RESPONSES.encode_request(asked, model="m", target=OWN))["input"]
    assert adapt(asked, CLAUDE)[1] == ("web_search_call",)


ODD = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(NAME, inner, max_size=2)),
    max_leaves=4,
)
TYPES = st.sampled_from(
    [item.get("type", "message") for item, _ in ITEMS]
    + [
        "tool_search_call",
        "tool_search_output",
        "additional_tools",
        "compaction",
        "web_search_call",
        "x",
        "",
        None,
        7,
    ]
)
KEYS = st.sampled_from(
    [
        "role",
        "content",
        "call_id",
        "id",
        "name",
        "namespace",
        "arguments",
        "input",
        "action",
        "operation",
        "output",
        "status",
        "summary",
        "encrypted_content",
        "tools",
        "execution",
    ]
)
PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["input_text", "output_text", "input_image", "input_file", "refusal", "x"])},
    optional=dict.fromkeys(
        ("text", "refusal", "image_url", "file_data", "file_url", "file_id", "filename", "detail"), ODD
    ),
)
ITEM = st.one_of(
    st.builds(lambda kind, rest: {**rest, "type": kind}, TYPES, st.dictionaries(KEYS, ODD, max_size=5)),
    st.builds(
        lambda role, content: {"role": role, "content": content},
        st.sampled_from(["user", "assistant", "system", "x"]),
        st.lists(PART, max_size=2),
    ),
    st.builds(
        lambda item, key, value: {**item, key: value}, st.sampled_from([item for item, _ in ITEMS]), KEYS, ODD
    ),
)
OFFER = st.builds(
    lambda kind, rest: {**rest, "type": kind},
    st.sampled_from(
        [
            "function",
            "custom",
            "namespace",
            "web_search",
            "shell",
            "local_shell",
            "apply_patch",
            "tool_search",
            "mcp",
            None,
        ]
    ),
    st.dictionaries(
        st.sampled_from(
            ["name", "description", "parameters", "strict", "format", "tools", "execution", "environment"]
        ),
        ODD,
        max_size=4,
    ),
)
BODY = st.fixed_dictionaries(
    {"input": st.one_of(st.text(max_size=3), st.lists(ITEM, min_size=1, max_size=4))},
    optional={
        "tools": st.lists(OFFER, max_size=3),
        "tool_choice": st.one_of(ODD, OFFER),
        "text": ODD,
        "reasoning": ODD,
        "include": ODD,
        "instructions": ODD,
        "metadata": ODD,
        "temperature": ODD,
    },
)  # fmt: skip


@given(BODY)
@example({"input": [{"type": "tool_search_output", "tools": True}]})
def test_no_body_is_more_than_refused(body):
    """Whatever stands in it: it is refused in words, or sent to any side."""
    try:
        RESPONSES.read(json.dumps(body).encode())
        conversation = RESPONSES.decode_request(json.dumps(body).encode())
    except BadRequest:
        return
    for target in (CLAUDE, LOCAL, OPENAI, OWN):
        try:
            adapted, _ = adapt(conversation, target)
            sent = DIALECTS[target.dialect].encode_request(adapted, model="m", target=target)
        except BadRequest:
            continue
        assert json.loads(sent)["model"] == "m"
