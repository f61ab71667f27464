"""What Gemini's clients ask for beside the prompt, by the names that Chat Completions has for it."""

from collections.abc import Iterator, Mapping
from typing import Any

FIELDS = ("generationConfig", "toolConfig")
_SEARCHES = "web_search"
"""How another provider calls a tool that only servers run."""


def as_chat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the fields that are there; values of another kind than Gemini takes say nothing."""
    config, choice = (_object(fields.get(name)) for name in FIELDS)
    return dict(_fields(config, _object(choice.get("functionCallingConfig"))))


def tools(offered: Any) -> Iterator[dict[str, Any]]:
    """Yield each function of Gemini's `tools`, and each tool of Google's servers as one of a server's."""
    for tool in offered if isinstance(offered, list) else ():
        for kind, value in _object(tool).items():
            if kind != "functionDeclarations":
                yield {"type": _SEARCHES, "name": kind}
            else:
                yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def is_gemini(tool: Any) -> bool:
    """Whether an offered tool is in Gemini's form, which has no name of its own."""
    return isinstance(tool, dict) and "type" not in tool and "name" not in tool and "function" not in tool


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _fields(config: Mapping[str, Any], calling: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "max_tokens", config.get("maxOutputTokens")
    yield "stop", config.get("stopSequences")
    schema = config.get("responseSchema", config.get("responseJsonSchema"))
    if isinstance(schema, dict):
        yield "response_format", {"type": "json_schema", "json_schema": {"schema": schema}}
    thinking = _object(config.get("thinkingConfig"))
    budget, level = thinking.get("thinkingBudget"), thinking.get("thinkingLevel")
    if isinstance(level, str) or (isinstance(budget, int) and not isinstance(budget, bool)):
        yield "reasoning_effort", level.lower() if isinstance(level, str) else "medium" if budget else "none"
    if calling.get("mode") == "ANY":
        yield "tool_choice", "required"
