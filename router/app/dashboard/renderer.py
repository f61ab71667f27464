"""From a template and its values to a page, with the headers that keep other sites out of it.

- Every value is escaped; a missing one is an error.
- Styles and script are files of ours, named by their content: nothing inline, nothing from elsewhere.
- Jinja comes with the first page: an endpoint that nobody looks at does not load it.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse, Response

from router.app.dashboard.auth import Visitor
from router.errors import NoSuchRoute
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
FRESH = {"cache-control": "no-store"}
FOR_GOOD = {"cache-control": "public, max-age=31536000, immutable"}
SHEETS = (("router.reports", "page.css"), ("router.app.dashboard", "dashboard.css"))
SCRIPT = ("router.app.dashboard", "dashboard.js")
ICON = ("router.app.dashboard", "icon.svg")


class Look:
    """Makes pages."""

    def page(
        self,
        template: str,
        values: Mapping[str, Any],
        *,
        zone: tzinfo,
        visitor: Visitor | None = None,
        status: int = 200,
    ) -> Response:
        """Make one; `visitor` is None for whoever is not let in yet."""
        known = {"visitor": visitor, "zone": zone, "files": self.assets.keys(), "when": _Clock(zone)}
        made = self._environment.get_template(template).render(known | dict(values))
        return HTMLResponse(made, status_code=status, headers=FRESH)

    def asset(self, name: str) -> Response:
        """Give a style sheet or the script; what has a content's name never changes.

        Raises:
            NoSuchRoute: there is none of this name.
        """
        if name not in self.assets:
            raise NoSuchRoute("there is no such file; load the page again")
        body, kind = self.assets[name]
        return Response(body, headers={"content-type": kind} | FOR_GOOD)

    @cached_property
    def assets(self) -> Mapping[str, tuple[bytes, str]]:
        """What pages need, by a name that its content gives."""
        sheet = b"\n".join(_read(*one) for one in SHEETS)
        script, icon = _read(*SCRIPT), _read(*ICON)
        return {
            f"{_named(sheet)}.css": (sheet, "text/css; charset=utf-8"),
            f"{_named(script)}.js": (script, "text/javascript; charset=utf-8"),
            f"{_named(icon)}.svg": (icon, "image/svg+xml"),
        }

    @cached_property
    def _environment(self) -> "Environment":
        from jinja2 import Environment, PackageLoader, StrictUndefined

        made = Environment(
            loader=PackageLoader("router.app.dashboard"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.filters |= {name: getattr(formats, name) for name in ("integer", "tokens", "usd", "seconds")}
        made.globals |= {
            "share": formats.share,
            "quantity": formats.quantity,
            "not_known": formats.NOT_KNOWN,
        }
        return made


class _Clock:
    """Writes times in one zone."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def __call__(self, stamp: float | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
        if stamp is None:
            return formats.NOT_KNOWN
        return datetime.fromtimestamp(stamp, self._zone).strftime(form)

    def iso(self, stamp: float) -> str:
        """For programs."""
        return datetime.fromtimestamp(stamp, self._zone).isoformat(timespec="seconds")


def _read(package: str, name: str) -> bytes:
    return (files(package) / "templates" / name).read_bytes()


def _named(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
