import json

import pytest
from llama_cpp import llama_chat_format

from router.engine.template import Template, TemplateRefused

CALL = {"id": "call_abcdefghijkl", "name": "read", "arguments": {"path": "a.py"}}
TOOL = {"type": "function", "function": {"name": "read", "description": "Reads.", "parameters": {}}}

PLAIN = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}[assistant]"
NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "[{{ m.role }}] {{ m.content }}\n{% endfor %}"
)
ALTERNATES = (
    "{% for m in messages if m.role != 'system' %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('must alternate') }}{% endif %}"
    "[{{ m.role }}] {{ m.content }}\n{% endfor %}"
)
KNOWS_TOOLS = (
    "{% if tools %}tools: {{ tools | tojson }}\n{% endif %}{% for m in messages %}"
    "[{{ m.role }}] {{ m.content }}{% for c in m.tool_calls or [] %}"
    " call {{ c.function.name }} {{ c.function.arguments | tojson }}{% endfor %}\n{% endfor %}"
)
WANTS_TEXT = (
    "{% set _ = tools %}{% for m in messages %}{% for c in m.tool_calls or [] %}"
    "{{ 'call ' + c.function.name + ' ' + c.function.arguments }}{% endfor %}{% endfor %}"
)
SHORT_IDS = (
    "{% set _ = tools %}{% for m in messages %}{% for c in m.tool_calls or [] %}{% if c.id | length != 9 %}"
    "{{ raise_exception('ids have length 9') }}{% endif %}{{ c.id }}{% endfor %}"
    "{% if m.role == 'tool' %} = {{ m.tool_call_id }}{% endif %}{% endfor %}"
)


def render(source, messages, tools=()):
    return Template(source, bos="<s>", eos="</s>").render(messages, tools)


def user(text):
    return {"role": "user", "content": text}


def system(text):
    return {"role": "system", "content": text}


CALLED = [
    user("look"),
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "x = 1", "tool_call_id": CALL["id"], "name": "read"},
]


def test_leading_system_messages_are_joined():
    assert render(PLAIN, [system("a"), system("b"), user("hi")]) == "[system] a\n\nb\n[user] hi\n[assistant]"


def test_a_later_system_message_speaks_as_the_user():
    text = render(ALTERNATES, [user("hi"), system("now"), user("go")])
    assert text == "[user] hi\n\n<system-reminder>\nnow\n</system-reminder>\n\ngo\n"


def test_an_empty_later_system_message_is_left_out():
    assert render(PLAIN, [user("hi"), system("")]) == "[user] hi\n[assistant]"


def test_system_text_opens_the_first_user_message_where_there_is_no_such_role():
    assert render(NO_SYSTEM, [system("be brief"), user("hi")]) == "[user] be brief\n\nhi\n"


def test_tools_are_described_where_the_template_knows_none():
    text = render(PLAIN, [system("be brief"), user("hi")], [TOOL])
    assert text.startswith("[system] be brief\n\n")
    assert json.dumps(TOOL) in text
    assert "<tool_call>" in text


def test_calls_and_results_are_spelled_out_where_the_template_knows_none():
    text = render(PLAIN, CALLED)
    assert '<tool_call>\n{"name": "read", "arguments": {"path": "a.py"}}\n</tool_call>' in text
    assert "[user] <tool_response>\nx = 1\n</tool_response>" in text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (KNOWS_TOOLS, 'call read {"path": "a.py"}'),
        (WANTS_TEXT, 'call read {"path": "a.py"}'),
    ],
)
def test_arguments_are_given_as_the_template_wants_them(source, expected):
    assert expected in render(source, CALLED, [TOOL])


def test_call_ids_are_shortened_alike_where_the_template_demands_it():
    call, result = render(SHORT_IDS, CALLED).split(" = ")
    assert call == result
    assert len(call) == 9


def test_no_template_is_chatml():
    assert render("", [user("hi")]) == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def test_a_conversation_grows_at_its_end_only():
    shorter = render(PLAIN, CALLED, [TOOL]).removesuffix("[assistant]")
    longer = render(PLAIN, [*CALLED, {"role": "assistant", "content": "one"}, user("more")], [TOOL])
    assert longer.startswith(shorter)


@pytest.mark.parametrize("source", ["{% if %}", "{{ raise_exception('never') }}", "{{ messages[0]['x'].y }}"])
def test_a_template_that_refuses_says_so(source):
    with pytest.raises(TemplateRefused):
        render(source, [user("hi")])


def test_templates_run_in_a_sandbox():
    with pytest.raises(TemplateRefused):
        render("{{ messages.__class__.__mro__[1].__subclasses__() }}", [user("hi")])


@pytest.mark.parametrize(
    "name",
    [
        "CHATML_CHAT_TEMPLATE",
        "LLAMA3_INSTRUCT_CHAT_TEMPLATE",
        "MISTRAL_INSTRUCT_CHAT_TEMPLATE",
        "MIXTRAL_INSTRUCT_CHAT_TEMPLATE",
    ],
)
def test_published_templates_take_what_clients_send(name):
    messages = [system("be brief"), *CALLED, system("late"), user("and?"), user("well?")]
    text = render(getattr(llama_chat_format, name), messages, [TOOL])
    for part in ("be brief", "look", "x = 1", "late", "and?", "well?", json.dumps(TOOL)):
        assert part in text


BEGUN = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "So far"}]


@pytest.mark.parametrize("source", [PLAIN, KNOWS_TOOLS, ""])
def test_a_begun_answer_ends_the_prompt(source):
    assert render(source, BEGUN) == render(source, BEGUN[:1]) + "So far"


def test_a_begun_answer_stands_behind_the_thinking():
    assert render(PLAIN + "<think>\n", BEGUN).endswith("<think>\n</think>\n\nSo far")


@pytest.mark.parametrize(
    "last",
    [
        {"role": "assistant", "content": " "},
        {"role": "assistant", "content": "x", "tool_calls": [CALL]},
        {"role": "user", "content": "go on"},
    ],
)
def test_what_is_no_begun_answer_is_a_turn(last):
    assert render(PLAIN, [BEGUN[0], last]).endswith("[assistant]")
