"""A chat request's body, checked: what comes out of `read` cannot crash llama.cpp.

Unknown fields are dropped, as the reference server does. What is known and cannot be
served is refused by name, never ignored: a client that asked for it would be misled.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from router.engine.model import Sampling
from router.engine.schema import Schema
from router.engine.template import Message, Tool
from router.errors import BadRequest

Body = dict[str, Any]
ToolChoice = Literal["auto", "none", "required"]

_ROLES = ("system", "developer", "user", "assistant", "tool")
_MOST_STOPS = 16
_SEEDS = 2**32 - 1  # the last value means "random" to llama.cpp


class Refused(BadRequest):
    """An OpenAI-shaped refusal: `code`, the field at fault, and more facts for its object."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "invalid_value",
        param: str | None = None,
        status: int = 400,
        extra: Mapping[str, int] | None = None,
    ) -> None:
        """See the class."""
        super().__init__(message, status=status)
        self.code = code
        self.param = param
        self.extra = dict(extra or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is to be generated."""

    messages: list[Message]
    tools: list[Tool]
    """Offered tools; empty where none may be called."""
    required: list[Tool]
    """One of these has to be called; empty where none has to."""
    parallel: bool
    limit: int | None
    """Tokens to generate at most; None for all that fit."""
    stops: tuple[str, ...]
    sampling: Sampling
    schema: Schema | None
    json: bool
    """The answer has to be JSON: of `schema`, or any object."""
    stream: bool
    include_usage: bool


def decode(data: bytes) -> Body:
    """Read a body as a JSON object.

    Raises:
        Refused: it is none.
    """
    try:
        body = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"the body is not valid JSON: {error}", code="invalid_json") from error
    if not isinstance(body, dict):
        raise Refused("the body must be a JSON object", code="invalid_json")
    return body


def read(body: Body) -> Ask:
    """Check a chat completion request.

    Raises:
        Refused: names the field and what it may be.
    """
    _refuse_unsupported(body)
    tools = [_tool(tool, i) for i, tool in enumerate(_list(body, "tools"))]
    choice, required = _choice(body.get("tool_choice"), tools)
    wants_json, schema = _response_format(body.get("response_format"))
    stream = _bool(body, "stream", default=False)
    options = body.get("stream_options") or {}
    if not isinstance(options, dict):
        raise Refused("stream_options must be an object", param="stream_options")
    return Ask(
        messages=messages(body),
        tools=[] if choice == "none" else tools,
        required=required,
        parallel=_bool(body, "parallel_tool_calls", default=True),
        limit=_limit(body),
        stops=_stops(body.get("stop")),
        sampling=_sampling(body),
        schema=schema,
        json=wants_json,
        stream=stream,
        include_usage=stream and _bool(options, "include_usage", default=False),
    )


def messages(body: Body) -> list[Message]:
    """Check the conversation and bring contents to text and tool arguments to objects.

    Raises:
        Refused: names the message at fault.
    """
    listed = _list(body, "messages")
    if not listed:
        raise Refused("messages must be a list with at least one message", param="messages")
    return [_message(message, f"messages[{i}]") for i, message in enumerate(listed)]


def tools(body: Body) -> list[Tool]:
    """Check the tools alone, for counting.

    Raises:
        Refused: names the tool at fault.
    """
    return [_tool(tool, i) for i, tool in enumerate(_list(body, "tools"))]


def _refuse_unsupported(body: Body) -> None:
    refusals = (
        ("n", body.get("n") not in {None, 1}, "only n = 1 is served"),
        ("logit_bias", bool(body.get("logit_bias")), "logit_bias is not supported; leave it out"),
        ("logprobs", bool(body.get("logprobs")), "logprobs are not supported; leave it out"),
        ("functions", bool(body.get("functions")), "functions is not supported; use tools"),
    )
    for param, applies, message in refusals:
        if applies:
            raise Refused(message, code="unsupported_value", param=param)


def _list(body: Body, name: str) -> list[Any]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused(f"{name} must be a list", param=name)
    return value


def _bool(body: Body, name: str, *, default: bool) -> bool:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise Refused(f"{name} must be true or false", param=name)
    return value


def _message(message: Any, where: str) -> Message:
    if not isinstance(message, dict) or message.get("role") not in _ROLES:
        raise Refused(f"{where}.role must be one of {', '.join(_ROLES)}", param=f"{where}.role")
    role = message["role"]
    checked: Message = {"role": role, "content": _content(message.get("content"), f"{where}.content")}
    if role == "tool":
        checked["tool_call_id"] = str(message.get("tool_call_id", ""))
        checked["name"] = str(message.get("name", ""))
    if role == "assistant" and message.get("tool_calls"):
        calls = _list(message, "tool_calls")
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
    """Read what an earlier answer wrote; text that is no JSON stays as it was."""
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


def _choice(choice: Any, offered: list[Tool]) -> tuple[ToolChoice, list[Tool]]:
    """Read `tool_choice` and return it with the tools one of which must be called."""
    if choice is None or choice == "auto":
        return "auto", []
    if choice == "none":
        return "none", []
    if choice == "required":
        named = offered
    else:
        function = choice.get("function") if isinstance(choice, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        named = [tool for tool in offered if tool["function"]["name"] == name]
    if not named:
        raise Refused(
            "tool_choice must be 'auto', 'none', 'required', or name one of the tools offered",
            param="tool_choice",
        )
    return "required", named


def _response_format(value: Any) -> tuple[bool, Schema | None]:
    kind = value.get("type") if isinstance(value, dict) else None
    if value is None or kind == "text":
        return False, None
    if kind == "json_object":
        return True, None
    wrapper = value.get("json_schema") if isinstance(value, dict) else None
    schema = wrapper.get("schema") if isinstance(wrapper, dict) else None
    if kind != "json_schema" or not isinstance(schema, dict):
        raise Refused(
            "response_format must be of type 'text', 'json_object', or 'json_schema' with json_schema.schema",
            param="response_format",
        )
    return True, schema


def _limit(body: Body) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise Refused(f"{name} must be a whole number of at least 1", param=name)
        return value
    return None


def _stops(value: Any) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else (value or [])
    if (
        not isinstance(stops, list)
        or len(stops) > _MOST_STOPS
        or not all(isinstance(stop, str) and stop for stop in stops)
    ):
        raise Refused(f"stop must be text or a list of up to {_MOST_STOPS} non-empty texts", param="stop")
    return tuple(stops)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    low: float
    high: float
    convert: Callable[[Any], Any] = float


_NUMBERS = {
    "temperature": _Range(low=0, high=2),
    "top_p": _Range(low=0, high=1),
    "min_p": _Range(low=0, high=1),
    "top_k": _Range(low=-1, high=1_000_000, convert=int),
    "frequency_penalty": _Range(low=-2, high=2),
    "presence_penalty": _Range(low=-2, high=2),
    "seed": _Range(low=-(2**63), high=2**64, convert=lambda seed: int(seed) % _SEEDS),
}


def _sampling(body: Body) -> Sampling:
    numbers = {name: _number(body[name], name) for name in _NUMBERS if body.get(name) is not None}
    return Sampling(**numbers)


def _number(value: Any, name: str) -> Any:
    allowed = _NUMBERS[name]
    whole = allowed.convert is not float
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise Refused(f"{name} must be a {'whole ' if whole else ''}number", param=name)
    if not (math.isfinite(value) and allowed.low <= value <= allowed.high):
        raise Refused(f"{name} must be between {allowed.low} and {allowed.high}", param=name)
    return allowed.convert(value)


def call_json(arguments: Mapping[str, Any]) -> str:
    """Write a call's arguments as the wire has them: JSON text."""
    return json.dumps(arguments, ensure_ascii=False)
