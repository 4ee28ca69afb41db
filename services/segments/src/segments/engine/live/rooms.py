"""Rooms: the part of an arena where new containers are written, behind those of the column's first version.

A place is written over only when no version that may point to it is left. A version's hold says that it is there: it
goes when the last reader lets go of the column, without anybody being told.
"""

import weakref
from collections import deque
from threading import Lock

import numpy as np
import numpy.typing as npt

from segments.engine.arenas import LINE_WORDS, Words, address_of, lined
from segments.engine.compiled import kernel, signed
from segments.engine.lines import words_in

LINES_MOST = 512
"""Of a place: a page of numbers of 64 bits."""
USED, END, BASE, DONE, FREE = range(5)
"""Of a room's state, in words of the arena, and how many moves are done; from FREE on the first free place for each
number of lines, negative: none. The first word of a free place is where the next is."""
NEW, NEW_LINES, OLD, OLD_LINES = range(4)
"""Of a move: where a container, or a page, is from now on, and where it was; places in words, no lines: nowhere."""
NO_ROOM = -1

State = npt.NDArray[np.int64]
Moves = npt.NDArray[np.int64]


class NoRoom(Exception):
    """An arena is used up; the column is to be rebuilt in a larger one."""


class Hold:
    """That a version of a column is there. `reads`: the first version whose places it may point to, its own until it is
    given up."""

    __slots__ = ("__weakref__", "number", "reads", "room")

    def __init__(self, room: "Room", number: int) -> None:
        self.room, self.number, self.reads = room, number, number


class Room:
    """Of the columns that share an arena, each a version that was made from another; one thread at a time makes one.

    `words` the whole arena, of which the first `base` are in use and never written over
    """

    def __init__(self, words: Words, base: int) -> None:
        self.words = words
        self.lock = Lock()
        self.state: State = np.full(FREE + LINES_MOST + 1, -1, np.int64)
        self.state[[USED, END, BASE]] = lined(base), len(words), lined(base)
        self._numbers = 0
        self._trunk: set[int] = set()
        self._holds: dict[int, weakref.ref[Hold]] = {}
        self._moves: deque[tuple[int, Moves]] = deque()

    @property
    def base(self) -> int:
        """Words of the first version."""
        return int(self.state[BASE])

    @property
    def written(self) -> int:
        """Words behind the base that were ever taken."""
        return int(self.state[USED] - self.state[BASE])

    @property
    def left(self) -> int:
        """Words that were never taken."""
        return int(self.state[END] - self.state[USED])

    def first(self) -> Hold:
        """Of the version that the base is."""
        return self._hold()

    def begin(self, hold: Hold) -> None:
        """Before a version is made from the one with this hold. With the lock.

        Versions that were made from it earlier are given up: whoever reads them may go on, nothing may be made of them.
        Raises ValueError for a version that was given up itself.
        """
        held = [found for each in self._holds.values() if (found := each()) is not None]
        self._holds = {each.number: self._holds[each.number] for each in held}
        if hold.number not in self._trunk:
            raise ValueError(
                "no version is made from one that was given up; start again from the one before it"
            )
        if hold.number != self._numbers:
            self._trunk = {each for each in self._trunk if each <= hold.number}
            self._moves = deque(each for each in self._moves if each[0] < hold.number)
            for each in held:  # what is made of the version from now on moves what they share with it
                each.reads = min(each.reads, hold.number)
        self._trunk.intersection_update(self._holds)
        first = min(each.reads for each in held)
        while self._moves and self._moves[0][0] < first:
            _free(self._moves.popleft()[1], self.state, address_of(self.words))
        self.state[DONE] = 0

    def end(self, hold: Hold, moves: Moves) -> Hold:
        """The hold of the version that was made by the moves done."""
        self._moves.append((hold.number, moves[: self.state[DONE]].copy()))
        return self._hold()

    def undo(self, moves: Moves) -> None:
        """No version was made."""
        _undo(moves[: self.state[DONE]], self.state, address_of(self.words))

    def _hold(self) -> Hold:
        self._numbers += 1
        self._trunk.add(self._numbers)
        hold = Hold(self, self._numbers)
        self._holds[hold.number] = weakref.ref(hold)
        return hold


def room_of(hold: object, version: object) -> tuple[Room, Hold]:
    """Where a version of this hold can change. Raises TypeError for one that cannot: nothing was left behind it."""
    if not isinstance(hold, Hold):
        raise TypeError(f"a {type(version).__name__} without a room cannot change; compact it first")
    return hold.room, hold


@kernel
def moved(state: State, arena: int, moves: Moves, lines: int, old: int, old_lines: int) -> int:
    """Takes a place and writes a move; the place, or NO_ROOM."""
    head = state[FREE + lines]
    if head >= 0:
        state[FREE + lines] = signed(words_in(arena + head * 8, 1)[0])
        place = signed(head)
    else:
        place = signed(state[USED])
        if place + lines * LINE_WORDS > state[END]:
            return NO_ROOM
        state[USED] = place + lines * LINE_WORDS
    move = moves[state[DONE]]
    state[DONE] += 1
    move[NEW], move[NEW_LINES], move[OLD], move[OLD_LINES] = place, lines, old, old_lines
    return place


@kernel
def _give(place: int, lines: int, state: State, arena: int) -> None:
    if lines > 0 and place >= state[BASE]:
        words_in(arena + place * 8, 1)[0] = np.uint64(state[FREE + lines])
        state[FREE + lines] = place


@kernel
def _free(moves: Moves, state: State, arena: int) -> None:
    for each in range(len(moves)):
        _give(moves[each, OLD], moves[each, OLD_LINES], state, arena)


@kernel
def _undo(moves: Moves, state: State, arena: int) -> None:
    for each in range(len(moves)):
        _give(moves[each, NEW], moves[each, NEW_LINES], state, arena)
