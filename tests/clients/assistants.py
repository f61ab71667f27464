"""The real coding assistants, as programs to start: what to run, with which environment, where.

Every start gets a home and a workspace of its own and only the environment named here, so nothing
of the person who runs the tests reaches it, and nothing it does outlives the test. Telemetry,
updates and downloads are off.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Literal

import pytest

MODULES = Path(__file__).with_name("node_modules")
PI = MODULES / "@mariozechner/pi-coding-agent/dist/cli.js"
CN = MODULES / "@continuedev/cli/dist/cn.js"
CODEX = MODULES / "@openai/codex/bin/codex.js"
CLAUDE_2_0 = MODULES / "claude-code-2.0/cli.js"
GROK = MODULES / "@vibe-kit/grok-cli/dist/index.js"
QWEN = MODULES / "@qwen-code/qwen-code/cli-entry.js"
GEMINI = MODULES / "@google/gemini-cli/bundle/gemini.js"
GPTME = Path(__file__).parents[2] / ".venv-gptme/bin/gptme"
AIDER = Path(__file__).parents[2] / ".venv-clients/bin/aider"
MINI = Path(__file__).parents[2] / ".venv-swebench/bin/mini"
KEY = "sk-ant-test-not-a-real-key"
ASK = "Make the file made.txt with the word proof in it."
COMMAND = "echo proof > made.txt"
"""What the scripted upstream and the tiny model let an assistant's shell do."""
PiWire = Literal["openai-completions", "openai-responses", "anthropic-messages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one run of an assistant lives."""

    home: Path
    workspace: Path

    @property
    def made(self) -> str:
        """What `COMMAND` wrote; empty where it did not run."""
        file = self.workspace / "made.txt"
        return file.read_text().strip() if file.exists() else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Something to start."""

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a program ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """What `claude --output-format json` printed."""
        printed: dict[str, Any] = json.loads(self.out)
        return printed


Name = Literal[
    "claude-code",
    "claude-code-2.0",
    "pi",
    "continue",
    "aider",
    "codex",
    "cline",
    "copilot",
    "grok-cli",
    "qwen-code",
    "opencode",
    "gptme",
    "mini-swe-agent",
    "ollama",
    "gemini",
    "google-genai",
]


def missing(*names: Name) -> str:
    """Which of them are not installed and how to get them; empty where all are there."""
    there = {
        "claude-code": _claude() is not None,
        "pi": PI.exists(),
        "continue": CN.exists(),
        "aider": AIDER.exists(),
        "codex": CODEX.exists(),
        "claude-code-2.0": CLAUDE_2_0.exists(),
        "cline": _platform("@cline/cli-*/bin/cline") is not None,
        "copilot": _platform("@github/copilot-*/copilot") is not None,
        "grok-cli": GROK.exists(),
        "qwen-code": QWEN.exists(),
        "opencode": _opencode() is not None,
        "gptme": GPTME.exists(),
        "mini-swe-agent": MINI.exists(),
        "ollama": (MODULES / "ollama").exists(),
        "gemini": GEMINI.exists(),
        "google-genai": (MODULES / "@google/genai").exists(),
    }
    absent = [name for name in names if not there[name]]
    if set(names) - {"aider", "gptme", "mini-swe-agent"} and not shutil.which("node"):
        absent.append("node")
    remedy = "make node node-slow .venv-clients/.ready .venv-gptme/.ready .venv-swebench/.ready"
    return f"{', '.join(absent)} not installed: run `{remedy}`" if absent else ""


def need(*names: Name) -> None:
    """Skip the test where one of them is not installed, or fail it where they are required."""
    if absent := missing(*names):
        if os.environ.get("TURNOUT_TEST_REQUIRE_CLIENTS"):
            pytest.fail(absent)
        pytest.skip(absent)


def version_of(package: str) -> str:
    """The installed version of `npm:NAME` or `pypi:NAME`; empty where it is not installed."""
    source, _, name = package.partition(":")
    if source == "npm":
        file = MODULES / name / "package.json"
        return str(json.loads(file.read_text())["version"]) if file.exists() else ""
    folders = [
        folder for root in (AIDER, MINI) for folder in root.parents[1].glob("lib/python*/site-packages")
    ]
    found = [*distributions(name=name, path=[*map(str, folders)]), *distributions(name=name)]
    return found[0].version if found else ""


def _claude() -> Path | None:
    # The platform's package holds the program itself; the `claude` in `.bin` needs an install script.
    return _platform("@anthropic-ai/claude-code-*/claude*")


def _platform(pattern: str) -> Path | None:
    """The program in a package for this platform."""
    return next(MODULES.glob(pattern), None)


def _opencode() -> Path | None:
    # The baseline runs on any processor.
    return _platform("opencode-*-baseline/bin/opencode") or _platform("opencode-*/bin/opencode")


def claude(
    place: Place,
    ask: str,
    *,
    url: str,
    model: str = "",
    tools: str = "Bash,Read,Write",
    key: str = KEY,
    flags: tuple[str, ...] = (),
) -> Program:
    """Claude Code, one ask, no person beside it.

    Args:
        place: Its home and workspace.
        ask: The prompt.
        url: Base URL without `/v1`.
        model: A model name, or empty for its own choice.
        tools: What it may use without asking.
        key: Sent as `x-api-key`.
        flags: More of them.
    """
    chosen = ("--model", model) if model else ()
    return Program(
        argv=(str(_claude()), "-p", ask, "--allowedTools", tools, "--output-format", "json", *chosen, *flags),
        env={
            **bare_env(place),
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": key,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
        },
        cwd=place.workspace,
    )


def pi(
    place: Place,
    ask: str,
    *,
    url: str,
    wire: PiWire,
    model: str = "auto",
    answer_tokens: int = 1024,
    goes_on: bool = False,
) -> Program:
    """Pi, one ask, no person beside it; its tools run without asking.

    Args:
        place: Its home and workspace.
        ask: The prompt.
        url: Base URL without `/v1`.
        wire: What it shall speak.
        model: The model name it sends.
        answer_tokens: The most it asks for in one answer.
        goes_on: In the session before it.
    """
    provider = {
        "baseUrl": url if wire == "anthropic-messages" else f"{url}/v1",
        "api": wire,
        "apiKey": KEY,
        "models": [{"id": model, "contextWindow": 128_000, "maxTokens": answer_tokens}],
    }
    config = place.home / ".pi/agent/models.json"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(json.dumps({"providers": {"turnout": provider}}))
    return Program(
        argv=(
            *("node", str(PI), "--provider", "turnout", "--model", model),
            *(("--continue",) if goes_on else ()),
            *("-p", ask),
        ),
        env={**bare_env(place), "PI_OFFLINE": "1", "PI_TELEMETRY": "0"},
        cwd=place.workspace,
    )


def claude_typed(place: Place, *script: str, url: str) -> Program:
    """Claude Code in a terminal: what to wait for and what to type, in turn."""
    known = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "projects": {
            str(place.workspace): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
        },
    }
    (place.home / ".claude.json").write_text(json.dumps(known))
    program = claude(place, "", url=url)
    env = {name: value for name, value in program.env.items() if "NONESSENTIAL" not in name}
    typed = str(Path(__file__).with_name("typed.py"))
    return Program(
        argv=(sys.executable, typed, str(_claude()), *script),
        env={**env, "TERM": "xterm-256color"},
        cwd=place.workspace,
    )


def claude_2_0(place: Place, ask: str, **more: Any) -> Program:
    """A version of Claude Code that is a year old; takes what `claude` takes."""
    program = claude(place, ask, **more)
    return replace(program, argv=("node", str(CLAUDE_2_0), *program.argv[1:]))


def cline(place: Place, ask: str, *, url: str, model: str = "auto") -> Program:
    """Cline's command line, one ask, no person beside it; its tools run without asking."""
    provider = {"provider": "openai-compatible", "apiKey": KEY, "model": model, "baseUrl": f"{url}/v1"}
    chosen = {"settings": provider, "updatedAt": "2026-11-01T00:00:00.000Z", "tokenSource": "manual"}
    config = place.home / ".cline/data/settings/providers.json"
    config.parent.mkdir(parents=True)
    config.write_text(
        json.dumps(
            {
                "version": 1,
                "lastUsedProvider": "openai-compatible",
                "modes": {},
                "providers": {"openai-compatible": chosen},
            }
        )
    )
    return Program(
        argv=(str(_platform("@cline/cli-*/bin/cline")), ask),
        env={**bare_env(place), "CLINE_TELEMETRY_DISABLED": "1", "CLINE_NO_AUTO_UPDATE": "1"},
        cwd=place.workspace,
    )


def copilot(
    place: Place, ask: str, *, url: str, model: str = "claude-sonnet-4.5", goes_on: bool = False
) -> Program:
    """GitHub Copilot's command line with a provider of one's own, one ask; its tools run without asking."""
    flags = ("--continue",) if goes_on else ()
    return Program(
        argv=(
            *(str(_platform("@github/copilot-*/copilot")), "-p", ask, *flags),
            *("--allow-all-tools", "--allow-all-paths"),
        ),
        env={
            **bare_env(place),
            "COPILOT_OFFLINE": "true",
            "COPILOT_AUTO_UPDATE": "false",
            "COPILOT_MODEL": model,
            "COPILOT_PROVIDER_API_KEY": KEY,
            "COPILOT_PROVIDER_BASE_URL": f"{url}/v1",
            "COPILOT_PROVIDER_TYPE": "openai",
        },
        cwd=place.workspace,
    )


def qwen(place: Place, ask: str, *, url: str, model: str = "auto", goes_on: bool = False) -> Program:
    """Qwen Code, one ask, no person beside it; its tools run without asking."""
    flags = ("--continue",) if goes_on else ()
    return Program(
        argv=(
            *("node", str(QWEN), "--auth-type", "openai", "--approval-mode", "yolo"),
            *(*flags, "-p", ask),
        ),
        env={
            **bare_env(place),
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{url}/v1",
            "OPENAI_MODEL": model,
            "QWEN_TELEMETRY": "0",
        },
        cwd=place.workspace,
    )


def gemini(
    place: Place, ask: str, *, url: str, model: str = "turnout-auto", goes_on: bool = False
) -> Program:
    """Gemini CLI, one ask, no person beside it; its tools run without asking."""
    config = place.home / ".gemini/settings.json"
    config.parent.mkdir(parents=True, exist_ok=True)
    quiet = {"general": {"enableAutoUpdate": False}, "privacy": {"usageStatisticsEnabled": False}}
    config.write_text(json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}, **quiet}))
    flags = ("--resume", "latest") if goes_on else ()
    return Program(
        argv=("node", str(GEMINI), "--approval-mode", "yolo", "-m", model, *flags, "-p", ask),
        env={
            **bare_env(place),
            "GEMINI_API_KEY": "AIza-test-not-a-real-key",
            "GEMINI_CLI_CUSTOM_HEADERS": f"x-api-key: {KEY}",
            "GEMINI_CLI_NO_RELAUNCH": "true",
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
            "GOOGLE_GEMINI_BASE_URL": url,
        },
        cwd=place.workspace,
    )


def grok(place: Place, ask: str, *, url: str, model: str = "auto") -> Program:
    """grok-cli, one ask, no person beside it; its tools run without asking."""
    return Program(
        argv=("node", str(GROK), "-p", ask),
        env={
            **bare_env(place),
            "GROK_API_KEY": KEY,
            "GROK_BASE_URL": f"{url}/v1",
            "GROK_MODEL": model,
        },
        cwd=place.workspace,
    )


def opencode(
    place: Place,
    ask: str,
    *,
    url: str,
    model: str = "auto",
    goes_on: bool = False,
    attached: str = "README.md",
) -> Program:
    """Opencode, one ask, no person beside it; its tools run without asking; first with a file attached."""
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "turnout",
        "options": {"baseURL": f"{url}/v1", "apiKey": KEY},
        "models": {model: {"name": model}},
    }
    config = place.home / ".config/opencode/opencode.json"
    config.parent.mkdir(parents=True, exist_ok=True)
    settings = {"permission": "allow", "autoupdate": False, "share": "disabled"}
    chosen = {"model": f"turnout/{model}", "small_model": f"turnout/{model}"}
    config.write_text(json.dumps({"provider": {"turnout": provider}, **chosen, **settings}))
    file = ("-f", str(place.workspace / attached)) if attached else ()
    more = ("--continue",) if goes_on else file
    return Program(
        argv=(str(_opencode()), "run", "--auto", ask, *more), env=bare_env(place), cwd=place.workspace
    )


def gptme(place: Place, ask: str, *, url: str, form: Literal["tool", "markdown", "xml"]) -> Program:
    """Gptme, one ask and the README, no person beside it; `form` is how it has tools called."""
    return Program(
        argv=(
            *(str(GPTME), "-n", "-m", "local/auto", "--tool-format", form),
            *(ask, "README.md"),
        ),
        env={**bare_env(place), "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{url}/v1"},
        cwd=place.workspace,
    )


def cn(place: Place, ask: str, *, url: str, model: str = "auto", goes_on: bool = False) -> Program:
    """Continue's command line, one ask, no person beside it; its tools run without asking."""
    served = {
        "name": model,
        "provider": "openai",
        "model": model,
        "apiBase": f"{url}/v1",
        "apiKey": KEY,
        "roles": ["chat"],
        "capabilities": ["tool_use"],
    }
    config = place.home / "config.yaml"
    config.write_text(json.dumps({"name": "turnout", "version": "1.0.0", "schema": "v1", "models": [served]}))
    return Program(
        argv=(
            *("node", str(CN), "--config", str(config), "--auto"),
            *(("--resume",) if goes_on else ()),
            *("-p", ask),
        ),
        env={**bare_env(place), "CONTINUE_TELEMETRY_ENABLED": "0", "CONTINUE_CLI_ENABLE_TELEMETRY": "0"},
        cwd=place.workspace,
    )


def aider(place: Place, ask: str, *, url: str, model: str = "auto", tests: str = "") -> Program:
    """Aider, one ask, no person beside it; what it is not asked for (commits, web pages) is off.

    Args:
        place: Its home and workspace.
        ask: The prompt.
        url: Base URL without `/v1`.
        model: The model name it sends.
        tests: The command that it runs after an edit.
    """
    off = (
        "analytics",
        "auto-commits",
        "check-update",
        "detect-urls",
        "gitignore",
        "show-model-warnings",
        "show-release-notes",
        "suggest-shell-commands",
    )
    # A fresh price list: without one it asks the web.
    prices = place.home / ".aider/caches/model_prices_and_context_window.json"
    prices.parent.mkdir(parents=True)
    prices.write_text(json.dumps({model: {"max_input_tokens": 128_000, "litellm_provider": "openai"}}))
    return Program(
        argv=(
            *(str(AIDER), "--model", f"openai/{model}", "--openai-api-base", f"{url}/v1"),
            *("--openai-api-key", KEY, "--yes-always", "--no-pretty", *(f"--no-{name}" for name in off)),
            *(("--auto-test", "--test-cmd", tests) if tests else ()),
            *("--message", ask),
        ),
        env={**bare_env(place), "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        cwd=place.workspace,
    )


def mini(place: Place, ask: str, *, url: str, model: str = "auto") -> Program:
    """mini-swe-agent, one ask, no person beside it; its commands run without asking."""
    return Program(
        argv=(str(MINI), "-m", f"openai/{model}", "-t", ask, "-y", "--exit-immediately"),
        env={
            **bare_env(place),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "MSWEA_CONFIGURED": "true",
            "MSWEA_COST_TRACKING": "ignore_errors",
            "MSWEA_GLOBAL_CONFIG_DIR": str(place.home / "mini"),
            "OPENAI_API_BASE": f"{url}/v1",
            "OPENAI_API_KEY": KEY,
        },
        cwd=place.workspace,
    )


def codex(
    place: Place,
    ask: str,
    *,
    url: str,
    model: str = "auto",
    goes_on: bool = False,
    retries: int = 0,
    flags: tuple[str, ...] = (),
) -> Program:
    """Codex, one ask, no person beside it; its tools run without asking. It speaks OpenAI Responses alone."""
    config = place.home / ".codex/config.toml"
    config.parent.mkdir(exist_ok=True)
    provider = {"name": "turnout", "base_url": f"{url}/v1", "env_key": "TURNOUT_KEY", "wire_api": "responses"}
    lines = [f"{name} = {json.dumps(value)}" for name, value in provider.items()]
    tries = [f"request_max_retries = {retries}", f"stream_max_retries = {retries}"]
    chosen = [f"model = {json.dumps(model)}", 'model_provider = "turnout"']
    config.write_text("\n".join((*chosen, "[model_providers.turnout]", *lines, *tries)))
    return Program(
        argv=(
            *("node", str(CODEX), "exec", "--json", "--skip-git-repo-check"),
            *("--dangerously-bypass-approvals-and-sandbox", *flags),
            *(("resume", "--last") if goes_on else ()),
            ask,
        ),
        env={**bare_env(place), "TURNOUT_KEY": KEY},
        cwd=place.workspace,
    )


def bare_env(place: Place) -> dict[str, str]:
    """What every start has in its environment."""
    return {"HOME": str(place.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "dumb"}


def run(program: Program, *, deadline_s: float = 90) -> Finished:
    """Run to the end.

    Raises:
        subprocess.TimeoutExpired: it did not end in time; it and its children are gone.
    """
    with started(program) as process:
        out, err = process.communicate(timeout=deadline_s)
    return Finished(code=process.returncode, out=out, err=err)


@contextmanager
def started(program: Program) -> Iterator[subprocess.Popen[str]]:
    """Start it in a process group of its own; whatever of it is left at the end is killed."""
    with subprocess.Popen(
        program.argv,
        env=program.env,
        cwd=program.cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
