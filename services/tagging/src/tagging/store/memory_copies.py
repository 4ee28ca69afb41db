"""Hot copies in this process's memory, the least recently used person first out."""

from collections import OrderedDict
from collections.abc import Collection, Mapping

from tagging.store.portrait_ports import HotCopy

MAX_BYTES = 256 * 1024**2
OVERHEAD_BYTES = 400
"""What a copy weighs beside its payload, about."""


class MemoryCopies:
    """HotCopies of one event loop."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._persons: OrderedDict[tuple[str, int], dict[bytes, HotCopy]] = OrderedDict()
        self._size_bytes = 0

    async def get(self, tenant: str, person_ids: Collection[int], shape: bytes) -> dict[int, HotCopy]:
        found: dict[int, HotCopy] = {}
        for person_id in person_ids:
            copy = self.one(tenant, person_id, shape)
            if copy is not None:
                found[person_id] = copy
        return found

    def one(self, tenant: str, person_id: int, shape: bytes) -> HotCopy | None:
        """`get` of one person, at once."""
        key = (tenant, person_id)
        shapes = self._persons.get(key)
        if shapes is None:
            return None
        self._persons.move_to_end(key)
        return shapes.get(shape)

    async def put(self, tenant: str, shape: bytes, copies: Mapping[int, HotCopy]) -> None:
        for person_id, copy in copies.items():
            key = (tenant, person_id)
            shapes = self._persons.setdefault(key, {})
            self._persons.move_to_end(key)
            old = shapes.get(shape)
            shapes[shape] = copy
            self._size_bytes += _weight(copy) - (_weight(old) if old else 0)
        while self._size_bytes > self._max_bytes and self._persons:
            self._forget(next(iter(self._persons)))

    async def drop(self, tenant: str, person_ids: Collection[int]) -> None:
        for person_id in person_ids:
            self._forget((tenant, person_id))

    async def close(self) -> None:
        self._persons.clear()
        self._size_bytes = 0

    def _forget(self, key: tuple[str, int]) -> None:
        for copy in self._persons.pop(key, {}).values():
            self._size_bytes -= _weight(copy)


def _weight(copy: HotCopy) -> int:
    return len(copy.payload) + OVERHEAD_BYTES
