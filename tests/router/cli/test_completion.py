"""What a shell offers after Tab."""

import json

import pytest
from typer.testing import CliRunner

from router.cli.main import app


@pytest.fixture
def offered(clean, tmp_path, monkeypatch):
    """The words that bash is offered for the last of these."""
    monkeypatch.chdir(tmp_path)

    def complete(*words: str) -> list[str]:
        asked = {"COMP_WORDS": " ".join(("turnout", *words)), "COMP_CWORD": str(len(words))}
        env = clean | asked | {"_TURNOUT_COMPLETE": "complete_bash"}
        return CliRunner().invoke(app, [], prog_name="turnout", env=env).output.split()

    return complete


def test_policies_and_files(offered, tmp_path):
    (tmp_path / "mine.yaml").touch()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "other.yml").touch()
    assert offered("serve", "--policy", "loc") == ["local-first"]
    assert offered("policy", "show", "m") == ["mine.yaml"]
    assert offered("policy", "check", "deep/") == ["deep/other.yml"]
    assert "balanced" in offered("doctor", "--policy", "")


def test_teams_and_keys(offered, turnout):
    key = json.loads(turnout("key", "create", "--team", "web", "--user", "ana", "--json").out)["id"]
    gone = json.loads(turnout("key", "create", "--team", "api", "--json").out)["id"]
    turnout("key", "revoke", gone)
    assert offered("team", "set", "") == ["api", "web"]
    assert offered("key", "create", "--team", "w") == ["web"]
    assert offered("tail", "--team", "a") == ["api"]
    assert offered("report", "--team", "w") == ["web"]
    assert offered("key", "revoke", "") == [key]


def test_clients(offered):
    assert "aider" in offered("connect", "a")


def test_a_ledger_that_cannot_be_read_offers_nothing(offered, clean, tmp_path):
    clean["TURNOUT_LEDGER"] = str(tmp_path / "broken.db")
    (tmp_path / "broken.db").write_bytes(b"no database" * 100)
    (tmp_path / "broken.db").chmod(0o600)
    assert offered("team", "set", "") == []
