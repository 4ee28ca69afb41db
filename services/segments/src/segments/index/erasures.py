"""Values of the erased: out of the stored block at once, out of a file by its next merge, which is then due."""

from collections.abc import Callable, Mapping

from pyroaring import BitMap

from segments.domain.changes import BLOCK_BITS
from segments.domain.touched import Touched
from segments.index.columns import ScalarColumn
from segments.index.lists import ListColumn
from segments.index.memory import MemoryColumn


def forget_erased(
    columns: Mapping[str, MemoryColumn],
    erased: BitMap,
    touched: Touched,
    writable: Callable[[str], MemoryColumn],
) -> None:
    """After a batch has been taken: whoever of the erased it spoke of may still be in what is stored of a column.
    Blocks of plain columns are stored anew with the batch, a column in a file owes a merge. `writable`: one to
    change."""
    if not erased:
        return
    entered = not touched.universe.isdisjoint(erased)
    for name, held in columns.items():
        gone = touched.columns[name] & erased if name in touched.columns else BitMap()
        if isinstance(held, ScalarColumn | ListColumn):
            for block in {person_id >> BLOCK_BITS for person_id in gone}:
                touched.block(name, block, 0)
        elif gone or (entered and held.lost):
            writable(name).owe()


def is_in_block(persons: BitMap, block: int) -> bool:
    """Whether one of them is in a block of persons."""
    first = block << BLOCK_BITS
    return persons.range_cardinality(first, first + (1 << BLOCK_BITS)) > 0
