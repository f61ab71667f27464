"""Answers sent before the request's body is read: refusals by its head, unknown paths.

The client is still sending, and many clients read the answer only afterwards. So the answer has
`connection: close` and its length, what still arrives is discarded within bounds, and then the
connection is closed. Closing it at once could lose the answer.
"""

from router.app.asgi_types import ASGI, Message, Receive, Scope, Send
from router.app.body import Body, Uploads

BODY = "turnout.body"
"""Key of the scope that holds the `Body`."""


class EarlyResponses:
    """ASGI middleware: the application may answer without reading the body, available by `body_of`."""

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
            await self._app(scope, body.receive, send if body.complete else _close_after(body, send))
        finally:
            body.release()


def body_of(scope: Scope) -> Body:
    """Return the body of a request that came through `EarlyResponses`."""
    body: Body = scope[BODY]
    return body


def _close_after(body: Body, send: Send) -> Send:
    """Wrap `send`: an answer that begins before `body` is complete closes the connection gracefully."""
    answered_early = False

    async def send_closing(message: Message) -> None:
        nonlocal answered_early
        if message["type"] == "http.response.start" and not body.complete:
            answered_early = any(name == b"content-length" for name, _ in message["headers"])
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        elif answered_early and not message.get("more_body", False):
            await send({**message, "more_body": True})
            await body.drain()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await send(message)

    return send_closing
