# ruff: noqa: E501 - whole texts read best one a row
"""Tool calls that are written into text."""

import pytest

from router.features.text_calls import calls

TEXTS = {
    "an element with arguments": ("<read_file>\n<path>a.py</path>\n</read_file>", [("read_file", {"path": "a.py"})]),
    "several files": (
        "Let me look.\n<read_file>\n<args>\n<file>\n<path>a.py</path>\n</file>\n<file>\n<path>b.py</path>\n</file>\n</args>\n</read_file>",
        [("read_file", {"files": [{"path": "a.py"}, {"path": "b.py"}]})],
    ),
    "a file with markup in it": (
        "<write_to_file>\n<path>a.html</path>\n<content>\n<div><path>x</path></div>\n</content>\n</write_to_file>",
        [("write_to_file", {"path": "a.html", "content": "<div><path>x</path></div>"})],
    ),
    "a function": (
        "<function=execute_bash>\n<parameter=command>ls</parameter>\n</function>",
        [("execute_bash", {"command": "ls"})],
    ),
    "an invocation": ('<invoke name="Read">\n<parameter name="file_path">a.py</parameter>\n</invoke>', [("Read", {"file_path": "a.py"})]),
    "JSON": ('<tool_call>\n{"name": "view", "arguments": {"path": "a.py"}}\n</tool_call>', [("view", {"path": "a.py"})]),
    "broken JSON": ("<tool_call>\n{\n</tool_call>", []),
    "a fence of commands": ("```bash\nls\n```", [("bash", {"command": "ls\n"})]),
    "a fence that saves": ("```save a.py\nx = 1\n```", [("save", {"path": "a.py", "content": "x = 1\n"})]),
    "a fence in a fence": ("````append a.md\n```\nx\n```\n````", [("append", {"path": "a.md", "content": "```\nx\n```\n"})]),
    "a snippet": ("```js\nx = 1\n```", []),
    "markup": ("<div>\n<path>a.py</path>\n</div>", []),
    "an element that never ends": ("<read_file>\n<path>a.py</path>", []),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_calls_in_text(name):
    text, expected = TEXTS[name]
    assert [(call.name, call.arguments) for call in calls(text)] == expected


def test_an_element_with_its_path_as_attribute():
    (call,) = calls("<tool-use>\n<save args='a.py'>\nx = 1\n</save>\n</tool-use>")
    assert call.name == "save"
    assert call.arguments["path"] == "a.py"


@pytest.mark.parametrize(
    "piece",
    [
        "<read_file>",
        "<read_file>\n",
        "```save a.py\n",
        "````save a\n```save a\n",
        "<tool_call>{",
        "<function=a>",
    ],
)
def test_what_never_ends_costs_no_more_than_its_length(piece):
    calls(piece * (400_000 // len(piece)))
