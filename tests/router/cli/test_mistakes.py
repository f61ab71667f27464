"""Mistakes of the first hour: each is answered by its cause and the remedy, and by no traceback."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVE = ("serve",)
GGUF_1 = b"GGUF" + struct.pack("<IQQ", 1, 0, 0)
CUT = b"GGUF" + struct.pack("<IQQ", 3, 300, 20)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"

MISTAKES = {
    # keys and teams
    "no team": (("key", "create"), {}, {}, "--team: is required"),
    "an expiry in words": (
        ("key", "create", "--team", "web", "--expires", "tomorrow"),
        {},
        {},
        "--expires: give a time such as 30d, 12h, 2026-12-31",
    ),
    "a key's id that is none": (("key", "revoke", "tn-abc"), {}, {}, "`turnout key list` shows the ids"),
    "nothing to change": (("key", "set", "3f9a12c4"), {}, {}, "there is no key '3f9a12c4' in force"),
    "a negative budget": (
        ("team", "add", "web", "--budget", "-5"),
        {},
        {},
        "--budget: Input should be greater than 0",
    ),
    "a period that is none": (
        ("team", "add", "web", "--budget", "5", "--per", "year"),
        {},
        {},
        "--per: Input should be 'day', 'week' or 'month'",
    ),
    "a city for a time zone": (
        ("team", "add", "web", "--zone", "Berlin"),
        {},
        {},
        "give an IANA name such as Europe/Berlin",
    ),
    "a team that is none": (
        ("team", "set", "web", "--budget", "5"),
        {},
        {},
        "there is no team 'web'; `turnout team list` shows them",
    ),
    "a provider's key for Turnout's": (
        ("connect", "aider", "--key", "sk-ant-x", "--yes"),
        {},
        {},
        "`turnout key create --team TEAM` makes one",
    ),
    # addresses
    "no http://": (
        SERVE,
        {},
        {"LOCAL__URL": "localhost:11434"},
        "local.url: is no complete address; did you mean http://localhost:11434?",
    ),
    "a port beyond all": (
        SERVE,
        {},
        {"LOCAL__URL": "http://127.0.0.1:99999"},
        "local.url: has no valid port; give one from 1 to 65535",
    ),
    "a space in it": (
        SERVE,
        {},
        {"LOCAL__URL": "http://127.0.0.1:11434 /v1"},
        "local.url: has a space in it; give one such as http://127.0.0.1:8080",
    ),
    "the provider's name alone": (
        SERVE,
        {},
        {"CLOUD__BASE_URL": "api.anthropic.com"},
        "did you mean https://api.anthropic.com?",
    ),
    "a question mark": (
        SERVE,
        {},
        {"CLOUD__BASE_URL": "https://host/v1?key=1"},
        "give the address and path alone",
    ),
    "a dialect that is none": (
        SERVE,
        {},
        {"CLOUD__DIALECT": "claude"},
        "input should be 'anthropic', 'openai' or 'litellm'",
    ),
    "traces to no address": (SERVE, {}, {"OTLP_ENDPOINT": "localhost"}, "did you mean http://localhost?"),
    "an origin without its scheme": (
        SERVE,
        {},
        {"ALLOWED_ORIGINS": "example.com"},
        "give SCHEME://HOST[:PORT] such as https://chat.example.com",
    ),
    "a host with a scheme": (SERVE, {}, {"ALLOWED_HOSTS": "http://example.com"}, "give a name or an address"),
    "an endpoint that is no address": (
        ("connect", "aider", "--url", "here"),
        {},
        {},
        "did you mean http://here?",
    ),
    # settings
    "one underscore": (
        SERVE,
        {},
        {"CLOUD_BASE_URL": "https://host"},
        "did you mean TURNOUT_CLOUD__BASE_URL?",
    ),
    "a variable of a section that is none": (
        SERVE,
        {},
        {"CLOUD__BASEURL": "https://host"},
        "environment: cloud.baseurl: unknown key; did you mean cloud.base_url?",
    ),
    "words for a number": (
        SERVE,
        {},
        {"LOCAL__CONTEXT": "32k"},
        "local.context: input should be a valid integer",
    ),
    "watts without a price": (
        SERVE,
        {},
        {"LOCAL__WATTS": "300"},
        "`usd_per_kwh` is needed beside `watts`, such as 0.30",
    ),
    "a classifier that is none": (
        SERVE,
        {},
        {"CLASSIFIER": "smart"},
        "input should be 'learned', 'rules' or 'sufficiency'",
    ),
    "a classifier's file that is not there": (
        SERVE,
        {},
        {"CLASSIFIER": "sufficiency", "CLASSIFIER_FILE": "mine.json"},
        "give what `turnout classifier train --out FILE` wrote",
    ),
    "no settings file": (
        ("serve", "--config", "my.yaml"),
        {},
        {},
        "--config: there is no file 'my.yaml'; give the path of a YAML file",
    ),
    "a folder for a settings file": (
        ("serve", "--config", "."),
        {},
        {},
        "--config: there is no file '.'; give the path of a YAML file",
    ),
    "a tab": (
        ("serve", "--config", "my.yaml"),
        {"my.yaml": "local:\n\tcontext: 1\n"},
        {},
        "line 2: found character '\\t' that cannot start any token; indent by spaces",
    ),
    "a key that is none": (
        ("serve", "--config", "my.yaml"),
        {"my.yaml": "local: {modle: a}\n"},
        {},
        "local.modle: unknown key; did you mean local.model?",
    ),
    "a key said twice": (
        ("serve", "--config", "my.yaml"),
        {"my.yaml": "policy: private\npolicy: observe\n"},
        {},
        "line 2: `policy` is set twice; keep one of them",
    ),
    "a variable that is not set": (
        ("serve", "--config", "my.yaml"),
        {"my.yaml": "local:\n  url: ${OLLAMA}\n"},
        {},
        "write ${OLLAMA:-default}",
    ),
    "a variable without braces": (
        ("serve", "--config", "my.yaml"),
        {"my.yaml": "ledger: $HOME\n"},
        {},
        "`$HOME` is not put in: write ${HOME}",
    ),
    "a list": (
        ("serve", "--config", "my.yaml"),
        {"my.yaml": "- policy: private\n"},
        {},
        "must be a mapping of settings, such as `listen: 127.0.0.1:4747`",
    ),
    "a path for a section": (
        ("serve", "--config", "my.yaml"),
        {"my.yaml": "local: model.gguf\n"},
        {},
        "local: is a section, with settings of its own below it: model, url",
    ),
    "a Windows path in double quotes": (
        ("serve", "--config", "my.yaml"),
        {"my.yaml": 'ledger: "C:\\Users\\ana\\l.db"\n'},
        {},
        "without quotes, or in single ones",
    ),
    "two documents": (
        ("serve", "--config", "my.yaml"),
        {"my.yaml": "policy: a\n---\npolicy: b\n"},
        {},
        "take the `---` out",
    ),
    "Latin-1": (
        ("serve", "--config", "my.yaml"),
        {"my.yaml": b"policy: \xe4\n"},
        {},
        "is not UTF-8; save it as UTF-8",
    ),
    "a price of words": (
        ("serve", "--config", "my.yaml"),
        {"my.yaml": "prices: {gpt-5: cheap}\n"},
        {},
        "prices.gpt-5: is a section, with settings of its own below it: input, output",
    ),
    "a stranger's settings": (
        SERVE,
        {"turnout.yaml": "cloud: {base_url: 'http://evil.example'}\n"},
        {},
        "Read it, then run `turnout trust`",
    ),
    # address to listen on
    "a port alone": (
        ("serve", "--listen", "4747"),
        {},
        {},
        "'4747' is not HOST:PORT, such as 127.0.0.1:4747",
    ),
    "a port too high": (("serve", "--listen", "127.0.0.1:99999"), {}, {}, "ports go up to 65535"),
    "a URL to listen on": (
        ("serve", "--listen", "http://127.0.0.1:4747"),
        {},
        {},
        "is not HOST:PORT, such as 127.0.0.1:4747",
    ),
    "a name that is not here": (
        ("serve", "--listen", "nobody.invalid:4747"),
        {},
        {},
        "give an address of this machine, such as 127.0.0.1:4747",
    ),
    "an address of another machine": (
        ("serve", "--listen", "192.0.2.1:4747"),
        {},
        {},
        "give an address of this machine, such as 127.0.0.1:4747",
    ),
    "open to all": (
        ("serve", "--listen", "0.0.0.0:0"),
        {},
        {},
        "make one first with `turnout key create --team TEAM`, or listen on 127.0.0.1",
    ),
    "a port that is taken": (
        ("serve", "--listen", "127.0.0.1:{taken}"),
        {},
        {},
        "stop the other program or pass --listen",
    ),
    # models
    "no such model file": (
        ("serve", "--local-model", "qwen.gguf"),
        {},
        {},
        "there is no file 'qwen.gguf'; give the path of a .gguf file",
    ),
    "a folder for a model": (
        ("serve", "--local-model", "."),
        {},
        {},
        "'.' is a folder; give the path of a .gguf file, such as 'NAME.gguf'",
    ),
    "a name of Ollama's": (
        ("serve", "--local-model", "qwen2.5-coder:14b"),
        {},
        {},
        "set local.url and local.name to a server that has it",
    ),
    "a name of the hub's": (
        ("serve", "--local-model", "Qwen/Qwen2.5-Coder-7B"),
        {},
        {},
        "download its .gguf file and give the path",
    ),
    "safetensors": (
        ("serve", "--local-model", "m.safetensors"),
        {"m.safetensors": b"\x08" * 99},
        {},
        "safetensors and .bin weights have to be converted first",
    ),
    "a download that was cut": (
        ("serve", "--local-model", "m.gguf"),
        {"m.gguf": CUT},
        {},
        "ends early (24 bytes); download it again",
    ),
    "an empty download": (
        ("serve", "--local-model", "m.gguf"),
        {"m.gguf": b""},
        {},
        "'m.gguf' is empty; download it again",
    ),
    "a pointer in its place": (
        ("serve", "--local-model", "m.gguf"),
        {"m.gguf": POINTER},
        {},
        "is only a pointer of Git LFS; fetch the file itself",
    ),
    "a page in its place": (
        ("serve", "--local-model", "m.gguf"),
        {"m.gguf": "<!doctype html>"},
        {},
        "is a web page, not a GGUF file; download the file itself",
    ),
    "a GGUF of the first version": (
        ("serve", "--local-model", "m.gguf"),
        {"m.gguf": GGUF_1},
        {},
        "has GGUF version 1; convert it to version 3",
    ),
    # policies
    "a policy misspelled": (("serve", "--policy", "balancd"), {}, {}, "did you mean 'balanced'?"),
    "a policy that is not there": (
        ("policy", "show", "mine.yaml"),
        {},
        {},
        "there is no such policy or file; valid are balanced",
    ),
    "a folder for a policy": (
        ("policy", "show", "."),
        {},
        {},
        "there is no such policy or file; valid are balanced",
    ),
    "a track that is none": (
        ("policy", "show", "p.yaml"),
        {"p.yaml": "name: p\notherwise: {to: claude, why: x}\n"},
        {},
        "p.yaml:2: otherwise.to: 'claude' is not one of 'local', 'cloud'",
    ),
    "a condition that is none": (
        ("policy", "show", "p.yaml"),
        {"p.yaml": "name: p\nrules:\n- {when: fils > 1, to: cloud, why: x}\notherwise: {to: local, why: y}"},
        {},
        "unknown variable 'fils'; did you mean 'files'?",
    ),
    "a variable in a policy": (
        ("policy", "show", "p.yaml"),
        {"p.yaml": "name: p\notherwise: {to: local, why: x}\nnever_cloud: {paths: ['${HOME}/**']}\n"},
        {},
        "`${HOME}` is not put in: a policy reads alike on every machine, so write its value",
    ),
    "a policy that was not checked": (
        ("serve", "--policy", "p.yaml", "--require-check"),
        {"p.yaml": "name: p\notherwise: {to: local, why: x}\ncheck: {local_share: '>= 1'}\n"},
        {},
        "run `turnout policy check p.yaml --publish`",
    ),
    # ledger
    "another database": (
        ("ledger", "stats"),
        {},
        {"LEDGER": "mysql://host/db"},
        "`mysql` is not supported; give the path of a SQLite file, or a URL",
    ),
    "no database": (
        ("ledger", "stats"),
        {"l.db": b"no database" * 99},
        {"LEDGER": "l.db"},
        "check that it is a database and can be reached and written",
    ),
    "a folder for a ledger": (
        ("ledger", "stats"),
        {},
        {"LEDGER": "."},
        "unable to open database file); check that it is a database",
    ),
    "a ledger below a file": (
        ("ledger", "stats"),
        {"f": "x"},
        {"LEDGER": "f/l.db"},
        "make its folder writable, or set `ledger`",
    ),
    "a database in memory": (("ledger", "stats"), {}, {"LEDGER": "sqlite://"}, "SQLite must have a file"),
    "a database that is not there": (
        ("ledger", "stats"),
        {},
        {"LEDGER": "postgresql+psycopg://u@127.0.0.1:9/t"},
        "Connection refused",
    ),
    # commands
    "a command that is none": (("sevre",), {}, {}, "No such command 'sevre'"),
    "an option that is none": (("serve", "--polcy", "private"), {}, {}, "No such option: --polcy"),
    "a client that is none": (("connect", "cluade"), {}, {}, "did you mean claude?"),
    "a program that is none": (("code", "cluade"), {}, {}, "did you mean claude?"),
    "no request to explain": (
        ("explain", "request.json"),
        {},
        {},
        "give a request body as JSON, or - for standard input",
    ),
    "a request that is no JSON": (
        ("explain", "r.json"),
        {"r.json": "model: auto"},
        {},
        "the body is not valid JSON",
    ),
    "a report of no period": (
        ("report", "--last", "often"),
        {},
        {},
        "is none of 7d, 30d or another number of days",
    ),
    "a report of no team": (("report", "--team", "nobody"), {}, {}, "`turnout team add` makes one"),
    "a day in words": (
        ("ledger", "export", "--to", "out", "--since", "monday"),
        {},
        {},
        "is not a UTC day or time, such as 2026-11-01",
    ),
    "nothing to trust": (("trust",), {}, {}, "there is no file 'turnout.yaml'; name a settings file"),
}


@pytest.fixture(scope="module")
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(("arguments", "files", "settings", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_its_cause_and_remedy(
    turnout, tmp_path: Path, taken, arguments, files, settings, message
):
    for name, content in files.items():
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(0o600)
    ended = turnout(*(each.format(taken=taken) for each in arguments), **settings)
    assert "Traceback" not in ended.err
    assert ended.code == 2
    assert message in " ".join(ended.err.split())
    assert ended.out == ""
