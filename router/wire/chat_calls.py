"""Tool calls of a Chat Completions reply, put into the order that clients count on.

Servers differ from OpenAI's reference in ways that clients fail on:

- parallel calls all at index 0, or with no index: another id, or a name behind arguments that are
  complete, begins a new call;
- the name, or the id, again with each piece of one call; one id for several calls; no id at all;
- arguments as an object, or null, where JSON text belongs;
- no `[DONE]` behind the finish reason;
- `finish_reason: stop` (or `function_call`, `eos`) behind calls, where it is `tool_calls`.

What needs no change keeps its bytes.
"""

import re
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec

from router.wire.body import UNREADABLE
from router.wire.sse import Splitter, parse

_CALLS = b'"tool_calls"'
_FINISH = b'"finish_reason"'
_ENDED = re.compile(rb'"finish_reason"\s*:\s*"[a-z]')
_DONE = b"[DONE]"
_KEEP = b"\n\n"
_MOST_CALLS = 512
"""More are passed as they come."""

Json = dict[str, Any]


@dataclass(slots=True)
class _Call:
    """One call as it grows."""

    at: int
    """Its index in the reply."""
    id: str
    """As the server wrote it."""
    name: str
    arguments: str = ""
    again: str = ""
    """A name that came behind complete arguments; a new call, should more arguments follow."""

    @property
    def complete(self) -> bool:
        """Its arguments are a JSON object, to which nothing can be added."""
        if not self.arguments.rstrip().endswith("}"):
            return False
        try:
            return isinstance(msgspec.json.decode(self.arguments), dict)
        except UNREADABLE:
            return False


class CallStream:
    """Repairs a streamed reply: bytes in, bytes out, both cut anywhere."""

    def __init__(self) -> None:
        self._splitter = Splitter()
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._ids: set[str] = set()
        self._ended = self._done = False

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; what is no whole event yet waits."""
        return b"".join(self._block(block) + _KEEP for block in self._splitter.feed(chunk))

    def end(self) -> bytes:
        """The `[DONE]` that a server left out behind its finish reason; empty where the answer broke off."""
        return b"" if self._done or not self._ended else b"data: " + _DONE + _KEEP

    def _block(self, block: bytes) -> bytes:
        self._ended = self._ended or _ENDED.search(block) is not None
        self._done = self._done or _DONE in block
        if _CALLS not in block and not (self._calls and _FINISH in block):
            return block
        event = parse(block)
        try:
            data = msgspec.json.decode(event.data)
        except UNREADABLE:
            return block  # whoever reads it next tells what is wrong
        return b"data: " + msgspec.json.encode(data) if self._repaired(data) else block

    def _repaired(self, data: Any) -> bool:
        """Repair one chunk in place; tells whether anything was changed."""
        choices = data.get("choices") if isinstance(data, dict) else None
        choice = choices[0] if isinstance(choices, list) and len(choices) == 1 else None
        if not isinstance(choice, dict) or len(self._calls) > _MOST_CALLS:
            return False
        delta = choice.get("delta")
        listed = delta.get("tool_calls") if isinstance(delta, dict) else None
        changed = False
        if isinstance(listed, list) and all(isinstance(piece, dict) for piece in listed):
            changed = sum(map(self._place, listed)) > 0
        return _finish(choice, called=bool(self._calls)) or changed

    def _place(self, piece: Json) -> bool:
        before = msgspec.json.encode(piece)
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        name, new_id = _text(function.get("name")), _text(piece.get("id"))
        _spell_arguments(function)
        arguments = _text(function.get("arguments"))
        index = piece.get("index")
        call = self._by_index.get(index) if isinstance(index, int) else self._of_no_index(new_id)
        if call is None or self._begins(call, new_id, name, arguments):
            call = self._begin(piece, function, new_id, name or (call.again if call else ""))
            if isinstance(index, int):
                self._by_index[index] = call
        else:
            if call.name and name and not (name != call.name and not call.arguments):
                function.pop("name", None)
            else:
                call.name += name
            if name and call.complete and not arguments:
                call.again = name
            piece.pop("id", None)
        call.arguments += arguments
        piece["index"] = call.at
        return msgspec.json.encode(piece) != before

    def _of_no_index(self, new_id: str) -> _Call | None:
        """The call that a piece without an index goes on with: of its id, else the last."""
        same = next((call for call in reversed(self._calls) if new_id and call.id == new_id), None)
        return same or (self._calls[-1] if self._calls else None)

    def _begins(self, call: _Call, new_id: str, name: str, arguments: str) -> bool:
        """Whether a piece begins a call of its own rather than going on with `call`."""
        if new_id and call.id and new_id != call.id:
            return True
        if not (name or call.again) or not call.complete:
            return False
        if arguments.strip():
            return True
        return bool(name) and name != call.name

    def _begin(self, piece: Json, function: Json, new_id: str, name: str) -> _Call:
        call = _Call(at=len(self._calls), id=new_id, name=name)
        self._calls.append(call)
        piece["id"] = _own_id(new_id, self._ids)
        piece.setdefault("type", "function")
        if name or not function:
            function["name"] = name
        piece["function"] = function
        return call


def repair_reply(body: bytes) -> bytes:
    """Repair the calls of a whole reply; one that cannot be read is given back as it is."""
    if _CALLS not in body:
        return body
    try:
        data = msgspec.json.decode(body)
    except UNREADABLE:
        return body
    choices = data.get("choices") if isinstance(data, dict) else None
    changed = False
    for choice in choices if isinstance(choices, list) else ():
        message = choice.get("message") if isinstance(choice, dict) else None
        listed = message.get("tool_calls") if isinstance(message, dict) else None
        if not isinstance(listed, list) or not listed or not all(isinstance(call, dict) for call in listed):
            continue
        ids: set[str] = set()
        settled = [_settle(call, ids) for call in listed]
        changed |= True in settled
        changed |= _finish(choice, called=True)
    return msgspec.json.encode(data) if changed else body


def _settle(call: Json, ids: set[str]) -> bool:
    before = msgspec.json.encode(call)
    if isinstance(function := call.get("function"), dict):
        _spell_arguments(function)
    call["id"] = _own_id(_text(call.get("id")), ids)
    call.setdefault("type", "function")
    return msgspec.json.encode(call) != before


def _own_id(sent: str, ids: set[str]) -> str:
    """The id that a call has to itself in its reply."""
    own = sent if sent and sent not in ids else f"call_{uuid4().hex[:24]}"
    ids.add(own)
    return own


def _spell_arguments(function: Json) -> None:
    """Write arguments as JSON text."""
    arguments = function.get("arguments", "")
    if isinstance(arguments, dict | list):
        function["arguments"] = msgspec.json.encode(arguments).decode()
    elif not isinstance(arguments, str):
        function["arguments"] = ""


_OTHER_ENDS = ("tool_calls", "length", "content_filter")


def _finish(choice: Json, *, called: bool) -> bool:
    """Say `tool_calls` where a reply with calls ended of itself, whatever its server calls that."""
    reason = choice.get("finish_reason")
    if not called or not reason or reason in _OTHER_ENDS:
        return False
    choice["finish_reason"] = "tool_calls"
    return True


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
