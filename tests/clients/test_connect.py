"""Real coding assistants with settings that `turnout connect` wrote, or started by `turnout code`."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import assistants
import pytest
import servers
from assistants import ASK, Place, Program, need, run
from servers import Endpoint, Upstream

from router.billing.prices import Prices
from router.connect.clients.catalog import find_client
from router.ledger.store import LedgerStore

SAYS = {"text": "All done."}
BASE = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "dumb"}


def turnout(place: Place, *arguments: str, **variables: str) -> str:
    """Run `turnout` as the person whose home this is."""
    command = [sys.executable, "-P", "-m", "router.cli.start", *arguments]
    env = {**BASE, **variables, "HOME": str(place.home), "COLUMNS": "200"}
    ended = subprocess.run(command, env=env, cwd=place.workspace, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended
    return ended.stdout


def bare(place: Place, *argv: str, **variables: str) -> Program:
    """A client with nothing of the endpoint in its environment or arguments."""
    return Program(argv=argv, env={**BASE, "HOME": str(place.home), **variables}, cwd=place.workspace)


QUIET_CLAUDE = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
}


def programs(place: Place) -> dict[str, Program]:
    claude = ("-p", ASK, "--allowedTools", "Bash", "--output-format", "json")
    return {
        "claude": bare(place, str(assistants._claude()), *claude, **QUIET_CLAUDE),
        "opencode": bare(place, str(assistants._opencode()), "run", "--auto", ASK),
        "gemini": bare(
            place,
            *("node", str(assistants.GEMINI), "--approval-mode", "yolo", "-p", ASK),
            GEMINI_CLI_TRUST_WORKSPACE="true",
        ),
        "qwen": bare(place, "node", str(assistants.QWEN), "--approval-mode", "yolo", "-p", ASK),
        "pi": bare(place, "node", str(assistants.PI), "-p", ASK, PI_OFFLINE="1", PI_TELEMETRY="0"),
        "cn": bare(place, "node", str(assistants.CN), "--auto", "-p", ASK, CONTINUE_TELEMETRY_ENABLED="0"),
        "codex": bare(
            place, "node", str(assistants.CODEX), "exec", "-m", "local", "--skip-git-repo-check", ASK
        ),
        "cline": bare(
            place, str(assistants._platform("@cline/cli-*/bin/cline")), ASK, CLINE_NO_AUTO_UPDATE="1"
        ),
        "copilot": bare(
            place,
            str(assistants._platform("@github/copilot-*/copilot")),
            COPILOT_OFFLINE="true",
            COPILOT_AUTO_UPDATE="false",
        ),
        "aider": bare(place, str(assistants.AIDER), "--yes-always", "--no-git", "--message", ASK),
    }


SLOW = [
    pytest.param(name, marks=pytest.mark.slow)
    for name in ("opencode", "gemini", "qwen", "codex", "cline", "aider")
]
NAMES: dict[str, assistants.Name] = {"claude": "claude-code", "qwen": "qwen-code", "cn": "continue"}


@pytest.mark.parametrize("client", ["claude", "pi", "cn", *SLOW])
def test_it_works_with_the_settings_that_were_written_and_is_undone(
    client: str, fast_endpoint: Endpoint, upstream: Upstream, place: Place
) -> None:
    need(NAMES.get(client, client))  # type: ignore[arg-type]
    turnout(place, "connect", client, "--yes", "--url", fast_endpoint.url)
    upstream.play(*[SAYS] * 4)
    finished = run(programs(place)[client])
    assert finished.code == 0, finished
    assert "All done." in finished.out, finished
    assert upstream.seen()
    turnout(place, "connect", client, "--undo", "--yes", "--force")
    listed = json.loads(turnout(place, "connect", "--list", "--json", "--url", fast_endpoint.url))
    name = find_client(client).name
    row = next(row for row in listed["clients"] if row["client"] == name)
    assert row["connected"] == ""
    for file in map(Path, row["files"]):
        assert not file.exists() or fast_endpoint.url not in file.read_text()


def named(folder: Path, name: str, *argv: str) -> None:
    """Put a client on the path under its own name."""
    file = folder / name
    file.write_text("#!/bin/sh\nexec " + " ".join(f"'{part}'" for part in argv) + ' "$@"\n')
    file.chmod(0o755)


STARTED = {
    "claude": ("-p", ASK, "--allowedTools", "Bash", "--output-format", "json"),
    "cn": ("--auto", "-p", ASK),
    "opencode": ("run", "--auto", ASK),
    "gemini": ("--approval-mode", "yolo", "-p", ASK),
    "qwen": ("--approval-mode", "yolo", "-p", ASK),
    "codex": ("exec", "-m", "local", "--skip-git-repo-check", ASK),
    "copilot": ("-p", ASK, "--allow-all-tools", "--allow-all-paths"),
    "aider": ("--yes-always", "--no-git", "--message", ASK),
}


def by_turnout(folder: Path, client: str, options: tuple[str, ...], program: Program) -> Program:
    """The client, found on the path under its own name, as `turnout code` starts it."""
    (folder / "bin").mkdir()
    named(folder / "bin", client, *program.argv[: 2 if program.argv[0] == "node" else 1])
    start = (sys.executable, "-P", "-m", "router.cli.start", "code", *options, client)
    env = {**program.env, "PATH": f"{folder / 'bin'}:{BASE['PATH']}"}
    return replace(program, argv=(*start, *STARTED[client]), env=env)


@pytest.mark.parametrize(
    "client",
    [
        "claude",
        "cn",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("opencode", "gemini", "qwen", "codex", "copilot", "aider")
        ),
    ],
)
def test_it_is_started_pointed_here_with_no_file_of_its_own_changed(
    client: str, fast_endpoint: Endpoint, upstream: Upstream, place: Place, tmp_path: Path
) -> None:
    need(NAMES.get(client, client))  # type: ignore[arg-type]
    upstream.play(*[SAYS] * 4)
    finished = run(by_turnout(tmp_path, client, ("--url", fast_endpoint.url), programs(place)[client]))
    assert finished.code == 0, finished
    assert "All done." in finished.out, finished
    assert upstream.seen()


def test_the_status_line_shows_where_the_answer_came_from(
    fast_endpoint: Endpoint, upstream: Upstream, place: Place
) -> None:
    turnout(place, "connect", "claude", "--yes", "--statusline", "--url", fast_endpoint.url)
    known = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "projects": {
            str(place.workspace): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
        },
    }
    (place.home / ".claude.json").write_text(json.dumps(known))
    upstream.play(*[SAYS] * 6)
    typed = str(Path(__file__).with_name("typed.py"))
    # Of a line that is painted over another, what is the same is not printed again.
    script = ("no request yet", "Write a function that adds two numbers.", "-opus-5-5")
    argv = (sys.executable, typed, str(assistants._claude()), *script)
    program = bare(place, *argv, **QUIET_CLAUDE, TERM="xterm-256color")
    finished = run(program)
    assert finished.code == 0, finished.err


@pytest.mark.parametrize("way", ["connect", "code"])
@pytest.mark.parametrize(
    "client",
    ["claude", *(pytest.param(name, marks=pytest.mark.slow) for name in ("codex", "gemini", "qwen"))],
)
def test_a_teams_key_opens_an_endpoint_that_asks_for_one(
    client: str, way: str, upstream: Upstream, place: Place, tmp_path: Path
) -> None:
    need(NAMES.get(client, client))  # type: ignore[arg-type]
    ledger = LedgerStore.open(tmp_path / "ledger.db", prices=Prices(), write=False)
    key = ledger.accounts.create_key(team="web").secret
    ledger.close()
    program = programs(place)[client]
    if client == "claude":  # a login of its own, which goes on beside the key
        program = replace(program, env={**program.env, "ANTHROPIC_API_KEY": assistants.KEY})
    upstream.play(*[SAYS] * 4)
    policy = "balanced" if client == "claude" else "private"  # the others have no key of the provider's
    local = f"{upstream.url}/v1"
    with servers.endpoint(tmp_path, cloud=upstream.url, policy=policy, local__url=local) as endpoint:
        address = ("--url", endpoint.url, "--key", key)
        if way == "connect":
            turnout(place, "connect", client, "--yes", *address, **program.env)
        else:
            program = by_turnout(tmp_path, client, address, program)
        finished = run(program)
        assert finished.code == 0, finished
        assert "All done." in finished.out, finished
        assert {row["team"] for row in endpoint.rows(1)} == {"web"}
    if client == "claude":
        assert upstream.seen()[0].headers["x-api-key"] == assistants.KEY
    assert key not in json.dumps([dict(seen.headers) for seen in upstream.seen()])
