"""aider: three keys of its YAML file."""

from collections.abc import Sequence

from router.connect.client import CHAT, MODEL, Client, Launch, SettingsFile, Target, key_edit
from router.connect.formats.document import YAML
from router.connect.formats.edits import Data, Edit
from router.connect.machine import Machine


def _aider_files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    def edits(data: Data) -> Sequence[Edit]:
        return [
            Edit(path=("model",), value=f"openai/{MODEL}"),
            Edit(path=("openai-api-base",), value=target.v1),
            *key_edit(data, ("openai-api-key",), target, base=("openai-api-base",)),
        ]

    return (SettingsFile(path=machine.home / ".aider.conf.yml", form=YAML, edits=edits),)


AIDER = Client(
    name="aider",
    title="aider",
    speaks=CHAT,
    programs=("aider",),
    install="python -m pip install aider-install && aider-install",
    signs=lambda machine: (machine.home / ".aider.conf.yml",),
    files=_aider_files,
    launch=lambda _, target: Launch(
        variables={
            "AIDER_MODEL": f"openai/{MODEL}",
            "AIDER_OPENAI_API_BASE": target.v1,
            "AIDER_OPENAI_API_KEY": target.secret,
        }
    ),
)
