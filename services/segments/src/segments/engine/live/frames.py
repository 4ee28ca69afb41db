"""Kernels that make new slices of numbers of old ones and those that change."""

import numpy as np
import numpy.typing as npt

from segments.engine.arenas import LINE_WORDS
from segments.engine.compiled import kernel, signed
from segments.engine.containers import BLOCK_BITS, BLOCK_SIZE, BLOCK_WORDS, expand
from segments.engine.lines import halves_in, lowest_bit, words_in
from segments.engine.live.rooms import NO_ROOM, Moves, State, moved
from segments.engine.numbers import (
    FEW,
    FEW_MOST,
    LARGEST,
    NO_HIGH,
    NO_LOW,
    NUMBER_PAGES,
    PAGE_LINES,
    PAGE_WORDS,
    PAGES,
    PERSONS,
    SMALLEST,
    STEP,
    WIDTH,
    find_frame,
    write_slices,
)

Numbers = npt.NDArray[np.int64]

FEW_AGAIN = FEW_MOST // 2
"""A block of slices stores numbers as they are below so many persons."""
WIDTH_MOST = 64


@kernel
def change_frames(
    changed: Numbers,
    before: Numbers,
    frames: Numbers,
    old_knowns: Numbers,
    old_arena: int,
    counts: Numbers,
    state: State,
    arena: int,
    moves: Moves,
    spare: Numbers,
) -> int:
    """Writes the pages that change, and their blocks' frames; 0 or NO_ROOM.

    `changed`     int64 [3, persons]: persons ascending, 1 for those who have a number from now on, which
    `before`      the frames as they were, `frames` a copy of them
    `old_knowns`  entries of who had a number, in `old_arena`
    `counts`      per block, how many persons have a number from now on
    `spare`       int64 [4, 65,536]
    """
    first, persons = 0, changed[0]
    while first < len(persons):
        block = persons[first] >> BLOCK_BITS
        last = first + 1
        while last < len(persons) and persons[last] >> BLOCK_BITS == block:
            last += 1
        whose, has, which = persons[first:last], changed[1, first:last], changed[2, first:last]
        frame = frames[block]
        if _fits(has, which, frame, counts[block]):
            status = _patch(whose, has, which, before[block], frame, state, arena, moves)
        else:
            old = old_knowns[block]
            status = _rebuild(whose, has, which, frame, old, old_arena, state, arena, moves, spare)
        if status < 0:
            return status
        frame[PERSONS] = counts[block]
        first = last
    return 0


@kernel
def _fits(has: Numbers, numbers: Numbers, frame: Numbers, count: int) -> bool:
    """Can the block's slices hold the numbers?"""
    width, smallest = frame[WIDTH], frame[SMALLEST]
    if width == FEW or frame[PERSONS] == 0 or count == 0 or (width > 0 and count < FEW_AGAIN):
        return False
    step = np.uint64(frame[STEP])
    for each in range(len(numbers)):
        if not has[each]:
            continue
        if numbers[each] < smallest:
            return False
        distance = np.uint64(numbers[each]) - np.uint64(smallest)
        if distance % step != np.uint64(0):
            return False
        if width < WIDTH_MOST and (distance // step) >> np.uint64(width) != np.uint64(0):
            return False
    return True


@kernel
def _patch(
    persons: Numbers,
    has: Numbers,
    numbers: Numbers,
    before: Numbers,
    frame: Numbers,
    state: State,
    arena: int,
    moves: Moves,
) -> int:
    width, smallest, step = frame[WIDTH], np.uint64(frame[SMALLEST]), np.uint64(frame[STEP])
    for each in range(len(persons)):
        if not has[each] or width == 0:
            continue
        frame[LARGEST] = max(frame[LARGEST], numbers[each])
        level = (np.uint64(numbers[each]) - smallest) // step
        word = (persons[each] & (BLOCK_SIZE - 1)) >> 6
        page = PAGES + word // PAGE_WORDS
        if frame[page] == before[page]:
            lines = width * PAGE_LINES
            place = moved(state, arena, moves, lines, before[page], lines)
            if place == NO_ROOM:
                return NO_ROOM
            target = words_in(arena + place * 8, lines * LINE_WORDS)
            target[:] = words_in(arena + before[page] * 8, lines * LINE_WORDS)
            frame[page] = place
        slices = words_in(arena + frame[page] * 8, width * PAGE_WORDS)
        start = word % PAGE_WORDS // LINE_WORDS * width * LINE_WORDS + word % LINE_WORDS
        mask = np.uint64(1) << np.uint64(persons[each] & 63)
        for bit in range(width):
            place = start + bit * LINE_WORDS
            if (level >> np.uint64(width - 1 - bit)) & np.uint64(1) != np.uint64(0):
                slices[place] |= mask
            else:
                slices[place] &= ~mask
    return 0


@kernel
def _rebuild(
    persons: Numbers,
    has: Numbers,
    numbers: Numbers,
    frame: Numbers,
    known: int,
    knowns: int,
    state: State,
    arena: int,
    moves: Moves,
    spare: Numbers,
) -> int:
    """Writes all slices of a block anew; of those that were slices before, a number may grow by a bit."""
    count = decode(frame, known, arena, knowns, spare[2], spare[3])
    count = _merge(persons, has, numbers, count, spare)
    wanted = frame.copy()
    if count > 0:
        find_frame(spare[1, :count], wanted)
        if frame[WIDTH] >= 0 and 0 < wanted[WIDTH] < WIDTH_MOST:
            wanted[WIDTH] += 1
    else:
        wanted[SMALLEST], wanted[LARGEST], wanted[STEP] = NO_HIGH, NO_LOW, 1
        wanted[WIDTH] = 0
    for page in range(NUMBER_PAGES):
        lines = _lines(wanted, count, page)
        place = moved(state, arena, moves, lines, frame[PAGES + page], _lines(frame, frame[PERSONS], page))
        if place == NO_ROOM:
            return NO_ROOM
        wanted[PAGES + page] = place if lines > 0 else wanted[PAGES]
    frame[:] = wanted
    if count > 0:
        write_slices(spare[1, :count], spare[0, :count].astype(np.uint16), frame, arena)
    return 0


@kernel
def _lines(frame: Numbers, persons: int, page: int) -> int:
    """Of a page."""
    if frame[WIDTH] != FEW:
        return signed(frame[WIDTH] * PAGE_LINES)
    words = persons + (persons + 3) // 4 if page == 0 else 0
    return signed((words + LINE_WORDS - 1) // LINE_WORDS)


@kernel
def _merge(persons: Numbers, has: Numbers, numbers: Numbers, count: int, spare: Numbers) -> int:
    """Puts the offsets and numbers of spare[2:] with those that change into spare[:2]; how many."""
    old = new = 0
    for each in range(len(persons) + 1):
        offset = persons[each] & (BLOCK_SIZE - 1) if each < len(persons) else BLOCK_SIZE
        while old < count and spare[2, old] < offset:
            spare[0, new], spare[1, new] = spare[2, old], spare[3, old]
            old, new = old + 1, new + 1
        if old < count and spare[2, old] == offset:
            old += 1
        if each < len(persons) and has[each]:
            spare[0, new], spare[1, new] = offset, numbers[each]
            new += 1
    return new


@kernel
def decode(frame: Numbers, known: int, arena: int, knowns: int, offsets: Numbers, numbers: Numbers) -> int:
    """Writes who has which number in a block, ascending by offset; how many persons. `known`: an entry of the arena
    `knowns`."""
    width, count = frame[WIDTH], 0
    if width == FEW:
        place = arena + frame[PAGES] * 8
        count = signed(frame[PERSONS])
        few, whose = words_in(place, FEW_MOST), halves_in(place + 8 * count, FEW_MOST)
        for each in range(count):
            offsets[each], numbers[each] = signed(whose[each]), signed(few[each])
        return count
    register = np.empty(BLOCK_WORDS, np.uint64)
    words = words_in(expand(known, knowns, signed(register.ctypes.data)), BLOCK_WORDS)
    smallest, step = np.uint64(frame[SMALLEST]), np.uint64(frame[STEP])
    for word in range(BLOCK_WORDS):
        left = words[word]
        slices = words_in(arena + frame[PAGES + word // PAGE_WORDS] * 8, width * PAGE_WORDS)
        start = word % PAGE_WORDS // LINE_WORDS * width * LINE_WORDS + word % LINE_WORDS
        while left != np.uint64(0):
            place = lowest_bit(left)
            left &= left - np.uint64(1)
            level = np.uint64(0)
            for bit in range(width):
                found = (slices[start + bit * LINE_WORDS] >> np.uint64(place)) & np.uint64(1)
                level = (level << np.uint64(1)) | found
            offsets[count], numbers[count] = word * 64 + place, signed(smallest + level * step)
            count += 1
    return count
