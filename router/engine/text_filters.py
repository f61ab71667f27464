"""What is taken out of a model's text while it streams: thinking, and all from a stop string on.

A filter takes text cut anywhere, and holds back only what may be the start of what it looks for.
"""

from typing import Literal

_THINK, END_THINK = "<think>", "</think>"


class ThinkingFilter:
    """Takes a leading `<think>` block out: it is not for clients, and a later Claude turn rejects it."""

    def __init__(self, *, inside: bool, off: bool = False) -> None:
        """`inside`: the prompt has opened a thinking block already; `off`: nothing is taken out."""
        self._state: Literal["start", "inside", "after", "passing"] = "inside" if inside else "start"
        if off:
            self._state = "passing"
        self._buffered = ""

    def feed(self, text: str) -> str:
        """Take more text and return the part that is surely no thinking."""
        if self._state == "passing":
            return text
        self._buffered += text
        if self._state == "start":
            lead = self._buffered.lstrip()
            if lead.startswith(_THINK):
                self._state, self._buffered = "inside", lead[len(_THINK) :]
            elif lead and not _THINK.startswith(lead):
                self._state = "passing"
                return self._buffered
        if self._state == "inside" and END_THINK in self._buffered:
            self._state, self._buffered = "after", self._buffered.partition(END_THINK)[2]
        if self._state == "after" and self._buffered.strip():
            self._state = "passing"
            return self._buffered.lstrip()
        return ""

    def close(self) -> str:
        """End the text and return what is still buffered."""
        return self._buffered if self._state == "start" else ""


class StopFilter:
    """Ends text before the first stop string; holds back what may be the start of one."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self.match = ""
        """The stop string that ended the text; empty while none did."""
        self._stops = stops
        self._buffered = ""

    def feed(self, text: str) -> str:
        """Take more text and return the part that is surely before a stop string."""
        if not self._stops:
            return text
        self._buffered += text
        starts = ((self._buffered.find(stop), stop) for stop in self._stops)
        first = min((start for start in starts if start[0] >= 0), default=None)
        if first is not None:
            at, self.match = first
            return self._buffered[:at]
        longest = min(max(map(len, self._stops)) - 1, len(self._buffered))
        ends = (
            n
            for n in range(longest, 0, -1)
            if any(stop.startswith(self._buffered[-n:]) for stop in self._stops)
        )
        size = len(self._buffered) - next(ends, 0)
        text, self._buffered = self._buffered[:size], self._buffered[size:]
        return text

    def close(self) -> str:
        """End the text and return what is still buffered."""
        buffered, self._buffered = self._buffered, ""
        return "" if self.match else buffered
