"""A user's own outcomes, on top of what is recorded."""

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites.outcomes import Outcome, load, save
from benchmarks.evaluation.suites.recorded import load_suite

SONNET = "claude-3-5-sonnet-20240620"


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "own.csv"
        path.write_text(text)
        return path

    return write


def test_own_outcomes_go_before_the_recorded_and_fill_what_nobody_measured(written):
    own = written(
        f"task,system,passed\nHumanEval/0,{SONNET},0\nHumanEval/1,{SONNET},0.25\nHumanEval/1,mine,1\n"
    )
    suite = load_suite("humaneval", outcomes=own)
    recorded = load_suite("humaneval")
    assert [case.cloud for case in suite.cases[:3]] == [0.0, 0.25, None]
    assert [case.cloud for case in recorded.cases[:3]] == [1.0, None, None]
    assert [case.cloud for case in suite.cases[2:]] == [case.cloud for case in recorded.cases[2:]]
    assert [case.local for case in suite.cases] == [case.local for case in recorded.cases]
    assert f"Outcomes of {SONNET} are from {own}." in suite.notes


def test_a_system_of_ones_own_on_either_track(written):
    own = written("task,system,passed,samples\nHumanEval/3,mine,0.5,2\n")
    local = load_suite("humaneval", local="mine", outcomes=own)
    assert (local.local.name, local.local.runs) == ("mine", "local")
    assert {case.id: case.local for case in local.cases if case.local is not None} == {"HumanEval/3": 0.5}
    cloud = load_suite("humaneval", cloud="mine", outcomes=own)
    assert (cloud.cloud.runs, cloud.cases[3].cloud) == ("cloud", 0.5)


def test_measured_efforts_replace_the_estimate(written):
    own = written(
        "task,system,passed,calls,prompt,output,usd\n"
        "HumanEval/3,mine,1,1,200,90,0.01\n"
        "django__django-11099,mine,1,40,400000,9000,\n"
        "django__django-11133,mine,0,,,,\n"
    )
    effort = load_suite("humaneval", local="mine", outcomes=own).cases[3].local_effort
    assert (effort.calls, effort.prompt, effort.last_prompt, effort.output, effort.measured) == (
        1,
        200,
        200,
        90,
        True,
    )
    agents = {case.id: case for case in load_suite("swebench", local="mine", outcomes=own).cases}
    run = agents["django__django-11099"].local_effort
    assert (run.calls, run.prompt, run.measured) == (40, 400_000, True)
    assert 10_000 < run.last_prompt < 30_000, (
        "a conversation that grows evenly ends at twice its mean, at most"
    )
    assert agents["django__django-11133"].local_effort.measured is False
    assert agents["django__django-11133"].local_effort.calls == 87


def test_what_is_saved_is_what_is_loaded(tmp_path):
    path = tmp_path / "own.csv"
    outcomes = (
        Outcome(task="Mbpp/2", system="a, b", passed=0.5, samples=4, calls=1, prompt=10, output=3.5, usd=0.1),
        Outcome(task="Mbpp/3", system="a, b", passed=1),
    )
    save(path, outcomes)
    assert load(path, {"Mbpp/2", "Mbpp/3"}) == outcomes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: column task, system, passed is missing"),
        ("task,system\n", "line 1: column passed is missing"),
        ("task,system,pased\n", "line 1: unknown column 'pased': did you mean 'passed'?"),
        (
            "task,system,passed\nHumanEval/0,m,1\nHumanEval/999,m,1\n",
            "line 3: no suite has a task 'HumanEval/999'",
        ),
        ("task,system,passed\nHumanEval/0,m,1\nHumanEval/0,m,0\n", "line 3: line 2 has this task and system"),
        ("task,system,passed\nHumanEval/0,m\n", "line 2: 2 fields, the header has 3"),
        ("task,system,passed\nHumanEval/0,m,yes\n", "line 2: passed must be a number from 0 on, not 'yes'"),
        (
            "task,system,passed\nHumanEval/0,m,2\n",
            "line 2: passed must be 0, 1 or a share between them, not '2'",
        ),
        ("task,system,passed\nHumanEval/0,m,\n", "line 2: passed must be 0, 1 or a share"),
        ("task,system,passed\nHumanEval/0,m,nan\n", "line 2: passed must be a number"),
        ("task,system,passed\nHumanEval/0,,1\n", "line 2: system is empty"),
        ("task,system,passed,usd\nHumanEval/0,m,1,-3\n", "line 2: usd must be a number from 0 on, not '-3'"),
        (
            "task,system,passed\nHumanEval/0,m,1\n",
            "has outcomes of m only: choose one with --local or --cloud",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_the_line(text, message, written):
    with pytest.raises(BenchmarkError) as refused:
        load_suite("humaneval", outcomes=written(text))
    assert message in str(refused.value)
    assert "own.csv" in str(refused.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BenchmarkError, match="cannot be read"):
        load_suite("humaneval", outcomes=tmp_path / "none.csv")
