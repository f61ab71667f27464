"""Claude Code. A login or key of Claude's stays in use and goes on to Claude; only the address changes."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from router.accounts.keys import PREFIX
from router.connect.client import KEY_HEADER, OWN_FILE, PLACEHOLDER, Client, Launch, SettingsFile, Target
from router.connect.formats.document import JSONC, read
from router.connect.formats.edits import Data, Edit, Unreadable, find
from router.connect.machine import Machine
from router.errors import Misconfigured

URL, TOKEN, HEADERS = "ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS"
_LOGINS = ("ANTHROPIC_API_KEY", TOKEN, "CLAUDE_CODE_OAUTH_TOKEN")


def folder(machine: Machine) -> Path:
    """Return its folder of settings."""
    return machine.folder("CLAUDE_CONFIG_DIR", ".claude")


def wanted(machine: Machine, target: Target) -> dict[str, str]:
    """Return the variables that point it here.

    Beside a login the key goes into a header of its own. Without one Claude Code asks for a login before
    anything else, so that the key, or the placeholder, stands where a login's token would.
    """
    variables = {URL: target.url}
    settings = _settings(machine)
    if not _has_login(machine, settings):
        return variables | {TOKEN: target.secret}
    if target.key:
        present = find(settings, ("env", HEADERS)) or machine.variable(HEADERS)
        lines = [line for line in str(present).splitlines() if not line.lower().startswith(KEY_HEADER)]
        return variables | {HEADERS: "\n".join((*lines, f"{KEY_HEADER}: {target.key}"))}
    return variables


def with_status_line(client: Client, command: str) -> Client:
    """Return Claude Code's row with a status line; one that the user has stays.

    Raises:
        Misconfigured: it is another client's.
    """
    if client is not CLAUDE_CODE:
        raise Misconfigured("--statusline: is Claude Code's alone")

    def files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
        (file,) = _files(machine, target)

        def edits(data: Data) -> Sequence[Edit]:
            if find(data, ("statusLine",)):
                raise Unreadable("there is a `statusLine` already; take it out, or leave --statusline away")
            line = {"type": "command", "command": command}
            return [*file.edits(data), Edit(path=("statusLine",), value=line)]

        return (replace(file, edits=edits),)

    return replace(client, files=files)


def _files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    variables = wanted(machine, target)

    def edits(_: Data) -> Sequence[Edit]:
        return [Edit(path=("env", name), value=value) for name, value in variables.items()]

    return (SettingsFile(path=folder(machine) / "settings.json", form=JSONC, edits=edits),)


def _launch(machine: Machine, target: Target) -> Launch:
    variables = wanted(machine, target)
    set_otherwise = find(_settings(machine), ("env",)) or {}
    if any(set_otherwise.get(name, value) != value for name, value in variables.items()):
        # The file's `env` would win over the environment; a flag wins over both. It takes the settings
        # themselves, too, but everybody on the machine can read a command line.
        own_file = ("claude-settings.json", json.dumps({"env": variables}, indent=1))
        return Launch(variables=variables, flags=("--settings", OWN_FILE), own_file=own_file)
    return Launch(variables=variables)


def _settings(machine: Machine) -> Data:
    try:
        return read((folder(machine) / "settings.json").read_bytes(), JSONC)
    except (OSError, Unreadable):
        return None  # whoever writes it reads it again, and refuses what is broken


def _has_login(machine: Machine, settings: Data) -> bool:
    in_file = find(settings, ("env",))
    values = [
        *(machine.variable(name) for name in _LOGINS),
        *(str(find(in_file, (name,)) or "") for name in _LOGINS),
        str(find(settings, ("apiKeyHelper",)) or ""),
    ]
    if any(value and value != PLACEHOLDER and not value.startswith(PREFIX) for value in values):
        return True
    if (folder(machine) / ".credentials.json").exists():
        return True
    state = folder(machine) if machine.variable("CLAUDE_CONFIG_DIR") else machine.home
    try:
        existing = json.loads((state / ".claude.json").read_bytes())
    except (OSError, ValueError):
        return False
    return any(find(existing, (name,)) for name in ("oauthAccount", "primaryApiKey"))


CLAUDE_CODE = Client(
    name="claude",
    aliases=("claude-code",),
    title="Claude Code",
    speaks="/v1/messages",
    programs=("claude",),
    install="npm install -g @anthropic-ai/claude-code",
    signs=lambda machine: (folder(machine),),
    files=_files,
    launch=_launch,
)
