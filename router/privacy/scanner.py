"""`Scanner`: what of a request must stay here, reading only what it has not read before.

The scan sees the raw bytes that would be sent, by the outline that reading has, too. A piece (a
top-level field, or one message) is known by a keyed digest of its bytes, so that no piece can pass
for another; a body's beginning is known by that of its blocks, and is not even cut again.
"""

import dataclasses
import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote_plus

import msgspec

from policies.policy import PrivacyRules
from policies.privacy import Exposure
from router.features.outline import BLOCK, MESSAGES, SYSTEM, WORDS, Outline, Piece, batches, decode
from router.features.unique_keys import parse
from router.privacy import facts, quotes
from router.privacy.facts import PieceFacts, Sighting
from router.privacy.matcher import Matcher
from router.privacy.memory import Memory, session_ids
from router.privacy.strings import Part, Text, walk
from router.system.lru import Cache
from router.system.time_slices import LARGE, MANY, Apart, Aside, Pauses, Turns, apart_if_large, finish
from router.types import DialectName, ModelRequest

T = TypeVar("T")

_NEWEST = 4
"""Newest messages, which the next request may spell anew."""
_MOST_RULE_SETS = 50
"""Most policies whose rules are watched at once, beside the newest."""
_MOST_SIGHTINGS = 20
_EXCERPT = 80
_NOT_SCANNED = frozenset({
    "api-key", "authorization", "content-length", "cookie", "host", "proxy-authorization", "x-api-key",
    "x-goog-api-key", "x-turnout-key",
})  # fmt: skip
"""Header fields that carry a credential, or only concern this connection."""
_OPENING = 2_000
"""Characters of a conversation's first words that are kept as they are; more are known by a digest."""
_SHORTEST_OPENING = 12
"""Shorter ones begin many conversations."""
_BATCH = 64
"""Messages taken between two pauses."""
_MANY_GROUPS = 3
"""Groups of new pieces, of about 100 kB each, from which on they are looked at in a thread."""
_GROUPS = 40
"""Groups that one call looks at."""
_MANY_EDGES = 100
"""Beginnings and ends of texts from which on they are looked at in a thread."""
_NOTHING: frozenset[str] = frozenset()
_SIZE = 300
"""About what the facts of a piece take, in bytes."""


def _header_texts(request: ModelRequest) -> list[tuple[str, str]]:
    """Header fields and the query, less what carries a credential or only concerns this connection."""
    fields = [(name, value) for name, value in request.headers if name not in _NOT_SCANNED]
    return [*fields, ("query", unquote_plus(request.query))] if request.query else fields


def _describe(sighting: Sighting) -> dict[str, str]:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in sighting.place)
    words = " ".join(sighting.text.split())
    return {
        "source": sighting.source,
        "part": sighting.part.value,
        "where": place.lstrip(".") or "several texts in a row",
        "text": words if len(words) <= _EXCERPT else f"{words[:_EXCERPT]}…",
    }


class ScanState(msgspec.Struct):
    """A conversation up to one of its messages."""

    first: int = 0
    """Where the first message ends, in bytes of the body."""
    upto: int = 0
    """Where the last one ends that this tells of."""
    messages: int = 0
    sources: frozenset[str] = frozenset()
    head: str = ""
    """How the first text begins."""
    edge: str = ""
    """How the last text ends."""
    unnamed: frozenset[str] = frozenset()
    """Calls that wait for their output."""
    unnamed_output: bool = False
    """A command's output named no file."""
    opaque: bool = False
    opening: str = ""
    """The user's words before the first answer."""
    answered: bool = False
    """The model has said or called something."""
    quotes: frozenset[tuple[str, str]] = frozenset()
    """What it quotes of protected content: source and digest of each line."""


class _Quotations(NamedTuple):
    """What a piece quotes, and its marks: by them it is looked for again when the team adds lines."""

    marks: "array[int]"
    lines: frozenset[tuple[str, str]]
    version: int


class Scanner:
    """Scans requests of every dialect. One per process, used from one thread."""

    def __init__(self, *, entries: int = 20_000, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()
        self._rule_sets: tuple[PrivacyRules, ...] = ()
        self._matcher = Matcher(())
        self._watching = False
        self._pieces: Cache[PieceFacts] = Cache(entries=entries, size=16 << 20)
        self._quoted: Cache[_Quotations] = Cache(entries=entries, size=8 << 20)
        self._states: Cache[ScanState] = Cache(entries=max(entries // 40, 8), size=4 << 20)

    def watch(self, rule_sets: Iterable[PrivacyRules]) -> None:
        """Look for what these rules keep here, and for nothing else; clears the caches."""
        self._rule_sets = tuple(dict.fromkeys(rule_sets))
        self._matcher = _matcher(self._rule_sets)
        self._watching = bool(self._matcher)
        self._pieces.clear()
        self._states.clear()

    def outline(self, request: ModelRequest) -> Outline:
        """Outline a request's body, for all who read it."""
        return Outline(request.body, request.dialect, trusted=not self._watching)

    def scan(
        self, request: ModelRequest, rules: PrivacyRules, *, conversation: str = "", learn: bool = True
    ) -> Exposure:
        """Scan one request at once; see `scanning`."""
        return finish(self.scanning(request, rules, conversation=conversation, learn=learn))

    def scanning(
        self,
        request: ModelRequest,
        rules: PrivacyRules,
        *,
        outline: Outline | None = None,
        pauses: Pauses = (),
        conversation: str = "",
        learn: bool = True,
    ) -> Turns[Exposure]:
        """Scan one request in turns: its body, and what else would go on with it.

        Args:
            request: As it would be sent.
            rules: What its policy keeps here; watched from now on if it is not yet.
            outline: Of its body, where somebody has it.
            pauses: Between two steps.
            conversation: The id that reading gave it; empty for none.
            learn: Remember what must stay, for the session and the team.

        Raises:
            BadRequest: a key is given twice in one object of the body.
        """
        if rules not in self._rule_sets:
            self.watch((*self._rule_sets[-_MOST_RULE_SETS:], rules))
        if outline is None or (outline.trusted and self._watching):
            outline = self.outline(request)
        rule_sets, team = self._rule_sets, request.account.team
        quotable = self.memory.has_lines(team)
        yield from outline.digest_beginnings(pauses)
        keys = self._beginnings(outline, team) if quotable else outline.beginnings
        earlier: ScanState | None = None
        for key in reversed(keys):
            if earlier := self._states.get(key):
                break
        pieces = (yield from outline.cut(earlier.first, earlier.upto, pauses)) if earlier else None
        if earlier is None or pieces is None:
            earlier, pieces = None, (yield from outline.cut(0, 0, pauses))
        if pieces is None:
            exposure = yield from apart_if_large(
                len(request.body), _scan_whole, request.body, request.dialect, rule_sets
            )
            return dataclasses.replace(exposure, sources=exposure.sources | self._header_sources(request))
        items = yield from self._scan_pieces(pieces, pauses)
        if not (quotable or keys or self._watching):
            return Exposure()  # nothing is looked for, and the body is too short for a state to be cached
        scanned = list(zip(pieces, items, strict=True))
        yield from pauses
        digested: list[frozenset[str]] = []
        fields = yield from self._scan_fields(scanned, team, pauses, digested, quotable=quotable)
        state = yield from self._scan_messages(scanned, earlier, keys, team, pauses, digested)
        if rule_sets != self._rule_sets:  # others matcher for other things by now
            return (
                yield from self.scanning(
                    request, rules, outline=outline, pauses=pauses, conversation=conversation, learn=learn
                )
            )
        sources = fields.sources | state.sources | self._header_sources(request)
        if fields.edge and state.head:
            seams, _ = facts.seams(fields.edge, (state.head,))
            sources = sources.union(facts.in_seams(seams, self._matcher))
        ids = _conversation_ids(request, pieces, conversation, state) if self._watching else []
        touched_before = self._touched_before(team, ids, fields.quotes | state.quotes)
        if learn and (sources or touched_before):
            self.memory.add_sessions(team, ids, sources | touched_before)
        if learn and digested and ids and not (sources or touched_before or state.unnamed_output):
            self.memory.note_open(team, (name for names in digested for name in names), ids[-1])
        if learn and sources:
            yield from self._learn(team, pieces, opaque=rules.opaque != "allow")
        return Exposure(
            sources=sources,
            earlier=touched_before,
            unnamed=state.unnamed_output,
            opaque=fields.opaque or state.opaque,
        )

    def _scan_fields(
        self,
        scanned: list[tuple[Piece, PieceFacts]],
        team: str,
        pauses: Pauses,
        digested: list[frozenset[str]],
        *,
        quotable: bool,
    ) -> Turns[ScanState]:
        """What the fields beside the messages hold; its edge is that of the system text."""
        state = ScanState()
        for piece, item in scanned:
            if piece.end:
                continue
            yield from pauses
            state.sources |= item.sources
            state.opaque |= item.opaque
            if piece.name == SYSTEM:
                state.edge = facts.edge("", [item.edges])
            if quotable:
                state.quotes |= yield from self._quotes(team, piece, digested)
        return state

    def _scan_messages(  # noqa: PLR0917 - what it goes on from, and what it notes
        self,
        scanned: list[tuple[Piece, PieceFacts]],
        earlier: ScanState | None,
        keys: list[bytes],
        team: str,
        pauses: Pauses,
        digested: list[frozenset[str]],
    ) -> Turns[ScanState]:
        """The conversation, taken up from what is known of it."""
        state = copy(earlier) if earlier else ScanState()
        upto = earlier.upto if earlier else 0
        new = [(piece, item) for piece, item in scanned if piece.end and not (earlier and piece.at == 0)]
        yield from pauses
        blocks = new[-_NEWEST - 1][0].end // BLOCK if len(new) > _NEWEST else 0
        quotable = self.memory.has_lines(team)
        seams = yield from self._scan_seams(state.edge, [item for _, item in new], pauses)
        checkpoint: ScanState | None = None
        for number, ((piece, item), matched) in enumerate(zip(new, seams, strict=True)):
            if number % _BATCH == 0:
                yield from pauses
            if checkpoint is None and blocks and piece.end > blocks * BLOCK and state.messages:
                checkpoint = copy(state)
                checkpoint.edge = facts.edge(
                    state.edge, [item.edges for _, item in new[max(number - facts.WINDOW, 0) : number]]
                )
            if state.unnamed or item.unnamed:
                yield from self._note_unnamed(state, piece, item)
            if self._watching and not state.answered:
                yield from self._note_opening(state, piece)
            if quotable:
                state.quotes |= yield from self._quotes(team, piece, digested)
            if item.sources or matched:
                state.sources |= item.sources | matched
            if item.opaque:
                state.opaque = True
            if not state.head and item.edges:
                state.head = item.edges[0]
            state.first = state.first or piece.end
            state.upto = piece.end
            state.messages += 1
        state.edge = _edge(state.edge, new)
        if checkpoint is not None and checkpoint.upto > upto:
            self._states.put(keys[blocks - 1], checkpoint, _SIZE + len(checkpoint.edge))
        return state

    def _scan_seams(self, edge: str, items: list[PieceFacts], pauses: Pauses) -> Turns[list[frozenset[str]]]:
        """What matches where each of these messages follows the one before."""
        if not self._matcher.patterns:
            return [_NOTHING] * len(items)
        edges = [edge]
        for at in range(0, len(items), MANY):
            edges += [text for item in items[at : at + MANY] for text in item.edges]
            yield from pauses
        matcher = self._matcher
        if len(edges) > _MANY_EDGES:
            may_match = yield Aside(facts.may_match, (edges, matcher))
        else:
            may_match = facts.may_match(edges, matcher)
        if not may_match:
            return [_NOTHING] * len(items)
        matched: list[frozenset[str]] = []
        for item in items:
            yield from pauses
            windows, edge = facts.seams(edge, item.edges)
            matched.append(frozenset(facts.in_seams(windows, matcher)))
        return matched

    def _touched_before(self, team: str, ids: list[str], lines: frozenset[tuple[str, str]]) -> frozenset[str]:
        """Return what its session touched before, or a conversation of its team that it quotes."""
        return self.memory.session_sources(team, ids) | self.memory.quoted_sources(team, lines)

    def _quotes(
        self, team: str, piece: Piece, digested: list[frozenset[str]]
    ) -> Turns[frozenset[tuple[str, str]]]:
        """What a piece quotes of a team's protected content, as far as the team has learned it by now.

        What is digested for the first time is added to `digested`.
        """
        key = b"%s %x" % (team.encode(errors="replace"), piece.digest)
        cached, version = self._quoted.get(key), self.memory.version(team)
        if cached is not None and cached.version == version:
            return cached.lines
        names: frozenset[str] = frozenset()
        if cached is None or self.memory.may_match(team, cached.marks):
            secret = self.memory.key_of(team)
            names = yield from apart_if_large(len(piece.raw), _digests, piece, secret)
        if cached is None:
            digested.append(names)
        marks = cached.marks if cached else array("I", map(quotes.mark, names))
        lines = self.memory.match_lines(team, names)
        self._quoted.put(key, _Quotations(marks, lines, version), _SIZE + len(key) + 4 * len(marks))
        return lines

    def _learn(self, team: str, pieces: list[Piece], *, opaque: bool) -> Turns[None]:
        """Remember lines of the protected content in these messages, and what of them cannot be read."""
        raws = tuple(piece.raw for piece in pieces if piece.end)
        fields = tuple((piece.name, piece.raw) for piece in pieces if not piece.end)
        key = self.memory.key_of(team)
        size = sum(map(len, raws)) + sum(len(raw) for _, raw in fields)
        learned = yield from apart_if_large(size, _protected, raws, fields, self._rule_sets, key, opaque)
        for source, names in learned.items():
            self.memory.add_lines(team, source, self.memory.without_everybodys(team, names))

    def _header_sources(self, request: ModelRequest) -> frozenset[str]:
        """Return what must stay of the headers and the query that would be sent on."""
        if not self._watching:
            return frozenset()
        values = _header_texts(request)
        if not self._matcher.may_hold("\n".join(text for _, text in values).encode(errors="replace")):
            return frozenset()
        return frozenset(source for _, text in values for source, _ in self._matcher.in_text(text, Part.TEXT))

    def _scan_pieces(self, pieces: list[Piece], pauses: Pauses) -> Turns[list[PieceFacts]]:
        """The facts of these, in order."""
        keys: list[bytes] = []
        scanned: list[PieceFacts | None] = []
        for at in range(0, len(pieces), MANY):
            keys += _keys(pieces[at : at + MANY])
            scanned += self._pieces.get_all(keys[at:])
            yield from pauses
        if None not in scanned:
            return scanned  # type: ignore[return-value]
        rule_sets, matcher = self._rule_sets, self._matcher
        missing = [at for at, item in enumerate(scanned) if item is None]
        yield from decode([pieces[at] for at in missing], pauses)
        numbers = iter(missing)
        groups = list(batches(pieces[at] for at in missing))
        for batch, candidates in zip(groups, (yield from _candidates(groups, matcher)), strict=True):
            yield from pauses
            if len(batch[0].raw) > LARGE:
                gathered = yield Apart(_gather, (batch, rule_sets))
            else:
                gathered = facts.gather(batch, matcher, candidates)
            for item, at in zip(gathered, numbers, strict=False):
                scanned[at] = item
                if rule_sets == self._rule_sets:
                    edges = sum(map(len, item.edges)) if item.edges else 0
                    self._pieces.put(keys[at], item, _SIZE + len(keys[at]) + edges)
        return scanned  # type: ignore[return-value]

    def _note_unnamed(self, state: ScanState, piece: Piece, item: PieceFacts) -> Turns[None]:
        """Note output that may be of any file; see `commands.prints_unnamed`."""
        state.unnamed_output |= yield from apart_if_large(
            len(piece.raw), _answers_unnamed, piece, state.unnamed, item.unnamed
        )
        if not item.unnamed:
            state.unnamed -= {facts.TEXT_MODE}
        state.unnamed |= item.unnamed

    def _note_opening(self, state: ScanState, piece: Piece) -> Turns[None]:
        """Note what the user says before the first answer: harnesses put more than one message there."""
        if (yield from _beside_if_large(piece.raw, facts.is_models)):
            state.answered = True
        elif words := (yield from _opening(piece)):
            together = f"{state.opening}\n{words}" if state.opening else words
            if len(together) > _OPENING:
                together = hashlib.sha256(together.encode(errors="replace")).hexdigest()
            state.opening = together

    def _beginnings(self, outline: Outline, team: str) -> list[bytes]:
        """A key for each of a body's beginnings where the quotations of a team count, too."""
        mark = b" %d %s" % (self.memory.version(team), team.encode(errors="replace"))
        return [beginning + mark for beginning in outline.beginnings]


def _keys(pieces: list[Piece]) -> list[bytes]:
    return [
        piece.digest.to_bytes(8, "big")
        if piece.end
        else b"%s %x" % (piece.name.encode(errors="replace"), piece.digest)
        for piece in pieces
    ]


def _beside_if_large(raw: bytes, function: Callable[[bytes], T]) -> Turns[T]:
    """Make a call on bytes, in a thread where they are many; it must leave the interpreter free."""
    if len(raw) <= LARGE:
        return function(raw)
    return (yield Aside(function, (raw,)))  # type: ignore[no-any-return]


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _opening(piece: Piece) -> Turns[str]:
    """The words of a user's message; empty for another's."""
    head = piece.raw[:_OPENING]
    said_alone = head[:1] == b'"'
    role_is_said = said_alone or b'"user"' in head or b'"user"' in piece.raw[-64:]
    if not role_is_said and b'"role"' in head:
        return ""
    if len(piece.raw) > LARGE:
        return (yield from _beside_if_large(piece.raw, _sha256))
    value = piece.parsed()
    if not said_alone and (not isinstance(value, dict) or value.get("role", "user") != "user"):
        return ""
    return "\n".join(text.text for text in walk(value, (), Part.TEXT) if text.spoken)


def _conversation_ids(
    request: ModelRequest, pieces: list[Piece], conversation: str, state: ScanState
) -> list[str]:
    """All by which a conversation may be known again; by its opening once it has gone on from there."""
    ids = [*session_ids(request, pieces), *([conversation] if conversation else [])]
    if len(state.opening) >= _SHORTEST_OPENING and state.answered:
        ids.append(f"{request.account.user}\0{state.opening}")
    return ids


def _digests(piece: Piece, key: bytes) -> frozenset[str]:
    value = piece.parsed()
    return quotes.digests_of(key, value if piece.end else {piece.name: value})


def _protected(
    raws: tuple[bytes, ...],
    fields: tuple[tuple[str, bytes], ...],
    rule_sets: tuple[PrivacyRules, ...],
    key: bytes,
    opaque: bool,
) -> dict[str, set[str]]:
    """Digests of what only the protected content in a conversation has, by source.

    What also stands in its other messages, or in its system text and tools, is no part of that.
    """
    values = list(map(parse, raws))
    messages = [list(walk(value, (), Part.TEXT)) for value in values]
    by_source: dict[str, set[str]] = {}
    texts: set[str] = set()
    for source, text in quotes.protected_texts(messages, _matcher(rule_sets)):
        texts.add(text)
        by_source.setdefault(source, set()).update(
            quotes.digest(key, *item) for item in quotes.distinctive(text)
        )
    others = [
        text.text for message in messages for text in message if text.spoken and text.part is not Part.COMMAND
    ]
    others += [text.text for _, raw in fields for text in walk(parse(raw), (), Part.OFFER) if text.spoken]
    open_lines = {line for text in others if text not in texts for line in quotes.digests(key, text)}
    by_source = {source: names - open_lines for source, names in by_source.items()}
    if opaque and by_source:
        first = next(iter(by_source.values()))
        values += [{name: parse(raw)} for name, raw in fields]
        first.update(name for value in values for name in quotes.opaque_digests(key, value))
    return by_source


@lru_cache(maxsize=4)
def _matcher(rule_sets: tuple[PrivacyRules, ...]) -> Matcher:
    """Compiled once in a process, and in each that makes calls apart."""
    return Matcher(rule_sets)


def _candidates(groups: list[list[Piece]], matcher: Matcher) -> Turns[list[list[int] | None]]:
    """The matcher's first look at many pieces, in a thread: RE2 leaves the interpreter free meanwhile.

    Returns:
        For each group positions in it; None for one that is scanned apart, and for all where they are few.
    """
    matches: list[list[int] | None] = [None] * len(groups)
    here = [at for at, group in enumerate(groups) if len(group[0].raw) <= LARGE]
    if not matcher or len(here) < _MANY_GROUPS:
        return matches
    for start in range(0, len(here), _GROUPS):
        chunk = here[start : start + _GROUPS]
        raws = [[piece.raw for piece in groups[at]] for at in chunk]
        looked: list[list[int]] = yield Aside(_find_candidates, (matcher, raws))
        for at, positions in zip(chunk, looked, strict=True):
            matches[at] = positions
    return matches


def _find_candidates(matcher: Matcher, groups: list[list[bytes]]) -> list[list[int]]:
    return [matcher.find_candidates(raws) for raws in groups]


def _gather(pieces: list[Piece], rule_sets: tuple[PrivacyRules, ...]) -> list[PieceFacts]:
    return facts.gather(pieces, _matcher(rule_sets))


def _answers_unnamed(piece: Piece, calls: frozenset[str], itself: frozenset[str]) -> bool:
    return facts.answers_unnamed(piece.parsed(), calls, itself)


def _scan_whole(body: bytes, dialect: DialectName, rule_sets: tuple[PrivacyRules, ...]) -> Exposure:
    """Scan a body that has no plain outline: whole, and anew each time."""
    value = parse(body)
    if not isinstance(value, dict):
        return Exposure(readable=False)
    matcher = _matcher(rule_sets)
    sightings = (sighting for texts in _texts(value, dialect) for sighting in facts.sightings(texts, matcher))
    return Exposure(sources=frozenset(sighting.source for sighting in sightings))


def list_sightings(request: ModelRequest, rules: PrivacyRules) -> list[dict[str, str]]:
    """List everything in a request that must stay, and where; reads all of it, and stores nothing."""
    matcher = Matcher((rules,))
    if not matcher:
        return []
    sightings = [
        sighting
        for texts in _texts(parse(request.body), request.dialect)
        for sighting in facts.sightings(texts, matcher)
    ]
    for name, text in _header_texts(request):
        sightings += [
            Sighting(source, Part.TEXT, ("headers", name), words)
            for source, words in matcher.in_text(text, Part.TEXT)
        ]
    distinct = {(item.source, item.place): item for item in reversed(sightings)}
    return [_describe(item) for item in list(distinct.values())[::-1][:_MOST_SIGHTINGS]]


def _texts(value: Any, dialect: DialectName) -> Iterator[list[Text]]:
    """The strings of a decoded body, by piece."""
    fields = value.items() if isinstance(value, dict) else ()
    for name, field in fields:
        if WORDS[dialect].get(name) == MESSAGES and isinstance(field, list):
            yield from (list(walk(item, (name, at), Part.TEXT)) for at, item in enumerate(field))
        else:
            yield [
                Text((name,), Part.TEXT, name, spoken=False),
                *walk(field, (name,), facts.part_of(name), name),
            ]


def _edge(before: str, new: list[tuple[Piece, PieceFacts]]) -> str:
    """How the last of these messages ends."""
    return facts.edge(before, [item.edges for _, item in new])
