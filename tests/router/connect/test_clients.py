"""Where each client's settings are, on every system, and what is written into them."""

import json
import tomllib
from pathlib import Path

import pytest
import yaml

from router.connect.change import plan, read_bytes
from router.connect.client import PLACEHOLDER, Target
from router.connect.clients.catalog import CLIENTS, find_client
from router.connect.formats.document import JSONC, TOML, YAML, read
from router.connect.machine import Machine
from router.errors import Misconfigured

TARGET = Target(url="http://127.0.0.1:4747")
WITH_KEY = Target(url="http://127.0.0.1:4747", key="tn-of-a-team")
WRITTEN = [client for client in CLIENTS if client.files]


def machine(home, system="linux", **environment):
    return Machine(system=system, home=home, environment=environment)


def planned(client, where, target=TARGET):
    """What each file would say, as data, by its path below the home."""
    contents = {}
    for file in find_client(client).files(where, target):
        before = read_bytes(file.path)
        change = plan(file, before, before)
        contents[str(file.path.relative_to(where.home))] = read(change.after, file.form)
    return contents


HOME = Path("/home/An Engineer")
PLACES = [
    ("claude", "linux", {}, ".claude/settings.json"),
    ("claude", "win32", {"APPDATA": "/home/An Engineer/Roaming"}, ".claude/settings.json"),
    ("claude", "darwin", {"CLAUDE_CONFIG_DIR": "/home/An Engineer/c d"}, "c d/settings.json"),
    ("codex", "linux", {}, ".codex/config.toml"),
    ("codex", "win32", {"CODEX_HOME": "/home/An Engineer/cx"}, "cx/config.toml"),
    ("continue", "win32", {}, ".continue/config.yaml"),
    ("continue", "linux", {"CONTINUE_GLOBAL_DIR": "/home/An Engineer/k"}, "k/config.yaml"),
    ("aider", "darwin", {}, ".aider.conf.yml"),
    ("opencode", "linux", {}, ".config/opencode/opencode.json"),
    ("opencode", "win32", {}, ".config/opencode/opencode.json"),
    ("opencode", "linux", {"XDG_CONFIG_HOME": "/home/An Engineer/x"}, "x/opencode/opencode.json"),
    ("kilo", "darwin", {}, ".config/kilo/kilo.json"),
    ("qwen", "linux", {"QWEN_HOME": "/home/An Engineer/q"}, "q/settings.json"),
    ("pi", "linux", {"PI_CODING_AGENT_DIR": "/home/An Engineer/p"}, "p/models.json"),
    ("cline", "win32", {}, ".cline/data/settings/providers.json"),
    ("cline", "linux", {"CLINE_DATA_DIR": "/home/An Engineer/cl"}, "cl/settings/providers.json"),
    ("zed", "linux", {}, ".config/zed/settings.json"),
    ("zed", "darwin", {"XDG_CONFIG_HOME": "/elsewhere"}, ".config/zed/settings.json"),
    ("zed", "win32", {"APPDATA": "/home/An Engineer/Roaming"}, "Roaming/Zed/settings.json"),
    ("vscode", "linux", {}, ".config/Code/User/chatLanguageModels.json"),
    ("vscode", "darwin", {}, "Library/Application Support/Code/User/chatLanguageModels.json"),
    ("vscode", "win32", {}, "AppData/Roaming/Code/User/chatLanguageModels.json"),
    ("mini-swe-agent", "linux", {}, ".config/mini-swe-agent/.env"),
    ("mini-swe-agent", "darwin", {}, "Library/Application Support/mini-swe-agent/.env"),
    ("mini-swe-agent", "win32", {}, "AppData/Local/mini-swe-agent/mini-swe-agent/.env"),
]


@pytest.mark.parametrize(("client", "system", "environment", "path"), PLACES)
def test_settings_are_where_the_client_looks(client, system, environment, path):
    files = find_client(client).files(machine(HOME, system, **environment), TARGET)
    assert files[0].path == HOME / path


@pytest.mark.parametrize("client", WRITTEN, ids=lambda client: client.name)
def test_without_a_key_nothing_secret_is_written_and_with_one_it_is(client, tmp_path):
    for target, found in ((TARGET, False), (WITH_KEY, True)):
        text = json.dumps(planned(client.name, machine(tmp_path), target))
        assert (WITH_KEY.key in text) is found
        assert target.url in text


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_every_client_can_be_pointed_here_in_some_way(client):
    assert client.files or client.variables or client.steps(TARGET)
    text = "".join(client.steps(TARGET))
    assert not text or client.files or TARGET.url in text or "YOUR-ADDRESS" in text
    assert client.files or not client.launch or client.variables or client.steps(TARGET)


def test_names_are_unique():
    names = [name for client in CLIENTS for name in (client.name, *client.aliases)]
    assert len(names) == len(set(names))


def test_an_unknown_client_is_refused_with_the_nearest():
    with pytest.raises(Misconfigured, match="did you mean claude"):
        find_client("cluade")
    with pytest.raises(Misconfigured, match="known are claude, codex"):
        find_client("x")


CLAUDE = ".claude/settings.json"


def test_claude_code_without_a_login_gets_a_placeholder(tmp_path):
    assert planned("claude", machine(tmp_path))[CLAUDE]["env"] == {
        "ANTHROPIC_BASE_URL": TARGET.url,
        "ANTHROPIC_AUTH_TOKEN": PLACEHOLDER,
    }


LOGINS = {
    "an account": (".claude.json", '{"oauthAccount": {"emailAddress": "a@b"}}', {}),
    "a token": (".claude/.credentials.json", "{}", {}),
    "a key in the settings": (CLAUDE, '{"env": {"ANTHROPIC_API_KEY": "sk-ant-1"}}', {}),
    "a helper": (CLAUDE, '{"apiKeyHelper": "get-key"}', {}),
    "a key in the environment": (".profile", "", {"ANTHROPIC_API_KEY": "sk-ant-1"}),
}


@pytest.mark.parametrize(("file", "content", "environment"), LOGINS.values(), ids=LOGINS)
def test_claude_code_keeps_its_login(file, content, environment, tmp_path):
    (tmp_path / ".claude").mkdir()
    (tmp_path / file).write_text(content)
    where = machine(tmp_path, **environment)
    assert "ANTHROPIC_AUTH_TOKEN" not in planned("claude", where)[CLAUDE]["env"]
    env = planned("claude", where, WITH_KEY)[CLAUDE]["env"]
    assert env["ANTHROPIC_CUSTOM_HEADERS"] == "x-turnout-key: tn-of-a-team"


def test_claude_code_keeps_the_users_own_headers(tmp_path):
    (tmp_path / ".claude").mkdir()
    headers = "x-a: 1\nX-Turnout-Key: tn-old"
    own = {"env": {"ANTHROPIC_CUSTOM_HEADERS": headers, "ANTHROPIC_API_KEY": "sk-ant-1"}}
    (tmp_path / CLAUDE).write_text(json.dumps(own))
    env = planned("claude", machine(tmp_path), WITH_KEY)[CLAUDE]["env"]
    assert env["ANTHROPIC_CUSTOM_HEADERS"] == "x-a: 1\nx-turnout-key: tn-of-a-team"


def test_codex_keeps_its_model_and_other_providers(tmp_path):
    file = tmp_path / ".codex/config.toml"
    file.parent.mkdir()
    file.write_text('model = "gpt-6"\n[model_providers.other]\nbase_url = "x"\n')
    data = planned("codex", machine(tmp_path))[".codex/config.toml"]
    assert data["model"] == "gpt-6"
    assert data["model_provider"] == "turnout"
    assert data["model_providers"] == {
        "other": {"base_url": "x"},
        "turnout": {"name": "Turnout", "base_url": f"{TARGET.url}/v1", "wire_api": "responses"},
    }


BASES = {
    "": True,
    "https://api.openai.com/v1/": True,
    "http://127.0.0.1:4747/v1": True,
    "https://openrouter.ai/api/v1": False,
    "https://api.openai.com.example/v1": False,
    "http://[": False,
}


@pytest.mark.parametrize(("base", "stays"), BASES.items())
@pytest.mark.parametrize(
    ("client", "path", "line", "names"),
    [
        ("aider", ".aider.conf.yml", "{}: '{}'\n", ("openai-api-base", "openai-api-key")),
        ("mini", ".config/mini-swe-agent/.env", "{}='{}'\n", ("OPENAI_API_BASE", "OPENAI_API_KEY")),
    ],
)
def test_openais_own_key_stays_and_another_providers_does_not(
    client, path, line, names, base, stays, tmp_path
):
    file, (base_name, key_name) = tmp_path / path, names
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text((line.format(base_name, base) if base else "") + line.format(key_name, "sk-mine"))
    where = machine(tmp_path)
    assert planned(client, where)[path][key_name] == ("sk-mine" if stays else PLACEHOLDER)
    assert planned(client, where, WITH_KEY)[path][key_name] == "tn-of-a-team"


def test_continue_is_not_given_a_file_that_would_hide_the_one_in_use(tmp_path):
    (tmp_path / ".continue").mkdir()
    (tmp_path / ".continue/config.json").write_text("{}")
    with pytest.raises(Misconfigured, match=r"config\.json is in use.*nothing was changed"):
        planned("continue", machine(tmp_path))


def test_opencode_keeps_to_the_file_that_is_there(tmp_path):
    folder = tmp_path / ".config/opencode"
    folder.mkdir(parents=True)
    (folder / "opencode.jsonc").write_text("{}")
    assert list(planned("opencode", machine(tmp_path))) == [".config/opencode/opencode.jsonc"]


def test_formats_are_told_apart_as_the_clients_read_them(tmp_path):
    forms = {JSONC: json.loads, TOML: tomllib.loads, YAML: yaml.safe_load}
    for client in WRITTEN:
        for file in client.files(machine(tmp_path), TARGET):
            after = plan(file, None, None).after.decode()
            if strict := forms.get(file.form):  # a new file is plain JSON, without comments
                assert strict(after) == read(after.encode(), file.form)
