"""A suite of a user's own: asks as JSON lines, read, judged and decided now."""

import json

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import SUITES
from benchmarks.evaluation.selection import Selection, load_suites
from benchmarks.evaluation.suites.own import load_tasks, suite_name

ASKS = (
    {"id": "ours/1", "ask": "Write a Python function that reverses a list.", "label": "self-contained"},
    {
        "id": "ours/2",
        "ask": "Fix the login test and update the docs.",
        "tools": ["bash", {"name": "edit", "description": "", "input_schema": {"type": "object"}}],
        "envelope": "claude-code",
        "label": "repository",
        "group": "web",
    },
    {"id": "ours/3", "ask": "Why does this fail?", "files": {"a.py": "print(1/0)", "b.py": "x = 1"}},
)
OUTCOMES = """\
task,system,passed,calls,prompt,output,usd
ours/1,mine,1,1,200,100,
ours/2,mine,0,60,900000,9000,0.05
ours/3,mine,0.5,,,,
ours/1,theirs,1,,,,0.002
ours/2,theirs,1,30,500000,8000,0.41
HumanEval/0,mine,1,,,,
"""


@pytest.fixture
def ours(tmp_path):
    file = tmp_path / "ours.jsonl"
    file.write_text("\ufeff" + "\n".join(map(json.dumps, ASKS)) + "\n\n", encoding="utf-8")
    return file


@pytest.fixture
def selection(ours, tmp_path):
    outcomes = tmp_path / "m.csv"
    outcomes.write_text(OUTCOMES)
    return Selection(suite=ours, outcomes=outcomes, local={"": "mine"}, cloud={"ours": "theirs"})


def test_tasks_are_read_judged_and_joined_with_outcomes(selection):
    suite = load_suites(("ours",), selection)["ours"]
    first, second, third = suite.cases
    assert (suite.name, suite.local.name, suite.cloud.name) == ("ours", "mine", "theirs")
    assert (first.label, second.label, third.label) == ("self-contained", "repository", "")
    assert (first.features.tools_offered, first.features.client) == (0, "unknown")
    assert (second.features.tools_offered, second.features.client) == (2, "claude-code")
    assert third.features.context_tokens > first.features.context_tokens
    assert [case.group for case in suite.cases] == ["ours/1", "web", "ours/3"]
    assert [(case.local, case.cloud) for case in suite.cases] == [(1, 1), (0, 1), (0.5, None)]
    assert (second.local_effort.calls, second.local_effort.usd, second.local_effort.measured) == (
        60,
        0.05,
        True,
    )
    assert (first.cloud_effort.calls, first.cloud_effort.usd, first.cloud_effort.measured) == (
        1,
        0.002,
        False,
    )
    assert third.cloud_effort.calls == 1


def test_a_task_with_tools_is_an_agents_where_nobody_counted(ours):
    suite = load_suites(("ours",), Selection(suite=ours))["ours"]
    assert [case.local_effort.calls for case in suite.cases] == [1, 87, 1]
    assert [case.cloud_effort.calls for case in suite.cases] == [1, 51, 1]
    assert all(case.local is None and case.cloud is None for case in suite.cases)


def test_shipped_suites_stand_beside_it(selection):
    suites = load_suites((*SUITES, "ours"), selection)
    assert suites["humaneval"].local.name == "mine"
    assert suites["swebench"].local.name != "mine"
    assert list(suites) == [*SUITES, "ours"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ours.jsonl: is empty; write a line for each task"),
        ("ask,id\n", "line 1: is no JSON object"),
        ('[{"id": "a"}]', "line 1: is one JSON array; write one object a line"),
        ('{"id": "a", "ask": "x"}\n"b"', "line 2: is no JSON object"),
        ('{"ask": "x"}', "line 1: field id: is missing or no text"),
        ('{"id": "a", "ask": " "}', "line 1: field ask: is missing or no text"),
        ('{"id": 3, "ask": "x"}', "line 1: field id: is missing or no text"),
        ('{"id": "a", "ask": "x", "lable": "repository"}', "unknown field 'lable': did you mean 'label'?"),
        ('{"id": "a", "ask": "x", "label": "hard"}', "field label: 'hard' is none; write self-contained or"),
        ('{"id": "a", "ask": "x", "label": ["repository"]}', "field label: "),
        ('{"id": "a", "ask": "x", "envelope": "vim"}', "field envelope: 'vim' is no client; there are bare"),
        ('{"id": "a", "ask": "x", "files": ["a.py"]}', "field files: must be an object of texts by path"),
        ('{"id": "a", "ask": "x", "tools": "bash"}', "field tools: must be a list of names or definitions"),
        ('{"id": "a", "ask": "x", "group": 1}', "field group: must be a string"),
        (
            '{"id": "a", "ask": "x"}\n\n{"id": "a", "ask": "y"}',
            "line 3: field id: 'a' stands in line 1 already",
        ),
        ('{"id": "HumanEval/0", "ask": "x"}', "field id: 'HumanEval/0' is a task of a shipped suite"),
    ],
)
def test_a_wrong_file_is_refused_with_line_field_and_remedy(text, message, tmp_path):
    file = tmp_path / "ours.jsonl"
    file.write_text(text)
    with pytest.raises(BenchmarkError) as refused:
        load_tasks(file)
    assert message in str(refused.value)
    assert "ours.jsonl" in str(refused.value)


@pytest.mark.parametrize("name", ["humaneval.jsonl", "1st.jsonl", "our tasks.jsonl"])
def test_a_name_that_cannot_be_a_suites_is_refused(name, tmp_path):
    with pytest.raises(BenchmarkError, match=r"--suite: .*name"):
        suite_name(tmp_path / name)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (
            {"local": {"ours": "mine"}},
            "no task of ours has outcomes of both systems: mine has 3 (ours/1, ...)",
        ),
        ({"local": {"ours": "nobody"}}, "--local: no outcomes of 'nobody' on ours"),
        ({}, "no system of it is compared; choose one with --local"),
    ],
)
def test_systems_of_it_must_be_chosen_and_known(chosen, message, ours, selection):
    with pytest.raises(BenchmarkError) as refused:
        load_suites(("ours",), Selection(suite=ours, outcomes=selection.outcomes, **chosen))
    assert message in str(refused.value)
