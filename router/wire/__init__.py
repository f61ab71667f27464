"""The dialects: bytes in, facts and bytes out. Nothing here opens a socket or a file."""

from router.wire.body import Envelope
from router.wire.dialects import DIALECTS, Dialect

__all__ = ["DIALECTS", "Dialect", "Envelope"]
