"""opencode, and Kilo Code, which is built on it: one form of settings."""

import json
from collections.abc import Callable, Sequence

from router.connect.client import (
    CHAT,
    MODEL,
    PROVIDER,
    TITLE,
    Client,
    Launch,
    SettingsFile,
    Target,
    always,
    enter,
    first_existing,
)
from router.connect.formats.document import JSONC
from router.connect.formats.edits import Data, Edit
from router.connect.machine import Machine


def _ai_sdk_settings(target: Target) -> dict[tuple[str, ...], Data]:
    return {
        ("provider", PROVIDER): {
            "npm": "@ai-sdk/openai-compatible",
            "name": TITLE,
            "options": {"baseURL": target.v1, "apiKey": target.secret},
            "models": {MODEL: {"name": TITLE}},
        },
        ("model",): f"{PROVIDER}/{MODEL}",
        ("small_model",): f"{PROVIDER}/{MODEL}",
    }


def _ai_sdk_edits(target: Target) -> Callable[[Data], Sequence[Edit]]:
    return always(*(Edit(path=path, value=value) for path, value in _ai_sdk_settings(target).items()))


def _opencode_files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    folder = machine.config / "opencode"
    path = first_existing(folder / "opencode.json", folder / "opencode.jsonc")
    return (SettingsFile(path=path, form=JSONC, edits=_ai_sdk_edits(target)),)


def _opencode_launch(_: Machine, target: Target) -> Launch:
    settings = _ai_sdk_settings(target)
    content = {"provider": {PROVIDER: settings["provider", PROVIDER]}}
    content |= {path[0]: value for path, value in settings.items() if len(path) == 1}
    return Launch(variables={"OPENCODE_CONFIG_CONTENT": json.dumps(content)})


OPENCODE = Client(
    name="opencode",
    title="opencode",
    speaks=CHAT,
    programs=("opencode",),
    install="npm install -g opencode-ai",
    signs=lambda machine: (machine.config / "opencode",),
    files=_opencode_files,
    launch=_opencode_launch,
)


def _kilo_files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    folder = machine.config / "kilo"
    path = first_existing(folder / "kilo.json", folder / "kilo.jsonc")
    return (SettingsFile(path=path, form=JSONC, edits=_ai_sdk_edits(target)),)


KILO = Client(
    name="kilo",
    aliases=("kilo-code", "kilocode"),
    title="Kilo Code",
    speaks=CHAT,
    programs=("kilo",),
    install="npm install -g @kilocode/cli, or the extension from your editor's marketplace",
    signs=lambda machine: (machine.config / "kilo",),
    files=_kilo_files,
    steps=lambda target: (
        (
            "Older versions of the extension keep their settings inside the editor: there, open Kilo Code's "
            "settings (the gear), and choose the API provider `OpenAI Compatible`."
        ),
        enter(target),
    ),
)
