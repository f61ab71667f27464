"""A chat request's parameters, checked: what comes out of `read_request` cannot crash llama.cpp.

Unknown fields are dropped, as the reference server does. A known field that cannot
be served is refused by name, never ignored: the client relies on it.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from router.engine.errors import Refused
from router.engine.fields import Body, read_bool
from router.engine.messages import read_messages, read_tools
from router.engine.model import Sampling
from router.engine.schema import Schema
from router.engine.template import Message, Tool

ToolChoice = Literal["auto", "none", "required"]

FORMS = (
    "ebnf", "grammar", "guided_choice", "guided_grammar", "guided_json", "guided_regex", "json_schema",
    "regex", "structured_outputs",
)  # fmt: skip
"""What other servers call the form that an answer must have."""
_MOST_STOPS = 16
_SEEDS = 2**32 - 1  # the last value means "random" to llama.cpp


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A chat completion request, checked."""

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


def read_request(body: Body) -> ChatRequest:
    """Check a chat completion request.

    Raises:
        Refused: names the field and what it may be.
    """
    _refuse_unsupported(body)
    tools = read_tools(body)
    choice, required = _tool_choice(body.get("tool_choice"), tools)
    json, schema = _response_format(body.get("response_format"))
    return replace(
        read_generation(body),
        messages=read_messages(body),
        tools=[] if choice == "none" else tools,
        required=required,
        parallel=read_bool(body, "parallel_tool_calls", default=True),
        schema=schema,
        json=json,
    )


def read_generation(body: Body) -> ChatRequest:
    """Check how an answer is to be generated, whatever it is to answer; without messages and tools.

    Raises:
        Refused: names the field and what it may be.
    """
    stream = read_bool(body, "stream", default=False)
    options = body.get("stream_options") or {}
    if not isinstance(options, dict):
        raise Refused("stream_options must be an object", param="stream_options")
    return ChatRequest(
        messages=[],
        tools=[],
        required=[],
        parallel=True,
        limit=_limit(body),
        stops=_stops(body.get("stop")),
        sampling=_sampling(body),
        schema=None,
        json=False,
        stream=stream,
        include_usage=stream and read_bool(options, "include_usage", default=False),
    )


def _refuse_unsupported(body: Body) -> None:
    calls = body.get("function_call") not in (None, "none", "auto")
    refuse(
        ("n", body.get("n") not in {None, 1}, "only n = 1 is served"),
        ("logit_bias", bool(body.get("logit_bias")), "logit_bias is not supported; leave it out"),
        ("logprobs", bool(body.get("logprobs")), "logprobs are not supported; leave it out"),
        ("top_logprobs", bool(body.get("top_logprobs")), "top_logprobs are not supported; leave it out"),
        ("functions", bool(body.get("functions")), "functions is not supported; use tools"),
        ("function_call", calls, "function_call is not supported; use tool_choice"),
        (
            "modalities",
            body.get("modalities") not in (None, [], ["text"]),
            "modalities: the answer is text; leave it out",
        ),
        ("audio", bool(body.get("audio")), "audio: the answer is text; leave it out"),
        *((name, bool(body.get(name)), f"{name} is not supported; use response_format") for name in FORMS),
    )


def refuse(*refusals: tuple[str, bool, str]) -> None:
    """Refuse the first field that applies; each has a name, whether it applies, and the words.

    Raises:
        Refused: names the field.
    """
    for param, applies, message in refusals:
        if applies:
            raise Refused(message, code="unsupported_value", param=param)


def _tool_choice(choice: Any, offered: list[Tool]) -> tuple[ToolChoice, list[Tool]]:
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
    integer = allowed.convert is not float
    if isinstance(value, bool) or not isinstance(value, int if integer else (int, float)):
        raise Refused(f"{name} must be a {'whole ' if integer else ''}number", param=name)
    if not (math.isfinite(value) and allowed.low <= value <= allowed.high):
        raise Refused(f"{name} must be between {allowed.low} and {allowed.high}", param=name)
    return allowed.convert(value)


def call_json(arguments: Mapping[str, Any]) -> str:
    """Write a call's arguments as the wire has them: JSON text."""
    return json.dumps(arguments, ensure_ascii=False)
