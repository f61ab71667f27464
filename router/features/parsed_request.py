"""`Asked`: one request, split into raw pieces, with its client known."""

from collections.abc import Sequence

import msgspec
import xxhash

from router.features import clients
from router.features.clients import Client, Clients
from router.features.prefix_cache import Start
from router.features.split import Envelope, split
from router.types import ModelRequest

_SALT = {"message": 0, "system": 1, "tools": 2}
"""So that the same bytes in two places are two pieces."""


class Asked:
    """One request, split, with its client known."""

    def __init__(self, request: ModelRequest, known: Clients, start: Start | None = None) -> None:
        """Split all of the body, or what it has beside the messages of `start`."""
        self.request = request
        self.envelope: Envelope = split(start.rest(request.body) if start else request.body)
        self.headers = dict(request.headers)
        self.client: Client = known.recognise(request.client, self.headers, self._head())
        self.seed = xxhash.xxh3_64_intdigest(f"{request.dialect} {self.client.name}".encode())

    def _head(self) -> bytes:
        """The raw beginning of the system text, wherever the dialect has it."""
        first = self.envelope.system or (self.envelope.messages[0] if self.envelope.messages else b"")
        head = bytes(memoryview(first)[: clients.HEAD_BYTES])
        return head if self.envelope.system or b'"system"' in head or b'"developer"' in head else b""

    def digests(self, job: str, raws: Sequence[msgspec.Raw]) -> list[bytes]:
        """The names under which the facts of raw pieces are kept."""
        name, seed = xxhash.xxh3_128_digest, self.seed + _SALT[job]
        return [name(raw, seed) for raw in raws]
