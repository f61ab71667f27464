"""What goes wrong again in a turn, as Claude Code, mini-SWE-agent, aider, Cline and Codex tell it."""

import json

import pytest

from router.features.extractor import FeatureExtractor

ASK = "The date parser rejects week numbers; make it accept them."
CLAUDE = "You are Claude Code, Anthropic's official CLI for Claude."
AIDER = "Act as an expert software developer.\nAlways use best practices when coding."
MINI = "You are a helpful assistant that can interact with a computer shell to solve programming tasks."
PYTEST = (
    "=========================== short test summary info ============================\n"
    "FAILED tests/test_dates.py::test_weeks - ValueError: week\n"
    "========================= 1 failed, 3 passed in 0.21s =========================="
)
OTHER = PYTEST.replace("test_weeks", "test_months")
NO_MATCH = "<tool_use_error>String to replace not found in file.\nString: def parse(</tool_use_error>"
MALFORMED = """# 1 SEARCH/REPLACE block failed to match!

## SearchReplaceNoExactMatch: This SEARCH block failed to exactly match lines in dates.py
<<<<<<< SEARCH
def parse(text):
=======
def parse(text, weeks=True):
>>>>>>> REPLACE

The SEARCH section must exactly match an existing block of lines including all white space, comments
"""


class ClaudeCode:
    """A conversation as Claude Code sends it; steps are (tool, input, answer, failed)."""

    dialect = "anthropic_messages"

    def __init__(self, ask: str = ASK) -> None:
        self.messages: list[dict] = [{"role": "user", "content": [{"type": "text", "text": ask}]}]

    def step(self, *calls, answered: int | None = None):
        at = len(self.messages)
        uses = [
            {"type": "tool_use", "id": f"toolu_{at}_{n}", "name": name, "input": given}
            for n, (name, given, _, _) in enumerate(calls)
        ]
        results = [
            {"type": "tool_result", "tool_use_id": f"toolu_{at}_{n}", "content": text, "is_error": failed}
            for n, (_, _, text, failed) in enumerate(calls)
        ]
        self.messages += [
            {"role": "assistant", "content": [{"type": "text", "text": "Let me see."}, *uses]},
            {"role": "user", "content": results[:answered]},
        ]
        return self

    def ask(self, text: str):
        self.messages += [
            {"role": "assistant", "content": [{"type": "text", "text": "Done."}]},
            {"role": "user", "content": text},
        ]
        return self

    @property
    def body(self) -> dict:
        tools = [{"name": name, "input_schema": {"type": "object"}} for name in ("Bash", "Edit", "Read")]
        return {"system": [{"type": "text", "text": CLAUDE}], "tools": tools, "messages": self.messages}


class MiniSweAgent(ClaudeCode):
    """The same as mini-SWE-agent sends it: one tool, a return code before what it printed."""

    dialect = "openai_chat"

    def step(self, *calls, answered=None):
        at = len(self.messages)
        (_, given, text, failed), *_ = calls
        function = {"name": "bash", "arguments": json.dumps(given)}
        call = {"id": f"call_{at}", "type": "function", "function": function}
        answer = f"<returncode>{int(failed)}</returncode>\n<output>\n{text}\n</output>"
        self.messages += [
            {"role": "assistant", "content": "THOUGHT: look", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{at}", "content": answer},
        ]
        return self

    @property
    def body(self):
        return {"messages": [{"role": "system", "content": MINI}, *self.messages]}


class Text(ClaudeCode):
    """A client without tool calls: what the model writes, and what the harness says to it."""

    dialect = "openai_chat"
    system = AIDER

    def say(self, *texts: str):
        roles = ("assistant", "user")
        self.messages += [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]
        return self

    @property
    def body(self):
        return {"messages": [{"role": "system", "content": self.system}, *self.messages]}


@pytest.fixture
def read(request_of):
    def read(talk):
        return FeatureExtractor().read(request_of(talk.body, dialect=talk.dialect))

    return read


def bash(command, text="", *, failed=False, **more):
    return "Bash", {"command": command, **more}, text, failed


def edit(path="src/dates.py", text="The file has been updated.", *, failed=False):
    return "Edit", {"file_path": path, "old_string": "a", "new_string": "b"}, text, failed


FAILS = bash("python repro.py", "Exit code 1\nValueError: week", failed=True, description="Run it")
AGAIN = bash("python repro.py", "Exit code 1\nValueError: week", failed=True, description="Run it once more")


@pytest.mark.parametrize("client", [ClaudeCode, MiniSweAgent])
def test_the_same_call_that_fails_again_is_counted_while_it_has_just_failed(read, client):
    talk = client().step(FAILS)
    assert read(talk).same_call_failed == 1
    assert read(talk.step(bash("ls", "a.py"))).same_call_failed == 0
    features = read(talk.step(AGAIN))
    assert features.same_call_failed == 2
    assert not features.mid_step
    assert read(talk.step(bash("python repro.py", "ok"))).same_call_failed == 0
    assert read(talk.step(FAILS)).same_call_failed == 1  # it had gone well in between


def test_another_ask_begins_anew(read):
    talk = ClaudeCode().step(FAILS).step(FAILS)
    assert read(talk).same_call_failed == 2
    features = read(talk.ask("Now rename the module to calendar.py and fix the imports."))
    assert (features.same_call_failed, features.turn_calls) == (0, 0)
    assert read(talk.step(FAILS)).same_call_failed == 1


def test_a_call_with_other_arguments_is_another(read):
    talk = ClaudeCode().step(FAILS).step(bash("python repro.py --weeks", "Exit code 1", failed=True))
    assert read(talk).same_call_failed == 1


def test_a_call_that_is_sent_twice_in_one_step_fails_once(read):
    talk = ClaudeCode().step(FAILS, FAILS)
    assert read(talk).same_call_failed == 1
    assert read(talk.step(FAILS)).same_call_failed == 2


def test_what_the_user_declined_is_no_failure_of_the_model(read):
    declined = "The user doesn't want to proceed with this tool use. The tool use was rejected"
    talk = ClaudeCode()
    for _ in range(3):
        talk.step(edit(text=declined, failed=True))
    features = read(talk)
    assert (features.same_call_failed, features.edits_rejected, features.error_streak) == (0, 0, 0)


@pytest.mark.parametrize("client", [ClaudeCode, MiniSweAgent])
def test_the_same_test_fails_again_after_an_edit(read, client):
    change = edit() if client is ClaudeCode else bash("sed -i 's/a/b/' src/dates.py")
    talk = client().step(bash("pytest -q", PYTEST, failed=True))
    assert read(talk).same_test_failed == 1
    assert read(talk.step(bash("pytest -q -x", PYTEST, failed=True))).same_test_failed == 1  # nothing changed
    assert read(talk.step(change)).same_test_failed == 0
    assert read(talk.step(bash("pytest -q tests", OTHER, failed=True))).same_test_failed == 1
    assert read(talk.step(bash("pytest -q tests", PYTEST, failed=True))).same_test_failed == 2
    features = read(talk.step(change).step(bash("pytest -q tests/test_dates.py", PYTEST, failed=True)))
    assert (features.same_test_failed, features.turn_edits) == (3, 2)


def test_where_a_runner_names_no_test_its_command_stands_for_them(read):
    failed = "  3 passing\n  1 failing\n"
    talk = ClaudeCode().step(bash("npx mocha", failed, failed=True)).step(edit())
    assert read(talk.step(bash("npx mocha", failed, failed=True))).same_test_failed == 2


def test_edits_that_do_not_apply_are_counted_in_a_row(read):
    talk = ClaudeCode().step(edit(text=NO_MATCH, failed=True))
    assert read(talk).edits_rejected == 1
    features = read(
        talk.step(bash("grep -n parse src/dates.py", "1:x")).step(edit(text=NO_MATCH, failed=True))
    )
    assert (features.edits_rejected, features.turn_edits) == (2, 0)
    features = read(talk.step(edit()))
    assert (features.edits_rejected, features.turn_edits) == (0, 1)


def test_a_patch_that_a_shell_does_not_apply(read):
    rejected = "error: patch failed: src/dates.py:3\nerror: src/dates.py: patch does not apply"
    talk = MiniSweAgent().step(bash("git apply fix.diff && pytest", rejected, failed=True))
    assert read(talk).edits_rejected == 1
    # The edit was made; it is the tests that fail.
    features = read(talk.step(bash("sed -i 's/a/b/' src/dates.py && pytest", PYTEST, failed=True)))
    assert (features.edits_rejected, features.turn_edits) == (0, 1)


BLOCK = """dates.py
```python
<<<<<<< SEARCH
def parse(text):
=======
def parse(text, weeks=True):
>>>>>>> REPLACE
```"""


def test_aider_says_in_a_message_that_its_edits_do_not_match(read):
    talk = Text()
    assert read(talk).client == "aider"
    features = read(talk.say(BLOCK, MALFORMED))
    assert (features.edits_rejected, features.turns, features.turn_calls) == (1, 1, 1)
    features = read(talk.say(BLOCK, MALFORMED))
    assert (features.edits_rejected, features.turns, features.turn_edits) == (2, 1, 0)
    assert not features.mid_step
    lint = "# Fix any errors below, if possible.\n\n## Running: flake8 dates.py\n\ndates.py:1:1: E999"
    features = read(talk.say(BLOCK, lint))
    assert (features.edits_rejected, features.turn_edits, features.turns) == (0, 1, 1)


def test_aider_tells_of_a_test_that_fails_again(read):
    failed = f"I ran this command:\n\npytest -q\n\nAnd got this output:\n\n{PYTEST}\n"
    talk = Text().say(BLOCK, failed)
    assert read(talk).same_test_failed == 1
    features = read(talk.say(BLOCK, failed))
    assert (features.same_test_failed, features.turns, features.turn_edits) == (2, 1, 2)


class Cline(Text):
    system = "You are Cline, a highly skilled software engineer with extensive knowledge."


def test_cline_answers_in_text(read):
    call = "<replace_in_file>\n<path>src/dates.py</path>\n<diff>x</diff>\n</replace_in_file>"
    failed = (
        "[replace_in_file for 'src/dates.py'] Result:\nThe tool execution failed with the following error:\n"
        "<error>\nThe SEARCH block:\nx\n...does not match anything in the file.\n</error>"
    )
    talk = Cline(f"<task>\n{ASK}\n</task>").say(call, failed, call, failed)
    features = read(talk)
    assert (features.edits_rejected, features.same_call_failed, features.mid_step) == (2, 2, False)


def test_codex_applies_no_patch_either(read):
    class Codex(MiniSweAgent):
        def step(self, *calls, answered=None):
            super().step(*calls)
            self.messages[-1]["content"] = calls[0][2]
            call = self.messages[-2]["tool_calls"][0]["function"]
            call["name"] = "apply_patch"
            return self

    patch = "*** Begin Patch\n*** Update File: src/dates.py\n@@\n-a\n+b\n*** End Patch"
    failed = "Failed to find expected lines in src/dates.py:\na"
    talk = Codex().step(("", {"input": patch}, failed, True)).step(("", {"input": patch}, failed, True))
    assert read(talk).edits_rejected == 2


def test_a_step_is_not_over_while_a_call_is_open_or_its_answer_goes_on(read):
    both = (FAILS, FAILS)
    assert read(ClaudeCode()).mid_step is False
    assert read(ClaudeCode().step(*both)).mid_step is False
    assert read(ClaudeCode().step(*both, answered=1)).mid_step is True
    talk = ClaudeCode().step(*both)
    talk.messages.append({"role": "assistant", "content": "The cause is"})
    assert read(talk).mid_step is True


def test_a_longer_conversation_is_read_as_if_it_were_new(request_of):
    kept = FeatureExtractor()
    talk = ClaudeCode()
    for _ in range(4):
        talk.step(FAILS).step(edit(text=NO_MATCH, failed=True)).step(bash("pytest", PYTEST, failed=True))
        request = request_of(talk.body)
        assert kept.read(request) == FeatureExtractor().read(request)
