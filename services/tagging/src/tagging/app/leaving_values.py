"""Values that a change of a tag's type takes away while persons have them: counted before the change, and told."""

from collections.abc import Iterator, Mapping

import numpy as np
from rules.values import Kind
from sqlalchemy import Connection
from tagging.domain.definition import TagDefinition, TagValueType
from tagging.domain.kinds.families import TOLD
from tagging.domain.plan import Tag
from tagging.store.tag_ports import TagValues

MAX_TOLD = 20
"""Values of one list that are told; the rest is counted together."""


def leaving_values(
    values: TagValues, connection: Connection, tenant: str, stored: Tag, after: TagDefinition
) -> Iterator[str]:
    """Of another type, a sentence on all values; else one for each value that persons have now and that the new list
    does not hold, the most frequent first."""
    before = stored.definition
    old, new = _type_told(before.value_type), _type_told(after.value_type)
    if old != new:
        if stored.coverage:
            yield _lost(after, old, new, stored.coverage)
        return
    if not after.value_type.closed or before.value_type.base is not Kind.TEXT:
        return
    kept = {each.value for each in after.value_type.options}
    if before.value_type.closed and kept >= {each.value for each in before.value_type.options}:
        return
    if before.tag_id not in values.columns(connection, tenant):
        return
    counted = _persons_by_text(values, connection, tenant, before.tag_id)
    gone = sorted(((-count, text) for text, count in counted.items() if text not in kept))
    where = f"tag '{after.tag_id}', value_type.options"
    for negative, text in gone[:MAX_TOLD]:
        yield f"{where}: '{text}' leaves the list; persons who have it: {-negative}, until it is computed next"
    rest = gone[MAX_TOLD:]
    if rest:
        persons = -sum(negative for negative, _ in rest)
        yield f"{where}: {len(rest)} further values leave the list; values of persons: {persons}"


def _lost(after: TagDefinition, old: str, new: str, persons: int) -> str:
    """What becomes of values of another type."""
    told = isinstance(after.kind, TOLD)
    back = (
        "until somebody states it as the new type (huaxiang tags import-values): what was stated does not count"
        if told
        else "until it is computed next (huaxiang tags run)"
    )
    where = f"tag '{after.tag_id}', value_type"
    return f"{where}: was {old}, becomes {new}; persons who lose their value: {persons}, {back}"


def _type_told(value_type: TagValueType) -> str:
    """A type as far as values of it are stored alike."""
    listed = "list of " if value_type.multi_valued else ""
    return f"{listed}{'weighted ' if value_type.weighted else ''}{value_type.base.value}"


def _persons_by_text(
    values: TagValues, connection: Connection, tenant: str, column: str
) -> Mapping[str, int]:
    """How many persons have each text, those that nobody has left out."""
    texts = values.texts(connection, tenant, column)
    counts = np.zeros(max(texts, default=0) + 1, np.int64)
    for block in values.blocks(connection, tenant, column):
        coded, _ = values.read_block(connection, tenant, column, block)
        counts += np.bincount(coded.codes, minlength=len(counts))
    return {text: int(counts[code]) for code, text in texts.items() if counts[code]}
