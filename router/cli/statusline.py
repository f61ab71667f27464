"""`turnout statusline`: one line for Claude Code's status line.

Claude Code starts it after every answer and shows what it prints. So only a few modules of Python's own
are imported here, it waits for nobody long, and it never fails: a status line is not worth an error.
"""

import http.client
import json
import os
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

DEFAULT_URL = "http://127.0.0.1:4747"
PATIENCE_S = 2.0
_COLOURS = {"local": "32", "cloud": "36"}
_HERE = ("127.0.0.1", "localhost", "::1")
_KEY_HEADER, _KEY_PREFIX = "x-turnout-key", "tn-"


def statusline() -> None:
    """Print one line for Claude Code: track, model, what was saved today, and why.

    It reads what Claude Code gives it on standard input; it is set up by
    `turnout connect claude --statusline`.

    Example: [bold]echo '{"session_id": "..."}' | turnout statusline[/bold]
    """
    try:
        line = _line(_read_session(), os.environ)
    except Exception:  # whatever it is, Claude Code's screen is no place for it
        line = "turnout: no status"
    sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.flush()


def _read_session() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    try:
        value = json.loads(sys.stdin.buffer.read())
    except ValueError:
        return ""
    session = value.get("session_id") if isinstance(value, dict) else None
    return session if isinstance(session, str) else ""


def _line(session: str, environment: Mapping[str, str]) -> str:
    url = _url(environment)
    try:
        status, answer = _ask(url, session, _key(environment))
    except (OSError, http.client.HTTPException):
        return f"turnout: nothing answers at {_plain(url)}"
    if status in {401, 403}:
        return "turnout: the endpoint asks for a team's key: turnout connect claude --key KEY"
    last, today = answer["last"], answer["today"]
    saved = _saved(today["saved_usd"])
    if not last:
        return " · ".join(part for part in ("turnout: no request yet", saved) if part)
    track = _plain(last["track"])
    if "NO_COLOR" not in environment and track in _COLOURS:
        track = f"\x1b[{_COLOURS[track]}m{track}\x1b[0m"
    # The reason is last, since it is what a narrow terminal may cut off.
    return " · ".join(part for part in (track, _plain(last["model"]), saved, _plain(last["why"])) if part)


def _saved(usd: float | None) -> str:
    if usd is None:
        return ""
    return f"saved ${usd:.2f} today" if usd >= 0 else f"${-usd:.2f} more than without today"


def _plain(text: Any) -> str:
    """Return text without what a terminal would obey."""
    return "".join(character for character in str(text or "") if character.isprintable())


def _ask(url: str, session: str, key: str) -> tuple[int, Any]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE_S)
    try:
        headers = {_KEY_HEADER: key} if key else {}
        path = f"{parts.path.rstrip('/')}/v1/status?session={quote(session, safe='')}"
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def _url(environment: Mapping[str, str]) -> str:
    """Return where Claude Code sends its requests: it hands its own environment on."""
    return environment.get("ANTHROPIC_BASE_URL") or _own_url(environment)


def _own_url(environment: Mapping[str, str]) -> str:
    listen = environment.get("TURNOUT_LISTEN", "")
    return f"http://{listen}" if ":" in listen else DEFAULT_URL


def _is_own(url: str, environment: Mapping[str, str]) -> bool:
    value, own = urlsplit(url), urlsplit(_own_url(environment))
    return value.port == own.port and value.hostname in {own.hostname, *_HERE}


def _key(environment: Mapping[str, str]) -> str:
    """Return the team's key, from wherever `turnout connect` put it."""
    headers = environment.get("ANTHROPIC_CUSTOM_HEADERS", "").splitlines()
    named = [line.partition(":")[2].strip() for line in headers if line.lower().startswith(_KEY_HEADER)]
    tokens = (environment.get(name, "") for name in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY"))
    # Claude Code sends the others to that address itself. This one is of the endpoint here alone.
    own = environment.get("TURNOUT_KEY", "") if _is_own(_url(environment), environment) else ""
    return next((key for key in (*named, own, *tokens) if key.startswith(_KEY_PREFIX)), "")
