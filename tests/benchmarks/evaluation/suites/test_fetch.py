"""Fetching from a hub that cuts, lies or is not there; and taking in a copy."""

import gzip
import io
import json

import polars as pl
import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites import mbpp, store, swebench
from benchmarks.evaluation.suites.facts import read
from benchmarks.evaluation.suites.fetch import DATASETS, keep

SPLITS = DATASETS["mbpp"].files


def mbpp_rows():
    """Rows as the hub has them, with the recorded ids and texts of our own."""
    ids = [int(row["task"].split("/")[1]) for row in read("tasks.csv").rows if row["suite"] == "mbpp"]
    return [
        {
            "task_id": id_,
            "text": f"Write a function to add {id_}.",
            "code": f"def add(x):\n    return x + {id_}",
            "test_list": [f"assert add(1) == {id_ + 1}"],
            "test_setup_code": "",
        }
        for id_ in ids
    ]


def parquet(rows):
    packed = io.BytesIO()
    pl.DataFrame(rows).write_parquet(packed, compression="uncompressed")
    return packed.getvalue()


@pytest.fixture
def full(hub):
    """The hub has all four splits of MBPP."""
    rows = mbpp_rows()
    hub.files = {name: parquet(rows[at :: len(SPLITS)]) for at, name in enumerate(SPLITS)}
    return hub


def stored(turnout):
    with gzip.open(turnout.suites / "mbpp.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def test_all_tasks_arrive_once_and_nothing_is_left_behind(full, turnout):
    ran = turnout("bench", "fetch", "mbpp")
    assert ran.returncode == 0, ran.stderr
    assert stored(turnout) == mbpp_rows()
    assert "sha256 as the hub states it" in ran.stderr
    assert "974 have another text than was recorded, Mbpp/1 for one" in ran.stderr
    assert [file.name for file in turnout.suites.iterdir()] == ["mbpp.jsonl.gz"]
    again = turnout("bench", "fetch", "mbpp")
    assert "--force fetches it again" in again.stderr
    assert len(full.requests) == len(SPLITS)


def test_a_cut_connection_goes_on_where_it_was(full, turnout):
    full.ends = ["half", "half"]
    ran = turnout("bench", "fetch", "mbpp")
    assert ran.returncode == 0, ran.stderr
    size = len(full.files[SPLITS[0]])
    first = [byte_range for name, byte_range in full.requests if name == SPLITS[0]]
    assert first == ["", f"bytes={size // 2}-", f"bytes={size // 2 + (size - size // 2) // 2}-"]
    assert stored(turnout) == mbpp_rows()


def test_a_later_run_goes_on_where_an_earlier_one_ended(full, turnout):
    full.ends = ["half", "503"]
    half = len(full.files[SPLITS[0]]) // 2
    ran = turnout("bench", "fetch", "mbpp")
    assert ran.returncode == 2
    assert f"answered 503; {half:,} bytes are kept: try again, or give a copy with --file" in ran.stderr
    assert not (turnout.suites / "mbpp.jsonl.gz").exists()
    ran = turnout("bench", "fetch", "mbpp")
    assert ran.returncode == 0, ran.stderr
    assert f"goes on at {half:,} of" in ran.stderr
    assert full.requests[2] == (SPLITS[0], f"bytes={half}-")
    assert stored(turnout) == mbpp_rows()


def test_a_server_without_ranges_begins_anew(full, turnout):
    full.ends, full.ranges = ["half"], False
    ran = turnout("bench", "fetch", "mbpp")
    assert ran.returncode == 0, ran.stderr
    assert stored(turnout) == mbpp_rows()


def test_a_server_that_sends_nothing_more_is_not_asked_for_ever(full, turnout):
    full.ends = ["half", "none", "none", "none"]
    ran = turnout("bench", "fetch", "mbpp")
    assert ran.returncode == 2
    assert "bytes are kept: try again" in ran.stderr
    assert len(full.requests) == 2


def test_small_files_have_gits_hash(full, turnout):
    full.large = False
    ran = turnout("bench", "fetch", "mbpp")
    assert ran.returncode == 0, ran.stderr
    assert "git hash as the hub states it" in ran.stderr


def test_other_bytes_than_stated_are_refused_and_removed(full, turnout):
    full.stated = {SPLITS[1]: "0" * 64}
    ran = turnout("bench", "fetch", "mbpp")
    assert ran.returncode == 2
    assert f"the hub stated {'0' * 64}: it was removed" in ran.stderr
    assert not (turnout.suites / "mbpp.parts" / f"{'0' * 64}.part").exists()
    assert not (turnout.suites / "mbpp.jsonl.gz").exists()


def test_a_file_that_the_hub_does_not_have(turnout):
    ran = turnout("bench", "fetch", "swebench")
    assert ran.returncode == 2
    assert "test-00000-of-00001.parquet answered 404" in ran.stderr
    assert "--file" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_no_network(turnout):
    turnout.hub = "http://127.0.0.1:9"
    ran = turnout("bench", "fetch", "mbpp")
    assert ran.returncode == 2
    assert "http://127.0.0.1:9/datasets/google-research-datasets/mbpp" in ran.stderr
    assert "cannot be fetched" in ran.stderr
    assert "--file" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_hub_switched_off(turnout):
    turnout.environment = {"HF_HUB_OFFLINE": "1"}
    ran = turnout("bench", "fetch", "mbpp")
    assert ran.returncode == 2
    assert "offline mode is enabled" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The user's data folder, in this process."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz", "parquet"])
@pytest.mark.usefixtures("home")
def test_a_copy_is_taken_in_any_form(form, tmp_path):
    rows = mbpp_rows()
    lines = "".join(json.dumps(row) + "\n" for row in [*rows, rows[0] | {"task_id": 5000}]).encode()
    content = {"jsonl": lines, "jsonl.gz": gzip.compress(lines), "parquet": parquet(rows)}[form]
    (tmp_path / "copy").write_bytes(content)
    fetched = keep("mbpp", [tmp_path / "copy"])
    assert (fetched.tasks, len(fetched.changed)) == (974, 974)
    with gzip.open(fetched.path, "rt") as file:
        assert [json.loads(line) for line in file] == rows
    assert [problem.id for problem in mbpp.problems()] == [f"Mbpp/{row['task_id']}" for row in rows]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (json.dumps({"task_id": 1, "text": "", "code": ""}), "row 1: has no test_setup_code, test_list"),
        ("[]\n", "line 1 is no JSON object"),
        ("{\n", "cannot be read"),
        ("", "974 of 974 tasks of mbpp are missing, Mbpp/1 for one"),
        ("PAR1 and then nothing of the kind", "cannot be read"),
        ("\x1f\x8b", "cannot be read"),
        (None, "cannot be read"),
    ],
)
@pytest.mark.usefixtures("home")
def test_a_copy_that_is_not_the_suite_is_refused(content, message, tmp_path):
    copy = tmp_path / "copy"
    if content is not None:
        copy.write_bytes(content.encode("latin-1"))
    with pytest.raises(BenchmarkError) as refused:
        keep("mbpp", [copy])
    assert message in str(refused.value)
    assert str(copy) in str(refused.value)
    assert not store.path("mbpp").exists()


def test_a_copy_from_the_command_line(turnout, tmp_path):
    (tmp_path / "copy").write_bytes(parquet(mbpp_rows()))
    ran = turnout("bench", "fetch", "mbpp", "--file", str(tmp_path / "copy"))
    assert ran.returncode == 0, ran.stderr
    assert f"mbpp: 974 tasks in {turnout.suites}" in ran.stderr
    ran = turnout("bench", "fetch", "--file", str(tmp_path / "copy"))
    assert ran.returncode == 2
    assert "--file: name the suite it is of, mbpp or swebench" in ran.stderr


@pytest.mark.usefixtures("home")
def test_what_was_not_fetched_is_asked_for_in_words():
    with pytest.raises(BenchmarkError, match="turnout bench fetch swebench"):
        next(swebench.problems())


def test_humaneval_comes_with_its_package(turnout):
    ran = turnout("bench", "fetch", "humaneval")
    assert ran.returncode == 0
    assert "nothing to fetch" in ran.stderr


@pytest.mark.parametrize(
    ("suite", "file", "tasks"),
    [
        ("mbpp", "self_contained/mbpp.jsonl.gz", 974),
        ("swebench", "swebench_verified/instances.jsonl.gz", 500),
    ],
)
@pytest.mark.usefixtures("home")
def test_the_sources_have_the_recorded_texts(suite, file, tasks, data):
    fetched = keep(suite, [data / file])
    assert (fetched.tasks, fetched.changed) == (tasks, ())
