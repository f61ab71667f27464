"""What stops `turnout serve` is said before it listens, in one line."""

import json
import shutil
import socket
import subprocess
import sys
import time

import httpx
import pytest

WRONG = [
    (["--listen", "nonsense"], {}, "listen: 'nonsense' is not HOST:PORT, such as 127.0.0.1:4747"),
    (["--listen", "0.0.0.0:0"], {}, "listen: 0.0.0.0 can be reached from other machines, and no key exists"),
    (["--policy", "balancd"], {}, "balancd: there is no such policy or file; did you mean 'balanced'?"),
    (
        ["--local-model", "no.gguf"],
        {},
        "local.model: there is no file 'no.gguf'; give the path of a .gguf file",
    ),
    (["--ledger", "nosuchdb://x/y"], {}, "ledger"),
    ([], {"POLICI": "x"}, "environment: TURNOUT_POLICI is not a setting; did you mean TURNOUT_POLICY?"),
]


@pytest.mark.parametrize(("arguments", "settings", "message"), WRONG)
def test_what_is_wrong_is_said_in_one_line(refused, arguments, settings, message):
    assert message in refused("serve", *arguments, **settings)


def test_a_broken_policy_file_is_told_by_line(refused, tmp_path):
    (tmp_path / "p.yaml").write_text(
        "name: p\nrules:\n  - {when: 'file > 1', to: local, why: a}\notherwise: 7\n"
    )
    assert "p.yaml:4: otherwise" in refused("serve", "--policy", "p.yaml")


def test_wrong_settings_are_told_by_file(refused, tmp_path):
    (tmp_path / "turnout.yaml").write_text("cloud: {base_ulr: x}\n")
    message = refused("serve")
    assert message == "turnout.yaml: cloud.base_ulr: unknown key; did you mean cloud.base_url?"


def test_a_file_that_is_no_model(refused, tmp_path):
    (tmp_path / "m.gguf").write_bytes(b"GGUF\x03")
    assert "local.model: 'm.gguf' ends early (5 bytes)" in refused("serve", "--local-model", "m.gguf")


def test_a_port_in_use(refused):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        message = refused("serve", "--listen", f"127.0.0.1:{port}")
    assert message.startswith(f"listen: cannot use 127.0.0.1:{port} (")
    assert "pass --listen" in message


@pytest.fixture
def serving(tmp_path, clean):
    """`turnout serve` on a port it chose itself: its greeting and its address."""
    processes = []

    def serve(host: str) -> tuple[str, int]:
        log = tmp_path / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "router.cli.main", "serve", "--listen", f"{host}:0"],
                stdout=output,
                stderr=output,
                cwd=tmp_path,
                env=clean | {"TURNOUT_LOCAL__URL": "http://127.0.0.1:9/v1", "PYTHONUNBUFFERED": "1"},
            )
        processes.append(process)
        end = time.monotonic() + 30
        while "Health:" not in (greeting := log.read_text()):
            assert process.poll() is None, greeting
            assert time.monotonic() < end, greeting
            time.sleep(0.05)
        address = greeting.split("listens on http://")[1].split()[0]
        return greeting, int(address.rpartition(":")[2])

    yield serve
    for process in processes:
        process.terminate()
        process.wait(15)


def test_the_next_steps_name_a_command_that_the_shell_finds(serving, clean):
    greeting, port = serving("127.0.0.1")
    step = next(line for line in greeting.splitlines() if " code " in line).strip()
    command = step.split()[0]
    assert step.startswith(f"{command} code --url http://127.0.0.1:{port} aider")
    assert shutil.which(command, path=clean.get("PATH"))


def test_any_other_address_serves_once_a_key_exists_and_is_never_open(turnout, serving):
    key = json.loads(turnout("key", "create", "--team", "web", "--json").out)["key"]
    greeting, port = serving("0.0.0.0")
    assert f"http://0.0.0.0:{port}" in greeting
    models = f"http://127.0.0.1:{port}/v1/models"
    mine = {"x-turnout-key": key}
    assert httpx.get(models).status_code == 401
    assert httpx.get(models, headers=mine).status_code == 200
    (row,) = json.loads(turnout("key", "list", "--json").out)
    assert turnout("key", "revoke", row["id"]).code == 0
    end = time.monotonic() + 20
    while httpx.get(models, headers=mine).status_code == 200:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert httpx.get(models).status_code == 401


def test_ipv6_loopback(serving):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("no IPv6 loopback here")
    greeting, port = serving("[::1]")
    assert f"http://[::1]:{port}/health" in greeting
    assert httpx.get(f"http://[::1]:{port}/health").status_code == 200
