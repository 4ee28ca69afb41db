"""Runs a program over a range of blocks, one block after the other, with its registers in the processor's cache.

An instruction is five int64: operation, register, operand, low, high. A leaf is where a column's containers are: one
row of int64 addresses per value set or column of numbers that the program reads. Whoever passes addresses keeps the
columns alive.
"""

import numpy as np
import numpy.typing as npt

from segments.engine.compiled import kernel, signed
from segments.engine.containers import (
    BLOCK_BYTES,
    EMPTY,
    and_container,
    and_register,
    andnot_container,
    andnot_register,
    cardinality_of,
    clear,
    copy,
    count,
    expand,
    or_container,
    or_register,
)
from segments.engine.lines import words_in
from segments.engine.numbers import FRAME, range_block

OPERATION, REGISTER, OPERAND, LOW, HIGH = range(5)
INSTRUCTION = 5

(
    LOAD,  # register = leaf
    CLEAR,  # register = nobody
    COPY,  # register = register `operand`
    OR_SET,  # register |= leaf & register `low`
    OR,  # register |= register `operand` & register `low`
    AND_SET,  # register &= leaf
    ANDNOT_SET,  # register &= ~leaf
    AND,  # register &= register `operand`
    ANDNOT,  # register &= ~register `operand`
    RANGE,  # register &= leaf's numbers from `low` to `high`
    SKIP_IF_EMPTY,  # go on at instruction `low` when nobody is in the register
    SKIP_IF_DONE,  # go on at instruction `low` when the register was marked in this block
    MARK,  # the register holds what it is for
    STORE,  # answer `operand` of this block is the register
) = range(14)

LEAF = 5
ENTRIES, ARENA, BLOCKS, FRAMES, KNOWNS = range(LEAF)
"""Addresses, but BLOCKS. Of a set: its entries and arena. Of numbers: frames and arena, and as entries and `knowns`
those of whoever has a number."""

Table = npt.NDArray[np.int64]


@kernel
def run(
    program: Table,
    leaves: Table,
    blocks: Table,
    first: int,
    last: int,
    cardinalities: Table,
    answers: int,
    registers: int,
    alive: Table,
    marked: Table,
) -> None:
    """Runs `blocks` at places from first to before last.

    `blocks`         int64, numbers of blocks
    `cardinalities`  int64 [answers, blocks], zero: how many persons of a block are in an answer
    `answers`        address of [answers, blocks, 1,024] zero words for the persons themselves, 0 when not wanted
    `registers`      address of 1,024 words for each register and one more, of this thread alone; so are
    `alive`          int64 per register: is somebody in it?
    `marked`         int64 per register
    """
    for place in range(first, last):
        block = blocks[place]
        marked[:] = 0
        at = 0
        while at < len(program):
            instruction = program[at]
            operation, into = instruction[OPERATION], instruction[REGISTER]
            at += 1
            if operation == SKIP_IF_EMPTY:
                if not alive[into]:
                    at = instruction[LOW]
            elif operation == SKIP_IF_DONE:
                if marked[into]:
                    at = instruction[LOW]
            elif operation == MARK:
                marked[into] = 1
            elif operation == STORE:
                if alive[into]:
                    answer = instruction[OPERAND]
                    register = registers + into * BLOCK_BYTES
                    cardinalities[answer, place] = count(register)
                    if answers:
                        copy(answers + (answer * len(blocks) + place) * BLOCK_BYTES, register)
            elif operation <= OR:
                _write(instruction, leaves, block, registers, alive)
            elif alive[into]:
                alive[into] = _narrow(instruction, leaves, block, registers, len(alive))


@kernel
def _entry(leaf: Table, block: int) -> int:
    """A column may be shorter than the universe."""
    if block >= leaf[BLOCKS]:
        return EMPTY
    return signed(words_in(leaf[ENTRIES], leaf[BLOCKS])[block])


@kernel
def _write(instruction: Table, leaves: Table, block: int, registers: int, alive: Table) -> None:
    """What gives a register new persons."""
    operation, into, operand = instruction[OPERATION], instruction[REGISTER], instruction[OPERAND]
    register, context = registers + into * BLOCK_BYTES, registers + instruction[LOW] * BLOCK_BYTES
    scratch = registers + len(alive) * BLOCK_BYTES
    if operation == CLEAR:
        clear(register)
        alive[into] = 0
    elif operation == COPY:
        copy(register, registers + operand * BLOCK_BYTES)
        alive[into] = alive[operand]
    elif operation == LOAD:
        entry = _entry(leaves[operand], block)
        copy(register, expand(entry, leaves[operand, ARENA], scratch))
        alive[into] = cardinality_of(entry)
    elif operation == OR_SET:
        entry, arena = _entry(leaves[operand], block), leaves[operand, ARENA]
        alive[into] = or_container(register, entry, arena, context, scratch, alive[into])
    elif operation == OR and alive[operand]:
        alive[into] = or_register(register, registers + operand * BLOCK_BYTES, context)


@kernel
def _narrow(instruction: Table, leaves: Table, block: int, registers: int, scratch: int) -> int:
    """What takes persons from a register that has some; 0 when nobody is left."""
    operation, operand = instruction[OPERATION], instruction[OPERAND]
    register, other = registers + instruction[REGISTER] * BLOCK_BYTES, registers + operand * BLOCK_BYTES
    free = registers + scratch * BLOCK_BYTES
    if operation == AND:
        return and_register(register, other)
    if operation == ANDNOT:
        return andnot_register(register, other)
    leaf = leaves[operand]
    entry, arena = _entry(leaf, block), leaf[ARENA]
    if operation == AND_SET:
        return and_container(register, entry, arena, free)
    if operation == ANDNOT_SET:
        return andnot_container(register, entry, arena, free)
    if block >= leaf[BLOCKS]:
        clear(register)
        return 0
    low, high = instruction[LOW], instruction[HIGH]
    frame = leaf[FRAMES] + block * FRAME * 8
    return range_block(register, frame, entry, arena, leaf[KNOWNS], low, high, free)
