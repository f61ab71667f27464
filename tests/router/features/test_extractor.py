# ruff: noqa: E501 - tables of whole requests and commands read best one row a line
import json

import pytest

from router.errors import BadRequest
from router.features.extractor import FeatureExtractor

EPHEMERAL = {"type": "ephemeral"}
CLAUDE_SYSTEM = [
    {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330.74b; cc_entrypoint=sdk-cli;"},
    {
        "type": "text",
        "text": "You are Claude Code, Anthropic's official CLI for Claude.",
        "cache_control": EPHEMERAL,
    },
]
CLAUDE_TOOLS = [{"name": name, "input_schema": {"type": "object"}} for name in ("Read", "Edit", "Bash")]
SESSION = ("x-claude-code-session-id", "316336d8-ab90")
CLAUDE_SESSION = [SESSION, ("user-agent", "claude-cli/2.1.330")]
REMINDER = "<system-reminder>\n# Environment\n - Primary working directory: /r\nsee docs/other.py\n</system-reminder>"


def text(said, **more):
    return {"type": "text", "text": said, **more}


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def use(at, name, **arguments):
    return {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": at, "name": name, "input": arguments}],
    }


def result(at, said, **more):
    return user({"type": "tool_result", "tool_use_id": at, "content": said, **more})


def call(at, name, **arguments):
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": at, "type": "function", "function": function}],
    }


def answer(at, said):
    return {"role": "tool", "tool_call_id": at, "content": said}


def system(said):
    return {"role": "system", "content": said}


CLAUDE_TURN = [
    user(text('<system-reminder>\nCalled the Read tool with the following input: {"file_path":"/r/calc.py"}\n</system-reminder>')),
    user(text("<system-reminder>\nResult of calling the Read tool:\n1\tdef add\n</system-reminder>"), text(REMINDER), text("fix @calc.py so that test_calc.py passes")),
    use("1", "Read", file_path="/r/test_calc.py"),
    result("1", "1\tfrom calc import add"),
    use("2", "Bash", command="cd /r && python -m pytest -q"),
    result("2", "Exit code 1\nE  assert -1 == 3", is_error=True),
    use("3", "Edit", file_path="/r/calc.py", old_string="-", new_string="+"),
    result("3", "<tool_use_error>File has not been read yet</tool_use_error>"),
    use("4", "Bash", command="cd /r && python -m pytest -q"),
]  # fmt: skip

AIDER_FILES = (
    "I have *added these files to the chat* so you can go ahead and edit them.\n\n"
    "a/one.py\n```\nx = 1\n```\n\na/two.py\n```\ny = 1\n```\n"
)

SHAPES = {
    "claude code in a turn": (
        {"system": CLAUDE_SYSTEM, "tools": CLAUDE_TOOLS, "messages": CLAUDE_TURN, "max_tokens": 32000, "thinking": {"type": "adaptive"}},
        {"headers": [SESSION, ("user-agent", "claude-cli/2.1.330 (external, sdk-cli)")]},
        {
            "client": "claude-code", "kind": "agent", "phase": "verify", "turns": 1, "turn_calls": 4, "tool_calls": 4,
            "tools_used": 3, "tools_offered": 3, "tool_errors": 2, "repeats": 1, "files": 2, "files_edited": 0,
            "files_named": 2, "directories": 1, "ask": "fix @calc.py so that test_calc.py passes",
            "thinking": True, "output_limit": 32000, "server_tools": False,
        },
    ),
    "claude code, first ask: tools offered are not tools used": (
        {"system": CLAUDE_SYSTEM, "tools": CLAUDE_TOOLS, "messages": [user(text(REMINDER), text("why is the sky blue?", cache_control=EPHEMERAL))]},
        {"headers": [SESSION]},
        {"client": "claude-code", "kind": "ask", "phase": "", "files": 0, "files_named": 0, "ask": "why is the sky blue?", "turn_calls": 0},
    ),
    "claude code, title": (
        {
            "system": CLAUDE_SYSTEM, "messages": [user(text("<session>\nfix it\n</session>"))],
            "output_config": {"format": {"type": "json_schema", "schema": {"properties": {"title": {"type": "string"}}}}},
        },
        {"headers": [SESSION]},
        {"kind": "housekeeping", "json_schema": True},
    ),
    "claude code, compaction": (
        {"system": CLAUDE_SYSTEM, "tools": CLAUDE_TOOLS, "messages": [*CLAUDE_TURN, result("4", "ok"), user(text("CRITICAL: Respond with TEXT ONLY. Do NOT call any tools."))]},
        {"headers": [SESSION]},
        {"kind": "housekeeping", "turns": 1},
    ),
    "claude code, the same words quoted in an ask": (
        {"system": CLAUDE_SYSTEM, "tools": CLAUDE_TOOLS, "messages": [user(text("what does `CRITICAL: Respond with TEXT ONLY` in `<system-reminder>x</system-reminder>` do?"))]},
        {"headers": [SESSION]},
        {"kind": "ask", "ask": "what does `CRITICAL: Respond with TEXT ONLY` in `<system-reminder>x</system-reminder>` do?"},
    ),
    "claude code, sub-agent by header": (
        {"system": CLAUDE_SYSTEM, "tools": CLAUDE_TOOLS, "messages": [user(text("search for x"))]},
        {"headers": [SESSION, ("x-claude-code-agent-id", "a1")]},
        {"kind": "subagent"},
    ),
    "claude code, sub-agent by system text": (
        {"system": [text("x-anthropic-billing-header: cc_version=2; cc_is_subagent=true;"), text("You are an agent for Claude Code")], "messages": [user(text("x"))]},
        {},
        {"client": "claude-code", "kind": "subagent"},
    ),
    "count": ({"messages": [user(text("x"))]}, {"operation": "count"}, {"kind": "count"}),
    "a system message amid the messages": (
        {"system": CLAUDE_SYSTEM, "messages": [user(text("do x.py")), {"role": "system", "content": []}, system("use y.py"), user(text("go ahead"))]},
        {},
        {"turns": 2, "follow_up": True, "files_named": 1, "ask": "do x.py\n\ngo ahead"},
    ),
    "opencode": (
        {"messages": [
            system("You are opencode, an interactive CLI tool"), {"role": "user", "content": "change the port"},
            call("1", "read", filePath="/r/src/port.ts"), answer("1", "<path>/r/src/port.ts</path>"),
            call("2", "edit", filePath="/r/src/port.ts", oldString="1", newString="2"), answer("2", "Edit applied"),
        ]},
        {"dialect": "openai_chat", "headers": [("x-session-id", "ses_1")]},
        {"client": "opencode", "kind": "agent", "phase": "implement", "files": 1, "files_edited": 1, "turn_calls": 2, "tool_errors": 0},
    ),
    "opencode, title": (
        {"messages": [system("You are a title generator. You output ONLY a thread title."), {"role": "user", "content": "Generate a title for this conversation:\n"}, {"role": "user", "content": "change the port"}]},
        {"dialect": "openai_chat", "headers": [("user-agent", "opencode/1.18.33")]},
        {"kind": "housekeeping"},
    ),
    "continue": (
        {"messages": [
            system("You are an agent in the Continue CLI. Given the user's prompt…"), {"role": "user", "content": "add a flag"},
            call("1", "Read", filepath="/r/main.py"), answer("1", "Content of /r/main.py:\nx"), call("2", "Search", pattern="flag", path="/r"), answer("2", "main.py:3:x"),
        ]},
        {"dialect": "openai_chat"},
        {"client": "continue", "kind": "agent", "phase": "explore", "files": 1, "files_edited": 0},
    ),
    "pi": (
        {"messages": [
            system("You are an expert coding assistant operating inside pi, a coding agent harness."), {"role": "user", "content": "write hello.py"},
            call("1", "write", path="hello.py", content="print()"), answer("1", "Successfully wrote"), call("2", "bash", command="python hello.py"), answer("2", "hi"),
        ]},
        {"dialect": "openai_chat", "headers": [("user-agent", "pi-coding-agent")]},
        {"client": "pi", "kind": "agent", "phase": "verify", "files": 1, "files_edited": 1, "files_named": 1},
    ),
    **{
        f"gemini cli, {name}": (
            {"systemInstruction": {"parts": [{"text": says}]}, "contents": [{"role": "user", "parts": [{"text": asks}]}]},
            {"dialect": "gemini", "headers": [("user-agent", "GeminiCLI/0.61.0/auto (linux; x64; terminal)")]},
            {"client": "gemini-cli", "kind": kind},
        )
        for name, kind, says, asks in (
            ("who answers", "housekeeping", "\nYou are a specialized Task Routing AI. Your sole function is to analyze the user's request and assign a **Complexity Score** from 1 to 100. Respond *only* in JSON format: 81-100 (Critical Risk)", "fix a.py"),
            ("which model", "housekeeping", "You are Gemini CLI.", "You are provided with a **Chat History** and the user's **Current Request** below.\n\n#### Chat History:\n"),
            ("an edit that failed", "housekeeping", "\nYou are an expert code-editing assistant specializing in debugging and correcting failed search-and-replace operations.\n", "# Goal of the Original Edit"),
            ("bad escapes", "housekeeping", "You are Gemini CLI.", "Context: An LLM has just generated potentially_problematic_string and the text might have"),
            ("a loop", "housekeeping", "You are a diagnostic agent that determines whether a conversational AI assistant is stuck in an unproductive loop.", "Please analyze the conversation history"),
            ("who speaks next", "housekeeping", "", "Analyze *only* the content and structure of your immediately preceding response (your last turn"),
            ("output of a tool", "housekeeping", "You are Gemini CLI.", "Summarize the following tool output to be a maximum of 2000 tokens. The summary should be concise"),
            ("a large output", "housekeeping", "You are Gemini CLI.", "The following output from the tool 'run_shell_command' is large and has been truncated. Extract"),
            ("a line on a session", "housekeeping", "", "Summarize the user's primary intent or goal in this conversation in ONE sentence (max 80 characters)."),
            ("a nod", "housekeeping", "", "Write one short, friendly sentence acknowledging a user steering update for an in-progress task."),
            ("a compaction", "summary", "\nYou are a specialized system component responsible for distilling chat history into a structured XML <state_snapshot>.", "Generate a new <state_snapshot> based on the provided history."),
            ("its check", "summary", "", "Critically evaluate the <state_snapshot> you just generated. Did you omit any"),
            ("what is cut off", "summary", "", "### State Update: Agent Continuity\n\nThe conversation history has been truncated. You are generating a highly factual state summary"),
            ("an ask about outputs", "ask", "You are Gemini CLI.", "Summarize the following tool output for me, and fix what fails"),
        )
    },
    "gemini cli, a sub-agent": (
        {"systemInstruction": {"parts": [{"text": "You are **Codebase Investigator**, a hyper-specialized AI agent"}]}, "contents": [{"parts": [{"text": "look"}]}], "tools": [{"functionDeclarations": [{"name": "glob"}, {"name": "complete_task"}]}]},
        {"dialect": "gemini", "headers": [("user-agent", "GeminiCLI/0.61.0/auto (linux; x64; terminal)")]},
        {"client": "gemini-cli", "kind": "subagent"},
    ),
    "pi, compaction": (
        {"system": "You are a context summarization assistant. Your task is to read a conversation", "messages": [user(text("<conversation>\nx\n</conversation>"))]},
        {"headers": [("user-agent", "pi-coding-agent")]},
        {"client": "pi", "kind": "summary"},
    ),
    "aider": (
        {"messages": [
            system("Act as an expert software developer.\nAlways use best practices"),
            {"role": "user", "content": "Change get_factorial() to use math.factorial"},
            {"role": "assistant", "content": "mathweb/flask/app.py\n```python\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n```"},
            {"role": "user", "content": "I switched to a new code base. Please don't consider the above files or try to edit them any longer."},
            {"role": "assistant", "content": "Ok."},
            {"role": "user", "content": "Here are summaries of some files present in my git repository.\n\nb/map.py:\n⋮\n│def f\n"},
            {"role": "assistant", "content": "Ok, I won't try and edit those files without asking first."},
            {"role": "user", "content": AIDER_FILES},
            {"role": "assistant", "content": "Ok, any changes I propose will be to those files."},
            {"role": "user", "content": "rename x to z\n\n# *SEARCH/REPLACE block* Rules:\n\nEvery block in src/rule.py"},
        ]},
        {"dialect": "openai_chat"},
        {"client": "aider", "kind": "ask", "turns": 1, "files": 2, "files_edited": 0, "files_named": 0, "ask": "rename x to z"},
    ),
    "aider, its edits are text": (
        {"messages": [
            system("Act as an expert software developer."), {"role": "user", "content": AIDER_FILES}, {"role": "assistant", "content": "Ok."},
            {"role": "user", "content": "rename x"},
            {"role": "assistant", "content": "a/one.py\n```python\n<<<<<<< SEARCH\nx = 1\n=======\nz = 1\n>>>>>>> REPLACE\n```"},
            {"role": "user", "content": "ok thanks, now in the other file"},
        ]},
        {"dialect": "openai_chat"},
        {"turns": 2, "files": 2, "files_edited": 1, "phase": "implement", "follow_up": True},
    ),
    "aider, commit message": (
        {"messages": [system("You are an expert software engineer that generates concise, one-line Git commit messages based on the provided diffs."), {"role": "user", "content": "diff --git a/a.py b/a.py\n"}]},
        {"dialect": "openai_chat"},
        {"client": "aider", "kind": "housekeeping"},
    ),
    "mini-swe-agent": (
        {"messages": [
            system("You are a helpful assistant that can interact with a computer shell to solve programming tasks."),
            {"role": "user", "content": "<pr_description>\nConsider the following PR description:\nRST lacks header rows\n</pr_description>\n\n<instructions>\n# Task\nEdit path/to/file1.py\n</instructions>"},
            call("1", "bash", command="cd /testbed && cat astropy/io/rst.py"), answer("1", "<returncode>0</returncode>\n<output>\nx</output>"),
            call("2", "bash", command="sed -i 's/a/b/' /testbed/astropy/io/rst.py"), answer("2", '{"returncode": 2, "output": "sed: no"}'),
        ], "tools": [{"type": "function", "function": {"name": "bash"}}]},
        {"dialect": "openai_chat"},
        {"client": "mini-swe-agent", "kind": "agent", "phase": "implement", "files": 1, "files_edited": 1, "files_named": 0, "ask": "RST lacks header rows", "tool_errors": 1, "turn_calls": 2},
    ),
    "a text-only agent": (
        {"messages": [
            system("You are a helpful assistant that can interact multiple times with a computer shell"), {"role": "user", "content": "fix it"},
            {"role": "assistant", "content": "THOUGHT: look\n\n```bash\ncat a.py\n```"}, {"role": "user", "content": "<returncode>1</returncode>\n<output>\nno such file</output>"},
            {"role": "assistant", "content": "```bash\ncat a.py\n```"}, {"role": "user", "content": "Observation: x"},
        ]},
        {"dialect": "openai_chat"},
        {"kind": "agent", "turns": 1, "turn_calls": 2, "tool_calls": 2, "tool_errors": 1, "repeats": 1, "files": 1},
    ),
    "a chat that shows commands is no agent": (
        {"messages": [{"role": "user", "content": "how do I list files?"}, {"role": "assistant", "content": "```bash\nls > x.txt\n```"}, {"role": "user", "content": "thanks, and hidden ones?"}]},
        {"dialect": "openai_chat"},
        {"client": "unknown", "kind": "ask", "turns": 2, "turn_calls": 0, "tool_calls": 0, "files": 0, "follow_up": True},
    ),
    "openhands": (
        {"messages": [
            {"role": "system", "content": [text("You are OpenHands agent, a helpful AI assistant")]}, {"role": "user", "content": [text("fix the bug")]},
            call("1", "str_replace_editor", command="view", path="/w/a.py"), answer("1", "Here's the result of running `cat -n`"),
            call("2", "str_replace_editor", command="str_replace", path="/w/a.py", old_str="a", new_str="b"), answer("2", "ok"),
            call("3", "execute_bash", command="cd /w && pytest"), answer("3", "failed\n[The command completed with exit code 1.]"),
        ], "prompt_cache_key": "k"},
        {"dialect": "openai_chat"},
        {"client": "openhands", "kind": "agent", "phase": "verify", "files": 1, "files_edited": 1, "tool_errors": 1, "tools_used": 2},
    ),
    "codex words in a result": (
        {"messages": [{"role": "user", "content": "x"}, call("1", "shell", command=["bash", "-lc", "cat a.py"]), answer("1", "Chunk ID: 1\nWall time: 1\nProcess exited with code 1\nOutput:\n")]},
        {"dialect": "openai_chat"},
        {"tool_errors": 1, "files": 1},
    ),
    "an ask with a diff, a fence and a trace": (
        {"messages": [{"role": "user", "content": 'see\n```py src/a.py\nx\n```\n```diff\n--- a/b.py\n+++ b/b.py\n```\n  File "/r/c.py", line 3, in f'}]},
        {"dialect": "openai_chat"},
        {"kind": "ask", "files": 3, "files_edited": 0},
    ),
    "images": (
        {"messages": [user({"type": "image", "source": {"type": "base64", "data": "A" * 400_000}}, text("what is it?")), {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]},
        {},
        {"images": 2, "turns": 2},
    ),
    "a server tool offered among others": ({"tools": [*CLAUDE_TOOLS, {"type": "web_search_20250305", "name": "web_search"}], "messages": [user(text("x"))]}, {}, {"server_tools": False}),
    "only server tools offered": ({"tools": [{"type": "web_search_20250305", "name": "web_search"}], "messages": [user(text("x"))]}, {}, {"server_tools": True}),
    "MCP servers alone": ({"mcp_servers": [{"type": "url", "url": "https://h/mcp", "name": "h"}], "messages": [user(text("x"))]}, {}, {"server_tools": True}),
    "MCP servers among tools": ({"mcp_servers": [{"type": "url", "url": "https://h/mcp", "name": "h"}], "tools": CLAUDE_TOOLS, "messages": [user(text("x"))]}, {}, {"server_tools": False}),
    "no MCP server": ({"mcp_servers": [], "messages": [user(text("x"))]}, {}, {"server_tools": False}),
    "a server tool forced": (
        {"tools": [*CLAUDE_TOOLS, {"type": "code_execution_20250522", "name": "code_execution"}], "tool_choice": {"type": "tool", "name": "code_execution"}, "messages": [user(text("x"))]},
        {},
        {"server_tools": True},
    ),
    "a server tool used before": (
        {"messages": [user(text("x")), {"role": "assistant", "content": [{"type": "server_tool_use", "id": "1", "name": "web_search", "input": {}}, {"type": "web_search_tool_result", "tool_use_id": "1", "content": []}]}, user(text("y"))]},
        {},
        {"server_tools": True},
    ),
    "openai options": (
        {"messages": [{"role": "user", "content": "x"}], "max_completion_tokens": 9, "max_tokens": 5, "reasoning_effort": "high", "response_format": {"type": "json_schema", "json_schema": {"schema": {"properties": {"title": {}, "body": {}}}}}},
        {"dialect": "openai_chat"},
        {"output_limit": 9, "thinking": True, "json_schema": True, "kind": "ask"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_shape(shape, reader, request_of):
    body, fields, expected = SHAPES[shape]
    features = reader.read(request_of(body, **fields))
    assert {name: getattr(features, name) for name in expected} == expected


@pytest.mark.parametrize(
    "ask",
    [
        "yes",
        "Yes, go ahead.",
        "ok thanks",
        "do it",
        "try again",
        "continue",
        "LGTM, ship it!",
        "2",
        "sure, fix it please",
        "why?",
        "no, use sqlite",
        "yes, and also rewrite the parser",
        "continue with renaming foo to bar",
    ],
)
def test_follow_ups(ask, reader, request_of):
    body = {
        "messages": [
            user(text("add a parser")),
            {"role": "assistant", "content": "Shall I?"},
            user(text(ask)),
        ]
    }
    assert reader.read(request_of(body)).follow_up
    assert not reader.read(request_of({"messages": [user(text(ask))]})).follow_up


@pytest.mark.parametrize(
    "ask",
    [
        "do the dishes with a robot",
        "different question: what is a mutex?",
        "Write a function that reverses a linked list.",
        "now look at the settings in infra/pg/postgresql.conf",
    ],
)
def test_no_follow_ups(ask, reader, request_of):
    body = {"messages": [user(text("add a parser")), user(text(ask))]}
    assert not reader.read(request_of(body)).follow_up


def conversation(reader, request):
    return reader.read(request).conversation


def test_conversation_is_stable_however_the_same_thing_is_written(reader, request_of):
    plain = {"system": "s", "tools": CLAUDE_TOOLS, "messages": [{"role": "user", "content": "fix x"}]}
    marked = {
        "system": [text("s", cache_control=EPHEMERAL)],
        "tools": [{**CLAUDE_TOOLS[0], "cache_control": EPHEMERAL}, *CLAUDE_TOOLS[1:]],
        "messages": [
            user(text("fix x", cache_control=EPHEMERAL)),
            {"role": "assistant", "content": "ok"},
            user(text("more")),
        ],
    }
    first = conversation(reader, request_of(plain))
    assert conversation(reader, request_of(marked)) == first
    for other in (
        request_of({**plain, "system": "t"}),
        request_of({**plain, "tools": []}),
        request_of({**plain, "messages": [user(text("fix y"))]}),
        request_of(plain, user="another"),
        request_of(plain, team="another"),
    ):
        assert conversation(reader, other) != first


def test_conversation_by_session_header(reader, request_of):
    headers = [SESSION]
    first = conversation(
        reader, request_of({"system": CLAUDE_SYSTEM, "messages": [user(text("a"))]}, headers=headers)
    )
    assert (
        conversation(
            reader, request_of({"system": CLAUDE_SYSTEM, "messages": [user(text("b"))]}, headers=headers)
        )
        == first
    )
    agent = [*headers, ("x-claude-code-agent-id", "a1")]
    assert (
        conversation(
            reader, request_of({"system": CLAUDE_SYSTEM, "messages": [user(text("a"))]}, headers=agent)
        )
        != first
    )


def test_moving_the_cache_mark_reads_nothing_anew(reader, request_of):
    before = {"messages": [user(text("a", cache_control=EPHEMERAL))]}
    after = {
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            user(text("c", cache_control=EPHEMERAL)),
        ]
    }
    reader.read(request_of(before))
    assert reader.read(request_of(after)) == FeatureExtractor().read(request_of(after))


def test_paths_are_those_touched_named_or_passed_by(reader, request_of):
    body = {"messages": [
        user(text("see secrets/prod.env")), use("1", "Bash", command="cd /r && cat secrets/key.pem && grep -rn pass ."), result("1", "secrets/db.yml:3:pass"),
    ]}  # fmt: skip
    features = reader.read(request_of(body))
    assert features.paths == {"secrets/prod.env", "/r/secrets/key.pem", "secrets/db.yml"}
    assert (features.files, features.files_named) == (1, 1)


def test_large_unseen_text_is_estimated_then_settled(request_of):
    reader = FeatureExtractor(count_bytes=1_000)
    words = "several ordinary words of text " * 400
    request = request_of({"messages": [user(text(words))]})
    guess = reader.read(request)
    assert not guess.tokens_exact
    assert len(words) / 8 <= guess.context_tokens <= len(words) / 2
    reader.settle()
    exact = reader.read(request)
    assert exact.tokens_exact
    assert exact.context_tokens == pytest.approx(2_000, rel=0.02)
    assert exact.context_tokens == FeatureExtractor(count_bytes=1 << 20).read(request).context_tokens


@pytest.fixture
def reports(reader, request_of):
    """Counts one body as `model`, and reports so many times what it is; returns what counting says then."""
    body = {"messages": [user(text("word " * 2_000))]}

    def counted(model="m") -> int:
        return reader.read(request_of(body, model=model)).context_tokens

    before, own = counted("none"), request_of(body).account.team

    def report(factor, times=1, team=own, model="m") -> float:
        for _ in range(times):
            estimated = reader.read(request_of(body, model=model, team=team)).context_tokens
            reader.correct(team, model, estimated, round(before * factor))
        return counted() / before

    return report


def test_a_correction_follows_what_usually_comes(reports):
    assert reports(1.3, 40) == pytest.approx(1.3, rel=0.02)
    assert reports(0.8, 80) == pytest.approx(0.8, rel=0.02)


@pytest.mark.parametrize("odd", [0.5, 0.75, 1.9, 2.0])
def test_twenty_odd_reports_move_it_little(reports, odd):
    assert reports(odd, 20) == pytest.approx(1, rel=0.25)
    reports(1.1, 60)
    assert reports(odd, 15) == pytest.approx(1.1, rel=0.01)


@pytest.mark.parametrize("absurd", [0, -3, 0.01, 0.49, 2.1, 10, 1e12])
def test_absurd_reports_move_nothing(reports, absurd):
    assert reports(absurd, 200) == 1


def test_a_correction_is_one_team_s_and_one_model_s(reports):
    assert reports(1.5, 30, team="others") == 1
    assert reports(1.5, 30, model="other") == 1


def test_corrections_are_bounded(reader, reports):
    reports(1.2, 30)
    for number in range(5_000):
        reader.correct(f"team {number}", "m", 1_000, 1_500)
    assert reports(1.2, 0) == 1  # forgotten, as the longest unused


def test_caches_stay_bounded(request_of):
    reader = FeatureExtractor(entries=200, cache_bytes=100_000)
    for turn in range(60):
        body = {"messages": [user(text(f"ask {turn} {at} about f{turn}_{at}.py")) for at in range(20)]}
        assert reader.read(request_of(body)).turns == 20
        assert reader.stats()["entries"] <= 200 + 8
        assert reader.stats()["bytes"] <= 100_000


def test_bodies_without_an_envelope_are_refused(reader, request_of):
    for body in (b"", b"[]", b"nonsense", b'{"messages": 3}', b'{"messages": {"a": 1}}'):
        with pytest.raises(BadRequest):
            reader.read(request_of(body))


ODD = {
    "lone surrogate": rb'{"role": "user", "content": "cut \ud83d emoji in odd.py"}',
    "not utf-8": b'{"role": "user", "content": "\xff\xfe"}',
    "deep": b'{"role": "user", "content": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "deep results": b'{"role":"user","content":' + b'[{"type":"tool_result","content":' * 400 + b"[]" + b"}]" * 400 + b"}",
    "numbers": b'{"role": 7, "content": 1e999999}',
    "huge line": b'{"role": "user", "content": "' + b"x" * 2_000_000 + b'"}',
    "huge dots": b'{"role": "user", "content": "' + b"./" * 500_000 + b'"}',
    "open tags": b'{"role": "user", "content": "' + b"<system-reminder>\\n" * 50_000 + b'"}',
    "open fences": b'{"role": "user", "content": "' + b"```py\\n" * 50_000 + b'"}',
    "no object": b"null",
    "a list": b"[1, 2]",
    "a string": b'"hello"',
    "nothing": b"{}",
    "odd content": b'{"role": "user", "content": {"type": "text"}}',
    "odd blocks": b'{"role": "assistant", "content": [null, 3, [], {"type": 5}, {"type": "text", "text": 5}, {"type": "tool_use"}, {"type": "tool_result", "content": {"a": 1}}, {"type": "image"}, {"type": "document", "source": 4}, "s"]}',
    "odd calls": b'{"role": "assistant", "tool_calls": [null, {}, {"function": 3}, {"function": {"name": 4, "arguments": "{broken"}}, {"function": {"name": "bash", "arguments": "[1]"}}, {"function": {"name": "bash", "arguments": {"command": ["a", 3]}}}], "function_call": "x"}',
    "odd call list": b'{"role": "assistant", "tool_calls": {"a": 1}}',
    "odd result": b'{"role": "tool", "tool_call_id": 4, "content": [{"type": "text", "text": "Observation:"}, 3]}',
}  # fmt: skip


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
@pytest.mark.parametrize("odd", ODD)
def test_one_odd_message_hides_no_other(odd, dialect, reader, request_of):
    body = (
        b'{"model": "m", "messages": [{"role": "user", "content": "fix good.py"}, %s, {"role": "user", "content": "and fine.py"}]}'
        % ODD[odd]
    )
    features = reader.read(request_of(body, dialect=dialect))
    assert {"good.py", "fine.py"} <= features.paths
    assert features.context_tokens > 0
    reader.settle()
    assert reader.read(request_of(body, dialect=dialect)).tokens_exact


@pytest.mark.parametrize(
    "field",
    [
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "response_format",
        "max_tokens",
        "metadata",
        "prompt_cache_key",
        "reasoning_effort",
        "web_search_options",
    ],
)
@pytest.mark.parametrize(
    "odd", [b"null", b"3", b'"x"', b"[]", b"[3, null]", b"{}", b'{"a": {"b": [1]}}', b'"\\ud800"', b"true"]
)
def test_odd_fields_are_the_providers_to_judge(field, odd, reader, request_of):
    body = b'{"messages": [{"role": "user", "content": "fix good.py"}], "%s": %s}' % (field.encode(), odd)
    assert reader.read(request_of(body)).files_named == 1


def test_five_thousand_tools(reader, request_of):
    tools = [{"name": f"tool_{at}", "description": "d" * 50, "input_schema": {}} for at in range(5_000)]
    features = reader.read(request_of({"tools": tools, "messages": [user(text("x"))]}))
    assert features.tools_offered == 5_000
    assert not features.tokens_exact


SURROUNDINGS = "<environment_details>\n# VSCode Open Tabs\nsrc/z.py\n</environment_details>"


def panel(*said):
    return user(*map(text, said), text(SURROUNDINGS))


def written(said):
    return {"role": "assistant", "content": said}


def in_elements():
    """A side panel's conversation, its calls and answers in text."""
    messages = [panel("<task>\ndrop the surcharge everywhere\n</task>")]
    for name in ("a", "b", "c"):
        messages += [
            written(f"Let me see.\n\n<read_file>\n<path>src/{name}.py</path>\n</read_file>"),
            panel(f"[read_file for 'src/{name}.py'] Result:", "x = 1\n"),
        ]
    diff = "------- SEARCH\nx = 1\n=======\nx = 2\n+++++++ REPLACE"
    messages += [
        written(f"<replace_in_file>\n<path>src/a.py</path>\n<diff>\n{diff}\n</diff>\n</replace_in_file>"),
        panel("[replace_in_file for 'src/a.py'] Result:", "The content was successfully saved to src/a.py."),
        written(f"<replace_in_file>\n<path>src/gone.py</path>\n<diff>\n{diff}\n</diff>\n</replace_in_file>"),
        panel(
            "[replace_in_file for 'src/gone.py'] Result:",
            "The tool execution failed with the following error:\n<error>\nno such file\n</error>",
        ),
        written("<execute_command>\n<command>python -m pytest -q</command>\n</execute_command>"),
        panel(
            "[execute_command for 'python -m pytest -q'] Result:",
            "Command executed.\nOutput:\nF\n1 failed, 2 passed in 0.1s\n",
        ),
    ]
    return messages


@pytest.mark.parametrize("blocks", [True, False])
def test_calls_and_answers_in_text(blocks, reader, request_of):
    messages = in_elements()
    if not blocks:
        messages = [
            {**one, "content": "\n".join(block["text"] for block in one["content"])}
            if one["role"] == "user"
            else one
            for one in messages
        ]
    features = reader.read(
        request_of(
            {"messages": [system("You are Cline, a software engineer."), *messages]}, dialect="openai_chat"
        )
    )
    assert (features.client, features.kind, features.phase) == ("cline", "agent", "verify")
    assert (features.files, features.files_edited, features.files_named) == (3, 1, 0)
    assert (features.tool_calls, features.tool_errors, features.turns) == (6, 2, 1)
    assert (features.tests_failed, features.tests_passed) == (1, 2)
    assert features.ask == "drop the surcharge everywhere"
    assert "src/gone.py" in features.paths  # what was tried is still protected


def test_what_is_typed_at_an_answer_is_an_ask(reader, request_of):
    typed = "The user has provided feedback on the results.\n<feedback>\nnow write docs/plums.md from scratch\n</feedback>"
    more = [
        written("<attempt_completion>\n<result>Done.</result>\n</attempt_completion>"),
        panel("[attempt_completion] Result:", typed),
    ]
    features = reader.read(request_of({"messages": [*in_elements(), *more]}))
    assert (features.turns, features.turn_calls) == (2, 0)
    assert features.ask.endswith("now write docs/plums.md from scratch")


def test_answers_in_system_messages(reader, request_of):
    messages = [
        system("You are gptme v1, an assistant."),
        {"role": "user", "content": "drop the surcharge"},
        written("```patch a.py\nx\n```\n\n```patch b.py\nx\n```"),
        system("Patch successfully applied to `a.py`"),
        system("Error during execution: Patch failed: No such file or directory `b.py`"),
        {
            "role": "user",
            "content": "<system>No tool call detected in last message. Did you mean to finish?</system>",
        },
    ]
    features = reader.read(request_of({"messages": messages}, dialect="openai_chat"))
    assert (features.client, features.kind, features.phase) == ("gptme", "agent", "implement")
    assert (features.files, features.files_edited, features.tool_calls) == (1, 1, 2)
    assert (features.tool_errors, features.turns, features.ask) == (1, 1, "drop the surcharge")


def test_a_read_that_failed_touched_no_file(reader, request_of):
    messages = [
        {"role": "user", "content": "fix it"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                *call("1", "read_file", path="a.py")["tool_calls"],
                *call("2", "read_file", path="b.py")["tool_calls"],
            ],
        },
        answer("1", "x = 1"),
        answer("2", "File not found: b.py"),
        call("3", "bash", command="cat c.py d.py"),
        answer("3", "x\ncat: d.py\nexit code: 1"),
    ]
    features = reader.read(request_of({"messages": messages}, dialect="openai_chat"))
    assert (features.files, features.tool_errors) == (3, 2)  # a command may have done a part of what it says
    assert features.paths >= {"a.py", "b.py", "c.py", "d.py"}


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ((), "ask"),
        ((("x-interaction-type", "conversation-subagent"),), "subagent"),
        ((("x-interaction-type", "conversation-compaction"),), "summary"),
    ],
)
def test_a_header_says_what_a_request_is_for(headers, kind, reader, request_of):
    body = {"messages": [{"role": "user", "content": "go through the repository"}], "tools": CLAUDE_TOOLS}
    assert reader.read(request_of(body, headers=headers)).kind == kind


def test_a_schema_with_a_title_is_a_programs_own(reader, request_of):
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "t", "schema": schema}}
    body = {"messages": [{"role": "user", "content": "a title for my novel?"}], "response_format": form}
    assert reader.read(request_of(body, dialect="openai_chat")).kind == "ask"


def test_a_session_is_named_aside(reader, request_of):
    naming = {"type": "text", "text": "You are naming a coding session so the user can find it."}
    body = {
        "system": [*CLAUDE_SYSTEM, naming],
        "tools": [],
        "messages": [user(text("<session>\nfix it\n</session>"))],
    }
    turn = {"system": CLAUDE_SYSTEM, "tools": CLAUDE_TOOLS, "messages": [user(text("fix it"))]}
    named, asked = (reader.read(request_of(one, headers=[SESSION])) for one in (body, turn))
    assert (named.kind, asked.kind) == ("housekeeping", "ask")
    assert named.conversation != asked.conversation


def test_an_assistant_that_wants_one_token_tries_a_model(reader, request_of):
    body = {"messages": [user(text("Hi"))], "max_tokens": 1}
    claude = [("user-agent", "claude-cli/2.1.330 (external, cli)")]
    assert reader.read(request_of(body, headers=claude)).kind == "housekeeping"
    assert reader.read(request_of(body)).kind == "ask"


@pytest.mark.parametrize(
    ("ask", "kind"),
    [
        ("Write a short title for this session:", "housekeeping"),
        ("Write a short summary of our conversation so far.", "summary"),
    ],
)
def test_what_a_user_may_ask_for_too_is_a_side_request_only_without_tools(reader, request_of, ask, kind):
    before = [user(text("fix it")), {"role": "assistant", "content": "Done."}]
    body = {"messages": [*before, user(text(ask))]}
    offered = reader.read(request_of({**body, "tools": CLAUDE_TOOLS}))
    assert (offered.kind, offered.turns, offered.ask.endswith(ask)) == ("ask", 2, True)
    for tools in ({}, {"tools": []}):
        alone = reader.read(request_of({**body, **tools}))
        assert (alone.kind, alone.turns, alone.ask) == (kind, 1, "fix it")


@pytest.mark.parametrize(
    "aside",
    [
        {"operation": "count"},
        {"headers": [*CLAUDE_SESSION, ("x-interaction-type", "conversation-compaction")]},
        {"more": "Your task is to create a detailed summary of the conversation so far, paying attention to"},
    ],
)
def test_a_count_or_a_summary_of_a_sub_agents_work_is_of_its_conversation(reader, request_of, aside):
    system = "You are an agent for Claude Code, Anthropic's official CLI for Claude."
    messages = [user(text("look into a.py")), {"role": "assistant", "content": "Done."}]
    body = {"system": system, "tools": CLAUDE_TOOLS, "messages": messages[:1]}
    fields = {"headers": CLAUDE_SESSION, **aside}
    more = fields.pop("more", "")
    asked = [*messages, user(text(more))] if more else body["messages"]
    work = reader.read(request_of(body, headers=CLAUDE_SESSION))
    beside = reader.read(request_of({**body, "messages": asked}, **fields))
    assert work.kind == "subagent"
    assert beside.kind in ("count", "summary")
    assert beside.conversation == work.conversation
    main = reader.read(request_of({**body, "system": CLAUDE_SYSTEM}, headers=CLAUDE_SESSION))
    assert main.conversation != work.conversation
