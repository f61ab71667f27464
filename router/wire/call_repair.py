"""Tool calls in a Chat Completions reply, put into the order that clients count on.

Servers differ from OpenAI's reference in ways that clients fail on:

- parallel calls all at index 0, or with no index: another id, or a name behind arguments that are
  complete, begins a new call;
- the name, or the id, again with each piece of one call; one id for several calls; no id at all;
- arguments as an object, or null, where JSON text belongs;
- `finish_reason: stop` (or `function_call`, `eos`) behind calls, where it is `tool_calls`.

A decoded chunk or document is changed in place; what needs no change is left alone.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import msgspec

from router.wire.arguments import is_object

MOST_CALLS = 512
"""More are passed as they come."""
_OTHER_ENDS = ("tool_calls", "length", "content_filter")

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
    again: str = ""
    """A name that came behind complete arguments; a new call, should more arguments follow."""
    queued: bool = False
    """Its turn to be told of has come, or is waited for."""
    begun: bool = False
    """That it began has been told."""
    written: int = 0
    """How many of the pieces have been told."""

    @property
    def complete(self) -> bool:
        """Its arguments are a JSON object, to which nothing can be added."""
        last = next((piece for piece in reversed(self.pieces) if piece.strip()), "")
        return last.rstrip().endswith("}") and is_object("".join(self.pieces))


class Calls:
    """The calls of one streamed reply."""

    __slots__ = ("_by_index", "_ids", "calls", "changed")

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.changed = False
        """Something has been changed; who re-encodes takes it back."""
        self._by_index: dict[int, Call] = {}
        self._ids: set[str] = set()

    def place(self, piece: Any) -> tuple[Call, str] | None:
        """Repair one piece; return its call and arguments, None for what is passed as it comes."""
        if not isinstance(piece, dict) or len(self.calls) > MOST_CALLS:
            return None
        return self._place(piece)

    def _place(self, piece: Json) -> tuple[Call, str]:
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        name, new_id = _text(function.get("name")), _text(piece.get("id"))
        self.changed |= spell_arguments(function)
        arguments = _text(function.get("arguments"))
        index = piece.get("index")
        call = self._by_index.get(index) if isinstance(index, int) else self._of_no_index(new_id)
        if call is None or _begins(call, new_id, name, arguments):
            call = self._begin(piece, function, new_id, name or (call.again if call else ""))
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
        self.changed |= own_id(piece, self._ids)
        if (name and function.get("name") != name) or not function:
            function["name"] = name
            self.changed = True
        if piece.get("function") is not function:
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
            call.again = name
        if piece.pop("id", None) is not None:
            self.changed = True


def _begins(call: Call, new_id: str, name: str, arguments: str) -> bool:
    """Whether a piece begins a call of its own rather than going on with `call`."""
    if new_id and call.id and new_id != call.id:
        return True
    if not (name or call.again) or not call.complete:
        return False
    return bool(arguments.strip()) or (bool(name) and name != call.name)


def own_id(call: Json, ids: set[str]) -> bool:
    """Give a call an id to itself in its reply, and its type; tells whether anything was changed."""
    sent = _text(call.get("id"))
    own = sent if sent and sent not in ids else f"call_{uuid4().hex[:24]}"
    ids.add(own)
    changed = own != sent or "type" not in call
    call["id"] = own
    call.setdefault("type", "function")
    return changed


def spell_arguments(function: Json) -> bool:
    """Write arguments as JSON text; tells whether they were not."""
    arguments = function.get("arguments", "")
    if isinstance(arguments, dict | list):
        function["arguments"] = msgspec.json.encode(arguments).decode()
        return True
    if not isinstance(arguments, str):
        function["arguments"] = ""
        return True
    return False


def finish(choice: Json, *, called: bool) -> bool:
    """Say `tool_calls` where a reply with calls ended of itself, whatever its server calls that."""
    if not ended_otherwise(choice.get("finish_reason"), called=called):
        return False
    choice["finish_reason"] = "tool_calls"
    return True


def ended_otherwise(reason: Any, *, called: bool) -> bool:
    """Whether a reason is a server's own word for an end behind calls."""
    return called and bool(reason) and reason not in _OTHER_ENDS


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
