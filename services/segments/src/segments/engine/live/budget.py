"""What is open at once, by tenant: opened on demand, closed least recently used above a budget."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What is opened: a tenant's columns, say."""

    @property
    def bytes(self) -> int:
        """What it takes now. Asked for often."""
        ...

    def close(self) -> bool:
        """False when it has something that would be lost, and stays open. Nobody reads it; does not block."""
        ...


Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value", bound=Closable)


@dataclass(slots=True)
class _Place(Generic[Value]):
    value: Value | None = None
    readers: int = 0
    bytes: int = 0
    opening: Lock = field(default_factory=Lock)


class Budget(Generic[Key, Value]):
    """Opens what is asked for, and closes what nobody reads and nobody has asked for longest while all take more than
    `most_bytes`. What is read at once may take more. For any number of threads."""

    def __init__(self, most_bytes: int, opens: Callable[[Key], Value]) -> None:
        self.most_bytes = most_bytes
        self._opens = opens
        self._places: OrderedDict[Key, _Place[Value]] = OrderedDict()
        self._lock = Lock()

    @property
    def bytes(self) -> int:
        """What all takes, as of when each was read last."""
        with self._lock:
            return sum(each.bytes for each in self._places.values())

    @property
    def opened(self) -> list[Key]:
        """What is open, that which was asked for longest ago first."""
        with self._lock:
            return [key for key, each in self._places.items() if each.value is not None]

    @contextmanager
    def reading(self, key: Key) -> Iterator[Value]:
        """It is not closed while it is read. Raises what opening it raises; those who wait for it try again."""
        with self._lock:
            place = self._places.setdefault(key, _Place())
            place.readers += 1
            self._places.move_to_end(key)
        try:
            with place.opening:
                if place.value is None:
                    place.value = self._opens(key)
                    place.bytes = place.value.bytes
            yield place.value
        finally:
            with self._lock:
                place.readers -= 1
                if place.value is not None:
                    place.bytes = place.value.bytes
                elif place.readers == 0:
                    del self._places[key]
                self._shrink()

    def _shrink(self) -> None:
        total = sum(each.bytes for each in self._places.values())
        for key, place in list(self._places.items()):
            if total <= self.most_bytes:
                return
            if place.readers == 0 and place.value is not None and place.value.close():
                total -= place.bytes
                del self._places[key]
