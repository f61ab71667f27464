"""An exception as a log may hold it: its types and where it was raised, never its message.

Messages quote what was being read: a prompt, an answer, an upstream's words.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any


def describe(failure: BaseException) -> str:
    """Return one line an exception of the chain, innermost cause last, each with its innermost frames."""
    return " <- ".join(f"{type(link).__name__} at {_frames(link)}" for link in _chain(failure))


class DefectFormatter(logging.Formatter):
    """Writes an exception of the standard library's logging as `describe` does."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the library's name
        """See `logging.Formatter`."""
        return describe(ei[1]) if ei[1] is not None else ""


def hide_messages() -> None:
    """Write uncaught and logged exceptions of this process without their messages."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(DefectFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    sys.excepthook = lambda _, failure, __: _write(failure)
    threading.excepthook = lambda args: _write(args.exc_value)


def _write(failure: BaseException | None) -> None:
    if failure is not None:
        sys.stderr.write(f"{describe(failure)}\n")
        sys.stderr.flush()


def format_exc_info(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace `exc_info` by its description; a processor of structlog's."""
    info = event.pop("exc_info", None)
    failure = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    if isinstance(failure, BaseException):
        event["exception"] = describe(failure)
    return event


def _chain(failure: BaseException) -> Iterator[BaseException]:
    visited: set[int] = set()
    link: BaseException | None = failure
    while link is not None and id(link) not in visited:
        visited.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _frames(failure: BaseException) -> str:
    frames = traceback.extract_tb(failure.__traceback__)[-3:]
    places = (f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
    return ", ".join(places) or "?"
