"""Continue: its IDE extensions and `cn` read one file."""

import json
from collections.abc import Sequence

from router.connect.client import CHAT, MODEL, OWN_FILE, TITLE, Client, Launch, SettingsFile, Target
from router.connect.formats.document import YAML
from router.connect.formats.edits import Data, Edit, find
from router.connect.machine import Machine


def _continue_model(target: Target) -> dict[str, Data]:
    return {
        "name": TITLE,
        "provider": "openai",
        "model": MODEL,
        "apiBase": target.v1,
        "apiKey": target.secret,
        "roles": ["chat", "edit", "apply"],
        "capabilities": ["tool_use"],
    }


_CONTINUE_HEAD = {"name": "Local Config", "version": "1.0.0", "schema": "v1"}


def _continue_files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    folder = machine.folder("CONTINUE_GLOBAL_DIR", ".continue")
    path, old = folder / "config.yaml", folder / "config.json"

    def edits(data: Data) -> Sequence[Edit]:
        head = [
            Edit(path=(key,), value=value) for key, value in _CONTINUE_HEAD.items() if not find(data, (key,))
        ]
        return [*head, Edit(path=("models",), value=_continue_model(target), item_key="name")]

    obstacle = (
        f"{old} is in use, and a config.yaml beside it would take its place: convert it first (in Continue's "
        "settings, or by docs.continue.dev/reference/yaml-migration)"
        if old.exists() and not path.exists()
        else ""
    )
    return (SettingsFile(path=path, form=YAML, edits=edits, obstacle=obstacle),)


CONTINUE = Client(
    name="continue",
    aliases=("cn",),
    title="Continue",
    speaks=CHAT,
    programs=("cn",),
    install="npm install -g @continuedev/cli, or the extension from your editor's marketplace",
    signs=lambda machine: (machine.folder("CONTINUE_GLOBAL_DIR", ".continue"),),
    files=_continue_files,
    steps=lambda _: (f"Choose `{TITLE}` in Continue's list of models (`/model` in cn).",),
    launch=lambda _, target: Launch(
        variables={},
        flags=("--config", OWN_FILE),
        own_file=(
            "continue.yaml",
            json.dumps({**_CONTINUE_HEAD, "models": [_continue_model(target)]}, indent=1),
        ),
    ),
)
