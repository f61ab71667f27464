"""Events of a reply in the order in which blocks of content follow each other.

Servers of Chat Completions may send pieces of several calls in turns, and text between them. What
belongs behind a call waits until that call is complete.
"""

import re
from collections import deque
from uuid import uuid4

from router.wire.call_repair import Call
from router.wire.codec import UnreadableCall
from router.wire.events import CallArguments, CallEnded, CallStarted, Event

ENDED = CallEnded()
_COUNTED_ID = re.compile(r"(?:^[A-Za-z]*|[^A-Za-z0-9])\d{1,4}$")
_SHORTEST_ID = 8
"""Ids that are shorter, or count (`call_0`, `functions.read:1`), come again in the next turn."""


def lasting_id(sent: str) -> str:
    """An id that no other turn's call has; Claude refuses a conversation in which one comes twice."""
    if len(sent) < _SHORTEST_ID or _COUNTED_ID.search(sent):
        return f"call_{uuid4().hex[:24]}"
    return sent


class CallOrder:
    """The blocks of one streamed reply that are not told in full."""

    __slots__ = ("_lenient", "_queue")

    def __init__(self, *, lenient: bool) -> None:
        """Start; `lenient` takes calls that nobody could put together."""
        self._lenient = lenient
        self._queue: deque[Call | list[Event]] = deque()
        """A call whose arguments are being told, and what came behind it."""

    def tell(self, event: Event, events: list[Event]) -> None:
        """Add to `events` something that is no call, once the calls before it are complete."""
        if not self._queue:
            events.append(event)
            return
        if isinstance(last := self._queue[-1], list):
            last.append(event)
        else:
            self._queue.append([event])
        self._advance(events)

    def grow(self, call: Call, arguments: str, events: list[Event]) -> None:
        """Add to `events` what can be told, since `arguments` came for `call`.

        Raises:
            UnreadableCall: the call has ended already, or has no name.
        """
        if not call.queued:
            call.queued = True
            self._queue.append(call)
            self._advance(events)
        elif self._queue and call is self._queue[0]:
            self._advance(events)
        elif call not in self._queue and arguments.strip() and not self._lenient:
            raise UnreadableCall(f"its tool call {call.at} came in pieces that cannot be put together")

    def close(self, events: list[Event], *, cut: bool) -> None:
        """Add to `events` all that is left; a call that was `cut` off at the limit may be incomplete."""
        while self._queue:
            first = self._queue.popleft()
            if isinstance(first, list):
                events += first
            elif first.name or not cut:
                self._write(first, events, last=True)
                if not cut or first.complete:
                    events.append(ENDED)

    def _advance(self, events: list[Event]) -> None:
        while self._queue:
            first = self._queue[0]
            if isinstance(first, list):
                events += first
            else:
                self._write(first, events)
                if len(self._queue) == 1 or not first.complete:
                    return
                events.append(ENDED)
            self._queue.popleft()

    def _write(self, call: Call, events: list[Event], *, last: bool = False) -> None:
        """Tell what is new of a call: its name comes in pieces, but before its arguments."""
        if not call.begun:
            if not (call.pieces or last or (self._lenient and call.name)):
                return
            if not call.name and not self._lenient:
                raise UnreadableCall(f"its tool call {call.at} has no name")
            call.begun = True
            events.append(CallStarted(id=lasting_id(call.id), name=call.name))
        if call.written < len(call.pieces):
            events.append(CallArguments("".join(call.pieces[call.written :])))
            call.written = len(call.pieces)
