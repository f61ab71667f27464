"""Logging: one line an event on standard error, for people on a terminal, as JSON elsewhere.

No log line holds a prompt, an answer, a header or a key; of an exception it tells the type and the
place, since its message may quote any of these.
"""

import asyncio
import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog

from router.telemetry.exceptions import DefectFormatter, format_exc_info


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


def configure(level: str) -> None:
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
    renderer = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
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
