# ruff: noqa: E501 - a request a row
"""Which client a request comes from."""

import pytest

from router.features.clients import CLIENTS, UNKNOWN, Clients


@pytest.mark.parametrize(
    ("agent", "head", "name"),
    [
        ("claude-cli/2.1.330 (external, sdk-cli)", b"", "claude-code"),
        ("codex_exec/0.169.0 (Debian 12.0.0; x86_64)", b"", "codex"),
        ("ls/JS 5.23.2", b'{"role":"system","content":"You are an agent in the Continue CLI. Given"}', "continue"),
        ("OpenAI/Python 2.20.0", b'{"role":"system","content":"Act as an expert software developer.\\n"}', "aider"),
        ("OpenAI/Python 2.20.0", b'{"role":"system","content":"You are a pirate."}', "unknown"),
        ("QwenCode/0.24.4 (linux; x64)", b"", "qwen-code"),
        ("OpenAI/JS 5.20.1", b'{"role":"system","content":"You are the GitHub Copilot CLI, a terminal"}', "copilot"),
        ("ai-sdk/openai-compatible/3.0.37", b'{"role":"system","content":"You are Cline, an AI"}', "cline"),
        ("OpenAI/JS 5.0", b'{"role":"system","content":"You are Roo, a"}', "roo-code"),
        ("OpenAI/Python 2.54.0", b'{"role":"system","content":[{"type":"text","text":"You are gptme v0.35.1, a"}]}', "gptme"),
    ],
)  # fmt: skip
def test_a_client_is_told_by_its_agent_or_its_opening(agent, head, name):
    headers = {"user-agent": agent}
    assert Clients().recognise(agent, headers, head).name == name
    others = Clients(tuple(row for row in CLIENTS if row.name != name))
    assert others.recognise(agent, headers, head) is UNKNOWN


def test_a_client_is_told_by_its_tools_where_nothing_else_does():
    clients = Clients()
    head = b'{"role":"system","content":"You look things up."}'
    tools = b'[{"name":"read_files"},{"name":"search_codebase"},{"name":"run_commands"},{"name":"editor"}]'
    assert clients.recognise("", {}, head) is UNKNOWN
    assert clients.recognise("", {}, head, b'[{"name":"read_files"}]') is UNKNOWN
    cline = clients.recognise("", {}, head, tools)
    assert cline.name == "cline"
    assert clients.is_subagent(cline, {}, head, tools)
    assert not clients.is_subagent(cline, {}, head, tools + b'"team_status"')
    assert not clients.is_subagent(cline, {}, b'{"content":"You are Cline, an AI"}', tools)
