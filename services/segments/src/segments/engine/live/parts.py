"""Columns as arrays with names, and back."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from rules.values import Kind

from segments.domain.packing import code_of, scalar_of
from segments.engine.arenas import Words
from segments.engine.columns import TagColumn, ValueCodes
from segments.engine.live.rooms import Hold, Room
from segments.engine.live.versions import compacted
from segments.engine.numbers import NumberColumn
from segments.engine.sets import SetColumn
from segments.engine.threads import Threads

Arrays = dict[str, npt.NDArray[Any]]
Facts = Mapping[str, Any]

ARENAS = ("words", "known_words")
"""Those that are large: arenas, of which only what is behind their rooms is among the parts."""


def taken_apart(column: TagColumn | SetColumn, threads: Threads) -> tuple[Facts, Arrays]:
    """What a column is beside its arrays, and those; anew first if it has been changed."""
    if isinstance(column, SetColumn):
        return _taken_apart(column, threads)
    facts, arrays = _taken_apart(column.column, threads)
    values = json.dumps(_stored(column), ensure_ascii=False).encode()
    return {**facts, "kind": column.kind.value}, {"values": np.frombuffer(values, np.uint8), **arrays}


def put_together(facts: Facts, arrays: Arrays, sizes: Mapping[str, int]) -> TagColumn | SetColumn:
    """The column; `sizes`: words of each arena that are in use, those behind them are room for changes."""
    column = _put_together(facts, arrays, sizes)
    if "kind" not in facts:
        assert isinstance(column, SetColumn)
        return column
    kind = Kind(facts["kind"])
    values = json.loads(arrays["values"].tobytes())
    return TagColumn(kind, column, None if values is None else _read(values, kind))


def _taken_apart(column: SetColumn | NumberColumn, threads: Threads) -> tuple[Facts, Arrays]:
    if isinstance(column, NumberColumn):
        if not (_is_settled(column) and _is_settled(column.knowns)):
            column = compacted(column, threads)
        knowns = column.knowns
        tables: Arrays = {"frames": column.frames, "entries": knowns.entries}
        return {"form": "numbers"}, {**tables, "known_words": _in_use(knowns), "words": _in_use(column)}
    if not _is_settled(column):
        column = compacted(column, threads)
    codes: Arrays = {} if column.codes is None else {"codes": column.codes}
    facts = {"form": "sets", "single": column.single, "wide": column.wide}
    return facts, {"entries": column.entries, **codes, "words": _in_use(column)}


def _put_together(facts: Facts, arrays: Arrays, sizes: Mapping[str, int]) -> SetColumn | NumberColumn:
    hold = Room(arrays["words"], sizes["words"]).first()
    if facts["form"] == "sets":
        return SetColumn(
            arrays["entries"], arrays["words"], facts["single"], arrays.get("codes"), facts["wide"], hold
        )
    known_hold = Room(arrays["known_words"], sizes["known_words"]).first()
    knowns = SetColumn(arrays["entries"], arrays["known_words"], single=True, hold=known_hold)
    return NumberColumn(arrays["frames"], arrays["words"], knowns, hold)


def _is_settled(column: SetColumn | NumberColumn) -> bool:
    return isinstance(column.hold, Hold) and column.hold.room.written == 0


def _in_use(column: SetColumn | NumberColumn) -> Words:
    assert isinstance(column.hold, Hold)
    return column.words[: column.hold.room.base]


def _stored(column: TagColumn) -> list[str | int] | None:
    """The values in order of their codes."""
    if column.dictionary is None:
        return None
    return [each if isinstance(each, str) else code_of(each) for each in column.by_code]


def _read(values: list[str | int], kind: Kind) -> ValueCodes:
    return ValueCodes.of(each if isinstance(each, str) else scalar_of(each, kind) for each in values)
