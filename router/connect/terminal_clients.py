"""Coding assistants of the terminal, besides Claude Code."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from router.connect.client import (
    MODEL,
    OWN_FILE,
    PLACEHOLDER,
    WINDOW,
    Client,
    Launch,
    SettingsFile,
    Target,
    enter,
)
from router.connect.formats.document import DOTENV, JSONC, TOML, YAML
from router.connect.formats.edits import Data, Edit, find
from router.connect.machine import Machine

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
PROVIDER = "turnout"
TITLE = "Turnout"
KEY_HEADER = "x-turnout-key"


def _always(*edits: Edit) -> Callable[[Data], Sequence[Edit]]:
    return lambda _: edits


def _key_edit(data: Data, path: tuple[str, ...], target: Target) -> tuple[Edit, ...]:
    """Set a team's key, or the placeholder where no key is; a provider's own key stays."""
    present = find(data, path)
    if target.key or not present or present == PLACEHOLDER:
        return (Edit(path=path, value=target.secret),)
    return ()


def first_existing(*paths: Path) -> Path:
    """Return the first of the files that is there, else the first."""
    return next((path for path in paths if path.exists()), paths[0])


# Codex


def _codex_provider(target: Target) -> dict[str, Data]:
    provider: dict[str, Data] = {"name": TITLE, "base_url": target.v1, "wire_api": "responses"}
    return provider | ({"http_headers": {KEY_HEADER: target.key}} if target.key else {})


def _codex_files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    edits = _always(
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


# aider


def _aider_files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    def edits(data: Data) -> Sequence[Edit]:
        return [
            Edit(path=("model",), value=f"openai/{MODEL}"),
            Edit(path=("openai-api-base",), value=target.v1),
            *_key_edit(data, ("openai-api-key",), target),
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


# opencode, and Kilo Code, which is built on it


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
    return _always(*(Edit(path=path, value=value) for path, value in _ai_sdk_settings(target).items()))


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


# Continue: its IDE extensions and `cn` read one file


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


# pi


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
            edits=_always(Edit(path=("providers", PROVIDER), value=provider)),
        ),
        SettingsFile(
            path=folder / "settings.json",
            form=JSONC,
            edits=_always(
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


# Qwen Code

_QWEN_KEY = "QWEN_TURNOUT_KEY"


def _qwen_files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    model = {"id": MODEL, "name": TITLE, "baseUrl": target.v1, "envKey": _QWEN_KEY}
    edits = _always(
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


# Cline's command line; the extension keeps its settings inside the editor


def _cline_files(machine: Machine, target: Target) -> tuple[SettingsFile, ...]:
    name = "openai-compatible"
    settings = {"provider": name, "apiKey": target.secret, "model": MODEL, "baseUrl": target.v1}

    def edits(data: Data) -> Sequence[Edit]:
        head = [] if find(data, ("version",)) else [Edit(path=("version",), value=1)]
        return [
            *head,
            Edit(path=("lastUsedProvider",), value=name),
            *([] if find(data, ("modes",)) is not None else [Edit(path=("modes",), value={})]),
            Edit(path=("providers", name, "settings"), value=settings),
            *(
                []
                if find(data, ("providers", name, "updatedAt"))
                else [
                    Edit(path=("providers", name, "updatedAt"), value="2026-01-01T00:00:00.000Z"),
                    Edit(path=("providers", name, "tokenSource"), value="manual"),
                ]
            ),
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


# mini-swe-agent


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
        return [*fixed, *_key_edit(data, ("OPENAI_API_KEY",), target)]

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


# Those that keep nothing in a file that could be written, or speak another language


OPENHANDS = Client(
    name="openhands",
    title="OpenHands",
    speaks=CHAT,
    programs=("openhands",),
    install="uv tool install openhands --python 3.12",
    signs=lambda machine: (machine.home / ".openhands",),
    steps=lambda target: (
        (
            "OpenHands writes its settings itself: type /settings in its command line, or open Settings, "
            "LLM in "
            "the browser, and switch on `Advanced`."
        ),
        enter(target, model=f"openai/{MODEL}"),
        "In a container 127.0.0.1 is the container itself: write host.docker.internal in its place.",
    ),
    launch=lambda _, target: Launch(
        variables={
            "LLM_MODEL": f"openai/{MODEL}",
            "LLM_BASE_URL": target.v1,
            "LLM_API_KEY": target.secret,
        },
        flags=("--override-with-envs",),
    ),
)


def _copilot_variables(target: Target) -> dict[str, str]:
    return {
        "COPILOT_MODEL": MODEL,
        "COPILOT_PROVIDER_API_KEY": target.secret,
        "COPILOT_PROVIDER_BASE_URL": target.v1,
        "COPILOT_PROVIDER_TYPE": "openai",
    }


COPILOT = Client(
    name="copilot",
    title="GitHub Copilot CLI",
    speaks=CHAT,
    programs=("copilot",),
    install="npm install -g @github/copilot",
    variables=_copilot_variables,
    launch=lambda _, target: Launch(variables=_copilot_variables(target)),
)
GEMINI = Client(
    name="gemini",
    aliases=("gemini-cli",),
    title="Gemini CLI",
    speaks="/v1beta/models",
    programs=("gemini",),
    install="npm install -g @google/gemini-cli",
    signs=lambda machine: (machine.home / ".gemini",),
    variables=lambda target: {"GOOGLE_GEMINI_BASE_URL": target.url, "GEMINI_API_KEY": target.secret},
)
OPENAI = Client(
    name="openai",
    title="anything that speaks OpenAI chat",
    speaks=CHAT,
    variables=lambda target: {
        "OPENAI_BASE_URL": target.v1,
        "OPENAI_API_BASE": target.v1,
        "OPENAI_API_KEY": target.secret,
    },
)
ANTHROPIC = Client(
    name="anthropic",
    title="anything that speaks Anthropic Messages",
    speaks="/v1/messages",
    variables=lambda target: {"ANTHROPIC_BASE_URL": target.url, "ANTHROPIC_API_KEY": target.secret},
)
OLLAMA = Client(
    name="ollama",
    title="anything that speaks Ollama's API",
    speaks="/api/chat",
    variables=lambda target: {"OLLAMA_HOST": target.url},
)
