"""What a settings file in the working folder may set, before and after it is trusted."""

import json
import stat
from pathlib import Path

import pytest
import yaml

from router.errors import Misconfigured
from router.settings import Settings, load_settings
from router.system.trusted_files import HARMLESS, TrustStore, risky, user_file, user_folder

RISKY = {
    "listen", "policy", "require_check", "classifier_file", "ledger", "ledger_keep_days", "prices",
    "max_body_mb", "max_bodies_mb", "max_connections", "timeouts.header_s", "timeouts.body_s",
    "metrics_token", "otlp_endpoint", "allowed_hosts", "allowed_origins",
    "local.model", "local.url", "local.api_key_env", "local.name",
    "cloud.base_url", "cloud.dialect", "cloud.model", "cloud.api_key_env", "cloud.forward_credentials",
    "cloud.responses",
    "cloud.embedding_key_env",
    "cloud.embedding_model",
    "cloud.embedding_url",
    "cloud.without_credential",
    "local.embedding_model",
    "local.embedding_name",
    "trusted_header.user", "trusted_header.team", "trusted_header.networks",
    "email.host", "email.port", "email.user", "email.password_env", "email.sender", "email.tls",
}  # fmt: skip
"""Addresses, credentials, files, policies, prices, limits that protect, and who may ask."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder, and a folder of the user's with nothing in it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    here = tmp_path / "project"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def names(model=Settings, before=""):
    for name, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            yield from names(field.annotation, f"{name}.")
        else:
            yield before + name


def test_every_setting_is_either_harmless_or_risky():
    assert set(names()) == HARMLESS | RISKY, "a new setting: is it harmless in a file of a stranger's?"
    assert not HARMLESS & RISKY


REFUSED = [
    ("cloud: {base_url: 'http://127.0.0.1:9', forward_credentials: always}", "cloud.base_url, cloud.forw"),
    ("cloud: {api_key_env: AWS_SECRET_ACCESS_KEY}", "cloud.api_key_env"),
    ("cloud: {model: gemini/gemini-pro, dialect: litellm}", "cloud.model, cloud.dialect"),
    ("local: {url: 'http://127.0.0.1:9/v1'}", "local.url"),
    ("local: {model: ./weights.gguf}", "local.model"),
    ("listen: 0.0.0.0:80", "listen"),
    ("policy: ./policy.yaml", "policy"),
    ("policy: observe", "policy"),
    ("ledger: sqlite:////tmp/other.db", "ledger"),
    ("otlp_endpoint: http://127.0.0.1:9", "otlp_endpoint"),
    ("classifier_file: numbers.json", "classifier_file"),
    ("metrics_token: guessed", "metrics_token"),
    ("prices: {m: {input: 0, output: 0, cache_read: 0, cache_write_5m: 0, cache_write_1h: 0}}", "prices.m"),
    ("trusted_header: {user: x-user, from: [0.0.0.0/0]}", "trusted_header.user, trusted_header.from"),
    ("email: {host: mail.example, from: a@example}", "email.host, email.from"),
    ("keepalive_s: 3\nrequire_check: false", "require_check"),
    ("<<: {cloud: {base_url: 'http://127.0.0.1:9'}}", "cloud.base_url"),
    ("a: &a {base_url: 'http://127.0.0.1:9'}\ncloud: *a", "a: unknown key"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "fields"), REFUSED)
def test_a_strangers_file_may_not_set(text, fields):
    Path("turnout.yaml").write_text(text)
    with pytest.raises(Misconfigured) as error:
        load_settings()
    assert fields in error.value.message
    assert "unknown key" in fields or "turnout trust" in error.value.message


def test_what_is_harmless_counts():
    Path("turnout.yaml").write_text("keepalive_s: 3\nlocal: {threads: 2}\ncloud: {connect_s: 4}\nemail: {}\n")
    settings = load_settings()
    assert (settings.keepalive_s, settings.local.threads, settings.cloud.connect_s) == (3, 2, 4)


LAUGHS = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9 if n else 'x' * 9)}]\n" for n in range(9))
ODD = [
    (f"{LAUGHS}local: {{threads: *a8}}", "more than 100,000 values"),
    (f"{LAUGHS}log_level: *a8", "more than 100,000 values"),
    ("local: &a {threads: *a}", "local.threads"),
    ("a: " + "[" * 2000 + "]" * 2000, "nested too deeply"),
    ("1: 2", "is no setting's name"),
    ("on: 1", "is no setting's name"),
    ("!!binary Y2xvdWQ=: {base_url: 'http://127.0.0.1:9'}", "is no setting's name"),
    ("local: {2026-01-01: 1}", "is no setting's name"),
    ("keepalive_s: .inf", "keepalive_s"),
    ("keepalive_s: 1.0e-300", "keepalive_s"),
    ("cloud: {total_s: .inf}", "cloud.total_s"),
    ("cloud: {connections: 99999999999}", "cloud.connections"),
    ("local: {threads: 100000000}", "local.threads"),
    ("local: {context: 9999999999999}", "local.context"),
]


@pytest.mark.parametrize(("text", "message"), ODD)
def test_a_strangers_file_neither_hangs_nor_breaks_it(text, message):
    Path("turnout.yaml").write_text(text)
    with pytest.raises(Misconfigured) as error:
        load_settings()
    assert message in error.value.message


def test_a_variable_is_not_harmless_anywhere():
    assert risky(yaml.safe_load("log_level: ${ANTHROPIC_API_KEY}")) == ["log_level"]


SECRET = "sk-ant-of-the-user"


@pytest.mark.parametrize(
    "text",
    [
        "local: {threads: '${ANTHROPIC_API_KEY}'}",
        "keepalive_s: ${ANTHROPIC_API_KEY}",
        "log_level: [a, '${ANTHROPIC_API_KEY:-x}']",
        "${ANTHROPIC_API_KEY}: 1",
    ],
)
def test_a_strangers_file_shows_no_variable(monkeypatch, text):
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    Path("turnout.yaml").write_text(text)
    with pytest.raises(
        Misconfigured, match=r"is not trusted.*`\$\{\.\.\.\}` needs trust in any setting"
    ) as error:
        load_settings()
    assert SECRET not in error.value.message


def test_a_key_given_twice_hides_nothing():
    text = "cloud: {connect_s: 1}\ncloud: {base_url: 'http://127.0.0.1:9'}\n"
    for lines in (text, "\n".join(reversed(text.splitlines()))):
        Path("turnout.yaml").write_text(lines)
        try:
            settings = load_settings()
        except Misconfigured:
            continue
        assert settings.cloud.base_url == Settings.model_fields["cloud"].default.base_url


def test_trust_is_in_path_and_content():
    text = "cloud: {base_url: 'http://127.0.0.1:9'}"
    file = Path("turnout.yaml")
    file.write_text(text)
    TrustStore().add(file, file.read_bytes())
    assert load_settings().cloud.base_url == "http://127.0.0.1:9"
    file.write_text(text + "\nlog_level: error\n")
    with pytest.raises(Misconfigured, match="changed since you trusted it"):
        load_settings()
    file.write_text(text)
    assert load_settings().cloud.base_url == "http://127.0.0.1:9"
    assert TrustStore().remove(file)
    with pytest.raises(Misconfigured, match="is not trusted"):
        load_settings()


def test_the_same_content_elsewhere_is_not_trusted(tmp_path, monkeypatch):
    Path("turnout.yaml").write_text("listen: 127.0.0.1:1")
    TrustStore().add(Path("turnout.yaml"), b"listen: 127.0.0.1:1")
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "turnout.yaml").write_text("listen: 127.0.0.1:1")
    monkeypatch.chdir(clone)
    with pytest.raises(Misconfigured, match="is not trusted"):
        load_settings()


def test_the_users_own_file_counts_in_every_folder_and_gives_way():
    user_folder().mkdir(parents=True)
    user_file().write_text("listen: 127.0.0.1:7\nkeepalive_s: 5\ncloud: {model: own, connect_s: 1}\n")
    Path("turnout.yaml").write_text("keepalive_s: 6\ncloud: {connect_s: 2}\n")
    settings = load_settings()
    assert (settings.listen, settings.keepalive_s) == ("127.0.0.1:7", 6)
    assert (settings.cloud.model, settings.cloud.connect_s) == ("own", 2)


def test_a_mistake_is_told_by_the_file_that_made_it():
    user_folder().mkdir(parents=True)
    user_file().write_text("keepalive_s: soon\n")
    Path("turnout.yaml").write_text("log_level: info\n")
    with pytest.raises(Misconfigured) as error:
        load_settings()
    assert error.value.message.startswith(f"{user_file()}: keepalive_s: ")


def test_a_named_file_counts_in_full_and_alone():
    user_folder().mkdir(parents=True)
    user_file().write_text("keepalive_s: 5\n")
    Path("mine.yaml").write_text("listen: 127.0.0.1:8\n")
    Path("turnout.yaml").write_text("cloud: {base_url: 'http://127.0.0.1:9'}\n")
    settings = load_settings("mine.yaml")
    assert (settings.listen, settings.keepalive_s) == ("127.0.0.1:8", 10)


def test_variables_in_a_dot_env_file_are_not_read():
    Path(".env").write_text("TURNOUT_LISTEN=127.0.0.1:9\nANTHROPIC_API_KEY=sk-x\n")
    assert load_settings().listen == "127.0.0.1:4747"


@pytest.mark.parametrize("stored", ["{", "[]", '"x"'])
def test_a_store_that_is_damaged_is_said(stored):
    user_folder().mkdir(parents=True)
    (user_folder() / "trusted.json").write_text(stored)
    Path("turnout.yaml").write_text("listen: 127.0.0.1:1")
    with pytest.raises(Misconfigured, match=r"trust: .*trusted\.json .* delete it"):
        load_settings()


def test_the_store_is_for_its_owner_only(folder):
    TrustStore().add(Path("turnout.yaml"), b"")
    store = user_folder() / "trusted.json"
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.parent.stat().st_mode) == 0o700
    assert list(json.loads(store.read_text())) == [str(folder / "turnout.yaml")]
