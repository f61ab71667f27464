"""A least-recently-used map bounded both in entries and in approximate bytes."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic, TypeVar

V = TypeVar("V")


class Cache(Generic[V]):
    """Keys are digests; every value is put with its approximate size in bytes.

    Meant for one thread.
    """

    def __init__(self, *, entries: int, size: int) -> None:
        """Bound to `entries` values and `size` bytes, whichever is reached first."""
        self.entries = entries
        self.limit = size
        self._values: OrderedDict[bytes, tuple[V, int]] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: bytes) -> V | None:
        """Return the value and mark it as just used."""
        entry = self._values.get(key)
        if entry is None:
            return None
        self._values.move_to_end(key)
        return entry[0]

    def get_all(self, keys: Iterable[bytes]) -> list[V | None]:
        """`get` for many keys at once, in their order: a long conversation has hundreds."""
        items = list(map(self._values.get, keys := list(keys)))
        for key, item in zip(keys, items, strict=True):
            if item is not None:
                self._values.move_to_end(key)
        return [item and item[0] for item in items]

    def put(self, key: bytes, value: V, size: int) -> None:
        """Keep `value`; the oldest go until both bounds hold."""
        values = self._values
        if key in values:
            self.take(key)
        values[key] = (value, size)
        self.size += size
        while values and (len(values) > self.entries or self.size > self.limit):
            _, (_, freed) = values.popitem(last=False)
            self.size -= freed

    def take(self, key: bytes) -> V | None:
        """Remove the value and return it."""
        entry = self._values.pop(key, None)
        if entry is None:
            return None
        self.size -= entry[1]
        return entry[0]

    def clear(self) -> None:
        """Remove all values."""
        self._values.clear()
        self.size = 0
