"""A user's own outcomes, on top of what is recorded."""

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cost import Rates
from benchmarks.evaluation.suites.outcomes import Outcome, load, save
from benchmarks.evaluation.suites.recorded import load_suite
from router.billing.prices import Prices

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
    assert any(
        note.startswith(
            f"Outcomes of {SONNET} are from {own}: 2 of 164 tasks; HumanEval/2 is one without a row."
        )
        for note in suite.notes
    )


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


HEADER = "task,system,passed"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "own.csv: is empty; its first line must be a header such as task,system,passed"),
        (" \n\n", "own.csv: is empty"),
        (f"{HEADER}\n", "own.csv: has a header and no rows"),
        ("task,system\n", "line 1: column passed is missing; the header begins task,system,passed"),
        ("task,system,pased\n", "line 1: unknown column 'pased': did you mean 'passed'?"),
        ("task,system,pass@1\n", "line 1: unknown column 'pass@1': did you mean 'passed'?"),
        ("instance_id,model,resolved\n", "line 1: unknown column 'instance_id': did you mean 'task'?"),
        ("task,Model,passed\n", "line 1: unknown column 'Model': did you mean 'system'?"),
        ("task,system,passed,cost\n", "line 1: unknown column 'cost': did you mean 'usd'?"),
        ("task,system,passed,passed\n", "line 1: column passed stands there twice"),
        ("task;system;passed\nHumanEval/0;m;1\n", "line 1: columns are separated by semicolons; separate"),
        ("task\tsystem\tpassed\n", "line 1: columns are separated by tabs"),
        ("HumanEval/0,m,1\n", "line 1: unknown column 'HumanEval/0'"),
        (
            f"{HEADER}\nHumanEval/0,m,1\nHumanEval/999,m,1\n",
            (
                "line 3: column task: no suite has a task 'HumanEval/999': did you mean 'HumanEval/99'? "
                "Tasks of your own are named with --suite FILE"
            ),
        ),
        (
            f"{HEADER}\nHumanEval/0,m,1\n\nHumanEval/0,m,0\n",
            "line 4: line 2 has the task 'HumanEval/0' of 'm'",
        ),
        (f"{HEADER}\nHumanEval/0,m\n", "line 2: 2 fields, the header has 3 (task,system,passed)"),
        (f"{HEADER}\nHumanEval/0,m,0,5\n", "line 2: 4 fields, the header has 3"),
        (
            f'{HEADER}\nHumanEval/0,m,"0,5"\n',
            "line 2: column passed: must be 0, 1 or a share between them, not '0,5'; write 0.5, with a point",
        ),
        (f"{HEADER}\nHumanEval/0,m,yes\n", "line 2: column passed: is 'yes'; write 1"),
        (f"{HEADER}\nHumanEval/0,m,False\n", "line 2: column passed: is 'False'; write 0"),
        (
            f"{HEADER}\nHumanEval/0,m,87.5\n",
            (
                "line 2: column passed: must be 0, 1 or a share between them, not "
                "'87.5'; of a percentage write 0.875"
            ),
        ),
        (f"{HEADER}\nHumanEval/0,m,50%\n", "not '50%'; of a percentage write 0.5"),
        (
            f"{HEADER}\nHumanEval/0,m,-1\n",
            "line 2: column passed: must be 0, 1 or a share between them, not '-1'",
        ),
        (f"{HEADER}\nHumanEval/0,m,164\n", "column passed: must be 0, 1 or a share between them, not '164'"),
        (f"{HEADER}\nHumanEval/0,m,\n", "line 2: column passed: is empty; leave the line out"),
        (f"{HEADER}\nHumanEval/0,m,nan\n", "line 2: column passed: must be 0, 1"),
        (f"{HEADER}\nHumanEval/0,,1\n", "line 2: column system: is empty"),
        (f"{HEADER},usd\nHumanEval/0,m,1,-3\n", "line 2: column usd: must be a number from 0 on, not '-3'"),
        (f"{HEADER},usd\nHumanEval/0,m,1,$3\n", "line 2: column usd: must be a number from 0 on, not '$3'"),
        (f"{HEADER},usd\nHumanEval/0,m,1,inf\n", "line 2: column usd: must be a number from 0 on, not 'inf'"),
        (f"{HEADER},samples\nHumanEval/0,m,1,0\n", "line 2: column samples: must be a number from 1 on"),
        (
            f"{HEADER},calls,prompt,last_prompt,output\nHumanEval/0,m,1,2,100,200,5\n",
            "line 2: column last_prompt: 200 is more than prompt, 100",
        ),
        (f'{HEADER}\nHumanEval/0,"m,1\n', "own.csv, line 2: is no CSV"),
    ],
)
def test_a_wrong_file_is_refused_with_line_column_and_remedy(text, message, written):
    with pytest.raises(BenchmarkError) as refused:
        load_suite("humaneval", outcomes=written(text))
    assert message in str(refused.value)
    assert "own.csv" in str(refused.value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("task,system,passed\n".encode("utf-16"), "is UTF-16; save it as CSV in UTF-8"),
        (b"task,system,passed\nHumanEval/0,m\xfc,1\n", "line 2: is not UTF-8"),
        (b"task,system,passed\nHumanEval/0,m\0,1\n", "line 2: is no text"),
    ],
)
def test_another_encoding_is_refused_with_the_remedy(raw, message, tmp_path):
    path = tmp_path / "own.csv"
    path.write_bytes(raw)
    with pytest.raises(BenchmarkError, match=message):
        load(path, {"HumanEval/0"})


def test_what_spreadsheets_write_is_read(tmp_path):
    path = tmp_path / "own.csv"
    path.write_bytes(b'\xef\xbb\xbftask , system,passed\r\n"HumanEval/0", m ,1\r\n,,\r\n')
    assert load(path, {"HumanEval/0"}) == (Outcome(task="HumanEval/0", system="m", passed=1),)


def test_what_was_paid_goes_before_the_price_of_tokens(written):
    own = written("task,system,passed,usd\nHumanEval/3,mine,1,0.25\nHumanEval/4,mine,1,\n")
    suite = load_suite("humaneval", cloud="mine", outcomes=own)
    rates = Rates(model="claude-sonnet-4-5", prices=Prices(), local_usd_per_mtok=1.0)
    assert rates.cloud(suite.cases[3].cloud_effort) == 0.25
    assert 0 < rates.cloud(suite.cases[4].cloud_effort) < 0.01
    local = load_suite("humaneval", local="mine", outcomes=own)
    assert rates.local(local.cases[3].local_effort) == 0.25


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BenchmarkError, match="cannot be read"):
        load_suite("humaneval", outcomes=tmp_path / "none.csv")
