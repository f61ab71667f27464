"""The conversation and the tools of a chat request, checked and in one form.

Contents become text and arguments of earlier calls become objects, as chat templates take them.
"""

from typing import Any

import msgspec

from router.engine.errors import Refused
from router.engine.fields import Body, read_list
from router.engine.template import Message, Tool

_ROLES = ("system", "developer", "user", "assistant", "tool")


def read_messages(body: Body) -> list[Message]:
    """Check the conversation; contents become text, tool arguments objects.

    Raises:
        Refused: names the message at fault.
    """
    items = read_list(body, "messages")
    if not items:
        raise Refused("messages must be a list with at least one message", param="messages")
    return [_message(message, f"messages[{i}]") for i, message in enumerate(items)]


def read_tools(body: Body) -> list[Tool]:
    """Check the tools that are offered.

    Raises:
        Refused: names the tool at fault.
    """
    return [_tool(tool, i) for i, tool in enumerate(read_list(body, "tools"))]


def _message(message: Any, where: str) -> Message:
    if not isinstance(message, dict) or message.get("role") not in _ROLES:
        raise Refused(f"{where}.role must be one of {', '.join(_ROLES)}", param=f"{where}.role")
    role = message["role"]
    checked: Message = {"role": role, "content": _content(message.get("content"), f"{where}.content")}
    if role == "tool":
        checked["tool_call_id"] = str(message.get("tool_call_id", ""))
        checked["name"] = str(message.get("name", ""))
    if role == "assistant" and message.get("tool_calls"):
        calls = read_list(message, "tool_calls")
        checked["tool_calls"] = [_past_call(call, f"{where}.tool_calls[{i}]") for i, call in enumerate(calls)]
    return checked


def _content(content: Any, where: str) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise Refused(f"{where} must be text or a list of parts", param=where)
    return "\n".join(_part(part, f"{where}[{i}]") for i, part in enumerate(content))


def _part(part: Any, where: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    key = {"text": "text", "refusal": "refusal"}.get(str(kind))
    if key is None:
        raise Refused(
            f"{where}: the local model reads text only, not {kind!r}", code="unsupported_content", param=where
        )
    if not isinstance(part.get(key), str):
        raise Refused(f"{where}.{key} must be text", param=where)
    return str(part[key])


def _past_call(call: Any, where: str) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Refused(f"{where}.function.name must be text", param=where)
    return {
        "id": str(call.get("id", "")),
        "name": function["name"],
        "arguments": _past_arguments(function.get("arguments")),
    }


def _past_arguments(arguments: Any) -> Any:
    """Decode the arguments of an earlier call; text that is not JSON stays as it is."""
    if not isinstance(arguments, str):
        return arguments or {}
    try:
        return msgspec.json.decode(arguments) if arguments else {}
    except msgspec.DecodeError:
        return arguments


def _tool(tool: Any, index: int) -> Tool:
    where = f"tools[{index}]"
    if not isinstance(tool, dict) or tool.get("type", "function") != "function":
        raise Refused(f"{where}.type must be 'function'", code="unsupported_value", param=where)
    function = tool.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        raise Refused(f"{where}.function.name must be text", param=where)
    parameters = function.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise Refused(f"{where}.function.parameters must be a JSON schema object", param=where)
    return {
        "type": "function",
        "function": {
            "name": function["name"],
            "description": str(function.get("description") or ""),
            "parameters": parameters,
        },
    }
