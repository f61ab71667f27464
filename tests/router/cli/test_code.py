"""`turnout code`: the client's environment, arguments and exit status; no file of the user's changes."""

import json
import os
import stat
from pathlib import Path

import pytest

CLIENT = """#!{python}
import json, os, sys
wanted = {{name: value for name, value in os.environ.items() if name in {names!r}}}
print(json.dumps([sys.argv[1:], wanted]))
sys.exit(7)
"""
NAMES = (
    *("ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS", "AIDER_MODEL"),
    *("AIDER_OPENAI_API_BASE", "AIDER_OPENAI_API_KEY", "OPENCODE_CONFIG_CONTENT", "OPENAI_BASE_URL"),
    *("OPENAI_API_KEY", "OPENAI_MODEL", "MARK"),
    *("GOOGLE_GEMINI_BASE_URL", "GEMINI_API_KEY", "GEMINI_MODEL"),
    *("GEMINI_CLI_HOME", "GEMINI_CLI_TRUSTED_FOLDERS_PATH"),
)


@pytest.fixture(scope="module")
def endpoint(start_endpoint):
    return start_endpoint(LOCAL__URL="http://127.0.0.1:9/v1", CLOUD__BASE_URL="http://127.0.0.1:9")


@pytest.fixture
def start(warm, clean, tmp_path, endpoint):
    """Run `turnout code` with a program of each client's name that tells how it was started."""
    if warm is None:
        pytest.skip("needs forks")
    folder = tmp_path / "bin"
    folder.mkdir()

    def run(client, *arguments, program=None, url=None, **variables):
        file = folder / (program or client)
        file.write_text(CLIENT.format(python=os.sys.executable, names=NAMES))
        file.chmod(0o755)
        env = {**clean, "PATH": f"{folder}:/usr/bin:/bin", **variables}
        before = sorted(tmp_path.rglob("*"))
        ended = warm.run(
            ("code", "--url", url or endpoint.url, client, *arguments), cwd=tmp_path, env=env, stdin=b""
        )
        changed = [path for path in sorted(tmp_path.rglob("*")) if path not in before]
        assert all("data" in path.parts for path in changed)
        return ended

    return run


def test_arguments_and_exit_status_are_the_clients_own(start, endpoint):
    ended = start("claude", "-p", "Why?  ", "--help", "--url", "x", MARK="kept")
    assert ended.code == 7, ended
    arguments, variables = json.loads(ended.out)
    assert arguments == ["-p", "Why?  ", "--help", "--url", "x"]
    assert variables == {
        "ANTHROPIC_BASE_URL": endpoint.url,
        "ANTHROPIC_AUTH_TOKEN": "turnout-needs-no-key",
        "MARK": "kept",
    }


def test_claude_codes_own_settings_do_not_win(start, endpoint, tmp_path):
    settings = tmp_path / ".claude/settings.json"
    settings.parent.mkdir()
    settings.write_text(
        '{"env": {"ANTHROPIC_BASE_URL": "https://other.example", "ANTHROPIC_API_KEY": "sk-ant-1"}}'
    )
    flag, given = json.loads(start("claude").out)[0]
    assert flag == "--settings"
    assert json.loads(Path(given).read_text()) == {"env": {"ANTHROPIC_BASE_URL": endpoint.url}}


@pytest.mark.parametrize("login", ["", "sk-ant-1"])
def test_no_key_of_claude_codes_is_on_its_command_line(login, start, tmp_path):
    settings = tmp_path / ".claude/settings.json"
    settings.parent.mkdir()
    env = {"ANTHROPIC_BASE_URL": "https://other.example", "ANTHROPIC_API_KEY": login}
    settings.write_text(json.dumps({"env": env | {"ANTHROPIC_CUSTOM_HEADERS": "x-mine: secret"}}))
    for _ in range(2):
        arguments = json.loads(start("claude", TURNOUT_KEY="tn-of-a-team").out)[0]
        assert not any("tn-of-a-team" in argument or "secret" in argument for argument in arguments)
        file = Path(arguments[1])
        assert "tn-of-a-team" in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        file.chmod(0o644)


def test_a_teams_key_goes_beside_the_login(start):
    variables = json.loads(start("claude", ANTHROPIC_API_KEY="sk-ant-1", TURNOUT_KEY="tn-of-a-team").out)[1]
    assert variables["ANTHROPIC_CUSTOM_HEADERS"] == "x-turnout-key: tn-of-a-team"


def test_each_client_is_told_in_its_own_way(start, endpoint, tmp_path):
    v1 = f"{endpoint.url}/v1"
    assert json.loads(start("aider", "a.py").out) == [
        ["a.py"],
        {
            "AIDER_MODEL": "openai/auto",
            "AIDER_OPENAI_API_BASE": v1,
            "AIDER_OPENAI_API_KEY": "turnout-needs-no-key",
        },
    ]
    content = json.loads(json.loads(start("opencode").out)[1]["OPENCODE_CONFIG_CONTENT"])
    assert content["model"] == "turnout/auto"
    assert content["provider"]["turnout"]["options"]["baseURL"] == v1
    arguments, variables = json.loads(start("qwen", "-p", "x").out)
    assert arguments == ["--auth-type", "openai", "-p", "x"]
    assert variables["OPENAI_BASE_URL"] == v1
    arguments, _ = json.loads(start("cn").out)
    assert arguments[0] == "--config"
    assert v1 in (tmp_path / "data/turnout/connect/continue.yaml").read_text()


def test_gemini_cli_has_a_home_of_ours_where_its_settings_name_another_login(start, endpoint, tmp_path):
    settings = tmp_path / ".gemini/settings.json"
    settings.parent.mkdir()
    settings.write_text('{"security": {"auth": {"selectedType": "oauth-personal"}}, // mine\n"ui": {"a": 1}}')
    variables = json.loads(start("gemini", GEMINI_MODEL="x").out)[1]
    home = Path(variables.pop("GEMINI_CLI_HOME"))
    here = {
        "GOOGLE_GEMINI_BASE_URL": endpoint.url,
        "GEMINI_API_KEY": "turnout-needs-no-key",
        "GEMINI_MODEL": "turnout-auto",
    }
    trusted = str(tmp_path / ".gemini/trustedFolders.json")
    assert variables == here | {"GEMINI_CLI_TRUSTED_FOLDERS_PATH": trusted}
    assert "// mine" in (copy := (home / ".gemini/settings.json").read_text())
    assert json.loads(copy.replace("// mine", "")) == {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "ui": {"a": 1},
    }
    settings.write_text('{"security": {"auth": {"selectedType": "gemini-api-key"}}}')
    assert json.loads(start("gemini").out)[1] == here
    settings.write_text("{")
    assert f"{settings}: line 1" in start("gemini").err


def test_what_is_missing_is_said_with_the_remedy(start, refused, endpoint):
    assert "npm install -g opencode-ai" in refused("code", "--url", endpoint.url, "opencode")
    ended = start("claude", url="http://127.0.0.1:9")
    assert ended.code == 2
    assert "nothing answers at http://127.0.0.1:9 yet: start it with `turnout serve`" in ended.err
    assert "use `turnout connect zed`" in refused("code", "zed")
