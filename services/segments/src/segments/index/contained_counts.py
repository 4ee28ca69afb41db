"""Values of contained columns counted for groups of persons, and those of single ones, by the kernels of the block
engine."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rules.values import Kind

from segments.domain.insight.counts import ValueCounts
from segments.domain.packing import Codes
from segments.engine.algebra import Any, InSet
from segments.engine.answers import counts
from segments.engine.columns import TagColumn
from segments.engine.distributions import distributions
from segments.engine.live.holdings import codes_held
from segments.engine.members import Members
from segments.engine.numbers import NumberColumn
from segments.engine.program import program_of
from segments.engine.sets import SetColumn
from segments.engine.tallies import tallies
from segments.index.contained import threads
from segments.store.insight_ports import Label, Ones, Tabulated

LABELS_AT_ONCE = 64
"""Answers of one program."""


def tabulated(tag: TagColumn, groups: Sequence[Members], label: Label | None) -> Tabulated:
    """How many of each group have each value; see TagColumns. A label is of a column of sets of texts."""
    column = tag.column
    if isinstance(column, NumberColumn):
        return _of_numbers(tag, column, groups)
    rows = [distributions(each, [column], threads())[0] for each in groups]
    if label is not None:
        return _labelled(tag, column, groups, label, [int(each[-1]) for each in rows])
    codes = tag.packed(np.arange(len(tag.by_code), dtype=np.int64))
    order = np.argsort(codes, kind="stable")
    found = [_there(codes[order], each[:-1][: len(codes)][order], int(each[-1])) for each in rows]
    return Tabulated(found, _texts(tag, found))


def ones(tag: TagColumn, person_ids: npt.NDArray[np.uint32]) -> Ones:
    """What single persons have; see TagColumns."""
    held = codes_held(tag.column, person_ids.astype(np.int64))
    places = np.repeat(np.arange(len(person_ids), dtype=np.int64), held.counts)
    return Ones(places, tag.packed(held.codes), tag.texts(held.codes))


def _of_numbers(tag: TagColumn, column: NumberColumn, groups: Sequence[Members]) -> Tabulated:
    """Numbers as they are, texts of many values by their place in the dictionary."""
    found = [
        ValueCounts(each.numbers, each.counts, int(each.counts.sum()))
        for each in tallies(groups, column, threads())
    ]
    return Tabulated(found, _texts(tag, found))


def _labelled(
    tag: TagColumn, column: SetColumn, groups: Sequence[Members], label: Label, known: Sequence[int]
) -> Tabulated:
    """A person whose several values count as the same counts once: who has any of them is one set."""
    rows: dict[str, list[InSet]] = {}
    for row, text in enumerate(tag.by_code):
        rows.setdefault(label(str(text)), []).append(InSet(column, row))
    asked = [Any(tuple(each)) for each in rows.values()]
    codes = np.arange(len(asked), dtype=np.int64)
    found = []
    for group, persons in zip(groups, known, strict=True):
        universe, counted = group.column(), list[int]()
        for start in range(0, len(asked), LABELS_AT_ONCE):
            counted += counts(program_of(asked[start : start + LABELS_AT_ONCE], universe), threads())
        found.append(_there(codes, np.asarray(counted, np.int64), persons))
    return Tabulated(found, dict(enumerate(rows)))


def _texts(tag: TagColumn, found: Sequence[ValueCounts]) -> dict[int, str]:
    """Of the codes that occur."""
    if tag.kind is not Kind.TEXT:
        return {}
    there = {code for each in found for code in each.codes.tolist()}
    return {code: str(tag.by_code[code]) for code in sorted(there)}


def _there(codes: Codes, counted: Codes, known: int) -> ValueCounts:
    """Without those whom nobody has."""
    some = np.flatnonzero(counted)
    return ValueCounts(codes[some], counted[some], known)
