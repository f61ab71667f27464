"""What is known of a reply so far, gathered from its events as they pass."""

from collections.abc import Iterable

from router.types import Usage
from router.wire.events import (
    CallArguments,
    CallStarted,
    Event,
    Failed,
    Foreign,
    RefusalDelta,
    Started,
    Stopped,
    StopReason,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)

_CALLS = ("tool_use", "_call")
"""How the providers' words end for a call that they run themselves."""
_REASONING = "reasoning"
"""That a provider keeps to itself: it may go on for minutes, and is billed."""
_TEXTS = frozenset({TextDelta, ThinkingDelta, RefusalDelta, CallArguments})


class UsageObserver:
    """Reads events; changes none. See `router.types.Tap` for each field."""

    __slots__ = ("complete", "error", "failure", "model", "reason", "started", "usage", "written")

    def __init__(self, model: str = "") -> None:
        """Take the model's name, should the upstream give none."""
        self.usage: Usage | None = None
        self.model = model
        self.started = False
        self.complete = False
        self.error = ""
        self.failure: Failed | None = None
        """The error behind `error`."""
        self.reason: StopReason | None = None
        """Why the reply ended, once it has."""
        self.written = 0

    def observe(self, events: Iterable[Event]) -> None:
        """Take the next events."""
        for event in events:
            if type(event) in _TEXTS:
                if size := len(event.text):  # type: ignore[union-attr]  # one of those that have a text
                    self.written += size
                    self.started = True
            else:
                self._note(event)

    def _note(self, event: Event) -> None:
        match event:
            case CallStarted():
                self.started = True
            case Foreign(kind):
                self.started = self.started or kind == _REASONING or kind.endswith(_CALLS)
            case Started():
                self.model = event.model or self.model
            case UsageReport():
                self.usage = event.usage
            case Stopped():
                self.complete, self.reason = True, event.reason
            case Failed():
                self.failure = event
                self.error = event.message or event.kind
