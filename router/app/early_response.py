"""Answers that go out before the request's body was read: a refusal by its head, an unknown path.

The client still sends, and many read the answer only afterwards. So the answer says
`connection: close` and its length, what still comes is dropped within bounds, and only
then is the connection closed: closed at once, the answer could be lost with it.
"""

from router.app.asgi_types import ASGI, Message, Receive, Scope, Send
from router.app.body import Body, Uploads

BODY = "turnout.body"
"""Key of the scope under which an application finds the body."""


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
