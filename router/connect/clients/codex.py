"""Codex: a provider in its TOML file; the user's model stays."""

import json

from router.connect.client import (
    KEY_HEADER,
    PROVIDER,
    RESPONSES,
    TITLE,
    Client,
    Launch,
    SettingsFile,
    Target,
    always,
)
from router.connect.formats.document import TOML
from router.connect.formats.edits import Data, Edit
from router.connect.machine import Machine


def _codex_provider(target: Target) -> dict[str, Data]:
    provider: dict[str, Data] = {"name": TITLE, "base_url": target.v1, "wire_api": "responses"}
    return provider | ({"http_headers": {KEY_HEADER: target.key}} if target.key else {})


def _codex_files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    edits = always(
        Edit(path=("model_provider",), value=PROVIDER),
        Edit(path=("model_providers", PROVIDER), value=_codex_provider(target)),
    )
    return (
        SettingsFile(path=machine.folder("CODEX_HOME", ".codex") / "config.toml", form=TOML, edits=edits),
    )


def _codex_launch(_: Machine, target: Target) -> Launch:
    flags = [("model_provider", json.dumps(PROVIDER))]
    for name, value in _codex_provider(target).items():
        if isinstance(value, dict):
            flags += [(f"model_providers.{PROVIDER}.env_http_headers.{KEY_HEADER}", '"TURNOUT_KEY"')]
        else:
            flags += [(f"model_providers.{PROVIDER}.{name}", json.dumps(value))]
    return Launch(
        variables={"TURNOUT_KEY": target.key} if target.key else {},
        flags=tuple(part for name, value in flags for part in ("-c", f"{name}={value}")),
    )


CODEX = Client(
    name="codex",
    title="Codex",
    speaks=RESPONSES,
    programs=("codex",),
    install="npm install -g @openai/codex",
    signs=lambda machine: (machine.folder("CODEX_HOME", ".codex"),),
    files=_codex_files,
    launch=_codex_launch,
)
