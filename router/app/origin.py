"""No page of another site may use `/admin` or the dashboard through someone's browser.

A browser says where a request comes from; whatever is no browser says nothing, and is fine.
While no key exists, the name that was asked for must be this machine's own: a foreign name
that was made to point here would make a foreign page look like ours.
"""

from urllib.parse import urlsplit

from router.errors import BadRequest, NotAllowed
from router.settings import is_loopback
from router.tracks.headers import field
from router.types import Headers

UNSUPPORTED = 415


def check_origin(headers: Headers, *, keyless: bool) -> None:
    """Refuse what another site's page sends.

    Raises:
        NotAllowed: it comes from elsewhere.
    """
    host = field(headers, "host")
    origin, site = field(headers, "origin"), field(headers, "sec-fetch-site")
    if site not in {"", "same-origin", "none"} or (origin and urlsplit(origin).netloc != host):
        raise NotAllowed(
            "a page of another site sent this; it is for this endpoint's own pages and for programs"
        )
    if keyless:
        check_host(headers)


def check_host(headers: Headers) -> None:
    """Refuse a name that is not this machine's own: whoever made it point here may own the page.

    Raises:
        NotAllowed: it is a foreign name.
    """
    host = field(headers, "host")
    if not is_loopback(_name(host)):
        raise NotAllowed(
            f"host: {host[:100]!r} is not this machine's own name; ask for 127.0.0.1, or make an admin key "
            "with `turnout key create --admin`"
        )


def check_json(headers: Headers) -> None:
    """Refuse a body that is not said to be JSON: a form of another site's could be sent unasked.

    Raises:
        BadRequest: 415.
    """
    if field(headers, "content-type").partition(";")[0].strip().lower() != "application/json":
        raise BadRequest("content-type: must be application/json", status=UNSUPPORTED)


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
