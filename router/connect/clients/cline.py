"""Cline: the file is its command line's; the extension keeps its settings inside the editor."""

from collections.abc import Sequence

from router.connect.client import CHAT, MODEL, Client, SettingsFile, Target, enter
from router.connect.formats.document import JSONC
from router.connect.formats.edits import Data, Edit, find
from router.connect.machine import Machine

_NAME = "openai-compatible"
_NEEDED = {
    ("version",): 1,
    ("modes",): {},
    ("providers", _NAME, "updatedAt"): "2026-01-01T00:00:00.000Z",
    ("providers", _NAME, "tokenSource"): "manual",
}
"""What else Cline writes into the file."""


def _cline_files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    settings = {"provider": _NAME, "apiKey": target.secret, "model": MODEL, "baseUrl": target.v1}

    def edits(data: Data) -> Sequence[Edit]:
        lacking = [
            Edit(path=path, value=value) for path, value in _NEEDED.items() if find(data, path) is None
        ]
        return [
            *lacking,
            Edit(path=("lastUsedProvider",), value=_NAME),
            Edit(path=("providers", _NAME, "settings"), value=settings),
        ]

    data = machine.folder("CLINE_DATA_DIR") if machine.variable("CLINE_DATA_DIR") else None
    folder = data or machine.folder("CLINE_DIR", ".cline") / "data"
    return (SettingsFile(path=folder / "settings" / "providers.json", form=JSONC, edits=edits),)


CLINE = Client(
    name="cline",
    title="Cline",
    speaks=CHAT,
    programs=("cline",),
    install="npm install -g cline, or the extension from your editor's marketplace",
    signs=lambda machine: (machine.folder("CLINE_DIR", ".cline"),),
    files=_cline_files,
    steps=lambda target: (
        (
            "The file is the command line's; the extension keeps its settings inside the editor: there, "
            "open Cline "
            "and its settings (the gear), and choose the API provider `OpenAI Compatible`."
        ),
        enter(target),
    ),
)
