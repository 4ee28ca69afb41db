"""What columns of events answer, as vectors and groups."""

from typing import Any

import numpy as np
from rules.evaluate.events import Column, GroupRows
from rules.values import Kind
from tagging.domain.columns import Bools, Shape, Vector
from tagging.domain.groups import Groups


def vector_of(column: Column) -> Vector:
    """A column of answers; texts as objects."""
    if column.kind is not Kind.TEXT:
        return Vector(column.known, column.data.astype(np.int64, copy=False))
    texts = np.empty(len(column.texts) + 1, object)
    texts[:-1] = column.texts
    return Vector(column.known, texts[np.where(column.known, column.data, len(column.texts))])


def truth_vector(holding: Bools) -> Vector:
    """Answers to a condition, a byte each."""
    return Vector(np.ones(len(holding), np.bool_), holding.astype(np.int8))


def column_of(vector: Vector, shape: Shape) -> Column | None:
    """A tag's values as rules over events read them; None of texts and lists, which they do not."""
    if shape.multi_valued or shape.base is Kind.TEXT:
        return None
    return Column(shape.base, vector.known, vector.data)


def groups_of(rows: GroupRows, persons: int) -> Groups:
    """Groups in order of the person and the key."""
    if rows.keys.kind is Kind.TEXT:
        is_used = np.bincount(rows.keys.data, minlength=len(rows.keys.texts)) > 0
        used, places = np.flatnonzero(is_used), (np.cumsum(is_used) - 1)[rows.keys.data]
    else:
        used, places = np.unique(rows.keys.data, return_inverse=True)
    scalars: list[Any] = used.tolist()
    if rows.keys.kind is Kind.TEXT:
        scalars = [rows.keys.texts[each] for each in scalars]
    elif rows.keys.kind is Kind.BOOL:
        scalars = [bool(each) for each in scalars]
    names = tuple(sorted(scalars))
    rank = {name: place for place, name in enumerate(names)}
    ranks = np.array([rank[each] for each in scalars], np.int64)
    keys = ranks[places] if len(ranks) else np.zeros(0, np.int64)
    counts = np.bincount(rows.owners, minlength=persons).astype(np.int64)
    both = rows.owners.astype(np.int64) * max(len(names), 1) + keys
    if not bool(np.any(both[1:] < both[:-1])):  # codes of mapped columns are in the order of their texts
        return Groups(counts, names, keys, rows.numbers, rows.events)
    order = np.argsort(both, kind="stable")
    return Groups(counts, names, keys[order], rows.numbers[order], rows.events[order])
