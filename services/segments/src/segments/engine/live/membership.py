"""Which of some persons are in the answers of a program: registers of 64 persons instead of a block's 65,536.

Persons who change are few and everywhere, and a block's register costs the same for one of them as for all. Here the
code or number of each of 64 persons in a column is looked up once, when it is asked for, and compared with what the
program asks for, 64 at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from segments.engine.compiled import kernel, signed
from segments.engine.interpreter import (
    AND,
    ANDNOT,
    ANDNOT_SET,
    CLEAR,
    COPY,
    HIGH,
    LOAD,
    LOW,
    MARK,
    OPERAND,
    OPERATION,
    OR,
    OR_SET,
    RANGE,
    REGISTER,
    SKIP_IF_DONE,
    SKIP_IF_EMPTY,
    STORE,
)
from segments.engine.live.lanes import LANES, equal_lanes, within_lanes
from segments.engine.live.lookups import (
    CODES,
    COLUMN,
    FRAMES,
    VALUES,
    Halves,
    Table,
    Word,
    Words,
    look_up_codes,
    look_up_numbers,
    persons_in,
    row_of,
)
from segments.engine.numbers import NumberColumn
from segments.engine.program import Program
from segments.engine.sets import SetColumn
from segments.engine.threads import Cancellation, Threads

KNOWN = -1
"""The row of a leaf that is of whoever has a value, however many values there are."""
NOBODY = -1
_AMONG_REGISTERS = (CLEAR, COPY, OR, AND, ANDNOT)

Column = SetColumn | NumberColumn


@dataclass(frozen=True, slots=True, eq=False)
class PersonProgram:
    """A program for persons one by one. It outlives versions of columns: see `with_columns`.

    `leaves`  int64 [leaves, 2]: which of `columns`, and which row; `table` what the kernel reads of the columns
    """

    instructions: Table
    leaves: Table
    registers: int
    answers: int
    columns: tuple[Column, ...]
    table: Table

    def with_columns(self, versions: Mapping[Column, Column]) -> "PersonProgram":
        """The same over other versions of some of its columns, each by the one that it has now."""
        columns = tuple(versions.get(each, each) for each in self.columns)
        table = self.table.copy()
        for place, (old, new) in enumerate(zip(self.columns, columns, strict=True)):
            if old is not new:
                table[place] = row_of(new)
        return replace(self, columns=columns, table=table)


def person_program(program: Program) -> PersonProgram:
    """Of the program, which is over one version of all columns."""
    columns = tuple(dict.fromkeys(program.columns))
    places = {each: place for place, each in enumerate(columns)}
    leaves = []
    for column, row in zip(program.columns, program.rows, strict=True):
        is_known = isinstance(column, NumberColumn) or row == column.known
        leaves.append((places[column], KNOWN if is_known else row))
    return PersonProgram(
        instructions=program.instructions,
        leaves=np.asarray(leaves, np.int64).reshape(-1, 2),
        registers=program.registers,
        answers=program.answers,
        columns=columns,
        table=np.asarray([row_of(each) for each in columns], np.int64).reshape(-1, COLUMN),
    )


def membership_words(
    program: PersonProgram, ascending: Table, threads: Threads, cancellation: Cancellation | None = None
) -> Words:
    """uint64 [answers, words]: is each person in each answer? A bit for each, the lowest first. For thousands of both.

    `ascending` ids, repetitions allowed; one outside the universe is in no answer. Raises Cancelled.
    """
    groups = -(-len(ascending) // LANES)
    persons = np.full(groups * LANES, NOBODY, np.int64)
    persons[: len(ascending)] = ascending
    found = np.zeros((program.answers, groups), np.uint64)
    instructions, leaves, table = program.instructions, program.leaves, program.table

    def work(first: int, last: int) -> None:
        kept = np.zeros(len(leaves), np.uint64), np.full((2, len(leaves)), -1, np.int64)
        columns = len(table)
        numbers, codes = np.zeros((columns, LANES), np.int64), np.zeros((columns, LANES), np.uint16)
        registers = np.zeros((2, program.registers), np.uint64)
        _run(instructions, leaves, table, persons, first, last, found, registers, kept, (numbers, codes))

    threads.each(groups, work, cancellation)
    return found


@kernel
def _run(
    program: Table,
    leaves: Table,
    columns: Table,
    persons: Table,
    first: int,
    last: int,
    found: Words,
    registers: Words,
    kept: tuple[Words, Table],
    looked_up: tuple[Table, Halves],
) -> None:
    """`kept`: who of the group is in each leaf, and of which group that is; of which group a column is looked up."""
    none = np.uint64(0)
    held, marked = registers[0], registers[1]
    inside_of, fresh, numbers = kept[0], kept[1], signed(looked_up[0].ctypes.data)
    for group in range(first, last):
        marked[:] = none
        at = 0
        while at < len(program):
            operation, into, operand = program[at, OPERATION], program[at, REGISTER], program[at, OPERAND]
            low = program[at, LOW]
            at += 1
            if operation == SKIP_IF_EMPTY:
                at = low if held[into] == none else at
            elif operation == SKIP_IF_DONE:
                at = low if marked[into] != none else at
            elif operation == MARK:
                marked[into] = np.uint64(1)
            elif operation == STORE:
                found[operand, group] = held[into]
            elif operation in _AMONG_REGISTERS:
                held[into] = _combined(
                    operation, held[into], held[operand], held[low if operation == OR else 0]
                )
            else:
                if fresh[0, operand] != group:
                    fresh[0, operand] = group
                    whose = persons[LANES * group : LANES * (group + 1)]
                    inside_of[operand] = _leaf(leaves[operand], columns, whose, group, fresh[1], looked_up)
                inside = inside_of[operand]
                if operation == RANGE and held[into] & inside != none:
                    address = numbers + leaves[operand, 0] * LANES * 8
                    inside &= within_lanes(address, low, program[at - 1, HIGH])
                held[into] = _taken_in(operation, held[into], inside, held[low if operation == OR_SET else 0])


@kernel
def _combined(operation: int, held: Word, other: Word, context: Word) -> Word:
    if operation == CLEAR:
        return np.uint64(0)
    if operation == COPY:
        return other
    if operation == OR:
        return held | (other & context)
    return held & other if operation == AND else held & ~other


@kernel
def _taken_in(operation: int, held: Word, inside: Word, context: Word) -> Word:
    if operation == LOAD:
        return inside
    if operation == OR_SET:
        return held | (inside & context)
    return held & ~inside if operation == ANDNOT_SET else held & inside


@kernel
def _leaf(
    leaf: Table, columns: Table, persons: Table, group: int, fresh: Table, looked_up: tuple[Table, Halves]
) -> Word:
    """Who of the group is in a leaf; of numbers, whoever has one, and each one's is looked up."""
    place, row = leaf[0], leaf[1]
    column = columns[place]
    if row == KNOWN:
        row = column[VALUES]
    elif column[CODES]:
        if fresh[place] != group:
            fresh[place] = group
            look_up_codes(column, persons, looked_up[1][place])
        return equal_lanes(signed(looked_up[1].ctypes.data) + place * LANES * 2, row + 1)
    inside = persons_in(column, row, persons)
    if column[FRAMES]:
        look_up_numbers(column, persons, inside, looked_up[0][place])
    return inside
