"""`turnout connect`: what is shown, written, kept and put back."""

import contextlib
import json
import os
import pty
import stat
import subprocess
import sys

import pytest

from router.app.asgi import ROUTES
from router.connect.client import PLACEHOLDER, Target
from router.connect.clients.catalog import CLIENTS
from router.connect.machine import Machine

NOWHERE = ("--url", "http://127.0.0.1:9")
ODD = {
    ".json": b'\xef\xbb\xbf// mine\r\n{\r\n\t"a": [1, 2,], /* b */ "z": {}, // c\r\n}',
    ".yaml": b"# mine\r\nname:   My config  # n\r\nversion: 0.0.1\r\nmodels:\r\n"
    b"- name: a\r\n  model: b\r\n\r\n# end",
    ".yml": b"# mine\nmodel:   'gpt'  # the best\nread: [a, 'b']\n\n# end",
    ".toml": b'#:schema https://x\r\nmodel = "m" # n\r\n\r\n[tui]\r\nx = """\r\n[no]\r\n"""',
    ".env": b"# mine\nexport A = 'b' # c\nOPENAI_API_KEY=sk-mine",
}
WRITTEN = [client.name for client in CLIENTS if client.files]


def content_for(path):
    if path.name == "chatLanguageModels.json":
        return b'[ // mine\n\t{"name": "a"},\n]'
    return ODD[path.suffix or path.name]


def settings_of(client, home):
    where = Machine(system="linux", home=home, environment={"XDG_CONFIG_HOME": str(home / "config")})
    row = next(row for row in CLIENTS if row.name == client)
    return [file.path for file in row.files(where, Target(url=NOWHERE[1]))]


def tree(folder):
    return sorted(str(path) for path in folder.rglob("*") if "data" not in path.parts)


@pytest.mark.parametrize("client", WRITTEN)
def test_undoing_gives_every_byte_back(client, turnout, tmp_path):
    before = {path: content_for(path) for path in settings_of(client, tmp_path)}
    for path, content in before.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o640)
    ended = turnout("connect", client, "--yes", *NOWHERE)
    assert ended.code == 0, ended
    for path, content in before.items():
        assert f"+++ {path}" in ended.out
        written = path.read_bytes()
        assert written != content
        assert (b"\r\n" in written) == (b"\r\n" in content)
        assert written.count(b"mine") == content.count(b"mine")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    again = turnout("connect", client, "--yes", *NOWHERE)
    assert "nothing had to be changed" in again.out
    moved = turnout("connect", client, "--yes", "--url", "http://127.0.0.1:10")
    assert moved.code == 0, moved
    undone = turnout("connect", client, "--undo", "--yes")
    assert undone.code == 0, undone
    for path, content in before.items():
        assert path.read_bytes() == content
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("client", WRITTEN)
def test_a_file_with_a_key_is_closed_to_others_until_it_is_undone(client, turnout, tmp_path):
    key = ("--key", "tn-of-a-team")
    before = {path: content_for(path) for path in settings_of(client, tmp_path)}
    for path, content in before.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o644)
    assert turnout("connect", client, "--yes", *NOWHERE).code == 0
    assert {stat.S_IMODE(path.stat().st_mode) for path in before} == {0o644}
    for more in (key, (*key, "--url", "http://127.0.0.1:10"), ()):
        assert turnout("connect", client, "--yes", *NOWHERE, *more).code == 0
        for path in before:
            if b"tn-of-a-team" in path.read_bytes():
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
    undone = turnout("connect", client, "--undo", "--yes")
    assert undone.code == 0, undone
    for path, content in before.items():
        assert path.read_bytes() == content
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_undoing_leaves_permissions_that_were_set_since(turnout, settings):
    settings.chmod(0o664)
    assert turnout("connect", "claude", "--yes", "--key", "tn-of-a-team", *NOWHERE).code == 0
    settings.chmod(0o640)
    assert turnout("connect", "claude", "--undo", "--yes").code == 0
    assert stat.S_IMODE(settings.stat().st_mode) == 0o640


@pytest.mark.parametrize("client", WRITTEN)
def test_undoing_removes_what_was_not_there(client, turnout, tmp_path):
    before = tree(tmp_path)
    ended = turnout("connect", client, "--yes", *NOWHERE)
    assert ended.code == 0, ended
    assert "--- /dev/null" in ended.out
    assert all(path.exists() for path in settings_of(client, tmp_path))
    assert turnout("connect", client, "--undo", "--yes").code == 0
    assert tree(tmp_path) == before


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / ".claude/settings.json"
    path.parent.mkdir()
    path.write_text('{\n  "model": "opus"\n}\n')
    return path


def test_nothing_is_written_without_a_yes(turnout, settings, refused):
    before = settings.read_bytes()
    ended = turnout("connect", "claude", *NOWHERE)
    assert (ended.code, settings.read_bytes()) == (2, before)
    assert "no terminal to ask at; add --yes" in ended.err
    assert '+    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"' in ended.out
    shown = turnout("connect", "claude", "--print", *NOWHERE)
    assert (shown.code, settings.read_bytes()) == (0, before)
    assert "is not connected" in refused("connect", "claude", "--undo", "--yes")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a terminal of POSIX")
@pytest.mark.parametrize(("answer", "written"), [(b"y\n", True), (b"n\n", False), (b"\n", False)])
def test_it_asks_at_a_terminal(answer, written, clean, settings, tmp_path):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "router.cli.main", "connect", "claude", *NOWHERE]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=clean, cwd=tmp_path
    ) as process:
        os.close(theirs)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, answer)
        with contextlib.suppress(OSError):  # Linux: once the other end is closed
            while os.read(ours, 4096):
                pass
        os.close(ours)
        process.wait(60)
    assert process.returncode == (0 if written else 1)
    assert (b"ANTHROPIC_BASE_URL" in settings.read_bytes()) is written


def test_a_link_stays_one(turnout, settings, tmp_path):
    target = tmp_path / "dotfiles/claude.json"
    target.parent.mkdir()
    settings.rename(target)
    settings.symlink_to(target)
    before = target.read_bytes()
    assert turnout("connect", "claude", "--yes", *NOWHERE).code == 0
    assert settings.is_symlink()
    assert b"ANTHROPIC_BASE_URL" in target.read_bytes()
    assert turnout("connect", "claude", "--undo", "--yes").code == 0
    assert settings.is_symlink()
    assert target.read_bytes() == before


def test_a_broken_file_is_refused_with_its_place_and_left(refused, settings):
    settings.write_text('{\n  "a": 1\n  "b": 2\n}')
    before = settings.read_bytes()
    message = refused("connect", "claude", "--yes", *NOWHERE)
    assert f"{settings}: line 3, column 3: `,` or `}}` is missing; nothing was changed" in message
    assert settings.read_bytes() == before


def test_a_read_only_file_is_left(refused, settings):
    settings.chmod(0o444)
    assert "is read-only" in refused("connect", "claude", "--yes", *NOWHERE)


def test_an_edited_file_is_put_back_only_when_forced_and_keeps_the_edit(turnout, settings):
    assert turnout("connect", "claude", "--yes", *NOWHERE).code == 0
    settings.write_text(settings.read_text().replace('"opus"', '"sonnet"'))
    ended = turnout("connect", "claude", "--undo", "--yes")
    assert ended.code == 2
    assert '-  "model": "opus",' in ended.out
    assert '+  "model": "sonnet",' in ended.out
    assert "--force" in ended.err
    assert b"ANTHROPIC_BASE_URL" in settings.read_bytes()
    assert turnout("connect", "claude", "--undo", "--yes", "--force").code == 0
    assert settings.read_text() == '{\n  "model": "sonnet"\n}\n'


def test_a_client_that_writes_its_file_anew_can_be_undone_and_connected_again(turnout, settings):
    assert turnout("connect", "claude", "--yes", *NOWHERE).code == 0
    data = json.loads(settings.read_text())
    data["permissions"] = {"allow": ["Bash"]}
    settings.write_text(json.dumps(data, indent=2))  # as Claude Code does
    assert turnout("connect", "claude", "--yes", "--url", "http://127.0.0.1:10").code == 0
    assert turnout("connect", "claude", "--undo", "--yes").code == 0
    assert json.loads(settings.read_text()) == {"model": "opus", "permissions": {"allow": ["Bash"]}}


def test_what_cannot_be_told_apart_is_kept_beside(turnout, settings, refused):
    before = settings.read_bytes()
    assert turnout("connect", "claude", "--yes", *NOWHERE).code == 0
    settings.write_text('{"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}, "mine": 1}')
    edited = settings.read_bytes()
    assert "--undo" in refused("connect", "claude", "--yes", "--url", "http://127.0.0.1:10")
    assert settings.read_bytes() == edited
    assert turnout("connect", "claude", "--undo", "--yes", "--force").code == 0
    assert settings.read_bytes() == before
    assert settings.with_name("settings.json.before-undo").read_bytes() == edited


def test_a_file_that_was_removed_since_comes_back_only_when_forced(turnout, settings):
    before = settings.read_bytes()
    assert turnout("connect", "claude", "--yes", *NOWHERE).code == 0
    settings.unlink()
    assert turnout("connect", "claude", "--undo", "--yes").code == 2
    assert not settings.exists()
    assert turnout("connect", "claude", "--undo", "--yes", "--force").code == 0
    assert settings.read_bytes() == before


def test_of_two_files_both_are_written_or_none(turnout, tmp_path):
    (tmp_path / ".pi/agent/settings.json").mkdir(parents=True)  # a folder in the file's place
    ended = turnout("connect", "pi", "--yes", *NOWHERE)
    assert ended.code == 2
    assert not (tmp_path / ".pi/agent/models.json").exists()


def test_connecting_many_times_at_once_leaves_what_one_would(clean, settings, tmp_path):
    before = settings.read_bytes()
    command = [sys.executable, "-m", "router.cli.main", "connect", "claude", "--yes", *NOWHERE]
    running = [subprocess.Popen(command, env=clean, cwd=tmp_path, stderr=subprocess.PIPE) for _ in range(4)]
    ended = [(process.communicate()[1].decode(), process.returncode) for process in running]
    assert 0 in {code for _, code in ended}
    assert all(code == 0 or "try again" in err or "run the command again" in err for err, code in ended), (
        ended
    )
    assert settings.read_text().count("ANTHROPIC_BASE_URL") == 1
    undo = [*command[:4], "claude", "--undo", "--yes"]
    subprocess.run(undo, env=clean, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    assert settings.read_bytes() == before


def test_keys_are_written_shown_cut_and_kept_from_others(turnout, settings, tmp_path, refused):
    ended = turnout("connect", "claude", "--yes", "--key", "tn-secret-of-a-team", *NOWHERE)
    assert ended.code == 0
    assert "tn-secret-of-a-team" in settings.read_text()
    assert "tn-secret-of-a-team" not in ended.out
    copies = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert copies
    assert {stat.S_IMODE(path.stat().st_mode) for path in copies} == {0o600}
    assert "begin with tn-" in refused("connect", "claude", "--yes", "--key", "sk-1", *NOWHERE)


def test_the_key_may_come_from_the_environment(turnout, settings):
    assert turnout("connect", "claude", "--yes", *NOWHERE, KEY="tn-of-the-environment").code == 0
    assert "tn-of-the-environment" in settings.read_text()


def test_a_status_line_is_added_where_none_is(turnout, settings, refused):
    assert turnout("connect", "claude", "--yes", "--statusline", *NOWHERE).code == 0
    line = json.loads(settings.read_text())["statusLine"]
    assert line["type"] == "command"
    assert line["command"].endswith(" statusline")
    assert turnout("connect", "claude", "--undo", "--yes").code == 0
    settings.write_text('{"statusLine": {"type": "command", "command": "mine"}}')
    assert "`statusLine` already" in refused("connect", "claude", "--yes", "--statusline", *NOWHERE)
    assert "Claude Code's alone" in refused("connect", "aider", "--yes", "--statusline", *NOWHERE)


def test_the_address_is_that_of_the_settings(turnout):
    assert "http://127.0.0.1:4848" in turnout("connect", "claude", "--print", LISTEN="0.0.0.0:4848").out
    assert "http://[::1]:4848" in turnout("connect", "claude", "--print", LISTEN="[::]:4848").out
    with_path = turnout("connect", "claude", "--print", "--url", "https://box.example/turnout/v1/").out
    assert '"https://box.example/turnout"' in with_path


@pytest.mark.parametrize("url", ["127.0.0.1:4747", "http://", "ftp://x", "http://x y", "http://x/?a=1"])
def test_no_address_is_refused(url, refused):
    assert "--url" in refused("connect", "claude", "--yes", "--url", url)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_what_a_client_speaks_is_served(client):
    assert client.speaks in ROUTES


@pytest.mark.parametrize(
    ("shell", "line"),
    [("/bin/bash", "export OPENAI_API_KEY={}"), ("/usr/bin/fish", "set -gx OPENAI_API_KEY {}")],
)
def test_variables_are_printed_for_the_shell(shell, line, warm, clean, tmp_path):
    if warm is None:
        pytest.skip("needs forks")
    ended = warm.run(("connect", "openai", *NOWHERE), cwd=tmp_path, env={**clean, "SHELL": shell})
    assert line.format(PLACEHOLDER) in ended.out.splitlines()
    assert len(ended.out.splitlines()) == 3


def test_steps_are_printed_where_no_file_can_be_written(turnout, tmp_path):
    before = tree(tmp_path)
    for client in ("jetbrains", "cursor", "roo", "openhands"):
        ended = turnout("connect", client, *NOWHERE)
        assert ended.code == 0, ended
        assert "1. " in ended.out
    assert tree(tmp_path) == before


def test_the_list_says_what_is_installed_and_connected(turnout, settings, tmp_path):
    assert turnout("connect", "claude", "--yes", *NOWHERE).code == 0
    listed = json.loads(turnout("connect", "--list", "--json", *NOWHERE).out)
    assert listed["endpoint"]["answers"] is False
    assert "turnout serve" in listed["endpoint"]["problem"]
    rows = {row["client"]: row for row in listed["clients"]}
    assert rows["claude"]["connected"] == NOWHERE[1]
    assert rows["claude"]["installed"] is True
    assert rows["aider"]["connected"] == ""
    settings.write_text("{}")
    assert "edited since" in turnout("connect", "--list", *NOWHERE).out
    (tmp_path / "data/turnout/connect/claude/record.json").write_text("{")
    assert "damaged" in turnout("connect", "--list", *NOWHERE).out


def test_the_endpoint_is_recognised(turnout, start_endpoint, upstream):
    endpoint = start_endpoint(CLOUD__BASE_URL=upstream.url, LOCAL__URL=upstream.url + "/v1")
    ended = turnout("connect", "claude", "--yes", "--url", endpoint.url)
    assert ended.code == 0
    assert "Note" not in ended.out
    other = turnout("connect", "--list", "--url", upstream.url)
    assert "is not Turnout" in other.out


@pytest.mark.parametrize("command", ["connect", "code", "statusline"])
def test_help_fits_a_narrow_terminal(command, warm, clean, tmp_path):
    if warm is None:
        pytest.skip("needs forks")
    ended = warm.run((command, "--help"), cwd=tmp_path, env={**clean, "COLUMNS": "80"})
    assert max(map(len, ended.out.splitlines())) <= 80
    assert "…" not in ended.out
