"""`turnout statusline`: one line, quickly, whatever happens."""

import json
import subprocess
import sys

import pytest

from router.billing.prices import Prices
from router.ledger.store import LedgerStore
from tests.conftest import wait_for

SESSION = "0193f6a2-0000-4000-8000-00000000abcd"
ASK = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 50,
    "system": "You are Claude Code, Anthropic's official CLI for Claude.",
    "tools": [{"name": "Bash", "description": "Runs", "input_schema": {"type": "object"}}],
    "messages": [{"role": "user", "content": "Write a function that adds two numbers."}],
}
ASKED = "turnout: the endpoint asks for a team's key: turnout connect claude --key KEY"
HEADERS = {"x-claude-code-session-id": SESSION, "user-agent": "claude-cli/2.1.330 (external, cli)"}


def shown(url="", stdin=b"", **variables):
    env = {
        "PATH": "/usr/bin:/bin",
        "NO_COLOR": "1",
        **variables,
        **({"ANTHROPIC_BASE_URL": url} if url else {}),
    }
    command = [sys.executable, "-P", "-m", "router.cli.start", "statusline"]
    ended = subprocess.run(command, input=stdin, env=env, capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.count(b"\n") == 1
    return ended.stdout.decode().strip()


def answered(url, *args, **variables):
    """The line once the endpoint was quick enough to be waited for."""
    return wait_for(
        lambda: None if "nothing answers" in (line := shown(url, *args, **variables)) else line, url
    )


def given(session=SESSION):
    return json.dumps({"session_id": session, "model": {"id": "x"}, "cost": {}}).encode()


def test_it_shows_the_sessions_last_request(start_endpoint, upstream):
    endpoint = start_endpoint(
        CLOUD__BASE_URL=upstream.url, CLOUD__FORWARD_CREDENTIALS="always", LOCAL__URL=upstream.url + "/v1"
    )
    assert answered(endpoint.url, given()) == "turnout: no request yet"
    headers = {**HEADERS, "x-api-key": "sk-ant-x"}
    for model, track in (("cloud", "cloud"), ("local", "local")):
        answer = endpoint.post("/v1/messages", {**ASK, "model": model}, headers=headers)
        assert answer.status_code == 200, answer.text
        row = endpoint.row(answer)
        line = answered(endpoint.url, given())
        parts = line.split(" · ")
        assert (parts[0], parts[1], parts[-1]) == (track, row["served_model"], row["why"]), line
        assert parts[2].endswith(" today"), line
    assert answered(endpoint.url, given("another-session")).startswith("turnout: no request yet · ")
    assert answered(endpoint.url, given(), NO_COLOR="").startswith("local")
    env = {"ANTHROPIC_BASE_URL": endpoint.url}
    command = [sys.executable, "-P", "-m", "router.cli.start", "statusline"]
    coloured = subprocess.run(command, input=given(), env=env, capture_output=True, check=True)
    assert coloured.stdout.startswith(b"\x1b[32mlocal\x1b[0m")


def test_a_teams_key_is_sent_and_another_teams_session_is_not_shown(start_endpoint, upstream, tmp_path):
    ledger = LedgerStore.open(tmp_path / "ledger.db", prices=Prices(), write=False)
    web, api = (ledger.accounts.create_key(team=team).secret for team in ("web", "api"))
    ledger.close()
    endpoint = start_endpoint(LEDGER=str(tmp_path / "ledger.db"), LOCAL__URL=upstream.url + "/v1")
    answer = endpoint.post(
        "/v1/messages", {**ASK, "model": "local"}, headers={**HEADERS, "x-turnout-key": web}
    )
    endpoint.row(answer)
    assert answered(endpoint.url, given()) == ASKED
    here = {"TURNOUT_LISTEN": endpoint.url.removeprefix("http://")}
    places = (
        {"TURNOUT_KEY": web} | here,
        {"ANTHROPIC_AUTH_TOKEN": web},
        {"ANTHROPIC_API_KEY": web},
        {"ANTHROPIC_CUSTOM_HEADERS": f"x-a: 1\nX-Turnout-Key: {web}", "ANTHROPIC_API_KEY": "sk-ant-1"},
    )
    for place in places:
        assert answered(endpoint.url, given(), **place).startswith("local · ")
    assert answered(endpoint.url, given(), TURNOUT_KEY=api, **here).startswith("turnout: no request yet")
    assert answered("", given(), TURNOUT_KEY=web, **here).startswith("local · ")
    assert answered(endpoint.url, given(), TURNOUT_KEY=web) == ASKED  # that address is not of the settings


@pytest.mark.parametrize(
    "stdin", [b"", b"not JSON", b"[]", b'{"session_id": 3}', b'{"session_id": "\\u0000&x=1"}']
)
def test_whatever_comes_in_one_line_goes_out(stdin):
    assert shown("http://127.0.0.1:9", stdin) == "turnout: nothing answers at http://127.0.0.1:9"


@pytest.mark.parametrize("url", ["nonsense", "http://[", "http://127.0.0.1:x", "\x1b[2J"])
def test_a_wrong_address_is_no_error(url):
    line = shown(url, given())
    assert line.startswith("turnout: n")
    assert "\x1b" not in line


def test_another_program_in_the_endpoints_place_is_no_error(upstream):
    assert shown(upstream.url, given()).startswith("turnout: n")


def test_nothing_that_takes_long_is_imported():
    code = "import sys; import router.cli.start, router.cli.statusline; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    heavy = {"typer", "rich", "pydantic", "yaml", "router.settings", "router.errors", "asyncio", "sqlalchemy"}
    assert heavy.isdisjoint(loaded.stdout.split())
