"""Qwen Code: a model, its key, and the choice of both."""

from router.connect.client import CHAT, MODEL, TITLE, Client, Launch, SettingsFile, Target, always
from router.connect.formats.document import JSONC
from router.connect.formats.edits import Edit
from router.connect.machine import Machine

_QWEN_KEY = "QWEN_TURNOUT_KEY"


def _qwen_files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    model = {"id": MODEL, "name": TITLE, "baseUrl": target.v1, "envKey": _QWEN_KEY}
    edits = always(
        Edit(path=("modelProviders", "openai"), value=model, item_key="name"),
        Edit(path=("env", _QWEN_KEY), value=target.secret),
        Edit(path=("security", "auth", "selectedType"), value="openai"),
        Edit(path=("model", "name"), value=MODEL),
    )
    return (
        SettingsFile(path=machine.folder("QWEN_HOME", ".qwen") / "settings.json", form=JSONC, edits=edits),
    )


QWEN = Client(
    name="qwen",
    aliases=("qwen-code",),
    title="Qwen Code",
    speaks=CHAT,
    programs=("qwen",),
    install="npm install -g @qwen-code/qwen-code",
    signs=lambda machine: (machine.folder("QWEN_HOME", ".qwen"),),
    files=_qwen_files,
    launch=lambda _, target: Launch(
        variables={"OPENAI_API_KEY": target.secret, "OPENAI_BASE_URL": target.v1, "OPENAI_MODEL": MODEL},
        flags=("--auth-type", "openai"),
    ),
)
