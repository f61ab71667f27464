# ruff: noqa: E501 - whole answers read best one a row
"""What tools answer, in the words of each harness."""

import json

import pytest

from router.features.tool_output import parse

FAILED = {
    "claude-code": "<tool_use_error>File has not been read yet</tool_use_error>",
    "claude-code, a command": "Exit code 1\nno such file",
    "codex": "Chunk ID: 1\nWall time: 1 s\nProcess exited with code 2\nOutput:\nx",
    "copilot": "x\n<shellId: 1 completed with exit code 1>",
    "copilot, a file": "Path /p/a.py does not exist. Please provide a valid path.",
    "qwen-code": "Command: ls\nOutput: x\nError: (none)\nExit Code: 1\nSignal: (none)\nProcess Group PGID: (none)",
    "qwen-code, a file": "File not found: /p/a.py",
    "continue": "Error executing tool Read: File does not exist: /p/a.py",
    "continue, a tool": "Tool MultiEdit not found",
    "gptme": "Error during execution: Patch failed: No such file",
    "gptme, a command": "Ran command: `ls x`\n\n```stderr\nx\n```\n\nReturn code: 2\n",
    "roo-code": "Command execution was not successful.\nExit code: 1\nOutput:\nx",
    "cline": '[{"query": "/p/a.py", "result": "", "error": "Error reading file", "success": false}]',
    "mini-swe-agent": '{"returncode": 1, "output": "x"}',
    "tests, whatever the code": "F\n----\nRan 1 test in 0.001s\n\nFAILED (failures=1)\n",
}
FINE = {
    "copilot": "x\n<shellId: 1 completed with exit code 0>",
    "qwen-code": "Command: ls\nOutput: x\nError: (none)\nExit Code: 0\nSignal: (none)\nProcess Group PGID: (none)",
    "gptme": "Ran command: `ls`\n\n```stdout\nx\n```\n",
    "cline": '[{"query": "ls", "result": "a.py", "success": true}]',
    "a file that speaks of errors": "def fail():\n    raise Error('Exit code 1')\n",
    "a file of JSON": '{"success": false}',
    "nothing": "",
}


@pytest.mark.parametrize("name", FAILED)
def test_a_failure_is_recognised(name):
    assert all(output.failed for output in parse(FAILED[name]))


@pytest.mark.parametrize("name", FINE)
def test_what_went_well_is_no_failure(name):
    assert not any(output.failed for output in parse(FINE[name]))


def test_answers_in_json_are_unwrapped():
    text = "F\n----\nRan 2 tests in 0.001s\n\nFAILED (failures=1)\n"
    answers = [
        {"query": "a", "result": "x", "success": True},
        {"query": "b", "result": text, "success": False},
    ]
    first, second = parse(json.dumps(answers))
    assert (first.text, first.failed, first.tested) == ("x", False, None)
    assert (second.failed, second.tested) == (True, (1, 1))


def test_the_harness_may_say_so():
    assert parse("x", error=True)[0].failed
