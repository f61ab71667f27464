"""The dialects: bytes in, facts and bytes out. Nothing here opens a socket or a file."""

from router.wire.body import Envelope
from router.wire.dialects import DIALECTS, Dialect, detect_dialect

__all__ = ["DIALECTS", "Dialect", "Envelope", "detect_dialect"]
