"""Logging: one line an event on standard error, for people on a terminal, as JSON elsewhere.

No log line holds a prompt, an answer, a header or a key; of an exception it tells the type and the
place, since its message may quote any of these.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, TextIO, cast

import structlog

from router.telemetry.exceptions import DefectFormatter, format_exc_info
from router.telemetry.request_line import RequestLine, json_line, text_line


class _Unfinished(logging.Filter):
    """Drops uvicorn's complaints about an answer without an end: a drop is passed on, a stop cuts it off."""

    def filter(self, record: logging.LogRecord) -> bool:
        stopped = record.exc_info is not None and record.exc_info[0] is asyncio.CancelledError
        return not stopped and "without completing response" not in record.getMessage()


class _Noise(logging.Filter):
    """Drops what any client could fill the log with: an upgrade that is ignored, bytes that are no HTTP."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(
            ("Unsupported upgrade", "No supported WebSocket", "Invalid HTTP request")
        )


class _Lossy:
    """A text stream that drops what cannot be written: on a full disk requests go on without a log."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


Format = Literal["auto", "text", "json"]
"""`auto`: text in a terminal, JSON elsewhere."""


def is_json(form: Format) -> bool:
    """Whether lines are written as JSON."""
    return form == "json" or (form == "auto" and not sys.stderr.isatty())


def has_colours(stream: TextIO = sys.stderr) -> bool:
    """Whether a stream is a terminal whose user has not asked for no colours (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def make_line_writer(form: Format) -> Callable[[RequestLine], None]:
    """Make what writes the lines of requests to standard error, one write each."""
    stream, as_json, colours = _Lossy(sys.stderr), is_json(form), has_colours()

    def write(line: RequestLine) -> None:
        text = json_line(line) if as_json else text_line(line, colours=colours)
        stream.write(f"{text}\n")
        stream.flush()

    return write


def configure(level: str, form: Format = "auto") -> None:
    """Set up logging for the endpoint's process."""
    number = logging.getLevelNamesMapping()[level.upper()]
    line = "%(levelname)s %(name)s: %(message)s"
    # Other libraries' lines go through here, ours do not; below warnings they tell what was sent.
    quiet = max(number, logging.WARNING)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(DefectFormatter(line))
    logging.basicConfig(level=quiet, handlers=[handler], force=True)
    logging.getLogger("uvicorn.error").addFilter(_Unfinished())
    logging.getLogger("uvicorn.error").addFilter(_Noise())
    logging.getLogger("uvicorn.error").setLevel(quiet)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    renderer = (
        structlog.processors.JSONRenderer()
        if is_json(form)
        else structlog.dev.ConsoleRenderer(colors=has_colours())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Lossy(sys.stderr))),
    )
