"""The page on the shipped policies: made by a command, and of the tree as it is."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.evaluation.suites.problem import CLIENTS
from benchmarks.research.shipped import markdown, run
from classifiers.choose import CLASSIFIERS
from policies.load import SHIPPED
from router.features.fingerprint import reading_digest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def results():
    return run(resamples=50)


def test_every_policy_client_and_classifier_is_checked(results):
    assert tuple(results.policies) == SHIPPED
    assert tuple(results.clients) == CLIENTS
    assert len(results.classifiers) == len(CLASSIFIERS) - 1
    assert all(result.passed for result in results.policies.values())


def test_the_page_has_a_row_for_each(results):
    page = markdown(results)
    for name in (*SHIPPED, *CLIENTS):
        assert page.count(f"\n| `{name}` |") >= 1
    assert "Everyday asks that go where their label says" in page
    assert "| always cloud | 0.0 |" in page


def test_the_page_that_is_kept_is_of_this_reading():
    """Where this fails, reading or rules have changed: `make proofs`."""
    page = (ROOT / "benchmarks/results/check.md").read_text(encoding="utf-8")
    assert f"reading `{reading_digest()}`" in page


@pytest.mark.parametrize("name", ["balanced", "quality-first", "local-first"])
def test_the_readme_says_what_the_proofs_say(name):
    """Where this fails, put the figures of `policies/NAME.check.json` into the README's table."""
    figures = json.loads((ROOT / f"policies/{name}.check.json").read_text(encoding="utf-8"))["figures"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    row = next(line for line in readme.splitlines() if re.match(rf"\| `{name}` \| [\d.]+% / ", line))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    human_eval, swe_bench, everyday = (
        f"{100 * figures[metric]['point']:.3g}%"
        for metric in ("humaneval_local_share", "swebench_local_share", "everyday_right")
    )
    kept = (figures[metric] for metric in ("humaneval_quality_kept", "swebench_quality_kept", "quality_kept"))
    assert cells[1:] == [f"{human_eval} / {swe_bench}; {everyday}", *(words(figure) for figure in kept)]


def words(figure):
    point, low, high = (f"{100 * figure[end]:.1f}" for end in ("point", "low", "high"))
    return f"{point}%" if low == high else f"{point}% ({low}-{high})"
