"""`turnout policy cascade`: the table that the docs show, and what it is told wrong."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from router.cli.main import app
from router.errors import Misconfigured

DOCS = Path(__file__).parents[3] / "docs" / "tune.md"


def turnout(*words):
    return CliRunner().invoke(app, ["policy", "cascade", *map(str, words)])


def test_the_docs_show_what_it_prints(tmp_path):
    page = tmp_path / "page.md"
    ran = turnout("balanced", "--limits", "60,80,100,120", "--json", "--markdown", page)
    assert ran.exit_code == 0, ran.output
    payload = json.loads(ran.stdout)
    assert [row["limit"] for row in payload["rows"]] == [0, 40, 60, 80, 100, 120, None]
    assert (payload["own"], payload["tasks"], payload["runs"]) == (40, 500, 59)
    tables = [line for line in page.read_text().splitlines() if line.startswith("|")]
    assert len(tables) == 2 * (2 + 7)
    docs = DOCS.read_text()
    assert [line for line in tables if line not in docs] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--limits", "40,x"), "--limits: '40,x' are no calls"),
        (("--limits", "0"), "are no calls"),
        (("--price-model", "nobody"), "no price is known"),
        (("--markdown", "no/page.md"), "--markdown: no/page.md: cannot be written"),
    ],
)
def test_what_it_is_told_wrong_it_says(words, message):
    ran = turnout(*words)
    assert isinstance(ran.exception, Misconfigured)
    assert message in str(ran.exception)
