"""How far an ask's text tells how hard it is: what is compared with what, and what would be served."""

import gzip
import json
import random
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites import facts
from benchmarks.research.hardness import HINDSIGHT, measure
from benchmarks.research.hardness_candidates import CONSTANT, candidates, counts
from benchmarks.research.hardness_report import markdown, verdict
from benchmarks.research.hardness_sample import Sample, apgr, auc
from benchmarks.research.hardness_tasks import MBPP, PARAMETERS, Task, load, size_class
from router.cli.main import app

ALL = candidates()
TWO = {name: ALL[name] for name in (CONSTANT, "length")}


def task(
    number: int, rate: float, *, benchmark: str = "one", ask: str = "", cloud: float | None = 1.0
) -> Task:
    return Task(
        id=f"{benchmark}/{number}",
        benchmark=benchmark,
        source=benchmark,
        ask=ask or f"ask {number}",
        rates={"7B": rate},
        cloud=cloud,
    )


def tasks(rate, *, levels: tuple[int, int] = (0, 0)) -> list[Task]:
    """Sixty in each of two benchmarks, of 1 to 60 words and as many more as the benchmark's level."""
    return [
        task(words, rate(words, benchmark), benchmark=benchmark, ask="unmistakable " * (words + level))
        for benchmark, level in zip(("one", "two"), levels, strict=True)
        for words in range(1, 61)
    ]


def length_score(result, split="benchmarks held out"):
    (score,) = (score for score in result.scores if (score.candidate, score.split) == ("length", split))
    return score


def test_what_a_text_tells_in_two_benchmarks_alike_would_be_served():
    result = measure(tasks(lambda words, _: 1.0 if words < 20 else 0.0), TWO, resamples=200)
    score = length_score(result)
    assert score.is_useful
    assert score.auc.low > 0.9
    assert result.useful == (score,)
    assert "length (7B)" in verdict(result)
    (constant,) = (each for each in result.scores if (each.candidate, each.split) == (CONSTANT, score.split))
    assert score.better.point == pytest.approx(constant.log_loss - score.log_loss)
    assert (constant.better.point, constant.auc.point, constant.apgr.point) == (0, 0.5, 0.5)


def test_what_it_tells_in_one_benchmark_alone_is_not():
    """In the other long asks are the easy ones: a tenth held out looks well, a benchmark does not."""
    result = measure(
        tasks(lambda words, benchmark: float((words < 30) == (benchmark == "one"))), TWO, resamples=200
    )
    assert length_score(result, "tenths held out").is_useful
    assert length_score(result).auc.high < 0.5
    assert not result.useful
    assert verdict(result).startswith("Not from its text")


def test_telling_benchmarks_apart_orders_nothing():
    """One benchmark has long asks and fails, the other short ones and passes; within either, chance."""
    dice = random.Random(3)
    result = measure(
        tasks(
            lambda _, benchmark: float(dice.random() < (0.2 if benchmark == "one" else 0.8)), levels=(200, 0)
        ),
        TWO,
        resamples=200,
    )
    score = length_score(result)
    assert score.auc.low < 0.5 < score.auc.high
    assert not result.useful


def test_pairs_are_of_one_source_and_counted_by_hand():
    sample = Sample("7B", [task(1, 1.0), task(2, 0.5), task(3, 0.0), task(1, 0.0, benchmark="two")], 0)
    folds = [[(np.array([], dtype=int), np.arange(4))]]
    rows = np.ones(4, dtype=bool)
    # passing against failing: 1 over 2 weighs 0.5, 1 over 3 weighs 1, 2 over 3 weighs 0.5
    for scores, expected in (
        ([0.9, 0.5, 0.1, 1.0], 1.0),
        ([0.5, 0.9, 0.1, 1.0], 0.75),
        ([0.1, 0.5, 0.9, 0.0], 0.0),
        ([0.5, 0.5, 0.5, 0.5], 0.5),
    ):
        assert auc(sample, folds, [np.array(scores)], rows)[0] == pytest.approx(expected)


def test_the_gap_recovered_is_the_area_under_the_curve():
    """Two tasks; the cloud passes both, the model one: sent first, the other makes up all at one half."""
    sample = Sample("7B", [task(1, 1.0), task(2, 0.0)], 0)
    folds = [[(np.array([], dtype=int), np.arange(2))]]
    rows = np.ones(2, dtype=bool)
    for scores, expected in (([0.9, 0.1], 0.75), ([0.1, 0.9], 0.25), ([0.5, 0.5], 0.5)):
        assert apgr(sample, folds, [np.array(scores)], rows)[0] == pytest.approx(expected)
    unknown = Sample("7B", [task(1, 1.0, cloud=None), task(2, 0.0, cloud=None)], 0)
    assert np.isnan(apgr(unknown, folds, [np.array([0.9, 0.1])], rows)[0])


def test_nothing_is_predicted_by_what_was_fitted_on_it():
    sample = Sample("7B", tasks(lambda words, _: words / 60), 0)
    for splits in (list(sample.benchmarks()), list(sample.tenths())):
        for folds in splits:
            held = np.concatenate([out for _, out in folds])
            assert sorted(held) == list(range(120))
            assert not any(set(fitted) & set(out) for fitted, out in folds)
    assert all(
        len({sample.tasks[at].source for at in (*fitted, *out)}) == 1
        for folds in sample.tenths()
        for fitted, out in folds
    )


def test_a_size_with_one_benchmark_has_no_benchmark_held_out():
    one = [each for each in tasks(lambda words, _: float(words < 30)) if each.benchmark == "one"]
    assert {score.split for score in measure(one, TWO, resamples=20).scores} == {"tenths held out"}


def test_hindsight_is_the_ceiling_and_no_candidate():
    result = measure(tasks(lambda words, _: (words % 7) / 6), TWO, resamples=20)
    for split in ("benchmarks held out", "tenths held out"):
        scores = {score.candidate: score for score in result.scores if score.split == split}
        assert scores[HINDSIGHT].auc.point > max(scores[name].auc.point for name in TWO)
        assert not scores[HINDSIGHT].is_useful


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        (0.135, "below 1B"),
        (3.1, "3B"),
        (6.7, "7B"),
        (9.2, "7B"),
        (15.7, "14B"),
        (22.2, "32B"),
        (70, "larger"),
    ],
)
def test_classes_by_parameters(parameters, name):
    assert size_class(parameters) == name


def test_every_model_that_can_be_run_at_home_has_a_size():
    columns = facts.read("evalperf.csv").rows[0]
    assert {name for name in columns if "/" in name} <= PARAMETERS.keys()
    assert not {name for name in PARAMETERS if name.startswith(("gpt", "claude", "gemini", "o1"))}


@pytest.fixture
def data(tmp_path):
    file = tmp_path / MBPP
    file.parent.mkdir()
    rows = (
        {
            "task_id": int(row["task"].partition("/")[2]),
            "text": "Write it.",
            "code": "def f(): pass",
            "test_setup_code": "",
            "test_list": ["assert f() == 1"],
        }
        for row in facts.read("evalperf.csv").rows
        if row["task"].startswith("Mbpp/")
    )
    with gzip.open(file, "wt") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)
    return tmp_path


def test_recorded_outcomes_by_size(data):
    loaded = load(data)
    by_source: dict[str, list[Task]] = {}
    for each in loaded:
        by_source.setdefault(each.source, []).append(each)
    assert {name: len(group) for name, group in by_source.items()} == {
        "EvalPerf, HumanEval+": 29,
        "EvalPerf, MBPP+": 89,
        "hybrid-arena, HumanEval+": 10,
        "Exercism, by name": 133,
        "measured here, HumanEval": 164,
    }
    first = by_source["EvalPerf, HumanEval+"][0]
    # HumanEval/0 of Qwen2.5 14B, Phi-3, DeepSeek-Coder-V2-Lite, Nemo
    assert first.rates["14B"] == pytest.approx((0.61 + 0.94 + 0.19 + 0.61) / 4)
    assert sum(each.rates["below 1B"] for each in by_source["measured here, HumanEval"]) == 7
    assert {each.benchmark for each in by_source["hybrid-arena, HumanEval+"]} == {"HumanEval"}
    assert len({each.id for each in loaded}) == len(loaded)


def test_the_page_holds_figures_and_no_text(data):
    loaded = [replace(each, ask=f"{each.ask} zyzzyva") for each in load(data)]
    page = markdown(measure(loaded, TWO, resamples=50))
    assert "zyzzyva" not in page
    assert "nan" not in page
    assert "## 32B, benchmarks held out: 128 tasks" in page
    assert "3B: no outcomes by task are recorded." in page


def test_a_text_is_counted():
    ask = "def f(a, b):\n    return a\nIt must only add 12 and add 7.\nassert f(1, 2) == 3\n"
    characters, lines, code, numbers, words, distinct, constraints, examples = np.expm1(counts([ask])[0])
    assert (round(characters), round(lines), round(code)) == (len(ask), 4, 2)
    assert (round(numbers), round(constraints), round(examples)) == (5, 3, 1)
    assert (round(words), round(distinct)) == (9, 8)


def test_vectors_of_the_ask_model_tell_asks_apart():
    vectors = ALL["the ask model's vectors"].features(
        ["reverse a list", "fix the login page", "reverse a list"]
    )
    assert vectors.shape == (3, 1920)
    assert np.array_equal(vectors[0], vectors[2])
    assert not np.allclose(vectors[0], vectors[1])


def test_a_folder_without_the_texts_is_named(tmp_path):
    with pytest.raises(BenchmarkError, match=r"mbpp\.jsonl\.gz"):
        load(tmp_path)
    result = CliRunner().invoke(app, ["bench", "hardness", "--data", str(tmp_path)])
    assert result.exit_code
