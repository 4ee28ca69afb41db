"""Values of the erased: out of the stored block at once, out of a file by its next merge, which is then due."""

from collections.abc import Callable, Iterable, Mapping

from pyroaring import BitMap

from segments.domain.changes import BLOCK_BITS
from segments.domain.members import NOBODY
from segments.domain.touched import Touched
from segments.index.columns import ScalarColumn
from segments.index.lists import ListColumn
from segments.index.memory import MemoryColumn
from segments.index.universe import Universe


def forget_erased(
    columns: Mapping[str, MemoryColumn],
    people: Universe,
    touched: Touched,
    writable: Callable[[str], MemoryColumn],
) -> None:
    """After a batch has been taken: what is stored of a column may still hold values of the erased it spoke of, and of
    those who were merged into them. Blocks of plain columns are stored anew with the batch, a column in a file owes a
    merge. A value that was taken away before its person was erased, for whichever reason, was perhaps of one of them.
    `writable`: one to change."""
    entered = bool(people.erased_among(touched.universe))
    gone = people.erased_among(BitMap().union(*touched.columns.values()))
    for name, held in columns.items() if entered or gone else ():
        mine = touched.columns.get(name, NOBODY) & gone
        if not isinstance(held, ScalarColumn | ListColumn):
            if mine or (entered and held.lost):
                writable(name).owe()
            continue
        for block in {person_id >> BLOCK_BITS for person_id in mine} | (held.bereft if entered else set()):
            touched.block(name, block, 0)
    _stored(touched.blocks, columns, writable)


def _stored(
    blocks: Iterable[tuple[str, int]],
    columns: Mapping[str, MemoryColumn],
    writable: Callable[[str], MemoryColumn],
) -> None:
    """Whatever was taken away of these blocks is not in the store any more."""
    for name, block in blocks:
        held = columns.get(name)
        if isinstance(held, ScalarColumn | ListColumn) and block in held.bereft:
            plain = writable(name)
            assert isinstance(plain, ScalarColumn | ListColumn)
            plain.bereft.discard(block)


def is_in_block(persons: BitMap, block: int) -> bool:
    """Whether one of them is in a block of persons."""
    first = block << BLOCK_BITS
    return persons.range_cardinality(first, first + (1 << BLOCK_BITS)) > 0
