"""Columns in blocks of codes: empty ones, and what another form holds."""

from rules.values import Kind, ValueType

from segments.index.columns import ScalarColumn
from segments.index.lists import ListColumn
from segments.index.memory import MemoryColumn


def column_of(type_: ValueType) -> ScalarColumn | ListColumn:
    """An empty column for values of a type."""
    if type_.kind is Kind.LIST:
        assert type_.element is not None
        return ListColumn(type_.element)
    return ScalarColumn(type_.kind)


def in_blocks(held: MemoryColumn, into: ScalarColumn | ListColumn) -> MemoryColumn:
    """The same values in blocks of codes."""
    for block in held.blocks():
        coded = held.block(block)
        into.put_block(block, coded, coded.texts.__getitem__)
    return into
