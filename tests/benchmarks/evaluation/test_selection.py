"""Which systems a policy is judged by: recorded ones, a user's own, for one suite or several."""

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import SUITES
from benchmarks.evaluation.selection import Selection, load_suites, parse
from benchmarks.evaluation.suites.systems import DEFAULTS

SONNET = DEFAULTS["humaneval"]["cloud"]
HUMANEVAL = ("humaneval", "swebench")


@pytest.fixture
def own(tmp_path):
    def write(*rows):
        path = tmp_path / "m.csv"
        path.write_text("\n".join(["task,system,passed", *rows]) + "\n")
        return path

    return write


def mine(suite="humaneval"):
    """A row of `mine` for each task of a suite."""
    tasks = load_suites((suite,), Selection())[suite].cases
    return [f"{case.id},mine,1" for case in tasks]


def test_outcomes_of_one_suite_leave_the_others_as_they_are_recorded(own):
    chosen = Selection(outcomes=own(*mine()), local=parse("--local", ["humaneval=mine"]))
    suites = load_suites(SUITES, chosen)
    assert suites["humaneval"].local.name == "mine"
    assert all(case.local == 1 for case in suites["humaneval"].cases)
    recorded = load_suites(SUITES, Selection())
    assert suites["swebench"].cases == recorded["swebench"].cases
    assert suites["mbpp"].local == recorded["mbpp"].local


def test_a_name_alone_is_for_every_suite_that_has_it(own):
    file = own(*mine(), *mine("swebench"))
    suites = load_suites(SUITES, Selection(outcomes=file, local=parse("--local", ["mine"])))
    assert [suites[name].local.name == "mine" for name in SUITES] == [True, False, True, False]
    cloud = Selection(outcomes=file, local=parse("--local", ["mine"]), cloud={"swebench": "mine"})
    both = load_suites(("swebench",), cloud)["swebench"]
    assert (both.local.name, both.cloud.name) == ("mine", "mine")


def test_own_rows_of_a_recorded_system_need_no_option(own):
    suite = load_suites(("humaneval",), Selection(outcomes=own(f"HumanEval/1,{SONNET},1")))["humaneval"]
    assert suite.cases[1].cloud == 1


@pytest.mark.parametrize(
    ("rows", "chosen", "message"),
    [
        (
            ["HumanEval/0,mine,1"],
            {},
            (
                "m.csv: no system of it is compared; choose one with --local humaneval=mine or --cloud "
                "humaneval=mine. It has humaneval=mine (1 task)"
            ),
        ),
        (
            ["Mbpp/2,mine,1"],
            {"local": {"": "mine"}},
            "--local: no outcomes of 'mine' on HumanEval, SWE-bench Verified",
        ),
        (
            ["Mbpp/2,mine,1"],
            {},
            "m.csv: has no row for a task of humaneval, swebench; it has mbpp=mine (1 task)",
        ),
        (
            ["HumanEval/0,mine,1"],
            {"local": {"humanevil": "mine"}},
            "no suite is called 'humanevil'; did you mean",
        ),
        (["Mbpp/2,mine,1"], {"local": {"mbpp": "mine"}}, "--local: mbpp is not among the suites asked for"),
        (["HumanEval/0,mine,1"], {"local": {"swebench": "mine"}}, "no outcomes of 'mine' on swebench"),
        (
            ["HumanEval/1,mine,1"],
            {"local": {"humaneval": "mine"}},
            (
                f"no task of HumanEval has outcomes of both systems: mine has 1 (HumanEval/1, ...), {SONNET} "
                "has 29 (HumanEval/0, ...); add rows for the same tasks"
            ),
        ),
        (
            ["HumanEval/0,mine,1"],
            {"local": {"": SONNET}},
            "--local: no outcomes of 'claude-3-5-sonnet-20240620'",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_remedy(rows, chosen, message, own):
    with pytest.raises(BenchmarkError) as refused:
        load_suites(HUMANEVAL, Selection(outcomes=own(*rows), **chosen))
    assert message in str(refused.value)


@pytest.mark.parametrize("text", ["", "humaneval=", "=mine", "mine,", "a=1,a=2", "mine,other"])
def test_a_system_that_cannot_be_told_is_refused(text):
    with pytest.raises(BenchmarkError, match="--local: "):
        parse("--local", [text])


def test_options_may_be_repeated_or_joined():
    assert parse("--local", ["humaneval=a,swebench=b"]) == parse("--local", ["humaneval=a", "swebench=b"])
    assert parse("--cloud", ["humaneval=a=b"]) == {"humaneval": "a=b"}
