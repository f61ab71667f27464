"""Renders pages from templates, with headers that keep other sites out.

- Every value is escaped; a missing one is an error.
- Styles and script are our own files, named by content hash: nothing inline, nothing external.
- Jinja is imported with the first page, so endpoints without visitors do not load it.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse, Response

from router.app.dashboard.auth import Visitor
from router.errors import NotFound
from router.reports import formats

if TYPE_CHECKING:
    from jinja2 import Environment

SECURITY = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
NO_STORE = {"cache-control": "no-store"}
IMMUTABLE = {"cache-control": "public, max-age=31536000, immutable"}
STYLE_SHEETS = (("router.reports", "page.css"), ("router.app.dashboard", "dashboard.css"))
SCRIPT = ("router.app.dashboard", "dashboard.js")
ICON = ("router.app.dashboard", "icon.svg")


class Renderer:
    """Renders pages and serves their assets."""

    def page(
        self,
        template: str,
        values: Mapping[str, Any],
        *,
        zone: tzinfo,
        visitor: Visitor | None = None,
        status: int = 200,
    ) -> Response:
        """Render a page; `visitor` is None before login."""
        context = {
            "visitor": visitor,
            "zone": zone,
            "files": self.assets.keys(),
            "when": _TimeFormatter(zone),
        }
        html = self._environment.get_template(template).render(context | dict(values))
        return HTMLResponse(html, status_code=status, headers=NO_STORE)

    def asset(self, name: str) -> Response:
        """Return a style sheet, the script or the icon. Names are content hashes: cache them forever.

        Raises:
            NotFound: there is no asset of this name.
        """
        if name not in self.assets:
            raise NotFound("there is no such file; load the page again")
        body, kind = self.assets[name]
        return Response(body, headers={"content-type": kind} | IMMUTABLE)

    @cached_property
    def assets(self) -> Mapping[str, tuple[bytes, str]]:
        """Assets by content hash: bytes and content type."""
        sheet = b"\n".join(read_asset(*source) for source in STYLE_SHEETS)
        script, icon = read_asset(*SCRIPT), read_asset(*ICON)
        return {
            name_asset(sheet, "css"): (sheet, "text/css; charset=utf-8"),
            name_asset(script, "js"): (script, "text/javascript; charset=utf-8"),
            name_asset(icon, "svg"): (icon, "image/svg+xml"),
        }

    @cached_property
    def _environment(self) -> "Environment":
        from jinja2 import Environment, PackageLoader, StrictUndefined

        environment = Environment(
            loader=PackageLoader("router.app.dashboard"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {
            name: getattr(formats, name) for name in ("integer", "tokens", "usd", "seconds")
        }
        environment.globals |= {
            "share": formats.share,
            "quantity": formats.quantity,
            "not_known": formats.NOT_KNOWN,
        }
        return environment


class _TimeFormatter:
    """Formats times in one zone."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def __call__(self, stamp: float | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
        if stamp is None:
            return formats.NOT_KNOWN
        return datetime.fromtimestamp(stamp, self._zone).strftime(form)

    def iso(self, stamp: float) -> str:
        """Format as ISO 8601, for `datetime` attributes."""
        return datetime.fromtimestamp(stamp, self._zone).isoformat(timespec="seconds")


def read_asset(package: str, name: str) -> bytes:
    """Read a file of a package's `templates`."""
    return (files(package) / "templates" / name).read_bytes()


def name_asset(content: bytes, extension: str) -> str:
    """Name a file by its content, so that it may be cached forever."""
    return f"{hashlib.sha256(content).hexdigest()[:16]}.{extension}"
