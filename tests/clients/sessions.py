"""What each real assistant is made to do in the orchard: its programs, and what the model answers it.

A session lists, reads, misses a file, edits, runs a test that fails, has a sub-agent and a compaction,
as far as the assistant has them. `sessions.csv` is the key: what is right for each of its requests.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import assistants
from assistants import Name, Place, Program

FIRST = "Apples must not carry the surcharge of 1 any more. Change it and let the tests pass. See @README.md"
SECOND = "Is the surcharge gone?"
ERRAND = "Say which module holds the price of figs."
ROLE = "You look things up."
"""Of the sub-agent, where the model gives it one."""
OLD, NEW = "count * PRICE + 1", "count * PRICE"
TEST = "python3 -m unittest tests.test_apples"
SLOW = 1.0
"""Seconds that a sub-agent's model takes, so that a main loop which does not wait is ahead."""

Step = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One assistant's run."""

    client: Name
    programs: Callable[[Place, str], list[Program]]
    """To be run in turn, given the base URL without `/v1`."""
    steps: Callable[[Path], list[Step]]
    """What the model answers, given the workspace."""


def call(name: str, /, **arguments: Any) -> Step:
    return {"name": name, "input": arguments}


def calls(*made: Step, when: str = "", **more: Any) -> Step:
    return {"tools": list(made), "when": when, **more}


def says(text: str, when: str = "", **more: Any) -> Step:
    return {"text": text, "when": when, **more}


def _claude(agent: str, main: str, sub: str) -> Callable[[Path], list[Step]]:
    """Claude Code's; `main` and `sub` stand in the bodies of its main loop and its sub-agents."""

    def steps(at: Path) -> list[Step]:
        def read(name: str) -> Step:
            return call("Read", file_path=str(at / f"orchard/{name}.py"))

        edit = call("Edit", file_path=str(at / "orchard/apples.py"), old_string=OLD, new_string=NEW)
        errand = call(agent, subagent_type="general-purpose", description="Look", prompt=ERRAND)
        return [
            says("<summary>A summary.</summary>", when="Respond with TEXT ONLY"),
            says("A summary.", when="create a detailed summary of the conversation"),
            calls(read("figs"), when=sub, delay_s=SLOW),
            says("In orchard/figs.py.", when=sub),
            calls(call("Bash", command="ls orchard", description="List"), when=main),
            calls(read("apples"), read("pears"), when=main),
            calls(read("missing"), when=main),
            calls(edit, when=main),
            calls(call("Bash", command=TEST, description="Test"), when=main),
            calls(errand, when=main),
            says("All done.", when=main),
            says("It is in figs.", when=main),
            says("Yes.", when=main),
        ]

    return steps


def _claude_programs(start: Callable[..., Program]) -> Callable[[Place, str], list[Program]]:
    def programs(place: Place, url: str) -> list[Program]:
        tools = "Bash,Read,Write,Edit,Task,Agent"
        asks = (FIRST, "/compact", SECOND)
        return [
            start(place, ask, url=url, tools=tools, flags=("--continue",) if at else ())
            for at, ask in enumerate(asks)
        ]

    return programs


def _cline(at: Path) -> list[Step]:
    main, sub = '"team_status"', f"{ROLE}\\n\\n# Rules"

    def read(*names: str) -> Step:
        return call("read_files", files=[{"path": str(at / f"orchard/{name}.py")} for name in names])

    def edit(name: str) -> Step:
        return call("editor", path=str(at / f"orchard/{name}.py"), old_text=OLD, new_text=NEW)

    return [
        calls(read("figs"), when=sub),
        says("In figs.py.", when=sub),
        calls(call("run_commands", commands=["ls orchard"]), when=main),
        calls(read("apples", "pears"), when=main),
        calls(read("missing"), when=main),
        calls(call("search_codebase", queries=["PRICE"]), when=main),
        calls(edit("apples"), edit("pears"), when=main),
        calls(call("run_commands", commands=[TEST]), when=main),
        calls(call("spawn_agent", systemPrompt=ROLE, task=ERRAND), when=main),
        says("All done.", when=main),
    ]


def _copilot(at: Path) -> list[Step]:
    sub, main = "As a sub-agent", '"view"'

    def view(name: str) -> Step:
        return call("view", path=str(at / f"orchard/{name}.py"))

    edit = call("edit", path=str(at / "orchard/apples.py"), old_str=OLD, new_str=NEW)
    errand = call(
        "task", description="Look", prompt=ERRAND, agent_type="general-purpose", name="look", mode="sync"
    )
    search = call("grep", pattern="PRICE", paths=str(at / "orchard"), output_mode="content")
    return [
        calls(view("figs"), when=sub),
        says("In figs.py.", when=sub),
        calls(call("bash", command="ls orchard", description="List"), when=main),
        calls(view("apples"), view("pears"), when=main),
        calls(view("missing"), when=main),
        calls(search, when=main),
        calls(edit, when=main),
        calls(call("bash", command=TEST, description="Test"), when=main),
        calls(errand, when=main),
        says("All done.", when=main),
        says("A summary.", when="being compacted"),
        says("Yes.", when=main),
    ]


def _qwen(at: Path) -> list[Step]:
    sub, main = "general-purpose subagent working for", '"get_goal"'

    def read(name: str) -> Step:
        return call("read_file", file_path=str(at / f"orchard/{name}.py"))

    edit = call("edit", file_path=str(at / "orchard/apples.py"), old_string=OLD, new_string=NEW)
    errand = call("agent", description="Look", prompt=ERRAND, subagent_type="general-purpose")
    return [
        calls(read("figs"), when=sub, delay_s=SLOW),
        says("In figs.py.", when=sub),
        says("<state_snapshot>\nAll done.\n</state_snapshot>", when="You are the component that summarizes"),
        calls(call("run_shell_command", command="ls orchard", is_background=False), when=main),
        calls(read("apples"), read("pears"), when=main),
        calls(read("missing"), when=main),
        calls(edit, when=main),
        calls(call("run_shell_command", command=TEST, is_background=False), when=main),
        calls(errand, when=main),
        says("All done.", when=main),
        says("It is in figs.", when=main),
        says("Yes.", when=main),
    ]


def _opencode(at: Path) -> list[Step]:
    main = '"todowrite"'

    def read(name: str) -> Step:
        return call("read", filePath=str(at / f"orchard/{name}.py"))

    edit = call("edit", filePath=str(at / "orchard/apples.py"), oldString=OLD, newString=NEW)
    return [
        calls(call("bash", command="ls orchard", description="List"), when=main),
        calls(read("apples"), read("pears"), when=main),
        calls(read("missing"), when=main),
        calls(edit, when=main),
        calls(call("bash", command=TEST, description="Test"), when=main),
        calls(call("task", description="Look", prompt=ERRAND, subagent_type="general"), when=main),
        calls(read("figs"), when=main),
        says("In figs.py.", when=main),
        says("All done.", when=main),
        says("Yes.", when=main),
    ]


def _continue(at: Path) -> list[Step]:
    main = '"Read"'

    def read(name: str) -> Step:
        return call("Read", filepath=str(at / f"orchard/{name}.py"))

    edit = call("Edit", file_path=str(at / "orchard/apples.py"), old_string=OLD, new_string=NEW)
    return [
        says("A summary.", when="concise summary of our conversation"),
        calls(call("List", dirpath="orchard"), when=main),
        calls(read("apples"), read("pears"), when=main),
        calls(read("missing"), when=main),
        calls(edit, when=main),
        calls(call("Bash", command=TEST), when=main),
        says("All done.", when=main),
        says("Yes.", when=main),
    ]


def _codex(at: Path) -> list[Step]:
    del at
    main = "Codex"
    patch = (
        "*** Begin Patch\n*** Update File: orchard/apples.py\n@@\n"
        f"-    return {OLD}\n+    return {NEW}\n*** End Patch\n"
    )

    def shell(line: str) -> Step:
        return call("exec_command", cmd=line)

    return [
        calls(shell("ls orchard"), when=main),
        calls(shell("cat orchard/apples.py"), shell("sed -n 1,80p orchard/pears.py"), when=main),
        calls(call("apply_patch", input=patch), when=main),
        calls(shell(TEST), when=main),
        says("All done.", when=main),
        says("Yes.", when=main),
    ]


def _codex_scripts(at: Path) -> list[Step]:
    """Calls as it has the models make them to which it offers scripts alone."""
    del at
    patch = (
        "*** Begin Patch\n*** Update File: orchard/apples.py\n@@\n"
        f"-    return {OLD}\n+    return {NEW}\n*** End Patch\n"
    )
    made = (
        'text((await tools.exec_command({cmd: "cat orchard/apples.py"})).output);',
        f"text(await tools.apply_patch({json.dumps(patch)}));",
        f"text((await tools.exec_command({{cmd: '{TEST}'}})).output);",
    )
    calling = [calls(call("functions__exec", input=script), when="functions__exec") for script in made]
    return [*calling, says("All done.", when="functions__exec")]


_PATCH = f"<<<<<<< ORIGINAL\n    return {OLD}\n=======\n    return {NEW}\n>>>>>>> UPDATED"


def _gptme(at: Path) -> list[Step]:
    """Calls as it makes them where the provider has tools."""
    del at
    made = (
        call("shell", command="cat orchard/apples.py"),
        call("patch", path="orchard/apples.py", patch=_PATCH),
        call("patch", path="orchard/missing.py", patch=_PATCH),
        call("shell", command=TEST),
        call("save", path="NOTES.md", content="Done.\n"),
        call("append", path="NOTES.md", content="Really.\n"),
        call("complete"),
    )
    return [calls(one, when="You are gptme") for one in made]


def _gptme_text(fence: Callable[[str, str, str], str]) -> Callable[[Path], list[Step]]:
    """Calls as text in the form of `fence(tool, path, body)`."""

    def steps(at: Path) -> list[Step]:
        del at
        made = (
            ("shell", "", "cat orchard/apples.py"),
            ("patch", "orchard/apples.py", _PATCH),
            ("patch", "orchard/missing.py", _PATCH),
            ("shell", "", TEST),
            ("save", "NOTES.md", "Done."),
            ("append", "NOTES.md", "Really."),
            ("complete", "", ""),
        )
        return [says(f"Next.\n\n{fence(*one)}", when="You are gptme") for one in made]

    return steps


def _in_fence(tool: str, path: str, body: str) -> str:
    return f"```{tool} {path}".rstrip() + f"\n{body}\n```"


def _continued(start: Callable[..., Program], *asks: str) -> Callable[[Place, str], list[Program]]:
    """The asks in turn, each but the first in the session before it."""

    def programs(place: Place, url: str) -> list[Program]:
        return [start(place, ask, url=url, goes_on=at > 0) for at, ask in enumerate(asks)]

    return programs


SESSIONS: dict[str, Session] = {
    "claude-code": Session(
        client="claude-code",
        programs=_claude_programs(assistants.claude),
        steps=_claude("Agent", main='"ScheduleWakeup"', sub="cc_is_subagent=true"),
    ),
    "claude-code, typed": Session(
        client="claude-code",
        programs=lambda place, url: [
            assistants.claude_typed(
                place,
                "cycle)",
                "/model claude-opus-5-5",
                "Set model to",
                FIRST,
                "It is all there.",
                url=url,
            )
        ],
        steps=lambda at: [
            calls(call("Read", file_path=str(at / "orchard/apples.py")), when='"ScheduleWakeup"'),
            says("It is all there.", when='"ScheduleWakeup"'),
        ],
    ),
    "claude-code-2.0": Session(
        client="claude-code-2.0",
        programs=_claude_programs(assistants.claude_2_0),
        steps=_claude("Task", main='"EnterPlanMode"', sub="You are an agent for Claude Code"),
    ),
    "cline": Session(
        client="cline", programs=lambda place, url: [assistants.cline(place, FIRST, url=url)], steps=_cline
    ),
    "copilot": Session(
        client="copilot", programs=_continued(assistants.copilot, FIRST, "/compact", SECOND), steps=_copilot
    ),
    "qwen-code": Session(
        client="qwen-code", programs=_continued(assistants.qwen, FIRST, "/compress", SECOND), steps=_qwen
    ),
    "opencode": Session(
        client="opencode", programs=_continued(assistants.opencode, FIRST, SECOND), steps=_opencode
    ),
    "continue": Session(
        client="continue", programs=_continued(assistants.cn, FIRST, "/compact", SECOND), steps=_continue
    ),
    "codex": Session(
        client="codex",
        programs=_continued(partial(assistants.codex, model="gpt-5.5"), FIRST, SECOND),
        steps=_codex,
    ),
    "codex, scripts": Session(
        client="codex",
        programs=_continued(partial(assistants.codex, model="gpt-5.6-sol"), FIRST),
        steps=_codex_scripts,
    ),
    "gptme": Session(
        client="gptme",
        programs=lambda place, url: [assistants.gptme(place, FIRST, url=url, form="tool")],
        steps=_gptme,
    ),
    "gptme, fences": Session(
        client="gptme",
        programs=lambda place, url: [assistants.gptme(place, FIRST, url=url, form="markdown")],
        steps=_gptme_text(_in_fence),
    ),
}
