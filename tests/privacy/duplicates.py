"""Bodies in which a JSON key stands twice at one depth: what is read and what is sent could differ."""

import json
from collections.abc import Iterator

from bodies import CHAT, COUNT, MESSAGES, Request

_PLAIN = {
    MESSAGES: """{
        "model": "auto", "max_tokens": 20, "system": [{"type": "text", "text": "You help."}],
        "metadata": {"user_id": "u"},
        "tools": [{"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "OPENING", "cache_control": {"type": "ephemeral"}}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "look", "input": {"q": "x", "deep": [{"y": "x"}]}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x"}]}]}
        ],
        "novelty": {"a": [{"b": {"c": "x"}}]}
    }""",
    CHAT: """{
        "model": "auto", "max_tokens": 20, "user": "u", "metadata": {"m": "x"},
        "tools": [{"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}}],
        "messages": [
            {"role": "system", "content": "You help."},
            {"role": "user", "content": [{"type": "text", "text": "OPENING"}]},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "t", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "t", "content": "x"}
        ],
        "novelty": {"a": [{"b": {"c": "x"}}]}
    }""",
}
SECRET = {"type": "text", "text": "This is INTERNAL only."}


def duplicates(salt: str) -> Iterator[tuple[str, Request, str, str]]:
    """Yield a name, the request, its marker and the key that stands twice."""
    number = 0
    for path in (MESSAGES, CHAT, COUNT):
        plain = json.loads(_PLAIN[CHAT if path == CHAT else MESSAGES])
        if path == COUNT:
            del plain["max_tokens"]
        for where, key in _keys(plain):
            for order in ("harmless last", "harmless first", "escaped", "both the same"):
                number += 1
                marker = f"{salt}{number}x"
                text = _write(plain, where, order).replace("OPENING", f"Task {marker}.")
                name = f"{path} {'.'.join(map(str, where))} | {order}"
                yield name, Request(path=path, body=text.encode()), marker, key


def _keys(value: object, at: tuple[object, ...] = ()) -> Iterator[tuple[tuple[object, ...], str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*at, key), key
            yield from _keys(inner, (*at, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _keys(inner, (*at, position))


def _write(value: object, where: tuple[object, ...], order: str) -> str:
    """Write JSON with the key at `where` twice: once as it is, once with protected words."""
    if not where:
        return json.dumps(value)
    first, rest = where[0], where[1:]
    if isinstance(value, list):
        parts = (
            _write(inner, rest, order) if at == first else json.dumps(inner) for at, inner in enumerate(value)
        )
        return f"[{', '.join(parts)}]"
    assert isinstance(value, dict)
    parts = []
    for key, inner in value.items():
        if key != first:
            parts.append(f"{json.dumps(key)}: {json.dumps(inner)}")
        elif rest:
            parts.append(f"{json.dumps(key)}: {_write(inner, rest, order)}")
        else:
            harmless = f"{json.dumps(key)}: {json.dumps(inner)}"
            name = json.dumps(key) if order != "escaped" else f'"\\u{ord(key[0]):04x}{key[1:]}"'
            secret = f"{name}: {json.dumps(_secret(inner))}"
            both = {"harmless last": (secret, harmless), "both the same": (harmless, harmless)}
            parts += both.get(order, (harmless, secret))
    return "{" + ", ".join(parts) + "}"


def _secret(value: object) -> object:
    """The value with protected words in it, of the same shape."""
    if isinstance(value, str):
        return "This is INTERNAL only."
    if isinstance(value, list):
        return [
            *value,
            *(
                [{"role": "user", "content": "This is INTERNAL only."}]
                if value and isinstance(value[0], dict) and "role" in value[0]
                else [SECRET]
            ),
        ]
    if isinstance(value, dict):
        return {**value, "note": "This is INTERNAL only."}
    return value
