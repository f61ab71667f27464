# ruff: noqa: E501 - tables read best a row a line
"""What the receiving side lacks: refused by name, dropped and named, ignored, or said in another way."""

from dataclasses import replace

import msgspec
import pytest

from router.errors import BadRequest
from router.wire.capabilities import JSON_ONLY, adapt, drop_fields
from router.wire.claude_models import UNKNOWN
from router.wire.conversation import (
    Conversation,
    Document,
    Opaque,
    Reasoning,
    ResponseFormat,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolResult,
    Turn,
)
from router.wire.target import CLAUDE, LOCAL, OPENAI, PROVIDER

HI = Turn(role="user", parts=(Text(text="hi"),))
CHAT = Conversation(dialect="openai_chat", turns=(HI,))
MESSAGES = Conversation(dialect="anthropic_messages", turns=(HI,))
LITELLM_CLAUDE = replace(PROVIDER, side="claude")
AUDIO = Opaque(
    dialect="openai_chat", kind="input_audio", value={"type": "input_audio"}, where="messages[0].content[1]"
)
PATCH = Opaque(dialect="openai_chat", kind="custom", value={"type": "custom"}, where="tools[0]")
SEARCH = Opaque(dialect="anthropic_messages", kind="web_search_20250305", value={})
PDF = Document(title="a.pdf", data="JVBE", media_type="application/pdf")


def user(*parts):
    return (Turn(role="user", parts=parts),)


REFUSED = [
    ({"guided_regex": "[0-9]+"}, "guided_regex"),
    ({"grammar": "root ::= [0-9]+"}, "grammar"),
    ({"structured_outputs": {"choice": ["a", "b"]}}, "structured_outputs"),
    ({"n": 2}, "n"),
    ({"n": "2"}, "n"),
    ({"logprobs": True}, "logprobs"),
    ({"top_logprobs": 5}, "top_logprobs"),
    ({"logit_bias": {"50256": -100}}, "logit_bias"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"audio": {"voice": "alloy"}}, "audio"),
    ({"functions": [{"name": "f"}]}, "functions"),
    ({"function_call": {"name": "f"}}, "function_call"),
]


@pytest.mark.parametrize("target", [CLAUDE, LITELLM_CLAUDE])
@pytest.mark.parametrize(("extras", "name"), REFUSED)
def test_what_claude_lacks_is_refused_by_name(target, extras, name):
    with pytest.raises(BadRequest, match=rf"^{name}: ") as refused:
        adapt(replace(CHAT, extras=extras), target)
    assert refused.value.status == 400
    for other in (LOCAL, PROVIDER, OPENAI):
        assert adapt(replace(CHAT, extras=extras), other) == (replace(CHAT, extras=extras), ())


@pytest.mark.parametrize("name", ["seed", "frequency_penalty", "presence_penalty"])
def test_sampling_that_claude_lacks(name):
    chat = replace(CHAT, sampling=Sampling(**{name: 1}))
    with pytest.raises(BadRequest, match=rf"^{name}: Claude takes no"):
        adapt(chat, CLAUDE)
    assert adapt(chat, PROVIDER) == (chat, ())
    none = replace(CHAT, sampling=Sampling(**{name: 0}))
    if name == "seed":  # as good as any other
        with pytest.raises(BadRequest, match=r"^seed: Claude takes no"):
            adapt(none, CLAUDE)
    else:
        assert adapt(none, CLAUDE) == (CHAT, ())


@pytest.mark.parametrize(
    "extras",
    [
        {"n": 1, "logprobs": False, "top_logprobs": None, "logit_bias": {}, "functions": [], "modalities": ["text"]},
        {"function_call": "auto", "service_tier": "auto", "metadata": {"a": "b"}, "prompt_cache_key": "k"},
        {"prediction": {"type": "content", "content": "x"}, "store": False, "stream_options": {"x": 1}},
    ],
)  # fmt: skip
def test_what_asks_for_nothing_more_is_left_out_unnamed(extras):
    assert adapt(replace(CHAT, extras=extras), CLAUDE) == (CHAT, ())


@pytest.mark.parametrize(
    ("conversation", "target", "names"),
    [
        (replace(CHAT, extras={"verbosity": "low", "service_tier": "flex"}), CLAUDE, ("verbosity", "service_tier")),
        (replace(CHAT, extras={"api_base": "http://x", "mock_response": "no"}), PROVIDER, ("api_base", "mock_response")),
        (replace(CHAT, extras={"future": 1}), CLAUDE, ("future",)),
        (replace(MESSAGES, extras={"mcp_servers": [{}], "context_management": {"edits": []}}), LOCAL, ("mcp_servers",)),
        (replace(MESSAGES, extras={"future": 1, "metadata": {"user_id": "u"}}), OPENAI, ("future",)),
        (replace(MESSAGES, sampling=Sampling(top_k=3)), PROVIDER, ("top_k",)),
        (replace(MESSAGES, tools=(SEARCH, SEARCH)), LOCAL, ("web_search_20250305",)),
        (replace(MESSAGES, reasoning=Reasoning(effort="high")), PROVIDER, ()),
        (replace(MESSAGES, turns=user(Opaque(dialect="anthropic_messages", kind="container_upload", value={}))), LOCAL, ("container_upload",)),
    ],
)  # fmt: skip
def test_what_is_dropped_is_named(conversation, target, names):
    left, dropped = adapt(conversation, target)
    assert dropped == names
    assert (left.extras, left.tools, left.sampling, left.reasoning) == ({}, (), Sampling(), None)


def test_a_document_is_read_or_the_model_is_told():
    messages = replace(MESSAGES, turns=user(PDF, ToolResult(call_id="c", parts=(PDF,))))
    for target in (CLAUDE, OPENAI):
        assert adapt(messages, target) == (messages, ())
    left, dropped = adapt(messages, LOCAL)
    note, result = left.turns[0].parts
    assert dropped == ("document",)
    assert (
        note.text == result.parts[0].text == "[a.pdf: the user attached a file that this model cannot read]"
    )
    plain = replace(MESSAGES, turns=user(Document(text="plain")))
    assert adapt(plain, LOCAL) == (replace(MESSAGES, turns=user(Text(text="plain"))), ())
    uploaded = replace(CHAT, turns=user(Document(file_id="file-1")))
    assert adapt(uploaded, PROVIDER) == (uploaded, ())
    with pytest.raises(BadRequest, match="file-1"):
        adapt(uploaded, CLAUDE)


def test_parts_and_tools_of_another_kind():
    with pytest.raises(
        BadRequest, match=r"^messages\[0\].content\[1\].type: `input_audio` cannot be sent to Claude"
    ):
        adapt(replace(CHAT, turns=user(Text(text="?"), AUDIO)), CLAUDE)
    heard = replace(CHAT, turns=user(AUDIO))
    assert adapt(heard, PROVIDER) == (heard, ())
    for target in (CLAUDE, PROVIDER):
        with pytest.raises(BadRequest, match=r"^tools\[0\].custom.format: .* cannot be held to a grammar"):
            adapt(replace(CHAT, tools=(PATCH,)), target)
        with pytest.raises(BadRequest, match=r"^tools\[0\].type: `future` cannot be sent to"):
            adapt(replace(CHAT, tools=(replace(PATCH, kind="future"),)), target)
    reference = Opaque(dialect="anthropic_messages", kind="tool_reference", value={}, text="Tool found: Grep")
    left, dropped = adapt(replace(MESSAGES, turns=user(reference), tools=(Tool(name="f"),)), LOCAL)
    assert (left.turns, left.tools, dropped) == (user(Text(text="Tool found: Grep")), (Tool(name="f"),), ())


def test_what_claude_has_another_way_for():
    asked = replace(CHAT, response_format=ResponseFormat(kind="json_object"), system=(Text(text="S"),))
    left, dropped = adapt(asked, CLAUDE)
    assert (left.response_format, dropped) == (None, ())
    assert left.system == (Text(text=JSON_ONLY), Text(text="S"))
    place = {"type": "approximate", "approximate": {"city": "Oslo"}}
    asked = replace(
        CHAT, extras={"web_search_options": {"search_context_size": "low", "user_location": place}}
    )
    left, dropped = adapt(asked, CLAUDE)
    assert (left.extras, dropped) == ({}, ())
    assert left.tools[0].value == {
        "type": "web_search_20250305",
        "name": "web_search",
        "max_uses": 1,
        "user_location": {"type": "approximate", "city": "Oslo"},
    }
    assert adapt(asked, PROVIDER) == (asked, ())


def test_an_empty_search_field_asks_for_a_search():
    chat = replace(CHAT, extras={"web_search_options": {}})
    assert adapt(chat, LOCAL)[1] == ("web_search_options",)
    assert adapt(chat, CLAUDE)[0].tools[0].value["max_uses"] == 5
    assert drop_fields({"web_search_options": msgspec.Raw(b"{}")}, LOCAL) == ({}, ("web_search_options",))
    assert drop_fields({"web_search_options": msgspec.Raw(b"null")}, LOCAL) == ({}, ())


def test_a_last_turn_that_cannot_be_continued_is_named():
    prefilled = replace(MESSAGES, turns=(HI, Turn(role="assistant", parts=(Text(text="{"),))))
    left, dropped = adapt(prefilled, OPENAI)
    assert dropped == ("prefill",)
    assert left.turns[:-1] == prefilled.turns
    assert "exactly where it ends" in left.turns[-1].parts[0].text
    assert adapt(prefilled, LOCAL) == (prefilled, ())


@pytest.mark.parametrize(("goes_on", "dropped"), [(True, ()), (False, ("prefill",))])
def test_a_model_of_claude_s_goes_on_by_itself_where_it_can(goes_on, dropped):
    begun = replace(CHAT, turns=(HI, Turn(role="assistant", parts=(Text(text="def f("),))))
    left, names = adapt(begun, replace(CLAUDE, model=replace(UNKNOWN, prefill=goes_on)))
    assert (len(left.turns), names) == (2 if goes_on else 3, dropped)


def test_a_field_that_asks_for_what_claude_does_anyway_is_not_missed():
    begun = replace(
        CHAT,
        turns=(HI, Turn(role="assistant", parts=(Text(text="def f("),))),
        extras={"continue_final_message": True, "add_generation_prompt": False},
    )
    assert adapt(begun, CLAUDE) == (replace(begun, extras={}), ())


def test_a_last_turn_of_which_nothing_is_sent_is_not_gone_on_from():
    thought = Turn(role="assistant", parts=(Thinking(text="hm", signature="s"),))
    left, dropped = adapt(replace(MESSAGES, turns=(HI, thought)), OPENAI)
    assert left.turns[0] == HI
    assert len(left.turns) == 2
    assert "prefill" not in dropped


@pytest.mark.parametrize("field", ["store", "verbosity", "metadata", "service_tier"])
@pytest.mark.parametrize("value", [b"1e400", b"[1E5000]", b"[" * 2000 + b"]" * 2000])
def test_what_cannot_be_read_is_refused_by_its_name(field, value):
    with pytest.raises(BadRequest, match=f"^{field}: cannot be read"):
        drop_fields({field: msgspec.Raw(value)}, LOCAL)
