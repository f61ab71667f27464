"""`/dashboard`: its pages, their files, logging in and out, and the few things that can be changed there.

Every page is made on a worker thread, since it asks the database; no answer waits for it.
Whatever goes wrong is a page, too, with the headers that all of them carry.
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
from router.app.dashboard.auth import NO_ADMIN, PATH, Door, LoginNeeded, Visitor, cookie, session_cookie
from router.app.dashboard.context import DashboardOptions
from router.app.dashboard.query import RARE, SPANS, period, read, which, zone_named
from router.app.dashboard.renderer import FRESH, SECURITY, Look
from router.app.early_response import body_of
from router.errors import BadKey, BadRequest, NoSuchRoute, RateLimited, TurnoutError
from router.ledger.sessions import Sessions
from router.wire.headers import field

ZONE = "turnout-zone"
"""A cookie with the name of the zone that a visitor's browser is in."""
FORM = "application/x-www-form-urlencoded"
MOST_BYTES = 16_384
_OURS = re.compile(r"/dashboard(?:[/?][\x21-\x7e]*)?")
"""Where a login may lead: nowhere but here."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def build_dashboard(options: DashboardOptions) -> APIRouter:
    """The paths."""
    look, door = Look(), Door(options.keyring, Sessions(options.engine))
    router = APIRouter(prefix=PATH, route_class=_pages(look), include_in_schema=False)
    _add_pages(router, options, look, door)
    _add_changes(router, options, look, door)

    @router.get("/files/{name}")
    def file(name: str) -> Response:
        """The style sheet and the script: for everybody, since logging in needs them."""
        return look.asset(name)

    @router.get("/{rest:path}")
    def nothing(request: Request, rest: str) -> Response:
        """Any other page."""
        del rest
        door.enter(request)
        raise NoSuchRoute("There is no such page.")

    return router


def _add_pages(router: APIRouter, options: DashboardOptions, look: Look, door: Door) -> None:
    """What is looked at."""

    def page(request: Request, template: str, values: Mapping[str, Any], visitor: Visitor) -> Response:
        here = {"here": request.url.path}
        return look.page(template, here | dict(values), zone=zone_of(request), visitor=visitor)

    @router.get("")
    def live(request: Request) -> Response:
        """What goes on now."""
        visitor = door.enter(request)
        seen = overview.look(options, zone_of(request))
        return page(request, "now.html", {"now": seen, "outcome": request_list.outcome}, visitor)

    @router.get("/requests")
    def listed(request: Request) -> Response:
        """The requests asked for, newest first."""
        visitor, zone = door.enter(request), zone_of(request)
        asked = read(request.query_params)
        since, until = period(asked, zone, time.time())
        seen = request_list.look(options.engine, asked, since, until, zone)
        known = {"asked": asked, "found": seen, "spans": SPANS, "rare": RARE, "outcome": request_list.outcome}
        return page(request, "found.html", known, visitor)

    @router.get("/requests.csv")
    def exported(request: Request) -> Response:
        """The same, all of it, as CSV."""
        door.enter(request)
        asked = read(request.query_params)
        wanted = which(asked, *period(asked, zone_of(request), time.time()))
        kind = {"content-type": "text/csv; charset=utf-8; header=present"}
        named = {"content-disposition": 'attachment; filename="turnout-requests.csv"'}
        return StreamingResponse(request_list.as_csv(options.engine, wanted), headers=kind | named | FRESH)

    @router.get("/requests/{request_id}")
    def shown(request: Request, request_id: str) -> Response:
        """One request."""
        visitor = door.enter(request)
        seen = request_page.look(options, request_id)
        if seen is None:
            raise BadRequest(
                "The ledger has no such request. One that began this very moment is there in a second; "
                "old ones may have been removed.",
                status=404,
            )
        return page(request, "one.html", {"one": seen, "outcome": request_list.outcome}, visitor)

    @router.get("/policy")
    def policy(request: Request) -> Response:
        """The policies in use."""
        visitor = door.enter(request)
        return page(
            request,
            "policy.html",
            {
                "policies": policies_page.look(options),
                "days": policies_page.DAYS,
                "reserved": policies_page.RESERVED,
            },
            visitor,
        )

    @router.get("/teams")
    def teams(request: Request) -> Response:
        """Teams, budgets and keys."""
        visitor = door.enter(request)
        return page(request, "teams.html", {"people": teams_page.look(options, zone_of(request))}, visitor)


def _add_changes(router: APIRouter, options: DashboardOptions, look: Look, door: Door) -> None:
    """Logging in and out, and what can be changed."""

    @router.post("/keys/{key_id}/revoke")
    async def revoke(request: Request, key_id: str) -> Response:
        """End a key."""
        form = await _form(request)
        await asyncio.to_thread(door.enter_to_write, request, form.get("token", ""))
        if not await asyncio.to_thread(options.accounts.revoke_key, key_id):
            raise BadRequest("There is no such key in force.", status=404)
        await options.changed()
        return _go(f"{PATH}/teams")

    @router.get("/login")
    def login(request: Request) -> Response:
        """Where an admin key is asked for."""
        return _login(look, door, request, request.query_params.get("next", ""))

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        """Begin a session."""
        form = await _form(request)
        leads = form.get("next", "")
        try:
            token = await asyncio.to_thread(door.log_in, request, form.get("key", ""))
        except (BadKey, RateLimited) as refused:
            return await asyncio.to_thread(_login, look, door, request, leads, refused)
        headers = {"set-cookie": session_cookie(headers_of(request.scope), token)}
        return _go(leads if _OURS.fullmatch(leads) else PATH, headers)

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        """End the session."""
        form = await _form(request)
        await asyncio.to_thread(door.enter_to_write, request, form.get("token", ""))
        await asyncio.to_thread(door.log_out, request)
        headers = {"set-cookie": session_cookie(headers_of(request.scope), "")}
        return _go(f"{PATH}/login", headers)


def zone_of(request: Request) -> tzinfo:
    """The zone that the visitor's browser says it is in; UTC where it says nothing."""
    return zone_named(cookie(headers_of(request.scope), ZONE))


def _pages(look: Look) -> type[APIRoute]:
    """A route whose answers all carry the headers, and whose errors are pages."""

    class Page(APIRoute):
        def get_route_handler(self) -> Handler:
            inner = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    response = await inner(request)
                except LoginNeeded as needed:
                    response = _to_login(look, request, needed)
                except TurnoutError as error:
                    response = _failed(look, request, error)
                except (sa.exc.OperationalError, sa.exc.TimeoutError):
                    busy = TurnoutError("The ledger cannot be read now. Try again in a moment.", status=503)
                    response = _failed(look, request, busy)
                response.headers.update(SECURITY)
                return response

            return answer

    return Page


def _to_login(look: Look, request: Request, needed: LoginNeeded) -> Response:
    """Send a person to where one logs in, and back; tell a program."""
    if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
        return _failed(look, request, needed)
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return _go(f"{PATH}/login" + (f"?{urlencode({'next': asked})}" if asked != PATH else ""))


def _failed(look: Look, request: Request, error: TurnoutError) -> Response:
    values = {"error": error, "here": request.url.path}
    response = look.page("error.html", values, zone=zone_of(request), status=error.status)
    if error.retry_after is not None:
        response.headers["retry-after"] = f"{error.retry_after:.0f}"
    return response


def _login(
    look: Look, door: Door, request: Request, leads: str, refused: TurnoutError | None = None
) -> Response:
    values = {
        "leads": leads if _OURS.fullmatch(leads) else "",
        "refused": refused.message if refused else "",
        "hint": "" if door.admins else NO_ADMIN,
        "here": request.url.path,
    }
    status = refused.status if refused else 200
    response = look.page("login.html", values, zone=zone_of(request), status=status)
    if refused is not None and refused.retry_after is not None:
        response.headers["retry-after"] = f"{refused.retry_after:.0f}"
    return response


def _go(where: str, headers: Mapping[str, str] | None = None) -> Response:
    return RedirectResponse(where, status_code=303, headers=FRESH | dict(headers or {}))


async def _form(request: Request) -> dict[str, str]:
    """Read what a form sent.

    Raises:
        BadRequest: it is no form, or too large.
    """
    headers = headers_of(request.scope)
    if field(headers, "content-type").partition(";")[0].strip().lower() != FORM:
        raise BadRequest("content-type: must be that of a form", status=415)
    body = await take_body(body_of(request.scope), headers, limit=MOST_BYTES)
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=20))
