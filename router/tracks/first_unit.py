"""The first useful unit of a local model's reply: until it is there, another track may still serve."""

from collections.abc import Iterable
from http import HTTPStatus

from router.types import TrackError
from router.wire.arguments import is_object
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Event,
    RefusalDelta,
    Stopped,
    TextDelta,
    ThinkingDelta,
)


class FirstUnit:
    """Looks for text, or a first tool call that is complete and sound."""

    def __init__(self, *, thinking: bool) -> None:
        """Take whether the client is sent the model's reasoning, which is then a unit, too."""
        self._texts = (TextDelta, RefusalDelta, ThinkingDelta) if thinking else (TextDelta, RefusalDelta)
        self._name = ""
        self._arguments: list[str] = []

    def reached(self, events: Iterable[Event]) -> bool:
        """Whether one has come with these events, or an end that counts as an answer.

        Raises:
            TrackError: `bad_tool_call`, the first call's arguments are no JSON object.
        """
        return any(self._reached(event) for event in events)

    def _reached(self, event: Event) -> bool:
        match event:
            case CallStarted():
                self._name, self._arguments = event.name, []
            case CallArguments():
                self._arguments.append(event.text)
            case CallEnded():
                check_call(self._name, "".join(self._arguments))
                return True
            case Stopped():
                return event.reason != "unstated"
            case _:
                return isinstance(event, self._texts) and bool(event.text)
        return False


def check_call(name: str, arguments: str) -> None:
    """Hold a complete tool call against what a client can use.

    Raises:
        TrackError: `bad_tool_call`, it has no name or its arguments are no JSON object.
    """
    if not name or not is_object(arguments.strip() or "{}"):
        raise TrackError(
            f"the local model's call of the tool `{name}` is not valid: its arguments are no JSON object",
            cause="bad_tool_call",
            status=HTTPStatus.BAD_GATEWAY,
        )


def check_reply(events: Iterable[Event]) -> None:
    """Hold a whole reply against what a client can use: something in it, and every complete call sound.

    Raises:
        TrackError: `bad_tool_call`, or `local_error` where there is nothing in it.
    """
    unit, useful = FirstUnit(thinking=True), False
    for event in events:
        useful = unit.reached((event,)) or isinstance(event, CallStarted) or useful
    if not useful:
        raise TrackError("the local model's answer is empty", cause="local_error", fault="server_error")
