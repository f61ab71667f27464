"""All clients that are known, by name."""

import difflib

from router.connect.client import Client
from router.connect.clients import (
    aider,
    claude_code,
    cline,
    codex,
    continue_dev,
    editors,
    gemini_cli,
    mini_swe_agent,
    opencode,
    pi,
    qwen_code,
    variables,
)
from router.errors import Misconfigured

CLIENTS: tuple[Client, ...] = (
    claude_code.CLAUDE_CODE,
    codex.CODEX,
    continue_dev.CONTINUE,
    aider.AIDER,
    opencode.OPENCODE,
    qwen_code.QWEN,
    gemini_cli.GEMINI,
    pi.PI,
    cline.CLINE,
    opencode.KILO,
    editors.ROO,
    editors.ZED,
    editors.VSCODE,
    editors.JETBRAINS,
    editors.CURSOR,
    editors.LLAMA_VSCODE,
    variables.COPILOT,
    variables.OPENHANDS,
    mini_swe_agent.MINI,
    variables.OPENAI,
    variables.ANTHROPIC,
    variables.OLLAMA,
)
_BY_NAME = {name: client for client in CLIENTS for name in (client.name, *client.aliases)}


def find_client(name: str) -> Client:
    """Return the client of a name.

    Raises:
        Misconfigured: there is none; names the nearest, or all.
    """
    if client := _BY_NAME.get(name.lower()):
        return client
    near = difflib.get_close_matches(name.lower(), _BY_NAME, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(c.name for c in CLIENTS)}"
    raise Misconfigured(f"CLIENT: there is no client {name!r}; {hint}")
