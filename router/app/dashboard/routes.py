"""Routes of `/dashboard`: pages, assets, login and logout, and revoking keys.

Pages query the database, so they are rendered on worker threads. Errors are pages too, with the
same security headers.
"""

import asyncio
import re
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import tzinfo
from typing import Any
from urllib.parse import parse_qsl, urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from fastapi.routing import APIRoute

from router.app.authentication import headers_of
from router.app.body import take_body
from router.app.dashboard import overview, policies_page, request_list, request_page, teams_page
from router.app.dashboard.auth import (
    NO_ADMIN_HINT,
    PATH,
    DashboardAuth,
    LoginNeeded,
    Visitor,
    read_cookie,
    session_cookie,
)
from router.app.dashboard.context import DashboardOptions
from router.app.dashboard.query import (
    KIND_LABELS,
    PERIODS,
    build_filter,
    find_zone_or_utc,
    parse_query,
    resolve_period,
)
from router.app.dashboard.renderer import NO_STORE, SECURITY, Renderer
from router.app.early_response import body_of
from router.errors import (
    BadKey,
    BadRequest,
    NotFound,
    RateLimited,
    TurnoutError,
    Unavailable,
    UnsupportedMedia,
)
from router.ledger.sessions import Sessions
from router.wire.headers import field

ZONE = "turnout-zone"
"""Cookie with the time zone of the visitor's browser."""
FORM = "application/x-www-form-urlencoded"
MOST_BYTES = 16_384
MOST_FIELDS = 20
"""Of a form; ours have three at most."""
_OWN_PAGE = re.compile(r"/dashboard(?:[/?][\x21-\x7e]*)?")
"""Allowed targets after a login: pages of the dashboard only."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def build_dashboard(options: DashboardOptions) -> APIRouter:
    """Build the routes below `/dashboard`."""
    renderer, auth = Renderer(), DashboardAuth(options.keyring, Sessions(options.engine))
    router = APIRouter(prefix=PATH, route_class=_pages(renderer), include_in_schema=False)
    _add_pages(router, options, renderer, auth)
    _add_changes(router, options, renderer, auth)

    @router.get("/files/{name}")
    def file(name: str) -> Response:
        """Assets; public, since the login page needs them."""
        return renderer.asset(name)

    @router.get("/{path:path}")
    def unknown_page(request: Request, path: str) -> Response:
        """Any other path: 404 after authentication."""
        del path
        auth.authenticate(request)
        raise NotFound("There is no such page.")

    return router


def _add_pages(router: APIRouter, options: DashboardOptions, renderer: Renderer, auth: DashboardAuth) -> None:
    """Add the pages that only show."""

    def page(request: Request, template: str, values: Mapping[str, Any], visitor: Visitor) -> Response:
        here = {"here": request.url.path}
        return renderer.page(template, here | dict(values), zone=visitor_zone(request), visitor=visitor)

    @router.get("")
    def overview_page(request: Request) -> Response:
        """The first page, which refreshes itself."""
        visitor = auth.authenticate(request)
        view = overview.load_overview(options, visitor_zone(request))
        return page(
            request, "overview.html", {"overview": view, "outcome": request_list.describe_outcome}, visitor
        )

    @router.get("/requests")
    def request_list_page(request: Request) -> Response:
        """The requests of a query, newest first."""
        visitor, zone = auth.authenticate(request), visitor_zone(request)
        query = parse_query(request.query_params)
        since, until = resolve_period(query, zone, time.time())
        view = request_list.load_requests(options.engine, query, since, until, zone)
        values = {
            "query": query,
            "view": view,
            "periods": PERIODS,
            "kinds": KIND_LABELS,
            "outcome": request_list.describe_outcome,
        }
        return page(request, "requests.html", values, visitor)

    @router.get("/requests.csv")
    def request_export(request: Request) -> Response:
        """All requests of a query as CSV."""
        auth.authenticate(request)
        query = parse_query(request.query_params)
        row_filter = build_filter(query, *resolve_period(query, visitor_zone(request), time.time()))
        content_type = {"content-type": "text/csv; charset=utf-8; header=present"}
        disposition = {"content-disposition": 'attachment; filename="turnout-requests.csv"'}
        return StreamingResponse(
            request_list.export_csv(options.engine, row_filter), headers=content_type | disposition | NO_STORE
        )

    @router.get("/requests/{request_id}")
    def request_detail(request: Request, request_id: str) -> Response:
        """One request; 404 if the ledger has none of this id."""
        visitor = auth.authenticate(request)
        view = request_page.load_request(options, request_id)
        if view is None:
            raise NotFound(
                "The ledger has no such request. A new one appears within a second; old ones may have been "
                "removed."
            )
        return page(
            request, "request.html", {"view": view, "outcome": request_list.describe_outcome}, visitor
        )

    @router.get("/policy")
    def policy(request: Request) -> Response:
        """The policies in use, with their checks."""
        visitor = auth.authenticate(request)
        return page(
            request,
            "policy.html",
            {
                "policies": policies_page.load_policies(options),
                "days": policies_page.DAYS,
                "reserved": policies_page.RESERVED_RULES,
            },
            visitor,
        )

    @router.get("/teams")
    def teams(request: Request) -> Response:
        """Teams, budgets and the keys in force."""
        visitor = auth.authenticate(request)
        return page(
            request, "teams.html", {"view": teams_page.load_teams(options, visitor_zone(request))}, visitor
        )


def _add_changes(
    router: APIRouter, options: DashboardOptions, renderer: Renderer, auth: DashboardAuth
) -> None:
    """Add login, logout and the changes."""

    @router.post("/keys/{key_id}/revoke")
    async def revoke(request: Request, key_id: str) -> Response:
        """Revoke a key, and return to the teams."""
        form = await _form(request)
        await asyncio.to_thread(auth.authenticate_form, request, form.get("token", ""))
        if not await asyncio.to_thread(options.accounts.revoke_key, key_id):
            raise NotFound("There is no such key in force.")
        await options.apply_changes()
        return _redirect(f"{PATH}/teams")

    @router.get("/login")
    def login(request: Request) -> Response:
        """The login form; `next` is the page to open afterwards."""
        return _render_login(renderer, auth, request, request.query_params.get("next", ""))

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        """Begin a session, and redirect to the page that was requested."""
        form = await _form(request)
        next_page = form.get("next", "")
        try:
            token = await asyncio.to_thread(auth.log_in, request, form.get("key", ""))
        except (BadKey, RateLimited) as refused:
            return await asyncio.to_thread(_render_login, renderer, auth, request, next_page, refused)
        headers = {"set-cookie": session_cookie(headers_of(request.scope), token)}
        return _redirect(next_page if _OWN_PAGE.fullmatch(next_page) else PATH, headers)

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        """End the session, and redirect to the login."""
        form = await _form(request)
        await asyncio.to_thread(auth.authenticate_form, request, form.get("token", ""))
        await asyncio.to_thread(auth.log_out, request)
        headers = {"set-cookie": session_cookie(headers_of(request.scope), "")}
        return _redirect(f"{PATH}/login", headers)


def visitor_zone(request: Request) -> tzinfo:
    """Return the time zone of the visitor's browser; UTC if unknown."""
    return find_zone_or_utc(read_cookie(headers_of(request.scope), ZONE))


def _pages(renderer: Renderer) -> type[APIRoute]:
    """Build a route class that adds the security headers and renders errors as pages."""

    class Page(APIRoute):
        def get_route_handler(self) -> Handler:
            inner = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    response = await inner(request)
                except LoginNeeded as needed:
                    response = _redirect_to_login(renderer, request, needed)
                except TurnoutError as error:
                    response = _render_error(renderer, request, error)
                except (sa.exc.OperationalError, sa.exc.TimeoutError):
                    busy = Unavailable("The ledger cannot be read now. Try again in a moment.")
                    response = _render_error(renderer, request, busy)
                response.headers.update(SECURITY)
                return response

            return answer

    return Page


def _redirect_to_login(renderer: Renderer, request: Request, error: LoginNeeded) -> Response:
    """Redirect a browser to the login, and back afterwards; programs get the error."""
    if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
        return _render_error(renderer, request, error)
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return _redirect(f"{PATH}/login" + (f"?{urlencode({'next': target})}" if target != PATH else ""))


def _render_error(renderer: Renderer, request: Request, error: TurnoutError) -> Response:
    values = {"error": error, "here": request.url.path}
    response = renderer.page("error.html", values, zone=visitor_zone(request), status=error.status)
    if error.retry_after is not None:
        response.headers["retry-after"] = f"{error.retry_after:.0f}"
    return response


def _render_login(
    renderer: Renderer,
    auth: DashboardAuth,
    request: Request,
    next_page: str,
    refused: TurnoutError | None = None,
) -> Response:
    values = {
        "next_page": next_page if _OWN_PAGE.fullmatch(next_page) else "",
        "refused": refused.message if refused else "",
        "hint": "" if auth.admins else NO_ADMIN_HINT,
        "here": request.url.path,
    }
    status = refused.status if refused else 200
    response = renderer.page("login.html", values, zone=visitor_zone(request), status=status)
    if refused is not None and refused.retry_after is not None:
        response.headers["retry-after"] = f"{refused.retry_after:.0f}"
    return response


def _redirect(where: str, headers: Mapping[str, str] | None = None) -> Response:
    return RedirectResponse(where, status_code=303, headers=NO_STORE | dict(headers or {}))


async def _form(request: Request) -> dict[str, str]:
    """Parse a form.

    Raises:
        UnsupportedMedia: the body is not a form.
        TooLarge: it is longer than `MOST_BYTES`.
        BadRequest: it has more than `MOST_FIELDS`.
    """
    headers = headers_of(request.scope)
    if field(headers, "content-type").partition(";")[0].strip().lower() != FORM:
        raise UnsupportedMedia("content-type: must be that of a form")
    body = await take_body(body_of(request.scope), headers, limit=MOST_BYTES)
    if body.count(b"&") >= MOST_FIELDS:
        raise BadRequest(f"the form has more than {MOST_FIELDS} fields; load the page again and repeat it")
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
