"""`Reader`: one request in, `Features` out, parsing only what it has not seen before.

An agent sends its whole conversation again with every call. So the body is cut into raw
messages, each is looked up by its hash, and only new ones are parsed and counted. The
fold over a conversation's messages is kept, too, and taken up where it stopped.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import xxhash

from classifiers.features import Features, Kind
from router.reading import clients, facts
from router.reading.cache import Cache
from router.reading.clients import Client
from router.reading.facts import MessageFacts, SystemFacts, ToolFacts
from router.reading.fold import Fold, goes_on
from router.reading.split import Envelope, split, value
from router.reading.tokens import Corrections, Counter
from router.types import Request

Piece = MessageFacts | SystemFacts | ToolFacts
_EMPTY_SIZE = 600
"""About what the facts of an empty message take, in bytes."""


class Reader:
    """Reads requests of every dialect. One per process, used from one thread.

    Args:
        entries: most messages whose facts are kept.
        cache_bytes: about how much memory these may take, folds included.
        count_bytes: up to how many bytes of unseen text are counted at once (about 4 MB/s);
            above it the tokens are estimated, and `settle` counts them later.
    """

    def __init__(
        self, *, entries: int = 20_000, cache_bytes: int = 64 << 20, count_bytes: int = 32 << 10
    ) -> None:
        """Hold nothing yet."""
        self._pieces: Cache[Piece] = Cache(entries=entries, size=cache_bytes * 3 // 4)
        self._folds: Cache[Fold] = Cache(entries=max(entries // 40, 8), size=cache_bytes // 4)
        self._patterns: tuple[re.Pattern[str], ...] = ()
        self._counter = Counter()
        self._corrections = Corrections()
        self._count_bytes = count_bytes

    def warm(self) -> bool:
        """Load the token encoding now; True where counts will be exact. Safe in another thread."""
        return self._counter.warm()

    def watch(self, patterns: tuple[re.Pattern[str], ...]) -> None:
        """Look for `patterns` (a policy's `never_cloud.match`) from now on; others clear the cache."""
        if patterns != self._patterns:
            self._patterns = patterns
            self._pieces.clear()
            self._folds.clear()

    def correct(self, model: str, estimated: int, actual: int) -> None:
        """Learn how `model` counts.

        Args:
            model: the name in `Request.model`.
            estimated: `Features.context_tokens` of a request whose `tokens_exact` was true.
            actual: the prompt's tokens as its usage reported them.
        """
        self._corrections.learn(model, estimated, actual)

    def stats(self) -> dict[str, int]:
        """How full the caches are: entries, and approximate bytes."""
        return {
            "entries": len(self._pieces) + len(self._folds),
            "bytes": self._pieces.size + self._folds.size,
        }

    def read(self, request: Request) -> Features:
        """Read one request.

        Raises:
            BadRequest: the body is no JSON object, or `messages` is no list.
        """
        reading = _Reading(request)
        fresh: list[tuple[Piece, str]] = []
        found = [self._piece(reading, job, raw, fresh) for job, raw in reading.raws()]
        if sum(piece.length for piece, _ in fresh) <= self._count_bytes:
            for piece, text in fresh:
                self._count(piece, text)
        messages = [piece for piece in found if isinstance(piece, MessageFacts)]
        fold = self._fold(reading, messages)
        return _features(
            reading,
            fold,
            system=next((piece for piece in found if isinstance(piece, SystemFacts)), None),
            tools=next((piece for piece in found if isinstance(piece, ToolFacts)), None),
            tokens=round(sum(piece.size.tokens for piece in found) * self._corrections.ratio(request.model)),
            exact=all(piece.size.exact for piece in found),
        )

    def settle(self, request: Request) -> None:
        """Count what `read` of this request only estimated. Safe in another thread.

        It changes numbers in place and no cache, so the next `read` finds exact ones.
        """
        reading = _Reading(request)
        for job, raw in reading.raws():
            piece = self._pieces.peek(reading.digest(job, raw))
            if piece is not None and not piece.size.exact:
                _, text = _GATHER[job](reading, bytes(raw), ())
                self._count(piece, text)

    def _count(self, piece: Piece, text: str) -> None:
        fixed = facts.fixed_tokens(piece.images) if isinstance(piece, MessageFacts) else 0
        if self._counter.warm():
            piece.size.settle(fixed + self._counter.count(text))

    def _piece(
        self, reading: "_Reading", job: str, raw: msgspec.Raw, fresh: list[tuple[Piece, str]]
    ) -> Piece:
        """The facts of one raw piece: known, or known under another spelling, or gathered now."""
        place = reading.digest(job, raw)
        known = self._pieces.get(place)
        if known is not None:
            return known
        piece, text = _GATHER[job](reading, bytes(raw), self._patterns)
        same = xxhash.xxh3_128_digest(piece.key, reading.seed)
        twin = self._pieces.get(same)
        if twin is not None and type(twin) is type(piece):
            self._pieces.put(place, twin, len(place))
            return twin
        self._pieces.put(place, piece, _weight(piece))
        self._pieces.put(same, piece, len(same))
        fresh.append((piece, text))
        return piece

    def _fold(self, reading: "_Reading", messages: list[MessageFacts]) -> Fold:
        """The fold over `messages`, taken up from the longest beginning that is still known."""
        keys = b"".join(one.key for one in messages)
        width = len(messages[0].key) if messages else 1
        fold, done = Fold(), 0
        for known in range(len(messages), 0, -1):
            earlier = self._folds.take(xxhash.xxh3_128_digest(keys[: known * width], reading.seed))
            if earlier is not None:
                fold, done = earlier, known
                break
        for one in messages[done:]:
            fold.add(one)
        self._folds.put(xxhash.xxh3_128_digest(keys, reading.seed), fold, fold.cost())
        return fold


class _Reading:
    """One request, split, with its client known."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.envelope: Envelope = split(request.body)
        self.headers = dict(request.headers)
        self.client: Client = clients.recognise(request.client, self.headers, self._head())
        self.seed = xxhash.xxh3_64_intdigest(f"{request.dialect} {self.client.name}".encode())

    def _head(self) -> bytes:
        """The raw beginning of the system text, wherever the dialect has it."""
        first = self.envelope.system or (self.envelope.messages[0] if self.envelope.messages else b"")
        head = bytes(memoryview(first)[: clients.HEAD_BYTES])
        return head if self.envelope.system or b'"system"' in head or b'"developer"' in head else b""

    def raws(self) -> Iterator[tuple[str, msgspec.Raw]]:
        """Every raw piece that holds text of the prompt, and what it is."""
        if self.envelope.system:
            yield "system", self.envelope.system
        if self.envelope.tools:
            yield "tools", self.envelope.tools
        for raw in self.envelope.messages:
            yield "message", raw

    def digest(self, job: str, raw: msgspec.Raw) -> bytes:
        return xxhash.xxh3_128_digest(raw, self.seed + _SALT[job])


_SALT = {"message": 0, "system": 1, "tools": 2}
"""So that the same bytes in two places are two pieces."""

_GATHER: dict[str, Callable[[_Reading, bytes, facts.Patterns], tuple[Piece, str]]] = {
    "message": lambda reading, raw, patterns: facts.gather(
        reading.request.dialect, reading.client, raw, patterns
    ),
    "system": lambda reading, raw, patterns: facts.gather_system(reading.client, raw, patterns),
    "tools": lambda _reading, raw, patterns: facts.gather_tools(raw, patterns),
}


def _weight(piece: Piece) -> int:
    """About how many bytes a piece's facts take."""
    if not isinstance(piece, MessageFacts):
        return _EMPTY_SIZE
    touched = len(piece.touches) + sum(len(use.touches) + 1 for use in (*piece.uses, *piece.text_uses))
    return _EMPTY_SIZE + len(piece.ask) + 200 * touched


def _features(
    reading: _Reading,
    fold: Fold,
    *,
    system: SystemFacts | None,
    tools: ToolFacts | None,
    tokens: int,
    exact: bool,
) -> Features:
    """Put what was found into `Features`."""
    envelope = reading.envelope
    agent = next((reading.headers[name] for name in clients.SUBAGENT_HEADERS if name in reading.headers), "")
    schema = _schema(envelope)
    kind = _kind(
        reading,
        fold,
        side=not tools and (fold.system_side or bool(system and system.side) or _is_title(schema)),
        subagent=bool(agent) or fold.subagent or bool(system and system.subagent),
    )
    marks = {*fold.marks, *(system.marks if system else ()), *(tools.marks if tools else ())}
    return Features(
        client=reading.client.name,
        conversation=_conversation(reading, fold, system, tools, agent, side=kind == "housekeeping"),
        kind=kind,
        phase=fold.phase,
        context_tokens=tokens,
        tokens_exact=exact,
        output_limit=_number(envelope.max_completion_tokens) or _number(envelope.max_tokens),
        files=len(fold.files),
        files_edited=len(fold.edited),
        directories=fold.files.directories(),
        files_named=len(fold.named),
        tools_offered=len(tools.names) if tools else 0,
        tools_used=len(fold.tools),
        tool_calls=fold.tool_calls,
        tool_errors=fold.tool_errors,
        repeats=fold.repeats,
        turns=fold.turns,
        turn_calls=fold.turn_calls,
        ask="\n\n".join(fold.asks),
        follow_up=fold.turns > 1 and goes_on(fold.asks[-1]),
        images=fold.images,
        thinking=_thinks(envelope),
        server_tools=_serves(envelope, fold, tools),
        json_schema=schema is not None,
        paths=frozenset(fold.written),
        marks=tuple(sorted(marks)),
    )


def _kind(reading: _Reading, fold: Fold, *, side: bool, subagent: bool) -> Kind:
    if reading.request.operation == "count":
        return "count"
    if fold.side or side:
        return "housekeeping"
    if subagent:
        return "subagent"
    return "agent" if fold.tool_calls else "ask"


def _conversation(
    reading: _Reading,
    fold: Fold,
    system: SystemFacts | None,
    tools: ToolFacts | None,
    agent: str,
    *,
    side: bool,
) -> str:
    """The stable id: of the session where the client names one, else of how it opened.

    Hashed with team and user, so that nobody lands in another's conversation. A side
    request without tools is a conversation of its own, though it may carry the same session.
    """
    request, envelope = reading.request, reading.envelope
    session = clients.session(
        reading.client, reading.headers, value(envelope.metadata), value(envelope.prompt_cache_key)
    )
    opened: list[str | bytes] = [session, agent]
    if not session:
        opened = [system.key if system else b"", tools.key if tools else b"", fold.opening]
    elif not agent and system and system.subagent:
        opened.append(system.key)
    hashed = xxhash.xxh3_128()
    for part in (request.team, request.user, reading.client.name, *opened, "side" * (side and not tools)):
        hashed.update(part.encode(errors="replace") if isinstance(part, str) else part)
        hashed.update(b"\0")
    return hashed.hexdigest()


def _number(raw: msgspec.Raw) -> int:
    number = value(raw)
    return number if isinstance(number, int) and number > 0 else 0


def _kept(thing: Any, *keys: str) -> Any:
    """What lies at `keys` in nested objects; None where there is nothing."""
    for key in keys:
        thing = thing.get(key) if isinstance(thing, dict) else None
    return thing


def _thinks(envelope: Envelope) -> bool:
    effort = value(envelope.reasoning_effort)
    return _kept(value(envelope.thinking), "type") in ("enabled", "adaptive") or (
        isinstance(effort, str) and effort != "none"
    )


def _schema(envelope: Envelope) -> Any:
    """The schema that the answer must conform to; None where there is none."""
    for asked in (
        _kept(value(envelope.output_config), "format"),
        value(envelope.output_format),
        value(envelope.response_format),
    ):
        if _kept(asked, "type") == "json_schema":
            return _kept(asked, "schema") or _kept(asked, "json_schema", "schema") or {}
    return None


def _is_title(schema: Any) -> bool:
    """Whether a schema asks for nothing but a title, topic or branch name."""
    asked = _kept(schema, "properties")
    return isinstance(asked, dict) and bool(asked) and asked.keys() <= {"title", "branch", "isNewTopic"}


def _serves(envelope: Envelope, fold: Fold, tools: ToolFacts | None) -> bool:
    """Whether a tool that only the provider's servers run is in use or forced.

    Merely offering one among others is no use of it; offering nothing else is.
    """
    if fold.server or envelope.web_search_options:
        return True
    if not tools or not tools.server:
        return False
    choice = value(envelope.tool_choice)
    return _kept(choice, "name") in tools.server or len(tools.server) == len(tools.names)
