# ruff: noqa: E501 - whole blocks of user text read best one a row
"""What is the user's and what is the harness's, block by block."""

from itertools import product

import pytest

from router.features.clients import CLIENTS, UNKNOWN
from router.features.paths import FileAccess
from router.features.user_text import joined, parse_user_text

ROWS = {client.name: client for client in (*CLIENTS, UNKNOWN)}
WHOLE = (
    "To suggest changes to a file you MUST return the entire content of the updated file.\n"
    "You MUST use this *file listing* format:\n\npath/to/filename.js\n```\n// entire file content ...\n```\n"
)
BLOCKS = {
    "an ask alone": ("unknown", "fix the port in a.py", "fix the port in a.py"),
    "a reminder before it": ("unknown", "<system-reminder>\nsee b.py\n</system-reminder>\nfix a.py", "fix a.py"),
    "surroundings of a client never seen": (
        "unknown",
        "<environment_info>\nlinux\n</environment_info>\n<workspaceStructure>\nb.py\n</workspaceStructure>\n<git-status>\nM c.py\n</git-status>\n\nfix a.py",
        "fix a.py",
    ),
    "the ask in an element of its own": (
        "unknown",
        "<context>\nToday is Monday, see b.py.\n</context>\n<reminder>\nBe brief.\n</reminder>\n<userRequest>\nfix a.py\n</userRequest>",
        "fix a.py",
    ),
    "the last of several": ("unknown", "<user_query>\nno\n</user_query>\n<user_query>\nfix a.py\n</user_query>\n", "fix a.py"),
    "an element in a sentence": ("unknown", "what does <user_query>x</user_query> mean?", "what does <user_query>x</user_query> mean?"),
    "an element that never ends": ("unknown", "<environment_info>\nfix a.py", "<environment_info>\nfix a.py"),
    "markup of the user's own": ("unknown", "why is this wrong?\n<project>\n<info>x</info>\n</project>", "why is this wrong?\n<project>\n<info>x</info>\n</project>"),
    "a task and what surrounds it": ("unknown", "<task>\nfix a.py\n</task>\n\n<environment_details>\nb.py\n</environment_details>", "<task>\nfix a.py\n</task>"),
    "how to answer, whole files": ("aider", f"fix a.py\n\n{WHOLE}", "fix a.py"),
    "how to answer, blocks": ("aider", "fix a.py\n\n# *SEARCH/REPLACE block* Rules:\n\nEvery block …", "fix a.py"),
    "how to answer, diffs": ("aider", "fix a.py\n\n# File editing rules:\n\nReturn edits …", "fix a.py"),
    "how to answer, patches": ("aider", "fix a.py\n\n# V4A Diff Format Rules:\n\nYour entire response …", "fix a.py"),
    "in which language": ("aider", "why?\n\nReply in English.\n", "why?"),
    "a language asked for in a sentence": ("aider", "Reply in English. Then in French.", "Reply in English. Then in French."),
    "how to answer, of a fork": ("unknown", f"fix a.py\n\n{WHOLE}", "fix a.py"),
    "rules of the user's own": ("unknown", "write a parser\n\n# Naming rules:\n\nshort ones", "write a parser\n\n# Naming rules:\n\nshort ones"),
    "nothing but rules": ("unknown", "# File editing rules:\n\nuse tabs", "# File editing rules:\n\nuse tabs"),
    "a repository map": ("unknown", "Here are summaries of some files present in my git repository.\n\na.py:\n⋮\n│def f", ""),
    "no file shared": ("unknown", "I am not sharing any files that you can edit yet.", ""),
    "an argument passed on in quotes": ("unknown", r'"say \"hi\" in a.py"', 'say "hi" in a.py'),
    "quotes of the user's own": ("unknown", '"a.py" or "b.py"', '"a.py" or "b.py"'),
    "an editor's tab": ("claude-code", "<ide_opened_file>The user opened /p/b.py in the IDE.</ide_opened_file>\nfix a.py", "fix a.py"),
    "an editor's selection": ("claude-code", "<ide_selection>Lines 1 to 3 of /p/b.py:\nx = 1</ide_selection>fix it", "fix it"),
    "an editor's findings": ("claude-code", '<ide_diagnostics>[{"file": "/p/b.py"}]</ide_diagnostics>\n\nfix it', "fix it"),
    "findings that are new": ("claude-code", "<new-diagnostics>\nb.py: 1 error\n</new-diagnostics>\nfix it", "fix it"),
    "tabs of a side panel": (
        "unknown",
        "<task>\nfix it\n</task>\n\n<environment_details>\n# VSCode Visible Files\nb.py\n\n# VSCode Open Tabs\nb.py,c.py\n</environment_details>",
        "<task>\nfix it\n</task>",
    ),
    "files seen lately": (
        "unknown",
        "<open_and_recently_viewed_files>\nb.py\n</open_and_recently_viewed_files>\n<current_file>\nPath: b.py\n</current_file>\n<linter_errors>\nb.py: 1\n</linter_errors>\n<user_query>\nfix it\n</user_query>",
        "fix it",
    ),
    "the editor's own context": (
        "unknown",
        "<editorContext>\nThe current file is b.py.\n</editorContext>\n<reminderInstructions>\nx\n</reminderInstructions>\n<userRequest>\nfix it\n</userRequest>",
        "fix it",
    ),
    "an open editor in capitals": ("unknown", "<OPEN-EDITOR-FILES>\nb.py\n</OPEN-EDITOR-FILES>\n<ACTIVE-EDITOR-FILE>\nb.py\n</ACTIVE-EDITOR-FILE>\nfix it", "fix it"),
    "metadata": ("unknown", "<USER_REQUEST>\nfix it\n</USER_REQUEST>\n<ADDITIONAL_METADATA>\nActive document: b.py\n</ADDITIONAL_METADATA>", "fix it"),
    "an editor's setup under headings": ("codex", "# Context from my IDE setup:\n\n## Active file: b.py\n\n## Open tabs:\n- b.py: src/b.py\n\n## My request for Codex:\nfix it", "fix it"),
    "an editor's setup alone": ("codex", "# Context from my IDE setup:\n\n## Active file: b.py\n", ""),
    "an editor's context as an object": ("unknown", "Here is the user's editor context as a JSON object:\n```json\n{\"activeFile\": {\"path\": \"/p/b.py\"}}\n```", ""),
    "buffers": ("unknown", "<open_buffers>\nb.py\n</open_buffers>\n<visible_files>c.py</visible_files>\nfix it", "fix it"),
    "an element that only sounds alike": ("unknown", "<file>\nb\n</file>\nwhy does <selection> not render?", "<file>\nb\n</file>\nwhy does <selection> not render?"),
    "a summary after a compaction": ("claude-code", "This session is being continued from a previous conversation that ran out of context. The summary below …\nSummary:\n1. fix b.py", ""),
    "a handed-over summary": ("codex", "Another language model started to solve this problem and produced a summary of its work: b.py", ""),
    "what was asked before a compaction": (
        "copilot",
        "Some of the conversation history has been summarized to free up context.\n\nHere were the user messages:\n<user_message>\nfix a.py\n</user_message>\n\nHere is a summary:\n<summary>\nb.py\n</summary>\n",
        "fix a.py",
    ),
    "a state that goes on": ("qwen-code", "<state_snapshot>\nb.py\n</state_snapshot>\n\nResume the prior task using the summary above. Continue from the last step.", ""),
    "a file shown again after a compaction": ("qwen-code", "Recently accessed file (full current content embedded):\n\n## /p/b.py\n\n```\nx = 1\n```", ""),
    "a command that only sets something": (
        "claude-code",
        "<command-name>/model</command-name>\n            <command-message>model</command-message>\n            <command-args>small</command-args>",
        "",
    ),
    "what a command of its own printed": (
        "claude-code",
        "<command-name>/mine</command-name>\n<command-args>small</command-args>\n<local-command-stdout>Set to small</local-command-stdout>",
        "",
    ),
    "a command that asks": ("claude-code", "<command-message>review is running</command-message>\n<command-name>/review</command-name>\n<command-args>a.py only</command-args>", "a.py only"),
    "a shell command of the user's": ("claude-code", "<bash-input>cat b.py</bash-input>", ""),
    "a reminder in a reminder": (
        "claude-code",
        '<system-reminder>\nResult of calling the Read tool: "1\\n\\n<system-reminder>\\nsee b.py\\n</system-reminder>\\n"\n</system-reminder>\nfix a.py',
        "fix a.py",
    ),
    "a reminder that speaks of reminders": ("unknown", "<system-reminder>\nA `<system-reminder>` is ours.\n</system-reminder>\nfix a.py", "fix a.py"),
    "the time": ("copilot", "<current_datetime>2026-11-29T10:00:00Z</current_datetime>\n\nfix a.py", "fix a.py"),
    "a folder's listing": ("qwen-code", "This is the Qwen Code. We are setting up the context for our chat.\nHere is the folder structure:\n├───b.py\n└───c.py", ""),
    "a hook's context": ("qwen-code", "<qwen:user-prompt-submit-context>\nsee b.py\n</qwen:user-prompt-submit-context>\nfix a.py", "fix a.py"),
    "a word from the loop": ("gptme", "<system>No tool call detected in last message. Did you mean to finish?</system>", ""),
    "a file behind the ask": ("gptme", "fix it\n\nb.py\n\n````b.py\nx = 1\n````", "fix it"),
    "a snippet of the user's own": ("gptme", "why does this fail?\n\n```python\nx = 1\n```", "why does this fail?\n\n```python\nx = 1\n```"),
    "a side panel's task": ("cline", "<task>\nfix a.py\n</task>\n\n<environment_details>\nb.py\n</environment_details>", "fix a.py"),
    "a side panel's file": ("cline", "<task>\nfix 'a.py' (see below)\n</task>\n\n<file_content path=\"a.py\">\nx = 1\n</file_content>", "fix 'a.py' (see below)"),
    "no tool was called": ("roo-code", "[ERROR] You did not use a tool in your previous response! Please retry with a tool use.", ""),
    "files that are referenced": ("gemini-cli", "fix @a.py\n\n--- Content from referenced files ---\n\nContent from @a.py:\n\nx = 1\n\n--- End of content ---", "fix @a.py"),
    "a hook's feedback": ("claude-code", "Stop hook feedback:\n[check]: b.py fails", ""),
    "files that are mentioned": ("codex", "# Files mentioned by the user:\n\n## b.py: src/b.py\n\n## My request for Codex:\nfix it", "fix it"),
    "files that are held together": ("unknown", '<attached_files>\n<code_selection path="b.py" lines="1-3">\nx\n</code_selection>\n</attached_files>\nfix it', "fix it"),
    "items that are held together": ("zed", "fix it\n\n<context>\nThe following items were attached by the user.\n\n<files>\n```b.py\nx\n```\n</files>\n</context>", "fix it"),
    "a context of the user's own": ("unknown", "<context>\nwe sell fruit\n</context>\nwrite a slogan", "<context>\nwe sell fruit\n</context>\nwrite a slogan"),
    "where it runs": ("goose", "<info-msg>\nWorking directory: /p\n</info-msg>\nfix it", "fix it"),
    "a word in brackets": ("unknown", "[System] fix the power unit in a.py", "[System] fix the power unit in a.py"),
    "a background task's end": ("qwen-code", "<task-notification>\n<result>see b.py</result>\n</task-notification>", ""),
    "an element that names no file": ("unknown", '<file name="x">\n1\n</file>\nwhy?', '<file name="x">\n1\n</file>\nwhy?'),
    "instructions": ("unknown", "# AGENTS.md instructions for /r\n\n<INSTRUCTIONS>\nx\n</INSTRUCTIONS>", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKS)
def test_the_ask_is_what_the_user_typed(name):
    client, block, ask = BLOCKS[name]
    assert parse_user_text(ROWS[client], block).text == ask


def test_files_around_an_ask_are_given():
    around = '<attachments>\n<file path="src/b.py">\nx = 1\n</file>\n</attachments>\n'
    block = parse_user_text(UNKNOWN, f"{around}<userRequest>\nfix a.py\n</userRequest>")
    assert block.text == "fix a.py"
    assert block.attached == (FileAccess("src/b.py", "given"),)


GIVEN = {
    "cline": '<file_content path="/p/b.py">\nx = 1\n</file_content>',
    "gptme": "fix it\n\n/p/b.py\n\n````/p/b.py\nx = 1\n````",
    "gemini-cli": "fix it\n--- Content from referenced files ---\nContent from @/p/b.py:\nx = 1\n--- End of content ---",
    "zed": "fix it\n<context>\nThe following items were attached by the user.\n<files>\n```/p/b.py\nx\n```\n</files>\n</context>",
    "cursor": '<attached_files>\n<code_selection path="/p/b.py" lines="1-3">\nx\n</code_selection>\n</attached_files>',
    "opencode": "<path>/p/b.py</path>\n<type>file</type>\n<content>\n1: x = 1\n</content>",
    "claude-code": 'Called the Read tool with the following input: {"file_path":"/p/b.py"}',
}


@pytest.mark.parametrize("client", GIVEN)
def test_a_file_that_is_attached_is_given(client):
    block = parse_user_text(ROWS[client], GIVEN[client])
    assert block.text in ("", "fix it")
    assert block.attached == (FileAccess("/p/b.py", "given"),)


TOOLLESS_SIDE_ASKS = (
    "Your task: Create a 2-4 word title for this conversation.",
    "Please generate a short title for the following conversation.",
    "Write a short title for this session:\n\nuser: fix a.py",
    "Generate a concise title of the chat. Answer with the title alone.",
    "Write a summary of our conversation.",
    "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.",
    "### Task:\nSuggest 3-5 relevant follow-up questions",
)
"""What assistants ask for themselves in words that a user may have, too."""
SIDE_ASKS = (
    "Generate a title for this conversation:\n",
    "Please provide a concise summary of our conversation so far, capturing the key context.",
    "Please create a detailed summary of the conversation so far. The history is being compacted.",
    "Warmup",
)
"""What assistants ask for themselves."""


@pytest.mark.parametrize("text", SIDE_ASKS)
def test_a_client_asks_for_itself(text):
    block = parse_user_text(UNKNOWN, text)
    assert block.side
    assert not block.text


@pytest.mark.parametrize("text", TOOLLESS_SIDE_ASKS)
def test_what_a_user_may_ask_for_too_stays_an_ask(text):
    block = parse_user_text(UNKNOWN, text)
    assert (block.side, block.toolless_side, block.text) == (False, True, text)


@pytest.mark.parametrize(
    "text",
    [
        "Create a title for the page in a.html.",
        "Write a summary of the release.",
        "Warmup the cache in a.py",
        "Generate a title for this session page in our app, src/pages/session.tsx, and use it everywhere.",
        "Generate a title for this conversation view and put it into a.tsx",
        "Write a summary of our conversation: put it in NOTES.md and then refactor a.py",
        "Create a short summary of the whole conversation, then fix a.py",
        "The conversation is being compacted too early, fix it in src/compact.py",
    ],
)
def test_a_user_who_asks_for_a_title_asks(text):
    block = parse_user_text(UNKNOWN, text)
    assert not block.side
    assert not block.toolless_side
    assert block.text == text


HARNESS = (
    "[Conversation summary]\nWe fixed a.py",
    "[Context compacted: 12 messages]\nWe fixed a.py",
    "Conversation summary:\nWe fixed a.py",
    "Context was compacted. Summary:\nWe fixed a.py",
    "The conversation history before this point was compacted into the following summary:\n\n<summary>",
    "The conversation history has been summarized.\n\nWe fixed a.py",
    "You have not used a tool in your last response.\n\nUse one.",
    "You have not called a tool.",
    "[SYSTEM NOTIFICATION - NOT USER INPUT]\nA task ended.",
    "[PreToolUse:Bash hook output]\nb.py fails",
    "SubagentStop hook feedback:\n[check]: b.py fails",
    "PostToolUse:Edit hook additional context: b.py fails",
    "PreToolUse hook additional context for read_file: b.py fails",
    "Your output was not formatted correctly. You must always include one command.",
    "Here is the folder structure of the current working directories:\n\na.py",
)
"""What a harness says in a block of its own."""
ASKS_LIKE_IT = (
    "This session is being continued from a previous conversation is shown twice in our CLI, see a.py",
    "Context was compacted wrongly by our CLI, find out why",
    "Context summary: make the panel in a.tsx wider",
    "Conversation summary component is broken in src/summary.tsx",
    "[Conversation summary] does not render in src/summary.tsx",
    "The conversation history has been compacted wrongly by our CLI, fix src/compact.py",
    "The conversation history before this point was compacted twice, fix src/compact.py",
    "Stop hook output is swallowed by our CLI, fix src/hooks.py",
    "Notification hook feedback: where do we show it?",
    "User hook additional context is dropped in src/hooks.py",
    "You have not called a tool handler in src/x.py, add it",
    "You have not used a tool. Run the tests now",
    "[System notification] is never shown in src/notify.py",
    "Your output is not formatted correctly in the table, fix it",
    "Here is the folder structure of the current working directory, where do tests go?",
    "Don't try and edit any existing code without asking me. Write a parser for CSV",
    "I am not sharing any files. How do I sort a list?",
    "I switched to a new code base and now the imports fail",
)
"""What a user asks about such blocks."""


@pytest.mark.parametrize("text", HARNESS)
def test_a_block_of_the_harness_is_no_ask(text):
    assert not parse_user_text(UNKNOWN, text).text


@pytest.mark.parametrize("text", ASKS_LIKE_IT)
def test_a_user_who_names_such_a_block_asks(text):
    block = parse_user_text(UNKNOWN, text)
    assert (block.text, block.compacted, block.reset, block.side) == (text, False, False, False)


def test_blocks_that_say_one_thing_are_joined():
    heading, answer, around = (
        "[read_file for 'a.py'] Result:",
        "x = 1",
        "<environment_details>\nb\n</environment_details>",
    )
    assert joined((heading, answer, around)) == [f"{heading}\n{answer}", around]
    files = (
        "\n--- Content from referenced files ---",
        "\nContent from a.py:\n",
        "x",
        "\n--- End of content ---",
    )
    assert joined(("fix it", *files, "please")) == ["fix it", "\n".join(files), "please"]


def test_worked_examples_are_left_behind():
    assert parse_user_text(
        UNKNOWN, "I switched to a new code base. Please don't consider the above files."
    ).reset
    assert not parse_user_text(UNKNOWN, "Why did I say that I switched to a new code base?").reset


def test_many_elements_cost_no_more_than_their_length():
    text = "<environment_info>" * 50_000 + "<userRequest>" * 50_000
    assert parse_user_text(UNKNOWN, text).text == text
    spelled = [f"<env_{''.join(letters)}>" for letters in product("iI", "nN", "fF", "oO")]
    assert parse_user_text(UNKNOWN, "\n".join([*spelled, "fix a.py"])).text.endswith("fix a.py")


SUMMARIES = [
    "Your task is to create a detailed summary of the conversation so far, paying close attention to",
    "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\n- Do NOT use Read, Bash or any other tool.\n- Your entire response must be plain text: an <analysis> block followed by a <summary> block.",
    "You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary for another LLM",
]
LABELS = [
    "Analyze if this message indicates a new conversation topic. If it does, extract a 2-3 word title",
    "Please write a 5-10 word title for the following conversation:\n\nUser: summarize the report",
]


@pytest.mark.parametrize("text", SUMMARIES)
def test_a_request_for_a_summary_is_one(text):
    block = parse_user_text(UNKNOWN, text)
    assert (block.text, block.side, block.summary) == ("", True, True)


@pytest.mark.parametrize("text", LABELS)
def test_a_request_for_a_label_is_none(text):
    block = parse_user_text(UNKNOWN, text)
    assert (block.text, block.side, block.summary) == ("", True, False)


def test_a_user_who_asks_for_a_summary_asks():
    block = parse_user_text(UNKNOWN, "Create a summary of the conversation in docs/talk.md")
    assert (bool(block.text), block.side, block.summary) == (True, False, False)
