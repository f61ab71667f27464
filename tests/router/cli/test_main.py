import sqlite3
from collections.abc import Iterator
from importlib.metadata import version

import click
import pytest
import typer
from rich.markup import render
from typer.testing import CliRunner

from router.cli.main import app


def test_help_names_every_command(fresh_turnout):
    ended = fresh_turnout("--help")
    assert ended.code == 0
    for command in ("serve", "explain", "policy", "key", "bench"):
        assert f" {command} " in ended.out
    assert ended.err == ""


@pytest.mark.parametrize(
    "command", ["serve", "explain", "policy show", "key create", "key list", "key revoke"]
)
def test_each_commands_help_shows_an_example(command):
    ended = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert ended.exit_code == 0
    assert f"Example: turnout {command}" in ended.output


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_no_word_of_an_options_help_is_taken_for_markup(name):
    for parameter in COMMANDS[name].params:
        text = getattr(parameter, "help", None) or ""
        assert render(text).plain == text, parameter.name


def test_version(fresh_turnout):
    ended = fresh_turnout("--version")
    assert (ended.code, ended.out.strip()) == (0, version("turnout"))


def test_an_unknown_command_is_refused(turnout):
    ended = turnout("sevre")
    assert ended.code == 2
    assert "sevre" in ended.err
    assert "Traceback" not in ended.err


def test_a_message_gives_a_terminal_no_commands(turnout, tmp_path):
    (tmp_path / "odd.yaml").write_text('"\\e]0;title\\a\\u202ex": 1\n')
    ended = turnout("serve", "--config", str(tmp_path / "odd.yaml"))
    assert ended.code == 2
    assert "\\x1b]0;title" in ended.err
    assert all(each.isprintable() or each == "\n" for each in ended.err), ended.err


@pytest.mark.slow
def test_a_locked_ledger_is_told_in_one_line(turnout, tmp_path):
    ledger = tmp_path / "ledger.db"
    assert turnout("key", "create", "--team", "web", LEDGER=str(ledger)).code == 0
    with sqlite3.connect(ledger, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        ended = turnout("key", "create", "--team", "web", LEDGER=str(ledger))
    assert ended.code == 2
    assert ended.err.startswith("turnout: ledger: the database refused the write")
    assert ended.err.count("\n") == 1, ended.err
