"""Which numbers about behaviour must not be told, so that none of few persons follows from what is.

The first group of an answer is the whole audience. `apart`: the others part it, so that they add up to it; where
somebody is in several of them, each is looked at by itself. Who is told how many reach a step is told how many
stop there, too, and who is told how many come back, how many stay away: these are the cells.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from segments.domain.insight.withholding import Path, withheld

Sums: TypeAlias = npt.NDArray[np.float64]
_NOTHING = 1e-9


def hidden_groups(persons: Sequence[int], fewest: int, *, apart: bool) -> list[bool]:
    """Whether the number of persons of each group is withheld."""
    few = [0 < each < fewest for each in persons]
    if not apart or len(persons) < 2:  # the audience alone
        return [False, *few[1:]]
    paths: dict[Path, int] = {(): persons[0]}
    paths |= {(str(place),): count for place, count in enumerate(persons) if place}
    hidden = withheld(paths, fewest) if any(few[1:]) else frozenset()
    return [(str(place),) in hidden for place in range(len(persons))]


def hidden_steps(
    persons: Sequence[int], reached: Sequence[Sequence[int]], fewest: int, *, apart: bool
) -> list[list[bool]]:
    """By group and step, whether the number of those who reach it is withheld. persons: of each group."""
    if not fewest:
        return [[False] * len(each) for each in reached]
    stopped = [_stopped(count, steps) for count, steps in zip(persons, reached, strict=True)]
    unknown = hidden_groups(persons, fewest, apart=apart)
    hidden = [set(_of_line(each, fewest)) for each in stopped]
    if not apart or len(persons) < 2:
        return _hidden_in(hidden, unknown, len(reached[0]))
    for place, each in enumerate(_of_table(stopped, hidden[0], unknown, fewest), start=1):
        hidden[place] |= each
    return _without_few(stopped, _hidden_in(hidden, unknown, len(reached[0])), unknown, fewest)


def _hidden_in(hidden: Sequence[set[int]], unknown: Sequence[bool], steps: int) -> list[list[bool]]:
    return [
        [gone or not _follows(line, step) for step in range(1, steps + 1)]
        for line, gone in zip(hidden, unknown, strict=True)
    ]


def _without_few(
    stopped: Sequence[Sequence[int]], hidden: list[list[bool]], unknown: Sequence[bool], fewest: int
) -> list[list[bool]]:
    """With more groups withheld, the smallest first, as long as a few follow from all that is told."""
    groups = sorted(range(1, len(stopped)), key=lambda place: (sum(stopped[place]), place))
    for part in (4, 2, 1):
        if not _few_follow(stopped, hidden, unknown, fewest):
            break
        for place in groups[: -(-len(groups) // part)]:
            hidden[place] = [True] * len(hidden[place])
    return hidden


def _few_follow(
    stopped: Sequence[Sequence[int]],
    hidden: Sequence[Sequence[bool]],
    unknown: Sequence[bool],
    fewest: int,
) -> bool:
    """Whether all that is told determines how many of a group, or of the audience, stop at a step, where they are few:
    whether that sum lies in the span of the sums told."""
    shape = (len(stopped) - 1, len(stopped[0]))

    def sum_of(group: int, first: int, last: int) -> Sums:
        found = np.zeros(shape)
        found[slice(None) if group == 0 else group - 1, first:last] = 1
        return found.ravel()

    few = [
        sum_of(group, step, step + 1)
        for group, line in enumerate(stopped)
        for step, count in enumerate(line)
        if 0 < count < fewest
    ]
    if not few:
        return False
    told = [sum_of(group, 0, shape[1]) for group, gone in enumerate(unknown) if not gone]
    told += [
        sum_of(group, step, shape[1])
        for group, line in enumerate(hidden)
        for step, gone in enumerate(line, start=1)
        if not gone
    ]
    _, sizes, directions = np.linalg.svd(np.stack(told), full_matrices=False)
    asked = np.stack(few)
    inside = asked @ directions[sizes > _NOTHING].T
    return bool(((inside**2).sum(axis=1) > (asked**2).sum(axis=1) * (1 - _NOTHING)).any())


def _stopped(persons: int, reached: Sequence[int]) -> list[int]:
    """How many have each step, from none on, for their last."""
    so_far = [persons, *reached, 0]
    return [so_far[place] - so_far[place + 1] for place in range(len(so_far) - 1)]


def _of_line(stopped: Sequence[int], fewest: int) -> set[int]:
    """Of one group by itself."""
    paths: dict[Path, int] = {(): sum(stopped)}
    paths |= {(f"{place:02d}",): count for place, count in enumerate(stopped)}
    return {int(path[0]) for path in withheld(paths, fewest)}


def _of_table(
    stopped: Sequence[Sequence[int]], of_all: set[int], unknown: Sequence[bool], fewest: int
) -> list[set[int]]:
    """Of the groups beside each other, by group: in every row and every column whose sum is told, two cells at least
    are withheld or none, and those together are not few. of_all: the columns whose sums the audience keeps back."""
    width, groups = len(stopped[0]), range(1, len(stopped))
    hidden = {(group, step) for group in groups for step in range(width) if 0 < stopped[group][step] < fewest}
    hidden |= {(group, step) for group in groups if unknown[group] for step in range(width)}
    lines = [[(group, step) for step in range(width)] for group in groups if not unknown[group]]
    lines += [[(group, step) for group in groups] for step in range(width) if step not in of_all]
    waiting = True
    while waiting:
        waiting = False
        for line in lines:
            more = _one_more(line, hidden, stopped, fewest)
            if more is not None:
                hidden.add(more)
                waiting = True
    return [{step for group, step in hidden if group == each} for each in groups]


def _one_more(
    line: Sequence[tuple[int, int]],
    hidden: set[tuple[int, int]],
    stopped: Sequence[Sequence[int]],
    fewest: int,
) -> tuple[int, int] | None:
    """The next cell to withhold of a line; None when its sum opens none. Cells of nobody come last."""
    persons = {(group, step): stopped[group][step] for group, step in line}
    among = [count for cell, count in persons.items() if cell in hidden]
    shown = [cell for cell in line if cell not in hidden]
    if not among or not shown or (len(among) > 1 and sum(among) >= fewest):
        return None
    return min(shown, key=lambda cell: (persons[cell] == 0, persons[cell], cell))


def _follows(hidden: set[int], step: int) -> bool:
    """Whether those who reach a step are told: all that is withheld lies on one side of it."""
    later = {each for each in hidden if each >= step}
    return not later or later == hidden


def hidden_returns(
    sizes: Sequence[int], returned: Sequence[int], unknown: Sequence[bool], fewest: int, *, apart: bool
) -> list[bool]:
    """Of one cohort and period, by group: whether the number of those who come back is withheld. `unknown`: whether
    the size of the group's cohort is."""
    few = [
        gone or 0 < back < fewest or 0 < size - back < fewest
        for size, back, gone in zip(sizes, returned, unknown, strict=True)
    ]
    if not apart or len(sizes) < 2 or not fewest:
        return few
    hidden = list(few)
    if hidden[0]:
        return [True, *(gone or size > 0 for size, gone in zip(sizes[1:], hidden[1:], strict=True))]
    waiting = sorted(
        (place for place in range(1, len(sizes)) if not hidden[place] and sizes[place]),
        key=lambda place: (sizes[place], place),
    )
    while _opens([place for place in range(1, len(sizes)) if hidden[place]], sizes, returned, fewest):
        if not waiting:
            hidden[0] = True
            break
        hidden[waiting.pop(0)] = True
    return hidden


def _opens(hidden: Sequence[int], sizes: Sequence[int], returned: Sequence[int], fewest: int) -> bool:
    """Whether what these groups have together, which follows from the audience's number, tells too much."""
    if not hidden:
        return False
    back = sum(returned[place] for place in hidden)
    away = sum(sizes[place] for place in hidden) - back
    return len(hidden) < 2 or 0 < back < fewest or 0 < away < fewest


def hidden_sizes(sizes: Sequence[int], unknown: Sequence[bool], fewest: int, *, apart: bool) -> list[bool]:
    """Of one cohort, by group: whether its size is withheld. `unknown`: whether the group's persons are."""
    few = [gone or 0 < size < fewest for size, gone in zip(sizes, unknown, strict=True)]
    if not apart or len(sizes) < 2 or not fewest:
        return few
    if few[0]:
        return [True, *(gone or size > 0 for size, gone in zip(sizes[1:], few[1:], strict=True))]
    hidden = list(few)
    waiting = sorted(
        (place for place in range(1, len(sizes)) if not hidden[place] and sizes[place]),
        key=lambda place: (sizes[place], place),
    )
    while any(hidden[1:]) and _single(
        [sizes[place] for place in range(1, len(sizes)) if hidden[place]], fewest
    ):
        if not waiting:
            hidden[0] = True
            break
        hidden[waiting.pop(0)] = True
    return hidden


def _single(sizes: Sequence[int], fewest: int) -> bool:
    there = [each for each in sizes if each]
    return bool(there) and (len(there) < 2 or sum(there) < fewest)


STARTED, NOT_STARTED = "started", "not started"


def hidden_nodes(
    persons: int, started: int, nodes: Sequence[tuple[Path, int]], fewest: int
) -> frozenset[Path]:
    """Of a tree of walks: the paths that are withheld, each beginning with STARTED; (STARTED,) itself is all walks.
    persons: of the audience; nodes: by path, those that follow one adding up to it."""
    totals: dict[Path, int] = {(): persons, (STARTED,): started, (NOT_STARTED,): persons - started}
    totals |= {(STARTED, *path): count for path, count in nodes}
    return withheld(totals, fewest)
