"""All clients that are known, by name."""

import difflib

from router.connect import editors, terminal_clients
from router.connect.claude_code import CLAUDE_CODE
from router.connect.client import Client
from router.errors import Misconfigured

CLIENTS: tuple[Client, ...] = (
    CLAUDE_CODE,
    terminal_clients.CODEX,
    terminal_clients.CONTINUE,
    terminal_clients.AIDER,
    terminal_clients.OPENCODE,
    terminal_clients.QWEN,
    terminal_clients.PI,
    terminal_clients.CLINE,
    terminal_clients.KILO,
    editors.ROO,
    editors.ZED,
    editors.VSCODE,
    editors.JETBRAINS,
    editors.CURSOR,
    editors.LLAMA_VSCODE,
    terminal_clients.COPILOT,
    terminal_clients.OPENHANDS,
    terminal_clients.MINI,
    terminal_clients.GEMINI,
    terminal_clients.OPENAI,
    terminal_clients.ANTHROPIC,
    terminal_clients.OLLAMA,
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
    known = f"did you mean {near[0]}?" if near else f"known are {', '.join(c.name for c in CLIENTS)}"
    raise Misconfigured(f"CLIENT: there is no client {name!r}; {known}")
