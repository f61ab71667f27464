"""Long conversations to decide on, and what one decision cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from benchmarks.speed.bodies import STAMP, Dialect, Mode, body
from router.training.envelopes import model_request
from router.types import ModelRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """CPU of one decision, in milliseconds."""

    what: str
    dialect: Dialect
    bytes: int
    tokens: int
    decisions: int
    median_ms: float
    p95_ms: float
    bar_ms: float | None
    """What the median should keep; None where nothing was promised."""


def requests_of(dialect: Dialect, *, cold: bool) -> Iterator[ModelRequest]:
    """Long conversations: each all new, or the one before with one new message."""
    mode: Mode = "cold" if cold else "growing"
    return stamped_requests(body("long", dialect, mode).template, dialect, 0 if cold else 1)


def stamped_requests(template: bytes, dialect: Dialect, keep: int) -> Iterator[ModelRequest]:
    """Requests that differ in the last `keep` stamps of `template`, or in all."""
    mark = STAMP.encode()
    if keep:
        head, *tail = template.rsplit(mark, keep)
        template = mark.join((head.replace(mark, b"0" * len(mark)), *tail))
    for number in count():
        yield model_request(template.replace(mark, b"%016d" % number), dialect)
