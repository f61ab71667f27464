"""Reading one field of a request's body: its type is checked, and a refusal names it."""

from typing import Any

import msgspec

from router.engine.errors import Refused

Body = dict[str, Any]

READ = frozenset({
    "messages", "model", "tools", "tool_choice", "parallel_tool_calls", "response_format", "stream",
    "stream_options", "max_tokens", "max_completion_tokens", "stop", "temperature", "top_p", "min_p", "top_k",
    "frequency_penalty", "presence_penalty", "seed", "user", "add_generation_prompt",
    "continue_final_message",
    # Refused by name:
    "n", "logit_bias", "logprobs", "top_logprobs", "functions", "function_call", "modalities", "audio",
    "ebnf", "grammar", "guided_choice", "guided_grammar", "guided_json", "guided_regex", "json_schema",
    "regex", "structured_outputs",
})  # fmt: skip
"""Fields of a chat request that the engine reads, or that no answer differs by; it knows of no others."""


def decode_body(data: bytes) -> Body:
    """Read a body as a JSON object.

    Raises:
        Refused: it is not a JSON object.
    """
    try:
        body = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"the body is not valid JSON: {error}", code="invalid_json") from error
    if not isinstance(body, dict):
        raise Refused("the body must be a JSON object", code="invalid_json")
    return body


def read_list(body: Body, name: str) -> list[Any]:
    """Read a list; empty where it is absent or null.

    Raises:
        Refused: it is not a list.
    """
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused(f"{name} must be a list", param=name)
    return value


def read_bool(body: Body, name: str, *, default: bool) -> bool:
    """Read a truth value; `default` where it is absent or null.

    Raises:
        Refused: it is not true or false.
    """
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise Refused(f"{name} must be true or false", param=name)
    return value
