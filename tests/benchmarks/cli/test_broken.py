"""The gate falls where what serves is broken: it reads, judges and decides as the endpoint does."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from classifiers.artefact import dump, shipped
from classifiers.sufficiency import READS

ROOT = Path(__file__).parents[3]
BARS = '{humaneval_local_share: ">= 0.95"}'


@pytest.fixture(autouse=True)
def policy(tmp_path):
    head, _, _ = (ROOT / "policies/balanced.yaml").read_text().partition("\ncheck:")
    path = tmp_path / "mine.yaml"
    path.write_text(f"{head}\ncheck: {BARS}\n".replace("name: balanced", "name: mine"))
    return path


@pytest.fixture
def turnout(tmp_path, run_turnout):
    """Run a command of this tree, or of another."""

    def run(*arguments, tree=ROOT):
        env = os.environ | {"PYTHONPATH": str(tree), "XDG_DATA_HOME": str(tmp_path), "COLUMNS": "80"}
        if tree == ROOT:
            return run_turnout(*arguments, cwd=tmp_path, env=env)
        return subprocess.run(
            [sys.executable, "-m", "router.cli.main", *arguments],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_a_classifier_that_sends_all_to_the_cloud_falls(turnout, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text(dump(replace(shipped(), intercept=-20.0), READS))
    chosen = ("policy", "check", "mine.yaml", "--classifier", "sufficiency")
    assert turnout(*chosen).returncode == 0
    fell = turnout(*chosen, "--classifier-file", "broken.json")
    assert fell.returncode == 1
    assert "humaneval_local_share is 0, the bar is >= 0.95" in " ".join(fell.stdout.split())


@pytest.fixture
def broken_rules(tmp_path):
    """This tree, whose rules hold nothing for self-contained."""
    tree = tmp_path / "tree"
    for package in ("benchmarks", "classifiers", "policies", "router"):
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    rules = tree / "classifiers/rules.py"
    rules.write_text(rules.read_text().replace("\nPRIOR = -0.2\n", "\nPRIOR = -20.0\n"))
    return tree


def test_features_that_other_rules_recorded_are_refused(turnout, broken_rules):
    assert turnout("policy", "check", "mine.yaml").returncode == 0
    refused = turnout("policy", "check", "mine.yaml", tree=broken_rules)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "recorded with another reading of requests than serves" in " ".join(refused.stderr.split())
    assert "turnout bench record --data FOLDER" in " ".join(refused.stderr.split())
    unproven = turnout("policy", "show", "balanced", tree=broken_rules)
    assert "requests are read otherwise than when it was checked" in " ".join(unproven.stdout.split())


def test_what_is_at_hand_is_judged_by_the_rules_of_this_tree(tmp_path, broken_rules):
    program = (
        "from benchmarks.evaluation.route import starts_local\n"
        "from benchmarks.evaluation.suites.recorded import load_suite\n"
        "from policies.load import load\n"
        "print(starts_local(load('balanced'), load_suite('humaneval')).mean())\n"
    )
    for tree, share in ((ROOT, "1.0"), (broken_rules, "0.0")):
        ended = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tree)},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert ended.stdout.strip() == share
