"""Which track routers choose on the same tasks."""

import json
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.errors import BenchmarkError
from benchmarks.installed import interpreter
from benchmarks.research.complexity import judge
from benchmarks.research.routers import run
from benchmarks.research.routers_report import markdown, render
from benchmarks.research.tasks import Task, spread_evenly, tasks

BENCH = Path(__file__).parents[3] / ".venv-bench"


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Without a folder of suites and without peers."""
    return run(peers=tmp_path_factory.mktemp("nothing"))


def test_humaneval_alone_stays_local(alone):
    assert (alone.data, alone.litellm) == (False, None)
    turnout, length = alone.standings
    assert [(share.suite, share.of) for share in turnout.shares] == [("HumanEval", 164)]
    assert turnout.shares[0].right >= 160
    assert length.shares[0].right == 164
    assert turnout.curves == ()


def test_the_page_says_what_was_left_out(alone):
    page = markdown(alone)
    assert "Only HumanEval was compared" in page
    assert "LiteLLM is not installed" in page
    assert str(Path.cwd()) not in page + json.dumps(asdict(alone))
    printed = StringIO()
    render(alone, Console(file=printed, width=200))
    assert "Only HumanEval was compared" in printed.getvalue()
    assert "Only HumanEval" not in markdown(replace(alone, data=True, litellm="1.2.3"))


def test_every_suite_has_its_tasks_and_a_right_track(recorded_data):
    functions, issues, requests = (8, 18, 32) if recorded_data.name == "recorded" else (974, 500, 178)
    counted: dict[tuple[str, str], int] = {}
    for task in tasks(recorded_data):
        counted[task.suite, task.right] = counted.get((task.suite, task.right), 0) + 1
    assert counted.pop(("agent requests", "cloud")) >= requests
    assert counted == {
        ("HumanEval", "local"): 164,
        ("MBPP", "local"): functions,
        ("SWE-bench Verified", "cloud"): issues,
        ("HumanEval, wrapped", "local"): 164,
        ("SWE-bench Verified, wrapped", "cloud"): issues,
    }


def test_a_wrapped_task_keeps_its_words_and_none_of_the_example(recorded_data):
    by_suite = {task.suite: task for task in tasks(recorded_data)}
    for suite in ("HumanEval", "SWE-bench Verified"):
        ask, wrapped = (
            by_suite[suite].messages[0]["content"],
            by_suite[f"{suite}, wrapped"].messages[-1]["content"],
        )
        assert (
            f"<pr_description>\nConsider the following PR description:\n{ask}\n</pr_description>" in wrapped
        )
        assert "RestructuredText" not in wrapped


def test_a_folder_without_the_suites_is_told(tmp_path):
    with pytest.raises(BenchmarkError, match="cannot be read"):
        list(tasks(tmp_path))


@pytest.mark.slow
def test_litellm_judges_with_its_own_hook():
    if not (BENCH / "bin/python").exists():
        pytest.skip("the peers are not installed; `make bench` does")
    asks = (
        "Hi",
        "First, step by step, reason about and prove the algorithm of this distributed database API.",
    )
    sample = [Task(suite="s", right="local", messages=({"role": "user", "content": ask},)) for ask in asks]
    easy, hard = judge(sample, interpreter("litellm", BENCH))
    assert easy.tier == "SIMPLE"
    assert hard.score > easy.score


def test_a_peer_that_fails_is_told(tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho it is broken >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(BenchmarkError, match="it is broken"):
        judge([Task(suite="s", right="local", messages=({"role": "user", "content": "hi"},))], broken)


def test_evenly_takes_both_ends():
    assert spread_evenly([1, 2, 3], 4) == [1, 2, 3]
    assert spread_evenly(list(range(10)), 4) == [0, 3, 6, 9]
