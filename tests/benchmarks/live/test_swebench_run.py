"""mini-SWE-agent works on an instance through a real endpoint, and the official harness takes its patch."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.live.swebench_environment import choose

ROOT = Path(__file__).parents[3]
AGENT = ROOT / ".venv-swebench"
PYTHON = AGENT / "bin" / "python"

ISSUE = "double(3) returns 9: it must return twice its argument, also for strings."
FIX = "sed -i 's/value \\*\\* 2/value * 2/' numbers_of.py && git diff --stat"
STEPS = [
    {
        "text": "THOUGHT: I look first.",
        "tools": [{"name": "bash", "input": {"command": "cat numbers_of.py"}}],
    },
    {"text": "THOUGHT: I mend it.", "tools": [{"name": "bash", "input": {"command": FIX}}]},
    {
        "text": "THOUGHT: I make the patch.",
        "tools": [{"name": "bash", "input": {"command": "git diff -- numbers_of.py > patch.txt"}}],
    },
    {
        "text": "THOUGHT: I hand it in.",
        "tools": [
            {
                "name": "bash",
                "input": {"command": "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && cat patch.txt"},
            }
        ],
    },
]


def git(folder, *words):
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def turnout(*words, cwd, **options):
    command = [sys.executable, "-m", "router.cli.main", "bench", "run", "swebench", *map(str, words)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300, **options
    )


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "numbers"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "numbers_of.py").write_text("def double(value):\n    return value ** 2\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Numbers")
    return folder


@pytest.fixture
def dataset(tmp_path, repository):
    commit = git(repository, "rev-parse", "HEAD")
    rows = [
        {"instance_id": f"numbers__numbers-{n}", "problem_statement": ISSUE, "base_commit": commit}
        for n in (1, 2)
    ]
    path = tmp_path / "instances.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("environment", ["bubblewrap", "local"])
def test_an_agent_finishes_and_the_harness_takes_its_patch(
    start_endpoint, upstream, repository, dataset, tmp_path, environment
):
    if environment == "bubblewrap":
        try:
            choose("bubblewrap", repository)
        except BenchmarkError as error:
            pytest.skip(str(error))
    if not PYTHON.exists():
        pytest.skip("mini-SWE-agent is not set up: make .venv-swebench/.ready")
    httpx.post(upstream.url + "/_script", json=STEPS).raise_for_status()
    endpoint = start_endpoint(also={"ANTHROPIC_API_KEY": "sk-ant-ours"}, CLOUD__BASE_URL=upstream.url)
    words = ["--url", endpoint.url, "--file", dataset, "--checkout", repository, "--agent", AGENT]
    words += ["--environment", environment, "--track", "cloud", "--out", "predictions.jsonl", "--json"]
    ran = turnout(*words, "--instances", "numbers__numbers-1", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    (worked,) = json.loads(ran.stdout)
    assert worked["exit_status"] == "Submitted"
    assert worked["calls"] == len(STEPS)
    assert worked["tracks"] == {"cloud": len(STEPS)}
    rows = endpoint.rows("finished_at is not null")
    assert worked["output"] == sum(row["output"] for row in rows)
    assert worked["prompt"] == sum(row["input"] + row["cache_read"] + row["cache_write_5m"] for row in rows)
    assert worked["usd"] == pytest.approx(sum(row["cost_usd"] for row in rows))

    # The official loader takes the file, and git the patch.
    load = "import json, sys; from swebench.harness.utils import get_predictions_from_file as load; "
    load += "json.dump(load(sys.argv[1], 'none', 'test'), sys.stdout)"
    loaded = subprocess.run(
        [PYTHON, "-c", load, tmp_path / "predictions.jsonl"], capture_output=True, text=True, check=True
    )
    (prediction,) = json.loads(loaded.stdout)
    assert set(prediction) == {"instance_id", "model_name_or_path", "model_patch"}
    assert prediction["instance_id"] == "numbers__numbers-1"
    assert "value ** 2" in (repository / "numbers_of.py").read_text()  # it worked on a copy
    (tmp_path / "taken.diff").write_text(prediction["model_patch"])
    git(repository, "apply", str(tmp_path / "taken.diff"))
    assert "value * 2" in (repository / "numbers_of.py").read_text()

    # The same command again asks nothing.
    posts = len(upstream.get("/_requests"))
    again = turnout(*words, "--instances", "numbers__numbers-1", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert len(upstream.get("/_requests")) == posts


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_instance_that_breaks_is_told_apart_and_tried_again(
    start_endpoint, upstream, repository, dataset, tmp_path
):
    if not PYTHON.exists():
        pytest.skip("mini-SWE-agent is not set up: make .venv-swebench/.ready")
    endpoint = start_endpoint(CLOUD__BASE_URL=upstream.url)  # no key: the cloud track cannot open
    words = ["--url", endpoint.url, "--file", dataset, "--checkout", repository, "--agent", AGENT]
    words += ["--environment", "local", "--track", "cloud", "--limit", "1"]
    ran = turnout(*words, cwd=tmp_path)
    assert ran.returncode == 1
    assert "ANTHROPIC_API_KEY" in ran.stderr
    assert "could not be worked on" in ran.stderr
    assert not (tmp_path / "predictions.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--environment", "local"], "give one with --checkout"),
        (["--environment", "local", "--checkout", "."], "nothing answers at"),
        (["--environment", "local", "--checkout", ".", "--agent", "nowhere"], "no mini-SWE-agent in"),
        (["--environment", "local", "--checkout", ".", "--instances", "none__none-1"], "there is no none"),
    ],
)
def test_what_is_missing_is_said(dataset, tmp_path, words, message):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    where = [] if "--agent" in words else ["--agent", tmp_path]
    ran = turnout("--file", dataset, "--url", "http://127.0.0.1:9", *where, *words, cwd=tmp_path)
    assert ran.returncode == 2, ran.stderr
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
