import json
from pathlib import Path

import pytest

from router.errors import Misconfigured
from router.settings import load_settings, parse_listen
from router.system.host_names import is_loopback
from router.system.trusted_files import user_file


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_fresh_machine_needs_none():
    settings = load_settings()
    assert settings.listen == "127.0.0.1:4747"
    assert settings.policy == "balanced"


def test_flags_beat_environment_beat_file_beat_defaults(monkeypatch):
    Path("turnout.yaml").write_text(
        "listen: 127.0.0.1:1\npolicy: private\nmax_body_mb: 7\ncloud: {model: from-file, connect_s: 3}\n"
    )
    monkeypatch.setenv("TURNOUT_POLICY", "observe")
    monkeypatch.setenv("TURNOUT_CLOUD__MODEL", "from-env")
    settings = load_settings("turnout.yaml", listen="127.0.0.1:2", policy=None)
    assert settings.listen == "127.0.0.1:2"
    assert settings.policy == "observe"
    assert settings.max_body_mb == 7
    assert (settings.cloud.model, settings.cloud.connect_s) == ("from-env", 3)


WRONG = [
    ("lisen: x", "turnout.yaml: lisen: unknown key; did you mean listen?"),
    ("cloud: {base_ulr: x}", "turnout.yaml: cloud.base_ulr: unknown key; did you mean cloud.base_url?"),
    ("max_body_mb: many", "turnout.yaml: max_body_mb: input should be a valid integer"),
    ("local: {context: -1}", "turnout.yaml: local.context: input should be greater than or equal to 0"),
    ("prices: {m: {inptu: 1}}", "prices.m"),
    ("- a", "turnout.yaml: must be a mapping"),
    ("a: [", "turnout.yaml: not valid YAML: line 1: expected the node content, but found '<stream end>'"),
    ("a: b\n\tc: d", "turnout.yaml: not valid YAML: line 2: "),
    ("log_level: info\nlog_level: debug", "turnout.yaml: line 2: `log_level` is set twice"),
    ("cloud:\n  connect_s: 1\n  connect_s: 2", "turnout.yaml: line 3: `connect_s` is set twice"),
    (
        "cloud: {base_url: '127.0.0.1:4748'}",
        "turnout.yaml: cloud.base_url: is no complete address; did you mean http://127.0.0.1:4748?",
    ),
    ("cloud: {base_url: 'localhost:4748'}", "turnout.yaml: cloud.base_url: is no complete address"),
    ("cloud: {base_url: 'http:/127.0.0.1:4748'}", "turnout.yaml: cloud.base_url: is no complete address"),
    (
        "cloud: {base_url: 'http://127.0.0.1:474800'}",
        "turnout.yaml: cloud.base_url: has no valid port; give one from 1",
    ),
    ("cloud: {base_url: 'ftp://127.0.0.1'}", "turnout.yaml: cloud.base_url: is no complete address"),
    ("cloud: {base_url: 'http://'}", "turnout.yaml: cloud.base_url: is no complete address"),
    ("cloud: {base_url: 'http://127.0.0.1/?a=b'}", "turnout.yaml: cloud.base_url: takes no `?` or `#`"),
    ("local: {url: '127.0.0.1:8080/v1'}", "did you mean http://127.0.0.1:8080/v1?"),
    ("local: {url: 'gateway.example.com/v1'}", "did you mean https://gateway.example.com/v1?"),
    ("local: {url: '[::1]:8080'}", "did you mean http://[::1]:8080?"),
    ("local: {url: 'not at all'}", "give one such as http://127.0.0.1:8080 or https://host/path"),
    ("otlp_endpoint: 'localhost:4318'", "turnout.yaml: otlp_endpoint: is no complete address"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_file_is_refused_by_key(text, message):
    Path("turnout.yaml").write_text(text)
    with pytest.raises(Misconfigured) as error:
        load_settings()
    assert message in error.value.message


GOOD = [
    "cloud: {base_url: 'http://127.0.0.1:1/'}",
    "cloud: {base_url: 'http://127.0.0.1:1/v1/'}",
    "cloud: {base_url: 'https://gateway.example.com/anthropic'}",
    "cloud: {base_url: 'https://api.openai.com/v1', dialect: openai}",
    "cloud: {base_url: 'http://[::1]:1'}",
    "local: {url: 'http://model:8000/v1'}",
    "local: {url: ''}",
]


@pytest.mark.parametrize("text", GOOD)
def test_an_address_is_taken_as_it_is(text):
    Path("turnout.yaml").write_text(text)
    load_settings("turnout.yaml")


def test_a_port_alone_is_no_address():
    Path("turnout.yaml").write_text("listen: 4800")
    with pytest.raises(Misconfigured, match="'4800' is not HOST:PORT"):
        parse_listen(load_settings("turnout.yaml").listen)


def test_an_unknown_variable_is_refused(monkeypatch):
    monkeypatch.setenv("TURNOUT_POLICI", "private")
    with pytest.raises(Misconfigured, match="did you mean TURNOUT_POLICY"):
        load_settings()


def test_a_clients_key_is_no_setting(monkeypatch):
    monkeypatch.setenv("TURNOUT_KEY", "sk-turnout-something")
    assert load_settings().listen == "127.0.0.1:4747"


@pytest.mark.parametrize("value", ["a.example, *.b.example,[::1]", '["a.example", "*.b.example", "[::1]"]'])
def test_lists_of_names_in_the_environment(monkeypatch, value):
    monkeypatch.setenv("TURNOUT_ALLOWED_HOSTS", value)
    assert load_settings().allowed_hosts == ("a.example", "*.b.example", "[::1]")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ALLOWED_HOSTS", "http://a.example", "is not a host"),
        ("ALLOWED_ORIGINS", "a.example", "is not an origin"),
        ("ALLOWED_HOSTS", '["a.example"', "allowed_hosts"),
    ],
)
def test_a_wrong_name_in_the_environment(monkeypatch, name, value, message):
    monkeypatch.setenv(f"TURNOUT_{name}", value)
    with pytest.raises(Misconfigured, match=message):
        load_settings()


def test_an_unknown_nested_variable_is_refused(monkeypatch):
    monkeypatch.setenv("TURNOUT_LOCAL__MODLE", "x")
    with pytest.raises(Misconfigured, match=r"did you mean local\.model"):
        load_settings()


def test_a_named_file_must_be_there():
    with pytest.raises(Misconfigured, match=r"--config: there is no file"):
        load_settings("missing.yaml")


FILES = {"policy": "p.yaml", "ledger": "l.db", "classifier_file": "n/c.json", "local": {"model": "m.gguf"}}


@pytest.mark.parametrize("named", [False, True], ids=["the user's own", "--config"])
def test_a_file_names_others_from_its_own_folder(tmp_path, monkeypatch, named):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    own = tmp_path / "elsewhere" / "turnout.yaml" if named else user_file()
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text(json.dumps(FILES))
    settings = load_settings(str(own) if named else None)
    assert settings.policy == str(own.parent / "p.yaml")
    assert settings.ledger == str(own.parent / "l.db")
    assert settings.classifier_file == str(own.parent / "n" / "c.json")
    assert settings.local.model == str(own.parent / "m.gguf")
    assert load_settings(str(own) if named else None, policy="p.yaml").policy == "p.yaml"


@pytest.mark.parametrize(
    ("name", "value"),
    [("policy", "private"), ("policy", "/a/p.yaml"), ("ledger", "postgresql://a/b"), ("ledger", "")],
)
def test_what_is_no_relative_path_stays(name, value):
    Path("turnout.yaml").write_text(json.dumps({name: value}))
    assert getattr(load_settings("turnout.yaml"), name) == value


@pytest.mark.parametrize(
    "listen", ["", ":4747", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1"]
)
def test_what_is_no_address(listen):
    with pytest.raises(Misconfigured, match=r"listen: .* is not HOST:PORT, such as 127\.0\.0\.1:4747"):
        parse_listen(listen)


ADDRESSES = [
    ("127.0.0.1:4747", "127.0.0.1", 4747, True),
    ("127.9.9.9:1", "127.9.9.9", 1, True),
    ("localhost:0", "localhost", 0, True),
    ("[::1]:65535", "::1", 65535, True),
    ("0.0.0.0:80", "0.0.0.0", 80, False),
    ("[::]:80", "::", 80, False),
    ("localhost.example.org:80", "localhost.example.org", 80, False),
]


@pytest.mark.parametrize(("listen", "host", "port", "private"), ADDRESSES)
def test_what_is_an_address_and_who_can_reach_it(listen, host, port, private):
    assert parse_listen(listen) == (host, port)
    assert is_loopback(host) is private


RATES = "input: 1, output: 2, cache_read: 3, cache_write_5m: 4, cache_write_1h: 5"


def test_prices_with_and_without_days():
    Path("turnout.yaml").write_text(
        f"prices: {{plain: {{{RATES}}}, dated: [{{from: 2026-01-01, {RATES}}}, {{{RATES}}}]}}"
    )
    prices = load_settings("turnout.yaml").prices
    assert prices["plain"].output == 2
    assert [str(price.since) for price in prices["dated"]] == ["2026-01-01", "None"]


PRICES = [
    (
        f"{{m: [{{from: 2026-01-01, {RATES}}}, {{from: 2026-01-01, {RATES}}}]}}",
        "prices.m: two prices are from the",
    ),
    (f"{{m: [{{from: soon, {RATES}}}]}}", "prices.m.0.from: input should be a valid date"),
    (
        f"{{m: [{{form: 2026-01-01, {RATES}}}]}}",
        "prices.m.0.form: unknown key; did you mean prices.m.0.from?",
    ),
    (f"{{m: {{from: 2026-01-01, {RATES}}}}}", "prices.m.from: unknown key"),
    ("{m: []}", "prices.m: give at least one price"),
    ("{m: {input: -1}}", "prices.m.input: input should be greater than or equal to 0"),
]


@pytest.mark.parametrize(("text", "message"), PRICES)
def test_wrong_prices_are_refused_by_key(text, message):
    Path("turnout.yaml").write_text(f"prices: {text}")
    with pytest.raises(Misconfigured) as error:
        load_settings()
    assert message in error.value.message


MACHINES = [
    ("watts: 300", "`usd_per_kwh` is needed beside `watts`"),
    ("usd_per_kwh: 0.3", "`watts` is needed beside `usd_per_kwh`"),
    ("watts: 300, usd_per_kwh: 0.3, utilisation: 1.5", "local.utilisation"),
    ("card_years: 0", "local.card_years"),
]


@pytest.mark.parametrize(("text", "message"), MACHINES)
def test_half_of_what_a_machine_costs_is_refused(text, message):
    Path("turnout.yaml").write_text(f"local: {{{text}}}")
    with pytest.raises(Misconfigured) as error:
        load_settings()
    assert message in error.value.message


def test_a_token_is_not_shown(monkeypatch):
    monkeypatch.setenv("TURNOUT_METRICS_TOKEN", "scrape-me")
    settings = load_settings()
    assert settings.metrics_token.get_secret_value() == "scrape-me"
    assert "scrape-me" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TURNOUT_CLOUD_BASE_URL", "TURNOUT_CLOUD__BASE_URL"),
        ("TURNOUT_LOCAL_MODEL", "TURNOUT_LOCAL__MODEL"),
        ("TURNOUT_LOCALURL", "TURNOUT_LOCAL__URL"),
        ("TURNOUT_POLICIY", "TURNOUT_POLICY"),
        ("TURNOUT_LOG__LEVEL", "TURNOUT_LOG_LEVEL"),
        ("TURNOUT_EMAIL_FROM", "TURNOUT_EMAIL__FROM"),
    ],
)
def test_a_variable_that_is_none_names_the_one_that_was_meant(monkeypatch, name, meant):
    monkeypatch.setenv(name, "x")
    with pytest.raises(Misconfigured, match=f"{name} is not a setting; did you mean {meant}\\?"):
        load_settings()


def test_a_variable_like_none_is_told_where_all_stand(monkeypatch):
    monkeypatch.setenv("TURNOUT_XYZZY", "x")
    with pytest.raises(Misconfigured, match=r"TURNOUT_XYZZY is not a setting; docs/settings.md lists all"):
        load_settings()
