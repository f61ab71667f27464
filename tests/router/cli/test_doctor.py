"""`turnout doctor`: each part of a set-up broken in turn, and what is said of it."""

import json
import socket
from pathlib import Path

import pytest

COLOURS = {"green", "yellow", "red"}


@pytest.fixture
def diagnose(turnout):
    """Run it; gives the exit code and the checks by name."""

    def run(**settings: str):
        ended = turnout("doctor", "--json", **{"CLOUD__BASE_URL": "http://127.0.0.1:9"} | settings)
        assert ended.err == "", ended
        document = json.loads(ended.out)
        assert document["level"] in COLOURS
        return ended.code, {check["name"]: check for check in document["checks"]}

    return run


def test_a_fresh_machine_is_told_what_it_has_and_what_it_misses(diagnose):
    code, checks = diagnose()
    assert code == 0
    assert {"turnout", "compiler", "engine", "model", "card", "policy", "proof"} <= checks.keys()
    assert {"cloud", "key", "disk", "ledger", "address"} <= checks.keys()
    assert checks["engine"]["text"].startswith("llama.cpp ")
    assert "set local.model to a GGUF file of yours" in checks["model"]["text"]
    assert checks["key"]["level"] == "yellow"
    assert checks["key"]["text"].startswith("none here: set ANTHROPIC_API_KEY")
    assert checks["cloud"]["level"] == "yellow"
    assert checks["proof"]["level"] == "green"
    assert all(check["level"] in COLOURS for check in checks.values())


def test_a_person_gets_a_line_for_each(turnout):
    ended = turnout("doctor", CLOUD__BASE_URL="http://127.0.0.1:9")
    assert ended.code == 0, ended
    lines = ended.out.splitlines()
    assert {line.split()[0] for line in lines} <= COLOURS
    assert any(line.split()[:2] == ["green", "engine"] for line in lines)
    assert "\x1b" not in ended.out


def test_what_is_wrong_is_red_with_the_remedy(diagnose, tmp_path: Path):
    (tmp_path / "model.gguf").write_bytes(b"not one")
    (tmp_path / "policy.yaml").write_text("name: mine\nrules: nonsense\n")
    (tmp_path / "ledger.db").write_bytes(b"no database" * 100)
    (tmp_path / "ledger.db").chmod(0o600)
    code, checks = diagnose(
        LOCAL__MODEL=str(tmp_path / "model.gguf"),
        POLICY=str(tmp_path / "policy.yaml"),
        LEDGER=str(tmp_path / "ledger.db"),
        LISTEN="0.0.0.0:4799",
    )
    assert code == 1
    assert {name for name, check in checks.items() if check["level"] == "red"} == {
        "model",
        "policy",
        "ledger",
    }
    assert "give a .gguf file" in checks["model"]["text"]
    assert "policy.yaml:2" in checks["policy"]["text"]
    assert "cloud" not in checks, "nothing is known to be allowed to leave"


def test_an_open_address_needs_a_key(diagnose):
    code, checks = diagnose(LISTEN="0.0.0.0:4799")
    assert code == 1
    assert "turnout key create --team TEAM" in checks["address"]["text"]


def test_a_port_that_is_taken(diagnose):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, checks = diagnose(LISTEN=f"127.0.0.1:{taken.getsockname()[1]}")
    assert code == 1
    assert "stop the other program or pass --listen" in checks["address"]["text"]


@pytest.mark.parametrize("listen", ["80", "127.0.0.1:99999", "http://127.0.0.1:4747"])
def test_an_address_that_is_none_is_a_line_among_the_others(diagnose, listen):
    code, checks = diagnose(LISTEN=listen)
    assert (code, checks["address"]["level"]) == (1, "red")
    assert "is not HOST:PORT, such as 127.0.0.1:4747" in checks["address"]["text"]
    assert checks["ledger"]["level"] == "green"


def test_a_key_that_leads_nowhere(diagnose, clean):
    clean["ANTHROPIC_API_KEY"] = "sk-ant-ours"
    code, checks = diagnose()
    assert code == 1
    assert checks["cloud"]["level"] == "red"
    assert checks["cloud"]["text"].startswith("no connection to 127.0.0.1: check cloud.base_url")
    assert checks["key"]["text"].startswith("ANTHROPIC_API_KEY is set")
    assert "sk-ant-ours" not in json.dumps(checks)


def test_private_asks_nobody(diagnose):
    _, checks = diagnose(POLICY="private")
    assert checks["cloud"]["text"] == "not asked: the policy lets nothing leave this machine"
    assert "key" not in checks


def test_a_server_in_the_engines_place(diagnose):
    code, checks = diagnose(LOCAL__URL="http://127.0.0.1:9")
    assert code == 1
    assert checks["engine"]["text"] == "not needed: local.url names a server"
    assert "start the server there" in checks["model"]["text"]
    assert "compiler" not in checks


def test_an_unproven_policy(diagnose, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(
        "name: mine\nhold: none\notherwise: {to: local, why: all}\ncheck: {local_share: '>= 1'}\n"
    )
    _, checks = diagnose(POLICY=str(file))
    assert checks["proof"]["level"] == "yellow"
    assert f"`turnout policy check {file} --publish" in checks["proof"]["text"]
    code, checks = diagnose(POLICY=str(file), REQUIRE_CHECK="true")
    assert (code, checks["proof"]["level"]) == (1, "red")


def test_settings_that_cannot_be_read(diagnose):
    code, checks = diagnose(LOCAL__CONTEXT="lots")
    assert code == 1
    assert list(checks) == ["settings"]
    assert "local.context" in checks["settings"]["text"]


def test_connected_clients(diagnose, turnout):
    assert turnout("connect", "aider", "--yes", LISTEN="127.0.0.1:4801").code == 0
    _, checks = diagnose(LISTEN="127.0.0.1:4801")
    assert checks["aider"] == {
        "name": "aider",
        "level": "green",
        "text": "connected to http://127.0.0.1:4801",
    }
    _, checks = diagnose(LISTEN="127.0.0.1:4802")
    assert checks["aider"]["level"] == "yellow"
    assert "the settings say http://127.0.0.1:4802: `turnout connect aider`" in checks["aider"]["text"]


def test_certificates(diagnose, clean):
    clean["SSL_CERT_FILE"] = "/nowhere/ca.pem"
    _, checks = diagnose()
    assert checks["certificates"]["level"] == "yellow"
    assert "correct the variable, or unset it" in checks["certificates"]["text"]
