r"""`ParsedRequest`: one request, cut into pieces, with its options decoded and its client recognised.

A body whose outline is not plain (a lone surrogate escape such as `"\ud83d"`, very deep nesting, a
key that stands twice) is cut by a small scanner here, so that one bad message never hides the others.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
import xxhash

from router.errors import BadRequest
from router.features import clients, gemini_options, ollama_options
from router.features.clients import Client, Clients
from router.features.messages import OFFER
from router.features.outline import MESSAGES, SYSTEM, WORDS, Piece, piece_of
from router.types import DialectName, ModelRequest

_OPTIONS = frozenset(
    {
        "tool_choice",
        "thinking",
        "reasoning_effort",
        "output_config",
        "output_format",
        "response_format",
        "safeguards",
        "mcp_servers",
        "stop",
        "stop_sequences",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "n_predict",
        "reasoning",
        "text",
        "web_search_options",
        "metadata",
        "prompt_cache_key",
        *gemini_options.FIELDS,
        *ollama_options.FIELDS,
    }
)
"""Fields of any dialect that are read, beside the prompt's."""
_NOT_A_LIST = "`{}` must be a list."

Fields = tuple[list[Piece], dict[str, Piece]]
"""A body's messages, and its other fields by name."""


class ParsedRequest:
    """One request; of a body that goes on from one read before, what comes after that.

    Attributes:
        options: The fields of `_OPTIONS` that are there, decoded; None where one cannot be.
        session: The id that the client gives it; empty for none.
        subagent: Neither its system text nor its tools are those of its client's main loop.
        seed: Of the names under which the facts of pieces are cached.
    """

    def __init__(self, request: ModelRequest, recognised: Clients, fields: Fields) -> None:
        self.request = request
        self.messages, others = fields
        self.system = others.get(SYSTEM)
        self.tools = others.get("tools") or _offered(self.messages)
        head = self._head()
        self.options: dict[str, Any] = {
            name: piece.parsed_or_none() for name, piece in others.items() if name in _OPTIONS
        }
        if request.dialect == "ollama":
            self.options |= ollama_options.as_chat(self.options)
        if request.dialect == "gemini":
            self.options |= gemini_options.as_chat(self.options)
        self.headers = dict(request.headers)
        tools = self.tools.raw if self.tools else b""
        self.client: Client = recognised.recognise(request.client, self.headers, head, tools)
        self.subagent = recognised.is_subagent(self.client, self.headers, head, tools)
        self.session = clients.session(
            self.client, self.headers, self.options.get("metadata"), self.options.get("prompt_cache_key")
        )
        self.seed = xxhash.xxh3_64_intdigest(f"{request.dialect} {self.client.name}".encode())

    def _head(self) -> bytes:
        """The raw beginning of the system text, wherever the dialect has it."""
        if self.system:
            return self.system.raw[: clients.HEAD_BYTES]
        head = self.messages[0].raw[: clients.HEAD_BYTES] if self.messages else b""
        return head if b'"system"' in head or b'"developer"' in head else b""


class _Offer(msgspec.Struct):
    type: str = ""
    tools: msgspec.Raw = msgspec.Raw()


_OFFER = msgspec.json.Decoder(_Offer)


def _offered(messages: list[Piece]) -> Piece | None:
    """The tools that a conversation begins with: newer versions of Codex offer theirs in its first item."""
    if not messages or OFFER.encode() not in messages[0].raw:
        return None
    try:
        offer = _OFFER.decode(messages[0].raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return piece_of("tools", bytes(offer.tools)) if offer.type == OFFER and offer.tools else None


def fields_of(pieces: Iterable[Piece]) -> Fields:
    """Sort the pieces of a plain outline.

    Raises:
        BadRequest: `messages` is not a list.
    """
    messages: list[Piece] = []
    others: dict[str, Piece] = {}
    for piece in pieces:
        if piece.end:
            messages.append(piece)
        else:
            others[piece.name] = piece
    if MESSAGES in others:
        raise BadRequest(_NOT_A_LIST.format(MESSAGES))
    return messages, others


def scan(body: bytes, dialect: DialectName) -> Fields:
    """Cut a body whose outline is not plain.

    Raises:
        BadRequest: not a JSON object, or `messages` is not a list.
    """
    data = body.strip()
    if data[:1] != b"{":
        raise BadRequest("The body must be a JSON object with a list of messages.")
    members = _split(data)
    raws = dict(zip(members[::2], members[1::2], strict=False))
    words = {word: name for name, word in WORDS[dialect].items()}
    listed = [name for name, word in WORDS[dialect].items() if word == MESSAGES]
    value = next((name for name in listed if raws.get(_key(name), b"null") != b"null"), listed[0])
    messages = raws.get(_key(value), b"[]")
    if messages[:1] not in b'["':
        raise BadRequest(_NOT_A_LIST.format(value))
    names = {name: _key(words.get(name, name)) for name in (SYSTEM, "tools", *_OPTIONS)}
    items = _split(messages) if messages[:1] == b"[" else [messages]
    return (
        [piece_of(MESSAGES, raw, at) for at, raw in enumerate(items)],
        {name: piece_of(name, raws[key]) for name, key in names.items() if key in raws},
    )


def _key(name: str) -> bytes:
    return b'"%s"' % name.encode()


_MARK = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}:,]', re.DOTALL)


def _split(data: bytes) -> list[bytes]:
    """Split one JSON list or object at its own commas and colons, whatever is nested in it."""
    pieces: list[bytes] = []
    depth, start = 0, 1
    for mark in _MARK.finditer(data):
        sign = mark[0]
        if sign in b"[{":
            depth += 1
        elif sign in b"]}":
            depth -= 1
        if (sign in b",:" and depth == 1) or depth == 0:
            pieces.append(data[start : mark.start()].strip())
            start = mark.end()
        if depth == 0:
            break
    return [piece for piece in pieces if piece]
