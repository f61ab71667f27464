"""Tool calls in a Chat Completions reply, repaired and put into the order that clients count on.

Servers differ from OpenAI's reference in ways that clients fail on:

- parallel calls all at index 0, or with no index: another id, or a name behind arguments that are
  complete, begins a new call;
- the name, or the id, again with each piece of one call; one id for several calls; no id at all;
- arguments as an object, or null, where JSON text belongs;
- another id with each piece of one call, whose arguments are still incomplete; a complete call once more;
- with each piece all of the arguments up to there, rather than what is new of them;
- `finish_reason: stop` (or `function_call`, `eos`, none at all) behind calls, where it is `tool_calls`, and
  `tool_calls` where none came; words of a server's own for `length` and `stop`;
- pieces of several calls in turns, and text between them: what belongs behind a call waits until that
  call is complete.

`Calls` repairs a decoded chunk in place; what needs no change is left alone. `CallOrder` makes the events.
"""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import msgspec

from router.wire.arguments import is_object
from router.wire.events import CallArguments, CallEnded, CallStarted, Event, UnreadableCall

MOST_CALLS = 512
"""More are passed as they come."""
_ENDED = CallEnded()
_WORDS: Mapping[str, str] = {
    "max_tokens": "length",
    "max_length": "length",
    "model_length": "length",
    "length": "length",
    "stop": "stop",
    "tool_calls": "tool_calls",
    "end_turn": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
}
"""Why a reply ended, in words of other servers and in OpenAI's."""
CUT = ("length", "content_filter")
"""Ends before the model's own."""
_COUNTED_ID = re.compile(r"(?:^[A-Za-z]*|[^A-Za-z0-9])\d{1,4}$")
_SHORTEST_ID = 8
"""Ids that are shorter, or count (`call_0`, `functions.read:1`), come again in the next turn."""

Json = dict[str, Any]


@dataclass(slots=True, eq=False)
class Call:
    """One call as it grows."""

    at: int
    """Its index in the reply."""
    id: str
    """As the server wrote it."""
    name: str
    pieces: list[str] = field(default_factory=list)
    next_name: str = ""
    """A name that came behind complete arguments; a new call, should more arguments follow."""
    queued: bool = False
    """It is in the queue of `CallOrder`, or was."""
    started: bool = False
    """Its `CallStarted` is out."""
    written: int = 0
    """How many of the pieces are out."""
    growing: bool = False
    """Its server sends all of the arguments again with each piece."""

    @property
    def unfinished(self) -> bool:
        """Its arguments are the beginning of a JSON object."""
        return "".join(self.pieces).lstrip().startswith("{") and not self.complete

    @property
    def complete(self) -> bool:
        """Its arguments are a JSON object, to which nothing can be added."""
        last = next((piece for piece in reversed(self.pieces) if piece.strip()), "")
        return last.rstrip().endswith("}") and is_object("".join(self.pieces))

    def rest_of(self, piece: str) -> str | None:
        """What is new in a piece that brings the arguments again from their beginning; None in any other.

        Behind a colon, a comma or a bracket such text may as well be a value inside of the arguments, and
        counts as one unless the call has grown so before.
        """
        if not self.pieces or not piece.startswith(self.pieces[0]):
            return None  # nearly all pieces
        before = "".join(self.pieces)
        if not piece.startswith(before) or not before.lstrip().startswith("{"):
            return None
        if self.complete and piece != before:
            return None
        if not self.growing and (len(piece) == len(before) or before.rstrip()[-1] in ":,["):
            return None
        return piece[len(before) :]


class Calls:
    """The calls of one streamed reply."""

    __slots__ = ("_by_index", "_ids", "calls", "changed")

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.changed = False
        """Something was changed since whoever encodes the chunk again set this back."""
        self._by_index: dict[int, Call] = {}
        self._ids: set[str] = set()

    def place(self, piece: Any) -> tuple[Call, str] | None:
        """Repair one piece; return its call and arguments, None for what is passed as it comes."""
        if not isinstance(piece, dict) or len(self.calls) > MOST_CALLS:
            return None
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        name, new_id = _text(function.get("name")), _text(piece.get("id"))
        self.changed |= _spell_arguments(function)
        arguments = _text(function.get("arguments"))
        index = piece.get("index")
        call = self._by_index.get(index) if isinstance(index, int) else self._of_no_index(new_id)
        if call is not None and _repeats(call, new_id, name, arguments):
            function["arguments"] = arguments = ""
            self.changed = True
        elif call is not None and new_id in ("", call.id) and (rest := call.rest_of(arguments)) is not None:
            call.growing = True
            function["arguments"] = arguments = rest
            self.changed = True
        if call is None or _begins(call, new_id, name, arguments):
            call = self._begin(piece, function, new_id, name or (call.next_name if call else ""))
            if isinstance(index, int):
                self._by_index[index] = call
        else:
            self._continue(call, piece, function, name, arguments)
        if arguments:
            call.pieces.append(arguments)
        self.changed |= index != call.at
        piece["index"] = call.at
        return call, arguments

    def _of_no_index(self, new_id: str) -> Call | None:
        """The call that a piece without an index goes on with: of its id, else the last."""
        same = next((call for call in reversed(self.calls) if new_id and call.id == new_id), None)
        return same or (self.calls[-1] if self.calls else None)

    def _begin(self, piece: Json, function: Json, new_id: str, name: str) -> Call:
        call = Call(at=len(self.calls), id=new_id, name=name)
        self.calls.append(call)
        self.changed |= _make_id_unique(piece, self._ids)
        if (name and function.get("name") != name) or not function:
            function["name"] = name
            piece["function"] = function
            self.changed = True
        return call

    def _continue(self, call: Call, piece: Json, function: Json, name: str, arguments: str) -> None:
        if call.name and name and (name == call.name or call.pieces):
            del function["name"]
            self.changed = True
        else:
            call.name += name
        if name and not arguments and call.complete:
            call.next_name = name
        if piece.pop("id", None) is not None:
            self.changed = True


def _repeats(call: Call, new_id: str, name: str, arguments: str) -> bool:
    """Whether a piece is all of a complete call once more."""
    if not arguments or not new_id or (new_id, name) != (call.id, call.name):
        return False
    return call.complete and arguments == "".join(call.pieces)


def _begins(call: Call, new_id: str, name: str, arguments: str) -> bool:
    """Whether a piece begins a call of its own rather than going on with `call`."""
    if new_id and call.id and new_id != call.id:
        if call.unfinished and arguments.strip() and not arguments.lstrip().startswith("{"):
            return bool(name) and name != call.name  # servers exist that number each piece anew
        return bool(name or call.next_name)
    if not (name or call.next_name) or not call.complete:
        return False
    return bool(arguments.strip()) or (bool(name) and name != call.name)


def finish_word(reason: Any, *, called: bool) -> Any:
    """Why a reply ended in OpenAI's word; what is no word of any server's stays as it is.

    Args:
        reason: as the server wrote it.
        called: whether the reply has calls.
    """
    if not isinstance(reason, str) or not reason:
        return reason
    word = _WORDS.get(reason.lower(), reason)
    if word in CUT:
        return word
    if called:
        return "tool_calls"
    return "stop" if word == "tool_calls" else word


def finish(choice: Json, *, called: bool) -> bool:
    """Write why a reply ended in OpenAI's word; return whether that is a change."""
    reason = choice.get("finish_reason")
    choice["finish_reason"] = finish_word(reason, called=called)
    return bool(choice["finish_reason"] != reason)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def lasting_id(call_id: str) -> str:
    """An id that no other turn's call has; Claude refuses a conversation in which one comes twice."""
    if len(call_id) < _SHORTEST_ID or _COUNTED_ID.search(call_id):
        return f"call_{uuid4().hex[:24]}"
    return call_id


class CallOrder:
    """The events of one streamed reply, in the order in which its blocks of content follow each other."""

    __slots__ = ("_lenient", "queue")

    def __init__(self, *, lenient: bool) -> None:
        """Start; `lenient` accepts calls whose pieces do not fit together."""
        self._lenient = lenient
        self.queue: deque[Call | list[Event]] = deque()
        """A call whose arguments are still coming, and what came behind it."""

    def add(self, event: Event, events: list[Event]) -> None:
        """Add to `events` something that is no call, once the calls before it are complete."""
        if not self.queue:
            events.append(event)
            return
        if isinstance(last := self.queue[-1], list):
            last.append(event)
        else:
            self.queue.append([event])
        self._advance(events)

    def extend(self, call: Call, arguments: str, events: list[Event]) -> None:
        """Add to `events` what may follow now that `arguments` came for `call`.

        Raises:
            UnreadableCall: the call has ended already, or has no name.
        """
        if not call.queued:
            call.queued = True
            self.queue.append(call)
            self._advance(events)
        elif self.queue and call is self.queue[0]:
            self._advance(events)
        elif call not in self.queue and arguments.strip() and not self._lenient:
            raise UnreadableCall(f"its tool call {call.at} came in pieces that cannot be put together")

    def close(self, events: list[Event], *, cut: bool) -> None:
        """Add to `events` all that is left; a call that was `cut` off at the limit may be incomplete."""
        while self.queue:
            first = self.queue.popleft()
            if isinstance(first, list):
                events += first
            elif first.name or not cut:
                self._write(first, events, last=True)
                if not cut or first.complete:
                    events.append(_ENDED)

    def _advance(self, events: list[Event]) -> None:
        while self.queue:
            first = self.queue[0]
            if isinstance(first, list):
                events += first
            else:
                self._write(first, events)
                if len(self.queue) == 1 or not first.complete:
                    return
                events.append(_ENDED)
            self.queue.popleft()

    def _write(self, call: Call, events: list[Event], *, last: bool = False) -> None:
        """Write what is new of a call: its name comes in pieces, but before its arguments."""
        if not call.started:
            if not (call.pieces or last or (self._lenient and call.name)):
                return
            if not call.name and not self._lenient:
                raise UnreadableCall(f"its tool call {call.at} has no name")
            call.started = True
            events.append(CallStarted(id=lasting_id(call.id), name=call.name))
        if call.written < len(call.pieces):
            events.append(CallArguments("".join(call.pieces[call.written :])))
            call.written = len(call.pieces)


def repair_choice(choice: Any) -> tuple[list[Json], bool]:
    """Repair the calls in a choice of a whole reply; return them, and whether anything was changed."""
    message = choice.get("message") if isinstance(choice, dict) else None
    listed = message.get("tool_calls") if isinstance(message, dict) else None
    calls = [call for call in listed if isinstance(call, dict)] if isinstance(listed, list) else []
    if not isinstance(choice, dict):
        return [], False
    ids: set[str] = set()
    changed = False
    if calls and not choice.get("finish_reason"):
        choice["finish_reason"] = "tool_calls"
        changed = True
    for call in calls:
        if isinstance(function := call.get("function"), dict):
            changed |= _spell_arguments(function)
        changed |= _make_id_unique(call, ids)
    return calls, finish(choice, called=bool(calls)) or changed


def call_events(calls: list[Json], *, cut: bool) -> list[Event]:
    """The events of repaired calls; of a reply that was `cut` off, the last may be incomplete.

    Raises:
        UnreadableCall: a call has no name.
    """
    events: list[Event] = []
    order = CallOrder(lenient=False)
    for at, call in enumerate(calls):
        function = call["function"] if isinstance(call.get("function"), dict) else {}
        pieces = [str(arguments)] if (arguments := function.get("arguments")) else []
        order.queue.append(Call(at=at, id=call["id"], name=str(function.get("name") or ""), pieces=pieces))
    order.close(events, cut=cut)
    return events


def _make_id_unique(call: Json, ids: set[str]) -> bool:
    """Give a call an id of its own in its reply, and its type; return whether anything was changed."""
    call_id = _text(call.get("id"))
    unique = call_id if call_id and call_id not in ids else f"call_{uuid4().hex[:24]}"
    ids.add(unique)
    changed = unique != call_id or "type" not in call
    call["id"] = unique
    call.setdefault("type", "function")
    return changed


def _spell_arguments(function: Json) -> bool:
    """Write arguments as JSON text; return whether anything was changed."""
    arguments = function.get("arguments", "")
    if isinstance(arguments, dict | list):
        function["arguments"] = msgspec.json.encode(arguments).decode()
        return True
    if not isinstance(arguments, str):
        function["arguments"] = ""
        return True
    return False
