"""Answers that go out before the request's body was read: a refusal by its head, an unknown path.

The client still sends, and many read the answer only afterwards. So the answer says
`connection: close` and its length, what still comes is dropped within bounds, and only
then is the connection closed: closed at once, the answer could be lost with it.
"""

from collections.abc import Awaitable, Callable

from router.app import response
from router.app.body import Body, Uploads
from router.app.disconnect import Message, Receive, Scope, Send
from router.errors import TurnoutError
from router.types import DialectName, Plan

ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]
BODY = "turnout.body"
"""Key of the scope under which an application finds the body."""
CLOSE = ("connection", "close")


async def send_error(
    error: TurnoutError,
    dialect: DialectName,
    request_id: str,
    body: Body,
    send: Send,
    *,
    plan: Plan | None = None,
) -> None:
    """Answer with `error`, and nothing before it; `plan` is what was decided, where it got that far."""
    content = response.error_body(dialect, error, request_id)
    fields = [*response.error_headers(error, response.refusal_labels(error, request_id, plan))]
    fields.append(("content-length", str(len(content))))
    if not body.complete:
        fields.append(CLOSE)
    status, raw = response.sendable(error.status), response.raw(tuple(fields))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    await body.drain()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class EarlyAnswers:
    """Lets an application answer without having read the body, which it gets by `body_of`."""

    def __init__(self, app: ASGI, uploads: Uploads) -> None:
        self._app = app
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = scope[BODY] = self._uploads.body(scope, receive)
        try:
            await self._app(scope, body.receive, send if body.complete else _closing(body, send))
        finally:
            body.release()


def body_of(scope: Scope) -> Body:
    """Return the body of a request that came through `EarlyAnswers`."""
    body: Body = scope[BODY]
    return body


def _closing(body: Body, send: Send) -> Send:
    """Wrap `send` so that an answer which begins before `body` is complete closes the connection well."""
    early = False

    async def sending(message: Message) -> None:
        nonlocal early
        if message["type"] == "http.response.start" and not body.complete:
            early = any(name == b"content-length" for name, _ in message["headers"])
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        elif early and not message.get("more_body", False):
            await send({**message, "more_body": True})
            await body.drain()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await send(message)

    return sending
