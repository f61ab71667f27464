"""Stops pages of other sites from using the endpoint through a browser; in front of every path.

Browsers state where a request comes from in `Origin` and `Sec-Fetch-Site`, which no page can forge
(Fetch Standard; Fetch Metadata Request Headers). Other clients send neither, and pass. With DNS
rebinding, a foreign name resolves to this machine and its pages look like ours; so only requests
whose `Host` is in `HostRule` are answered.
"""

import time
import uuid

import structlog

from router.app.asgi_types import ASGI, Message, Receive, Scope, Send
from router.app.body import Uploads
from router.app.refusals import OnRefusal, ignore, refusal_of
from router.app.response import LABELS, dialect_for_path, send_error
from router.errors import BadRequest, HeadersTooLarge, NotAllowed, TurnoutError, UnsupportedMedia
from router.settings import Settings, parse_listen
from router.system.host_names import HostRule, OriginRule, is_same

log = structlog.get_logger(__name__)

SITE = b"sec-fetch-site"
OWN_SITE = (b"same-origin", b"none")
"""Values of `Sec-Fetch-Site` for our own pages and for addresses a person typed."""
MOST_FIELDS = 256
"""Header fields in a request."""
MAX_CACHED_HOSTS = 512
"""Hosts whose verdict is cached."""
LOG_AGAIN_S = 60.0
OWN_PAGES = ("/admin", "/dashboard")
"""Paths that pages of other sites may not use, whatever `allowed_origins` says."""
LINKABLE_PATHS = ("/dashboard", "/docs")
"""Paths that a link of another site may open: a page that is quoted, to the person alone."""
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
PREFLIGHT = b"access-control-request-method"
EXPOSED = ", ".join(sorted(("retry-after", *LABELS))).encode()

Fields = dict[bytes, bytes]


class OriginGuard:
    """ASGI middleware that checks `Host`, `Origin` and `Sec-Fetch-Site`."""

    def __init__(
        self, app: ASGI, *, settings: Settings, uploads: Uploads, on_refusal: OnRefusal = ignore
    ) -> None:
        self._app = app
        self._uploads = uploads
        self._on_refusal = on_refusal
        self._hosts = HostRule(parse_listen(settings.listen)[0], settings.allowed_hosts)
        self._origins = OriginRule(settings.allowed_origins)
        self._allowed_hosts: dict[bytes, bool] = {}
        self._logged = -LOG_AGAIN_S

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = scope["headers"]
        fields: Fields = dict(headers)
        try:
            if len(headers) > MOST_FIELDS:
                raise HeadersTooLarge(f"the head has more than {MOST_FIELDS} fields; send fewer")
            self._check_host(scope, fields)
            page = self._check_browser(scope, fields) if b"origin" in fields or SITE in fields else None
        except TurnoutError as error:
            self._log(scope, error)
            await self._refuse(scope, receive, send, error)
            return
        if page is not None:
            if scope["method"] == "OPTIONS" and PREFLIGHT in fields:
                await _preflight(fields, page, send)
                return
            send = _with_cors(page, send)
        await self._app(scope, receive, send)

    def _check_host(self, scope: Scope, fields: Fields) -> None:
        host = fields.get(b"host")
        if host is None:
            if scope["http_version"] == "1.0":
                return  # no browser: they all speak 1.1 and name a host
            raise BadRequest("host: the field is missing; HTTP/1.1 requires it")
        allowed = self._allowed_hosts.get(host)
        if allowed is None:
            allowed = self._hosts.allows(host.decode("latin-1"))
            if len(self._allowed_hosts) >= MAX_CACHED_HOSTS:
                self._allowed_hosts.clear()
            self._allowed_hosts[host] = allowed
        if not allowed:
            raise NotAllowed(
                f"host: {host.decode('latin-1')[:100]!r} is not a name of this endpoint; ask for 127.0.0.1, "
                "or add the name to `allowed_hosts` (TURNOUT_ALLOWED_HOSTS)"
            )
        if len(fields) != len(scope["headers"]):
            _check_single(scope, b"host")

    def _check_browser(self, scope: Scope, fields: Fields) -> bytes | None:
        """Check the page that sent this; returns its origin if it is another site and allowed."""
        _check_single(scope, b"origin")
        page = fields.get(b"origin")
        if page is not None and (
            fields.get(SITE) == b"same-origin"  # a proxy may have put another name into `Host`
            or is_same(page.decode("latin-1"), fields.get(b"host", b"").decode("latin-1"))
        ):
            page = None
        if page is not None:
            self._check_page(scope, page.decode("latin-1"))
        elif fields.get(SITE, b"none") not in OWN_SITE and not _is_page_navigation(scope, fields):
            raise NotAllowed(
                "sec-fetch-site: a page of another site sent this; this path is for programs and for the "
                "endpoint's own pages"
            )
        if scope["method"] in WITH_BODY and not _is_under(scope, ("/dashboard",)):
            _check_json(fields)
        return page

    def _check_page(self, scope: Scope, origin: str) -> None:
        quoted = repr(origin[:100])
        if _is_under(scope, OWN_PAGES):
            raise NotAllowed(f"origin: {quoted} is another site; its pages may not use {scope['path'][:100]}")
        if not self._origins.allows(origin):
            raise NotAllowed(
                f"origin: pages of {quoted} may not use this endpoint; if you trust all of them, add it to "
                "`allowed_origins` (TURNOUT_ALLOWED_ORIGINS)"
            )

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, error: TurnoutError) -> None:
        names = {name.decode("latin-1") for name, _ in scope["headers"]}
        dialect = dialect_for_path(scope["path"], names)
        request_id = uuid.uuid4().hex
        self._on_refusal(refusal_of(scope, request_id, error))
        await send_error(error, dialect, request_id, self._uploads.body(scope, receive), send)

    def _log(self, scope: Scope, error: TurnoutError) -> None:
        now = time.monotonic()
        if now - self._logged >= LOG_AGAIN_S:
            self._logged = now
            log.warning("browser_refused", path=scope["path"][:200], why=error.message)


def _check_single(scope: Scope, name: bytes) -> None:
    if sum(field == name for field, _ in scope["headers"]) > 1:
        raise BadRequest(f"{name.decode()}: the field is there twice; send it once")


def _check_json(fields: Fields) -> None:
    """Refuse bodies that a form on another site could send without a preflight."""
    kind = fields.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        raise UnsupportedMedia("content-type: must be application/json, as a browser sends this")


def _is_page_navigation(scope: Scope, fields: Fields) -> bool:
    """Whether a person follows a link: the browser shows the page, and no script can read it."""
    return (
        scope["method"] == "GET"
        and fields.get(b"sec-fetch-mode") == b"navigate"
        and fields.get(b"sec-fetch-dest") == b"document"
        and (scope["path"] == "/" or _is_under(scope, LINKABLE_PATHS))
    )


def _is_under(scope: Scope, roots: tuple[str, ...]) -> bool:
    path: str = scope["path"]
    return any(path == root or path.startswith(root + "/") for root in roots)


def _with_cors(origin: bytes, send: Send) -> Send:
    """Wrap `send` so that the page at `origin` may read the answer."""
    fields = [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", EXPOSED),
        (b"vary", b"origin"),
    ]

    async def send_with_cors(message: Message) -> None:
        if message["type"] == "http.response.start":
            # An upstream's CORS headers are about its own pages.
            own = [pair for pair in message["headers"] if not pair[0].startswith(b"access-control-")]
            message = {**message, "headers": [*own, *fields]}
        await send(message)

    return send_with_cors


async def _preflight(fields: Fields, origin: bytes, send: Send) -> None:
    """Allow the actual request (Fetch Standard, CORS-preflight fetch)."""
    headers = [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", b"GET, POST"),
        (b"access-control-allow-headers", fields.get(b"access-control-request-headers", b"content-type")),
        (b"access-control-max-age", b"600"),
        (b"vary", b"origin"),
        (b"content-length", b"0"),
    ]
    if b"access-control-request-private-network" in fields:
        headers.append((b"access-control-allow-private-network", b"true"))
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
