"""mini-swe-agent: a file of variables."""

from collections.abc import Sequence
from pathlib import Path

from router.connect.client import CHAT, MODEL, Client, Launch, SettingsFile, Target, key_edit
from router.connect.formats.document import DOTENV
from router.connect.formats.edits import Data, Edit
from router.connect.machine import Machine


def _mini_folder(machine: Machine) -> Path:
    if machine.variable("MSWEA_GLOBAL_CONFIG_DIR"):
        return machine.folder("MSWEA_GLOBAL_CONFIG_DIR")
    name = "mini-swe-agent"
    if machine.system == "win32":  # as platformdirs has it, where the author is the program
        return machine.folder("LOCALAPPDATA", "AppData", "Local") / name / name
    return machine.application_data / name


def _mini_variables(target: Target) -> dict[str, str]:
    return {
        "MSWEA_CONFIGURED": "true",  # else it asks for a model and a key at its first start
        "MSWEA_COST_TRACKING": "ignore_errors",  # it knows no price of `auto`
        "MSWEA_MODEL_NAME": f"openai/{MODEL}",
        "OPENAI_API_BASE": target.v1,
    }


def _mini_files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    def edits(data: Data) -> Sequence[Edit]:
        fixed = [Edit(path=(name,), value=value) for name, value in _mini_variables(target).items()]
        return [*fixed, *key_edit(data, ("OPENAI_API_KEY",), target, base=("OPENAI_API_BASE",))]

    return (SettingsFile(path=_mini_folder(machine) / ".env", form=DOTENV, edits=edits),)


MINI = Client(
    name="mini-swe-agent",
    aliases=("mini",),
    title="mini-swe-agent",
    speaks=CHAT,
    programs=("mini",),
    install="python -m pip install mini-swe-agent",
    signs=lambda machine: (_mini_folder(machine),),
    files=_mini_files,
    launch=lambda _, target: Launch(variables=_mini_variables(target) | {"OPENAI_API_KEY": target.secret}),
)
