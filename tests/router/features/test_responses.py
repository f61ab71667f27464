# ruff: noqa: E501 - tables read best a row a line
"""What is read from a Responses body is what is read from the same conversation in Chat Completions."""

import json

import pytest

from router.features.extractor import FeatureExtractor
from router.features.outline import BLOCK
from router.training.envelopes import model_request

SYSTEM = "You are Codex, a coding agent."
ENVIRONMENT = "<environment_context>\n  <cwd>/w</cwd>\n  <shell>bash</shell>\n</environment_context>"
AGENTS = "# AGENTS.md instructions for /w\n\n<INSTRUCTIONS>\nRun the tests.\n</INSTRUCTIONS>"
ASK = "Change the price in orchard/apples.py."
PATCH = "*** Begin Patch\n*** Update File: orchard/apples.py\n@@\n-a\n+b\n*** End Patch"
HEADERS = (("user-agent", "codex_exec/0.171.0"), ("session-id", "s-1"))
SAME = (
    "client", "kind", "phase", "files", "files_edited", "files_named", "tool_calls", "tools_used", "tool_errors",
    "turns", "turn_calls", "ask", "ask_key", "paths", "mid_step", "repeats", "edits_rejected", "turn_edits",
    "tests_failed", "tests_passed", "images",
)  # fmt: skip


def read(items, dialect="openai_responses", **fields):
    name = "input" if dialect == "openai_responses" else "messages"
    body = json.dumps({"model": "auto", name: items, **fields}).encode()
    return FeatureExtractor().read(model_request(body, dialect, HEADERS))


def user(text):
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def called(number, name, arguments):
    return {
        "type": "function_call",
        "call_id": f"c{number}",
        "name": name,
        "arguments": json.dumps(arguments),
    }


def answered(number, text, kind="function_call_output"):
    return {"type": kind, "call_id": f"c{number}", "output": text}


def chat_call(number, name, arguments):
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": written}}


BEGIN = [
    {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": SYSTEM}]},
    user(AGENTS),
    user(ENVIRONMENT),
    user(ASK),
]
CHAT_BEGIN = [
    {"role": "developer", "content": SYSTEM},
    {"role": "user", "content": AGENTS},
    {"role": "user", "content": ENVIRONMENT},
    {"role": "user", "content": ASK},
]
LOOK = {"cmd": "cat orchard/apples.py", "workdir": "/w"}
TESTS = {"cmd": "python3 -m unittest"}
FAILED = "Chunk ID: 1\nProcess exited with code 1\nOutput:\nRan 2 tests\n\nFAILED (failures=1)"
WORK = [
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "See orchard/pears.py, too."}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
    called(1, "exec_command", LOOK),
    called(2, "exec_command", {"cmd": "ls"}),
    answered(1, "Process exited with code 0\nOutput:\nPRICE = 1"),
    answered(2, "Process exited with code 0\nOutput:\norchard"),
    {"type": "custom_tool_call", "call_id": "c3", "name": "apply_patch", "input": PATCH},
    answered(3, "Success. Updated the following files:\nM orchard/apples.py", "custom_tool_call_output"),
    called(4, "exec_command", TESTS),
    answered(4, FAILED),
]
CHAT_WORK = [
    {"role": "assistant", "content": "I look.", "tool_calls": [chat_call(1, "exec_command", LOOK), chat_call(2, "exec_command", {"cmd": "ls"})]},
    {"role": "tool", "tool_call_id": "c1", "content": "Process exited with code 0\nOutput:\nPRICE = 1"},
    {"role": "tool", "tool_call_id": "c2", "content": "Process exited with code 0\nOutput:\norchard"},
    {"role": "assistant", "content": None, "tool_calls": [chat_call(3, "apply_patch", {"input": PATCH})]},
    {"role": "tool", "tool_call_id": "c3", "content": "Success. Updated the following files:\nM orchard/apples.py"},
    {"role": "assistant", "content": None, "tool_calls": [chat_call(4, "exec_command", TESTS)]},
    {"role": "tool", "tool_call_id": "c4", "content": FAILED},
]  # fmt: skip


@pytest.mark.parametrize("upto", range(len(CHAT_WORK) + 1))
def test_a_conversation_is_read_as_in_chat(upto):
    """After each whole step; the calls of a step are items of their own here."""
    ends = [0, 4, 5, 6, 7, 8, 9, 10]
    one, other = read([*BEGIN, *WORK[: ends[upto]]]), read([*CHAT_BEGIN, *CHAT_WORK[:upto]], "openai_chat")
    assert {name: getattr(one, name) for name in SAME} == {name: getattr(other, name) for name in SAME}
    assert one.ask == ASK
    assert (one.client, one.turns) == ("codex", 1)


def test_a_string_is_an_ask():
    one, other = read(ASK), read([user(ASK)])
    assert {name: getattr(one, name) for name in SAME} == {name: getattr(other, name) for name in SAME}
    assert one.ask == ASK


def test_instructions_are_the_system_text():
    side = read("a session", instructions="You are a title generator. You write titles.")
    assert side.kind == "housekeeping"
    assert read("a session", instructions="You help.").kind == "ask"


FIELDS = [
    ({"max_output_tokens": 7}, "output_limit", 7),
    ({"reasoning": {"effort": "low"}}, "thinking", True),
    ({"reasoning": {"effort": "none"}}, "thinking", False),
    ({"reasoning": {"summary": "auto"}}, "thinking", False),
    ({"text": {"format": {"type": "json_schema", "name": "a", "schema": {}}}}, "json_schema", True),
    ({"tools": [{"type": "web_search"}]}, "server_tools", True),
    ({"tools": [{"type": "web_search"}, {"type": "function", "name": "f"}]}, "server_tools", False),
    ({"tools": [{"type": "tool_search", "execution": "client"}]}, "server_tools", False),
    ({"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "function", "name": f} for f in "ab"]}]}, "tools_offered", 2),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "name", "value"), FIELDS)
def test_a_field_is_read(fields, name, value):
    assert getattr(read([user(ASK)], **fields), name) == value


def test_tools_that_the_first_item_offers_are_offered():
    tools = [
        {
            "type": "namespace",
            "name": "functions",
            "tools": [{"type": "custom", "name": f} for f in ("exec", "wait")],
        }
    ]
    offer = {"type": "additional_tools", "role": "developer", "tools": tools}
    title = [user("Generate a title for this conversation.")]
    features, without = read([offer, *title]), read(title)
    assert (features.tools_offered, features.kind) == (2, "ask")
    assert (without.tools_offered, without.kind) == (0, "housekeeping")
    assert abs(features.context_tokens - read(title, tools=tools).context_tokens) < 10


CALLS = [
    ({"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["bash", "-lc", "cat a.py"]}}, 1, 0),
    ({"type": "shell_call", "call_id": "c", "action": {"commands": ["cat a.py", "cat b.py"]}}, 2, 0),
    ({"type": "apply_patch_call", "call_id": "c", "operation": {"type": "update_file", "path": "a.py", "diff": "+b"}}, 1, 1),
    ({"type": "function_call", "call_id": "c", "namespace": "mcp__fs", "name": "read_file", "arguments": '{"path": "a.py"}'}, 1, 0),
    ({"type": "custom_tool_call", "call_id": "c", "namespace": "functions", "name": "exec", "input": 'await tools.exec_command({cmd: "cat a.py"})'}, 1, 0),
    ({"type": "custom_tool_call", "call_id": "c", "namespace": "functions", "name": "exec", "input": 'await tools.apply_patch("*** Begin Patch\\n*** Update File: a.py\\n@@\\n+b\\n*** End Patch")'}, 1, 1),
]  # fmt: skip


@pytest.mark.parametrize(("call", "files", "edited"), CALLS)
def test_a_call_of_any_type_touches_its_files(call, files, edited):
    kind = call["type"] + "_output"
    output = [{"stdout": "x", "stderr": "", "outcome": {}}] if kind == "shell_call_output" else "ok"
    features = read(
        [user("Go."), call, {"type": kind, "call_id": "c", "output": output, "status": "completed"}]
    )
    assert (features.files, features.files_edited, features.tool_calls) == (files, edited, 1)
    assert features.kind == "agent"


def test_a_search_of_the_servers_is_known():
    search = {"type": "web_search_call", "id": "w", "status": "completed", "action": {"type": "search"}}
    assert read([user("Go."), search, user("On.")]).server_tools


def test_what_goes_on_from_a_beginning_is_read_as_the_whole():
    """A body's beginning that was read before is not cut again."""
    long = [
        part
        for at in range(80)
        for part in (
            user(f"Ask {at}. " + "words " * 40),
            called(at, "exec_command", {"cmd": f"cat f{at}.py"}),
            answered(at, "ok " * 40),
        )
    ]
    reader = FeatureExtractor(count_bytes=1 << 20)

    def request(items):
        body = json.dumps(
            {"model": "auto", "instructions": "You help.", "input": items, "stream": True}
        ).encode()
        return model_request(body, "openai_responses", HEADERS)

    assert len(request(long).body) > 2 * BLOCK
    reader.read(request(long))
    more = [*long, user("One more."), called(99, "exec_command", {"cmd": "cat last.py"})]
    assert reader.read(request(more)) == FeatureExtractor(count_bytes=1 << 20).read(request(more))
