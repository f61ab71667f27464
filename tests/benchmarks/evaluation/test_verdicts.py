"""Whose verdicts a suite carries, and what a proof then says of it."""

import re
from dataclasses import replace

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.check.measure import check, figures
from benchmarks.evaluation.check.result import Options
from benchmarks.evaluation.suites.recorded import load_suite
from benchmarks.evaluation.verdicts import classifier_name, with_verdicts
from classifiers.artefact import Artefact, Word, digest, dump, shipped
from classifiers.sufficiency import READS
from policies.load import load


@pytest.fixture(scope="module")
def functions():
    return load_suite("humaneval")


def written(numbers: Artefact, path) -> str:
    path.write_text(dump(numbers, READS))
    return str(path)


def test_the_trained_classifier_names_itself_and_its_numbers(functions):
    name = classifier_name("sufficiency")
    assert name == f"sufficiency@{digest(shipped())}"
    assert {case.judged.by for case in with_verdicts(functions, "sufficiency").cases} == {name}
    assert with_verdicts(functions, "rules") is functions
    assert classifier_name("rules") == "rules"


def test_a_teams_own_numbers_judge_and_are_named(functions, tmp_path):
    mine = replace(shipped(), intercept=shipped().intercept - 5)
    file = written(mine, tmp_path / "mine.json")
    ours = with_verdicts(functions, "sufficiency", file)
    own = classifier_name("sufficiency", file)
    assert own == f"sufficiency@{digest(mine)}" != classifier_name("sufficiency")
    assert max(case.judged.p_local for case in ours.cases) < 0.1
    options = Options(classifier="sufficiency", classifier_file=file, resamples=50)
    result = check(load("balanced"), options)
    assert result.classifier == f"sufficiency@{digest(mine)}"
    assert figures(result)["humaneval_local_share"].point == 0


def test_what_cannot_be_tried_on_recorded_tasks_is_refused(functions, tmp_path):
    wordy = replace(shipped(), words={"refactor": Word(idf=1.0, weight=-1.0)})
    with pytest.raises(BenchmarkError, match="weigh words, and recorded tasks hold no text"):
        with_verdicts(functions, "sufficiency", written(wordy, tmp_path / "wordy.json"))
    other = tmp_path / "other.json"
    other.write_text(re.sub(r'"format": \d+', '"format": 99', dump(shipped(), READS)))
    with pytest.raises(BenchmarkError, match=r"--classifier-file: .*format 99"):
        with_verdicts(functions, "sufficiency", str(other))
    with pytest.raises(BenchmarkError, match="only `--classifier sufficiency` asks it"):
        with_verdicts(functions, "rules", "mine.json")
