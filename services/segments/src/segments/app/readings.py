"""Rules as they were read last: the same text is asked for again and again, while only values change."""

from collections.abc import Callable
from threading import Lock

from rules.check import Population
from segments.app.rule_reading import ReadRule

KEPT_MOST = 256
"""Of one tenant; whatever was read first goes first."""
Asked = tuple[str, Population]
Basis = tuple[object, ...]


class Readings:
    """One tenant's, shared by its versions. Safe for threads: what one of them reads, another one may read, too."""

    def __init__(self) -> None:
        self._kept: tuple[Basis, dict[Asked, ReadRule]] = ((), {})
        self._lock = Lock()

    def get(self, basis: Basis, asked: Asked, read: Callable[[], ReadRule]) -> ReadRule:
        """As it was read on the very same basis, else by `read`, whose errors are not kept. `basis`: all that a text's
        meaning rests on, objects that never change."""
        before, kept = self._kept
        if len(before) != len(basis) or any(old is not new for old, new in zip(before, basis, strict=True)):
            kept = {}
            self._kept = basis, kept
        found = kept.get(asked)
        if found is None:
            found = read()
            with self._lock:
                kept[asked] = found
                while len(kept) > KEPT_MOST:
                    del kept[next(iter(kept))]
        return found
