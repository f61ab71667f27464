"""`${NAME}` in a settings file is put in, or refused with file, line and remedy."""

import pytest

from router.errors import Misconfigured
from router.settings import load_settings
from router.system.environment import expand, load_yaml

ENVIRONMENT = {"HOST": "127.0.0.1", "PORT": "8080", "EMPTY": "", "ODD": "${HOST} {a: b}\n- x"}


@pytest.mark.parametrize(
    ("value", "put"),
    [
        ("${HOST}", "127.0.0.1"),
        ("http://${HOST}:${PORT}/v1", "http://127.0.0.1:8080/v1"),
        ("${NONE:-http://x/${PORT", None),
        ("${NONE:-x}", "x"),
        ("${NONE-x}", "x"),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY-x}", ""),
        ("${EMPTY}", ""),
        ("${NONE:-}", ""),
        ("${NONE:-http://127.0.0.1:4000/v1}", "http://127.0.0.1:4000/v1"),
        ("$${HOST}", "${HOST}"),
        ("${ODD}", ENVIRONMENT["ODD"]),
        ("a$b", "a$b"),
        ("5$ and 10%", "5$ and 10%"),
        ("^(a+)+$", "^(a+)+$"),
        ("$", "$"),
    ],
)
def test_values(value, put):
    if put is None:
        with pytest.raises(Misconfigured):
            expand(value, "f", ENVIRONMENT)
    else:
        assert expand(value, "f", ENVIRONMENT) == put


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: 1\ncloud:\n  base_url: ${MY_URL}\n",
            r"f.yaml: line 3: .*MY_URL is not set: .*\$\{MY_URL:-default\}",
        ),
        ("listen: $HOST\n", r"f.yaml: line 1: `\$HOST` is not put in: write \$\{HOST\}"),
        ("listen: '%HOST%'\n", r"f.yaml: line 1: .*write \$\{HOST\}"),
        ("\nlisten: ${env:HOST}\n", r"f.yaml: line 2: `\$\{env:HOST\}` is not understood: write \$\{NAME\}"),
        ("listen: ${}\n", "line 1: .*not understood"),
        ("listen: ${HOST\n", "line 1: .*not understood"),
        ("listen: ${HOST:?unset}\n", "line 1: .*not understood"),
        ("a: [x, '${NONE}']\n", "line 1: .*NONE"),
        ("a:\n- x\n- b: >\n    ${NONE}\n", "line 3: .*NONE"),
    ],
)
def test_what_cannot_be_put_in_is_refused(text, message):
    with pytest.raises(Misconfigured, match=message):
        load_yaml(text, "f.yaml", ENVIRONMENT)


def test_a_value_adds_no_settings():
    assert load_yaml("a: ${ODD}\nb: 1", "f.yaml", ENVIRONMENT) == {"a": ENVIRONMENT["ODD"], "b": 1}


def test_comments_are_left_alone():
    assert load_yaml("a: 1  # ${NONE}\n", "f.yaml", ENVIRONMENT) == {"a": 1}


def test_settings_of_every_type(tmp_path, monkeypatch):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "max_body_mb: ${MB}\nlocal: {url: '${URL:-http://127.0.0.1:9/v1}', watts: '${W}', usd_per_kwh: 0.3}\n"
        "metrics_token: ${TOKEN}\n"
    )
    for name, value in {"MB": "7", "W": "320.5", "TOKEN": "12345"}.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(str(file))
    assert (settings.max_body_mb, settings.local.watts) == (7, 320.5)
    assert settings.local.url == "http://127.0.0.1:9/v1"
    assert settings.metrics_token.get_secret_value() == "12345"
    monkeypatch.delenv("MB")
    with pytest.raises(Misconfigured, match=r"mine.yaml: line 1: the environment variable MB is not set"):
        load_settings(str(file))
