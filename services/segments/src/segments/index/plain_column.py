"""What columns in blocks of codes have in common, whatever a block is made of."""

from typing import Generic, Protocol, Self, TypeVar

from rules.evaluate.meaning import Scalar
from rules.values import Kind

from segments.domain.extent import Extent
from segments.domain.packing import code_of
from segments.index.stamps import new_stamp
from segments.index.texts import Texts


class BlockPart(Protocol):
    """What is held of one block."""

    @property
    def persons(self) -> int:
        """How many have a value."""
        ...

    @property
    def bytes(self) -> int:
        """What it takes."""
        ...


Part = TypeVar("Part", bound=BlockPart)


class PlainColumn(Generic[Part]):
    """In no file: nothing of it is damaged, and nothing is lost or owed there. Versions share their blocks.

    `bereft`  blocks in which somebody's value was taken away since they were stored
    """

    def __init__(self, kind: Kind, texts: Texts | None = None, parts: dict[int, Part] | None = None) -> None:
        self.kind = kind
        self._texts = Texts() if texts is None else texts
        self._parts: dict[int, Part] = {} if parts is None else parts
        self.bereft: set[int] = set()
        self.stamp = new_stamp()

    def copy(self) -> Self:
        """One to change, at a cost that follows the number of blocks."""
        other = type(self)(self.kind, self._texts, dict(self._parts))
        other.stamp, other.bereft = self.stamp, set(self.bereft)
        return other

    @property
    def damage(self) -> str:
        """See MemoryColumn."""
        return ""

    @property
    def lost(self) -> int:
        """See MemoryColumn."""
        return 0

    @property
    def debt(self) -> int:
        """See MemoryColumn."""
        return 0

    @property
    def is_empty(self) -> bool:
        """See MemoryColumn."""
        return not any(part.persons for part in self._parts.values())

    def extent(self) -> Extent:
        """See MemoryColumn."""
        persons = [part.persons for part in self._parts.values()]
        return Extent(
            blocks=sum(each > 0 for each in persons),
            persons=sum(persons),
            bytes=sum(part.bytes for part in self._parts.values()),
        )

    def owe(self) -> None:
        """See MemoryColumn."""

    def has_paid(self, debt: int) -> bool:
        """See MemoryColumn."""
        return True

    def moved_since(self, before: Self) -> list[int] | None:
        """The blocks that were written since an earlier version; None when it is no version of this column."""
        if before._texts is not self._texts:
            return None
        return [block for block, part in self._parts.items() if before._parts.get(block) is not part]

    def blocks(self) -> list[int]:
        """The blocks that have been written, ascending."""
        return sorted(self._parts)

    def _code(self, value: Scalar) -> int:
        return self._texts.code(value) if isinstance(value, str) else code_of(value)
