"""What a column of the index can do, in whichever form it is held."""

from collections.abc import Mapping
from typing import Protocol

from rules.evaluate.bitmaps import Column
from rules.evaluate.meaning import Value

from segments.domain.extent import Extent
from segments.domain.packing import Coded
from segments.index.columns import TextOf


class MemoryColumn(Column, Protocol):
    """One version of a column. Only a copy that nobody else has is changed; versions share what they have in common.

    Up to some tens of thousands of persons it is plain: blocks of codes (ScalarColumn, ListColumn). Beyond, it is held
    in the containers of the block engine (ContainedColumn). It is never held in both forms.
    """

    @property
    def stamp(self) -> int:
        """Two versions with the same one have the same content."""
        ...

    @property
    def damage(self) -> str:
        """The file that was to hold it and is damaged; empty when all is well."""
        ...

    @property
    def lost(self) -> int:
        """How many persons were left without a value since its file was written; 0 in no file."""
        ...

    @property
    def debt(self) -> int:
        """Its latest, while its file may hold values of somebody who was erased, else 0. Later debts are higher, of all
        columns."""
        ...

    @property
    def is_empty(self) -> bool:
        """Whether it is known that nobody has a value, without reading a file that is not mapped."""
        ...

    def extent(self) -> Extent:
        """What it takes, and what is due on it, without reading a file that is not mapped."""
        ...

    def owe(self) -> None:
        """Notes a debt; nothing in no file."""
        ...

    def has_paid(self, debt: int) -> bool:
        """Whether its file, if it is in one, was made after a debt."""
        ...

    def copy(self) -> "MemoryColumn":
        """One to change."""
        ...

    def put(self, changes: Mapping[int, Value | None]) -> None:
        """Sets persons' values; None makes one unknown. Raises TooManyValues, ColumnDamaged."""
        ...

    def put_block(self, block: int, coded: Coded, text_of: TextOf) -> None:
        """Sets values of persons of one block; `text_of` resolves the codes of texts and raises KeyError. Raises
        TooManyValues, ColumnDamaged."""
        ...

    def blocks(self) -> list[int]:
        """Those with values, ascending; others may be among them."""
        ...

    def block(self, block: int) -> Coded:
        """The known values of one block, self-contained."""
        ...
