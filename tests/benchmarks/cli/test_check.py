"""`turnout policy check` as a process, in a folder of its own; and `serve --require-check` after it."""

import json
import os
from pathlib import Path

import pytest
from junitparser import JUnitXml

from benchmarks.cli.check import check
from policies.load import PolicyError
from router.errors import Misconfigured

LOCAL_FIRST = Path(__file__).parents[3] / "policies" / "local-first.yaml"


@pytest.fixture
def turnout(tmp_path, run_turnout):
    steering = ("TURNOUT_", "ANTHROPIC_", "OPENAI_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    environment |= {"COLUMNS": "80", "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}

    return lambda *arguments: run_turnout(*arguments, cwd=tmp_path, env=environment)


@pytest.fixture
def mine(tmp_path):
    text = LOCAL_FIRST.read_text().replace("name: local-first", "name: mine")
    head, _, _ = text.partition("check:")
    path = tmp_path / "mine.yaml"
    path.write_text(f'{head}check: {{humaneval_local_share: ">= 0.99"}}\n')
    return path


def test_a_published_check_lets_it_serve(turnout, mine, tmp_path):
    refused = turnout("serve", "--policy", "mine.yaml", "--require-check")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "run `turnout policy check mine.yaml --publish`" in refused.stderr

    passed = turnout(
        "policy", "check", "mine.yaml", "--publish", "--markdown", "check.md", "--junit", "check.xml"
    )
    assert passed.returncode == 0, passed.stderr
    verdict, measured, suites, *_ = passed.stdout.splitlines()
    assert verdict == "mine passed: its bar holds."
    assert measured.startswith("Measured: 100% of the tasks start local, quality kept 96.4% (")
    assert "SWE-bench Verified: 100% start local" in suites
    assert "…" not in passed.stdout
    assert "HumanEval" in passed.stdout
    assert (tmp_path / "check.md").read_text().startswith("# mine\n")
    assert len(list(JUnitXml.fromfile(str(tmp_path / "check.xml")))) == 1
    assert "check: passed its check on" in turnout("policy", "show", "mine.yaml").stdout

    (tmp_path / "mine.yaml").write_text(mine.read_text().replace("window: 0.95", "window: 0.9"))
    changed = turnout("serve", "--policy", "mine.yaml", "--require-check")
    assert changed.returncode == 2
    assert "require_check: it changed since it was checked" in changed.stderr


def test_a_bar_that_falls_is_exit_code_1(turnout, mine, tmp_path):
    mine.write_text(
        mine.read_text()
        .replace("humaneval_local_share", "swebench_local_share")
        .replace(">= 0.99", "<= 0.05")
    )
    fell = turnout("policy", "check", "mine.yaml", "--json", "--publish")
    assert fell.returncode == 1, fell.stderr
    payload = json.loads(fell.stdout)
    assert [bar["words"] for bar in payload["bars"]] == ["swebench_local_share is 1, the bar is <= 0.05"]
    assert not json.loads((tmp_path / "mine.check.json").read_text())["passed"]


WRONG = [
    ({"mix": "humaneval=x,swebench=1"}, "--mix: 'humaneval=x' is no suite with its share; say e.g."),
    ({"mix": "humanevl=1"}, "(suites: humaneval, mbpp, swebench, everyday)"),
    ({"local": ["humanevl=x"]}, "--local: no suite is called 'humanevl'; did you mean 'humaneval'?"),
    ({"local": ["swebench=x,swebench=y"]}, "--local: swebench is said twice"),
    ({"classifier_file": "mine.json"}, "--classifier-file: only `--classifier sufficiency` asks it"),
    ({"local": ["swebench="]}, "--local: 'swebench=' is not NAME or SUITE=NAME"),
    ({"local": ["swebench"]}, "--local: no outcomes of 'swebench' on HumanEval, MBPP, SWE-bench Verified"),
    ({"local": ["swebench=nobody"]}, "nobody"),
    ({"price_model": "sonet"}, "--price-model: no price is known for 'sonet'"),
    ({"compare": [Path("none.csv")]}, "--compare: none.csv: cannot be read"),
    ({"markdown": Path("none/x.md")}, "--markdown: none/x.md: cannot be written"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_wrong_use_is_said_in_one_line(options, message, capsys):
    with pytest.raises(Misconfigured) as caught:
        check("balanced", **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    del capsys


def test_an_unknown_policy_tells_the_nearest():
    with pytest.raises(PolicyError, match="did you mean 'balanced'"):
        check("balancd")


def test_without_bars_it_is_measured_and_not_proven(mine, capsys):
    mine.write_text(mine.read_text().partition("check:")[0])
    with pytest.raises(Misconfigured, match="--publish: the policy has no bars"):
        check(str(mine), publish=True)
    assert "mine has no bars (`check:`), so nothing was held to anything." in capsys.readouterr().out
