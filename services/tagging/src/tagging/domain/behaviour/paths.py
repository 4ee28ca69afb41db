"""What persons do next after an event, or before it.

A walk begins with the person's first event that satisfies the start and lies in the period (looking back: with the
last). Its steps are the person's following (preceding) events that satisfy any of the step filters, in the order of
(event time, ingest sequence), as long as no more time lies between them and the start than the window says, exactly so
much being in. Where repeats are collapsed, a step of the type of the event just before it on the walk, the start
included, is none. A person has one walk at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from rules.evaluate.events.columns import Bools, Ints

from .tracks import Track, first_of_runs, history_of, passing

MAX_DEPTH = 10
MAX_TOP = 20
MAX_TYPES = 30
MAX_NODES = 1_000
"""Of a tree, those of others and of who ended included."""
ENDED = -1
START, STEP = 0, 1
"""The flags of the two filters."""
Walks: TypeAlias = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Walking:
    """Starts lie in [from_us, before_us); walks have `depth` steps at most, within_us from the start at most."""

    depth: int
    within_us: int
    backwards: bool
    collapse: bool
    from_us: int
    before_us: int


def walks(tracks: Sequence[Track], walking: Walking, persons: int) -> tuple[Ints, Walks]:
    """The slots of those who have a walk, ascending, and a row for each: the tracks of its steps, nearest the start
    first, ENDED where there is none. `persons`: how many slots there are."""
    history = history_of(tracks)
    owners, times, numbers, flags = history.owners, history.times, history.tracks, history.flags
    starting = passing(flags, START) & (times >= walking.from_us) & (times < walking.before_us)
    if walking.backwards:
        # A walk back is a walk on in the reversed order of events.
        owners, times, numbers = owners[::-1], -times[::-1], numbers[::-1]
        starting, flags = starting[::-1], flags[::-1]
    begun = np.flatnonzero(starting)
    begun = begun[first_of_runs(owners[begun])]
    starts = np.full(persons, len(owners), np.int64)
    starts[owners[begun]] = begun
    start = starts[owners]
    here = np.flatnonzero(np.arange(len(owners)) >= start)
    here = here[times[here] - times[start[here]] <= walking.within_us]
    opens = here == start[here]
    here, opens = _kept(here, opens | passing(flags[here], STEP), opens)
    if walking.collapse:
        same = np.zeros(len(here), np.bool_)
        same[1:] = numbers[here][1:] == numbers[here][:-1]
        here, opens = _kept(here, opens | ~same, opens)
    place = np.arange(len(here))
    rank = place - np.maximum.accumulate(np.where(opens, place, 0)) - 1
    chosen = (rank >= 0) & (rank < walking.depth)
    who = np.sort(owners[begun]).astype(np.int64)
    found = np.full((len(who), walking.depth), ENDED, np.int16)
    found[np.searchsorted(who, owners[here[chosen]]), rank[chosen]] = numbers[here[chosen]]
    return who, found


def _kept(places: Ints, kept: Bools, opens: Bools) -> tuple[Ints, Bools]:
    return places[kept], opens[kept]


class Turn(Enum):
    """What a node of a tree of walks stands for."""

    STEP = "step"
    OTHERS = "others"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Node:
    """`path`: the tracks from the start to here; of OTHERS and ENDED to the node that they follow."""

    turn: Turn
    path: tuple[int, ...]
    persons: int


def tree(found: Walks, top: int) -> list[Node]:
    """Every node before what follows it. Of each the `top` next steps of most persons (ties: the lower track), the
    others as one, and those who ended there: together as many as the node. At most MAX_NODES; nodes of fewer persons
    stay unfolded then, those nearest the start and of most persons being unfolded first."""
    nodes: dict[tuple[int, ...], list[Node]] = {}
    waiting: list[tuple[tuple[int, ...], Walks]] = [((), found)]
    count = 0
    while waiting:
        path, rows = waiting.pop(0)
        if len(path) == found.shape[1] or not len(rows):
            continue
        children = _following(path, rows[:, len(path)], top)
        if count + len(children) > MAX_NODES:
            break
        count += len(children)
        nodes[path] = children
        steps = [each for each in children if each.turn is Turn.STEP]
        waiting += [(each.path, rows[rows[:, len(path)] == each.path[-1]]) for each in steps]
        waiting.sort(key=lambda each: (len(each[0]), -len(each[1]), each[0]))
    return _unfolded(nodes, ())


def _following(path: tuple[int, ...], steps: Walks, top: int) -> list[Node]:
    tracks, counts = np.unique(steps[steps != ENDED], return_counts=True)
    ranked = sorted(zip(tracks.tolist(), counts.tolist(), strict=True), key=lambda each: (-each[1], each[0]))
    found = [Node(Turn.STEP, (*path, track), count) for track, count in ranked[:top]]
    rest = [(Turn.OTHERS, sum(count for _, count in ranked[top:])), (Turn.ENDED, int((steps == ENDED).sum()))]
    return found + [Node(turn, path, count) for turn, count in rest if count]


def _unfolded(nodes: dict[tuple[int, ...], list[Node]], path: tuple[int, ...]) -> list[Node]:
    found = []
    for each in nodes.get(path, []):
        found.append(each)
        if each.turn is Turn.STEP:
            found += _unfolded(nodes, each.path)
    return found


def along(found: Walks, path: Sequence[int], ended: bool) -> Bools:
    """Whose walk begins with this path; `ended`: and has no further step."""
    chosen = np.ones(len(found), np.bool_)
    for place, track in enumerate(path):
        chosen &= found[:, place] == track
    if ended:
        chosen &= found[:, len(path)] == ENDED
    return chosen
