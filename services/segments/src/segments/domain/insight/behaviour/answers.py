"""Counts of groups as they are told: shares beside them, and without what must not be."""

from collections.abc import Sequence
from dataclasses import dataclass

from segments.domain.insight.behaviour.withholding import (
    STARTED,
    hidden_groups,
    hidden_nodes,
    hidden_returns,
    hidden_sizes,
    hidden_steps,
)
from segments.domain.insight.withholding import Path


@dataclass(frozen=True, slots=True)
class StepCount:
    """Who reaches a step; shares of those who reach the first, and the one before (of the first: of the group).
    None: withheld, or of nobody."""

    persons: int | None
    of_first: float | None
    of_previous: float | None


@dataclass(frozen=True, slots=True)
class GroupSteps:
    """`persons` None: withheld."""

    persons: int | None
    steps: tuple[StepCount, ...]


def told_steps(persons: Sequence[int], reached: Sequence[Sequence[int]], fewest: int) -> list[GroupSteps]:
    """By group, the whole audience first, of which everybody is in another group."""
    apart = _apart(persons)
    unknown = hidden_groups(persons, fewest, apart=apart)
    hidden = hidden_steps(persons, reached, fewest, apart=apart)
    found = []
    for place, counts in enumerate(reached):
        here = None if unknown[place] else persons[place]
        told = [None if gone else count for count, gone in zip(counts, hidden[place], strict=True)]
        steps = [
            StepCount(count, _share(count, told[0]), _share(count, told[step - 1] if step else here))
            for step, count in enumerate(told)
        ]
        found.append(GroupSteps(here, tuple(steps)))
    return found


@dataclass(frozen=True, slots=True)
class ReturnCount:
    """Who comes back, and their share of the cohort. None: withheld, or of nobody."""

    persons: int | None
    share: float | None


@dataclass(frozen=True, slots=True)
class CohortCount:
    """`persons` None: withheld."""

    persons: int | None
    periods: tuple[ReturnCount, ...]


@dataclass(frozen=True, slots=True)
class GroupCohorts:
    """`persons` None: withheld."""

    persons: int | None
    cohorts: tuple[CohortCount, ...]


def told_cohorts(
    persons: Sequence[int],
    sizes: Sequence[Sequence[int]],
    returned: Sequence[Sequence[Sequence[int]]],
    begun: Sequence[int],
    fewest: int,
) -> list[GroupCohorts]:
    """By group and cohort, the periods that have begun."""
    unknown = hidden_groups(persons, fewest, apart=_apart(persons))
    groups = range(len(persons))
    cohorts: list[list[CohortCount]] = [[] for _ in groups]
    for cohort, periods in enumerate(begun):
        here = [sizes[group][cohort] for group in groups]
        apart = _apart(here)
        gone = hidden_sizes(here, unknown, fewest, apart=apart)
        told: list[list[ReturnCount]] = [[] for _ in groups]
        for period in range(periods):
            back = [returned[group][cohort][period] for group in groups]
            hidden = hidden_returns(here, back, gone, fewest, apart=apart)
            for group in groups:
                count = None if hidden[group] else back[group]
                told[group].append(ReturnCount(count, _share(count, here[group])))
        for group in groups:
            size = None if gone[group] else here[group]
            cohorts[group].append(CohortCount(size, tuple(told[group])))
    return [
        GroupCohorts(None if unknown[group] else persons[group], tuple(cohorts[group])) for group in groups
    ]


@dataclass(frozen=True, slots=True)
class NodeCount:
    """How many, and their share of the node that they follow. None: withheld."""

    persons: int | None
    share: float | None


def told_nodes(
    persons: int, started: int, nodes: Sequence[tuple[Path, int]], fewest: int
) -> tuple[int | None, list[NodeCount]]:
    """Who has a walk, and the nodes in their order; a path's last step may stand for others, or for the end."""
    hidden = hidden_nodes(persons, started, nodes, fewest)
    told: dict[Path, int | None] = {(): None if (STARTED,) in hidden else started}
    told |= {path: None if (STARTED, *path) in hidden else count for path, count in nodes}
    return told[()], [NodeCount(told[path], _share(told[path], told[path[:-1]])) for path, _ in nodes]


def _apart(persons: Sequence[int]) -> bool:
    """Whether the groups part the audience: of a tag with several values, too, when nobody has two of them."""
    return sum(persons[1:]) == persons[0]


def _share(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else part / whole
