"""All that an index holds, for comparing."""

from rules.values import Kind
from segments.domain.changes import BLOCK_BITS
from segments.domain.packing import Coded, scalar_of
from segments.index.tenant import TenantIndex


def contents(index: TenantIndex) -> dict[str, object]:
    """All that can be asked of it. The values of a list are in no order."""
    columns = {
        column: {
            (block << BLOCK_BITS) + offset: values
            for block in index.blocks(column)
            for offset, values in rows(index, column, index.block(column, block))
        }
        for column in index.column_names()
    }
    persons = {each.person_id: (each.state, each.version) for each in index.persons()}
    return {**columns, "persons": persons, "tags": set(index.tags), "features": set(index.features)}


def rows(index: TenantIndex, column: str, coded: Coded | None) -> list[tuple[int, tuple[object, ...]]]:
    type_ = index.type_of(column)
    assert coded is not None
    assert type_ is not None
    kind = type_.element or type_.kind
    found, place = [], 0
    for offset, count in zip(coded.offsets.tolist(), coded.counts.tolist(), strict=True):
        codes = coded.codes[place : place + count].tolist()
        place += count
        texts = kind is Kind.TEXT
        values = (coded.texts[each] if texts else scalar_of(each, kind) for each in codes)
        found.append((offset, tuple(values) if type_.kind is not Kind.LIST else tuple(sorted(values))))
    return found
