"""Gemini CLI: the kind of its login and its model in one file, address and key in another.

It reads only the first `.env` that it finds, from the folder where it starts upwards: without
`advanced.ignoreLocalEnv` a project's own would stand in the place of ours, and requests would go to Google.
The kind of login stands in settings alone, and only root's win over the user's: where the user's name
another, it is started with a home of ours, and a copy of them there.
"""

from pathlib import Path

from router.connect.client import (
    MODEL,
    OWN_FOLDER,
    PROVIDER,
    Client,
    Launch,
    SettingsFile,
    Target,
    always,
)
from router.connect.formats.document import DOTENV, JSONC, apply, read
from router.connect.formats.edits import Edit, Unreadable, find
from router.connect.machine import Machine
from router.errors import Misconfigured

_MODEL = f"{PROVIDER}-{MODEL}"
"""`auto` is a name of its own: it has a model choose one of Google's before each turn."""
_LOGIN = Edit(path=("security", "auth", "selectedType"), value="gemini-api-key")
_HOME, _TRUSTED = "GEMINI_CLI_HOME", "GEMINI_CLI_TRUSTED_FOLDERS_PATH"
_OWN_HOME = "gemini-home"


def _folder(machine: Machine) -> Path:
    return machine.folder(_HOME) / ".gemini"


def _variables(target: Target) -> dict[str, str]:
    return {"GOOGLE_GEMINI_BASE_URL": target.url, "GEMINI_API_KEY": target.secret}


def _files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    settings = always(
        _LOGIN,
        Edit(path=("model", "name"), value=_MODEL),
        Edit(path=("advanced", "ignoreLocalEnv"), value=True),
    )
    variables = always(*(Edit(path=(name,), value=value) for name, value in _variables(target).items()))
    return (
        SettingsFile(path=_folder(machine) / "settings.json", form=JSONC, edits=settings),
        SettingsFile(path=_folder(machine) / ".env", form=DOTENV, edits=variables),
    )


def _launch(machine: Machine, target: Target) -> Launch:
    variables = {**_variables(target), "GEMINI_MODEL": _MODEL}
    path = _folder(machine) / "settings.json"
    try:
        content = path.read_bytes() if path.exists() else b""
        if find(read(content, JSONC), _LOGIN.path) == _LOGIN.value:
            return Launch(variables=variables)
        settings, _ = apply(content, JSONC, [_LOGIN])
    except (OSError, Unreadable) as error:
        raise Misconfigured(f"{path}: {error}; mend it first") from error
    trusted = machine.variable(_TRUSTED) or str(path.with_name("trustedFolders.json"))
    return Launch(
        variables={**variables, _HOME: f"{OWN_FOLDER}/{_OWN_HOME}", _TRUSTED: trusted},
        own_file=(f"{_OWN_HOME}/.gemini/settings.json", settings.decode()),
    )


GEMINI = Client(
    name="gemini",
    aliases=("gemini-cli",),
    title="Gemini CLI",
    speaks="/v1beta/models/{model}:streamGenerateContent",
    programs=("gemini",),
    install="npm install -g @google/gemini-cli",
    signs=lambda machine: (_folder(machine),),
    files=_files,
    launch=_launch,
)
