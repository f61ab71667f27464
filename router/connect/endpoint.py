"""The endpoint that clients are pointed at: its address, and whether it answers."""

import http.client
import json
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from router.connect.client import Target
from router.errors import Misconfigured
from router.settings import BaseUrl, Settings, load_settings, parse_listen

PATIENCE_S = 5.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses to listen on that stand for all, and the one to ask for here."""


def make_target(url: str | None, key: str | None) -> Target:
    """Return where clients shall go.

    Args:
        url: As given; None for the address in the settings.
        key: A team's key; None or empty for none.

    Raises:
        Misconfigured: the address or the key is no such thing.
    """
    return Target(url=check_url(url) if url else own_url(load_settings()), key=_check_key(key or ""))


def problem(url: str) -> str:
    """Ask the endpoint for its health; empty where it answers, else what is wrong, in words."""
    return ask_health(url)[1]


def ask_health(url: str) -> tuple[dict[str, Any] | None, str]:
    """Ask the endpoint for its health; None and what is wrong, in words, where none comes."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE_S)
        with closing(connection):
            connection.request("GET", f"{parts.path.rstrip('/')}/health")
            answer = json.loads(connection.getresponse().read())
        if "policy" in answer and "local" in answer:
            return answer, ""
    except (OSError, http.client.HTTPException):
        return None, f"nothing answers at {url} yet: start it with `turnout serve`"
    except (ValueError, TypeError):
        pass
    return (
        None,
        f"what answers at {url} is not Turnout: stop the other program, or name the endpoint by --url",
    )


def own_url(settings: Settings) -> str:
    """Return the address that these settings make an endpoint listen on.

    Raises:
        Misconfigured: they leave its port open.
    """
    host, port = parse_listen(settings.listen)
    if not port:
        raise Misconfigured("--url: the setting `listen` leaves the port open; name the address by --url")
    host = _ANY.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def check_url(url: str) -> str:
    """Take an address as a person gives it.

    Raises:
        Misconfigured: it is none.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        checked = TypeAdapter(BaseUrl).validate_python(url)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise Misconfigured(f"--url: {url!r} {message}") from error
    return str(checked).rstrip("/").removesuffix("/v1")


def _check_key(key: str) -> str:
    from router.accounts.keys import PREFIX

    key = key.strip()
    if key and (not key.startswith(PREFIX) or not key.isascii() or not key.isprintable() or " " in key):
        raise Misconfigured(
            f"--key: this is no key of Turnout's, which begin with {PREFIX}; `turnout key create --team "
            f"TEAM` "
            "makes one"
        )
    return key
