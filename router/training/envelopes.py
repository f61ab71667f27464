"""One ask, wrapped as the first request of several assistants: what each puts around it.

The shapes are the clients' (docs and observed requests); the harness text is ours and short.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from router.accounts.teams import NOBODY
from router.types import DialectName, Headers, ModelRequest

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """How one client sends a first ask."""

    dialect: DialectName
    headers: Headers
    body: Callable[[str], Json]


def model_request(
    body: bytes, dialect: DialectName = "openai_chat", headers: Headers = (), *, request_id: str = ""
) -> ModelRequest:
    """Make the request of a body that no endpoint received: of no team, no user and no client."""
    return ModelRequest(
        id=request_id,
        account=NOBODY,
        dialect=dialect,
        operation="generate",
        client="",
        model="auto",
        stream=False,
        body=body,
        headers=headers,
    )


def _tool(name: str, argument: str) -> Json:
    schema = {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": schema}}


SHELL = _tool("bash", "command")
_TOOLS = [_tool("read", "path"), SHELL, _tool("edit", "path"), _tool("write", "path")]


def _chat(system: str, *user: str, tools: list[Json] | None = None) -> Json:
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": "user", "content": text} for text in user]
    return {"model": "auto", "messages": messages} | ({"tools": tools} if tools else {})


def _claude_code(ask: str) -> Json:
    reminder = "<system-reminder>\nContext you can use:\n# currentDate\nToday.\n</system-reminder>"
    return {
        "model": "auto",
        "max_tokens": 32_000,
        "system": [
            {
                "type": "text",
                "text": "x-anthropic-billing-header: cc_version=2.1.330.a1b; cc_entrypoint=cli;",
            },
            {"type": "text", "text": "You are Claude Code, Anthropic's official CLI for Claude."},
        ],
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": reminder}, {"type": "text", "text": ask}],
            }
        ],
        "tools": [
            {
                "name": tool["function"]["name"].title(),
                "description": "",
                "input_schema": tool["function"]["parameters"],
            }
            for tool in _TOOLS
        ],
    }


ENVELOPES: MappingProxyType[str, Envelope] = MappingProxyType(
    {
        "bare": Envelope(dialect="openai_chat", headers=(), body=lambda ask: _chat("", ask)),
        "claude-code": Envelope(
            dialect="anthropic_messages",
            headers=(("user-agent", "claude-cli/2.1.330 (external, cli)"),),
            body=_claude_code,
        ),
        "pi": Envelope(
            dialect="openai_chat",
            headers=(),
            body=lambda ask: _chat(
                "You are an expert coding assistant operating inside pi, a harness.", ask, tools=_TOOLS
            ),
        ),
        "continue": Envelope(
            dialect="openai_chat",
            headers=(("user-agent", "Continue/1.5.47"),),
            body=lambda ask: _chat("You are an agent in the Continue CLI.", ask, tools=_TOOLS),
        ),
        "aider": Envelope(
            dialect="openai_chat",
            headers=(),
            body=lambda ask: _chat("Act as an expert software developer.", ask),
        ),
        "mini-swe-agent": Envelope(
            dialect="openai_chat",
            headers=(),
            body=lambda ask: _chat(
                "You are a helpful assistant that can interact with a computer.",
                f"<pr_description>\nConsider the following PR description:\n{ask}\n</pr_description>\n"
                "<instructions>\nWork step by step.\n</instructions>",
                tools=[SHELL],
            ),
        ),
    }
)
