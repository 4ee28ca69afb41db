"""Containers: the persons of one block who have one value, in the form that takes the least room.

An entry says where a container is, as one int64: its kind in bits 0-2, its cardinality in bits 3-19, from bit 20 on
where it starts in the column's arena, in words of 64 bits.

EMPTY, FULL   nothing stored
DENSE         1,024 words, person i of the block at bit i
SPARSE        the offsets of the persons, uint16 ascending
RUN           how many runs, then first and last offset of each, all uint16

A register is 1,024 words at an address; `scratch` is one that a kernel may overwrite.
"""

import numpy as np

from segments.engine.compiled import kernel, signed
from segments.engine.lines import (
    LINE_BYTES,
    and_line,
    andnot_line,
    count_common_line,
    count_line,
    count_word,
    halves_in,
    is_line,
    is_missing_line,
    or_line,
    words_in,
)

BLOCK_BITS = 16
BLOCK_SIZE = 1 << BLOCK_BITS
BLOCK_WORDS = BLOCK_SIZE // 64
BLOCK_BYTES = BLOCK_SIZE // 8
LINE_WORDS = LINE_BYTES // 8

EMPTY, FULL, DENSE, SPARSE, RUN = range(5)
KIND_MASK = 7
CARDINALITY_SHIFT = 3
CARDINALITY_MASK = (1 << 17) - 1
OFFSET_SHIFT = 20
SPARSE_MOST = 2_048
"""Persons of a sparse container: beyond, setting their bits takes longer than reading a dense one."""


@kernel
def kind_of(entry: int) -> int:
    """One of the five."""
    return entry & KIND_MASK


@kernel
def cardinality_of(entry: int) -> int:
    """How many persons."""
    return (entry >> CARDINALITY_SHIFT) & CARDINALITY_MASK


@kernel
def place_of(entry: int, arena: int) -> int:
    """The address of a container."""
    return arena + ((entry >> OFFSET_SHIFT) << 3)


@kernel
def clear(register: int) -> None:
    words = words_in(register, BLOCK_WORDS)
    for each in range(BLOCK_WORDS):
        words[each] = np.uint64(0)


@kernel
def fill(register: int) -> None:
    words = words_in(register, BLOCK_WORDS)
    for each in range(BLOCK_WORDS):
        words[each] = np.uint64(0xFFFFFFFFFFFFFFFF)


@kernel
def copy(target: int, source: int) -> None:
    into = words_in(target, BLOCK_WORDS)
    out_of = words_in(source, BLOCK_WORDS)
    for each in range(BLOCK_WORDS):
        into[each] = out_of[each]


@kernel
def count(register: int) -> int:
    """How many bits of a register are set."""
    found = 0
    for line in range(0, BLOCK_BYTES, LINE_BYTES):
        found += count_line(register + line)
    return found


@kernel
def and_register(target: int, source: int) -> int:
    """target &= source; 0 when nobody is left. Lines where nobody is are not read."""
    left = 0
    for line in range(0, BLOCK_BYTES, LINE_BYTES):
        if is_line(target + line):
            left |= and_line(target + line, source + line)
    return left


@kernel
def andnot_register(target: int, source: int) -> int:
    """target &= ~source; 0 when nobody is left."""
    left = 0
    for line in range(0, BLOCK_BYTES, LINE_BYTES):
        if is_line(target + line):
            left |= andnot_line(target + line, source + line)
    return left


@kernel
def or_register(target: int, source: int, context: int) -> int:
    """target |= source & context; 0 when nobody is in it. Lines of which the target has the whole context are not
    read."""
    found = 0
    for line in range(0, BLOCK_BYTES, LINE_BYTES):
        if is_missing_line(context + line, target + line):
            found |= or_line(target + line, source + line, context + line)
        else:
            found |= is_line(target + line)
    return found


@kernel
def expand(entry: int, arena: int, register: int) -> int:
    """The address of the container as 1,024 words: its own when it is dense, else the register, overwritten."""
    kind, place = kind_of(entry), place_of(entry, arena)
    if kind == DENSE:
        return place
    if kind == FULL:
        fill(register)
        return register
    clear(register)
    words = words_in(register, BLOCK_WORDS)
    if kind == SPARSE:
        members = halves_in(place, BLOCK_SIZE)
        for each in range(cardinality_of(entry)):
            offset = signed(members[each])
            words[offset >> 6] |= np.uint64(1) << np.uint64(offset & 63)
    elif kind == RUN:
        ends = halves_in(place, BLOCK_SIZE + 1)
        for each in range(signed(ends[0])):
            set_run(register, signed(ends[1 + 2 * each]), signed(ends[2 + 2 * each]))
    return register


@kernel
def set_run(register: int, first: int, last: int) -> None:
    """Sets the bits from first to last."""
    words = words_in(register, BLOCK_WORDS)
    ones = np.uint64(0xFFFFFFFFFFFFFFFF)
    head = ones << np.uint64(first & 63)
    tail = ones >> np.uint64(63 - (last & 63))
    start, end = first >> 6, last >> 6
    if start == end:
        words[start] |= head & tail
        return
    words[start] |= head
    for each in range(start + 1, end):
        words[each] = ones
    words[end] |= tail


@kernel
def and_container(register: int, entry: int, arena: int, scratch: int) -> int:
    """register &= container; 0 when nobody is left, for sure only if somebody was in it before."""
    kind = kind_of(entry)
    if kind == FULL:
        return 1
    if kind == EMPTY:
        clear(register)
        return 0
    return and_register(register, expand(entry, arena, scratch))


@kernel
def andnot_container(register: int, entry: int, arena: int, scratch: int) -> int:
    """register &= ~container; 0 when nobody is left, for sure only if somebody was in it before."""
    kind = kind_of(entry)
    if kind == EMPTY:
        return 1
    if kind == FULL:
        clear(register)
        return 0
    return andnot_register(register, expand(entry, arena, scratch))


@kernel
def or_container(register: int, entry: int, arena: int, context: int, scratch: int, alive: int) -> int:
    """register |= container & context; 0 when nobody is in it. `alive`: was somebody in it before?"""
    kind = kind_of(entry)
    if kind == EMPTY:
        return alive
    if kind == SPARSE:
        words = words_in(register, BLOCK_WORDS)
        allowed = words_in(context, BLOCK_WORDS)
        members = halves_in(place_of(entry, arena), BLOCK_SIZE)
        added = np.uint64(0)
        for each in range(cardinality_of(entry)):
            offset = signed(members[each])
            bit = allowed[offset >> 6] & (np.uint64(1) << np.uint64(offset & 63))
            words[offset >> 6] |= bit
            added |= bit
        return 1 if added != np.uint64(0) else alive
    return or_register(register, expand(entry, arena, scratch), context)


@kernel
def count_common(register: int, entry: int, arena: int) -> int:
    """How many persons of the register the container has."""
    kind, place = kind_of(entry), place_of(entry, arena)
    found = 0
    if kind == DENSE:
        for line in range(0, BLOCK_BYTES, LINE_BYTES):
            if is_line(register + line):
                found += count_common_line(register + line, place + line)
    elif kind == SPARSE:
        words = words_in(register, BLOCK_WORDS)
        members = halves_in(place, BLOCK_SIZE)
        for each in range(cardinality_of(entry)):
            offset = signed(members[each])
            found += signed((words[offset >> 6] >> np.uint64(offset & 63)) & np.uint64(1))
    elif kind == RUN:
        ends = halves_in(place, BLOCK_SIZE + 1)
        for each in range(signed(ends[0])):
            found += count_run(register, signed(ends[1 + 2 * each]), signed(ends[2 + 2 * each]))
    elif kind == FULL:
        found = count(register)
    return found


@kernel
def count_run(register: int, first: int, last: int) -> int:
    """How many bits from first to last are set."""
    words = words_in(register, BLOCK_WORDS)
    ones = np.uint64(0xFFFFFFFFFFFFFFFF)
    start, end = first >> 6, last >> 6
    head, tail = ones << np.uint64(first & 63), ones >> np.uint64(63 - (last & 63))
    if start == end:
        return signed(count_word(words[start] & head & tail))
    found = signed(count_word(words[start] & head) + count_word(words[end] & tail))
    for each in range(start + 1, end):
        found += count_word(words[each])
    return found
