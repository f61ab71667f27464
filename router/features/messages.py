"""One neutral `Message` for a message of any dialect: what was said, called and answered.

A dialect is one row of `DIALECTS`. Whatever has an unexpected type inside a message is
kept as text, never an error: the provider, not the router, judges what a client sends.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from router.types import RAW_DIALECTS, DialectName


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One tool call, as any dialect has it."""

    id: str
    name: str
    arguments: Any
    """The decoded arguments; a string where the tool takes free text or the JSON is broken."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool answered to one call."""

    id: str
    text: str
    error: bool = False


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `role` is `system`, `user` or `assistant`; tool answers are the user's."""

    role: str
    texts: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    results: tuple[Result, ...] = ()
    other: tuple[str, ...] = ()
    """Text that is neither said by the user nor a tool's: thinking, unknown blocks."""
    images: int = 0
    server: bool = False
    """A tool of the provider's own servers was at work."""
    piece: bool = False
    """One of several that make an answer."""


_ROLES = {"system": "system", "developer": "system", "assistant": "assistant"}
OFFER = "additional_tools"
"""The type of an item that offers tools (Responses)."""
_ANSWERED = "_output"
"""How the types of items end that answer a call (Responses)."""
_CALLED = "_call"
_ACTIONS = ("action", "operation", "arguments")
"""What a call of a tool that OpenAI's models know does, in the first of these that it has."""
_SERVER_BLOCKS = ("server_tool_use", "mcp_tool_use", "mcp_tool_result", "web_search_call")


class _Parts:
    """Collects a message's parts while its blocks are walked."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.calls: list[Call] = []
        self.results: list[Result] = []
        self.other: list[str] = []
        self.images = 0
        self.server = False

    def message(self, role: str) -> Message:
        return Message(
            role=role,
            texts=tuple(self.texts),
            calls=tuple(self.calls),
            results=tuple(self.results),
            other=tuple(self.other),
            images=self.images,
            server=self.server,
        )

    def content(self, content: Any) -> None:
        """Take a message's `content`: a string, a list of blocks, or something else."""
        if isinstance(content, str):
            self.texts.append(content)
        elif isinstance(content, list):
            for block in content:
                self.block(block)
        elif content is not None:
            self.other.append(dump(content))

    def block(self, block: Any) -> None:
        """Take one block of either dialect; their type names do not clash."""
        kind = block.get("type") if isinstance(block, dict) else None
        take = _BLOCKS.get(kind) if isinstance(kind, str) else None
        if take is not None:
            take(self, block)
        elif isinstance(block, str):
            self.texts.append(block)
        else:
            self.server |= _is_server_block(kind)
            self.other.append(dump(block))

    def text(self, block: dict[str, Any]) -> None:
        text = block.get("text", block.get("refusal"))
        self.texts.append(text if isinstance(text, str) else dump(block))

    def thought(self, block: dict[str, Any]) -> None:
        text = block.get("thinking")
        self.other.append(text if isinstance(text, str) else "")

    def image(self, _block: dict[str, Any]) -> None:
        self.images += 1

    def document(self, block: dict[str, Any]) -> None:
        """Plain-text documents are text; anything encoded is one image's worth."""
        source = block.get("source", block.get("file"))
        data = source.get("data") if isinstance(source, dict) else None
        if isinstance(source, dict) and source.get("type") == "text" and isinstance(data, str):
            title = block.get("title")
            self.texts.append(f"{title if isinstance(title, str) else 'document'}\n```\n{data}\n```")
        else:
            self.images += 1

    def call(self, block: dict[str, Any]) -> None:
        self.calls.append(
            Call(id=_word(block.get("id")), name=_word(block.get("name")), arguments=block.get("input"))
        )

    def result(self, block: dict[str, Any]) -> None:
        inner = _Parts()
        inner.content(block.get("content"))
        self.images += inner.images
        self.results.append(
            Result(
                id=_word(block.get("tool_use_id")),
                text="\n".join((*inner.texts, *inner.other)),
                error=block.get("is_error") is True,
            )
        )


_BLOCKS: dict[str, Callable[[_Parts, dict[str, Any]], None]] = {
    "text": _Parts.text,
    "input_text": _Parts.text,
    "output_text": _Parts.text,
    "input_image": _Parts.image,
    "input_file": _Parts.document,
    "refusal": _Parts.text,
    "thinking": _Parts.thought,
    "redacted_thinking": _Parts.thought,
    "image": _Parts.image,
    "image_url": _Parts.image,
    "input_audio": _Parts.image,
    "document": _Parts.document,
    "file": _Parts.document,
    "tool_use": _Parts.call,
    "tool_result": _Parts.result,
}


def _is_server_block(kind: Any) -> bool:
    return isinstance(kind, str) and (
        kind in _SERVER_BLOCKS
        or (kind.endswith("_tool_result") and kind.startswith(("web_", "code_", "bash_", "text_editor_")))
    )


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def dump(value: Any) -> str:
    """Encode a decoded value as JSON text."""
    return msgspec.json.encode(value).decode()


def decoded(text: Any) -> Any:
    """What JSON text holds, such as a call's arguments; the text itself where it is none."""
    if not isinstance(text, str):
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return text


def _anthropic(message: dict[str, Any]) -> Message:
    parts = _Parts()
    parts.content(message.get("content"))
    return parts.message(_ROLES.get(_word(message.get("role")), "user"))


def _openai(message: dict[str, Any]) -> Message:
    parts = _Parts()
    parts.content(message.get("content"))
    role = _word(message.get("role"))
    if role in ("tool", "function"):
        answer = "\n".join((*parts.texts, *parts.other))
        parts.texts, parts.other = [], []
        parts.results.append(Result(id=_word(message.get("tool_call_id")), text=answer))
        return parts.message("user")
    thought = message.get("reasoning_content")
    if isinstance(thought, str):
        parts.other.append(thought)
    parts.calls.extend(_openai_calls(message))
    return parts.message(_ROLES.get(role, "user"))


def _openai_calls(message: dict[str, Any]) -> Iterable[Call]:
    """Calls of a message: `tool_calls` (function or custom), and the older `function_call`."""
    listed = message.get("tool_calls")
    old = message.get("function_call")
    for call in [*(listed if isinstance(listed, list) else ()), *([{"function": old}] if old else ())]:
        if not isinstance(call, dict):
            continue
        inner = call.get("function") or call.get("custom")
        if isinstance(inner, dict):
            arguments = inner.get("arguments", inner.get("input"))
            yield Call(id=_word(call.get("id")), name=_word(inner.get("name")), arguments=decoded(arguments))


def _responses(item: dict[str, Any]) -> Message:
    """An item: a message, a call, what answers one, what the model thought, or anything else."""
    kind, role = _word(item.get("type")), _ROLES.get(_word(item.get("role")), "user")
    parts = _Parts()
    if "content" in item and kind in ("", "message"):
        parts.content(item["content"])
        return replace(parts.message(role), piece=role == "assistant")
    if kind.endswith(_ANSWERED):
        parts.content(item.get("output"))
        answer = "\n".join((*parts.texts, *parts.other))
        name = _word(item.get("call_id")) or _word(item.get("id"))
        answered = Result(id=name, text=answer, error=item.get("status") == "failed")
        return Message(role="user", results=(answered,), images=parts.images)
    if kind == OFFER:
        return Message(role="system")  # read as the tools that they are
    called = _responses_call(kind, item)
    if called is not None:
        return Message(role="assistant", calls=(called,), piece=True)
    thought = role == "assistant" or kind == "reasoning" or _is_server_block(kind)
    return Message(
        role="assistant" if thought else role,
        other=(dump(item),),
        server=_is_server_block(kind),
        piece=thought,
    )


def _responses_call(kind: str, item: dict[str, Any]) -> Call | None:
    """The call that an item is; None where it is none of the client's."""
    if not kind.endswith(_CALLED) or _is_server_block(kind):
        return None
    space, name = _word(item.get("namespace")), _word(item.get("name"))
    arguments = next((item[key] for key in ("arguments", "input", *_ACTIONS) if key in item), None)
    return Call(
        id=_word(item.get("call_id")) or _word(item.get("id")),
        name=f"{space}__{name}" if space else name or kind.removesuffix(_CALLED),
        arguments=arguments if kind == "custom_tool_call" else decoded(arguments),
    )


def _ollama(message: dict[str, Any]) -> Message:
    """A message as OpenAI has it, but for its images and its word for reasoning."""
    read = _openai({**message, "reasoning_content": message.get("thinking")})
    images = message.get("images")
    return replace(read, images=len(images)) if isinstance(images, list) else read


def _gemini(content: dict[str, Any]) -> Message:
    """A content: text, calls and answers are parts of it. Which call an answer is for, its name says."""
    role = _word(content.get("role"))
    held = content.get("content")  # of a system text, as `message_facts` hands it on
    listed = held.get("parts") if role == "system" and isinstance(held, dict) else content.get("parts")
    parts, names = _Parts(), Counter[str]()
    for part in listed if isinstance(listed, list) else [listed] if isinstance(listed, dict) else ():
        _gemini_part(parts, part, names)
    return parts.message("assistant" if role == "model" else "system" if role == "system" else "user")


def _gemini_part(parts: _Parts, part: Any, names: "Counter[str]") -> None:
    fields = part if isinstance(part, dict) else {}
    text, call, result = fields.get("text"), fields.get("functionCall"), fields.get("functionResponse")
    if isinstance(text, str):
        (parts.other if fields.get("thought") is True else parts.texts).append(text)
    if isinstance(call, dict):
        name = _word(call.get("name"))
        parts.calls.append(Call(id=_named_id(call, names), name=name, arguments=call.get("args")))
    if isinstance(result, dict):
        response = result.get("response")
        inner = response if isinstance(response, dict) else {}
        said = next(
            (inner[name] for name in ("output", "result", "error") if inner.keys() == {name}), response
        )
        answer = said if isinstance(said, str) else dump(said) if said is not None else ""
        error = "error" in inner and "output" not in inner
        parts.results.append(Result(id=_named_id(result, names), text=answer, error=error))
        attached = result.get("parts")
        parts.images += len(attached) if isinstance(attached, list) else 0
    if "inlineData" in fields or "fileData" in fields:
        parts.images += 1
    if "executableCode" in fields or "codeExecutionResult" in fields:
        parts.server = True
        parts.other.append(dump(part))
    if not fields:
        parts.other.append(dump(part))


def _named_id(value: dict[str, Any], names: "Counter[str]") -> str:
    """An id of a call or an answer; without one it is the name, and which of that name in its message."""
    name = _word(value.get("name"))
    names[name] += 1
    return _word(value.get("id")) or f"{name}.{names[name]}"


DIALECTS: dict[DialectName, Callable[[dict[str, Any]], Message]] = {
    "anthropic_messages": _anthropic,
    "openai_chat": _openai,
    "openai_responses": _responses,
    "gemini": _gemini,
    "ollama": _ollama,
    "openai_completions": _openai,
    "llama_infill": _openai,
}
WITH_A_STRING = frozenset({"openai_responses", "ollama", *RAW_DIALECTS})
"""Dialects in which a conversation may be one string: the user's words."""


def message(dialect: DialectName, decoded: Any, raw: bytes) -> Message:
    """Read one message of `dialect`; one that is no object counts as opaque text."""
    if isinstance(decoded, dict):
        return DIALECTS[dialect](decoded)
    if isinstance(decoded, str) and dialect in WITH_A_STRING:
        return Message(role="user", texts=(decoded,))
    return Message(role="user", other=(raw.decode(errors="replace"),))


def normal(decoded: Any) -> Any:
    """A message as it compares: no `cache_control`, a string is one text block."""
    if not isinstance(decoded, dict):
        return decoded
    content = decoded.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return {**{key: value for key, value in decoded.items() if key != "usage"}, "content": unmarked(content)}


def unmarked(value: Any) -> Any:
    """`value` without `cache_control` on any block, also inside tool results."""
    if isinstance(value, list):
        return [unmarked(item) for item in value]
    if not isinstance(value, dict):
        return value
    fields = {key: item for key, item in value.items() if key != "cache_control"}
    if "content" in fields:
        fields["content"] = unmarked(fields["content"])
    return fields
