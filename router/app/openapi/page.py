"""`/openapi.json`, the description of the API, and `/docs`, the page on which each path can be tried.

Swagger UI's script and styles come with the package `fastapi-offline`, so that the page asks no other host
for anything; the dashboard's content security policy holds for it, but for images in the style sheet.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.resources import files
from string import Template

import msgspec
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute

from router.app.dashboard.renderer import ICON, IMMUTABLE, NO_STORE, SECURITY, name_asset, read_asset
from router.errors import NotFound

PATH = "/docs"
_OWN = "router.app.openapi"
_UI = "fastapi_offline"
_POLICY = "content-security-policy"
# Swagger UI's style sheet holds its arrows as `data:` images; they can do nothing.
_SECURITY = {**SECURITY, _POLICY: SECURITY[_POLICY].replace("img-src 'self'", "img-src 'self' data:")}


class Page:
    """The page and its files; nothing is read before somebody opens it."""

    def render(self) -> Response:
        """Return the page."""
        links = {role: f"{PATH}/files/{name}" for role, (name, *_) in self._files.items()}
        html = Template(read_asset(_OWN, "docs.html").decode()).substitute(links)
        return HTMLResponse(html, headers=_SECURITY | NO_STORE)

    def asset(self, name: str) -> Response:
        """Return a file of the page. Names are content hashes: cache them forever.

        Raises:
            NotFound: there is no file of this name.
        """
        match = next((file for file in self._files.values() if file[0] == name), None)
        if match is None:
            raise NotFound(f"there is no such file; load {PATH} again")
        _, body, kind = match
        return Response(body, headers=_SECURITY | IMMUTABLE | {"content-type": kind})

    @cached_property
    def _files(self) -> Mapping[str, tuple[str, bytes, str]]:
        """By what the page calls each: its name, bytes and content type."""
        bundled = files(_UI) / "static"
        sources = {
            "sheet": ((bundled / "swagger-ui.css").read_bytes(), "css", "text/css; charset=utf-8"),
            "bundle": ((bundled / "swagger-ui-bundle.js").read_bytes(), "js", _SCRIPT_TYPE),
            "script": (read_asset(_OWN, "docs.js"), "js", _SCRIPT_TYPE),
            "icon": (read_asset(*ICON), "svg", "image/svg+xml"),
        }
        return {role: (name_asset(body, end), body, kind) for role, (body, end, kind) in sources.items()}


_SCRIPT_TYPE = "text/javascript; charset=utf-8"


def build_openapi(routes: Sequence[APIRoute]) -> APIRouter:
    """Build the routes, which need no key, since they tell nothing of this endpoint.

    Args:
        routes: all others of the application.
    """
    router, page = APIRouter(), Page()
    described: list[bytes] = []

    def describe() -> bytes:
        """The description, made with the first look at it: most endpoints are never asked for it."""
        if not described:
            from router.app.openapi.document import build_description

            own = [route for route in router.routes if isinstance(route, APIRoute)]
            described.append(msgspec.json.encode(build_description([*routes, *own])))
        return described[0]

    @router.api_route("/openapi.json", methods=["GET", "HEAD"])
    def description() -> Response:
        """This description."""
        return Response(describe(), media_type="application/json")

    @router.get(PATH)
    def docs() -> Response:
        """The description as a page on which each path can be tried."""
        return page.render()

    @router.get(PATH + "/files/{name}")
    def docs_file(name: str) -> Response:
        """A script, style sheet or icon of that page."""
        return page.asset(name)

    return router
