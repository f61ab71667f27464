"""Requests that are refused before anything is decided: told to whoever writes a line for each."""

from collections.abc import Callable

from router.app.asgi_types import Scope
from router.errors import TurnoutError
from router.telemetry.request_log import Refusal

OnRefusal = Callable[[Refusal], None]


def ignore(_: Refusal) -> None:
    """Write no line."""


def refusal_of(scope: Scope, request_id: str, error: TurnoutError) -> Refusal:
    """What a line tells of a refused request: nothing of its text."""
    agent = next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
    return Refusal(
        id=request_id,
        client=agent.decode("latin-1"),
        method=scope["method"],
        path=scope["path"],
        status=error.status,
        record=error.record,
    )
