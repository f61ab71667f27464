"""`ParsedRequest`: one request, cut into pieces, with its client known."""

from collections.abc import Sequence

import xxhash

from router.features import clients
from router.features.clients import Client, Clients
from router.features.outline import WIDE, Piece
from router.features.split import Envelope
from router.types import ModelRequest

_SALT = {"message": 0, "system": 1, "tools": 2}
"""So that the same bytes in two places are two pieces."""


class ParsedRequest:
    """One request, cut, with its client known."""

    def __init__(self, request: ModelRequest, known: Clients, envelope: Envelope) -> None:
        """Take what the body holds, or what it has beside the messages that were read before."""
        self.request = request
        self.envelope = envelope
        self.headers = dict(request.headers)
        self.client: Client = known.recognise(request.client, self.headers, self._head())
        self.seed = xxhash.xxh3_64_intdigest(f"{request.dialect} {self.client.name}".encode())

    def _head(self) -> bytes:
        """The raw beginning of the system text, wherever the dialect has it."""
        system, messages = self.envelope.system.raw, self.envelope.messages
        first = system or (messages[0].raw if messages else b"")
        head = first[: clients.HEAD_BYTES]
        return head if system or b'"system"' in head or b'"developer"' in head else b""

    def names(self, job: str, pieces: Sequence[Piece]) -> list[bytes]:
        """The names under which the facts of pieces are kept, of 16 bytes each."""
        seed = ((self.seed + _SALT[job]) & WIDE).to_bytes(8, "little")
        return [piece.digest.to_bytes(8, "little") + seed for piece in pieces]
