"""Places in a body where words can stand: every field that a dialect, or a client, has for text.

A place takes the text, an opening text that nobody else sends, and gives the request.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

from bodies import CHAT, MESSAGES, Request, Turn, assistant, blocks, call, request, result, user

Place = Callable[[str, str], Request]
BLOCK: dict[str, Callable[[str], dict[str, Any]]] = {
    "text": lambda text: {"type": "text", "text": text},
    "document": lambda text: _document("text", text),
    "document's title": lambda text: _document("text", "x") | {"title": text},
    "document's context": lambda text: _document("text", "x") | {"context": text},
    "document of blocks": lambda text: {
        "type": "document",
        "source": {"type": "content", "content": blocks(text)},
    },
    "document's URL": lambda text: {
        "type": "document",
        "source": {"type": "url", "url": f"https://x.example/{text}"},
    },
    "base64 document": lambda text: _document("base64", base64.b64encode(text.encode()).decode()),
    "base64 document, wrapped": lambda text: _document(
        "base64", base64.encodebytes(text.encode() * 3).decode()
    ),
    "base64 document, URL-safe": lambda text: _document(
        "base64", base64.urlsafe_b64encode(text.encode()).decode()
    ),
    "base64 document in UTF-16": lambda text: _document(
        "base64", base64.b64encode(text.encode("utf-16")).decode()
    ),
    "base64 document, any type": lambda text: {
        "type": "document",
        "source": {
            "type": "base64",
            "media_type": "application/json",
            "data": base64.b64encode(json.dumps({"x": text}).encode()).decode(),
        },
    },
    "search result": lambda text: {
        "type": "search_result",
        "source": "x",
        "title": "x",
        "content": blocks(text),
    },
    "search result's title": lambda text: {
        "type": "search_result",
        "source": "x",
        "title": text,
        "content": blocks("x"),
    },
    "search result's source": lambda text: {
        "type": "search_result",
        "source": text,
        "title": "x",
        "content": blocks("x"),
    },
    "image's URL": lambda text: {
        "type": "image",
        "source": {"type": "url", "url": f"https://x.example/{text}.png"},
    },
    "cache control": lambda text: {
        "type": "text",
        "text": "x",
        "cache_control": {"type": "ephemeral", "n": text},
    },
    "citation": lambda text: {
        "type": "text",
        "text": "x",
        "citations": [{"type": "char_location", "cited_text": text, "document_index": 0}],
    },
    "unknown field": lambda text: {"type": "text", "text": "x", "note": text},
    "unknown block": lambda text: {"type": "novelty", "payload": {"deep": [text]}},
    "key": lambda text: {"type": "text", "text": "x", text: 1},
    "tool result in a user's block": lambda text: {
        "type": "tool_result",
        "tool_use_id": "t9",
        "content": text,
    },
    "container upload": lambda text: {"type": "container_upload", "file_id": text},
}
_ASSISTANT: dict[str, Callable[[str], dict[str, Any]]] = {
    "text": lambda text: {"type": "text", "text": text},
    "thinking": lambda text: {"type": "thinking", "thinking": text, "signature": "x"},
    "thinking's signature": lambda text: {"type": "thinking", "thinking": "x", "signature": text},
    "redacted thinking": lambda text: {"type": "redacted_thinking", "data": text},
    "tool's input": lambda text: {"type": "tool_use", "id": "t1", "name": "x", "input": {"q": text}},
    "tool's input key": lambda text: {"type": "tool_use", "id": "t1", "name": "x", "input": {text: 1}},
    "tool's name": lambda text: {"type": "tool_use", "id": "t1", "name": text, "input": {}},
    "tool's id": lambda text: {"type": "tool_use", "id": text, "name": "x", "input": {}},
    "server tool's input": lambda text: {
        "type": "server_tool_use",
        "id": "s1",
        "name": "x",
        "input": {"q": text},
    },
    "web search's result": lambda text: {
        "type": "web_search_tool_result",
        "tool_use_id": "s1",
        "content": [
            {"type": "web_search_result", "title": text, "url": "https://x.example", "encrypted_content": "x"}
        ],
    },
    "MCP result": lambda text: {"type": "mcp_tool_result", "tool_use_id": "m1", "content": blocks(text)},
    "code's result": lambda text: {
        "type": "bash_code_execution_tool_result",
        "tool_use_id": "s1",
        "content": {"type": "bash_code_execution_result", "stdout": text, "stderr": "", "return_code": 0},
    },
}
_TOOL = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}
_FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "system": lambda text: {"system": text},
    "system's blocks": lambda text: {"system": blocks("You help.", text)},
    "system's billing line": lambda text: {"system": f"x-anthropic-billing-header: {text}\nYou help."},
    "system's billing block": lambda text: {
        "system": blocks(f"x-anthropic-billing-header: cc_version=2; {text};", "You help.")
    },
    "system's cache control": lambda text: {
        "system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "n": text}}]
    },
    "tool's description": lambda text: {"tools": [_TOOL | {"description": text}]},
    "tool's schema": lambda text: {
        "tools": [_TOOL | {"input_schema": {"type": "object", "description": text}}]
    },
    "tool's schema's enum": lambda text: {
        "tools": [_TOOL | {"input_schema": {"type": "object", "enum": [text]}}]
    },
    "tool's schema's key": lambda text: {
        "tools": [_TOOL | {"input_schema": {"type": "object", "properties": {text: {}}}}]
    },
    "tool's name": lambda text: {"tools": [_TOOL | {"name": text}]},
    "tool's examples": lambda text: {"tools": [_TOOL | {"input_examples": [{"x": text}]}]},
    "tool choice": lambda text: {
        "tools": [_TOOL | {"name": text}],
        "tool_choice": {"type": "tool", "name": text},
    },
    "metadata's user": lambda text: {"metadata": {"user_id": text}},
    "metadata's JSON": lambda text: {"metadata": {"user_id": json.dumps({"x": text})}},
    "stop sequence": lambda text: {"stop_sequences": [text]},
    "MCP server's name": lambda text: {
        "mcp_servers": [{"type": "url", "url": "https://x.example", "name": text}]
    },
    "output format": lambda text: {
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "title": text}}}
    },
    "context management": lambda text: {"context_management": {"edits": [{"type": "x", "note": text}]}},
    "container": lambda text: {"container": text},
    "service tier": lambda text: {"service_tier": text},
    "unknown field": lambda text: {"novelty": {"deep": [{"x": text}]}},
    "unknown field's key": lambda text: {"novelty": {text: None}},
    "top-level key": lambda text: {text: 1},
}
_CHAT_FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "tool's description": lambda text: {
        "tools": [{"type": "function", "function": {"name": "x", "description": text}}]
    },
    "tool's parameters": lambda text: {
        "tools": [
            {"type": "function", "function": {"name": "x", "parameters": {"type": "object", "title": text}}}
        ]
    },
    "custom tool's grammar": lambda text: {
        "tools": [
            {"type": "custom", "custom": {"name": "x", "format": {"type": "grammar", "definition": text}}}
        ]
    },
    "old functions": lambda text: {"functions": [{"name": "x", "description": text, "parameters": {}}]},
    "stop": lambda text: {"stop": [text]},
    "user": lambda text: {"user": text},
    "safety identifier": lambda text: {"safety_identifier": text},
    "prompt cache key": lambda text: {"prompt_cache_key": text},
    "metadata": lambda text: {"metadata": {"note": text}},
    "metadata's key": lambda text: {"metadata": {text: "x"}},
    "prediction": lambda text: {"prediction": {"type": "content", "content": text}},
    "response format": lambda text: {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"type": "object", "title": text}},
        }
    },
    "web search's place": lambda text: {
        "web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": text}}}
    },
    "unknown field": lambda text: {"novelty": [text]},
    "unknown field's key": lambda text: {"novelty": {text: 1}},
}
_PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "text part": lambda text: {"type": "text", "text": text},
    "image's URL": lambda text: {"type": "image_url", "image_url": {"url": f"https://x.example/{text}.png"}},
    "image's detail": lambda text: {
        "type": "image_url",
        "image_url": {"url": "https://x.example/a.png", "detail": text},
    },
    "image's data": lambda text: {
        "type": "image_url",
        "image_url": {"url": "data:text/plain;base64," + base64.b64encode(text.encode()).decode()},
    },
    "image's plain data": lambda text: {"type": "image_url", "image_url": {"url": "data:text/plain," + text}},
    "file's name": lambda text: {
        "type": "file",
        "file": {"filename": text, "file_data": "data:text/plain;base64,eA=="},
    },
    "file's data": lambda text: {
        "type": "file",
        "file": {
            "filename": "x.txt",
            "file_data": "data:text/plain;base64," + base64.b64encode(text.encode()).decode(),
        },
    },
    "unknown part": lambda text: {"type": "novelty", "novelty": {"x": text}},
}
_CHAT_MESSAGES: dict[str, Callable[[str], list[dict[str, Any]]]] = {
    "system": lambda text: [{"role": "system", "content": text}],
    "developer": lambda text: [{"role": "developer", "content": text}],
    "developer's parts": lambda text: [{"role": "developer", "content": blocks("x", text)}],
    "name": lambda text: [{"role": "user", "content": "x", "name": text}],
    "assistant": lambda text: [{"role": "assistant", "content": text}],
    "assistant's refusal": lambda text: [{"role": "assistant", "content": None, "refusal": text}],
    "assistant's reasoning": lambda text: [{"role": "assistant", "content": "x", "reasoning_content": text}],
    "assistant's reasoning details": lambda text: [
        {"role": "assistant", "content": "x", "reasoning_details": [{"type": "x", "text": text}]}
    ],
    "call's arguments": lambda text: _called({"name": "x", "arguments": json.dumps({"q": text})}),
    "call's cut arguments": lambda text: _called({"name": "x", "arguments": json.dumps({"q": text})[:-1]}),
    "call's arguments in ASCII": lambda text: _called(
        {"name": "x", "arguments": json.dumps({"q": {"x": [text]}})}
    ),
    "call's name": lambda text: _called({"name": text, "arguments": "{}"}),
    "old function call": lambda text: [
        {
            "role": "assistant",
            "content": None,
            "function_call": {"name": "x", "arguments": json.dumps({"q": text})},
        },
        {"role": "function", "name": "x", "content": "x"},
    ],
    "old function's answer": lambda text: [
        {"role": "assistant", "content": None, "function_call": {"name": "x", "arguments": "{}"}},
        {"role": "function", "name": "x", "content": text},
    ],
    "unknown field": lambda text: [{"role": "user", "content": "x", "note": {"x": text}}],
    "unknown role": lambda text: [{"role": "critic", "content": text}],
    "annotation": lambda text: [
        {"role": "assistant", "content": "x", "annotations": [{"url_citation": {"title": text}}]}
    ],
}


def _document(kind: str, data: str) -> dict[str, Any]:
    return {"type": "document", "source": {"type": kind, "media_type": "text/plain", "data": data}}


def _called(function: dict[str, str]) -> list[dict[str, Any]]:
    call_ = {"id": "t1", "type": "function", "function": function}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call_]},
        {"role": "tool", "tool_call_id": "t1", "content": "x"},
    ]


def _messages(opening: str, *more: dict[str, Any], **fields: Any) -> Request:
    messages = [{"role": "user", "content": opening}, *more]
    return Request(path=MESSAGES, body={"model": "auto", "max_tokens": 20, "messages": messages, **fields})


def _completions(opening: str, *more: dict[str, Any], **fields: Any) -> Request:
    messages = [{"role": "user", "content": opening}, *more]
    return Request(path=CHAT, body={"model": "auto", "max_tokens": 20, "messages": messages, **fields})


def places() -> dict[str, Place]:
    """All, by dialect and name."""
    every: dict[str, Place] = {}
    for path in (MESSAGES, CHAT):
        every |= {
            f"{path} ask": lambda text, opening, path=path: request(path, [user(f"{opening}\n{text}")]),
            f"{path} later ask": lambda text, opening, path=path: request(
                path, [user(opening), assistant("Yes?"), user(text)]
            ),
            f"{path} answer": lambda text, opening, path=path: request(
                path, [user(opening), assistant(text), user("Go on.")]
            ),
            f"{path} tool result": lambda text, opening, path=path: request(
                path, [user(opening), call("look", {}), result(text)]
            ),
            f"{path} blocks": lambda text, opening, path=path: request(path, [user(blocks(opening, text))]),
            f"{path} arguments": lambda text, opening, path=path: request(
                path, [user(opening), call("note", {"text": text}), result("ok")]
            ),
            f"{path} middle of much": lambda text, opening, path=path: request(
                path, [user(opening), assistant("Yes. " * 4000 + text + " Yes." * 4000), user("Go on.")]
            ),
        }
    for name, block in BLOCK.items():
        every[f"user block: {name}"] = lambda text, opening, block=block: _messages(
            opening, {"role": "user", "content": [block(text)]}
        )
        every[f"result block: {name}"] = lambda text, opening, block=block: request(
            MESSAGES, [user(opening), call("look", {}), result([block(text)])]
        )
    for name, block in _ASSISTANT.items():
        every[f"assistant block: {name}"] = lambda text, opening, block=block: _messages(
            opening, {"role": "assistant", "content": [block(text)]}, {"role": "user", "content": "Go on."}
        )
    for name, fields in _FIELDS.items():
        every[f"field: {name}"] = lambda text, opening, fields=fields: _messages(opening, **fields(text))
    every["message: unknown field"] = lambda text, opening: _messages(
        opening, {"role": "user", "content": "x", "name": text}
    )
    every["message: output_config"] = lambda text, opening: _messages(
        opening, {"role": "system", "content": [], "output_config": {"x": text}}
    )
    every["message: later system"] = lambda text, opening: _messages(
        opening, {"role": "system", "content": text}, {"role": "user", "content": "Go on."}
    )
    for name, fields in _CHAT_FIELDS.items():
        every[f"chat field: {name}"] = lambda text, opening, fields=fields: _completions(
            opening, **fields(text)
        )
    for name, part in _PARTS.items():
        every[f"chat part: {name}"] = lambda text, opening, part=part: _completions(
            opening, {"role": "user", "content": [part(text)]}
        )
    for name, more in _CHAT_MESSAGES.items():
        every[f"chat message: {name}"] = lambda text, opening, more=more: _completions(
            opening, *more(text), {"role": "user", "content": "Go on."}
        )
    return every


Split = Callable[[str, str, str], Request]


def splits() -> dict[str, Split]:
    """Places for a phrase that is cut in two: from its halves and the opening."""
    every: dict[str, Split] = {}
    for path in (MESSAGES, CHAT):
        every |= {
            f"{path} two blocks": lambda a, b, opening, path=path: request(
                path, [user(blocks(opening, a, b))]
            ),
            f"{path} two messages": lambda a, b, opening, path=path: request(
                path, [user(opening), user(a), user(b)]
            ),
            f"{path} two roles": lambda a, b, opening, path=path: request(
                path, [user(opening), assistant(a), user(b)]
            ),
            f"{path} system and ask": lambda a, b, opening, path=path: request(
                path, [*_system(opening + " " + a), user(b)]
            ),
            f"{path} result's blocks": lambda a, b, opening, path=path: request(
                path, [user(opening), call("look", {}), result(blocks(a, b))]
            ),
            f"{path} two results": lambda a, b, opening, path=path: _parallel(path, opening, a, b),
            f"{path} arguments": lambda a, b, opening, path=path: request(
                path, [user(opening), call("note", {"x": a, "y": b}), result("ok")]
            ),
            f"{path} list of strings": lambda a, b, opening, path=path: request(
                path, [user(opening), call("note", {"lines": [a, b]}), result("ok")]
            ),
            f"{path} JSON in a string": lambda a, b, opening, path=path: request(
                path, [user(opening), call("look", {}), result(json.dumps({"lines": [a, b]}))]
            ),
        }
    every["system's blocks"] = lambda a, b, opening: _messages(opening, system=blocks("You help.", a, b))
    every["marked block between"] = lambda a, b, opening: _messages(
        opening,
        {
            "role": "user",
            "content": [
                {"type": "text", "text": a, "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": b},
            ],
        },
    )
    every["empty block between"] = lambda a, b, opening: _messages(
        opening, {"role": "user", "content": blocks(a, "", " ", b)}
    )
    return every


def _system(text: str) -> list[Turn]:
    return [Turn(role="system", text=text)]


def _parallel(path: str, opening: str, *texts: str) -> Request:
    """One answer to each of several calls made at once."""
    ids = [f"t{number}" for number in range(len(texts))]
    if path == CHAT:
        calls = [{"id": i, "type": "function", "function": {"name": "look", "arguments": "{}"}} for i in ids]
        answers = [{"role": "tool", "tool_call_id": i, "content": t} for i, t in zip(ids, texts, strict=True)]
        return _completions(opening, {"role": "assistant", "content": None, "tool_calls": calls}, *answers)
    uses = [{"type": "tool_use", "id": i, "name": "look", "input": {}} for i in ids]
    results = [
        {"type": "tool_result", "tool_use_id": i, "content": t} for i, t in zip(ids, texts, strict=True)
    ]
    return _messages(opening, {"role": "assistant", "content": uses}, {"role": "user", "content": results})
