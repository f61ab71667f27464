"""pi: a provider in one file, chosen in another."""

from router.connect.client import CHAT, MODEL, PROVIDER, TITLE, WINDOW, Client, SettingsFile, Target, always
from router.connect.formats.document import JSONC
from router.connect.formats.edits import Edit
from router.connect.machine import Machine


def _pi_files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    folder = machine.folder("PI_CODING_AGENT_DIR", ".pi", "agent")
    provider = {
        "baseUrl": target.v1,
        "api": "openai-completions",
        "apiKey": target.secret,
        "models": [{"id": MODEL, "name": TITLE, "contextWindow": WINDOW}],
    }
    return (
        SettingsFile(
            path=folder / "models.json",
            form=JSONC,
            edits=always(Edit(path=("providers", PROVIDER), value=provider)),
        ),
        SettingsFile(
            path=folder / "settings.json",
            form=JSONC,
            edits=always(
                Edit(path=("defaultProvider",), value=PROVIDER), Edit(path=("defaultModel",), value=MODEL)
            ),
        ),
    )


PI = Client(
    name="pi",
    title="pi",
    speaks=CHAT,
    programs=("pi",),
    install="npm install -g @mariozechner/pi-coding-agent",
    signs=lambda machine: (machine.folder("PI_CODING_AGENT_DIR", ".pi", "agent"),),
    files=_pi_files,
)
