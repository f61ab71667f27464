"""Content blocks of Anthropic Messages, to and from the neutral parts of a turn.

A block is read by its `type`: only what a known type needs is looked at, and a refusal names the field.
A block of unknown type is kept as it came, with its text for whoever does not know it either.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from router.errors import BadRequest
from router.types import DialectName
from router.wire.arguments import settle
from router.wire.conversation import (
    CacheMark,
    Document,
    Image,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from router.wire.images import media_type_of

DIALECT: DialectName = "anthropic_messages"
GAP = "\n\n"
"""Between texts that become one."""

Block = Mapping[str, Any]
T = TypeVar("T")


class _Text(msgspec.Struct, frozen=True):
    text: str | None = None


class _Source(msgspec.Struct, frozen=True):
    type: str | None = None
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    content: str | list[Any] | None = None


class _Image(msgspec.Struct, frozen=True):
    source: _Source


class _Document(msgspec.Struct, frozen=True):
    source: _Source
    title: str | None = None
    context: str | None = None
    citations: Any = None


class _SearchResult(msgspec.Struct, frozen=True):
    source: str | None = None
    title: str | None = None
    content: str | list[Any] | None = None


class _Reference(msgspec.Struct, frozen=True):
    tool_name: str


class _Thinking(msgspec.Struct, frozen=True):
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class _ToolUse(msgspec.Struct, frozen=True):
    id: str
    name: str
    input: Any = None


class _ToolResult(msgspec.Struct, frozen=True):
    tool_use_id: str
    content: str | list[Any] | None = None
    is_error: bool | None = None


def decode_content(content: Any, where: str) -> tuple[Part, ...]:
    """Read a message's content; empty texts are left out.

    Args:
        content: a string, a list of blocks, or None.
        where: its place in the body, as `messages[3].content`.

    Raises:
        BadRequest: a block of a known type has the wrong shape.
    """
    if isinstance(content, str):
        return (Text(text=content),) if content else ()
    return tuple(
        part for at, block in enumerate(content or ()) for part in _decode_block(block, f"{where}[{at}]")
    )


def mark_of(block: Block) -> CacheMark | None:
    """How long the prompt up to here is to be cached; None where the block has no mark."""
    control = block.get("cache_control")
    if not isinstance(control, dict):
        return None
    return "1h" if control.get("ttl") == "1h" else "5m"


def convert(value: Any, type_: type[T], where: str) -> T:
    """Read a value of the body as `type_`; raises `BadRequest`, which names the field."""
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        place = f"{where}{path.rstrip('`')}".removeprefix(".") or "the body"
        raise BadRequest(
            f"{place}: has the wrong shape for the Messages API: {what}; see its reference"
        ) from error


def _decode_block(block: Any, where: str) -> Iterator[Part]:
    if not isinstance(block, dict):
        raise BadRequest(f"{where}: must be an object with a `type`")
    kind = block.get("type")
    match kind:
        case "text":
            if text := convert(block, _Text, where).text:
                yield Text(text=text, cache=mark_of(block))
        case "tool_use":
            call = convert(block, _ToolUse, where)
            yield ToolCall(id=call.id, name=call.name, arguments=settle(call.input), cache=mark_of(block))
        case "tool_result":
            yield _decode_result(block, where)
        case "image":
            yield _decode_image(block, where)
        case "document":
            yield from _decode_document(block, where)
        case "thinking" | "redacted_thinking":
            thought = convert(block, _Thinking, where)
            yield Thinking(
                text=thought.thinking or "", signature=thought.signature or "", redacted=thought.data or ""
            )
        case "search_result":
            result = convert(block, _SearchResult, where)
            yield Document(
                title=result.title or "",
                url=result.source or "",
                text=_words(decode_content(result.content, f"{where}.content")),
                cache=mark_of(block),
            )
        case "tool_reference":
            yield Text(text=f"Tool found: {convert(block, _Reference, where).tool_name}")
        case _:
            text = block.get("text")
            words = text if isinstance(text, str) else ""
            yield Opaque(dialect=DIALECT, kind=str(kind or ""), value=block, text=words, where=where)


def _decode_result(block: Block, where: str) -> ToolResult:
    result = convert(block, _ToolResult, where)
    parts = decode_content(result.content, f"{where}.content")
    return ToolResult(
        call_id=result.tool_use_id,
        parts=tuple(part for part in map(_plain, parts) if part is not None),
        error=bool(result.is_error),
        cache=mark_of(block),
    )


def _plain(part: Part) -> Text | Image | Document | None:
    """What a tool result may hold of this part."""
    if isinstance(part, Opaque) and part.text:
        return Text(text=part.text)
    return part if isinstance(part, Text | Image | Document) else None


def _decode_image(block: Block, where: str) -> Image | Opaque:
    source = convert(block, _Image, where).source
    if source.file_id:  # uploaded before: nobody else has it
        return Opaque(dialect=DIALECT, kind="image", value=block, where=where)
    if source.data is None and not source.url:
        raise BadRequest(f"{where}.source: must have `data`, `url` or `file_id`")
    return Image(
        url=source.url or "",
        data=source.data or "",
        media_type=source.media_type or "",
        cache=mark_of(block),
    )


def _decode_document(block: Block, where: str) -> Iterator[Part]:
    document = convert(block, _Document, where)
    source, cache = document.source, mark_of(block)
    inner = decode_content(source.content, f"{where}.source.content")
    text = source.data if source.type == "text" else _words(inner) if source.type == "content" else None
    yield Document(
        title=document.title or "",
        context=document.context or "",
        text=text,
        data=(source.data or "") if text is None else "",
        url=source.url or "",
        file_id=source.file_id or "",
        media_type=(source.media_type or "") if text is None else "",
        citations=isinstance(document.citations, dict) and document.citations.get("enabled") is True,
        cache=cache,
    )
    yield from (part for part in inner if isinstance(part, Image))


def _words(parts: Iterable[Part]) -> str:
    return GAP.join(part.text for part in parts if isinstance(part, Text | Opaque) and part.text)


def encode_parts(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """Write parts as blocks; what the API refuses, blank text and unsigned thinking, is left out."""
    return [block for part in parts if (block := _ENCODERS[type(part)](part)) is not None]


def marked(block: dict[str, Any], cache: CacheMark | None) -> dict[str, Any]:
    """The block with its cache mark, if it has one."""
    if cache is None:
        return block
    control = {"type": "ephemeral"} if cache == "5m" else {"type": "ephemeral", "ttl": cache}
    return block | {"cache_control": control}


def _encode_text(part: Text | Refusal) -> dict[str, Any] | None:
    if not part.text.strip():
        return None
    return marked({"type": "text", "text": part.text}, part.cache if isinstance(part, Text) else None)


def _encode_call(call: ToolCall) -> dict[str, Any]:
    arguments = msgspec.Raw(settle(call.arguments).encode())
    return marked({"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}, call.cache)


def _encode_thinking(part: Thinking) -> dict[str, Any] | None:
    if part.redacted:
        return {"type": "redacted_thinking", "data": part.redacted}
    signed = {"type": "thinking", "thinking": part.text, "signature": part.signature}
    return signed if part.signature else None


def _encode_opaque(part: Opaque) -> dict[str, Any] | None:
    return dict(part.value) if part.dialect == DIALECT else _encode_text(Text(text=part.text))


def _encode_result(result: ToolResult) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": result.call_id}
    if content := encode_parts(result.parts):
        plain = len(content) == 1 and content[0].keys() == {"type", "text"}
        block["content"] = content[0]["text"] if plain else content
    if result.error:
        block["is_error"] = True
    return marked(block, result.cache)


def _encode_image(image: Image) -> dict[str, Any]:
    return marked({"type": "image", "source": _image_source(image)}, image.cache)


def _image_source(image: Image) -> dict[str, Any]:
    if image.data:
        media_type = image.media_type or media_type_of(image.data)
        return {"type": "base64", "media_type": media_type, "data": image.data}
    return {"type": "url", "url": image.url}


def _encode_document(document: Document) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "document", "source": _document_source(document)}
    if document.title:
        block["title"] = document.title
    if document.context:
        block["context"] = document.context
    if document.citations:
        block["citations"] = {"enabled": True}
    return marked(block, document.cache)


_TEXTUAL = re.compile(r"text/|application/(?:json|xml|yaml|x-yaml|toml|javascript)")


def _decoded(document: Document) -> str:
    try:
        return b64decode(document.data).decode("utf-8", "replace")
    except ValueError as error:
        raise BadRequest(f"the file `{document.title}`: its data must be base64: {error}") from error


def _document_source(document: Document) -> dict[str, Any]:
    text = document.text
    if text is None and document.data and _TEXTUAL.match(document.media_type):
        text = _decoded(document)
    if text is not None:
        return {"type": "text", "media_type": "text/plain", "data": text}
    if document.data:
        media_type = document.media_type or "application/pdf"
        return {"type": "base64", "media_type": media_type, "data": document.data}
    if document.file_id:
        return {"type": "file", "file_id": document.file_id}
    return {"type": "url", "url": document.url}


_ENCODERS: Mapping[type, Callable[[Any], dict[str, Any] | None]] = {
    Text: _encode_text,
    Image: _encode_image,
    Document: _encode_document,
    Thinking: _encode_thinking,
    Refusal: _encode_text,
    ToolCall: _encode_call,
    ToolResult: _encode_result,
    Opaque: _encode_opaque,
}
