"""`turnout trust` as a process, and what stops the others without it."""

import json

import pytest

TEXT = "cloud: {base_url: 'http://127.0.0.1:9', forward_credentials: always}\nkeepalive_s: 3\n"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "turnout.yaml").write_text(TEXT)
    return tmp_path / "turnout.yaml"


def test_nothing_starts_until_the_file_is_trusted(project, refused, turnout):
    message = refused("ledger", "stats")
    assert message.startswith("turnout.yaml: is not trusted, so it may not set cloud.base_url, cloud.forw")
    assert refused("serve") == message
    trusted = turnout("trust")
    assert (trusted.code, trusted.err) == (0, "")
    assert trusted.out == f"{project} is trusted: it may now set cloud.base_url, cloud.forward_credentials\n"
    assert turnout("ledger", "stats").code == 0
    project.write_text(TEXT + "listen: 127.0.0.1:1\n")
    assert "turnout.yaml: changed since you trusted it" in refused("ledger", "stats")


def test_what_is_trusted_is_listed_and_removed(project, turnout, refused):
    trusted = json.loads(turnout("trust", "--json").out)
    assert trusted["fields"] == ["cloud.base_url", "cloud.forward_credentials"]
    assert json.loads(turnout("trust", "--list", "--json").out) == [
        {"file": str(project), "digest": trusted["digest"], "state": "trusted"}
    ]
    project.write_text("keepalive_s: 4\n")
    assert str(project) in (listing := turnout("trust", "--list").out)
    assert "changed" in listing
    assert json.loads(turnout("trust", str(project), "--remove", "--json").out)["removed"]
    assert turnout("trust", "--list").out == "no file is trusted\n"
    assert "is not trusted; `turnout trust --list` shows what is" in refused("trust", "--remove")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["other.yaml"], "trust: there is no file 'other.yaml'"),
        (["--list", "--remove"], "--list: cannot be combined with --remove"),
        (["broken.yaml"], "broken.yaml: must be a mapping"),
    ],
)
def test_what_is_wrong_is_said(project, refused, arguments, message):
    (project.parent / "broken.yaml").write_text("- a\n")
    assert message in refused("trust", *arguments)
