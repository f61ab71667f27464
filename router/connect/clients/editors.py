"""Coding assistants inside editors: what their settings files take, and what has to be clicked."""

from collections.abc import Callable, Sequence
from pathlib import Path

from router.connect.client import (
    ANSWER,
    CHAT,
    KEY_HEADER,
    MODEL,
    TITLE,
    WINDOW,
    Client,
    SettingsFile,
    Target,
    enter,
)
from router.connect.formats.document import JSONC
from router.connect.formats.edits import Data, Edit
from router.connect.machine import Machine

# Zed

_ZED_PROVIDER = "via-turnout"
"""Zed makes the variable for its key of this name, and variables that begin with TURNOUT_ are settings."""
_ZED_KEY = "VIA_TURNOUT_API_KEY"


def _zed_folder(machine: Machine) -> Path:
    if machine.system == "win32":
        return machine.application_data / "Zed"
    if machine.system == "darwin":
        return machine.home / ".config" / "zed"
    if machine.variable("FLATPAK_XDG_CONFIG_HOME"):
        return machine.folder("FLATPAK_XDG_CONFIG_HOME") / "zed"
    return machine.config / "zed"


def _zed_files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    provider: dict[str, Data] = {
        "api_url": target.v1,
        "available_models": [
            {"name": MODEL, "display_name": TITLE, "max_tokens": WINDOW, "max_output_tokens": ANSWER}
        ],
    }
    if target.key:
        provider["custom_headers"] = {KEY_HEADER: target.key}

    def edits(_: Data) -> Sequence[Edit]:
        return [
            Edit(path=("language_models", "openai_compatible", _ZED_PROVIDER), value=provider),
            Edit(path=("agent", "default_model"), value={"provider": _ZED_PROVIDER, "model": MODEL}),
        ]

    return (SettingsFile(path=_zed_folder(machine) / "settings.json", form=JSONC, edits=edits),)


ZED = Client(
    name="zed",
    title="Zed",
    speaks=CHAT,
    programs=("zed", "zeditor"),
    install="https://zed.dev/download",
    signs=lambda machine: (_zed_folder(machine),),
    files=_zed_files,
    steps=lambda target: (
        (
            "Zed keeps keys in the system's keychain: open the agent panel's settings, `LLM Providers`, "
            f"{_ZED_PROVIDER}, and enter the API key {target.secret} (or set {_ZED_KEY} to it where Zed "
            f"starts)."
        ),
    ),
)

# VS Code's chat


def _code_folder(machine: Machine) -> Path:
    folders = [machine.application_data / name / "User" for name in ("Code", "Code - Insiders", "VSCodium")]
    return next((folder for folder in folders if folder.exists()), folders[0])


def _code_files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    model = {
        "id": MODEL,
        "name": TITLE,
        "url": f"{target.v1}/chat/completions",
        "toolCalling": True,
        "vision": True,
        "maxInputTokens": WINDOW - ANSWER,
        "maxOutputTokens": ANSWER,
    }
    group = {
        "name": TITLE,
        "vendor": "customendpoint",
        "apiKey": target.secret,
        "apiType": "chat-completions",
        "models": [model],
    }

    def edits(_: Data) -> Sequence[Edit]:
        return [Edit(path=(), value=group, item_key="name")]

    path = _code_folder(machine) / "chatLanguageModels.json"
    return (SettingsFile(path=path, form=JSONC, edits=edits),)


VSCODE = Client(
    name="vscode",
    aliases=("vscode-copilot", "code"),
    title="VS Code's chat (Copilot, with a model of your own)",
    speaks=CHAT,
    programs=("code", "code-insiders"),
    install="https://code.visualstudio.com",
    signs=lambda machine: (_code_folder(machine),),
    files=_code_files,
    steps=lambda _: (
        f"Choose `{TITLE}` in the chat's list of models; restart VS Code if it is not there yet.",
        "For titles and commit messages, set chat.byokUtilityModelDefault to `Main Agent Model`.",
        (
            "Inline suggestions stay Copilot's; on a Business or Enterprise plan an administrator has to "
            "allow "
            "own keys first."
        ),
    ),
)


def _chat_steps(*before: str) -> Callable[[Target], Sequence[str]]:
    def steps(target: Target) -> Sequence[str]:
        return (*before, enter(target))

    return steps


JETBRAINS = Client(
    name="jetbrains",
    title="JetBrains AI Assistant",
    speaks=CHAT,
    install="the plugin `AI Assistant`, in Settings | Plugins",
    signs=lambda machine: (machine.application_data / "JetBrains",),
    steps=_chat_steps(
        "Open Settings | Tools | AI Assistant | Providers & API keys (in older versions, Models & API keys).",
        "Under `Third-party AI providers` choose `OpenAI-compatible`, and switch tool calling on.",
    ),
)
ROO = Client(
    name="roo",
    aliases=("roo-code",),
    title="Roo Code",
    speaks=CHAT,
    install="the extension from your editor's marketplace",
    steps=_chat_steps(
        "Roo Code keeps its settings inside the editor: open Roo Code, then its settings (the gear).",
        "Choose the API provider `OpenAI Compatible`.",
    ),
)
CURSOR = Client(
    name="cursor",
    title="Cursor",
    speaks=CHAT,
    programs=("cursor",),
    install="https://cursor.com",
    signs=lambda machine: (machine.application_data / "Cursor",),
    steps=lambda target: (
        (
            "Cursor's own servers call the address, so 127.0.0.1 and addresses of your network cannot "
            "work: give "
            "the endpoint a public https address (a tunnel or a reverse proxy), name it in "
            "`allowed_hosts`, and "
            "make keys first (`turnout key create --team TEAM`). Your code passes through Cursor's servers."
        ),
        (
            "In Cursor Settings | Models | API Keys, switch on `OpenAI API Key` and `Override OpenAI Base "
            "URL`, "
            f"and enter https://YOUR-ADDRESS/v1 and {target.key or 'a key of your team'}."
        ),
        f"Add a custom model with the name {MODEL}, and choose it.",
    ),
)
LLAMA_VSCODE = Client(
    name="llama-vscode",
    aliases=("llama.vscode",),
    title="llama.vscode",
    speaks="/infill",
    install="the extension `ggml-org.llama-vscode` from your editor's marketplace",
    steps=lambda target: (
        (
            "In VS Code's settings, search for `llama-vscode`, and set the endpoints for completions and "
            "chat "
            f"to {target.url}."
        ),
    ),
)
