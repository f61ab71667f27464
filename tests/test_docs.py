"""What users can set, ask for and read about is documented, or this fails."""

import itertools
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from policies.schema import PolicySpec
from router.app.asgi import ROUTES
from router.cli.main import app
from router.settings import CloudSettings, LocalSettings, Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def setting_names():
    sections = {"local": LocalSettings, "cloud": CloudSettings}
    for name in Settings.model_fields:
        if name in sections:
            yield from (f"{name}.{inner}" for inner in sections[name].model_fields)
        else:
            yield name


@pytest.mark.parametrize("name", list(setting_names()))
def test_every_setting_is_documented(name):
    assert f"| `{name}` |" in (ROOT / "docs" / "settings.md").read_text()


@pytest.mark.parametrize("key", list(PolicySpec.model_fields))
def test_every_policy_key_is_documented(key):
    assert f"`{key}`" in (ROOT / "docs" / "policies.md").read_text()


@pytest.mark.parametrize("path", list(ROUTES))
def test_every_model_path_is_in_the_readme(path):
    assert f"`POST {path}`" in README


def commands(command, name=()):
    if hasattr(command, "commands"):
        for inner_name, inner in command.commands.items():
            yield from commands(inner, (*name, inner_name))
    else:
        yield pytest.param(command, id=" ".join(name))


@pytest.mark.parametrize("command", list(commands(get_command(app))))
def test_every_command_has_help_with_an_example(command):
    assert "Example:" in (command.help or "")
    for parameter in command.params:
        assert getattr(parameter, "help", "") or parameter.name == "help", parameter.name


def test_links_in_the_readme_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def shown_commands():
    for file in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for block in re.findall(r"^```sh\n(.*?)^```", file.read_text(), re.DOTALL | re.MULTILINE):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("turnout "):
                    words = shlex.split(line.split("|")[0].split(">")[0], comments=True)
                    yield pytest.param(words[1:], id=f"{file.name}: {line}")


@pytest.mark.parametrize("words", list(shown_commands()))
def test_every_command_that_is_shown_exists_with_its_options(words):
    command = get_command(app)
    while hasattr(command, "commands"):
        name, *words = words
        assert name in command.commands, f"no command {name}"
        command = command.commands[name]
    if name == "code":  # what stands after the client is the client's own
        words = list(itertools.takewhile(lambda word: word.startswith("-"), words))
    options = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for word in words:
        if word.startswith("--"):
            assert word.split("=")[0] in options
