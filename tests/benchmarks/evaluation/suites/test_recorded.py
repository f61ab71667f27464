"""The recorded facts: published totals, joined into cases, and the same again from their sources."""

import csv
import shutil
from collections import Counter
from dataclasses import replace
from statistics import fmean

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites import humaneval, store, vectors
from benchmarks.evaluation.suites.facts import RECORDED, read
from benchmarks.evaluation.suites.problem import CLIENTS
from benchmarks.evaluation.suites.record import record
from benchmarks.evaluation.suites.recorded import load_suite, systems
from benchmarks.evaluation.suites.systems import FILES
from classifiers.features import without_texts
from router.billing.prices import Prices
from router.features.fingerprint import reading_digest
from router.types import Usage

SUITES = {"humaneval": 164, "mbpp": 974, "swebench": 500}


@pytest.mark.parametrize(
    ("system", "resolved"),
    [
        ("20250805_openhands-Qwen3-Coder-30B-A3B-Instruct", 258),
        ("20250524_openhands_claude_4_sonnet", 352),
        ("20250725_sweagent_devstral_small_2507", 190),
        ("20250511_sweagent_lm_32b", 201),
        ("20250522_sweagent_claude-4-sonnet-20250514", 333),
        ("20250520_openhands_devstral_small", 234),
    ],
)
def test_swebench_totals_are_the_published_ones(system, resolved):
    rows = read("swebench.csv").rows
    assert len(rows) == 500
    assert sum(row[system] == "1" for row in rows) == resolved
    assert {row[system] for row in rows} == {"0", "1"}


def test_swebench_systems_agree_and_differ_as_published():
    cases = load_suite("swebench").cases
    assert Counter((case.local, case.cloud) for case in cases) == {
        (1.0, 1.0): 247,
        (1.0, 0.0): 11,
        (0.0, 1.0): 105,
        (0.0, 0.0): 137,
    }


@pytest.mark.parametrize(
    ("system", "percent"),
    [
        ("Qwen/Qwen2.5-32B-Instruct", 87.6),
        ("claude-3-5-sonnet-20240620", 88.0),
        ("Qwen/Qwen2.5-14B-Instruct", 82.5),
        ("Qwen/Qwen2.5-7B-Instruct", 80.0),
    ],
)
def test_evalperf_means_are_the_published_ones(system, percent):
    rows = read("evalperf.csv").rows
    assert len(rows) == 118
    assert round(100 * fmean(float(row[system]) for row in rows), 1) == percent


def test_exercism_totals_are_the_published_ones():
    rows = read("exercism.csv").rows
    passed = {name: sum(row[name] == "1" for row in rows) for name in rows[0] if name != "task"}
    assert len(rows) == 133
    assert passed == {
        "claude-3-5-sonnet-20240620": 104,
        "deepseek-coder (API 2024-08, V2 236B)": 88,
        "gpt-4o-2024-08-06": 96,
    }


def test_runs_and_their_totals():
    rows = read("runs.csv").rows
    assert (len(rows), sum(row["resolved"] == "1" for row in rows)) == (59, 37)
    assert round(fmean(int(row["calls"]) for row in rows), 2) == 81.02
    assert all(int(row["first_prompt"]) <= int(row["last_prompt"]) < int(row["prompt"]) for row in rows)


@pytest.mark.parametrize(("name", "tasks"), SUITES.items())
@pytest.mark.parametrize("client", CLIENTS)
def test_every_task_is_a_case_in_every_clients_words(name, tasks, client):
    suite = load_suite(name, client=client)
    assert (len(suite.cases), suite.client) == (tasks, client)
    assert len({case.id for case in suite.cases}) == tasks
    assert all(case.suite == name and case.features.context_tokens > 0 for case in suite.cases)
    assert all(0 < case.judged.p_local < 1 and case.judged.why for case in suite.cases)
    recorded = name != "humaneval"
    assert all((case.features.ask == "") is recorded for case in suite.cases)
    assert suite.notes
    assert all(facts.count(", ") >= 2 for facts in suite.sources.values())


def test_everyday_cases_are_labelled_asks_and_published_tasks():
    suite = load_suite("everyday")
    labels = Counter(case.label for case in suite.cases)
    assert labels == {"self-contained": 160, "repository": 160, "": 8}
    assert all(bool(case.features.ask) is bool(case.label) for case in suite.cases)
    tested = [case for case in suite.cases if not case.label]
    assert [(sum(getattr(case, runs) for case in tested)) for runs in ("local", "cloud")] == [0, 5]
    assert all(case.local is case.cloud is None for case in suite.cases if case.label)
    efforts = {case.label: case.cloud_effort.calls for case in suite.cases}
    assert efforts == {"self-contained": 1, "repository": 51, "": 1}


def test_the_published_runs_of_hybrid_arena():
    rows = read("hybrid-arena.csv").rows
    assert len(rows) == 430
    passed = Counter((row["category"], row["strategy"]) for row in rows if row["passed"] == "1")
    assert (passed["A", "always-cloud"], passed["A", "always-local"]) == (20, 28)
    assert {row["local"] for row in rows} == {"devstral:24b", "qwen3.6:27b-coding-mxfp8"}
    totals = {(row["work"], row["strategy"]): row for row in read("arena-cells.csv").rows}
    assert totals["edits and scripts", "cascade"]["passed"] == totals["edits and scripts", "cascade"]["tasks"]


def test_what_nobody_measured_stays_unknown():
    for name, count in {"humaneval": 29, "mbpp": 89, "swebench": 500}.items():
        suite = load_suite(name)
        measured = [case for case in suite.cases if case.local is not None]
        assert len(measured) == sum(case.cloud is not None for case in suite.cases) == count
    assert load_suite("humaneval").notes[0].startswith("29 of 164 tasks have outcomes of both systems")
    assert len({case.group for case in load_suite("swebench").cases}) == 12


@pytest.mark.parametrize("name", SUITES)
def test_every_system_has_outcomes_and_can_be_chosen(name):
    listed = systems(name)
    assert {system.runs for system in listed} == {"local", "cloud"}
    rows = read(FILES[name]).rows
    assert all(row[system.name] for row in rows for system in listed)
    for system in (listed[1], listed[-1]):
        suite = load_suite(name, **{system.runs: system.name})
        assert getattr(suite, system.runs) == system
        assert any(getattr(case, system.runs) is not None for case in suite.cases)


def test_the_default_clouds_have_a_price():
    for name in SUITES:
        assert Prices().price(load_suite(name).cloud.model) is not None


def test_scaffolds_that_differ_are_said():
    mixed = load_suite("swebench", local="20250511_sweagent_lm_32b")
    assert "sweagent, openhands" in mixed.notes[1]
    assert not any("scaffolds" in note for note in load_suite("swebench").notes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"name": "humanevil"},
            "no suite is called 'humanevil': there are humaneval, mbpp, swebench, everyday",
        ),
        ({"client": "emacs"}, "no requests of 'emacs' are recorded: there are bare"),
        ({"local": "Qwen2.5-32B"}, "did you mean 'Qwen/Qwen2.5-32B-Instruct'"),
        ({"local": "claude-3-5-sonnet-20240620"}, "is the name of a cloud system, not of a local one"),
        ({"cloud": "Qwen/Qwen2.5-7B-Instruct"}, "is the name of a local system, not of a cloud one"),
    ],
)
def test_a_wrong_name_is_refused_with_the_right_one(arguments, message):
    with pytest.raises(BenchmarkError, match=message):
        load_suite(**{"name": "humaneval"} | arguments)


def test_an_effort_is_one_call_where_a_task_is_one():
    for case in load_suite("mbpp").cases:
        assert case.local_effort == case.cloud_effort
        assert (case.local_effort.calls, case.local_effort.measured) == (1, False)
        assert case.local_effort.prompt == case.local_effort.last_prompt == case.features.context_tokens
        assert case.local_effort.output > 0


def test_an_agents_effort_has_the_published_calls_and_about_the_published_bill():
    case = load_suite("swebench").cases[0]
    local, cloud = case.local_effort, case.cloud_effort
    assert (local.calls, cloud.calls, cloud.measured) == (87, 51, False)
    assert cloud.last_prompt < local.last_prompt < cloud.prompt < local.prompt
    usage = Usage(
        input=0,
        output=round(cloud.output),
        cache_read=round(cloud.prompt - cloud.last_prompt),
        cache_write_5m=round(cloud.last_prompt),
        cache_write_1h=0,
    )
    published = next(float(row["usd"]) for row in read("published.csv").rows if row["usd"])
    bill = Prices().cost("claude-sonnet-4-5", usage)
    assert (published, round(bill, 2)) == (0.558, 0.48)


def test_features_of_another_version_are_refused(tmp_path):
    folder = tmp_path / "recorded"
    shutil.copytree(RECORDED, folder)
    file = folder / "features-bare.csv"
    file.write_text(file.read_text().replace(vectors.schema(), "00000000"))
    with pytest.raises(BenchmarkError, match=r"with other features than this version reads.*bench record"):
        load_suite("swebench", folder=folder)
    assert load_suite("swebench", client="aider", folder=folder).cases


def test_features_of_another_reading_are_refused_unless_the_texts_are_here(tmp_path, monkeypatch):
    folder = tmp_path / "recorded"
    shutil.copytree(RECORDED, folder)
    file = folder / "features-bare.csv"
    file.write_text(file.read_text().replace(f"# reading: {reading_digest()}", "# reading: 00000000"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(BenchmarkError) as refusal:
        load_suite("mbpp", folder=folder)
    assert f"another reading of requests than serves (reading 00000000 then, {reading_digest()} now)" in str(
        refusal.value
    )
    assert "`turnout bench record --data FOLDER`" in str(refusal.value)
    assert "`turnout bench fetch mbpp`" in str(refusal.value)
    assert load_suite("humaneval", folder=folder).cases


def test_what_is_read_now_is_what_was_recorded(data, tmp_path, monkeypatch):
    """The same task, from its text and from the recorded numbers."""
    folder = tmp_path / "recorded"
    shutil.copytree(RECORDED, folder)
    file = folder / "features-bare.csv"
    file.write_text(file.read_text().replace("# reading: ", "# reading: 0"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    store.path("mbpp").parent.mkdir(parents=True)
    shutil.copy(data / "self_contained/mbpp.jsonl.gz", store.path("mbpp"))
    now, recorded = load_suite("mbpp", folder=folder), load_suite("mbpp")
    assert "features-bare.csv" not in now.sources
    assert all(case.features.ask for case in now.cases)
    for case, other in zip(now.cases, recorded.cases, strict=True):
        read = replace(without_texts(case.features), ask_key="")
        assert read == replace(other.features, self_contained=None)
        assert other.features.self_contained is not None
        assert case.judged.p_local == pytest.approx(other.judged.p_local, abs=1e-6)


def test_a_file_that_is_missing_or_says_no_source(tmp_path):
    folder = tmp_path / "recorded"
    shutil.copytree(RECORDED, folder)
    file = folder / "swebench.csv"
    file.write_text(file.read_text().replace("# licence", "# lizenz"))
    with pytest.raises(BenchmarkError, match="does not say its licence"):
        load_suite("swebench", folder=folder)
    file.unlink()
    with pytest.raises(BenchmarkError, match=r"swebench.csv is not there: .*turnout bench record"):
        load_suite("swebench", folder=folder)


def test_the_recorded_files_are_small_and_hold_no_text_of_others():
    files = list(RECORDED.iterdir())
    assert sum(file.stat().st_size for file in files) < 2_000_000
    assert all(file.stat().st_size < 300_000 for file in files)
    asks = [line.strip() for problem in humaneval.problems() for line in problem.ask.splitlines()]
    recorded = "".join(file.read_text() for file in files)
    assert [line for line in asks if len(line) > 20 and line in recorded] == []


@pytest.mark.parametrize("client", CLIENTS)
def test_the_recorded_features_are_of_the_reading_that_serves(client):
    """Where this fails, reading or rules have changed: `make proofs`."""
    assert read(f"features-{client}.csv").about["reading"] == reading_digest()


@pytest.mark.slow
def test_the_sources_give_what_is_recorded(data, tmp_path):
    record(data, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        file.name for file in RECORDED.iterdir()
    )
    for file in sorted(tmp_path.iterdir()):
        stale = f"{file.name} is stale: rebuild with `turnout bench record --data FOLDER`"
        anew, recorded = _without_learned(file), _without_learned(RECORDED / file.name)
        assert anew[:2] == recorded[:2], stale
        assert anew[2] == pytest.approx(recorded[2], abs=0.002), stale


def _without_learned(file):
    """The comments and rows of `file` without the learned probabilities, and those.

    A probability's last digit depends on the processor: each kind adds up in another order.
    """
    lines = file.read_text().splitlines()
    comments = [line for line in lines if line.startswith("# ")]
    rows = list(csv.DictReader(lines[len(comments) :]))
    learned = [float(row.pop("self_contained")) for row in rows if "self_contained" in row]
    return comments, rows, learned


def test_a_source_that_is_missing(tmp_path, turnout):
    ran = turnout("bench", "record", "--data", str(tmp_path), "--into", str(tmp_path / "new"))
    assert ran.returncode == 2
    assert f"--data: {tmp_path / 'self_contained/evalperf_pass_at_1.csv.gz'} is not there" in ran.stderr


def test_every_file_is_plain_csv():
    for file in RECORDED.iterdir():
        rows = list(csv.reader(line for line in file.read_text().splitlines() if not line.startswith("# ")))
        assert {len(row) for row in rows} == {len(rows[0])}, file.name
