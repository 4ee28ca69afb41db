"""Programs: sets as instructions for the interpreter.

Operands of AND run one after the other on one register, so each reads only lines where somebody is left; an OR reads
only lines where somebody of its context is missing. A set that occurs several times has a register of its own, filled
in a block when it is asked for the first time.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from segments.engine import interpreter as machine
from segments.engine.algebra import All, Any, Everyone, InRange, InSet, Nobody, Not, Sets, normal
from segments.engine.arenas import address_of
from segments.engine.containers import BLOCK_BYTES
from segments.engine.estimates import Estimates
from segments.engine.numbers import NumberColumn
from segments.engine.sets import SetColumn

REGISTERS_MOST = 128
"""Registers of a program, 8 KiB each; a rule at its limits of depth and leaves takes fewer."""


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Ready to run any number of times, by several threads at once.

    `answers` how many sets it answers, `blocks` how many blocks it looks at; `columns` are what its addresses point to,
    the universe first, `rows` which of their rows; `sizes` are the leaves' in bytes
    """

    instructions: machine.Table
    leaves: machine.Table
    registers: int
    answers: int
    blocks: int
    columns: tuple[SetColumn | NumberColumn, ...]
    rows: tuple[int, ...]
    sizes: tuple[int, ...]

    def among(self, persons: SetColumn) -> "Program":
        """The same for a part of the universe: row 0 of the column."""
        leaves = self.leaves.copy()
        leaves[0] = _leaf((persons, 0))
        return replace(self, leaves=leaves, blocks=persons.blocks, columns=(persons, *self.columns[1:]))

    @property
    def bytes(self) -> int:
        """Of what its leaves point to: read at most, when nothing is skipped. Estimated for sparse containers."""
        return sum(self.sizes)

    @property
    def universe(self) -> SetColumn:
        """Row 0: the persons that answers are part of."""
        universe = self.columns[0]
        assert isinstance(universe, SetColumn)
        return universe


def program_of(sets: Sequence[Sets], universe: SetColumn, registers_most: int = REGISTERS_MOST) -> Program:
    """One answer for each of the sets, within the universe (its row 0). Raises ValueError beyond so many registers."""
    wanted = [normal(each) for each in sets]
    assembler = _Assembler(universe, _shared(wanted), registers_most)
    for place, each in enumerate(wanted):
        assembler.answer(each, place)
    return assembler.program(len(wanted))


def _shared(sets: Iterable[Sets]) -> set[Sets]:
    """What occurs several times and is worth a register: not what one container answers."""
    seen: Counter[Sets] = Counter()

    def look(each: Sets) -> None:
        seen[each] += 1
        if seen[each] == 1:
            for operand in _operands(each):
                look(operand)

    for each in sets:
        look(each)
    return {each for each, times in seen.items() if times > 1 and isinstance(each, All | Any | InRange)}


def _operands(sets: Sets) -> tuple[Sets, ...]:
    match sets:
        case All() | Any():
            return sets.operands
        case Not():
            return (sets.operand,)
        case _:
            return ()


class _Assembler:
    def __init__(self, universe: SetColumn, shared: set[Sets], registers_most: int) -> None:
        self._registers_most = registers_most
        self._universe = InSet(universe, 0)
        self._estimates = Estimates(universe)
        self._instructions: list[list[int]] = []
        self._leaves: dict[tuple[SetColumn, int] | NumberColumn, int] = {}
        self._free: list[int] = []
        self._registers = 0
        self._shared: dict[Sets, int] = {each: self._take() for each in shared}
        self._set(self._universe)

    def program(self, answers: int) -> Program:
        if self._registers > self._registers_most:
            raise ValueError(
                f"the rule needs {self._registers} registers and {self._registers_most} are allowed; nest it less "
                "deeply"
            )
        leaves = np.asarray([_leaf(each) for each in self._leaves], np.int64)
        return Program(
            instructions=np.asarray(self._instructions, np.int64),
            leaves=leaves.reshape(-1, machine.LEAF),
            registers=self._registers,
            answers=answers,
            blocks=self._universe.column.blocks,
            columns=tuple(each[0] if isinstance(each, tuple) else each for each in self._leaves),
            rows=tuple(each[1] if isinstance(each, tuple) else 0 for each in self._leaves),
            sizes=tuple(_bytes(each) for each in self._leaves),
        )

    def answer(self, sets: Sets, place: int) -> None:
        register = self._take()
        self._emit(machine.LOAD, register, self._set(self._universe))
        ends = [self._emit(machine.SKIP_IF_EMPTY, register)]
        self._narrow(sets, register)
        self._emit(machine.STORE, register, place)
        self._land(ends)
        self._free.append(register)

    # -------------------------------------------------------------------------------- register &= sets

    def _narrow(self, sets: Sets, register: int) -> None:
        if sets in self._shared:
            self._emit(machine.AND, register, self._computed(sets))
        else:
            self._narrow_by_parts(sets, register)

    def _narrow_by_parts(self, sets: Sets, register: int) -> None:
        match sets:
            case Everyone():
                pass
            case Nobody():
                self._emit(machine.CLEAR, register)
            case InSet():
                self._emit(machine.AND_SET, register, self._set(sets))
            case InRange():
                self._emit(machine.RANGE, register, self._numbers(sets), sets.low, sets.high)
            case Not(operand=InSet() as inner):
                self._emit(machine.ANDNOT_SET, register, self._set(inner))
            case Not():
                self._subtract(sets.operand, register)
            case All():
                *others, last = self._estimates.ordered(sets)
                ends = []
                for each in others:
                    self._narrow(each, register)
                    ends.append(self._emit(machine.SKIP_IF_EMPTY, register))
                self._narrow(last, register)
                self._land(ends)
            case Any():
                found = self._take()
                self._emit(machine.CLEAR, found)
                for each in self._estimates.ordered(sets):
                    self._widen(each, found, register)
                self._emit(machine.COPY, register, found)
                self._free.append(found)

    def _subtract(self, sets: Sets, register: int) -> None:
        if sets in self._shared:
            self._emit(machine.ANDNOT, register, self._computed(sets))
            return
        with_it = self._take()
        self._emit(machine.COPY, with_it, register)
        self._narrow(sets, with_it)
        self._emit(machine.ANDNOT, register, with_it)
        self._free.append(with_it)

    # ---------------------------------------------------------------------- found |= sets & context

    def _widen(self, sets: Sets, found: int, context: int) -> None:
        if sets in self._shared:
            self._emit(machine.OR, found, self._computed(sets), context)
        elif isinstance(sets, InSet):
            self._emit(machine.OR_SET, found, self._set(sets), context)
        else:
            rest = self._take()
            self._emit(machine.COPY, rest, context)
            self._emit(machine.ANDNOT, rest, found)
            ends = [self._emit(machine.SKIP_IF_EMPTY, rest)]
            self._narrow(sets, rest)
            self._emit(machine.OR, found, rest, rest)
            self._land(ends)
            self._free.append(rest)

    # ------------------------------------------------------------------------------------------ parts

    def _computed(self, sets: Sets) -> int:
        """The register of a shared set, filled from here on."""
        register = self._shared[sets]
        ends = [self._emit(machine.SKIP_IF_DONE, register)]
        self._emit(machine.LOAD, register, self._set(self._universe))
        self._narrow_by_parts(sets, register)
        self._emit(machine.MARK, register)
        self._land(ends)
        return register

    def _take(self) -> int:
        if self._free:
            return self._free.pop()
        self._registers += 1
        return self._registers - 1

    def _emit(self, operation: int, register: int, operand: int = 0, low: int = 0, high: int = 0) -> int:
        self._instructions.append([operation, register, operand, low, high])
        return len(self._instructions) - 1

    def _land(self, skips: Iterable[int]) -> None:
        """The skips lead to what comes next."""
        for each in skips:
            self._instructions[each][machine.LOW] = len(self._instructions)

    def _set(self, sets: InSet) -> int:
        return self._leaves.setdefault((sets.column, sets.row), len(self._leaves))

    def _numbers(self, sets: InRange) -> int:
        return self._leaves.setdefault(sets.column, len(self._leaves))


def _leaf(leaf: tuple[SetColumn, int] | NumberColumn) -> list[int]:
    if isinstance(leaf, NumberColumn):
        knowns = leaf.knowns
        return [
            address_of(knowns.entries),
            address_of(leaf.words),
            leaf.blocks,
            address_of(leaf.frames),
            address_of(knowns.words),
        ]
    column, row = leaf
    return [
        address_of(column.entries) + row * column.blocks * 8,
        address_of(column.words),
        column.blocks,
        0,
        0,
    ]


def _bytes(leaf: tuple[SetColumn, int] | NumberColumn) -> int:
    if isinstance(leaf, NumberColumn):
        knowns = leaf.knowns
        return leaf.words.nbytes + int(knowns.costs[0] * knowns.blocks * BLOCK_BYTES)
    column, row = leaf
    return int(column.costs[row] * column.blocks * BLOCK_BYTES)
